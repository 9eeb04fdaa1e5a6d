"""`nvlinklab sweep`: every point of a grid, in memory or in a Zarr store that a killed run resumes."""

import sys
from pathlib import Path
from typing import Any

import click

from nvlinklab.commands._options import chart_option, check_chart, degrees, layout_options, load_options, print_json, write_chart
from nvlinklab.errors import SpecError

IN_MEMORY = 1 << 22
PRINTED = 10_000


@click.command()
@click.option("--system", "-s", default="gb200-nvl72", show_default=True, help="A system (nvlinklab systems) or a YAML file.")
@load_options
@layout_options
@click.option(
    "--axis", "axes", multiple=True, metavar="PATH=LOW..HIGH:N", help="An axis: scale_up.link_bw='0.1..10 TB/s:25', batch=1,8,64."
)
@click.option("--layout", "layouts", multiple=True, metavar="DEGREES", help="A point of the layout axis: ep=64, or tp=8,ep=8.")
@click.option("--metric", default="usd_per_token", show_default=True, help="What to call best and to draw: tpot, ttft, throughput, ...")
@click.option("--out", type=click.Path(path_type=Path), help="Where to keep all points: a .zarr folder (resumable) or a .csv file.")
@click.option("--workers", help="Processes for --out *.zarr (0: this one), or the address of a Dask scheduler, tcp://host:8786.")
@click.option("--single", is_flag=True, help="Keep outputs in single precision in the store.")
@chart_option
def sweep(
    system: str, model: str, isl: float, osl: float, weights: str, kv: str, settings: tuple[str, ...], as_json: bool, batch: float | None,
    ep: float | None, tp: float | None, pp: float | None, cp: float | None, dp: float | None, axes: tuple[str, ...],
    layouts: tuple[str, ...], metric: str, out: Path | None, workers: str | None, single: bool, chart: Path | None,
) -> None:  # fmt: skip
    """Evaluate the estimate on a grid of parameters and layouts.

    With --out NAME.zarr the grid may be larger than memory: it is computed chunk by chunk on this machine's cores or a Dask cluster, and
    the same command continues after an interruption. A point that memory does not allow is kept, as null with `feasible` false.

    \b
    nvlinklab sweep --axis scale_up.link_bw='0.05..5 TB/s:40' --layout ep=64 --layout ep=16 --metric tpot --chart sweep.html
    """
    from nvlinklab import scenario as sc
    from nvlinklab.commands import _questions as q

    q.known(metric)
    check_chart(chart)
    if out is not None and out.suffix not in (".zarr", ".csv"):
        raise SpecError(f"{out.name}: points are kept in a .zarr folder or a .csv file")
    named = sc.build(model, system, batch, isl, osl, weights, kv, degrees(ep=ep, tp=tp, pp=pp, cp=cp, dp=dp), settings)
    wanted: dict[str, Any] = dict(map(q.axis, axes))
    if layouts:
        wanted["layout"] = q.layout_axis(named, layouts)
    if not wanted:
        raise SpecError("nothing varies; give at least one --axis or --layout, for example --axis batch=1..512:10")
    data = _computed(named, wanted, out, workers, "float32" if single else "float64")
    report = _summary(named, data, metric)
    if out is not None:
        report["stored"] = str(out)
        if out.suffix == ".csv":
            _table(data).to_csv(out, index=False)
    if chart:
        write_chart(chart, _chart(data, metric, report))
    if as_json:
        if data["feasible"].size <= PRINTED:
            report["points"] = _table(data).to_dict("records")
        print_json(report)
    else:
        _print(report, metric)


def _computed(named: Any, axes: dict[str, Any], out: Path | None, workers: str | None, dtype: str) -> Any:
    import math

    from nvlinklab import analysis
    from nvlinklab.analysis.store import sweep_to_zarr
    from nvlinklab.commands import _questions as q

    units = {name: unit for name, (unit, _) in q.OUTPUTS.items()} | {path: q.unit_of(path) for path in axes if path != "layout"}
    about = {"model": named.model, "system": named.system, "data_sha256": _data_hash()}
    if out is not None and out.suffix == ".zarr":
        how = int(workers) if workers is not None and workers.lstrip("-").isdigit() else workers
        with _Bar(quiet=not sys.stderr.isatty()) as bar:
            return sweep_to_zarr(
                q.feasible_outputs, named.scenario, axes, out, units, attrs=about, dtype=dtype, workers=how, progress=bar.update
            )  # fmt: skip
    size = math.prod(len(values) for values in axes.values())
    if size > IN_MEMORY:
        raise SpecError(f"{size:,} points are too many for memory (at most {IN_MEMORY:,}); keep them with --out NAME.zarr")
    return analysis.sweep(q.feasible_outputs, named.scenario, axes, units, attrs=about)


def _data_hash() -> str:
    """Return one hash over the tables the scenario comes from, claims and results left out."""
    import hashlib

    from nvlinklab.io.paths import data_dir

    whole = hashlib.sha256()
    for part in ("hardware", "measurements", "models", "networks", "prices"):
        for file in sorted((data_dir() / part).rglob("*.csv")):
            whole.update(file.name.encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()


class _Bar:
    """A progress bar on a terminal's stderr."""

    def __init__(self, quiet: bool) -> None:
        self.bar, self.task = None, None
        if not quiet:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            self.bar = Progress(*columns, console=Console(stderr=True), transient=True)

    def __enter__(self) -> "_Bar":
        if self.bar is not None:
            self.bar.start()
            self.task = self.bar.add_task("Sweeping, chunks")
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def update(self, done: int, total: int) -> None:
        if self.bar is not None and self.task is not None:
            self.bar.update(self.task, completed=done, total=total)


def _table(data: Any) -> Any:
    """Return all points as a table, axes by short name."""
    from nvlinklab import scenario as sc

    frame = data.to_dataframe(dim_order=list(data.dims)).reset_index()
    return frame.rename(columns={name: sc.short(str(name)) for name in data.dims})


def _summary(named: Any, data: Any, metric: str) -> dict[str, Any]:
    from nvlinklab import scenario as sc
    from nvlinklab.quantities import quantity

    high = metric in ("interactivity", "throughput") or (
        metric not in ("memory_share", "usd_per_token") and quantity(metric).better == "higher"
    )
    feasible = int(data["feasible"].sum())
    report: dict[str, Any] = {
        "model": named.model, "system": named.system, "axes": {sc.short(str(n)): int(data.sizes[n]) for n in data.dims},
        "size": int(data["feasible"].size), "feasible": feasible, "metric": metric,
    }  # fmt: skip
    values = data[metric]
    if feasible and bool(values.notnull().any()):
        where = (values.argmax(...) if high else values.argmin(...)) if values.chunks is None else _lazy_best(values, high)
        point = data.isel({n: int(i) for n, i in where.items()})
        report["best"] = {sc.short(str(n)): point[n].item() for n in data.dims} | {
            n: float(point[n]) for n in data.data_vars if n != "feasible"
        }
    return report | {"notes": list(named.notes)}


def _lazy_best(values: Any, high: bool) -> dict[Any, Any]:
    """Return the best point of a stored grid, slab by slab along the first dimension, so that it never is in memory whole."""
    import numpy as np

    first, best, where = values.dims[0], np.inf, {}
    step = values.chunks[0][0]
    for begin in range(0, values.sizes[first], step):
        slab = np.asarray(values.isel({first: slice(begin, begin + step)}).values, dtype=float)
        slab = np.where(np.isfinite(slab), -slab if high else slab, np.inf)
        i = int(slab.argmin())
        if slab.flat[i] < best:
            index = np.unravel_index(i, slab.shape)
            best, where = float(slab.flat[i]), dict(zip(values.dims, (index[0] + begin, *index[1:]), strict=True))
    return where


def _chart(data: Any, metric: str, report: dict[str, Any]) -> Any:
    from nvlinklab import plotting
    from nvlinklab import scenario as sc
    from nvlinklab.commands import _questions as q

    numeric = [n for n in data.dims if data[n].dtype.kind == "f"]
    if not numeric:
        raise SpecError("a chart needs an axis of numbers; give one with --axis")
    x, others = numeric[0], [n for n in data.dims if n != numeric[0]]
    lines = others[0] if others else None
    rest = {n: report["best"][sc.short(str(n))] for n in others[1:] if "best" in report}
    frame = _table(data.sel(rest) if rest else data).dropna(subset=[metric])
    if frame.empty:
        raise SpecError("nothing to draw: no point of the grid is feasible")
    if lines is not None:
        frame["line"] = [f"{sc.short(str(lines))} {v:.4g}" if isinstance(v, float) else str(v) for v in frame[sc.short(str(lines))]]
    low, high = frame[metric].min(), frame[metric].max()
    name = sc.short(str(x))
    return plotting.lines(
        frame.rename(columns={name: "x", metric: "y"})[["x", "y", *(["line"] if lines is not None else [])]], x="x", y="y",
        color="line" if lines is not None else None, log_x=float(frame[name].min()) > 0.0, log_y=True,
        title=f"{q.OUTPUTS[metric][1]}: {q.shown(metric, low)} to {q.shown(metric, high)}",
        subtitle=f"{report['model']} on {report['system']}; uncalibrated model", x_title=f"{name} ({q.unit_of(name)})",
        y_title=f"{q.OUTPUTS[metric][1]} ({q.OUTPUTS[metric][0]})",
    )  # fmt: skip


def _print(r: dict[str, Any], metric: str) -> None:
    from nvlinklab.cli import console
    from nvlinklab.commands import _questions as q

    out = console()
    grid = " x ".join(f"{n} {name}" for name, n in r["axes"].items())
    out.print(f"[bold]{r['model']}[/bold] on [bold]{r['system']}[/bold]: {grid} = {r['size']:,} points, {r['feasible']:,} feasible")
    if "best" in r:
        at = ", ".join(f"{n} {v if isinstance(v, str) else q.shown(n, v)}" for n, v in r["best"].items() if n in r["axes"])
        out.print(f"best {metric}: [bold]{q.shown(metric, r['best'][metric])}[/bold] at {at}")
        out.print("there: " + ", ".join(f"{n} {q.shown(n, r['best'][n])}" for n in q.OUTPUTS if n != metric))
    else:
        out.print("no point is feasible; a smaller batch or a wider layout may be")
    if "stored" in r:
        out.print(f"all points: {r['stored']}")
    for note in r["notes"]:
        out.print(f"[dim]{note}[/dim]")
