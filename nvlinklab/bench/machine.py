"""The machine a measurement was taken on, and how a time is taken."""

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any


def machine() -> dict[str, Any]:
    """Return what one must know to read a time: processor, cores this process may use, memory, versions, load before the start."""
    import jax

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    return {
        "processor": _processor(), "cores": cores, "memory_gb": round(pages / 1e9, 1), "system": platform.system(),
        "python": platform.python_version(), "jax": jax.__version__,
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }  # fmt: skip


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


SPIN = """
import time
end, n = time.perf_counter() + {seconds}, 0
while time.perf_counter() < end:
    for _ in range(10000):
        n += 1
print(n)
"""


def two_over_one(rounds: int, seconds: float = 2.0) -> dict[str, float]:
    """Return how much more two busy loops do than one, neither sharing anything: `{smallest, median, largest}` of some rounds.

    What the machine's own second core is worth, the measure of everything that runs on two.
    """
    ratios = []
    for _ in range(rounds):
        one, two = (_spun(count, seconds) for count in (1, 2))
        ratios.append(two / one)
    return {"smallest": round(min(ratios), 3), "median": round(statistics.median(ratios), 3), "largest": round(max(ratios), 3)}


def _spun(count: int, seconds: float) -> int:
    command = [sys.executable, "-c", SPIN.format(seconds=seconds)]
    loops = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    return sum(int(loop.communicate()[0]) for loop in loops)


def best_of(call: Callable[[], Any], repeat: int) -> float:
    """Return the shortest of several wall times [s]."""
    return best_times(call, repeat)[0]


def best_times(call: Callable[[], Any], repeat: int) -> tuple[float, float]:
    """Return the shortest wall time and the shortest processor time of all threads [s]; the second suffers less from other work."""
    wall, processor = [], []
    for _ in range(repeat):
        started, used = time.perf_counter(), time.process_time()
        call()
        wall.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    return min(wall), min(processor)
