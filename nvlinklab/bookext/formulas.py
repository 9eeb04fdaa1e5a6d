"""Formulas are written as TeX in a known place; `nvlinklab.book.formulas` sets them all at once when the pages are written."""

from typing import Any

from sphinx.ext.mathjax import html_visit_displaymath, html_visit_math

BRACKETS = {"mathjax_inline": [r"\(", r"\)"], "mathjax_display": [r"\[", r"\]"]}


def setup(app: Any) -> None:
    """Register the renderer that `html_math_renderer: built` names."""
    for name, pair in BRACKETS.items():
        if name not in app.config:
            app.add_config_value(name, pair, "html")
    app.add_html_math_renderer("built", (html_visit_math, None), (html_visit_displaymath, None))
