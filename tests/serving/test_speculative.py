import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.errors import SpecError
from nvlinklab.io.tables import value_row
from nvlinklab.serving import speculative as sp
from tests.economics.checks import Case, assert_finite, check_case

POINT = {
    "a": (0.75, "1"), "k": (3.0, "token"), "weights": (6e-3, "s"), "cache": (2e-5, "s"), "compute": (3e-5, "s"), "fixed": (1e-3, "s"),
    "draft": (2e-4, "s"),
}  # fmt: skip
TIMES = "weights cache compute fixed"


def cost(p):
    return sp.StepRoofline(weights=p["weights"], cache=p["cache"], compute=p["compute"], fixed=p["fixed"])


def run(p, batch):
    return sp.speculative_step(p["a"], p["k"], sp.verifier(cost(p), batch), p["draft"])


def gain(p, batch):
    return sp.speedup(p["a"], p["k"], sp.verifier(cost(p), batch), p["draft"])


CASES = {
    "tokens": Case(lambda p: sp.expected_tokens(p["a"], p["k"]), POINT, "1", "a k"),
    "tokens, sure": Case(lambda p: sp.expected_tokens(1.1 * p["a"] + 0.165, p["k"]), {**POINT, "a": (0.75, "1")}, "1", "k"),
    "by position": Case(lambda p: sp.expected_tokens_by_position(jnp.stack([p["a"], 0.9 * p["a"]])), POINT, "1", "a"),
    "acceptance": Case(lambda p: sp.acceptance_from_tokens(1.0 + p["a"], p["k"]), POINT, "1", "a", "k"),
    **{f"tpot, {b:g}": Case(lambda p, b=b: run(p, b).tpot, POINT, "s", f"{TIMES} draft", "a") for b in (4.0, 110.0, 900.0)},
    **{f"speedup, {b:g}": Case(lambda p, b=b: gain(p, b), POINT, "1", "a weights cache", "draft") for b in (4.0, 110.0, 900.0)},
    "verify, smooth": Case(lambda p: sp.verify_time(cost(p), 70.0, 3.0, 16.0), POINT, "s", TIMES),
    "free drafts": Case(lambda p: sp.free_drafts(cost(p), 16.0), POINT, "1", "weights cache", "compute"),
    "break-even batch": Case(
        lambda p: sp.break_even_batch(p["a"], p["k"], cost(p), p["draft"]), POINT, "1", "a weights cache", "compute draft"
    ),
    "break-even acceptance": Case(lambda p: sp.break_even_acceptance(p["k"], sp.verifier(cost(p), 60.0), p["draft"]), POINT, "1", "draft"),
}


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=5, deadline=None)
@given(factors=st.lists(st.floats(0.8, 1.2), min_size=7, max_size=7))
def test_units_slopes_and_directions(name, factors):
    check_case(CASES[name], factors)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.0, 1.0), st.integers(0, 12))
def test_the_geometric_sum(a, k):
    assert float(sp.expected_tokens(a, float(k))) == pytest.approx(sum(a**i for i in range(k + 1)), rel=1e-12)
    assert float(sp.expected_tokens_by_position(jnp.full((k,), a))) == pytest.approx(sum(a**i for i in range(k + 1)), rel=1e-12)
    slope = float(jax.grad(sp.expected_tokens)(a, float(k)))
    assert slope == pytest.approx(sum(i * a ** (i - 1) for i in range(1, k + 1)), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("a", [0.0, 1e-12, 0.5, 0.99, 0.990001, 1 - 1e-12, 1.0])
@pytest.mark.parametrize("k", [0.0, 0.5, 1.0, 4.0])
def test_edges_are_finite(a, k):
    assert_finite(sp.expected_tokens, a, k)
    assert np.isfinite(float(jax.grad(jax.grad(sp.expected_tokens))(a, 4.0)))
    step = sp.StepRoofline(weights=6e-3, cache=2e-5, compute=3e-5)
    assert_finite(lambda x, d: sp.speedup(x, k, sp.verifier(step, 32.0), d), a, 0.0)
    assert np.isfinite(float(jax.grad(lambda x: sp.break_even_batch(x, k, step, 1e-4))(a)))


@settings(max_examples=8, deadline=None)
@given(st.floats(0.01, 1.0), st.integers(1, 8))
def test_acceptance_inverts_the_sum(a, k):
    assert float(sp.acceptance_from_tokens(sp.expected_tokens(a, float(k)), float(k))) == pytest.approx(a, abs=1e-12)


def test_impossible_yields_have_no_acceptance():
    for tokens, drafts in ((0.5, 2.0), (3.5, 2.0), (1.5, 0.0)):
        assert np.isnan(sp.acceptance_from_tokens(tokens, drafts))
        assert np.isfinite(float(jax.grad(lambda t, d=drafts: sp.acceptance_from_tokens(t, d))(tokens)))


@settings(max_examples=20, deadline=None)
@given(st.floats(0.0, 0.999), st.integers(0, 8), st.floats(0.0, 0.5))
def test_theorem_of_leviathan(a, k, c):
    found = float(sp.speedup(a, float(k), lambda _: jnp.asarray(0.01), 0.01 * c))
    assert found == pytest.approx((1 - a ** (k + 1)) / ((1 - a) * (k * c + 1)), rel=1e-9)
    if a > c and k == 1:  # corollary 3.9: a draft pays if it is accepted more often than it costs
        assert found >= 1.0


def test_published_gain_of_multi_token_prediction():
    claimed = value_row("deepseek_isca.mtp_gain").value  # 1.8 at an acceptance of 80 to 90 percent
    yielded = [float(sp.expected_tokens(a, 1.0)) for a in (0.8, 0.9)]
    assert yielded == pytest.approx([1.8, 1.9]) and yielded[0] <= claimed * (1 + 1e-12) <= yielded[1]
    assert yielded[0] == pytest.approx(value_row("serving-mtp.step_tokens").value)
    # the module is one layer more than 61; the step is bound by memory
    assert [float(sp.speedup(a, 1.0, lambda _: 61.0, 1.0)) for a in (0.8, 0.9)] == pytest.approx([claimed] * 2, rel=0.05)
    assert float(sp.expected_tokens(sp.acceptance_from_tokens(2.37, 3.0), 3.0)) == pytest.approx(2.37)


def test_free_drafts_ride_under_the_memory_time():
    step = sp.StepRoofline(weights=6e-3, cache=0.0, compute=3e-5)
    free = float(sp.free_drafts(step, 50.0))
    assert free == pytest.approx(3.0)
    assert float(sp.verify_time(step, 50.0, 1.0 + free)) == pytest.approx(float(sp.verify_time(step, 50.0, 1.0)))
    assert float(sp.verify_time(step, 50.0, 2.0 + free)) > float(sp.verify_time(step, 50.0, 1.0))
    assert float(sp.free_drafts(step, 1e4)) == 0.0


@settings(max_examples=40, deadline=None)
@given(
    st.floats(0.0, 1.0), st.integers(1, 6), st.floats(1e-4, 1e-2), st.sampled_from([0.0, 1e-6, 1e-4]), st.floats(1e-6, 1e-4),
    st.floats(0.0, 1e-2), st.floats(0.0, 1e-3),
)  # fmt: skip
def test_it_stops_paying_at_the_break_even_batch(a, k, weights, cache, compute, fixed, draft):
    step = sp.StepRoofline(weights=weights, cache=cache, compute=compute, fixed=fixed)
    batch = float(sp.break_even_batch(a, float(k), step, draft))

    def at(b):
        return float(sp.speedup(a, float(k), sp.verifier(step, b), draft))

    if batch == 0.0:
        assert at(1e-9) <= 1 + 1e-9
    elif math.isinf(batch):
        assert min(at(b) for b in (1.0, 1e2, 1e4, 1e6)) >= 1 - 1e-9
    else:
        assert at(batch) == pytest.approx(1.0, rel=1e-9)
        assert at(0.9 * batch) >= 1 - 1e-9 >= at(1.1 * batch) - 2e-9


def test_the_best_number_of_drafts():
    step = sp.StepRoofline(weights=6e-3, cache=0.0, compute=3e-5)
    found = [float(sp.best_drafts(0.8, sp.verifier(step, b), 1e-4, 12)) for b in (1.0, 20.0, 100.0, 5000.0)]
    assert found == sorted(found, reverse=True) and found[-1] == 0.0 and found[0] > 3.0
    assert float(sp.best_drafts(1.0, sp.verifier(step, 1.0), 0.0, 5)) == 5.0
    assert float(sp.best_drafts(0.0, sp.verifier(step, 1.0), 0.0, 5)) == 0.0
    for most in (-1, 2.5):
        with pytest.raises(SpecError, match="whole number"):
            sp.best_drafts(0.8, sp.verifier(step, 1.0), 0.0, most)


def test_the_best_number_runs_under_jit_and_vmap():
    step = sp.StepRoofline(weights=6e-3, cache=0.0, compute=3e-5)
    batches = jnp.asarray([1.0, 20.0, 100.0, 5000.0])
    found = jax.jit(jax.vmap(lambda b: sp.best_drafts(0.8, sp.verifier(step, b), 1e-4, 12)))(batches)
    assert np.asarray(found).tolist() == [float(sp.best_drafts(0.8, sp.verifier(step, b), 1e-4, 12)) for b in batches]
    limits = jax.jit(jax.vmap(lambda a: sp.break_even_batch(a, 3.0, step, 1e-4)))(jnp.linspace(0.0, 1.0, 5))
    assert (np.diff(np.asarray(limits)) >= 0).all()


def test_break_even_acceptance():
    step = sp.StepRoofline(weights=6e-3, cache=0.0, compute=3e-5)
    verify = sp.verifier(step, 150.0)
    a = float(sp.break_even_acceptance(2.0, verify, 1e-4))
    assert 0.0 < a < 1.0 and float(sp.speedup(a, 2.0, verify, 1e-4)) == pytest.approx(1.0)
    assert np.isnan(sp.break_even_acceptance(2.0, sp.verifier(step, 1e4), 1e-4))
    batches = np.asarray(jax.vmap(lambda b: sp.break_even_acceptance(2.0, sp.verifier(step, b), 1e-4))(jnp.asarray([50.0, 100.0, 150.0])))
    assert (np.diff(batches) >= 0).all()
