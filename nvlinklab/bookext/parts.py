"""Small builders of docutils nodes: text goes in, escaped nodes come out."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from docutils import nodes
from sphinx import addnodes

from nvlinklab.claims.page import SIGNS

Cell = str | nodes.Node | Sequence[nodes.Node]


def words(text: str) -> nodes.Text:
    """Plain text."""
    return nodes.Text(text)


def span(text: str, *classes: str) -> nodes.inline:
    """Text with style classes."""
    return nodes.inline("", text, classes=list(classes))


def paragraph(*parts: str | nodes.Node, classes: Sequence[str] = ()) -> nodes.paragraph:
    """One paragraph of text and inline nodes."""
    return nodes.paragraph("", "", *map(_node, parts), classes=list(classes))


def prose(text: str) -> list[nodes.Node]:
    """Text in which `code` between backticks is set as code."""
    return [nodes.literal("", part) if i % 2 else nodes.Text(part) for i, part in enumerate(text.split("`")) if part]


def badge(verdict: str) -> nodes.inline:
    """A verdict as sign, word and colour."""
    return nodes.inline("", "", span(f"{SIGNS[verdict]} ", "nvl-sign"), words(verdict), classes=["nvl-badge", f"nvl-v-{verdict}"])


def link(text: str, address: str) -> nodes.reference:
    """A link to another site or file."""
    return nodes.reference("", text, refuri=address, internal=False)


def anchor(claim_id: str) -> nodes.reference:
    """A claim's id that links to itself, on the page that holds it."""
    return nodes.reference("", "", nodes.literal("", claim_id), refid=claim_id, internal=True)


def claim_link(page: str, claim_id: str, title: str, text: str = "") -> addnodes.pending_xref:
    """A link from `page` to a claim's row on the ledger page, as its id or as the given text."""
    shown = nodes.inline("", text) if text else nodes.literal("", claim_id, classes=["nvl-claim"])
    return addnodes.pending_xref(
        "", shown, refdomain="", refdoc=page, reftype="nvl-claim", reftarget=claim_id, nvl_title=title, refwarn=True
    )


def evidence_link(page: str, claim_id: str, text: str) -> addnodes.pending_xref:
    """A link from `page` to what stands behind the verdict on a claim."""
    return addnodes.pending_xref(
        "", nodes.inline("", text), refdomain="", refdoc=page, reftype="nvl-evidence", reftarget=claim_id, nvl_title="", refwarn=True
    )


def page_link(env: Any, text: str, page: str) -> nodes.Node:
    """A link to another page of the book, or plain text where the book has no such page."""
    if page not in env.found_docs:
        return words(text)
    return addnodes.pending_xref(
        "", nodes.inline("", text), refdomain="std", reftype="doc", reftarget=f"/{page}", refdoc=env.docname, refexplicit=True, refwarn=True
    )


def address_of(location: str) -> str:
    """Return the web address that a source's location starts with, or an empty string.

    >>> address_of("github.com/NVIDIA/nccl, doc/x.md at abc"), address_of("kept by the authors")
    ('https://github.com/NVIDIA/nccl', '')
    """
    first = location.split()[0].rstrip(",;") if location.split() else ""
    if re.match(r"https?://\S+$", first):
        return first
    return f"https://{first}" if re.match(r"[\w-]+(\.[\w-]+)*\.[a-z]{2,}(/\S*)?$", first) else ""


def rich(text: str) -> list[nodes.Node]:
    """Text in which web addresses become links."""
    pieces = re.split(r"(https?://[^\s)]+)", text)
    return [link(p, p) if i % 2 else nodes.Text(p) for i, p in enumerate(pieces) if p]


def entry(cell: Cell, *classes: str, **spans: int) -> nodes.entry:
    """One table cell."""
    parts = [cell] if isinstance(cell, str | nodes.Node) else list(cell)
    blocks = [p for p in parts if not isinstance(p, str | nodes.Text | nodes.Inline)]
    content = parts if blocks else [paragraph(*parts)]
    return nodes.entry("", *map(_node, content), classes=list(classes), **spans)


def row(cells: Iterable[Cell | nodes.entry], *classes: str, ids: Sequence[str] = ()) -> nodes.row:
    """One table row."""
    made = [c if isinstance(c, nodes.entry) else entry(c) for c in cells]
    return nodes.row("", *made, classes=list(classes), ids=list(ids))


def table(head: Sequence[Cell], rows: Iterable[nodes.row], *classes: str, caption: str = "", stub: bool = True) -> nodes.table:
    """A table with column heads; the first column heads its rows unless `stub` is False."""
    group = nodes.tgroup("", cols=len(head))
    group += [nodes.colspec("", colwidth=1, **({"stub": 1} if stub and i == 0 else {})) for i in range(len(head))]
    group += nodes.thead("", row(head))
    group += nodes.tbody("", *rows)
    made = nodes.table("", classes=["nvl-table", *classes])
    if caption:
        made += nodes.title("", caption)
    made += group
    return made


def simple_table(head: Sequence[Cell], rows: Iterable[Sequence[Cell]], *classes: str, caption: str = "") -> nodes.table:
    """A table of plain cells."""
    return table(head, [row(cells) for cells in rows], *classes, caption=caption)


def _node(part: str | nodes.Node) -> nodes.Node:
    return nodes.Text(part) if isinstance(part, str) else part
