import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.analysis import bottleneck, elasticities, elasticity_along, exponent_sums, gradient, handovers, interactions, tornado
from nvlinklab.analysis.sensitivity import hessian_vector, sum_rule_residual
from nvlinklab.errors import SpecError
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


def test_the_gradient_is_in_natural_units():
    point = POINT | {"flop": 1.0}
    found = gradient(step_time, point)
    assert found["alpha"] == pytest.approx(1.0)
    assert found["n"] == pytest.approx(1.0 / point["bw"])
    assert found["bw"] == pytest.approx(-point["n"] / point["bw"] ** 2)


def test_the_bottleneck_breakdown_adds_up_or_says_what_does_not():
    shares = bottleneck(step_time, POINT, UNITS, "s")
    assert list(shares) == sorted(shares, key=lambda p: -abs(shares[p]))
    with pytest.raises(SpecError, match="a unit it does not declare"):
        bottleneck(lambda p: p["n"] / p["bw"] + 5e-6, POINT, UNITS, "s")
    with pytest.raises(SpecError, match="in B"):
        bottleneck(lambda p: p["alpha"] + p["n"] / p["flops"], POINT, UNITS, "s")


@settings(max_examples=20, deadline=None)
@given(st.lists(positive(), min_size=3, max_size=3))
def test_interactions_agree_with_central_differences_of_elasticities(scale):
    names = ["alpha", "n", "bw"]
    point = {name: POINT[name] * s for name, s in zip(names, scale, strict=True)} | {"flop": 1.0, "flops": 1e15}
    found = interactions(step_time, point, names)
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    for j, path in enumerate(names):
        up, down = (elasticities(step_time, point | {path: point[path] * math.exp(h)}) for h in (1e-5, -1e-5))
        for i, other in enumerate(names):
            assert found[i, j] == pytest.approx((up[other] - down[other]) / 2e-5, abs=1e-6)


def test_a_product_has_no_interactions():
    assert np.abs(interactions(lambda p: p["a"] ** 2 * p["b"], {"a": 2.0, "b": 3.0}, ["a", "b"])).max() < 1e-12
    with pytest.raises(SpecError, match="positive"):
        interactions(lambda p: p["a"] + p["b"], {"a": 0.0, "b": 1.0}, ["a"])


def test_a_hessian_vector_product_is_the_difference_of_two_gradients():
    smooth = lambda p: p["a"] ** 3 * p["b"] + p["b"] ** 2  # noqa: E731
    point, direction, h = {"a": 2.0, "b": 3.0}, {"a": 0.5, "b": -1.0}, 1e-5
    found = hessian_vector(smooth, point, direction)
    up, down = (gradient(smooth, {p: point[p] + s * h * direction[p] for p in point}) for s in (1.0, -1.0))
    assert found == pytest.approx({p: (up[p] - down[p]) / (2 * h) for p in point}, rel=1e-6)


def test_a_tornado_takes_one_input_at_a_time_the_widest_first():
    bars = tornado(step_time, POINT | {"flop": 1.0}, {"alpha": (1e-6, 4e-6), "bw": (1e11, 9e11), "flops": (1e15, 2e15)})
    assert [bar.path for bar in bars] == ["bw", "alpha", "flops"]
    assert bars[0].at_low == pytest.approx(float(step_time(POINT | {"flop": 1.0, "bw": 1e11})))
    assert bars[-1].swing == 0.0
    with pytest.raises(SpecError, match="lower end first"):
        tornado(step_time, POINT, {"bw": (2.0, 1.0)})


def test_the_bottleneck_is_said_to_hand_over_where_it_does():
    sizes = np.geomspace(1e3, 1e9, 400)
    point = POINT | {"flop": 1.0}
    found = handovers(elasticity_along(step_time, point, "n", sizes), sizes, ["alpha", "bw"])
    assert [(h.before, h.after) for h in found] == [("alpha", "bw")]
    assert found[0].at == pytest.approx(point["alpha"] * point["bw"], rel=0.02)  # where latency equals transfer


@pytest.mark.parametrize("path", ["deployment.system.gpu.mem_bw", "deployment.layer_time", "deployment.system.scale_up.bw", "batch", "isl"])
def test_on_the_real_model_elasticities_agree_with_central_differences(path):
    from nvlinklab import scenario as sc

    s = sc.build("deepseek-r1", "gb200-nvl72", 64.0).scenario
    fn = lambda x: sc.metric(x, "throughput")  # noqa: E731
    assert elasticities(fn, s)[path] == pytest.approx(central_difference(fn, s, path), abs=1e-6)


def test_few_inputs_go_forward_and_many_backward_to_the_same_slopes(monkeypatch):
    from nvlinklab.analysis import sensitivity

    def fn(p):
        return {"time": p["a"] + p["n"] / p["bw"] ** 1.5, "rate": p["bw"] / p["a"], "zero": 0.0 * p["n"]}

    point = {"a": 1.5, "n": 7.0, "bw": 3.0}
    forward = elasticities(fn, point)
    monkeypatch.setattr(sensitivity, "FEW", 0)
    backward = elasticities(fn, point)
    for name in ("time", "rate"):
        assert forward[name] == pytest.approx(backward[name], rel=1e-14)
    assert all(math.isnan(v) for v in (*forward["zero"].values(), *backward["zero"].values()))
