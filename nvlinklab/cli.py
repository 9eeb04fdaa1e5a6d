"""The command line. Every command imports what it needs when it runs, so that `--help` stays instant."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nvlinklab.commands import COMMANDS
from nvlinklab.errors import NvlinklabError

VERDICT_STYLES = {
    "reproduced": "green",
    "approximately": "cyan",
    "holds-if": "blue",
    "inconsistent": "yellow",
    "contradicted": "red",
    "not-checkable": "magenta",
    "pending": "dim",
}


class Group(click.Group):
    """A group that turns the package's own errors into one clear line and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; a `NvlinklabError` ends in its message, without a traceback."""
        try:
            return super().invoke(ctx)
        except NvlinklabError as exc:
            click.echo(f"nvlinklab: {exc}", err=True)
            ctx.exit(2)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="nvlinklab")
def main() -> None:
    """The NVLink claims laboratory: derive, check and stress-test every number.

    \b
    nvlinklab claims                         the whole ledger, with verdicts
    nvlinklab claims bw-800x-first-generation   one claim, opened up
    nvlinklab estimate --model deepseek-r1 --system gb200-nvl72 --ep 64 --batch 64   your deployment
    nvlinklab sensitivity --batch 64         which of your numbers matters
    nvlinklab book build                     the static book in _build/html
    """


@main.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--chapter", help="Only this chapter, for example ch05.")
@click.option("--verdict", type=click.Choice(list(VERDICT_STYLES)), help="Only claims with this verdict.")
@click.option("--source", "document", help="Only claims of this article: doc-000 to doc-004, or just 003.")
@click.option("--json", "as_json", is_flag=True, help="Print everything computed as JSON (numbers in SI).")
@click.option("--summary", is_flag=True, help="Print only the verdict counts, per article.")
@click.option("--check", is_flag=True, help="Compare with the committed results; exit 1 on any drift.")
@click.option("--write", is_flag=True, help="Rewrite the committed results, data/results/ledger.json.")
def claims(
    ids: tuple[str, ...],
    chapter: str | None,
    verdict: str | None,
    document: str | None,
    as_json: bool,
    summary: bool,
    check: bool,
    write: bool,
) -> None:
    """Evaluate claims: stated against computed, verdict, what it hangs on.

    Without arguments the whole ledger is listed. With ids each claim is opened up: alternative readings, elasticities, break-even
    values, where every input comes from.
    """
    from nvlinklab.claims import evaluate as ev
    from nvlinklab.claims.ledger import DOCUMENTS, ledger

    book = ledger()
    if document is not None:
        key = document if document.startswith("doc-") else f"doc-{document.zfill(3)}"
        if key not in DOCUMENTS:
            raise click.BadParameter(
                f"{document!r} is no article; there are: {', '.join(f'{k} ({v})' for k, v in DOCUMENTS.items())}", param_hint="--source"
            )
        document = key
    chosen = list(ids) if ids else [*(book.chapter(chapter).claims if chapter else book.claims)]
    results = _with_progress(ev.evaluate, chosen, "Evaluating claims", quiet=as_json)
    results = [r for r in results if (not verdict or r["verdict"] == verdict) and (not document or r["document"] == document)]
    if chapter and ids:
        results = [r for r in results if r["chapter"] == book.chapter(chapter).id]
    if check or write:
        _check_or_write(results if len(results) == len(book.claims) else ev.evaluate_all(), write)
    if as_json:
        click.echo(ev.to_json(results), nl=False)
    elif summary:
        _print_summary(results)
    elif ids:
        for result in results:
            _print_claim(result)
    elif not (check or write):
        _print_ledger(results)
        _print_summary(results)


def _check_or_write(results: list[dict[str, Any]], write: bool) -> None:
    import json

    from nvlinklab.claims import evaluate as ev
    from nvlinklab.claims.results import drift, read_results, results_path
    from nvlinklab.io.paths import shown

    if write:
        ev.write_results(results_path())
        click.echo(f"wrote {shown(results_path())}", err=True)
        return
    differences = drift(json.loads(ev.to_json(results)), read_results())
    for line in differences:
        click.echo(f"drift: {line}", err=True)
    if differences:
        click.echo(f"{len(differences)} differences from the committed results; if they are meant, run: nvlinklab claims --write", err=True)
        sys.exit(1)
    click.echo(f"{len(results)} claims agree with the committed results", err=True)


def _with_progress(work: Callable[[str], Any], items: list[str], label: str, quiet: bool = False) -> list[Any]:
    """Map `work` over `items` with a progress bar on a terminal's stderr."""
    if quiet or not sys.stderr.isatty() or len(items) < 10:
        return [work(item) for item in items]
    from rich.console import Console
    from rich.progress import track

    return [work(item) for item in track(items, description=label, console=Console(stderr=True), transient=True)]


def console() -> Any:
    """Return where tables go: as wide as the terminal, 150 columns in a pipe."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 150, highlight=False, soft_wrap=False)


def _styled(verdict: str) -> str:
    style = VERDICT_STYLES[verdict]
    return f"[{style}]{verdict}[/{style}]"


def _shown(test: dict[str, Any]) -> str:
    from nvlinklab import units

    if "evidence" in test:
        return test["evidence"]
    return units.with_unit(test["computed"] / units.factor(test["unit"]), test["unit"])


def _print_ledger(results: list[dict[str, Any]]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from nvlinklab import units

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (
        ("claim", "left"),
        ("stated", "left"),
        ("computed", "left"),
        ("ratio", "right"),
        ("verdict", "left"),
        ("chapter", "left"),
    ):
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for r in results:
        main_test = next((t for t in r["tests"] if t.get("ratio") == r["ratio"]), r["tests"][0] if r["tests"] else None)
        stated = main_test["stated"] if main_test else next(iter(r["stated"].values()), "")
        ratio = units.number_text(r["ratio"], 3) if r["ratio"] else ""
        computed = _shown(main_test) if main_test else ""
        table.add_row(r["id"], escape(stated), escape(computed), ratio, _styled(r["verdict"]), r["chapter"].split("-")[0])
    console().print(table)


def _print_summary(results: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from nvlinklab.claims.evaluate import counts
    from nvlinklab.claims.ledger import DOCUMENTS

    table = Table(title="Verdicts", title_justify="left", header_style="bold", box=None, pad_edge=False)
    table.add_column("article")
    for word in VERDICT_STYLES:
        table.add_column(_styled(word), justify="right")
    table.add_column("all", justify="right")
    for key, name in DOCUMENTS.items():
        mine = [r for r in results if r["document"] == key]
        if mine:
            table.add_row(f"{key} {name}", *map(str, counts(mine).values()), str(len(mine)))
    table.add_row("all", *map(str, counts(results).values()), str(len(results)), style="bold")
    console().print(table)
    pending = counts(results)["pending"]
    console().print(
        f"{len(results)} claims, {len(results) - pending} computed, {pending} pending (no function yet, never counted as checked)"
    )


def _print_claim(r: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from nvlinklab import units

    out = console()
    out.print(f"\n[bold]{r['id']}[/bold]  {_styled(r['verdict'])}  ({escape(r['why'])})")
    out.print(f"{escape(r['statement'])}  [dim]{r['document']}, {escape(r['locator'])}; {r['chapter']}[/dim]")
    if r["verdict"] == "pending":
        return

    def table(title: str, *columns: str) -> Any:
        return Table(*columns, title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")

    def amount(value: float, unit: str) -> str:
        return units.with_unit(value / units.factor(unit), unit)

    tests = table("Stated against computed", "number", "stated", "computed", "range", "ratio", "")
    for t in r["tests"]:
        span = (
            "" if "interval" not in t or t["interval"][0] == t["interval"][1] else " to ".join(amount(v, t["unit"]) for v in t["interval"])
        )
        tests.add_row(
            t["name"],
            escape(t["stated"]),
            escape(_shown(t)),
            span,
            units.number_text(t["ratio"], 4) if t.get("ratio") else "",
            t["outcome"],
        )
    for name, c in r["context"].items():
        tests.add_row(name, "", amount(c["value"], c["unit"]), "", "", "context")
    out.print(tests)
    if r["readings"]:
        readings = table("Read another way", "reading", "number", "gives", "closes")
        for a in r["readings"]:
            readings.add_row(escape(a["label"]), a["name"], amount(a["value"], a["unit"]), "yes" if a["outcome"] == "hit" else "no")
        out.print(readings)
    if r["inputs"]:
        columns = [t["name"] for t in r["tests"] if "evidence" not in t] or list(r["context"])
        inputs = table(
            "Inputs: elasticity of each number, and the value that would make the claim true",
            "input",
            "value",
            "origin",
            *columns,
            "break-even",
        )
        for path, i in r["inputs"].items():
            slopes = [f"{r['elasticities'][c][path]:+.3g}" if c in r["elasticities"] else "" for c in columns]
            answers = [by_input[path] for by_input in r["break_even"].values()]
            best = next((amount(a["value"], i["unit"]) for a in answers if a["value"] is not None), answers[0]["reason"] if answers else "")
            inputs.add_row(path, amount(i["value"], i["unit"]), f"{i['origin']}: {escape(i['ref'])}", *slopes, escape(best))
        out.print(inputs)
    if r["note"]:
        out.print(f"[dim]Note: {escape(r['note'])}[/dim]")
    if r["settles"]:
        out.print(f"[dim]What would settle it: {escape(r['settles'])}[/dim]")


@main.group()
def notebooks() -> None:
    """Run the chapters' notebooks."""


@notebooks.command("run")
@click.argument("names", nargs=-1)
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(1, 16), help="Notebooks at a time.")
@click.option("--record-times", is_flag=True, help="Also rewrite data/results/notebooks.json, the run times on the status page.")
@click.option("--json", "as_json", is_flag=True, help="Print run times as JSON.")
def notebooks_run(names: tuple[str, ...], jobs: int, record_times: bool, as_json: bool) -> None:
    """Execute notebooks from top to bottom and rewrite their stored outputs.

    A second run changes no byte. NAMES are file names or parts of them; all notebooks by default.
    """
    import json

    from nvlinklab.notebooks import find, run_all, write_times

    paths = find(names)
    timings = run_all(paths, jobs=jobs)
    if record_times:
        write_times(timings)
    if as_json:
        click.echo(json.dumps(timings, indent=1))
    else:
        for name, t in timings.items():
            click.echo(f"{name}: {t['cells']} cells, {t['seconds']:.1f} s, {'changed' if t['changed'] else 'unchanged'}")


@main.group()
def book() -> None:
    """Build, serve and publish the static book."""


@book.command("build")
@click.option("--json", "as_json", is_flag=True, help="Print where the book is, and how long it took, as JSON.")
def book_build(as_json: bool) -> None:
    """Evaluate the ledger, check it against the committed results, build the strict book in _build/html."""
    import json
    from concurrent.futures import ThreadPoolExecutor

    from nvlinklab.book import build
    from nvlinklab.claims import evaluate as ev
    from nvlinklab.claims.ledger import ledger
    from nvlinklab.io.paths import project_dir

    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(build, project_dir())  # a process of its own: it leaves this one a core
        results = _with_progress(ev.evaluate, list(ledger().claims), "Evaluating claims", quiet=as_json)
        _check_or_write(results, write=False)
        result = building.result()
    if as_json:
        click.echo(json.dumps({"html": str(result.html), "warnings": result.warnings, "seconds": round(result.seconds, 1)}))
    else:
        _print_summary(results)
        click.echo(f"{result.warnings} warnings, {result.seconds:.0f} s. The book: {result.html / 'index.html'}")


@book.command("serve")
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 takes a free one.")
@click.option("--open", "open_browser", is_flag=True, help="Open it in the browser.")
def book_serve(port: int, open_browser: bool) -> None:
    """Serve the built book on http://127.0.0.1."""
    from nvlinklab.book import serve
    from nvlinklab.io.paths import project_dir

    serve(Path(project_dir()) / "_build" / "html", port=port, open_browser=open_browser)


@book.command("publish")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
@click.option("--base", default="", metavar="URL", help="The address DIR will have; goes into the sitemap, canonical links and previews.")
@click.option("--json", "as_json", is_flag=True, help="Print what was published as JSON.")
def book_publish(folder: Path, base: str, as_json: bool) -> None:
    """Build the book afresh and write the folder a static host serves.

    The pages work under any path and without a network, and their content security policy allows nothing that did not come with them.
    DIR also gets 404.html, sitemap.xml, .nojekyll and SHA256SUMS. It is replaced as a whole, and only if `book publish` wrote all that is
    in it. Without --base the addresses in the sitemap are relative, which search engines do not accept.
    """
    import json
    import tempfile

    from nvlinklab.book import build, publish
    from nvlinklab.io.paths import project_dir

    with tempfile.TemporaryDirectory() as workplace:
        published = publish(build(project_dir(), output=Path(workplace)).html, folder, base)
    if as_json:
        click.echo(json.dumps(published._asdict() | {"folder": str(published.folder)}))
    else:
        click.echo(f"{published.pages} pages, {published.files} files, {published.size / 1e6:.1f} MB: {published.folder}")


for _command in COMMANDS:
    main.add_command(_command)

if __name__ == "__main__":
    main()
