"""`nvlinklab frontier`: the layouts and batches that no other beats."""

from pathlib import Path
from typing import Any

import click

from nvlinklab.commands._options import chart_option, check_chart, load_options, print_json, write_chart
from nvlinklab.errors import InfeasibleError


@click.command()
@click.option("--system", "-s", default="gb200-nvl72", show_default=True, help="A system or a YAML file.")
@load_options
@click.option("--gpus", default=None, type=click.IntRange(1), help="GPUs of a deployment; by default 8, 16, 32, 64 and the domain.")
@click.option("--ttft", "ttft_limit", help="Longest time to first token, e.g. '2 s'.")
@click.option("--tpot", "tpot_limit", help="Longest time per output token, e.g. '20 ms'.")
@chart_option
def frontier(
    system: str, model: str, isl: float, osl: float, weights: str, kv: str, settings: tuple[str, ...], as_json: bool, gpus: int | None,
    ttft_limit: str | None, tpot_limit: str | None, chart: Path | None,
) -> None:  # fmt: skip
    """List the layouts and batches that no other beats in throughput and interactivity."""
    import numpy as np

    from nvlinklab import scenario as sc
    from nvlinklab import units
    from nvlinklab.serving import layouts as cuts
    from nvlinklab.serving.frontier import frontier as points

    check_chart(chart)
    named = sc.build(model, system, 1.0, isl, osl, weights, kv, None, settings)
    s = named.scenario
    sizes = [gpus] if gpus else sorted({8, 16, 32, 64, int(float(s.deployment.system.domain))})
    choices = [c for n in sizes for c in cuts.candidates(s.model, s.deployment, n, spill="scale_out", pp=False)]
    if not choices:
        raise InfeasibleError(
            f"no layout of {', '.join(map(str, sizes))} GPUs holds {named.model} in {weights}; try --gpus with more, or --weights"
        )
    limits = {k: units.parse(v, "s") for k, v in (("ttft_limit", ttft_limit), ("tpot_limit", tpot_limit)) if v}
    options = {"hit_rate": float(s.hit_rate), "pue": float(s.pue), "usd_per_gpu_s": float(s.usd_per_gpu_s)}
    found = points(s.model, s.deployment, choices, np.geomspace(0.25, 1024, 49), float(s.isl), float(s.osl), **limits, **options)
    table = found[["interactivity", "throughput", "ttft", "tpot", "usd_per_token", "pareto"]].to_dataframe().reset_index()
    best = table[table["pareto"]].sort_values("interactivity", ascending=False)
    if best.empty:
        raise InfeasibleError(
            f"no layout meets the limits: of {len(table)} points none has {' and '.join(limits) or 'enough memory'}; relax them"
        )
    rows = [
        {
            "layout": row["layout"], "batch": row["batch"], "interactivity": row["interactivity"], "throughput_per_gpu": row["throughput"],
            "ttft_s": row["ttft"], "tpot_s": row["tpot"], "usd_per_mtok": row["usd_per_token"] * 1e6,
        }
        for row in best.to_dict("records")
    ]  # fmt: skip
    if chart:
        _write(chart, best, named)
    if as_json:
        print_json({"model": named.model, "system": named.system, "points": rows, "notes": list(named.notes)})
        return
    _print_frontier(rows, named)


def _print_frontier(rows: list[dict[str, Any]], named: Any) -> None:
    from rich.table import Table

    from nvlinklab import units
    from nvlinklab.cli import console

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("tok/s/user", "tok/s/GPU", "TTFT", "TPOT", "USD/Mtok", "layout", "batch per GPU"):
        table.add_column(name, justify="left" if name == "layout" else "right")
    for row in rows:
        cost = "n/a" if row["usd_per_mtok"] != row["usd_per_mtok"] else units.number_text(row["usd_per_mtok"], 3)
        rates = units.number_text(row["interactivity"], 3), units.number_text(row["throughput_per_gpu"], 4)
        times = units.pretty(row["ttft_s"], "s", 3), units.pretty(row["tpot_s"], "s", 3)
        table.add_row(*rates, *times, cost, row["layout"], units.number_text(row["batch"], 3))
    out = console()
    out.print(f"[bold]{named.model}[/bold] on [bold]{named.system}[/bold]: {len(rows)} points that nothing beats")
    out.print(table)
    for note in named.notes:
        out.print(f"[dim]{note}[/dim]")


def _write(path: Path, best: Any, named: Any) -> None:
    from nvlinklab import plotting

    chart = plotting.lines(
        best, x="interactivity", y="throughput", log_y=True, x_title="Interactivity (output tokens per second and user)",
        y_title="Throughput (output tokens per second and GPU)", title=f"{named.model} on {named.system}: what an operator can choose",
        subtitle="Pareto points over layouts and batches; uncalibrated model",
    )  # fmt: skip
    write_chart(path, chart)
