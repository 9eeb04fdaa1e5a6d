import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.errors import SpecError
from nvlinklab.serving import disagg as dg
from tests.economics.checks import Case, assert_finite, check_case

BOTH = {"p": (0.31, "s"), "d": (2.1, "s"), "np": (9.0, "GPU"), "nd": (40.0, "GPU"), "osl": (900.0, "token")}
STEP = {"base": (0.011, "s"), "each": (1.3e-4, "s"), "prefill": (0.21, "s"), "tpot": (0.03, "s"), "osl": (900.0, "token")}


def work(p):
    return dg.Work(prefill=p["p"], decode=p["d"])


def pools(p):
    return dg.Pools(prefill=p["np"], decode=p["nd"])


def both(p, limit=1e5, split=None):
    return dg.compare(lambda b: p["base"] + p["each"] * b, p["prefill"], p["tpot"], p["osl"], limit=limit, pools=split, gpus=8.0)


CASES = {
    "served": Case(lambda p: dg.requests_served(work(p), pools(p)), BOTH, "1/s", "np nd", "p d"),
    "served, prefill bound": Case(lambda p: dg.requests_served(work(p), dg.Pools(prefill=2.0, decode=p["nd"])), BOTH, "1/s", "", "p"),
    "throughput": Case(lambda p: dg.throughput_per_gpu(work(p), pools(p), p["osl"]), BOTH, "tok/s", "osl", "p d"),
    "all gpus": Case(lambda p: dg.throughput_per_gpu(work(p), pools(p), p["osl"], 72.0), BOTH, "tok/s", "osl np nd", "p d"),
    "best throughput": Case(lambda p: dg.best_throughput(work(p), p["osl"]), BOTH, "tok/s", "osl", "p d"),
    "best ratio": Case(lambda p: dg.best_ratio(work(p)), BOTH, "1", "p", "d"),
    "best pools": Case(lambda p: dg.best_pools(work(p), p["np"]).prefill, BOTH, "GPU", "p np", "d"),
    "balance": Case(lambda p: dg.balance(work(p), pools(p)), BOTH, "1"),
    "use": Case(lambda p: dg.utilisation(work(p), pools(p)).prefill, BOTH, "1", "p nd", "d np"),
    "pool rate": Case(lambda p: dg.pool_rates(work(p), pools(p)).served, BOTH, "1/s", "np nd", "p d"),
    "request work": Case(
        lambda p: dg.request_work(p["fast"], p["slow"], 8000.0, p["osl"]).total,
        {"fast": (2.5e4, "tok/s"), "slow": (1.5e3, "tok/s"), "osl": (900.0, "token")}, "s", "osl", "fast slow",
    ),
    "first token": Case(
        lambda p: dg.first_token(p["p"], p["t"], p["l"]).total,
        {"p": (0.3, "s"), "t": (0.05, "s"), "l": (61.0, "layer")}, "s", "p t", "l",
    ),
    "slow transfer": Case(
        lambda p: dg.first_token(p["p"], p["t"], p["l"]).transfer,
        {"p": (0.3, "s"), "t": (0.7, "s"), "l": (61.0, "layer")}, "s", "t", "l p",
    ),
    "transfer share": Case(lambda p: dg.transfer_share(dg.first_token(p["p"], p["t"])), {"p": (0.3, "s"), "t": (0.05, "s")}, "1", "t", "p"),
    "hiding": Case(lambda p: dg.hiding_bandwidth(p["n"], p["p"]), {"n": (4e9, "B"), "p": (0.3, "s")}, "B/s", "n", "p"),
    "aggregated": Case(lambda p: both(p).aggregated, STEP, "tok/s", "tpot osl", "base each prefill"),
    "disaggregated": Case(lambda p: both(p).disaggregated, STEP, "tok/s", "tpot osl", "base each prefill"),
    "gain": Case(lambda p: both(p).gain, STEP, "1", "base prefill", "tpot osl"),
    "interference": Case(lambda p: dg.interference_gain(work(p), 0.3), BOTH, "1", "p", "d"),
    "break-even": Case(lambda p: dg.break_even_prefill(p["d"], 0.3, 0.9), BOTH, "s", "d"),
    "gain, limited": Case(lambda p: both(p, limit=90.0).gain, STEP, "1"),
}  # fmt: skip
CASES = {name: case._replace(fn=jax.jit(case.fn)) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=5, deadline=None)
@given(factors=st.lists(st.floats(0.8, 1.2), min_size=5, max_size=5))
def test_units_slopes_and_directions(name, factors):
    check_case(CASES[name], factors)


@settings(max_examples=30, deadline=None)
@given(st.floats(1e-3, 1e2), st.floats(1e-3, 1e2), st.integers(2, 400))
def test_pools_balance(prefill, decode, gpus):
    load = dg.Work(prefill=prefill, decode=decode)
    best = dg.best_pools(load, float(gpus))
    assert float(best.total) == pytest.approx(gpus)
    rate = dg.pool_rates(load, best)
    assert float(rate.prefill) == pytest.approx(float(rate.decode), rel=1e-12)  # as many enter decode as leave prefill
    busy = dg.utilisation(load, best)
    assert float(busy.prefill) == pytest.approx(1.0) and float(busy.decode) == pytest.approx(1.0)
    assert float(dg.balance(load, best)) == pytest.approx(1.0)
    assert float(best.prefill / best.decode) == pytest.approx(float(dg.best_ratio(load)))
    assert float(dg.throughput_per_gpu(load, best, 100.0)) == pytest.approx(float(dg.best_throughput(load, 100.0)))


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-3, 1e2), st.floats(1e-3, 1e2), st.integers(2, 60), st.sampled_from([(1, 1), (1, 2), (2, 4), (8, 16)]))
def test_the_best_whole_split_is_found(prefill, decode, gpus, workers):
    load = dg.Work(prefill=prefill, decode=decode)
    if gpus < sum(workers):
        with pytest.raises(SpecError, match="hold no"):
            dg.best_split(load, gpus, *workers)
        return
    best = dg.best_split(load, gpus, *workers)
    every = [
        min(a * workers[0] / prefill, b * workers[1] / decode)
        for a in range(1, gpus)
        for b in range(1, gpus)
        if a * workers[0] + b * workers[1] <= gpus
    ]
    assert float(dg.requests_served(load, best)) == pytest.approx(max(every), rel=1e-12)
    assert float(best.prefill) % workers[0] == 0 and float(best.decode) % workers[1] == 0 and float(best.total) <= gpus
    assert float(dg.requests_served(load, best)) <= gpus / float(load.total) * (1 + 1e-12)
    busy = dg.utilisation(load, best)
    assert max(float(busy.prefill), float(busy.decode)) == pytest.approx(1.0)


def test_splits_and_comparisons_run_under_jit_and_vmap():
    works = jnp.asarray([0.1, 0.3, 1.0])
    found = jax.jit(jax.vmap(lambda p: dg.best_split(dg.Work(prefill=p, decode=2.0), 72, 8, 8).prefill))(works)
    assert np.asarray(found).tolist() == [8.0, 16.0, 24.0]

    def gain(p):
        return dg.compare(lambda b: 0.01 + 1e-4 * b, p, 0.02, 1000.0, limit=80.0).gain

    np.testing.assert_allclose(jax.jit(jax.vmap(gain))(works), gain(works), rtol=1e-12)
    assert np.isfinite(np.asarray(jax.jit(jax.vmap(jax.grad(gain)))(works))).all()


def test_many_gpus_divide_as_if_continuous():
    load = dg.Work(prefill=0.3, decode=2.0)
    assert float(dg.balance(load, dg.best_split(load, 5000))) > 0.998


@pytest.mark.parametrize("gpus", [0, 2.5, 1])
def test_too_few_or_broken_gpus_are_refused(gpus):
    with pytest.raises(SpecError):
        dg.best_split(dg.Work(prefill=1.0, decode=1.0), gpus)


@settings(max_examples=15, deadline=None)
@given(st.floats(1e-3, 0.02), st.floats(1e-5, 1e-3), st.floats(0.0, 2.0), st.floats(1.1, 20.0), st.floats(10.0, 5000.0))
def test_the_gain_at_equal_token_time_in_closed_form(base, each, prefill, slack, osl):
    found = dg.compare(lambda b: base + each * b, prefill, slack * base, osl, limit=1e7)
    stretch, own = slack / (slack - 1.0), (osl - 1.0) * each
    assert float(found.gain) == pytest.approx(stretch * (prefill + own) / (prefill + stretch * own), rel=1e-7)
    assert 1 - 1e-9 <= float(found.gain) <= stretch * (1 + 1e-9)
    assert float(found.disaggregated / found.aggregated) == pytest.approx(float(found.gain))


def test_when_disaggregation_pays():
    def step(batch):
        return 0.01 + 1e-4 * batch

    assert float(dg.compare(step, 0.0, 0.02, 1000.0, limit=1e5).gain) == pytest.approx(1.0)  # no prompts, nothing to remove
    # memory limits both batches: the worker only changes the order of its work
    assert float(dg.compare(step, 0.2, 0.1, 1000.0, limit=50.0).gain) == pytest.approx(1.0)
    found = dg.compare(step, 0.2, 0.02, 1000.0, limit=1e5, pools=dg.Pools(prefill=3.0, decode=1.0))
    assert float(found.split) < float(found.break_even_split) and float(found.gain) < 1.0  # one to one would balance here
    load = dg.Work(prefill=0.2, decode=999.0 * 0.02 / 100.0)
    best = dg.best_pools(load, 72.0)
    assert float(dg.compare(step, 0.2, 0.02, 1000.0, limit=1e5, pools=best).split) == pytest.approx(1.0)


def test_a_token_time_nobody_reaches():
    found = dg.compare(lambda b: 0.01 + 1e-4 * b, 0.2, 0.009, 1000.0, limit=1e5, pools=dg.Pools(prefill=1.0, decode=3.0))
    assert found.aggregated == 0.0 and found.disaggregated == 0.0 and np.isnan(found.gain)
    for part in ("aggregated", "disaggregated"):
        assert_finite(lambda t, p, part=part: getattr(dg.compare(lambda b: 0.01 + 1e-4 * b, p, t, 1000.0, limit=1e5), part), 0.009, 0.2)


def test_layerwise_transfer_hides_behind_prefill():
    assert float(dg.first_token(0.3, 0.05).total) == pytest.approx(0.35)
    assert float(dg.first_token(0.3, 0.05, 61.0).transfer) == pytest.approx(0.05 / 61)
    assert float(dg.first_token(0.3, 0.7, 1e12).total) == pytest.approx(0.7)


def test_edges_are_finite():
    for p, d in ((0.0, 1.0), (1.0, 0.0), (1.0, 1.0)):
        assert_finite(lambda a, b: dg.requests_served(dg.Work(prefill=a, decode=b), dg.Pools(prefill=3.0, decode=3.0)), p, d)
        assert_finite(lambda a, b: dg.balance(dg.Work(prefill=a, decode=b), dg.Pools(prefill=3.0, decode=3.0)), p, d)
    assert_finite(lambda t: dg.first_token(0.3, t, 61.0).total, 0.0)
    assert_finite(lambda p: dg.compare(lambda b: 0.01 + 1e-4 * b, p, 0.02, 1000.0, limit=1e5).gain, 0.0)


@pytest.mark.parametrize(("base", "each", "prefill", "tpot", "osl"), [(0.011, 1.3e-4, 0.21, 0.03, 900.0), (0.02, 3e-4, 1.7, 0.05, 300.0)])
def test_interference_from_ratios_is_the_gain_of_the_comparison(base, each, prefill, tpot, osl):
    found = dg.compare(lambda b: base + each * b, prefill, tpot, osl, limit=1e6)
    alone = (tpot - base) / each
    pools = dg.Work(prefill=prefill, decode=(osl - 1.0) * tpot / alone)
    assert float(dg.interference_gain(pools, base / tpot)) == pytest.approx(float(found.gain), rel=1e-9)


def test_at_break_even_the_gain_is_used_up_by_the_split():
    prefill = dg.break_even_prefill(0.04, 0.3, 0.9)
    assert float(dg.interference_gain(dg.Work(prefill=prefill, decode=0.04), 0.3)) * 0.9 == pytest.approx(1.0, rel=1e-12)
    assert np.isinf(dg.break_even_prefill(0.04, 0.3, 0.69))
