"""A part that opens on demand: HTML's own `<details>`, which needs no script.

A page may hold hundreds of them. Their content stands in a `<noscript>`, which a browser that runs scripts keeps as text; `page.js`
turns it into elements when a part is first opened, and a browser without scripts shows it as it is.
"""

from collections.abc import Iterable
from typing import Any

from docutils import nodes


class Fold(nodes.container):
    """A closed part with a title; its children show when it is opened."""


def fold(title: str, content: Iterable[nodes.Node]) -> Fold:
    """Return a closed part."""
    made = Fold("", *content, classes=["nvl-fold"])
    made["title"] = title
    return made


def visit_html(translator: Any, node: Fold) -> None:
    """Open the element and write its title."""
    translator.body.append(translator.starttag(node, "details"))
    translator.body.append(f"<summary>{translator.encode(node['title'])}</summary>\n<noscript>")


def depart_html(translator: Any, _: Fold) -> None:
    """Close the element."""
    translator.body.append("</noscript></details>\n")


def pass_through(_translator: Any, _node: Fold) -> None:
    """Show the content as it is, in formats that cannot fold."""


def setup(app: Any) -> None:
    """Register the node."""
    plain = (pass_through, pass_through)
    app.add_node(Fold, html=(visit_html, depart_html), text=plain, latex=plain, man=plain, texinfo=plain)
