"""What a person waits for: import, help, one claim, the whole ledger, the book. Each is the best of fresh processes."""

import subprocess
import sys

from nvlinklab.bench.machine import best_of

CLI = [sys.executable, "-m", "nvlinklab.cli"]
COMMANDS = {
    "start Python": [sys.executable, "-c", "pass"],
    "import nvlinklab": [sys.executable, "-c", "import nvlinklab"],
    "nvlinklab --help": [*CLI, "--help"],
    "one estimate": [*CLI, "estimate", "--batch", "64", "--json"],
    "one claim": [*CLI, "claims", "bw-800x-first-generation"],
}
LEDGER = {"the whole ledger, checked": [*CLI, "claims", "--check"]}
BOOK = {"the book, strict": [*CLI, "book", "build"]}


def measure(repeat: int = 3, ledger: bool = True, book: bool = False) -> dict[str, dict[str, float]]:
    """Return seconds, and the ratio to starting Python, which carries over to another machine."""
    once = (LEDGER if ledger else {}) | (BOOK if book else {})
    seconds = {name: best_of(lambda c=command: quiet(c), repeat) for name, command in COMMANDS.items()}
    seconds |= {name: best_of(lambda c=command: quiet(c, any_code=True), 1) for name, command in once.items()}
    unit = seconds["start Python"]
    return {name: {"seconds": round(value, 3), "ratio": round(value / unit, 1)} for name, value in seconds.items()}


def quiet(command: list[str], any_code: bool = False) -> None:
    """Run a command to its end and drop what it says."""
    subprocess.run(command, check=not any_code, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
