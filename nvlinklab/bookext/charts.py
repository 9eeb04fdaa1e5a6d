"""Charts: a Vega-Lite output becomes a still picture with alternative text, which `charts.js` replaces by the live chart."""

import hashlib
import json
from typing import Any

from docutils import nodes

MIME = "application/vnd.vegalite.v5+json"
VEGA_LITE = "6.4"
"""The Vega-Lite version of the bundled runtime; Altair 6.3 writes specs for it."""


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
        payload = json.dumps(spec, separators=(",", ":"), sort_keys=True)
        key = hashlib.sha256(payload.encode()).hexdigest()[:16]
        uri = renderer.write_file([f"chart-{key}.svg"], _still(renderer, data, spec).encode(), overwrite=True)
        box = nodes.container(classes=["nvl-chart", "output"])
        box += nodes.container("", nodes.image(uri=uri, alt=description or "Chart"), classes=["nvl-chart-view"])
        safe = payload.replace("</", "<\\/")
        box += nodes.raw("", f'<script type="application/json">{safe}</script>', format="html")
        return [box]


def _still(renderer: Any, data: Any, spec: dict[str, Any]) -> str:
    import vl_convert

    try:
        return vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
    except ValueError as exc:
        renderer.logger.warning(f"chart does not compile: {exc}", subtype="chart", line=data.line)
        return "<svg xmlns='http://www.w3.org/2000/svg'/>"
