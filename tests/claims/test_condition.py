"""A condition is where the numbers of a claim are met: its ends, its words, and when it is none."""

import numpy as np
import pytest

from nvlinklab.claims.condition import find_condition
from nvlinklab.claims.ledger import Stated
from nvlinklab.claims.verdict import Test as Compared  # so named that pytest does not collect it
from nvlinklab.claims.verdict import outcome, verdict
from nvlinklab.errors import ClaimError


def stated(value, qualifier="", name="speedup", unit="x"):
    return Stated(name, value, value, "", unit, "", "", qualifier, "claim", 0.005, "")


def amdahl(share):
    return {"speedup": 1 / (1 - share + share / 20)}


def condition(fn=amdahl, numbers=None, low=0.0, high=1.0, unit="1"):
    return find_condition(
        "share", "communication's share", unit, low, high, fn, numbers or [stated(10.0, ">=")], lambda s, v: outcome(s, v) == "hit"
    )


def test_the_boundary_is_where_amdahl_says():
    found = condition()
    ((start, end),) = found.met
    assert amdahl(start)["speedup"] == pytest.approx(10.0 * 0.995, rel=1e-9)
    assert end == 1.0
    assert found.in_part
    assert found.sentence == "holds if communication's share is at least 0.947"


def test_a_stretch_in_the_middle_has_two_ends():
    found = condition(numbers=[stated(10.0)])
    ((start, end),) = found.met
    assert amdahl(np.array([start, end]))["speedup"] == pytest.approx([9.95, 10.05], rel=1e-9)
    assert found.sentence.startswith("holds if communication's share is 0.947 to 0.948")


def test_a_wide_range_is_scanned_by_factors():
    found = condition(lambda share: {"speedup": share}, [stated(0.002, "<")], 1e-6, 1e3)
    assert found.met[0] == pytest.approx((1e-6, 2e-3), rel=1e-9)
    assert found.sentence == "holds if communication's share is at most 0.002"


def test_everywhere_and_nowhere_are_no_condition():
    assert condition(numbers=[stated(0.5, ">")]).met == ((0.0, 1.0),)
    assert not condition(numbers=[stated(0.5, ">")]).in_part
    assert not condition(numbers=[stated(30.0, ">")]).in_part


def test_a_number_the_input_does_not_move_is_judged_as_ever():
    def two(share):
        return amdahl(share) | {"lanes": 18.0}

    found = condition(two, [stated(10.0, ">="), stated(36.0, name="lanes")])
    assert found.moved == ("speedup",)
    tests = [Compared(s, v, outcome(s, v), True) for s, v in ((stated(10.0, ">="), 2.0), (stated(36.0, name="lanes"), 18.0))]
    assert verdict(tests, [], found)[0] == "contradicted"
    assert verdict(tests[:1], [], found) == ("holds-if", found.sentence)
    assert verdict(tests[:1], ["other"], found)[0] == "inconsistent"
    assert verdict(tests[:1], [], condition(numbers=[stated(30.0, ">")]))[0] == "contradicted"


@pytest.mark.parametrize(
    ("kwargs", "message"), [({"low": 0.5, "high": 0.5}, "range"), ({"fn": lambda share: {"speedup": 3.0 + 0 * share}}, "moves none")]
)
def test_a_condition_that_cannot_be_is_refused(kwargs, message):
    with pytest.raises(ClaimError, match=message):
        condition(**kwargs)
