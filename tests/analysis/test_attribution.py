import itertools
import math

import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.analysis import aumann_shapley, one_at_a_time, shapley
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
