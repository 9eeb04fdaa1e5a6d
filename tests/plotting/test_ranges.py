"""`plotting.ranges`: every answer has a lane of its own, intervals are drawn where they are, and the alt text says all of it."""

import math

import pandas as pd
import pytest

from nvlinklab import plotting
from nvlinklab.errors import SpecError

NAN, INF = float("nan"), float("inf")
ROWS = [
    ("first", "served", 10.0, 5.0, 20.0),
    ("first", "bare", 30.0, NAN, NAN),
    ("second", "served", 2.0, 0.0, INF),
    ("second", "stated", NAN, NAN, NAN),
]
COLUMNS = {"name": "asked", "kind": "who", "value": "x", "low": "low", "high": "high"}


def drawn(rows) -> dict:
    frame = pd.DataFrame(rows, columns=["asked", "who", "x", "low", "high"])
    return plotting.ranges(frame, **COLUMNS, title="A finding", x_title="Time (ms)").to_dict()


def marks(chart: dict, kind: str) -> list[dict]:
    data = chart["datasets"]
    layers = [layer for layer in chart["layer"] if layer["mark"]["type"] == kind]
    return [row for layer in layers for row in data[layer["data"]["name"]]]


def test_each_answer_has_its_lane_and_none_is_invented():
    places = {(r["asked"], r["who"]): r["place"] for r in marks(drawn(ROWS), "point")}
    assert set(places) == {("first", "served"), ("first", "bare"), ("second", "served")}
    assert len(set(places.values())) == 3
    assert places["first", "served"] < places["first", "bare"] < places["second", "served"]


def test_intervals_end_where_they_end_and_open_ones_at_the_edge():
    chart = drawn(ROWS)
    low, high = next(layer["encoding"]["x"]["scale"]["domain"] for layer in chart["layer"] if layer["mark"]["type"] == "point")
    spans = {r["asked"]: (r["from"], r["to"]) for r in marks(chart, "rule")}
    assert spans["first"] == (5.0, 20.0)
    assert spans["second"] == pytest.approx((low, high), rel=1e-5)  # the theme of notebooks rounds a chart's data
    assert low < 2.0
    assert high > 30.0


def test_the_alt_text_says_every_answer():
    said = drawn(ROWS)["description"]
    for part in ("first: served 10 (5 to 20), bare 30", "second: served 2 (0 to no limit)"):
        assert part in said
    assert "stated" not in said


def test_one_value_alone_is_drawn():
    chart = drawn([("only", "served", 3.0, NAN, NAN)])
    low, high = next(layer["encoding"]["x"]["scale"]["domain"] for layer in chart["layer"] if layer["mark"]["type"] == "point")
    assert low < 3.0 < high
    assert math.isfinite(low)
    assert not marks(chart, "rule")


@pytest.mark.parametrize("rows", [[("a", "served", NAN, NAN, NAN)], [(str(i), f"who {i}", 1.0, NAN, NAN) for i in range(6)]])
def test_nothing_to_draw_or_too_many_kinds_are_refused(rows):
    with pytest.raises(SpecError, match="expected at least one, and at most 5 kinds"):
        drawn(rows)
