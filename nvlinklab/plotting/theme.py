"""The look of every chart, and a renderer whose output is the same bytes on every run.

Altair's own renderer writes random ids and fetches scripts; ours stores the bare Vega-Lite specification under a MIME type that
JupyterLab draws and that our book extension turns into an SVG with alt text and a live chart.
"""

from typing import Any

import altair as alt
import pandas as pd

MIME = "application/vnd.vegalite.v5+json"
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#B07900", "#56B4E9", "#7F7F7F", "#000000")
"""Okabe-Ito colours (readable with colour-blindness), the yellow darkened so that it shows on white."""

WIDTH, HEIGHT, DIGITS = 560, 300, 6


def _rounded(frame: pd.DataFrame) -> pd.DataFrame:
    out = frame.copy()
    for column in out.columns:
        if out[column].dtype.kind == "f":
            out[column] = [float(f"{v:.{DIGITS}g}") for v in out[column]]
    return out


def _transformer(data: Any, max_rows: int = 5000) -> Any:
    return alt.default_data_transformer(_rounded(data) if isinstance(data, pd.DataFrame) else data, max_rows=max_rows)


def _renderer(spec: dict[str, Any], **_: Any) -> dict[str, Any]:
    return {MIME: spec, "text/plain": f"Chart: {spec.get('description') or 'without a description'}"}


@alt.theme.register("nvlinklab", enable=False)
def _theme() -> alt.theme.ThemeConfig:
    label = {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"}
    return {
        "config": {
            "view": {"continuousWidth": WIDTH, "continuousHeight": HEIGHT, "discreteWidth": WIDTH, "stroke": None},
            "title": {"anchor": "start", "fontSize": 15, "fontWeight": 600, "subtitleFontSize": 12, "subtitlePadding": 4, "offset": 12},
            "axis": {**label, "gridOpacity": 0.5, "labelLimit": 320},
            "legend": {**label, "orient": "bottom", "columns": 4, "labelLimit": 260},
            "range": {"category": list(PALETTE)},
            "line": {"strokeWidth": 2.2},
            "point": {"size": 60, "filled": True},
            "text": {"fontSize": 12},
            "font": "system-ui, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif",
        }
    }


def enable() -> None:
    """Turn on our theme, data transformer (six significant digits) and renderer."""
    alt.data_transformers.register("nvlinklab", _transformer)
    alt.data_transformers.enable("nvlinklab")
    alt.renderers.register("nvlinklab", _renderer)
    alt.renderers.enable("nvlinklab")
    alt.theme.enable("nvlinklab")
