"""What the model's commands share: options, JSON, and charts by the suffix of a file."""

import json
from pathlib import Path
from typing import Any

import click

from nvlinklab.errors import SpecError

CHARTS = (".html", ".svg", ".png", ".json")


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


def chart_option(command: Any) -> Any:
    """Add `--chart FILE`."""
    kind = click.Path(dir_okay=False, path_type=Path)
    return click.option("--chart", type=kind, help="Also write a chart: .html, .svg, .png or .json.")(command)


def degrees(**given: float | None) -> dict[str, float]:
    """Return the parallel degrees a person gave."""
    return {name: value for name, value in given.items() if value is not None}


def clean(item: Any) -> Any:
    """Return numbers as JSON takes them: 12 digits, null for what does not exist."""
    if isinstance(item, dict):
        return {k: clean(v) for k, v in item.items()}
    if isinstance(item, list | tuple):
        return [clean(v) for v in item]
    if isinstance(item, float):
        return None if item != item or item in (float("inf"), float("-inf")) else float(f"{item:.12g}")
    return item


def print_json(report: Any) -> None:
    """Print a report as JSON."""
    click.echo(json.dumps(clean(report), indent=1))


def check_chart(path: Path | None) -> None:
    """Refuse a chart's name before anything is computed.

    Raises:
        SpecError: a suffix that is no chart, a folder that does not exist.
    """
    if path is not None and path.suffix not in CHARTS:
        raise SpecError(f"{path.name}: charts are written as {', '.join(CHARTS)}")
    if path is not None and not path.parent.is_dir():
        raise SpecError(f"{path}: there is no folder {path.parent}; create it first")


def write_chart(path: Path, chart: Any) -> None:
    """Write a chart in the format of the file's suffix; it appears whole or not at all.

    Raises:
        SpecError: a suffix that is no chart, or the drawing library is not installed.
    """
    check_chart(path)
    temporary = path.with_name(f".{path.stem}.part{path.suffix}")
    try:
        chart.save(str(temporary), inline=True) if path.suffix == ".html" else chart.save(str(temporary))
        temporary.replace(path)
    except ImportError as exc:
        raise SpecError(f"writing {path.suffix} needs vl-convert-python: pip install 'nvlinklab[book]', or write .json") from exc
    finally:
        temporary.unlink(missing_ok=True)
