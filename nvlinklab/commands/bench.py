"""`nvlinklab bench`: every speed this project promises, from one run."""

import json
from pathlib import Path

import click


@click.command()
@click.option("--full", is_flag=True, help="Sweeps up to 10^9 points and more repetitions (about ten minutes); otherwise a quick run.")
@click.option("--book", is_flag=True, help="Also build the book.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--write", is_flag=True, help="Also rewrite the committed table, benchmarks/results.md and results.json.")
@click.option("--folder", type=click.Path(file_okay=False, exists=True, path_type=Path), help="Where sweeps are stored meanwhile (5 GB).")
def bench(full: bool, book: bool, as_json: bool, write: bool, folder: Path | None) -> None:
    """Measure every speed this project promises, and say which promises are met.

    Configurations per second with and without gradients, the same formula as a native loop (needs numba: pip install 'nvlinklab[bench]'),
    sweeps to Zarr with their memory, workers, resuming, and start-up. Times mean something on a quiet machine only; its load is printed.
    """
    from nvlinklab.bench.report import run, table

    found = run(full, folder, book, say=lambda text: click.echo(f"measuring: {text}", err=True))
    if write:
        from nvlinklab.io.paths import project_dir

        place = Path(project_dir()) / "benchmarks"
        (place / "results.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (place / "results.md").write_text(table(found), encoding="utf-8")
    click.echo(json.dumps(found, indent=1) if as_json else table(found), nl=as_json)
