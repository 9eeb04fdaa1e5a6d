"""`nvlinklab compare`: two systems, and who earned the difference."""

from typing import Any

import click

from nvlinklab.commands._options import degrees, layout_options, load_options, print_json
from nvlinklab.errors import NvlinklabError, SpecError


@click.command()
@click.argument("first")
@click.argument("second")
@load_options
@layout_options
@click.option("--metric", type=click.Choice(["throughput", "tpot", "ttft", "usd_per_token"]), default="throughput", show_default=True)
@click.option("--weights-second", help="Number format of the second system's weights, where it differs.")
@click.option("--batch-second", type=float, help="Requests per GPU on the second system, where it differs.")
def compare(
    first: str, second: str, model: str, isl: float, osl: float, weights: str, kv: str, settings: tuple[str, ...], as_json: bool,
    batch: float | None, ep: float | None, tp: float | None, pp: float | None, cp: float | None, dp: float | None, metric: str,
    weights_second: str | None, batch_second: float | None,
) -> None:  # fmt: skip
    """Compare one model on two systems and say which factor earned how much: Shapley shares, exactly additive in the logarithm."""
    import math

    from nvlinklab import scenario as sc
    from nvlinklab.analysis.attribution import shapley

    cuts = degrees(ep=ep, tp=tp, pp=pp, cp=cp, dp=dp)
    one = sc.build(model, first, batch, isl, osl, weights, kv, cuts, settings)
    same = batch_second or batch or float(one.scenario.batch)
    two = sc.build(model, second, same, isl, osl, weights_second or weights, kv, cuts, settings)
    for named, label in ((one, first), (two, second)):
        try:
            sc.check(named.scenario)
        except NvlinklabError as error:
            raise type(error)(f"{label}: {error}") from None
    groups = sc.changed_groups(one.scenario, two.scenario)
    values = [float(sc.metric(n.scenario, metric)) for n in (one, two)]
    if any(v != v for v in values):
        where = " and ".join(n.system for n, v in zip((one, two), values, strict=True) if v != v)
        raise SpecError(f"{metric} is not known for {where}, because a price is not; give one with --set usd_per_gpu_s='3 USD/h'")
    shares = shapley(lambda s: sc.metric(s, metric), one.scenario, groups) if groups else {}
    shares = dict(sorted(shares.items(), key=lambda item: -abs(item[1])))
    report = {
        "metric": metric, "first": {"system": first, "value": values[0]}, "second": {"system": second, "value": values[1]},
        "ratio": values[1] / values[0], "log_ratio": math.log(values[1] / values[0]), "log_shares": shares,
        "factors": {name: math.exp(share) for name, share in shares.items()}, "notes": list(dict.fromkeys((*one.notes, *two.notes))),
    }  # fmt: skip
    if as_json:
        print_json(report)
        return
    _print_comparison(report, sc.METRICS[metric])


def _print_comparison(r: dict[str, Any], meaning: tuple[str, str]) -> None:
    from rich.table import Table

    from nvlinklab import units
    from nvlinklab.cli import console

    out = console()
    unit, text = meaning

    def shown(value: float) -> str:
        if unit == "USD/token":
            return units.with_unit(value / units.factor("USD/Mtok"), "USD/Mtok")
        return units.pretty(value, unit) if unit == "s" else units.with_unit(value, unit)

    a, b = (shown(r[k]["value"]) for k in ("first", "second"))
    out.print(f"{text}: [bold]{r['first']['system']}[/bold] {a}, [bold]{r['second']['system']}[/bold] {b}: [bold]{r['ratio']:.3g}x[/bold]")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("factor", "earned", "share of the logarithm"):
        table.add_column(name, justify="left" if name == "factor" else "right")
    whole = r["log_ratio"]
    for name, share in r["log_shares"].items():
        percent = round(100 * share / whole) + 0 if abs(whole) > 1e-12 else 0
        table.add_row(name, f"{r['factors'][name]:.3g}x", f"{percent} %")
    table.add_row("together", f"{r['ratio']:.3g}x", "100 %", style="bold")
    out.print(table)
    for note in r["notes"]:
        out.print(f"[dim]{note}[/dim]")
