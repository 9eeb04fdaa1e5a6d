"""Commands that evaluate the model: estimate, frontier, compare, systems, models, init."""

import json
from pathlib import Path
from typing import Any

import click

from nvlinklab.errors import InfeasibleError, NvlinklabError, SpecError

KEYS = """\b
Keys of --json (SI):
  ttft_s, tpot_s            time to first token without queueing, time per output token
  e2e_s, interactivity      a whole request; output tokens per second and user
  throughput_per_gpu        output tokens per second and GPU, prefill GPUs counted
  usd_per_mtok, power_w     null where no price or power is published
  breakdown, prefill        seconds by part of a decode step and of the prompt
  memory                    bytes by use on one GPU
  elasticities              of tpot_s, by parameter, the strongest first
  scenario, notes           every number that went in, and what is assumed
"""


def load_options(command: Any) -> Any:
    """Add the options that say what is served and how."""
    for option in reversed([
        click.option("--model", "-m", default="deepseek-r1", show_default=True, help="A model (nvlinklab models) or a YAML file."),
        click.option("--isl", default=8192.0, show_default=True, help="Input tokens of a request."),
        click.option("--osl", default=1024.0, show_default=True, help="Output tokens of a request."),
        click.option("--weights", default="fp8", show_default=True, help="Number format of the weights: bf16, fp8, nvfp4, mxfp4."),
        click.option("--kv", default="fp8", show_default=True, help="Number format of the KV cache."),
        click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="Override a number: scale_up.link_bw='1.2 TB/s'."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON, numbers in SI."),
    ]):  # fmt: skip
        command = option(command)
    return command


def layout_options(command: Any) -> Any:
    """Add the parallel degrees and the batch."""
    for option in reversed([
        click.option("--batch", type=float, help="Requests in flight per GPU; by default half of what fits."),
        click.option("--ep", type=float, help="Expert-parallel ranks."),
        click.option("--tp", type=float, help="Tensor-parallel ranks."),
        click.option("--pp", type=float, help="Pipeline stages."),
        click.option("--cp", type=float, help="Context-parallel ranks."),
        click.option("--dp", type=float, help="Replicas of the attention."),
    ]):  # fmt: skip
        command = option(command)
    return command


def _degrees(**given: float | None) -> dict[str, float]:
    return {name: value for name, value in given.items() if value is not None}


def _clean(item: Any) -> Any:
    if isinstance(item, dict):
        return {k: _clean(v) for k, v in item.items()}
    if isinstance(item, float):
        return None if item != item or item in (float("inf"), float("-inf")) else float(f"{item:.12g}")
    return item


@click.command(epilog=KEYS)
@click.option("--system", "-s", default="gb200-nvl72", show_default=True, help="A system (nvlinklab systems) or a YAML file.")
@load_options
@layout_options
def estimate(
    system: str, model: str, isl: float, osl: float, weights: str, kv: str, settings: tuple[str, ...], as_json: bool, batch: float | None,
    ep: float | None, tp: float | None, pp: float | None, cp: float | None, dp: float | None,
) -> None:  # fmt: skip
    """Estimate latency, throughput, memory, power and cost of one deployment, and say what they hang on."""
    from nvlinklab import scenario as sc

    named = sc.build(model, system, batch, isl, osl, weights, kv, _degrees(ep=ep, tp=tp, pp=pp, cp=cp, dp=dp), settings)
    sc.check(named.scenario)
    report = _report(named)
    if as_json:
        click.echo(json.dumps(_clean(report), indent=1))
    else:
        _print_report(report)


def _report(named: Any) -> dict[str, Any]:
    from nvlinklab import scenario as sc
    from nvlinklab._struct import leaves

    e = sc.evaluate(named.scenario)
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
    given = ("batch", "isl", "osl", "query_tokens", "step_tokens")  # the load and the model are what is asked about
    strongest = [(p, e) for p, e in r["elasticities"].items() if not p.startswith("model.") and p not in given][:3]
    hangs = ", ".join(f"{p} ({e:+.2f} % per 1 %)" for p, e in strongest)
    out.print(f"TPOT hangs most on {hangs}")
    for note in r["notes"]:
        out.print(f"[dim]{note}[/dim]")


@click.command()
@click.option("--system", "-s", default="gb200-nvl72", show_default=True, help="A system or a YAML file.")
@load_options
@click.option("--gpus", default=None, type=click.IntRange(1), help="GPUs of a deployment; by default 8, 16, 32, 64 and the domain.")
@click.option("--ttft", "ttft_limit", help="Longest time to first token, e.g. '2 s'.")
@click.option("--tpot", "tpot_limit", help="Longest time per output token, e.g. '20 ms'.")
@click.option("--chart", type=click.Path(dir_okay=False, path_type=Path), help="Also write a chart: .html, .svg, .png or .json.")
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
        _write_chart(chart, best, named)
    if as_json:
        click.echo(json.dumps(_clean({"model": named.model, "system": named.system, "points": rows, "notes": list(named.notes)}), indent=1))
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


def _write_chart(path: Path, best: Any, named: Any) -> None:
    from nvlinklab import plotting

    kinds = (".html", ".svg", ".png", ".json")
    if path.suffix not in kinds:
        raise SpecError(f"{path.name}: charts are written as {', '.join(kinds)}")
    chart = plotting.lines(
        best, x="interactivity", y="throughput", log_y=True, x_title="Interactivity (output tokens per second and user)",
        y_title="Throughput (output tokens per second and GPU)", title=f"{named.model} on {named.system}: what an operator can choose",
        subtitle="Pareto points over layouts and batches; uncalibrated model",
    )  # fmt: skip
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        chart.save(str(temporary), inline=True) if path.suffix == ".html" else chart.save(str(temporary))
        temporary.replace(path)
    except ImportError as exc:
        raise SpecError(f"writing {path.suffix} needs vl-convert-python: pip install 'nvlinklab[book]', or write .json") from exc
    finally:
        temporary.unlink(missing_ok=True)


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

    degrees = _degrees(ep=ep, tp=tp, pp=pp, cp=cp, dp=dp)
    one = sc.build(model, first, batch, isl, osl, weights, kv, degrees, settings)
    same = batch_second or batch or float(one.scenario.batch)
    two = sc.build(model, second, same, isl, osl, weights_second or weights, kv, degrees, settings)
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
        click.echo(json.dumps(_clean(report), indent=1))
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


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, numbers in SI.")
def systems(name: str | None, as_json: bool) -> None:
    """List the systems of the catalog; with NAME every number of one, with range, kind and source."""
    from nvlinklab._struct import leaves
    from nvlinklab.hardware import catalog

    if name:
        record = catalog.load(name)
        rows = {
            p: {"value": r.value, "low": r.low, "high": r.high, "kind": r.kind, "source": list(r.source)} for p, r in record.rows.items()
        }
        click.echo(json.dumps(_clean(rows), indent=1) if as_json else catalog.describe(name))
        return
    records = {n: catalog.load(n) for n in catalog.systems()}
    found = {n: {p: float(v) for p, v in leaves(r.spec).items()} for n, r in records.items()}
    sources = {n: sorted({s for row in r.rows.values() for s in row.source}) for n, r in records.items()}
    if as_json:
        click.echo(json.dumps(_clean({n: numbers | {"sources": sources[n]} for n, numbers in found.items()}), indent=1))
        return
    columns = {
        "GPUs in the domain": ("domain", "1"), "memory": ("gpu.mem_capacity", "B"), "memory bandwidth": ("gpu.mem_bw", "B/s"),
        "scale-up": ("scale_up.bw", "B/s"), "scale-out": ("scale_out.bw", "B/s"), "FP8": ("gpu.flops_fp8", "FLOP/s"),
        "power": ("gpu.power", "W"),
    }  # fmt: skip
    _print_catalog(found, columns, sources)


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(name: str | None, as_json: bool) -> None:
    """List the models of the catalog with parameters and KV cache per token; with NAME its shape and sources."""
    from nvlinklab._struct import leaves
    from nvlinklab.workload import architecture as arch

    if name:
        record = arch.model(name.replace(".", "-"))
        rows = {p: {"value": r.value, "kind": r.kind, "source": list(r.source), "where": r.where} for p, r in record.rows.items()}
        lines = [record.id, *(f"  {p:20} {r['value']:g}  {r['kind']}, {', '.join(r['source'])}  [{r['where']}]" for p, r in rows.items())]
        click.echo(json.dumps(_clean(rows), indent=1) if as_json else "\n".join(lines))
        return
    found, sources = {}, {}
    for n in arch.models():
        a, rows = arch.model(n).spec, arch.model(n).rows
        sources[n] = sorted({s for row in rows.values() for s in row.source})
        shape = {p: float(v) for p, v in leaves(a).items()}
        found[n] = shape | {"params": float(arch.total_params(a)), "kv_bytes_per_token_fp8": float(arch.kv_elements_per_token(a))}
    if as_json:
        click.echo(json.dumps(_clean({n: numbers | {"sources": sources[n]} for n, numbers in found.items()}), indent=1))
        return
    columns = {
        "parameters": ("params", "Gparameter"), "KV per token, FP8": ("kv_bytes_per_token_fp8", "B"), "layers": ("layers", "1"),
        "experts": ("routed_experts", "1"), "top-k": ("top_k", "1"),
    }  # fmt: skip
    _print_catalog(found, columns, sources)


def _print_catalog(found: dict[str, dict[str, float]], columns: dict[str, tuple[str, str]], sources: dict[str, list[str]]) -> None:
    from rich.table import Table

    from nvlinklab import units
    from nvlinklab.cli import console

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("name")
    for name in columns:
        table.add_column(name, justify="right")
    table.add_column("sources")
    for name, numbers in found.items():
        cells = []
        for path, unit in columns.values():
            value = numbers[path]
            if value != value:
                cells.append("n/a")
            elif unit == "Gparameter":
                cells.append(units.with_unit(value / 1e9, unit).replace("Gparameter", "G"))
            else:
                cells.append(units.pretty(value, unit))
        table.add_row(name, *cells, ", ".join(sources[name]))
    console().print(table)


@click.command()
@click.argument("kind", type=click.Choice(["system", "model"]))
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def init(kind: str, file: Path, force: bool) -> None:
    """Write a commented example of your own system or model, to edit and pass to --system or --model."""
    from nvlinklab.hardware import custom as system_file
    from nvlinklab.workload import custom as model_file

    if file.suffix not in (".yml", ".yaml"):
        raise SpecError(f"{file}: name it .yml or .yaml, so that --{kind} knows it is a file")
    if file.exists() and not force:
        raise SpecError(f"{file} exists; choose another name, or --force to overwrite it")
    file.write_text(system_file.EXAMPLE if kind == "system" else model_file.EXAMPLE, encoding="utf-8")
    click.echo(f"wrote {file}; try: nvlinklab estimate --{kind} {file}")


COMMANDS = (estimate, frontier, compare, systems, models, init)
