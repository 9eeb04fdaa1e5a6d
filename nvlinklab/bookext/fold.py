"""Parts that open on demand: HTML's own `<details>`, whose content is an excerpt from another page.

A page may hold hundreds of them and stay light. Inside each stands a link to the place on the other page, which is all that a reader
without scripts needs; when one is opened, `excerpts.js` puts the excerpt in the link's place, from a file that
`nvlinklab.book.excerpts` makes.
"""

from typing import Any

from docutils import nodes


class Fold(nodes.General, nodes.TextElement):
    """A closed part with a title; its child, a link to an excerpt, shows when it is opened."""


class Excerpt(nodes.container):
    """A part of a page that folds of other pages show."""


def fold(title: str, link: nodes.Node, file: str) -> Fold:
    """Return a closed part.

    Args:
        title: to click on
        link: to the excerpt
        file: the name of the group of excerpts, loaded together, that this one belongs to
    """
    made = Fold("", "", link, classes=["nvl-fold"])
    made["title"], made["file"] = title, file
    return made


def excerpt(name: str, file: str, *content: nodes.Node) -> Excerpt:
    """Return a part of a page, in a group of excerpts; its name is that of the place that folds link to."""
    made = Excerpt("", *content, classes=["nvl-excerpt"])
    made["name"], made["file"] = name, file
    return made


def visit_fold(translator: Any, node: Fold) -> None:
    """Open the element and write its title."""
    translator.body.append(translator.starttag(node, "details", **{"data-excerpts": node["file"]}))
    translator.body.append(f"<summary>{translator.encode(node['title'])}</summary>\n")


def depart_fold(translator: Any, _: Fold) -> None:
    """Close the element."""
    translator.body.append("</details>\n")


def visit_excerpt(translator: Any, node: Excerpt) -> None:
    """Open the element."""
    translator.body.append(translator.starttag(node, "article", **{"data-excerpts": node["file"], "data-name": node["name"]}))


def depart_excerpt(translator: Any, _: Excerpt) -> None:
    """Close the element."""
    translator.body.append("</article>\n")


def pass_through(_translator: Any, _node: nodes.Node) -> None:
    """Show the content as it is, in formats that cannot fold."""


def setup(app: Any) -> None:
    """Register the nodes."""
    plain = (pass_through, pass_through)
    others = dict.fromkeys(("text", "latex", "man", "texinfo"), plain)
    app.add_node(Fold, html=(visit_fold, depart_fold), **others)
    app.add_node(Excerpt, html=(visit_excerpt, depart_excerpt), **others)
