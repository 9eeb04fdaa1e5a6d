"""Where a chapter derives a claim: an anchor for each claim in its notebook, found while the book is built.

A notebook says nothing special. The best of these gets the anchor `claim-<id>`, the first of its kind:

1. a code cell that names the claim;
2. a sentence that prints a number computed for the claim;
3. a code cell that shows the claim's break-even values, elasticities or other readings;
4. a sentence that gives its verdict;
5. its row in a table of claims.

A claim's id in a table that a notebook printed becomes a link to the claim's row in the ledger.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.util.nodes import make_refnode

from nvlinklab.bookext.context import claims, kept

PLACES = "places"
PREFIX = "claim-"
CODE, NUMBER, SHOWN, VERDICT, ROW = range(5)
TABLES = re.compile(r"\bnotebook\.\w+\([^)]*\)")  # the package's own tables of claims
QUOTED = re.compile(r"""["']([a-z0-9]+(?:-[a-z0-9]+)+)["']""")
CELL = re.compile(r"<(th|td)>([a-z0-9]+(?:-[a-z0-9]+)+)</\1>")
ROLES = {"claim-value": NUMBER, "claim-range": NUMBER, "ratio": NUMBER, "verdict": VERDICT}


def place_link(page: str, claim_id: str, text: str) -> addnodes.pending_xref:
    """A link from `page` to the place that derives a claim; plain text where its chapter is not in the book."""
    return addnodes.pending_xref(
        "", nodes.inline("", text), refdomain="", refdoc=page, reftype="nvl-place", reftarget=claim_id, refwarn=False
    )  # fmt: skip


def place(env: Any, claim_id: str) -> tuple[str, str] | None:
    """Return the page and the anchor that derive a claim, once every page is read."""
    for page, found in kept(env, PLACES).items():
        if claim_id in found:
            return page, found[claim_id]
    return None


def setup(app: Any) -> None:
    """Look through each page once it is read; resolve the links when it is written."""
    app.connect("doctree-read", _look)
    app.connect("doctree-resolved", _drop_shared_ids)
    app.connect("missing-reference", _resolve)


def _look(app: Any, doctree: nodes.document) -> None:
    env = app.env
    page = env.docname
    if not page.startswith("notebooks/"):
        return
    ledger = claims(env)
    here = {c for chapter in ledger.chapters.values() if chapter.notebook == page for c in chapter.claims}
    best: dict[str, tuple[int, nodes.Element]] = {}
    for claim_id, rank, node in _mentions(doctree):
        if claim_id in here and (claim_id not in best or rank < best[claim_id][0]):
            best[claim_id] = (rank, node)
    rows = {c for c, (rank, _) in best.items() if rank == ROW}
    for claim_id, (rank, node) in best.items():
        if rank != ROW:
            node["ids"].append(PREFIX + claim_id)
    if app.builder.format == "html":
        _link_rows(doctree, app.builder.get_relative_uri(page, app.config.nvl_ledger_page), ledger.claims, rows)
    kept(env, PLACES)[page] = {claim_id: PREFIX + claim_id for claim_id in best}


def _mentions(doctree: nodes.document) -> Iterator[tuple[str, int, nodes.Element]]:
    """Every claim id that a page may speak of, with the rank of the mention and the node that would carry the anchor."""
    for node in doctree.findall(nodes.Element):
        if isinstance(node, nodes.container) and node.get("nb_element") == "cell_code_source":
            source = node.astext()
            own = QUOTED.findall(TABLES.sub("", source))
            yield from ((claim_id, CODE, node) for claim_id in own)
            yield from ((claim_id, SHOWN, node) for claim_id in QUOTED.findall(source) if claim_id not in own)
        elif isinstance(node, nodes.raw) and node.get("format") == "html":
            yield from ((claim_id, ROW, node) for _, claim_id in CELL.findall(node.astext()))
        elif node.get("nvl_role") in ROLES:
            yield node["nvl_claim"], ROLES[node["nvl_role"]], _block(node)


def _block(node: nodes.Node) -> nodes.Element:
    """The paragraph, item or cell around a piece of text."""
    while node.parent is not None and isinstance(node, nodes.Inline | nodes.Text):
        node = node.parent
    assert isinstance(node, nodes.Element)
    return node


def _link_rows(doctree: nodes.document, ledger_page: str, known: Iterable[str], rows: set[str]) -> None:
    """Link each claim id that fills a cell of a printed table; the first of those in `rows` carries the anchor."""
    known, open_rows = set(known), set(rows)

    def linked(match: re.Match[str]) -> str:
        tag, claim_id = match.groups()
        if claim_id not in known:
            return match[0]
        anchor = f' id="{PREFIX}{claim_id}"' if claim_id in open_rows else ""
        open_rows.discard(claim_id)
        return f'<{tag}{anchor}><a href="{ledger_page}#{claim_id}">{claim_id}</a></{tag}>'

    for node in list(doctree.findall(nodes.raw)):
        if node.get("format") == "html" and CELL.search(node.astext()):
            text = CELL.sub(linked, node.astext())
            node.replace_self(nodes.raw("", text, **{k: v for k, v in node.attributes.items() if k in ("format", "classes", "ids")}))


def _drop_shared_ids(_app: Any, doctree: nodes.document, _page: str) -> None:
    """Take away the ids that sphinx-exercise gives to every exercise and solution of a page alike."""
    for node in doctree.findall(nodes.section):
        node["ids"] = [i for i in node["ids"] if i not in ("exercise-content", "solution-content")]


def _resolve(app: Any, env: Any, node: Any, content: nodes.Node) -> nodes.Node | None:
    if node.get("reftype") != "nvl-place":
        return None
    found = place(env, node["reftarget"])
    if found:
        return make_refnode(app.builder, node["refdoc"], *found, content)
    chapter = claims(env).chapters[claims(env).claims[node["reftarget"]].chapter]
    return make_refnode(app.builder, node["refdoc"], chapter.notebook, None, content) if chapter.notebook in env.found_docs else content
