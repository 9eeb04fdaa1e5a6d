"""`nvlinklab calibrate`: fit everything that is fitted to measured silicon, and write `data/calibration/`."""

import os

import click

from nvlinklab.commands._options import print_json

PARTS = ("serving", "operators")


@click.command()
@click.option("--only", multiple=True, help="serving, operators, or the name of an operator (nccl, gemm, moe, ...); may be repeated.")
@click.option("--no-cross-validation", is_flag=True, help="Fit only; keep the committed interval widths of the serving model.")
@click.option("--json", "as_json", is_flag=True, help="Print the fitted parameters as JSON.")
def calibrate(only: tuple[str, ...], no_cross_validation: bool, as_json: bool) -> None:
    """Fit the serving model and the operators to the measurements of the extra `silicon`, and write data/calibration/.

    Takes minutes. Everything is deterministic: the same rows give the same files.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # thousands of small matrices: threads wait for each other ten times longer
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from nvlinklab.calibration import operators
    from nvlinklab.calibration.serving.calibrate import calibrate as fit_serving
    from nvlinklab.errors import SpecError, did_you_mean

    known = (*PARTS, *operators.MODULES)
    for name in only:
        if name not in known:
            raise SpecError(f"nothing that is fitted is called {name!r}{did_you_mean(name, known)} There are: {', '.join(known)}")
    chosen = only or PARTS
    names = [op for op in operators.MODULES if op in chosen or "operators" in chosen]
    records = {}
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("reading the measurements", total=None)

        def tell(text: str) -> None:
            bar.update(task, description=text)
            if not bar.console.is_terminal:
                bar.console.print(text, highlight=False)

        if "serving" in chosen:
            records["serving"] = fit_serving(tell, cross_validate=not no_cross_validation)
        if names:
            records |= operators.calibrate(names, tell)
    if as_json:
        print_json({name: r["parameters"] for name, r in records.items()})
    else:
        _print(records)


def _print(records: dict) -> None:
    from rich.table import Table

    from nvlinklab.cli import console

    out = console()
    for name, record in records.items():
        rows = record["provenance"].get("rows_used", record["provenance"]["rows"])
        decided = record.get("effective_parameters")
        decided = sum(decided.values()) if isinstance(decided, dict) else decided
        out.print(
            f"[bold]{name}[/bold]: {len(record['parameters'])} parameters"
            + (f", {decided:.0f} decided by" if decided else " from")
            + f" {rows:,} rows"
        )
    serving = records.get("serving")
    if serving is None:
        return
    listed = Table(box=None, pad_edge=False)
    for column in ("parameter", "value", "90 %", "unit", "meaning"):
        listed.add_column(column)
    for p in serving["parameters"]:
        listed.add_row(p["name"], f"{p['value']:.3g}", f"{p['q05']:.3g} to {p['q95']:.3g}", p["unit"], p["meaning"])
    out.print(listed)
