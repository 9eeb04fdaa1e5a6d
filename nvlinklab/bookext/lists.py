"""Directives that list what the numbers rest on: the sources and the data tables."""

import csv
import json
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes

from nvlinklab.bookext.context import ResultDirective, data_folder
from nvlinklab.bookext.parts import address_of, link, paragraph, rich, row, simple_table, span, table
from nvlinklab.errors import DataError

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
KINDS = {
    "primary": "vendors, standards bodies, official repositories, authors",
    "primary-measurement": "the party that measured",
    "secondary": "third parties, press, copies",
    "derived": "arithmetic on other rows",
    "recalled": "general knowledge, to be replaced by a source",
    "article": "the articles examined here",
}
ABOUT = {
    "claims": "the claims, one file a chapter",
    "hardware": "accelerators, racks, switches",
    "networks": "links and collectives",
    "models": "model architectures",
    "prices": "prices and money",
    "measurements": "published measurement tables",
    "results": "what the package computed",
    "sources.yml": "who says so, where, and when",
    "corrections.yml": "values that are changed on entry, and why",
    "schema": "the form every file must have",
}


class SourcesList(ResultDirective):
    """`{sources-list}`: every entry of `data/sources.yml`, grouped by kind."""

    def show(self) -> list[nodes.Node]:
        """Return one table a kind."""
        path = data_folder(self.config) / "sources.yml"
        self.env.note_dependency(str(path))
        if not path.is_file():
            raise DataError("data/sources.yml does not exist")
        entries = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
        made: list[nodes.Node] = []
        for kind, meaning in KINDS.items():
            rows = [_source_row(key, source) for key, source in entries.items() if source["kind"] == kind]
            if rows:
                made.append(paragraph(span(f"{kind.replace('-', ' ').capitalize()}", "nvl-label"), f": {meaning} ({len(rows)})."))
                made.append(table(("Key", "Source", "Date"), rows, "nvl-sources"))
        return made


class DataTables(ResultDirective):
    """`{data-tables}`: every file of `data/` with its number of rows, to download."""

    def show(self) -> list[nodes.Node]:
        """Return one table a folder."""
        folder = data_folder(self.config)
        titles = _measurement_titles(folder)
        files = sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix in {".csv", ".yml", ".json"})
        rows = []
        for path in files:
            self.env.note_dependency(str(path))
            name = path.relative_to(folder).as_posix()
            what = titles.get(path.stem, "") if name.startswith("measurements/") else ABOUT.get(name.split("/")[0], "")
            rows.append((link(name, _download(self.env.docname, name)), f"{_length(path):,}", what))
        return [simple_table(("File", "Rows", "What it holds"), rows, "nvl-files")]


def setup(app: Any) -> None:
    """Register the directives."""
    app.add_directive("sources-list", SourcesList)
    app.add_directive("data-tables", DataTables)


def _source_row(key: str, source: dict[str, Any]) -> nodes.row:
    address = address_of(source["location"])
    where: list[nodes.Node] = rich(source["location"])
    if address and not source["location"].startswith("http"):
        head = source["location"].split()[0].rstrip(",;")
        where = [link(head, address), nodes.Text(source["location"][len(head) :])]
    title = source["title"].rstrip(".")
    return row([nodes.literal("", key, ids=[f"source-{key}"]), [f"{title}. ", *where], source.get("date") or "undated"])


def _measurement_titles(folder: Path) -> dict[str, str]:
    path = folder / "measurements" / "index.yml"
    if not path.is_file():
        return {}
    return {name: entry["title"] for name, entry in yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER).items()}


def _download(page: str, name: str) -> str:
    return f"{'../' * page.count('/')}_static/data/{name}"


def _length(path: Path) -> int:
    """Rows of a table, entries of a list, claims of a chapter. YAML is counted where it stands: to make values of it takes long."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        return max(sum(1 for _ in csv.reader(text.splitlines())) - 1, 0)
    if path.suffix == ".json":
        content = json.loads(text)
        return len(content["claims"]) if isinstance(content, dict) and "claims" in content else len(content)
    node = yaml.compose(text, Loader=LOADER)
    fields = {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}
    return len(fields.get("claims", node).value) if node is not None else 0
