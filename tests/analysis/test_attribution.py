import itertools
import math

import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.analysis import aumann_shapley, mixed, one_at_a_time, shapley
from nvlinklab.errors import SpecError


def rate(p):
    return 1.0 / (p["alpha"] + jnp.maximum(p["n"] / p["bw"], p["flop"] / p["flops"]))


BASE = {"alpha": 1.0, "n": 4.0, "bw": 1.0, "flop": 3.0, "flops": 1.0}
TOGGLES = {"network": {"alpha": 0.2}, "memory": {"bw": 5.0}, "compute": {"flops": 4.0}}


def by_orders(fn, base, toggles):
    """The definition, written out: the mean over all orders of switching on."""
    shares = dict.fromkeys(toggles, 0.0)
    orders = list(itertools.permutations(toggles))
    for order in orders:
        point = dict(base)
        for name in order:
            before = math.log(fn(point))
            point |= toggles[name]
            shares[name] += (math.log(fn(point)) - before) / len(orders)
    return shares


def test_shapley_is_the_mean_over_all_orders():
    assert shapley(rate, BASE, TOGGLES) == pytest.approx(by_orders(rate, BASE, TOGGLES), abs=1e-12)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(1.1, 9.0), min_size=3, max_size=3))
def test_shares_add_up_to_the_whole_gain(factors):
    toggles = {"a": {"alpha": 1.0 / factors[0]}, "b": {"bw": factors[1]}, "c": {"flops": factors[2]}}
    end = dict(BASE) | toggles["a"] | toggles["b"] | toggles["c"]
    assert sum(shapley(rate, BASE, toggles).values()) == pytest.approx(math.log(rate(end) / rate(BASE)), abs=1e-12)


def test_a_toggle_without_effect_earns_nothing():
    assert shapley(rate, BASE, {**TOGGLES, "idle": {"n": 4.0}})["idle"] == pytest.approx(0.0, abs=1e-14)


def test_naive_attribution_depends_on_the_order():
    gains = one_at_a_time(rate, BASE, TOGGLES)["compute"]
    assert gains[0] == pytest.approx(0.0, abs=1e-12)  # first of all it does nothing: memory is the bottleneck
    assert gains[-1] > 0.5
    assert gains[0] < shapley(rate, BASE, TOGGLES)["compute"] < gains[-1]


def test_two_toggles_must_not_set_the_same_input():
    with pytest.raises(SpecError, match="both 'a' and 'b' set 'bw'"):
        shapley(rate, BASE, {"a": {"bw": 2.0}, "b": {"bw": 3.0}})


def test_no_toggle_is_refused():
    with pytest.raises(SpecError, match="0 toggles"):
        shapley(rate, BASE, {})


def test_integrated_elasticities_add_up_across_a_kink():
    end = BASE | {"alpha": 0.2, "bw": 5.0, "flops": 2.0}
    shares = aumann_shapley(rate, BASE, end)
    assert sum(shares.values()) == pytest.approx(math.log(rate(end) / rate(BASE)), abs=1e-9)
    assert set(shares) == {"alpha", "bw", "flops"}


def test_integrated_elasticities_of_a_product_are_its_factors():
    shares = aumann_shapley(lambda p: p["a"] * p["b"] ** 2, {"a": 1.0, "b": 1.0}, {"a": 3.0, "b": 2.0})
    assert shares == pytest.approx({"a": math.log(3.0), "b": 2 * math.log(2.0)}, abs=1e-12)


def test_a_path_through_zero_is_refused():
    with pytest.raises(SpecError, match="positive"):
        aumann_shapley(lambda p: 1.0 + p["a"], {"a": 0.0}, {"a": 1.0})


def jumpy(p):
    return p["x"] ** 2 / p["y"] * jnp.where(p["wide"] > 4.0, 3.0, 1.0) + p["x"]


def test_a_jump_is_refused_and_located():
    with pytest.raises(SpecError, match=r"jumps by .* near .*wide=4\.?0*"):
        aumann_shapley(jumpy, {"x": 1.0, "y": 1.0, "wide": 1.0}, {"x": 2.0, "y": 3.0, "wide": 8.0})


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.3, 3.0), min_size=2, max_size=2))
def test_toggles_and_continuous_inputs_add_up_together(factors):
    start = {"x": 1.0, "y": 1.0, "wide": 1.0}
    end = {"x": factors[0], "y": factors[1], "wide": 8.0}
    shares = mixed(jumpy, start, end, {"layout": ["wide"]})
    assert sum(shares.values()) == pytest.approx(math.log(jumpy(end) / jumpy(start)), abs=1e-9)


def test_without_continuous_inputs_mixed_is_shapley():
    end = BASE | {"alpha": 0.2, "bw": 5.0, "flops": 4.0}
    owners = {"network": ["alpha"], "memory": ["bw"], "compute": ["flops"]}
    assert mixed(rate, BASE, end, owners) == pytest.approx(shapley(rate, BASE, TOGGLES), abs=1e-12)


def test_without_toggles_mixed_is_aumann_shapley():
    end = BASE | {"alpha": 0.2, "bw": 5.0}
    assert mixed(rate, BASE, end, {}) == pytest.approx(aumann_shapley(rate, BASE, end), abs=1e-9)


def test_on_the_real_model_the_parts_add_up():
    from nvlinklab import scenario as sc
    from nvlinklab._struct import leaves, replace_path

    known = [sc.build("deepseek-r1", name, 16.0, degrees={"ep": 64.0}).scenario for name in ("dgx-h200", "gb200-nvl72")]
    a, b = (replace_path(s, {p: 1.0 for p, v in leaves(s).items() if v != v}) for s in known)
    fn = lambda s: sc.metric(s, "throughput")  # noqa: E731
    shares = mixed(fn, a, b, {"domain": ["deployment.system.domain"]})
    assert sum(shares.values()) == pytest.approx(math.log(float(fn(b)) / float(fn(a))), abs=1e-9)
    assert shares["domain"] > 0.0
