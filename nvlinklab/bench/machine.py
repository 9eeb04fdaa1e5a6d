"""The machine a measurement was taken on, and how a time is taken."""

import os
import platform
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
