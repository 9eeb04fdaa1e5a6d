"""`nvlinklab sensitivity`: which numbers a result hangs on, in shares that add up."""

from pathlib import Path
from typing import Any

import click

from nvlinklab.commands._options import chart_option, check_chart, degrees, layout_options, load_options, print_json, write_chart

LOAD = ("batch", "isl", "osl", "hit_rate", "query_tokens", "step_tokens")
"""What is asked of the system: not what holds it back."""


@click.command()
@click.option("--system", "-s", default="gb200-nvl72", show_default=True, help="A system (nvlinklab systems) or a YAML file.")
@load_options
@layout_options
@click.option("--metric", default="tpot", show_default=True, help="tpot, ttft, interactivity, throughput, usd_per_token.")
@click.option(
    "--along", metavar="PATH=LOW..HIGH:N", help="Where the bottleneck hands over along a sweep: scale_up.link_bw='0.05..2 TB/s:40'."
)
@click.option("--top", default=10, show_default=True, type=click.IntRange(1), help="Parameters to list.")
@chart_option
def sensitivity(
    system: str, model: str, isl: float, osl: float, weights: str, kv: str, settings: tuple[str, ...], as_json: bool, batch: float | None,
    ep: float | None, tp: float | None, pp: float | None, cp: float | None, dp: float | None, metric: str, along: str | None, top: int,
    chart: Path | None,
) -> None:  # fmt: skip
    """Say by how many percent a result moves per percent of each parameter: the exact bottleneck breakdown.

    The elasticities obey the sum rule of units, which is checked before anything is printed. `slope` is the derivative in SI units; an
    interaction says by how much one parameter's elasticity grows per percent of another.
    """
    from nvlinklab import scenario as sc
    from nvlinklab.commands import _questions as q

    q.known(metric)
    check_chart(chart)
    named = sc.build(model, system, batch, isl, osl, weights, kv, degrees(ep=ep, tp=tp, pp=pp, cp=cp, dp=dp), settings)
    sc.check(named.scenario)
    report = _report(named, metric, top, along)
    if chart:
        write_chart(chart, _chart(report))
    print_json(report) if as_json else _print(report)


def _report(named: Any, metric: str, top: int, along: str | None) -> dict[str, Any]:
    import numpy as np

    from nvlinklab import scenario as sc
    from nvlinklab._struct import leaf_units, leaves
    from nvlinklab.analysis import bottleneck, elasticity_along, gradient, handovers, interactions
    from nvlinklab.commands import _questions as q
    from nvlinklab.errors import SpecError

    s = _known_leaves(named.scenario)
    fn = _metric(metric)
    value = float(fn(s))
    if value != value:
        raise SpecError(f"{metric} is not known for {named.system}, because a price is not; give one with --set usd_per_gpu_s='3 USD/h'")
    found = bottleneck(fn, s, leaf_units(sc.Scenario), q.OUTPUTS[metric][0])
    point, slopes = leaves(s), gradient(fn, s)
    idle = {"flop_unit", *(d for d in sc.DEGREES if float(point[sc.resolve(d)]) == 1.0)}
    listed = {p: e for p, e in found.items() if abs(e) > 1e-9 and sc.short(p) not in idle}
    rows = [{"path": sc.short(p), "value": float(point[p]), "elasticity": e, "slope": slopes[p]} for p, e in list(listed.items())[:top]]
    strongest = [p for p in listed if not p.startswith("model.") and float(point[p]) > 0.0][:5]
    pairs = interactions(fn, s, strongest)
    between = [
        {"first": sc.short(a), "second": sc.short(b), "interaction": float(pairs[i, j])}
        for i, a in enumerate(strongest) for j, b in enumerate(strongest) if i < j and abs(pairs[i, j]) > 1e-6
    ]  # fmt: skip
    report = {
        "model": named.model, "system": named.system, "metric": metric, "value": value, "elasticities": rows,
        "interactions": sorted(between, key=lambda row: -abs(row["interaction"])), "notes": list(named.notes),
    }  # fmt: skip
    if along:
        path, values = q.axis(along)
        curves = elasticity_along(fn, s, path, values)
        hardware = [p for p in curves if not p.startswith("model.") and sc.short(p) not in (*idle, *LOAD)]
        weight = {p: float(np.nanmax(np.abs(curves[p]))) for p in hardware}
        strong = sorted((p for p in hardware if weight[p] > 0.02), key=lambda p: -weight[p])[:8]
        report["along"] = {"path": sc.short(path), "values": values, "elasticities": {sc.short(p): curves[p].tolist() for p in strong}}
        report["handovers"] = [
            {"at": h.at, "before": sc.short(h.before), "after": sc.short(h.after)} for h in handovers(curves, values, strong)
        ]
    return report


def _metric(metric: str) -> Any:
    from nvlinklab.commands import _questions as q

    return lambda s: q.outputs(s)[metric]


def _known_leaves(s: Any) -> Any:
    """Return the scenario with 1 where a number is not published: none of these is used, or the result itself would be unknown."""
    from nvlinklab._struct import leaves, replace_path

    return replace_path(s, {p: 1.0 for p, v in leaves(s).items() if v != v and not p.endswith("usd_per_gpu_s")})


def _chart(r: dict[str, Any]) -> Any:
    import pandas as pd

    from nvlinklab import plotting
    from nvlinklab import scenario as sc
    from nvlinklab.commands import _questions as q
    from nvlinklab.quantities import axis_title

    what = f"{r['model']} on {r['system']}"
    if "along" not in r:
        frame = pd.DataFrame(r["elasticities"]).rename(columns={"path": "input"})
        lead = r["elasticities"][0]
        title = f"{q.OUTPUTS[r['metric']][1]} hangs most on {lead['path']}: {lead['elasticity']:+.2f} % per 1 %"
        return plotting.tornado(frame, title=title, subtitle=f"{what}; uncalibrated model")
    a = r["along"]
    rows = [
        {"x": x, "elasticity": abs(e), "input": p}
        for p, curve in a["elasticities"].items()
        for x, e in zip(a["values"], curve, strict=True)
    ]
    handed = [f"{h['before']} to {h['after']} at {q.shown(a['path'], h['at'])}" for h in r["handovers"]]
    title = (
        f"The bottleneck hands over from {'; then '.join(handed)}"
        if handed
        else f"{next(iter(a['elasticities']))} is the bottleneck throughout"
    )
    try:
        x_title = axis_title(sc.resolve(a["path"]))
    except ValueError:
        x_title = f"{a['path']} ({q.unit_of(a['path'])})"
    return plotting.lines(
        pd.DataFrame(rows), x="x", y="elasticity", color="input", log_x=a["values"][0] > 0.0, title=title,
        subtitle=f"{what}; uncalibrated model",
        x_title=x_title, y_title=f"Change of {r['metric']} per 1 % change of the input (%)",
    )  # fmt: skip


def _print(r: dict[str, Any]) -> None:
    from rich.table import Table

    from nvlinklab.cli import console
    from nvlinklab.commands import _questions as q

    out = console()
    out.print(f"[bold]{r['model']}[/bold] on [bold]{r['system']}[/bold]: {r['metric']} = [bold]{q.shown(r['metric'], r['value'])}[/bold]")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("parameter", "value", "% per 1 %", ""):
        table.add_column(name, justify="left" if name in ("parameter", "") else "right")
    largest = max(abs(row["elasticity"]) for row in r["elasticities"])
    for row in r["elasticities"]:
        bar = "█" * round(24 * abs(row["elasticity"]) / largest)
        colour = "red" if row["elasticity"] > 0 else "cyan"
        table.add_row(row["path"], q.shown(row["path"], row["value"]), f"{row['elasticity']:+.3f}", f"[{colour}]{bar}[/{colour}]")
    out.print(table)
    for row in r["interactions"][:3]:
        out.print(f"[dim]10 % more {row['first']} moves the elasticity of {row['second']} by {0.1 * row['interaction']:+.3f}[/dim]")
    for h in r.get("handovers", []):
        at = q.shown(r["along"]["path"], h["at"])
        out.print(f"along {r['along']['path']} the bottleneck hands over from {h['before']} to {h['after']} at {at}")
    if "along" in r and not r["handovers"]:
        out.print(f"along {r['along']['path']} the bottleneck never changes")
    for note in r["notes"]:
        out.print(f"[dim]{note}[/dim]")
