"""Execute notebooks and rewrite their stored outputs so that a second run changes no byte."""

import json
import os
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from nvlinklab.errors import NvlinklabError, did_you_mean
from nvlinklab.io.paths import data_dir, project_dir

CELL_TIMEOUT_S = 300
METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}, "language_info": {"name": "python"}}
KEPT_CELL_METADATA = ("tags", "mystnb")


class NotebookError(NvlinklabError):
    """A notebook that does not exist or does not run; says which cell and why."""


def find(names: Sequence[str] = ()) -> list[Path]:
    """Return the notebooks whose file name contains one of `names`, all of them by default, in reading order.

    Raises:
        NotebookError: a name that fits none.
    """
    everything = sorted((project_dir() / "notebooks").glob("*.ipynb"))
    if not names:
        return everything
    chosen = []
    for name in names:
        wanted = Path(name).name.removesuffix(".ipynb")
        found = [p for p in everything if wanted in p.stem]
        if not found:
            stems = [p.stem for p in everything]
            raise NotebookError(f"no notebook is called {name!r}{did_you_mean(name, stems)} There are: {', '.join(stems)}")
        chosen += [p for p in found if p not in chosen]
    return chosen


def run(path: Path) -> dict[str, Any]:
    """Execute one notebook and store its outputs, in one step, so that a failure leaves the file as it was.

    Returns:
        `{"seconds", "cells", "changed"}`

    Raises:
        NotebookError: a cell raised; the message holds its number and error.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    before = path.read_bytes()
    book = nbformat.reads(before.decode("utf-8"), as_version=4)
    _reset(book)
    started = time.perf_counter()
    client = NotebookClient(
        book,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute(env={**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONHASHSEED": "0"}, stderr=subprocess.DEVNULL)
    except CellExecutionError as exc:
        cell = next((i for i, c in enumerate(book.cells) if any(o.get("output_type") == "error" for o in c.get("outputs", []))), -1)
        raise NotebookError(f"{path.name}, cell {cell + 1}: {exc.ename}: {exc.evalue}\n{exc}") from exc
    seconds = time.perf_counter() - started
    _settle(book)
    after = (json.dumps(book, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode("utf-8")
    if after != before:
        temporary = path.with_suffix(".tmp")
        temporary.write_bytes(after)
        temporary.replace(path)
    return {"seconds": seconds, "cells": sum(c.cell_type == "code" for c in book.cells), "changed": after != before}


def run_all(paths: Sequence[Path], jobs: int = 2) -> dict[str, dict[str, Any]]:
    """Execute several notebooks, some at a time, with a progress bar; `{name: result of run}` in reading order."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress, ThreadPoolExecutor(jobs) as pool:
        task = progress.add_task("Running notebooks", total=len(paths))
        futures = {path: pool.submit(run, path) for path in paths}
        for future in futures.values():
            future.add_done_callback(lambda _: progress.advance(task))
        return {f"notebooks/{path.name}": future.result() for path, future in futures.items()}


def write_times(timings: dict[str, dict[str, Any]]) -> None:
    """Record run times for the status page, merged into what other runs recorded."""
    path = data_dir() / "results" / "notebooks.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    known |= {name: {"seconds": round(t["seconds"], 1), "cells": t["cells"]} for name, t in timings.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", encoding="utf-8")


def _reset(book: Any) -> None:
    """Forget outputs, counts and whatever an editor wrote; number the cells."""
    book.metadata = METADATA
    book.nbformat, book.nbformat_minor = 4, 5
    for number, cell in enumerate(book.cells, start=1):
        cell.id = f"c{number:02d}"
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in KEPT_CELL_METADATA}
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def _settle(book: Any) -> None:
    """Keep only what the same code produces again anywhere."""
    book.metadata = METADATA
    for cell in book.cells:
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in KEPT_CELL_METADATA}
