"""`nvlinklab bench`: every speed this project promises, from one run."""

import json
from pathlib import Path

import click


@click.command()
@click.option("--full", is_flag=True, help="Sweeps up to 10^9 points and more repetitions (about ten minutes); otherwise a quick run.")
@click.option("--book", is_flag=True, help="Also build the book.")
@click.option("--pages", is_flag=True, help="Measure the built pages in a browser instead, and with Lighthouse where it is installed.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--write", is_flag=True, help="Also rewrite the committed table: results.md and .json in benchmarks/, or pages.md and .json.")
@click.option("--folder", type=click.Path(file_okay=False, exists=True, path_type=Path), help="Where sweeps are stored meanwhile (5 GB).")
def bench(full: bool, book: bool, pages: bool, as_json: bool, write: bool, folder: Path | None) -> None:
    """Measure every speed this project promises, and say which promises are met.

    Configurations per second with and without gradients, the same formula as a native loop (needs numba: pip install 'nvlinklab[bench]'),
    sweeps to Zarr with their memory, workers, resuming, and start-up. With --pages instead: the time to the first chart on a slow network,
    weights, and the scores of Lighthouse (npm install --global lighthouse@12) for the pages that most readers open.
    Times mean something on a quiet machine only; its load is printed.
    """
    from nvlinklab.bench import pages as in_a_browser
    from nvlinklab.bench import report
    from nvlinklab.io.paths import project_dir

    def say(text: str) -> None:
        click.echo(f"measuring: {text}", err=True)

    if pages:
        found = in_a_browser.run(Path(project_dir()) / "_build" / "html", 5 if full else 3, say)
    else:
        found = report.run(full, folder, book, say)
    text = in_a_browser.table(found) if pages else report.table(found)
    if write:
        place = Path(project_dir()) / "benchmarks"
        name = "pages" if pages else "results"
        (place / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        (place / f"{name}.md").write_text(text, encoding="utf-8")
    click.echo(json.dumps(found, indent=1) if as_json else text, nl=as_json)
