"""`nvlinklab uncertainty`: how far a result can be trusted, whose fault its spread is, and what to measure next."""

import json
from pathlib import Path
from typing import Any

import click

from nvlinklab.commands._options import chart_option, check_chart, degrees, layout_options, load_options, print_json, write_chart
from nvlinklab.errors import SpecError


@click.command()
@click.option("--system", "-s", default="gb200-nvl72", show_default=True, help="A system (nvlinklab systems) or a YAML file.")
@load_options
@layout_options
@click.option("--metric", default="tpot", show_default=True, help="tpot, ttft, interactivity, throughput, usd_per_token.")
@click.option(
    "--range",
    "ranges",
    multiple=True,
    metavar="PATH=LOW..HIGH",
    help="A range of one's own; 90 % of its lognormal, or with a zero uniform.",
)
@click.option("--only", is_flag=True, help="Only the ranges given, not those of the achieved shares in the data.")
@click.option(
    "--posterior", type=click.Path(dir_okay=False, path_type=Path), help="JSON file with `paths`, `mean_log` and `covariance_log`."
)
@click.option("--points", default=4096, show_default=True, help="Draws, a power of two.")
@click.option("--seed", default=0, show_default=True, help="Of the draws.")
@chart_option
def uncertainty(
    system: str, model: str, isl: float, osl: float, weights: str, kv: str, settings: tuple[str, ...], as_json: bool, batch: float | None,
    ep: float | None, tp: float | None, pp: float | None, cp: float | None, dp: float | None, metric: str, ranges: tuple[str, ...],
    only: bool, posterior: Path | None, points: int, seed: int, chart: Path | None,
) -> None:  # fmt: skip
    """Carry the ranges of the inputs to a result: interval, variance by input, and what to measure next.

    By default the ranges are those of the achieved shares in `data/`. A posterior, with its correlations, replaces the inputs it names.
    """
    from nvlinklab import scenario as sc
    from nvlinklab.analysis import beliefs as known
    from nvlinklab.commands import _questions as q

    q.known(metric)
    check_chart(chart)
    named = sc.build(model, system, batch, isl, osl, weights, kv, degrees(ep=ep, tp=tp, pp=pp, cp=cp, dp=dp), settings)
    sc.check(named.scenario)
    given = {path: (low, high) for path, low, high in map(q.interval, ranges)}
    spread = ({} if only else _shares(named)) | given
    parts = []
    if posterior:
        fitted = _read(posterior)
        parts.append(fitted)
        spread = {path: ends for path, ends in spread.items() if path not in fitted.marginals}
    if spread:
        parts.append(known.ranges(spread))
    if not parts:
        raise SpecError("nothing is uncertain; give --range PATH=LOW..HIGH, or leave out --only")
    report = _report(named, metric, known.joined(*parts), points, seed)
    if chart:
        write_chart(chart, _chart(report))
    print_json(report) if as_json else _print(report)


def _shares(named: Any) -> dict[str, tuple[float, float]]:
    """Return the ranges of the achieved shares of the system's generation."""
    from nvlinklab.io.tables import value_row
    from nvlinklab.serving.presets import SHARES

    generation = "serving-hopper" if any("of hopper GPUs" in note for note in named.notes) else "serving-blackwell"
    rows = {share: value_row(f"{generation}.{share}") for share in SHARES}
    return {f"deployment.{s}": (r.low, r.high) for s, r in rows.items() if r.low is not None and r.high is not None and r.low < r.high}


def _read(path: Path) -> Any:
    from nvlinklab import scenario as sc
    from nvlinklab.analysis import beliefs as known

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        parts = found["paths"], found["mean_log"], found["covariance_log"]
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file") from None
    except (json.JSONDecodeError, KeyError, TypeError) as exc:
        raise SpecError(f"{path}: expected JSON with paths, mean_log and covariance_log; {type(exc).__name__}: {exc}") from None
    return known.posterior([sc.resolve(p) for p in parts[0]], parts[1], parts[2])


def _report(named: Any, metric: str, beliefs: Any, points: int, seed: int) -> dict[str, Any]:
    import numpy as np

    from nvlinklab import scenario as sc
    from nvlinklab.analysis import uncertainty as un
    from nvlinklab.commands import _questions as q

    def fn(s: Any) -> Any:
        return q.outputs(s)[metric]

    first = un.delta(fn, named.scenario, beliefs)
    if first.value != first.value:
        raise SpecError(f"{metric} is not known for {named.system}, because a price is not; give one with --set usd_per_gpu_s='3 USD/h'")
    sample = un.monte_carlo(fn, named.scenario, beliefs, points, seed)["value"]
    low, median, high = np.quantile(sample, [0.05, 0.5, 0.95])
    removed = un.to_measure(fn, named.scenario, beliefs, points, seed)
    indices = un.sobol(fn, named.scenario, beliefs, points, seed, log=True) if beliefs.independent else {}
    rows = [
        {
            "path": sc.short(path), "removed": share, "first_order_delta": first.removed[path],
            **({"first": indices[path].first, "first_error": indices[path].first_error, "total": indices[path].total,
                "total_error": indices[path].total_error} if indices else {}),
        }
        for path, share in removed.items()
    ]  # fmt: skip
    return {
        "model": named.model, "system": named.system, "metric": metric, "value": float(fn(named.scenario)), "median": float(median),
        "low": float(low), "high": float(high), "sd_log": float(np.log(sample).std()), "sd_log_delta": first.sd_log, "points": points,
        "inputs": rows, "correlated": not beliefs.independent, "notes": list(named.notes),
    }  # fmt: skip


def _chart(r: dict[str, Any]) -> Any:
    import pandas as pd

    from nvlinklab import plotting
    from nvlinklab.commands import _questions as q

    frame = pd.DataFrame([{"input": row["path"], "share": 100.0 * row["removed"]} for row in r["inputs"] if row["removed"] > 0.001])
    lead = frame.iloc[0]
    return plotting.bars(
        frame, x="share", y="input", title=f"Measuring {lead.input} removes {lead.share:.0f} % of the variance of {r['metric']}",
        subtitle=f"{r['model']} on {r['system']}: {q.shown(r['metric'], r['low'])} to {q.shown(r['metric'], r['high'])} in 90 %",
        x_title="Variance of the logarithm that knowing the input would remove (%)", value_format=".1f",
    )  # fmt: skip


def _print(r: dict[str, Any]) -> None:
    from rich.table import Table

    from nvlinklab.cli import console
    from nvlinklab.commands import _questions as q

    out = console()
    low, median, high = (q.shown(r["metric"], r[k]) for k in ("low", "median", "high"))
    out.print(
        f"[bold]{r['model']}[/bold] on [bold]{r['system']}[/bold]: {r['metric']} = [bold]{low} to {high}[/bold] in 90 %, median {median}"
    )
    table = Table(title="What to measure next", title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for name in ("input", "variance removed", "first order", "total"):
        table.add_column(name, justify="left" if name == "input" else "right")
    for row in r["inputs"]:
        indices = [f"{row[k]:.2f} ± {row[f'{k}_error']:.2f}" for k in ("first", "total")] if "first" in row else ["", ""]
        table.add_row(row["path"], f"{100 * row['removed']:.1f} %", *indices)
    out.print(table)
    if r["correlated"]:
        out.print("[dim]inputs are correlated: shares include what one tells of another, and do not add up to 1[/dim]")
    for note in r["notes"]:
        out.print(f"[dim]{note}[/dim]")
