import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.analysis import elasticities, elasticity_along, exponent_sums
from nvlinklab.analysis.sensitivity import sum_rule_residual
from tests.helpers import central_difference

UNITS = {"alpha": "s", "n": "B", "bw": "B/s", "flop": "FLOP", "flops": "FLOP/s"}
POINT = {"alpha": 2e-6, "n": 4e6, "bw": 9e11, "flop": 3e9, "flops": 2e15}


def step_time(p):
    return p["alpha"] + jnp.maximum(p["n"] / p["bw"], p["flop"] / p["flops"])


def positive():
    return st.floats(0.1, 10.0)


@settings(max_examples=60, deadline=None)
@given(st.fixed_dictionaries({name: positive() for name in POINT}))
def test_the_sum_rule_holds_on_both_sides_of_the_kink(scale):
    point = {name: POINT[name] * s for name, s in scale.items()}
    assert sum_rule_residual(elasticities(step_time, point), UNITS, "s") < 1e-12


@pytest.mark.parametrize(
    "broken",
    [
        lambda p: p["n"] / p["bw"] + 5e-6,  # a hidden latency
        lambda p: p["alpha"] * jnp.log(p["n"]),  # the logarithm of bytes
        lambda p: p["alpha"] + p["n"] / p["flops"],  # bytes over FLOP/s
    ],
)
def test_the_sum_rule_catches_a_lost_unit(broken):
    assert sum_rule_residual(elasticities(broken, POINT), UNITS, "s") > 1e-4


@pytest.mark.parametrize("path", list(POINT))
@pytest.mark.parametrize("scale", [0.2, 5.0])
def test_elasticities_agree_with_central_differences(path, scale):
    point = POINT | {"flop": POINT["flop"] * scale}  # each side of the kink
    assert elasticities(step_time, point)[path] == pytest.approx(central_difference(step_time, point, path), abs=1e-6)


def test_elasticities_of_a_time_are_its_shares():
    found = elasticities(lambda p: p["a"] + p["b"], {"a": 3.0, "b": 1.0})
    assert found == pytest.approx({"a": 0.75, "b": 0.25})


def test_a_dict_of_results_gives_one_row_each():
    found = elasticities(lambda p: {"twice": 2.0 * p["x"], "square": p["x"] ** 2}, {"x": 3.0})
    assert found["twice"]["x"] == pytest.approx(1.0)
    assert found["square"]["x"] == pytest.approx(2.0)


def test_a_zero_result_has_no_elasticity():
    assert math.isnan(elasticities(lambda p: 0.0 * p["x"], {"x": 3.0})["x"])


def test_exponent_sums_name_every_dimension_present():
    assert exponent_sums({"n": 1.0, "bw": -1.0}, UNITS) == {"s": 1.0, "B": 0.0}


def test_the_bottleneck_hands_over_along_a_sweep():
    sizes = np.geomspace(1e3, 1e9, 25)
    along = elasticity_along(step_time, POINT | {"flop": 1.0}, "n", sizes)
    assert along["n"][0] < 0.01 < 0.99 < along["n"][-1]
    assert np.all(np.diff(along["n"]) >= 0)
    for i in (0, 12, 24):
        alone = elasticities(step_time, POINT | {"flop": 1.0, "n": float(sizes[i])})
        assert along["n"][i] == pytest.approx(alone["n"], rel=1e-12)
