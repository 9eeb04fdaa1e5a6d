import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.analysis import break_even


@settings(max_examples=60, deadline=None)
@given(st.floats(1e-3, 1e3), st.sampled_from([-2.0, -1.0, 0.5, 1.0, 3.0]))
def test_it_inverts_a_power_law_exactly(factor, exponent):
    answer = break_even(lambda p: p["x"] ** exponent, {"x": 2.0}, "x", target=(2.0 * factor) ** exponent)
    assert answer.value == pytest.approx(2.0 * factor, rel=1e-10)


def test_it_reaches_its_target():
    fn = lambda p: p["alpha"] + np.maximum(p["n"] / p["bw"], p["floor"])  # noqa: E731
    point = {"alpha": 1e-6, "n": 1e6, "bw": 1e12, "floor": 2e-6}
    answer = break_even(fn, point, "n", target=9e-6)
    assert fn(point | {"n": answer.value}) == pytest.approx(9e-6, rel=1e-9)


def test_no_value_does_says_what_is_reached():
    answer = break_even(lambda p: 1.0 / (1.0 + p["x"]), {"x": 1.0}, "x", target=2.0)
    assert answer.value is None
    assert "no value of x" in answer.reason
    assert "stays within" in answer.reason


def test_an_input_that_does_not_matter_is_named():
    answer = break_even(lambda p: p["x"] + 0.0 * p["y"], {"x": 1.0, "y": 5.0}, "y", target=1.0)
    assert answer == (None, None, "y does not move the result")


def test_of_two_roots_it_takes_the_nearer():
    answer = break_even(lambda p: np.log(p["x"]) ** 2, {"x": 2.0}, "x", target=np.log(3.0) ** 2)
    assert answer.value == pytest.approx(3.0, rel=1e-9)


def test_a_zero_input_cannot_be_scaled():
    assert "cannot be scaled" in break_even(lambda p: p["x"] + 1.0, {"x": 0.0}, "x", target=2.0).reason


def test_a_kink_does_not_mislead_it():
    answer = break_even(lambda p: np.maximum(p["x"], 4.0), {"x": 1.0}, "x", target=6.0)
    assert answer.value == pytest.approx(6.0, rel=1e-9)


def test_a_pole_is_no_root():
    answer = break_even(lambda p: 1.0 / (p["x"] - 2.0), {"x": 1.0}, "x", target=1.0)
    assert answer.value == pytest.approx(3.0)
    missed = break_even(lambda p: np.floor(p["x"]) * 10.0, {"x": 1.5}, "x", target=25.0)
    assert missed.value is None
    assert "jumps past the target at 3" in missed.reason
