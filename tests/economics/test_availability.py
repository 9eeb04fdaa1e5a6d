import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nvlinklab.economics import availability as av
from nvlinklab.economics import performability as perf
from nvlinklab.economics import spares
from nvlinklab.errors import InfeasibleError, SpecError
from tests.economics.checks import Case, assert_finite, check_case

HOUR = 3600.0
REPAIR = {"mtbf": (8000 * HOUR, "s"), "mttr": (336 * HOUR, "s")}
CASES = {
    "availability": Case(lambda p: av.availability(p["mtbf"], p["mttr"]), REPAIR, "1", "mtbf", "mttr"),
    "lost": Case(
        lambda p: av.capacity_lost(av.Part(count=p["n"], loss=p["loss"], mtbf=p["mtbf"], mttr=p["mttr"])),
        {**REPAIR, "n": (18.0, "1"), "loss": (1 / 18, "1")}, "1", "n loss mttr", "mtbf",
    ),
    "k of n": Case(lambda p: av.k_of_n(av.availability(p["mtbf"], p["mttr"]), 17, 18), REPAIR, "1", "mtbf", "mttr"),
    "rate": Case(lambda p: av.failure_rate(p["n"], p["mtbf"]), {"n": (72.0, "1"), "mtbf": (1e6, "s")}, "1/s", "n", "mtbf"),
    "mtbf": Case(lambda p: av.system_mtbf(p["n"], p["mtbf"]), {"n": (72.0, "1"), "mtbf": (1e6, "s")}, "s", "mtbf", "n"),
    "expected": Case(
        lambda p: av.expected_failures(p["n"], p["mtbf"], p["t"]), {"n": (72.0, "1"), "mtbf": (1e6, "s"), "t": (1e5, "s")}, "1",
        "n t", "mtbf",
    ),
    "part mtbf": Case(
        lambda p: av.part_mtbf(p["n"], p["t"], p["k"]), {"n": (16384.0, "1"), "t": (4.7e6, "s"), "k": (419.0, "1")}, "s", "n t", "k"
    ),
    "blast": Case(
        lambda p: av.mean_blast((p["a"], p["b"]), (p["x"], p["y"])),
        {"a": (1.0, "1/s"), "b": (0.1, "1/s"), "x": (4.0, "GPU"), "y": (72.0, "GPU")}, "GPU", "x y b", "a",
    ),
    "fixed width": Case(
        lambda p: perf.total(perf.delivered(perf.failed_parts(18, p["mtbf"], p["mttr"]), perf.fixed_width(18, 16))), REPAIR, "1", "mtbf",
        "mttr",
    ),
    "survival": Case(lambda p: av.survival(p["mtbf"], p["t"]), {"mtbf": (1e6, "s"), "t": (1e5, "s")}, "1", "mtbf", "t"),
    "in repair": Case(lambda p: spares.in_repair(1000.0, p["mtbf"], p["mttr"]), REPAIR, "1", "mttr", "mtbf"),
    "pool": Case(lambda p: spares.pool_suffices(spares.in_repair(100.0, p["mtbf"], p["mttr"]), 6.0), REPAIR, "1", "mtbf", "mttr"),
    "shortage": Case(lambda p: spares.shortage(spares.in_repair(100.0, p["mtbf"], p["mttr"]), 3.0), REPAIR, "1", "mttr", "mtbf"),
    "with spares": Case(
        lambda p: spares.availability_with_spares(100.0, p["mtbf"], p["mttr"], 3.0, p["swap"]), {**REPAIR, "swap": (4 * HOUR, "s")}, "1",
        "mtbf", "mttr swap",
    ),
    "delivered": Case(
        lambda p: perf.total(perf.delivered(perf.failed_parts(18, p["mtbf"], p["mttr"]), perf.steps(18, 2))), REPAIR, "1", "mtbf", "mttr"
    ),
    "chain": Case(
        lambda p: perf.birth_death(jnp.stack([p["a"], p["b"]]), jnp.stack([p["c"], p["d"]]))[1],
        {name: (value, "1/s") for name, value in zip("abcd", (1.0, 2.0, 3.0, 5.0), strict=True)}, "1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=2, deadline=None)
@given(factors=st.lists(st.floats(0.8, 1.2), min_size=6, max_size=6))
def test_units_slopes_and_directions(name, factors):
    check_case(CASES[name], factors)


def test_availability_limits():
    assert av.availability(8000.0, 336.0) == pytest.approx(8000 / 8336)
    assert float(av.availability(jnp.asarray(jnp.inf), 336.0)) == 1.0
    assert_finite(av.availability, 8000.0, 0.0)
    assert_finite(lambda t: av.availability(jnp.inf, t), 336.0)


@pytest.mark.parametrize("a", [(0.9, 0.8, 0.5), (1.0, 0.0, 0.3), (0.0, 0.0, 1.0)])
def test_combinations_against_enumeration(a):
    exact = [0.0] * 4
    for states in itertools.product((0, 1), repeat=3):
        exact[sum(states)] += math.prod(x if up else 1 - x for x, up in zip(a, states, strict=True))
    assert np.asarray(av.working(jnp.asarray(a))) == pytest.approx(exact, abs=1e-15)
    assert float(av.series(jnp.asarray(a))) == pytest.approx(exact[3])
    assert float(av.parallel(jnp.asarray(a))) == pytest.approx(1 - exact[0])
    assert np.isfinite(jax.jacobian(av.working)(jnp.asarray(a))).all()
    assert np.isfinite(jax.grad(av.series)(jnp.asarray(a))).all()
    assert np.isfinite(jax.grad(av.parallel)(jnp.asarray(a))).all()


def test_k_of_n_against_the_binomial():
    for n, k in ((18, 17), (1200, 1150)):
        assert float(av.k_of_n(0.96, k, n)) == pytest.approx(stats.binom.sf(k - 1, n, 0.96), rel=1e-10)
    assert av.k_of_n(jnp.asarray([0.5, 0.9]), 1, 2) == pytest.approx([0.75, 0.99])
    for a in (0.0, 1.0):
        assert_finite(lambda x: av.k_of_n(x, 3, 5), a)
    assert float(av.k_of_n(0.7, 0, 5)) == pytest.approx(1.0)
    assert float(av.k_of_n(0.7, 5, 5)) == pytest.approx(0.7**5)


def test_impossible_numbers_are_refused():
    with pytest.raises(InfeasibleError, match="use needed<=3"):
        av.k_of_n(0.9, 5, 3)
    with pytest.raises(SpecError, match="whole number"):
        av.k_of_n(0.9, 1.5, 3)
    with pytest.raises(SpecError, match="confidence"):
        spares.smallest_pool(3.0, 1.0)
    with pytest.raises(SpecError, match="shape"):
        perf.birth_death(jnp.ones(3), jnp.ones(2))
    with pytest.raises(SpecError, match="parts=0"):
        perf.failed_parts(0, 1.0, 1.0)
    with pytest.raises(SpecError, match="crews"):
        perf.failed_parts(3, 1.0, 1.0, crews=0)
    with pytest.raises(SpecError, match="capacity per state"):
        perf.delivered(jnp.ones(3), jnp.ones(2))
    with pytest.raises(SpecError, match="tolerated"):
        perf.steps(3, 4)
    with pytest.raises(SpecError, match="needed"):
        perf.fixed_width(3, 0)


@settings(max_examples=6, deadline=None)
@given(st.floats(0.0, 300.0), st.integers(0, 350))
def test_the_pool_against_the_poisson_distribution(demand, pool):
    assert float(spares.pool_suffices(demand, float(pool))) == pytest.approx(stats.poisson.cdf(pool, demand), abs=1e-11)
    n = np.arange(pool, 1200)
    assert float(spares.shortage(demand, float(pool))) == pytest.approx(((n - pool) * stats.poisson.pmf(n, demand)).sum(), abs=1e-8)
    assert_finite(lambda d: spares.pool_suffices(d, float(pool)), demand)
    assert_finite(lambda d: spares.shortage(d, float(pool)), demand)


def test_slopes_of_an_idle_pool():
    assert float(jax.grad(spares.pool_suffices)(0.0, 0.0)) == -1.0
    assert float(jax.grad(spares.pool_suffices)(0.0, 1.0)) == 0.0
    assert float(jax.grad(jax.grad(spares.pool_suffices))(0.0, 0.0)) == 1.0
    assert float(jax.grad(spares.shortage)(0.0, 0.0)) == 1.0
    assert np.isfinite(jax.jit(jax.vmap(spares.pool_suffices, in_axes=(None, 0)))(3.0, jnp.arange(5.0))).all()


@settings(max_examples=8, deadline=None)
@given(st.floats(0.0, 60.0), st.floats(0.05, 0.999))
def test_the_smallest_pool_is_the_quantile(demand, confidence):
    found = spares.smallest_pool(demand, confidence)
    assert stats.poisson.cdf(found, demand) >= confidence - 1e-12
    assert found == 0 or stats.poisson.cdf(found - 1, demand) < confidence + 1e-12


def test_small_fleets_need_relatively_more_spares():
    # 8000 h between failures, two weeks of repair: 42 of 1000 racks are in repair, and 95 % need 53; 10 racks need 2
    assert spares.in_repair(1000.0, 8000.0, 336.0) == pytest.approx(42.0)
    shares = [spares.smallest_pool(spares.in_repair(n, 8000.0, 336.0), 0.95) / n for n in (10.0, 100.0, 1000.0)]
    assert shares == [0.2, 0.08, 0.053]


def test_spares_help_up_to_the_swap():
    found = [float(spares.availability_with_spares(100.0, 8000.0, 336.0, s, 4.0)) for s in (0.0, 2.0, 5.0, 50.0)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(1 - 340 / 8000)
    assert found[-1] == pytest.approx(1 - 4 / 8000, abs=1e-12)


def generator_solution(up, down):
    n = len(up) + 1
    q = np.zeros((n, n))
    for i in range(n - 1):
        q[i, i + 1], q[i + 1, i] = up[i], down[i]
    q -= np.diag(q.sum(axis=1))
    return np.linalg.lstsq(np.vstack([q.T, np.ones(n)]), np.append(np.zeros(n), 1.0), rcond=None)[0]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.1, 3.0)), min_size=5, max_size=5))
def test_the_chain_against_its_generator(rates):
    up, down = np.array(rates).T
    found = np.asarray(perf.birth_death(up, down))
    assert found.sum() == pytest.approx(1.0, abs=1e-12) and (found >= 0).all()
    assert found == pytest.approx(generator_solution(up, down), abs=1e-9)


def test_enough_crews_make_the_parts_independent():
    found = np.asarray(perf.failed_parts(18, 8000.0, 336.0))
    assert found == pytest.approx(stats.binom.pmf(np.arange(19), 18, 336 / 8336), abs=1e-14)
    # Little's law: failures per hour times hours of repair are the parts in repair
    expected = (found * np.arange(19)).sum()
    assert expected == pytest.approx((18 - expected) / 8000 * 336)


def test_one_crew_lets_failures_queue():
    one, many = (np.asarray(perf.failed_parts(18, 8000.0, 336.0, crews)) for crews in (1, None))
    assert one[0] < many[0]
    assert one == pytest.approx(generator_solution((18 - np.arange(18.0)) / 8000, np.full(18, 1 / 336)), abs=1e-12)


def test_a_chain_cannot_overflow_and_has_slopes_at_rate_zero():
    assert np.asarray(perf.birth_death(jnp.full(400, 1e3), jnp.ones(400)))[-1] == pytest.approx(0.999)
    assert np.asarray(perf.birth_death(jnp.full(400, 1e-3), jnp.ones(400)))[0] == pytest.approx(0.999)
    slopes = jax.jacobian(lambda up: perf.birth_death(up, jnp.ones(2)))(jnp.zeros(2))
    np.testing.assert_allclose(slopes, [[-1, 0], [1, 0], [0, 0]])


def test_degraded_operation_delivers_between_none_and_the_mean():
    states = perf.failed_parts(18, 8000.0, 336.0)
    strict, lenient = (float(perf.total(perf.delivered(states, perf.steps(18, t)))) for t in (0, 18))
    assert strict == pytest.approx(float(av.k_of_n(8000 / 8336, 18, 18)))
    assert lenient == pytest.approx(8000 / 8336)  # capacity is the mean number of working parts
    some = perf.delivered(states, perf.steps(18, 1))
    assert strict < float(perf.total(some)) < lenient
    assert float(some.intact) == pytest.approx(strict)
    assert float(some.degraded) == pytest.approx(17 / 18 * float(states[1]))
    assert float(av.capacity_lost(av.Part(count=18.0, mtbf=8000.0, mttr=336.0, loss=1 / 18))) == pytest.approx(1 - lenient)


def test_a_fixed_width_is_k_of_n_times_its_share():
    states = perf.failed_parts(18, 8000.0, 336.0)
    for needed in (14, 16, 18):
        found = float(perf.total(perf.delivered(states, perf.fixed_width(18, needed))))
        assert found == pytest.approx(needed / 18 * float(av.k_of_n(8000 / 8336, needed, 18)))


def test_counts_of_failures_come_back():
    one = av.part_mtbf(16384.0, 54 * 24 * HOUR, 419.0)
    assert one / HOUR == pytest.approx(16384 * 1296 / 419)
    assert av.expected_failures(16384.0, one, 54 * 24 * HOUR) == pytest.approx(419.0)
    assert av.mean_blast((9.0, 1.0), (4.0, 72.0)) == pytest.approx(10.8)


def simulated_trays(parts, mtbf, mttr, until, seed):
    """Share of time with 0, 1, ... failed parts, event by event, in NumPy."""
    random = np.random.default_rng(seed)
    clock, down, spent = 0.0, 0, np.zeros(parts + 1)
    while clock < until:
        fail, repair = (parts - down) / mtbf, down / mttr
        step = random.exponential(1.0 / (fail + repair))
        spent[down] += step
        clock += step
        down += 1 if random.random() * (fail + repair) < fail else -1
    return spent / spent.sum()


def test_the_chain_against_a_simulation():
    # 20,000 repairs: the share of time in a state has a standard error of about a percent of itself
    found = simulated_trays(18, 8000.0, 336.0, 20_000 * 8000 / 18, seed=7)
    np.testing.assert_allclose(found[:4], np.asarray(perf.failed_parts(18, 8000.0, 336.0))[:4], rtol=0.06)


def simulated_pool(running, mtbf, repair, pool, until, seed):
    """Mean units missing with a pool of spares and repairs of fixed length: Palm's theorem asks nothing of their distribution."""
    random = np.random.default_rng(seed)
    failures = np.cumsum(random.exponential(mtbf / running, int(until * running / mtbf)))
    events = np.concatenate([failures, failures + repair])
    order = np.argsort(events)
    level = np.cumsum(np.repeat([1, -1], failures.size)[order])[:-1]
    spent = np.diff(events[order])
    return (np.maximum(level - pool, 0) * spent).sum() / spent.sum()


def test_the_shortage_against_a_simulation():
    demand = float(spares.in_repair(1000.0, 8000.0, 504.0))
    found = simulated_pool(1000.0, 8000.0, 504.0, 63, 8e5, seed=11)
    assert found == pytest.approx(float(spares.shortage(demand, 63.0)), rel=0.1)


def test_a_sweep_is_a_vmap():
    found = jax.jit(jax.vmap(lambda t: perf.failed_parts(4, t, 10.0)[0]))(jnp.asarray([10.0, 100.0, 1000.0]))
    assert (np.diff(found) > 0).all()
