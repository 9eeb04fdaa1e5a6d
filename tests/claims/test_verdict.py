"""The one rule, case by case: a change of any tolerance shows here."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nvlinklab.claims.ledger import Stated, _date_range, _step
from nvlinklab.claims.verdict import Test as Compared  # so named that pytest does not collect it
from nvlinklab.claims.verdict import outcome, tolerance, verdict


def stated(low, high=None, qualifier="", unit="x", role="claim", text=""):
    high = low if high is None else high
    step = min(_step(low), _step(high)) if not text and unit != "date" else 0.0
    return Stated("n", low, high, text, unit, "", "", qualifier, role, step, "")


@pytest.mark.parametrize(
    ("said", "computed", "expected"),
    [
        (stated(130.0), 129.6, "hit"),
        (stated(5.5), 5.505, "hit"),
        (stated(188.0), 188.33, "hit"),
        (stated(188.0), 189.0, "near"),  # 0.53 % off a number given to three digits
        (stated(3.0), 3.07, "hit"),  # at most 2.5 %
        (stated(3.0), 3.08, "near"),
        (stated(16.0), 20.0, "near"),  # 25 %
        (stated(16.0), 20.01, "miss"),
        (stated(16.0), 12.81, "near"),
        (stated(16.0), 12.79, "miss"),
        (stated(800.0, qualifier="~"), 840.0, "hit"),
        (stated(800.0, qualifier="~"), 841.0, "near"),
        (stated(800.0, qualifier="nearly"), 790.0, "hit"),
        (stated(800.0, qualifier="nearly"), 812.5, "near"),  # nearly 800 is not above 800
        (stated(10.0, qualifier="up to"), 9.8, "hit"),
        (stated(10.0, qualifier="up to"), 4.0, "miss"),  # the best case must reach it
        (stated(1.0, qualifier="<"), 0.01, "hit"),
        (stated(1.0, qualifier="<"), 1.001, "near"),
        (stated(1.0, qualifier="<="), 1.001, "hit"),
        (stated(1.0, qualifier="<"), 1.3, "miss"),
        (stated(0.5, qualifier=">"), 0.1, "miss"),
        (stated(0.5, qualifier=">="), 0.499, "hit"),
        (stated(3.0, 3.5), 3.3, "hit"),
        (stated(3.0, 3.5), 3.54, "hit"),
        (stated(3.0, 3.5), 3.56, "near"),
        (stated(3.0, 3.5), 4.3, "near"),
        (stated(3.0, 3.5), 4.4, "miss"),
        (stated(100.0, qualifier="order"), 300.0, "hit"),
        (stated(100.0, qualifier="order"), 400.0, "near"),
        (stated(2024.1667, 2024.25, unit="date"), 2024.21, "hit"),
        (stated(2024.1667, 2024.25, unit="date"), 2025.4, "miss"),
        (stated(1.0), math.nan, "miss"),
    ],
)
def test_each_wording(said, computed, expected):
    assert outcome(said, computed) == expected


@given(st.floats(1e-3, 1e6), st.floats(1.0, 3.0))
def test_moving_away_never_improves_the_outcome(value, factor):
    order = ["hit", "near", "miss"]
    said = stated(value)
    closer, further = outcome(said, value * math.sqrt(factor)), outcome(said, value * factor)
    assert order.index(closer) <= order.index(further)


@given(st.floats(1e-6, 1e15))
def test_tolerance_stays_in_its_bounds(value):
    assert 0.005 <= tolerance(stated(value)) <= 0.025


def compare(said, computed, public=False):
    return Compared(said, computed, outcome(said, computed), public)


@pytest.mark.parametrize(
    ("tests", "premises", "expected"),
    [
        ([compare(stated(2.0), 2.0)], [], "reproduced"),
        ([compare(stated(2.0), 2.0), compare(stated(2.0), 2.2)], [], "approximately"),
        ([compare(stated(2.0), 9.0)], [], "inconsistent"),
        ([compare(stated(2.0), 9.0, public=True)], [], "contradicted"),
        ([compare(stated(2.0), 2.0), compare(stated(2.0, role="detail"), 9.0)], [], "approximately"),
        ([compare(stated(2.0), 2.0)], ["other"], "inconsistent"),
        ([compare(stated(2.0), 9.0, public=True)], ["other"], "contradicted"),
        ([], [], "not-checkable"),
    ],
)
def test_each_verdict(tests, premises, expected):
    word, why = verdict(tests, premises)
    assert word == expected
    assert why


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("2024-03", 2024 + 2 / 12, 2024.25), ("2026-01/03", 2026.0, 2026.25), ("2027H2", 2027.5, 2028.0), ("2027Q1", 2027.0, 2027.25)],
)
def test_dates_are_ranges(text, low, high):
    assert _date_range(text, "") == pytest.approx((low, high))
