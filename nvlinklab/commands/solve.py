"""`nvlinklab solve`: the numbers that reach several targets at the least cost, and what each target costs."""

from pathlib import Path
from typing import Any

import click

from nvlinklab.commands._options import chart_option, check_chart, degrees, layout_options, load_options, print_json, write_chart


@click.command()
@click.option("--system", "-s", default="gb200-nvl72", show_default=True, help="A system (nvlinklab systems) or a YAML file.")
@load_options
@layout_options
@click.option("--free", multiple=True, required=True, metavar="PATH=LOW..HIGH", help="What may change: scale_up.link_bw='0.1..10 TB/s'.")
@click.option("--minimize", "--minimise", "goal", default="usd_per_token", show_default=True, help="A metric or a free parameter.")
@click.option("--maximize", "--maximise", "best", help="Make this large instead.")
@click.option("--at-least", multiple=True, metavar="NAME=VALUE", help="A target: interactivity=50.")
@click.option("--at-most", multiple=True, metavar="NAME=VALUE", help="A target: ttft='2 s'.")
@click.option("--choice", multiple=True, metavar="PATH=A,B,C", help="Discrete values, each solved: domain=8,72,144.")
@chart_option
def solve(
    system: str, model: str, isl: float, osl: float, weights: str, kv: str, settings: tuple[str, ...], as_json: bool, batch: float | None,
    ep: float | None, tp: float | None, pp: float | None, cp: float | None, dp: float | None, free: tuple[str, ...], goal: str,
    best: str | None, at_least: tuple[str, ...], at_most: tuple[str, ...], choice: tuple[str, ...], chart: Path | None,
) -> None:  # fmt: skip
    """Find the design that meets all targets at the least cost; memory is always one of them.

    Exit code 3 where none does; the constraints that exclude each other are named. A price is the percentage by which the goal gets worse
    when a target is one percent tighter.

    \b
    nvlinklab solve --free scale_up.link_bw='0.05..10 TB/s' --free batch=1..4000 --minimize scale_up.link_bw
        --at-least interactivity=30 --at-least throughput=1200
    """
    from nvlinklab import scenario as sc
    from nvlinklab.analysis import design
    from nvlinklab.commands import _questions as q

    check_chart(chart)
    named = sc.build(model, system, batch, isl, osl, weights, kv, degrees(ep=ep, tp=tp, pp=pp, cp=cp, dp=dp), settings)
    ranges = {path: (low, high) for path, low, high in map(q.interval, free)}
    wanted = best or goal
    goal_path = sc.resolve(wanted) if wanted in sc.paths() else q.known(wanted)
    most = dict(map(q.target, at_most))
    most.setdefault("memory_share", 1.0)
    answer = design(
        q.outputs, named.scenario, ranges, goal_path, at_least=dict(map(q.target, at_least)), at_most=most,
        choices=dict(map(q.axis, choice)), maximise=best is not None,
    )  # fmt: skip
    report = {"model": named.model, "system": named.system, "goal": wanted, "maximise": best is not None, **_said(answer)}
    report |= {"alternatives": [_said(a) for a in answer.alternatives], "notes": list(named.notes)}
    if chart:
        write_chart(chart, _chart(report))
    print_json(report) if as_json else _print(report)
    if not answer.feasible:
        click.get_current_context().exit(3)


def _said(answer: Any) -> dict[str, Any]:
    from nvlinklab import scenario as sc
    from nvlinklab.commands import _questions as q

    reason = answer.reason
    for label in (*answer.binding, *answer.prices):
        reason = reason.replace(label, q.short_label(label))
    return {
        "feasible": answer.feasible, "inputs": {sc.short(p): v for p, v in answer.inputs.items()}, "objective": answer.objective,
        "outputs": {n: v for n, v in answer.outputs.items() if n in q.OUTPUTS},
        "prices": {q.short_label(label): v for label, v in answer.prices.items()},
        "binding": [q.short_label(label) for label in answer.binding], "reason": reason,
    }  # fmt: skip


def _chart(r: dict[str, Any]) -> Any:
    import pandas as pd

    from nvlinklab import plotting
    from nvlinklab.commands import _questions as q
    from nvlinklab.errors import SpecError

    if r["alternatives"]:
        met = [a for a in r["alternatives"] if a["feasible"]]
        if not met:
            raise SpecError(f"nothing to draw: {r['reason']}")
        varying = [n for n in met[0]["inputs"] if len({a["inputs"][n] for a in met}) > 1 or len(met) == 1]
        rows = [{"design": ", ".join(f"{n} {q.shown(n, a['inputs'][n])}" for n in varying), "value": a["objective"]} for a in met]
        title = f"{len(met)} of {len(r['alternatives'])} choices meet the targets; the best is {q.shown(r['goal'], r['objective'])}"
        return plotting.bars(
            pd.DataFrame(rows), x="value", y="design", log=True, title=title, x_title=f"{r['goal']} ({q.unit_of(r['goal'])})"
        )
    if not r["prices"]:
        raise SpecError(f"nothing to draw: {r['reason'] or 'no constraint binds, so none has a price'}")
    frame = pd.DataFrame([{"constraint": c, "price": p} for c, p in r["prices"].items()])
    first = frame.iloc[0]
    return plotting.bars(
        frame, x="price", y="constraint", title=f"{first.constraint} costs most: {first.price:.2f} % of {r['goal']} per percent",
        x_title=f"Change of {r['goal']} per percent tighter (%)",
    )  # fmt: skip


def _print(r: dict[str, Any]) -> None:
    from rich.table import Table

    from nvlinklab.cli import console
    from nvlinklab.commands import _questions as q

    out = console()
    out.print(f"[bold]{r['model']}[/bold] on [bold]{r['system']}[/bold]")
    if not r["feasible"]:
        out.print(f"[red]infeasible[/red]: {r['reason']}")
    word = "largest" if r["maximise"] else "least"
    out.print(f"{word if r['feasible'] else 'nearest'} {r['goal']}: [bold]{q.shown(r['goal'], r['objective'])}[/bold]")
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in {**r["inputs"], **r["outputs"]}.items():
        table.add_row(name, f"[bold]{q.shown(name, value)}[/bold]" if name in r["inputs"] else q.shown(name, value))
    out.print(table)
    if r["prices"]:
        prices = Table(
            title="What binds, and its price", title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False
        )
        for label, price in r["prices"].items():
            prices.add_row(label, f"{price:.3f} % of {r['goal']} per 1 % tighter")
        out.print(prices)
    for a in r["alternatives"]:
        made = ", ".join(f"{n} {q.shown(n, v)}" for n, v in a["inputs"].items())
        out.print(f"[dim]{made}: {q.shown(r['goal'], a['objective']) if a['feasible'] else a['reason']}[/dim]")
    for note in r["notes"]:
        out.print(f"[dim]{note}[/dim]")
