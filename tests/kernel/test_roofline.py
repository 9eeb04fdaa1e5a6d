import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.analysis import elasticities
from nvlinklab.analysis.sensitivity import sum_rule_residual
from nvlinklab.kernel import roofline as rl

UNITS = {"flop": "FLOP", "nbytes": "B", "flops": "FLOP/s", "bw": "B/s"}


def positive():
    return st.floats(1e-3, 1e3)


@settings(max_examples=50, deadline=None)
@given(positive(), positive(), positive(), positive())
def test_the_bound_lies_between_its_parts_and_their_sum(flop, nbytes, flops, bw):
    time = rl.bound_time(flop, nbytes, flops, bw)
    step = float(rl.hard_max(time))
    assert max(time.compute, time.memory) <= step * (1 + 1e-12)
    assert step <= time.compute + time.memory
    assert step <= float(rl.smooth_max(time)) <= step * 2 ** (1 / 16) * (1 + 1e-12)


@pytest.mark.parametrize("form", [rl.hard_max, rl.smooth_max])
@pytest.mark.parametrize("nbytes", [1.0, 30.0])
def test_units_are_whole(form, nbytes):
    point = {"flop": 100.0, "nbytes": nbytes, "flops": 10.0, "bw": 1.0}
    found = elasticities(lambda p: form(rl.bound_time(p["flop"], p["nbytes"], p["flops"], p["bw"])), point)
    assert sum_rule_residual(found, UNITS, "s") < 1e-12


def test_at_the_ridge_both_bounds_are_equal():
    ridge = rl.ridge_point(5e15, 8e12)
    assert ridge == 625.0
    time = rl.bound_time(ridge * 1e6, 1e6, 5e15, 8e12)
    assert float(time.compute) == pytest.approx(float(time.memory))
    assert float(rl.attainable_rate(2 * ridge, 5e15, 8e12)) == 5e15
    assert float(rl.attainable_rate(ridge / 2, 5e15, 8e12)) == pytest.approx(2.5e15)
