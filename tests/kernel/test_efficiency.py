import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.analysis import elasticities
from nvlinklab.analysis.sensitivity import sum_rule_residual
from nvlinklab.kernel import efficiency as eff
from nvlinklab.kernel import overlap


def positive():
    return st.floats(1e-3, 1e3)


@settings(max_examples=50, deadline=None)
@given(positive(), positive(), st.floats(0.05, 1.0))
def test_the_curve_rises_to_its_share(size, half, share):
    curve = eff.Efficiency(share=share, half=half)
    reached = float(eff.achieved_share(curve, size))
    assert 0.0 < reached < share
    assert float(eff.achieved_share(curve, 2 * size)) > reached
    assert float(eff.achieved_share(curve, half)) == pytest.approx(share / 2)
    assert float(eff.achieved_share(curve, 1e12 * half)) == pytest.approx(share)


def test_a_half_point_is_a_fixed_time():
    work, rate, fixed = 3e9, 2e15, 5e-6
    curve = eff.Efficiency(share=1.0, half=eff.half_size(fixed, rate))
    assert eff.achieved_time(curve, work, work, rate) == pytest.approx(work / rate + fixed)


def test_waves_are_full_at_multiples():
    np.testing.assert_allclose(eff.wave_efficiency(np.array([132.0, 264.0, 133.0]), 132.0), [1.0, 1.0, 133 / 264])


@settings(max_examples=50, deadline=None)
@given(positive(), positive(), st.floats(0.0, 1.0))
def test_partial_overlap_lies_between_its_bounds(first, second, share):
    step = float(overlap.partly(first, second, share))
    assert float(overlap.in_parallel(first, second)) <= step * (1 + 1e-12)
    assert step <= overlap.in_sequence(first, second) * (1 + 1e-12)
    assert float(overlap.hidden_share(first, second, step)) == pytest.approx(share, abs=1e-6)
    assert float(overlap.exposed(first, second, share)) + second == pytest.approx(step)


@pytest.mark.parametrize("second", [0.5, 2.0])  # each side of the kink
def test_units_are_whole_and_slopes_agree(second):
    point = {"first": 1.0, "second": second, "share": 0.3}
    found = elasticities(lambda p: overlap.partly(p["first"], p["second"], p["share"]), point)
    assert sum_rule_residual(found, {"first": "s", "second": "s", "share": "1"}, "s") < 1e-12
    slope = jax.grad(overlap.partly)(1.0, second, 0.3)
    numeric = (overlap.partly(1.0 + 1e-6, second, 0.3) - overlap.partly(1.0 - 1e-6, second, 0.3)) / 2e-6
    assert float(slope) == pytest.approx(float(numeric), rel=1e-6)
