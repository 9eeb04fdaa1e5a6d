"""A verdict is never shown without its meaning at hand: each one links to the page that says how to read it."""

import re
from typing import Any

from docutils import nodes

from nvlinklab.claims.page import MEANINGS
from nvlinklab.claims.verdict import VERDICTS

PREFIX = "verdict-"
_CELL = re.compile(rf"<td>({'|'.join(VERDICTS)})</td>")


def setup(app: Any) -> None:
    """Link the verdicts of each page before it is written."""
    app.add_config_value("nvl_verdict_page", "book/verdicts", "env", str)
    app.connect("doctree-resolved", _link)


def _link(app: Any, doctree: nodes.document, page: str) -> None:
    target = app.config.nvl_verdict_page
    if app.builder.format != "html" or target not in app.env.found_docs or page == target:
        return
    address = app.builder.get_relative_uri(page, target)
    for badge in [n for n in doctree.findall(nodes.inline) if "nvl-badge" in n["classes"]]:
        verdict = next(c for c in badge["classes"] if c.startswith("nvl-v-")).removeprefix("nvl-v-")
        if not _inside_link(badge):
            link = nodes.reference("", "", internal=True, refuri=f"{address}#{PREFIX}{verdict}", classes=["nvl-verdict"])
            link["reftitle"] = MEANINGS[verdict]
            badge.parent.replace(badge, link)
            link += badge
    for table in list(doctree.findall(nodes.raw)):
        if table.get("format") == "html" and _CELL.search(table.astext()):
            text = _CELL.sub(lambda m: f'<td><a href="{address}#{PREFIX}{m[1]}" class="nvl-verdict">{m[1]}</a></td>', table.astext())
            table.replace_self(nodes.raw("", text, **{k: v for k, v in table.attributes.items() if k in ("format", "classes", "ids")}))


def _inside_link(node: nodes.Node) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, nodes.reference | nodes.title):
            return True
    return False
