"""How long the things a person waits for take: import, help, the ledger cold, one claim, the book.

    .venv/bin/python benchmarks/start.py [--json] [--repeat N] [--book]

Times on a shared machine are noisy, so each is the best of N fresh processes and is also given as a ratio to starting Python, which is
what carries over to another machine. Compile time and run time belong apart; nothing here is compiled.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time

COMMANDS = {
    "start Python": [sys.executable, "-c", "pass"],
    "import nvlinklab": [sys.executable, "-c", "import nvlinklab"],
    "nvlinklab --help": [sys.executable, "-m", "nvlinklab.cli", "--help"],
    "one claim": [sys.executable, "-m", "nvlinklab.cli", "claims", "bw-800x-first-generation"],
    "the whole ledger, checked": [sys.executable, "-m", "nvlinklab.cli", "claims", "--check"],
}
BOOK = {"the book, strict": [sys.executable, "-m", "nvlinklab.cli", "book", "build"]}


def best_of(command: list[str], repeat: int) -> float:
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--repeat", type=int, default=5, help="fresh processes per command (default 5)")
    parser.add_argument("--book", action="store_true", help="also build the book, once")
    options = parser.parse_args()
    seconds = {name: best_of(command, options.repeat) for name, command in COMMANDS.items()}
    if options.book:
        seconds |= {name: best_of(command, 1) for name, command in BOOK.items()}
    unit = seconds["start Python"]
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version(), "system": platform.system()}
    rows = {name: {"seconds": round(value, 3), "ratio": round(value / unit, 1)} for name, value in seconds.items()}
    if options.json:
        print(json.dumps({"machine": machine, "results": rows}, indent=1))
        return
    print(f"{machine['cores']} cores, {machine['machine']}, Python {machine['python']}\n")
    print("| what | s | ratio to starting Python |\n|---|---|---|")
    for name, row in rows.items():
        print(f"| {name} | {row['seconds']:.3f} | {row['ratio']:.1f} |")


if __name__ == "__main__":
    main()
