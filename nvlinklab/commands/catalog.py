"""`nvlinklab systems`, `models` and `init`: what there is, and files for one's own."""

import json
from pathlib import Path

import click

from nvlinklab.commands._options import clean
from nvlinklab.errors import SpecError


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
        click.echo(json.dumps(clean(rows), indent=1) if as_json else catalog.describe(name))
        return
    records = {n: catalog.load(n) for n in catalog.systems()}
    found = {n: {p: float(v) for p, v in leaves(r.spec).items()} for n, r in records.items()}
    sources = {n: sorted({s for row in r.rows.values() for s in row.source}) for n, r in records.items()}
    if as_json:
        click.echo(json.dumps(clean({n: numbers | {"sources": sources[n]} for n, numbers in found.items()}), indent=1))
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
        click.echo(json.dumps(clean(rows), indent=1) if as_json else "\n".join(lines))
        return
    found, sources = {}, {}
    for n in arch.models():
        a, rows = arch.model(n).spec, arch.model(n).rows
        sources[n] = sorted({s for row in rows.values() for s in row.source})
        shape = {p: float(v) for p, v in leaves(a).items()}
        found[n] = shape | {"params": float(arch.total_params(a)), "kv_bytes_per_token_fp8": float(arch.kv_elements_per_token(a))}
    if as_json:
        click.echo(json.dumps(clean({n: numbers | {"sources": sources[n]} for n, numbers in found.items()}), indent=1))
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
