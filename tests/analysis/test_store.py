"""Sweeps to disk: the same numbers as in memory, any worker count, and a kill -9 in the middle that leaves no trace."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from nvlinklab.analysis import sweep
from nvlinklab.analysis.store import TASK_TIME, _batches, chunks_done, open_sweep, sweep_to_zarr
from nvlinklab.errors import SpecError

POINT = {"alpha": 1e-6, "n": 1e6, "bw": 1e12, "tp": 1.0, "ep": 1.0}
AXES = {
    "n": np.geomspace(1e3, 1e9, 13),
    "layout": {"TP8": {"tp": 8.0, "ep": 1.0}, "EP64": {"tp": 1.0, "ep": 64.0}},
    "bw": np.geomspace(1e11, 1e13, 11),
}


def times(p):
    whole = p["alpha"] * p["tp"] + p["n"] / p["bw"] / p["ep"]
    return {"time": jnp.where(p["n"] > 5e8, jnp.nan, whole), "share": p["alpha"] / whole}


def digests(folder):
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(Path(folder).rglob("*")) if f.is_file()}


def test_the_store_holds_what_memory_would(tmp_path):
    stored = sweep_to_zarr(times, POINT, AXES, tmp_path / "s", chunk_points=10, workers=0)
    inside = sweep(times, POINT, AXES)
    assert dict(stored.sizes) == dict(inside.sizes) == {"n": 13, "layout": 2, "bw": 11}
    for name in ("time", "share", "feasible"):
        np.testing.assert_allclose(stored[name].values, inside[name].values, rtol=1e-15)  # blocks of another shape may round otherwise
        assert stored[name].attrs == inside[name].attrs
    assert stored["layout"].values.tolist() == inside["layout"].values.tolist() == ["TP8", "EP64"]
    np.testing.assert_array_equal(stored["bw"], inside["bw"])
    assert not stored["feasible"].values[-1].any()
    assert stored.attrs["inputs"] == inside.attrs["inputs"]
    assert '"alpha": 1e-06' in stored.attrs["inputs"]


def test_a_discrete_axis_sets_all_its_leaves():
    grid = sweep(times, POINT, AXES)
    n, bw = grid["n"].values[3], grid["bw"].values[4]
    expected = times(POINT | {"n": n, "bw": bw, "tp": 1.0, "ep": 64.0})["time"]
    assert float(grid["time"].sel(n=n, layout="EP64", bw=bw)) == pytest.approx(float(expected), rel=1e-15)


def test_workers_write_the_same_bytes_as_one_process(tmp_path):
    sweep_to_zarr(times, POINT, AXES, tmp_path / "one", chunk_points=20, workers=0)
    sweep_to_zarr(times, POINT, AXES, tmp_path / "two", chunk_points=20, workers=2)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_zarr_itself_writes_the_same_bytes(tmp_path):
    import zarr

    sweep_to_zarr(times, POINT, AXES, tmp_path / "s", chunk_points=10**6, workers=0)
    before = digests(tmp_path / "s")
    for _, array in zarr.open_group(tmp_path / "s", mode="r+").arrays():
        array[...] = array[...]
    assert digests(tmp_path / "s") == before


@pytest.mark.parametrize("seconds", [0.01, TASK_TIME, 60.0])
@pytest.mark.parametrize(("chunks", "workers"), [(0, 2), (1, 2), (7, 1), (1000, 2), (1000, 16)])
def test_tasks_hold_every_chunk_once_and_start_and_end_small(chunks, workers, seconds):
    todo, tasks = [(i,) for i in range(chunks)], []
    for task in _batches(todo, workers, lambda: seconds if len(tasks) > 2 else float("inf")):
        tasks.append(task)
    assert [chunk for task in tasks for chunk in task] == todo
    sizes = [len(task) for task in tasks]
    assert max(sizes, default=1) <= max(1, TASK_TIME / seconds)
    assert sizes[:3] == [1] * min(3, chunks) and sizes[3:] == sorted(sizes[3:], reverse=True)
    assert sizes[-workers:] == [1] * min(workers, chunks)
    if seconds == 0.01 and (chunks, workers) == (1000, 2):
        assert max(sizes) == int(TASK_TIME / seconds)


def test_a_cluster_at_an_address_writes_the_same_bytes(tmp_path):
    from dask.distributed import LocalCluster

    sweep_to_zarr(times, POINT, AXES, tmp_path / "here", chunk_points=40, workers=0)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=40) as cluster:
        sweep_to_zarr(times, POINT, AXES, tmp_path / "there", chunk_points=40, workers=cluster.scheduler_address)
    assert digests(tmp_path / "here") == digests(tmp_path / "there")


SLOW = """
import sys, time
sys.path.insert(0, {root!r})
from tests.analysis.test_store import AXES, POINT, times
from nvlinklab.analysis.store import sweep_to_zarr
sweep_to_zarr(times, POINT, AXES, {folder!r}, chunk_points=2, workers=0, progress=lambda done, total: time.sleep(0.02))
"""


def test_kill_9_in_the_middle_then_resume_gives_the_same_bytes(tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    sweep_to_zarr(times, POINT, AXES, whole, chunk_points=2, workers=0)
    script = SLOW.format(root=str(Path(__file__).parents[2]), folder=str(cut))
    running = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while running.poll() is None and time.monotonic() < deadline:
        if (cut / "feasible" / "c.2.0.0").exists():
            break
        time.sleep(0.005)
    assert running.poll() is None, "it ended before it could be killed"
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    done, total = chunks_done(cut)
    assert 0 < done < total
    computed = []
    sweep_to_zarr(times, POINT, AXES, cut, chunk_points=2, workers=0, progress=lambda d, t: computed.append((d, t)))
    assert computed[0] == (done, total)  # finished chunks are kept, not computed again
    assert computed[-1] == (total, total)
    assert digests(cut) == digests(whole)


def test_a_second_call_computes_nothing(tmp_path):
    sweep_to_zarr(times, POINT, AXES, tmp_path / "s", chunk_points=50, workers=0)
    before = digests(tmp_path / "s")
    seen = []
    sweep_to_zarr(times, POINT, AXES, tmp_path / "s", chunk_points=50, workers=0, progress=lambda d, t: seen.append((d, t)))
    assert len(seen) == 1
    assert digests(tmp_path / "s") == before


def test_another_sweep_is_not_written_over(tmp_path):
    sweep_to_zarr(times, POINT, AXES, tmp_path / "s", chunk_points=50, workers=0)
    with pytest.raises(SpecError, match="another sweep"):
        sweep_to_zarr(times, POINT | {"alpha": 2e-6}, AXES, tmp_path / "s", chunk_points=50, workers=0)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("mine")
    with pytest.raises(SpecError, match="holds no sweep"):
        sweep_to_zarr(times, POINT, AXES, tmp_path / "other", workers=0)
    with pytest.raises(SpecError, match="no sweep is stored"):
        open_sweep(tmp_path / "nothing")


def test_single_precision_on_disk(tmp_path):
    stored = sweep_to_zarr(times, POINT, AXES, tmp_path / "s", dtype="float32", workers=0)
    assert stored["time"].dtype == np.float32
    np.testing.assert_allclose(stored["time"], sweep(times, POINT, AXES)["time"], rtol=1e-6)


@pytest.mark.parametrize(
    ("axes", "options", "message"),
    [
        ({}, {}, "at least one axis"),
        ({"bw": [1e12], "x": {"a": {"bw": 1.0}}}, {}, "both set 'bw'"),
        ({"x": {"a": {"bw": 1.0}, "b": {"n": 1.0}}}, {}, "set the same"),
        ({"bw": [1e12]}, {"dtype": "float16"}, "expected 'float64' or 'float32'"),
        ({"bw": [1e12]}, {"workers": -1}, "workers=-1"),
        ({"bw": [1e12]}, {"chunk_points": 0}, "chunk_points=0"),
    ],
)
def test_wrong_sweeps_are_refused(tmp_path, axes, options, message):
    with pytest.raises(SpecError, match=message):
        sweep_to_zarr(times, POINT, axes, tmp_path / "s", **options)
