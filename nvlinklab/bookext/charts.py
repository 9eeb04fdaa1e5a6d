"""Charts: a Vega-Lite specification becomes a still picture with alternative text, which `charts.js` replaces by the live chart."""

import hashlib
import html
import json
from pathlib import Path
from typing import Any

from docutils import nodes

from nvlinklab.bookext.context import kept

MIME = "application/vnd.vegalite.v5+json"
VEGA_LITE = "6.4"
"""The Vega-Lite version of the bundled runtime; Altair 6.3 writes specs for it."""
STILLS = "charts"


class VegaLiteMime:
    """myst-nb plugin (entry point `myst_nb.mime_renderers`) that draws the charts stored in notebooks."""

    mime_priority_overrides = (("html", MIME, 1),)

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[nodes.Element] | None:
        """Return the chart as nodes, or None for any other output. A chart without a description is a warning."""
        if inline or data.mime_type != MIME:
            return None
        spec = data.content
        description = spec.get("description")
        if not description:
            renderer.logger.warning("chart without a description (alternative text)", subtype="alt", line=data.line)
        key, payload = _payload(spec)
        uri = renderer.write_file([f"chart-{key}.svg"], _still(renderer, data, spec).encode(), overwrite=True)
        box = nodes.container(classes=["nvl-chart", "output"])
        box += nodes.container("", nodes.image(uri=uri, alt=description or "Chart"), classes=["nvl-chart-view"])
        box += nodes.raw("", _script(payload), format="html")
        return [box]


def chart(env: Any, made: Any) -> nodes.container:
    """Return an Altair chart made while the book is built; its picture is written when the pages are."""
    import vl_convert

    spec = made.to_dict()
    key, payload = _payload(spec)
    name = f"chart-{key}.svg"
    kept(env, STILLS).setdefault(env.docname, {})[name] = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
    address = f"{'../' * env.docname.count('/')}_static/{STILLS}/{name}"
    picture = f'<img src="{address}" alt="{html.escape(spec["description"])}">'
    box = nodes.container(classes=["nvl-chart", "output"])
    box += nodes.container("", nodes.raw("", picture, format="html"), classes=["nvl-chart-view"])
    box += nodes.raw("", _script(payload), format="html")
    return box


def setup(app: Any) -> None:
    """Write the pictures once the pages are written."""
    app.connect("build-finished", _write)


def _write(app: Any, error: Exception | None) -> None:
    if error or app.builder.format != "html":
        return
    folder = Path(app.outdir) / "_static" / STILLS
    for pictures in kept(app.env, STILLS).values():
        for name, svg in pictures.items():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(svg, encoding="utf-8")


def _payload(spec: dict[str, Any]) -> tuple[str, str]:
    payload = json.dumps(spec, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(payload.encode()).hexdigest()[:16], payload


def _script(payload: str) -> str:
    safe = payload.replace("</", "<\\/")
    return f'<script type="application/json">{safe}</script>'


def _still(renderer: Any, data: Any, spec: dict[str, Any]) -> str:
    import vl_convert

    try:
        return vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
    except ValueError as exc:
        renderer.logger.warning(f"chart does not compile: {exc}", subtype="chart", line=data.line)
        return "<svg xmlns='http://www.w3.org/2000/svg'/>"
