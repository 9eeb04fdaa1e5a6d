"""A slimmed picture paints what the whole one paints."""

import numpy as np
import pytest
import vl_convert

from nvlinklab.bookext.pictures import slim

ROWS = [{"x": x, "y": (3 * x) % 7, "c": "ab"[x % 2], "url": "https://example.org"} for x in range(12)]
PLACE = {axis: {"field": axis, "type": "quantitative"} for axis in "xy"}
LINES = {"mark": "line", "encoding": {**PLACE, "color": {"field": "c"}}}
POINTS = {"mark": {"type": "point", "filled": True}, "encoding": {**LINES["encoding"], "href": {"field": "url"}}}
SPECS = [
    {"data": {"values": ROWS}, "layer": [LINES, POINTS]},
    {"data": {"values": ROWS}, "facet": {"field": "c"}, "spec": POINTS, "config": {"view": {"fill": "#eef", "stroke": "red"}}},
    {
        "data": {"values": ROWS},
        "mark": "bar",
        "encoding": {"x": {"field": "c"}, "y": {"aggregate": "sum", "field": "y"}},
        "background": "#ffe",
    },
]


@pytest.mark.parametrize("spec", SPECS)
def test_it_paints_the_same_with_fewer_elements(spec: dict) -> None:
    svg = vl_convert.vegalite_to_svg(spec)
    less = slim(svg)
    whole, slimmed = (np.frombuffer(vl_convert.svg_to_png(text), np.uint8) for text in (svg, less))
    assert whole.tobytes() == slimmed.tobytes()
    assert less.count("<") < svg.count("<")
    assert "aria-" not in less and "<a " not in less


def test_a_background_that_is_painted_stays() -> None:
    svg = '<svg><g><path class="background" d="M0,0h9v9h-9Z" fill="#eef"/><path class="foreground" d="" display="none"/></g></svg>'
    assert slim(svg) == '<svg><path d="M0,0h9v9h-9Z" fill="#eef"/></svg>'
