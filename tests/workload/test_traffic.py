import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nvlinklab.workload import traffic as tr
from tests.economics.checks import Case, assert_finite, check_case

RATE = {"arrival": (3.0, "1/s"), "isl": (8192.0, "token"), "osl": (1024.0, "token"), "hit": (0.4, "1")}
CASES = {
    "tokens": Case(lambda p: tr.total(tr.token_rate(p["arrival"], p["isl"], p["osl"], p["hit"])), RATE, "tok/s", "arrival isl osl", "hit"),
    "context": Case(
        lambda p: tr.mean_context(p["isl"], p["osl"], p["cv"]), {"isl": RATE["isl"], "osl": RATE["osl"], "cv": (0.5, "1")}, "token",
        "isl osl cv",
    ),
    "arrivals": Case(lambda p: tr.expected_arrivals(p["a"], p["t"]), {"a": (3.0, "1/s"), "t": (2.0, "s")}, "1", "a t"),
    "exceed": Case(lambda p: tr.arrivals_exceed(p["a"], p["t"], 8.0), {"a": (3.0, "1/s"), "t": (2.0, "s")}, "1", "a t"),
    "gap": Case(lambda p: tr.arrival_gap(p["a"], p["q"]), {"a": (3.0, "1/s"), "q": (0.6, "1")}, "s", "q", "a"),
    "uniform": Case(
        lambda p: tr.length_quantile(tr.UniformLength(nominal=p["n"], low=p["l"], high=p["h"]), p["q"]),
        {"n": (8192.0, "token"), "l": (0.6, "1"), "h": (1.0, "1"), "q": (0.6, "1")}, "token", "n l h q",
    ),
    "lognormal": Case(
        lambda p: tr.length_quantile(tr.LognormalLength(mean=p["m"], variation=p["cv"]), p["q"]),
        {"m": (800.0, "token"), "cv": (0.7, "1"), "q": (0.8, "1")}, "token", "m q",
    ),
    "hit": Case(lambda p: tr.prefix_hit_rate(p["s"], p["n"]), {"s": (0.5, "1"), "n": (8.0, "request")}, "1", "s n"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=2, deadline=None)
@given(factors=st.lists(st.floats(0.8, 1.2), min_size=4, max_size=4))
def test_units_slopes_and_directions(name, factors):
    check_case(CASES[name], factors)


def test_the_benchmark_range_has_a_mean_of_nine_tenths():
    length = tr.UniformLength(nominal=8192.0)
    assert tr.mean_length(length) == pytest.approx(0.9 * 8192)
    assert float(tr.length_variation(length)) == pytest.approx(stats.uniform(0.8, 0.2).std() / 0.9)
    assert tr.length_quantile(length, 0.0) == pytest.approx(0.8 * 8192) and tr.length_quantile(length, 1.0) == 8192.0


@settings(max_examples=10, deadline=None)
@given(st.floats(0.01, 3.0), st.floats(0.01, 0.99))
def test_lognormal_quantiles_agree_with_scipy(variation, share):
    sigma = np.sqrt(np.log1p(variation**2))
    expected = stats.lognorm(s=sigma, scale=500.0 * np.exp(-(sigma**2) / 2)).ppf(share)
    length = tr.LognormalLength(mean=500.0, variation=variation)
    assert float(tr.length_quantile(length, share)) == pytest.approx(expected, rel=1e-9)
    assert tr.mean_length(length) == 500.0 and tr.length_variation(length) == variation


def test_a_fixed_length_is_an_edge_with_slopes():
    assert float(tr.length_quantile(tr.LognormalLength(mean=500.0, variation=0.0), 0.9)) == 500.0
    assert_finite(lambda m, v, q: tr.length_quantile(tr.LognormalLength(mean=m, variation=v), q), 500.0, 0.0, 0.9)


def test_long_answers_are_seen_more_often():
    rng = np.random.default_rng(0)
    outputs = rng.lognormal(5.0, 0.8, 20000)
    steps = (outputs * (100.0 + outputs / 2)).sum() / outputs.sum()  # every step of every answer counts once
    found = tr.mean_context(100.0, outputs.mean(), outputs.std() / outputs.mean())
    assert found == pytest.approx(steps)
    assert tr.mean_context(1024.0, 512.0) == 1280.0


def test_reuse_conserves_the_prompt():
    assert tr.prefill_tokens(1000.0, 0.3) + tr.reused_tokens(1000.0, 0.3) == 1000.0
    assert tr.prefill_tokens(1000.0) == 1000.0
    assert tr.prefix_hit_rate(0.5, 1.0) == 0.0 and tr.prefix_hit_rate(0.5, 1e9) == pytest.approx(0.5)


def test_arrivals_against_the_poisson_distribution():
    for count in (0.0, 5.0, 20.0):
        assert float(tr.arrivals_exceed(3.0, 2.0, count)) == pytest.approx(stats.poisson.sf(count, 6.0), rel=1e-9)
    assert float(tr.arrival_gap(4.0, 0.5)) == pytest.approx(np.log(2) / 4)


def test_scattered_requests_fill_every_cache():
    turns, workers = 10, 4
    caches = [False] * workers
    hits = 0
    for turn in range(turns * workers):  # long enough that every worker has the same number of turns
        hits += caches[turn % workers]
        caches[turn % workers] = True
    assert tr.scattered_hit_rate(1.0, float(turns * workers), float(workers)) == pytest.approx(hits / (turns * workers))
    assert tr.scattered_hit_rate(0.5, 7.0, 1.0) == tr.prefix_hit_rate(0.5, 7.0)
