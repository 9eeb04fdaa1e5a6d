"""`{citation}`: how to cite this work, from `CITATION.cff`."""

from pathlib import Path
from typing import Any

import yaml
from docutils import nodes

from nvlinklab.bookext.context import ResultDirective
from nvlinklab.bookext.parts import paragraph
from nvlinklab.errors import DataError

FILE = "CITATION.cff"


class Citation(ResultDirective):
    """`{citation}`: one line to cite, and the same as BibTeX."""

    def show(self) -> list[nodes.Node]:
        """Return a card."""
        path = Path(self.env.srcdir) / FILE
        if not path.is_file():
            raise DataError(f"{FILE} does not exist at the root of the book")
        self.env.note_dependency(str(path))
        entry = yaml.safe_load(path.read_text(encoding="utf-8"))
        card = nodes.container(classes=["nvl-card", "nvl-citation"])
        card += paragraph(plain(entry))
        card += nodes.literal_block(bibtex(entry), bibtex(entry), language="bibtex")
        return [card]


def setup(app: Any) -> None:
    """Register the directive."""
    app.add_directive("citation", Citation)


def plain(entry: dict[str, Any]) -> str:
    """Return an entry of the Citation File Format as one line."""
    year = str(entry["date-released"])[:4]
    return f"{', '.join(map(_name, entry['authors']))} ({year}). {entry['title']}. Version {entry['version']}."


def bibtex(entry: dict[str, Any]) -> str:
    """Return an entry of the Citation File Format as BibTeX; an organisation's name is kept whole by a second pair of braces."""
    authors = " and ".join(f"{{{_name(a)}}}" if "name" in a else f"{a['family-names']}, {a['given-names']}" for a in entry["authors"])
    key = entry["title"].partition(":")[0].strip().lower().replace(" ", "-")
    fields = {"author": authors, "title": f"{{{entry['title']}}}", "version": entry["version"], "year": str(entry["date-released"])[:4]}
    fields |= {name: entry[name] for name in ("doi", "url") if name in entry}
    return "\n".join([f"@software{{{key},", *(f"  {name} = {{{value}}}," for name, value in fields.items()), "}"])


def _name(author: dict[str, str]) -> str:
    return author.get("name") or f"{author['given-names']} {author['family-names']}"
