"""Charts: a Vega-Lite specification becomes a still picture with alternative text, which `charts.js` replaces by the live chart.

The specification is a script that is loaded then, so that a page which only few charts are drawn on stays light. Under the picture
stand the data it shows, to take away, and in a notebook a link to the cell that made it.
"""

import csv
import hashlib
import html
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes

from nvlinklab.bookext.context import kept, logger
from nvlinklab.bookext.pictures import slim

MIME = "application/vnd.vegalite.v5+json"
VEGA_LITE = "6.4"
"""The Vega-Lite version of the bundled runtime; Altair 6.3 writes specs for it."""
FILES, FOLDER = "charts", "charts"
ROOM = {"left": 16, "right": 16, "top": 5, "bottom": 5}
"""Around a still picture: the reader's fonts may be wider than those it is measured with."""


class Box(nodes.container):
    """A chart: its picture, and the name of the specification that takes its place."""


class VegaLiteMime:
    """myst-nb plugin (entry point `myst_nb.mime_renderers`) that draws the charts stored in notebooks."""

    mime_priority_overrides = (("html", MIME, 1),)

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[nodes.Element] | None:
        """Return the chart as nodes, or None for any other output. A chart without a description is a warning."""
        if inline or data.mime_type != MIME:
            return None
        spec = data.content
        if not spec.get("description"):
            renderer.logger.warning("chart without a description (alternative text)", subtype="alt", line=data.line)
        return [_box(renderer.renderer.sphinx_env, spec, data.line)]


def chart(env: Any, made: Any) -> nodes.container:
    """Return an Altair chart made while the book is built."""
    return _box(env, made.to_dict())


def setup(app: Any) -> None:
    """Link each chart to the cell that made it; put in the pictures before a page is written, write the tables once all are."""
    plain = (_nothing, _nothing)
    app.add_node(Box, html=(_visit_box, _depart_box), **dict.fromkeys(("text", "latex", "man", "texinfo"), plain))
    app.connect("doctree-read", _link_cells)
    app.connect("doctree-resolved", _put_pictures)
    app.connect("build-finished", _write)


def _box(env: Any, spec: dict[str, Any], line: int | None = None) -> nodes.container:
    """The chart's picture, links to its data, and the name of its specification, from which `charts.js` draws it.

    The picture is being drawn while the pages are read; `_put_pictures` waits for it.
    """
    import vl_convert

    key, payload = _payload(spec)
    still = json.dumps({"padding": ROOM} | spec | {"config": spec.get("config", {}) | {"background": "transparent"}})
    env.app.nvl_aside.begin(still, vl_convert.vegalite_to_svg, still, vl_version=VEGA_LITE)
    files = kept(env, FILES).setdefault(env.docname, {})
    files[f"chart-{key}.js"] = f'(window.nvlSpecs ??= {{}})["{key}"] = {payload};\n'
    folder = f"{'../' * env.docname.count('/')}_static/{FOLDER}"
    about = {"name": f"chart-{key}.svg", "still": still, "alt": spec.get("description") or "Chart"}
    picture = nodes.raw("", "", format="html", nvl_picture=about)
    picture.line = line
    links = nodes.paragraph(classes=["nvl-chart-links"])
    tables = rows(spec)
    for number, table in enumerate(tables, 1):
        name = f"chart-{key}{f'-{number}' if len(tables) > 1 else ''}.csv"
        files[name] = to_csv(table)
        words = f"Data {number} (CSV)" if len(tables) > 1 else "Data (CSV)"
        links += nodes.raw("", f'<a href="{folder}/{name}" download>{words}</a>', format="html")
    box = Box("", nodes.container("", picture, classes=["nvl-chart-view"]), classes=["nvl-chart", "output"])
    box["spec"], box["moves"] = key, any("bind" in p and "select" not in p for p in spec.get("params", ()))
    figure = nodes.container(classes=["nvl-figure"])
    figure += [box, links]
    return figure


def _visit_box(translator: Any, node: Box) -> None:
    about = {"data-spec": node["spec"]} | ({"data-moves": "true"} if node["moves"] else {})
    translator.body.append(translator.starttag(node, "div", **about))


def _depart_box(translator: Any, _: Box) -> None:
    translator.body.append("</div>\n")


def _nothing(_translator: Any, _: Box) -> None:
    pass


def rows(spec: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Return the tables behind a chart: each a list of rows, in the order in which the chart names them."""
    found = [spec.get("datasets", {}).get(name) for name in _named(spec)]
    own = [part["values"] for part in _parts(spec) if isinstance(part.get("values"), list)]
    return [t for t in [*found, *own] if t and all(isinstance(row, dict) for row in t)]


def to_csv(table: list[dict[str, Any]]) -> str:
    """Write rows as CSV, one column a field, in the order in which fields appear."""
    columns = list(dict.fromkeys(name for row in table for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return out.getvalue()


def _named(spec: dict[str, Any]) -> list[str]:
    names = [part["name"] for part in _parts(spec) if part.get("name") in spec.get("datasets", {})]
    return list(dict.fromkeys([*names, *spec.get("datasets", {})]))


def _parts(spec: Any) -> Iterator[dict[str, Any]]:
    """Every `data` of a chart and of what it is composed of."""
    if isinstance(spec, dict):
        if isinstance(spec.get("data"), dict):
            yield spec["data"]
        for key, value in spec.items():
            if key not in ("data", "datasets"):
                yield from _parts(value)
    elif isinstance(spec, list):
        for one in spec:
            yield from _parts(one)


def _link_cells(_app: Any, doctree: nodes.document) -> None:
    """Under each chart of a notebook, link to the cell whose output it is."""
    for cell in [c for c in doctree.findall(nodes.container) if c.get("nb_element") == "cell_code"]:
        source = next((c for c in cell.findall(nodes.container) if c.get("nb_element") == "cell_code_source"), None)
        for links in [p for p in cell.findall(nodes.paragraph) if "nvl-chart-links" in p["classes"] and source is not None]:
            anchor = f"cell-{cell['cell_index']}"
            if source is not None and anchor not in source["ids"]:
                source["ids"].append(anchor)
            links += nodes.raw("", f'<a href="#{anchor}">Made by this cell</a>', format="html")


def _put_pictures(app: Any, doctree: nodes.document, page: str) -> None:
    """Write the pictures of a page and show them, each at its size; only the first is wanted at once."""
    if app.builder.format != "html":
        return
    import vl_convert

    folder = Path(app.outdir) / "_static" / FOLDER
    wanted = ' fetchpriority="high"'
    for node in [n for n in doctree.findall(nodes.raw) if "nvl_picture" in n]:
        about = node["nvl_picture"]
        try:
            svg = app.nvl_aside.result(about["still"], vl_convert.vegalite_to_svg, about["still"], vl_version=VEGA_LITE)
        except ValueError as exc:
            logger.warning("chart does not compile: %s", exc, location=node, type="nvl", subtype="chart")
            continue
        folder.mkdir(parents=True, exist_ok=True)
        (folder / about["name"]).write_text(slim(svg), encoding="utf-8")
        size = "".join(f' {side}="{value}"' for side, value in _size(svg).items())
        address = f"{'../' * page.count('/')}_static/{FOLDER}/{about['name']}"
        picture = f'<img src="{address}" alt="{html.escape(about["alt"])}"{size}{wanted}>'
        node.replace_self(nodes.raw("", picture, format="html"))
        wanted = ' loading="lazy"'


def _write(app: Any, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "_static" / FOLDER
    for files in kept(app.env, FILES).values():
        for name, text in files.items():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")


def _size(svg: str) -> dict[str, int]:
    """The width and height that a picture states, in pixels."""
    head = svg[: svg.index(">")]
    found = {side: re.search(rf'\s{side}="([\d.]+)"', head) for side in ("width", "height")}
    return {side: round(float(match[1])) for side, match in found.items() if match}


def _payload(spec: dict[str, Any]) -> tuple[str, str]:
    payload = json.dumps(spec, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(payload.encode()).hexdigest()[:16], payload
