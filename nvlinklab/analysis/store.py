"""Sweeps larger than memory: chunk by chunk into a Zarr store, on this machine's cores or any Dask cluster, resumable.

Each chunk of the store is one compiled call and one file, written under another name and moved into place, so a chunk either is there
whole or not at all. A run that is killed is continued by calling it again: finished chunks are kept, and the store comes out byte for
byte as if nothing had happened. Memory holds a few chunks at a time, whatever the grid.
"""

import hashlib
import itertools
import json
import math
import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from nvlinklab.analysis._paths import Function, Params, as_floats
from nvlinklab.analysis.grid import Axis, Grid, block_function, grid, label_attrs, output_names, provenance
from nvlinklab.errors import SpecError

if TYPE_CHECKING:
    import xarray as xr

CHUNK_VALUES = 1 << 21
"""Values of a chunk, over all its outputs: large enough that compiled code and the disk run at full speed, small enough that a few
chunks are nothing to a laptop."""

LAYOUT = "c.0.0"
"""How chunk files are named; part of a store's identity, so that a store of another layout is not continued."""

PACK: dict[str, Any] = {"cname": "lz4", "clevel": 5, "shuffle": 1}
"""How chunks are compressed: as fast as level 1 and an eighth smaller; stronger ones cost more time than the disk gives back."""

TASK_TIME = 0.5
"""How long a task of a Dask worker should take [s]: a task costs client, scheduler and worker together some 10 ms of processor time."""

LOCAL = {
    "distributed.nanny.pre-spawn-environ": {
        "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": str(1 << 25), "MALLOC_TRIM_THRESHOLD_": str(1 << 28),
        "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
    },
    "distributed.worker.profile.enabled": False, "distributed.admin.tick.interval": "200ms",
    "distributed.admin.system-monitor.interval": "5s",
}  # fmt: skip
"""How workers of this machine differ from Dask's defaults, which hand freed memory back at once, so that every chunk's arrays cost
a page fault for each 4 kB, look a hundred times a second at what a worker does, and fifty times whether its loop still turns."""

Progress = Callable[[int, int], None]


class Plan(NamedTuple):
    """All a worker needs to know: travels to it once.

    Attributes:
        fn, params, name: as given
        points: the grid
        outputs: variables, `feasible` last
        chunk: points of a chunk along each dimension
        folder: of the store
        dtype: of the outputs on disk
    """

    fn: Function
    params: Params
    name: str
    points: Grid
    outputs: tuple[str, ...]
    chunk: tuple[int, ...]
    folder: str
    dtype: str


def sweep_to_zarr(
    fn: Function,
    params: Params,
    axes: Mapping[str, Axis],
    folder: str | Path,
    units: Mapping[str, str] | None = None,
    name: str = "value",
    attrs: Mapping[str, str] | None = None,
    dtype: str = "float64",
    chunk_points: int | None = None,
    workers: int | str | None = None,
    progress: Progress | None = None,
) -> "xr.Dataset":
    """Evaluate `fn` on the full grid of `axes` into a Zarr store; continue it where an earlier run ended.

    Args:
        fn: returns a scalar or a dict of scalars
        params, axes, units, name, attrs: as for `sweep`
        folder: of the store; a shared one where workers run on other machines
        dtype: of the outputs on disk, `float64` or `float32`; computed in 64 bits either way
        chunk_points: about how many points a chunk has; by default `CHUNK_VALUES` over the number of outputs
        workers: processes on this machine, one core each (0: none, this process computes); or the address of a Dask scheduler, such as
            `tcp://host:8786`; by default one per core, or none where the grid has few chunks
        progress: called with chunks done and chunks in all

    Returns:
        the store, opened lazily

    Raises:
        SpecError: as for `sweep`; a folder that holds another sweep or something else; an unknown dtype.
    """
    if dtype not in ("float64", "float32"):
        raise SpecError(f"dtype={dtype!r}; expected 'float64' or 'float32'")
    points, folder = grid(params, axes), Path(folder)
    values = output_names(fn, params, name)
    fair = max(1, CHUNK_VALUES // len(values))
    if chunk_points is not None and chunk_points < 1:
        raise SpecError(f"chunk_points={chunk_points}; expected a positive whole number, here by default {fair}")
    chunk = _chunk_shape(points.shape, chunk_points or fair)
    plan = Plan(fn, _plain(params), name, points, (*values, "feasible"), chunk, str(folder.resolve()), dtype)
    _prepare(plan, dict(units or {}), attrs)
    todo = [chunk for chunk in _chunks(plan) if not _finished(plan, chunk)]
    total = math.prod(_counts(plan))
    report: Progress = progress or (lambda *_: None)
    report(total - len(todo), total)
    for i, _ in enumerate(_run(plan, todo, workers)):
        report(total - len(todo) + i + 1, total)
    return open_sweep(folder)


def open_sweep(folder: str | Path) -> "xr.Dataset":
    """Return a stored sweep, lazily; discrete axes get their labels back.

    Raises:
        SpecError: nothing is stored there.
    """
    import xarray as xr

    if not (Path(folder) / "zarr.json").exists():
        raise SpecError(f"{folder}: no sweep is stored there; sweep_to_zarr() writes one")
    data = xr.open_zarr(folder, consolidated=False, chunks={})
    for axis in data.dims:
        if "labels" in data[axis].attrs:
            data = data.assign_coords({axis: np.array(json.loads(data[axis].attrs["labels"]))})
    return data


def chunks_done(folder: str | Path) -> tuple[int, int]:
    """Return how many chunks of a store are finished, and how many there are."""
    import zarr

    array: Any = zarr.open_group(folder, mode="r")["feasible"]
    counts = [-(-n // c) for n, c in zip(array.shape, array.chunks, strict=True)]
    done = sum((Path(folder) / "feasible" / _file(chunk)).exists() for chunk in itertools.product(*map(range, counts)))
    return done, math.prod(counts)


def _plain(params: Params) -> Params:
    import jax

    return jax.tree_util.tree_map(float, as_floats(params))


def _chunk_shape(shape: Sequence[int], target: int) -> tuple[int, ...]:
    """Whole inner dimensions until a chunk is full, a part of the next, single points of the outer ones."""
    chunk, room = [], target
    for n in reversed(shape):
        chunk.append(max(1, min(n, room)))
        room //= chunk[-1]
    return tuple(reversed(chunk))


def _counts(plan: Plan) -> list[int]:
    return [-(-n // c) for n, c in zip(plan.points.shape, plan.chunk, strict=True)]


def _chunks(plan: Plan) -> Iterator[tuple[int, ...]]:
    return itertools.product(*map(range, _counts(plan)))


def _file(chunk: tuple[int, ...]) -> str:
    """Name of a chunk's file: all in one folder, because Zarr's default makes a folder for each dimension of each chunk."""
    return ".".join(map(str, ("c", *chunk)))


def _finished(plan: Plan, chunk: tuple[int, ...]) -> bool:
    return all(Path(plan.folder, name, _file(chunk)).exists() for name in plan.outputs)


def _prepare(plan: Plan, units: dict[str, str], attrs: Mapping[str, str] | None) -> None:
    """Write the store's metadata and axes, or check that what is there belongs to this sweep."""
    import zarr
    from zarr.codecs import BloscCodec

    folder, said = Path(plan.folder), provenance(plan.params, plan.points, attrs)
    columns = [{path: values.tolist() for path, values in column.items()} for column in plan.points.columns]
    identity = json.dumps([LAYOUT, PACK, said, plan.points.names, columns, plan.outputs, plan.chunk, plan.dtype], sort_keys=True)
    said["sweep"] = hashlib.sha256(identity.encode()).hexdigest()
    there = zarr.open_group(folder, mode="r").attrs.asdict() if (folder / "zarr.json").exists() else {}
    if "sweep" in there:  # written last, so everything else is there
        if there["sweep"] != said["sweep"]:
            differs = [key for key in said if key != "sweep" and there.get(key) != said[key]] or ["axes, outputs, chunks or dtype"]
            raise SpecError(f"{folder} holds another sweep (different: {', '.join(differs)}); choose another folder, or delete it")
        for half in folder.rglob("*.partial"):  # what a killed run was writing
            half.unlink()
        return
    if folder.exists() and any(folder.iterdir()) and not (folder / "zarr.json").exists():
        raise SpecError(f"{folder} exists and holds no sweep; choose another folder")
    root = zarr.open_group(folder, mode="w", zarr_format=3)
    for name, column, labels in zip(plan.points.names, plan.points.columns, plan.points.labels, strict=True):
        values = np.arange(len(labels)) if labels else column[name]
        axis = root.create_array(name, shape=values.shape, dtype=values.dtype, chunks=values.shape, dimension_names=(name,))
        axis[:] = values
        axis.attrs.put({"labels": json.dumps(labels), "long_name": name} if labels else label_attrs(name, units))
    for name in plan.outputs:
        flag = name == "feasible"
        dtype = np.dtype(bool if flag else plan.dtype)
        array = root.create_array(
            name, shape=plan.points.shape, chunks=plan.chunk, dtype=dtype, dimension_names=plan.points.names,
            fill_value=False if flag else float("nan"), chunk_key_encoding={"name": "default", "separator": "."},
            compressors=[BloscCodec(typesize=dtype.itemsize, cname=PACK["cname"], clevel=PACK["clevel"], shuffle="shuffle")],
        )  # fmt: skip
        array.attrs.put({"long_name": "the design point exists"} if flag else label_attrs(name, units))
    root.attrs.put(said)


def _run(plan: Plan, todo: list[tuple[int, ...]], workers: int | str | None) -> Iterator[Any]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if workers is None:
        workers = cores if len(todo) >= 8 * cores and cores > 1 else 0
    if not todo:
        return iter(())
    if workers == 0:
        return _here(plan, todo)
    if isinstance(workers, int) and workers < 0:
        raise SpecError(f"workers={workers}; expected 0 (this process), a number of processes, or the address of a Dask scheduler")
    return _on_cluster(plan, todo, workers)


def _here(plan: Plan, todo: list[tuple[int, ...]]) -> Iterator[None]:
    """Compute in this process; one thread writes a chunk while the next is computed."""
    from concurrent.futures import ThreadPoolExecutor

    worker = _Worker(plan)
    with ThreadPoolExecutor(1) as writer:
        pending = None
        for chunk in todo:
            block = worker.compute(chunk)
            if pending is not None:
                pending.result()
                yield
            pending = writer.submit(worker.write, chunk, block)
        if pending is not None:
            pending.result()
            yield


def _on_cluster(plan: Plan, todo: list[tuple[int, ...]], workers: int | str) -> Iterator[None]:
    """Compute on the workers of a Dask scheduler: one of this machine's, started for the purpose, or one at an address."""
    import cloudpickle
    import dask.config
    from dask.distributed import Client, LocalCluster, as_completed

    cluster = None
    if isinstance(workers, int):
        with dask.config.set(LOCAL):
            cluster = LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0, silence_logs=40
            )  # fmt: skip
    try:
        with Client(cluster if cluster is not None else workers) as client:
            packed = cloudpickle.dumps(plan)
            token = hashlib.sha256(packed).hexdigest()
            sent = client.scatter(packed, broadcast=True, hash=False)
            crowd = max(1, len(client.scheduler_info(n_workers=-1)["workers"]))
            fastest = float("inf")  # seconds per chunk: unknown until a task has ended, and the first ones compile
            waiting = _batches(todo, crowd, lambda: fastest)
            one_core = cluster is not None

            def submit(batch: list[tuple[int, ...]]) -> Any:
                return client.submit(_batch_on_worker, token, sent, batch, one_core, pure=False)

            ahead = itertools.islice(waiting, 2 * crowd)  # few at a time: the scheduler stays small
            finished = as_completed([submit(batch) for batch in ahead])
            for future in finished:
                done, seconds = future.result()
                fastest = min(fastest, seconds / done)
                for batch in itertools.islice(waiting, 1):
                    finished.add(submit(batch))
                for _ in range(done):
                    yield
    finally:
        if cluster is not None:
            cluster.close()


def _batches(todo: list[tuple[int, ...]], crowd: int, pace: Callable[[], float]) -> Iterator[list[tuple[int, ...]]]:
    """Cut the chunks into tasks of about `TASK_TIME`, by the seconds per chunk that `pace` knows when a task is asked for.

    The last tasks are single chunks, so that all workers end at about the same time.
    """
    start = 0
    while start < len(todo):
        size = max(1, min(int(TASK_TIME / pace()), (len(todo) - start) // (4 * crowd)))
        yield todo[start : start + size]
        start += size


_WORKERS: dict[str, "_Worker"] = {}


def _batch_on_worker(token: str, packed: bytes, batch: list[tuple[int, ...]], one_core: bool) -> tuple[int, float]:
    """Compute and write some chunks in a worker process, and return how many and the seconds; the plan is unpacked and compiled once."""
    import pickle
    import time

    if token not in _WORKERS:
        if one_core:
            os.environ["NPROC"] = "1"  # threads of XLA, which starts below; otherwise every worker takes as many as there are cores
        _WORKERS.clear()
        _WORKERS[token] = _Worker(pickle.loads(packed))
    worker, started = _WORKERS[token], time.perf_counter()
    for chunk in batch:
        worker.write(chunk, worker.compute(chunk))
    return len(batch), time.perf_counter() - started


class _Worker:
    """A compiled block function and a writer of its results."""

    def __init__(self, plan: Plan) -> None:
        from numcodecs import Blosc, blosc

        blosc.use_threads = False  # a worker has one core; where there is no worker, the other cores compute
        self.plan, self.block, self.encode = plan, block_function(plan.fn, plan.params, plan.name, plan.dtype), Blosc(**PACK).encode

    def compute(self, chunk: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Return the outputs of one chunk; the last along a dimension repeats its end, so that one program fits all."""
        columns = []
        for column, i, size in zip(self.plan.points.columns, chunk, self.plan.chunk, strict=True):
            columns.append({path: jnp.asarray(_padded(values[i * size : (i + 1) * size], size)) for path, values in column.items()})
        return {key: np.asarray(value) for key, value in self.block(tuple(columns)).items()}

    def write(self, chunk: tuple[int, ...], block: dict[str, np.ndarray]) -> None:
        """Write one chunk, `feasible` last: one Blosc frame a file, as the arrays' metadata say.

        Zarr itself hands each file through three threads, which costs two workers on two cores a tenth of their rate.
        """
        for name in self.plan.outputs:
            values = block[name].astype(block[name].dtype.newbyteorder("<"), copy=False)
            file = Path(self.plan.folder, name, _file(chunk))
            half = file.with_name(f"{file.name}.{uuid.uuid4().hex}.partial")
            half.write_bytes(self.encode(np.ascontiguousarray(values)))
            half.replace(file)


def _padded(values: np.ndarray, size: int) -> np.ndarray:
    return values if len(values) == size else np.concatenate([values, np.repeat(values[-1:], size - len(values))])
