"""Sweeps end to end to a Zarr store: points per second, peak memory as the grid grows, workers, and a kill -9 in the middle.

Each sweep runs in a fresh process (`python -m nvlinklab.bench.sweeps FOLDER POINTS WORKERS`) whose memory, its workers' included, is
watched from outside.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

AXES = ("deployment.system.scale_up.bw", "deployment.system.gpu.mem_bw", "batch", "deployment.layer_time")


def cost(s: Any) -> dict[str, Any]:
    """The cost per token of the whole estimate."""
    from nvlinklab import scenario as sc

    return {"usd_per_token": sc.evaluate(s).usd_per_token}


def axes(points: int) -> dict[str, np.ndarray]:
    """Return a grid of 10^4 points or a power of ten more: link and memory bandwidth, batch, time per layer."""
    inner = {"batch": np.geomspace(1.0, 200.0, 100), "deployment.layer_time": np.linspace(1e-5, 1e-4, 100)}
    left = max(1, points // 10**4)
    memory, link = min(left, 100), max(1, left // 100)
    return {
        "deployment.system.scale_up.bw": np.geomspace(1e11, 1e13, link), "deployment.system.gpu.mem_bw": np.geomspace(2e12, 3e13, memory),
        **inner,
    }  # fmt: skip


def child(folder: str, points: int, workers: int) -> None:
    """Run one sweep in this process and print its times: seconds in all, and points per second once all are at work."""
    import resource

    from nvlinklab import scenario as sc
    from nvlinklab.analysis.store import sweep_to_zarr

    used: list[tuple[int, float]] = []

    def tick(done: int, total: int) -> None:
        if (done >= total // 2 and not used) or done == total:
            used.append((done, _processor_time()))

    started = time.perf_counter()
    scenario = sc.build("deepseek-r1", "gb200-nvl72", 64.0).scenario
    sweep_to_zarr(cost, scenario, axes(points), folder, dtype="float32", workers=workers, progress=tick)
    seconds = time.perf_counter() - started
    (half, before), (total, after) = used[0], used[-1]
    cpu = (after - before) / (total - half) * total / points * 1e9 if total > half else float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    rate = points / total * _chunks_per_s(Path(folder), bool(workers)) if total > 2 else points / seconds
    print(json.dumps({"seconds": seconds, "points_per_s": rate, "cpu_ns_per_point": cpu, "rss": peak}))


def _chunks_per_s(folder: Path, workers: bool) -> float:
    """Return the rate at which chunks were finished, by the times of their files.

    The first chunk waits for the compiler; workers start and compile one after the other, so there only the second half counts.
    """
    ends = sorted(file.stat().st_mtime for file in (folder / "feasible").glob("c.*"))
    ends = ends[len(ends) // 2 if workers else 0 :]
    return (len(ends) - 1) / (ends[-1] - ends[0])


def _processor_time() -> float:
    """Return the processor time of this process and its workers so far [s]."""
    import psutil

    whole = psutil.Process()
    return sum(sum(process.cpu_times()[:2]) for process in [whole, *whole.children(recursive=True)])


def _started(folder: Path, points: int, workers: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "nvlinklab.bench.sweeps", str(folder), str(points), str(workers)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


def run(folder: Path, points: int, workers: int) -> dict[str, Any]:
    """Return seconds, points per second, peak memory of the process and its workers together [B], and size on disk [B]."""
    shutil.rmtree(folder, ignore_errors=True)
    os.sync()  # what earlier runs left to write would be written during this one, by the kernel's threads, on these cores
    process, peak = _started(folder, points, workers), 0
    while process.poll() is None:
        peak = max(peak, _memory(process.pid))
        time.sleep(1.0 if workers else 0.2)  # looking takes some milliseconds of a core, and workers leave none free
    said = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise RuntimeError(f"the sweep of {points:,} points ended with code {process.returncode}")
    found = json.loads(said.splitlines()[-1])
    size = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
    return {
        "points": points, "workers": workers, "seconds": round(found["seconds"], 2), "points_per_s": round(found["points_per_s"]),
        "cpu_ns_per_point": round(found["cpu_ns_per_point"], 2) if found["cpu_ns_per_point"] == found["cpu_ns_per_point"] else None,
        "peak_memory": max(peak, int(found["rss"])), "stored": size,
    }  # fmt: skip


def median_run(folder: Path, points: int, workers: int, rounds: int) -> dict[str, Any]:
    """Return the run of the median rate among some: short sweeps have few chunks, and one slow moment decides them."""
    return sorted((run(folder, points, workers) for _ in range(rounds)), key=lambda r: r["points_per_s"])[rounds // 2]


def _memory(pid: int) -> int:
    import psutil

    try:
        whole = psutil.Process(pid)
        processes = [whole, *whole.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def digest(folder: Path) -> str:
    """Return one hash over every file of a store and its name."""
    whole = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            whole.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()


def killed_and_resumed(folder: Path, points: int) -> dict[str, Any]:
    """Kill a sweep with signal 9 in the middle, continue it, and compare with one that ran through, byte by byte."""
    from nvlinklab.analysis.store import chunks_done

    whole, cut = folder / "whole", folder / "cut"
    run(whole, points, 0)
    shutil.rmtree(cut, ignore_errors=True)
    process, done, total = _started(cut, points, 0), 0, 1
    while process.poll() is None:
        if (cut / "feasible" / "zarr.json").exists():
            done, total = chunks_done(cut)
            if 0 < done < total:
                os.kill(process.pid, signal.SIGKILL)
                break
        time.sleep(0.002)
    process.wait()
    if process.stdout:
        process.stdout.close()
    done, total = chunks_done(cut)
    resumed = _started(cut, points, 0)
    resumed.communicate()
    return {"points": points, "chunks_before_the_kill": done, "chunks": total, "identical": digest(whole) == digest(cut)}


if __name__ == "__main__":
    from nvlinklab.bench import sweeps

    sweeps.child(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
