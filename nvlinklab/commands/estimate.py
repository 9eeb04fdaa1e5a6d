"""`nvlinklab estimate`: one deployment, and what its numbers hang on."""

from typing import Any

import click

from nvlinklab.commands._options import degrees, layout_options, load_options, print_json
from nvlinklab.commands._served import ENGINES, served

KEYS = """\b
Keys of --json (SI):
  ttft_s, tpot_s            time to first token without queueing, time per output token
  e2e_s, interactivity      a whole request; output tokens per second and user
  throughput_per_gpu        output tokens per second and GPU, prefill GPUs counted
  usd_per_mtok, power_w     null where no price or power is published
  breakdown, prefill        seconds by part of a decode step and of the prompt
  memory                    bytes by use on one GPU
  elasticities              of tpot_s, by parameter, the strongest first
  served                    what an engine would serve under this load, fitted to measurements: ttft_s, tpot_s, throughput_per_gpu with
                            their 5 % and 95 % quantiles (_q05, _q95), status (calibrated, interpolated, extrapolated, bound, unknown),
                            reason, and the nearest measured deployments
  scenario, notes           every number that went in, and what is assumed
"""


@click.command(epilog=KEYS)
@click.option("--system", "-s", default="gb200-nvl72", show_default=True, help="A system (nvlinklab systems) or a YAML file.")
@load_options
@layout_options
@click.option("--engine", type=click.Choice(ENGINES), default=ENGINES[0], show_default=True, help="Engine of the served figures.")
def estimate(
    system: str, model: str, isl: float, osl: float, weights: str, kv: str, settings: tuple[str, ...], as_json: bool, batch: float | None,
    ep: float | None, tp: float | None, pp: float | None, cp: float | None, dp: float | None, engine: str,
) -> None:  # fmt: skip
    """Estimate latency, throughput, memory, power and cost of one deployment, and say what they hang on."""
    from nvlinklab import scenario as sc

    named = sc.build(model, system, batch, isl, osl, weights, kv, degrees(ep=ep, tp=tp, pp=pp, cp=cp, dp=dp), settings)
    sc.check(named.scenario)
    report = _report(named) | {"served": served(named, weights, engine)}
    if as_json:
        print_json(report)
    else:
        _print_report(report)


def _report(named: Any) -> dict[str, Any]:
    from nvlinklab import scenario as sc
    from nvlinklab._struct import leaves

    e = sc.evaluate_once(named.scenario)
    numbers = {path: float(value) for path, value in leaves(e).items()}

    def part(name: str) -> dict[str, float]:
        return {path.removeprefix(f"{name}."): value for path, value in numbers.items() if path.startswith(f"{name}.")}

    return {
        "model": named.model, "system": named.system, "ttft_s": numbers["ttft"], "tpot_s": numbers["tpot"], "e2e_s": numbers["e2e"],
        "interactivity": numbers["interactivity"], "throughput_per_gpu": numbers["throughput_per_gpu"], "gpus": numbers["gpus"],
        "usd_per_mtok": numbers["usd_per_token"] * 1e6, "power_w": numbers["power"], "energy_per_token_j": numbers["energy_per_token"],
        "breakdown": part("decode"), "prefill": part("prefill"), "memory": part("memory"),
        "elasticities": sc.metric_elasticities(named.scenario, "tpot"),
        "scenario": {sc.short(path): float(value) for path, value in leaves(named.scenario).items()}, "notes": list(named.notes),
    }  # fmt: skip


def _print_report(r: dict[str, Any]) -> None:
    from rich.table import Table

    from nvlinklab import units
    from nvlinklab.cli import console

    out = console()
    s = r["scenario"]
    layout = " ".join(f"{name.upper()}{s[name]:g}" for name in ("tp", "pp", "cp", "ep") if s[name] > 1) or "one GPU"
    load = f"{s['batch']:g} requests per GPU, {s['isl']:g} in / {s['osl']:g} out"
    out.print(f"[bold]{r['model']}[/bold] on [bold]{r['system']}[/bold], {layout}, {load}")

    def shown(value: float | None, unit: str, digits: int = 4) -> str:
        return "n/a" if value is None or value != value else units.pretty(value, unit, digits)

    def plain(value: float, unit: str) -> str:
        return "n/a" if value != value else units.with_unit(value, unit)

    table = Table(box=None, pad_edge=False, show_header=False)
    for name, text in (
        ("TTFT, no queue", shown(r["ttft_s"], "s")),
        ("TPOT", shown(r["tpot_s"], "s")),
        ("tok/s/user", plain(r["interactivity"], "tok/s")),
        ("tok/s/GPU, prefill counted", plain(r["throughput_per_gpu"], "tok/s")),
        ("GPUs of the layout", f"{r['gpus']:g}"),
        ("power, facility", shown(r["power_w"], "W")),
        ("cost", plain(r["usd_per_mtok"], "USD/Mtok")),
    ):
        table.add_row(name, f"[bold]{text}[/bold]")
    out.print(table)
    for title, parts, unit in (
        ("Decode step", r["breakdown"], "s"),
        ("Prompt", r["prefill"], "s"),
        ("Memory of one GPU", r["memory"], "B"),
    ):
        whole = sum(parts.values())
        listed = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False)
        for name, value in sorted(parts.items(), key=lambda item: -item[1]):
            if value:
                bar = "█" * round(30 * max(value, 0.0) / whole)
                listed.add_row(name.replace("_", " "), shown(value, unit), f"{100 * value / whole:.0f} %", f"[cyan]{bar}[/cyan]")
        out.print(listed)
    _print_served(r["served"])
    given = ("batch", "isl", "osl", "query_tokens", "step_tokens")  # the load and the model are what is asked about
    strongest = [(p, e) for p, e in r["elasticities"].items() if not p.startswith("model.") and p not in given][:3]
    hangs = ", ".join(f"{p} ({e:+.2f} % per 1 %)" for p, e in strongest)
    out.print(f"TPOT hangs most on {hangs}")
    for note in r["notes"]:
        out.print(f"[dim]{note}[/dim]")


def _print_served(r: dict[str, Any]) -> None:
    from rich.table import Table

    from nvlinklab import units
    from nvlinklab.cli import console

    out = console()
    if "tpot_s" not in r:
        out.print(f"[bold]As an engine serves it[/bold]: {r['reason']}")
        return
    title = f"As {r['engine']} serves it, prefill on the same GPUs (fitted; {r['status']})"
    listed = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False)
    for label, name, unit in (("TTFT", "ttft_s", "s"), ("TPOT", "tpot_s", "s"), ("tok/s/GPU", "throughput_per_gpu", "tok/s")):
        low, high = r[f"{name}_q05"], r[f"{name}_q95"]
        texts = [units.pretty(v, unit, 3) if unit == "s" else units.with_unit(v, unit) for v in (r[name], low, high)]
        listed.add_row(label, f"[bold]{texts[0]}[/bold]", f"90 %: {texts[1]} to {texts[2]}")
    out.print(listed)
    if r["reason"]:
        out.print(f"[dim]{r['reason']}[/dim]")
    near = r["neighbours"][0]
    out.print(
        f"[dim]nearest measured: {near['family']} on {near['system']}, {near['backend']}, {near['precision']}, {near['mode']}, "
        f"{near['gpus']:g} GPUs ({near['rows']} rows)[/dim]"
    )
