"""`nvlinklab validate`: predictions for a table of deployments, and their error where it has measured values."""

import json
from pathlib import Path
from typing import Any

import click

from nvlinklab.commands._options import print_json

ABOUT = """\b
ROWS.csv has one row per deployment and load:
  family system backend precision mode    dsr1 70b llama8b qwen32b qwen235b gptoss minimaxm2.5 qwen3.5 glm5 kimik2.5;
                                          h100_sxm h200_sxm b200_sxm b300_sxm gb200 gb300; sglang trtllm vllm; fp8 fp4 bf16; agg disagg
  isl osl conc gpus                       nominal tokens, requests in flight, all GPUs
  R_tp R_ep R_dpa                         layout of shared workers, or
  R_p_nw R_p_tp R_p_ep R_p_dpa R_d_*      prefill and decode pools: workers, GPUs of each, expert width, data-parallel attention
  image group max_running                 optional; max_running is a declared limit on running sequences
  silicon_ttft_ms silicon_tpot_ms         optional; where present the error is reported
"""


@click.command(epilog=ABOUT)
@click.argument("rows", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where predictions go.  [default: ROWS.predicted.csv]")
@click.option("--anchors", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Measured rows of your own to start from.")
@click.option("--json", "as_json", is_flag=True, help="Print predictions and errors as JSON instead of tables.")
def validate(rows: Path, out: Path | None, anchors: Path | None, as_json: bool) -> None:
    """Predict TTFT, TPOT and throughput, with 90 % intervals, of every deployment in ROWS.csv."""
    import pandas as pd

    from nvlinklab import validation
    from nvlinklab.errors import DataError
    from nvlinklab.validation import endtoend

    def read(path: Path) -> pd.DataFrame:
        try:
            return pd.read_csv(path)
        except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: this is no table with commas: {error}") from None

    table = read(rows)
    predictions = validation.predict(table, read(anchors) if anchors else None)
    error = endtoend.errors(table, predictions)
    target = out or rows.with_name(f"{rows.stem}.predicted.csv")
    named = predictions if "id" not in table else predictions.assign(id=table["id"])
    named.to_csv(target, index=False, float_format="%.6g", lineterminator="\n")
    if as_json:
        filled = json.loads(named.to_json(orient="records", double_precision=12))
        print_json({"predictions": filled, "errors": json.loads(error.to_json(orient="records"))})
    else:
        _print(predictions, error, target)


def _print(predictions: Any, error: Any, target: Path) -> None:
    from rich.table import Table

    from nvlinklab.cli import console

    out = console()
    counts = predictions["status"].value_counts().to_dict()
    out.print(f"{len(predictions)} rows: " + ", ".join(f"{n} {status}" for status, n in counts.items()))
    if error.empty:
        out.print("no measured values in the table, so no error can be given")
    for output, title in (("tpot_s", "TPOT"), ("ttft_s", "TTFT"), ("tput", "output tok/s per GPU")):
        part = error[error["output"] == output]
        if part.empty:
            continue
        listed = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for name, justify in (
            ("rows of", "left"),
            ("n", "right"),
            ("MAPE", "right"),
            ("median", "right"),
            ("bias", "right"),
            ("in 90 %", "right"),
            ("floor", "right"),
        ):
            listed.add_column(name, justify=justify)
        for r in part.itertuples():
            figures = [f"{100 * v:.1f} %" for v in (r.mape, r.median_ape)] + [f"{100 * r.bias:+.1f} %", f"{100 * r.coverage:.0f} %"]
            listed.add_row(r.stratum, str(r.rows), *figures, f"{100 * r.noise_floor:.0f} %")
        out.print(listed)
    unknown = predictions[predictions["status"] == "unknown"]
    for reason, n in unknown["reason"].value_counts().head(5).items():
        out.print(f"[yellow]{n} rows without prediction:[/yellow] {reason}")
    out.print(f"predictions: {target}")
