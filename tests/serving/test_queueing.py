import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.errors import SpecError
from nvlinklab.serving import queueing as q
from tests.economics.checks import Case, assert_finite, check_case

LOAD = {"arrival": (6.0, "1/s"), "service": (0.4, "s")}
CASES = {
    "mm1": Case(lambda p: q.latency(q.mm1(p["arrival"] / 5.0, p["service"])), LOAD, "s", rises="arrival service"),
    "mmc": Case(lambda p: q.mmc(p["arrival"], p["service"], 4).wait, LOAD, "s", rises="arrival service"),
    "mg1": Case(
        lambda p: q.mg1(p["arrival"] / 5.0, p["service"], p["cv"]).wait, {**LOAD, "cv": (0.5, "1")}, "s", rises="arrival service cv"
    ),
    "in system": Case(lambda p: q.in_system(p["arrival"], q.mmc(p["arrival"], p["service"], 4)), LOAD, "1", rises="arrival service"),
    "in line": Case(lambda p: q.in_line(p["arrival"], q.mmc(p["arrival"], p["service"], 4)), LOAD, "1", rises="arrival service"),
    "erlang c": Case(lambda p: q.erlang_c(p["arrival"] * p["service"], 4), LOAD, "1", rises="arrival service"),
    "wait percentile": Case(lambda p: q.wait_percentile(p["arrival"], p["service"], 4, 0.99), LOAD, "s", rises="arrival service"),
    "latency percentile": Case(lambda p: q.latency_percentile(p["arrival"] / 5.0, p["service"], 0.99), LOAD, "s", rises="arrival service"),
    "within": Case(
        lambda p: q.within(p["arrival"], p["service"], 4, p["limit"]), {**LOAD, "limit": (1.0, "s")}, "1", "limit", "arrival service"
    ),
    "goodput": Case(
        lambda p: q.goodput(p["arrival"], p["service"], 4, p["limit"]), {**LOAD, "limit": (1.0, "s")}, "1/s", "limit", "service"
    ),
    "highest arrival": Case(
        lambda p: q.highest_arrival(p["service"], p["limit"], 0.9), {"service": (0.1, "s"), "limit": (1.0, "s")}, "1/s", "limit", "service"
    ),
}


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=2, deadline=None)
@given(factors=st.lists(st.floats(0.8, 1.2), min_size=3, max_size=3))
def test_units_slopes_and_directions(name, factors):
    check_case(CASES[name], factors)


@pytest.mark.parametrize(
    "servers, work, expected",
    [  # Erlang C probabilities of waiting, to three digits as tables print them; the closed sum below checks them again
        (1, 0.5, 0.5),
        (2, 1.0, 1 / 3),
        (5, 4.0, 0.554),
        (10, 8.0, 0.409),
        (100, 90.0, 0.217),
    ],
)
def test_erlang_c_against_tables_and_its_closed_sum(servers, work, expected):
    found = float(q.erlang_c(work, servers))
    assert found == pytest.approx(expected, abs=5e-4)
    top = work**servers / math.factorial(servers) / (1 - work / servers)
    assert found == pytest.approx(top / (sum(work**k / math.factorial(k) for k in range(servers)) + top), rel=1e-12)


def test_erlang_b_against_tables():
    assert float(q.erlang_b(5.0, 10)) == pytest.approx(0.018385, abs=1e-6)  # 5 erlang on 10 lines
    assert float(q.erlang_b(1.0, 0)) == 1.0


def test_thousands_of_servers_do_not_overflow():
    assert 0.0 < float(q.erlang_c(4900.0, 5000)) < 1.0
    assert np.isfinite(float(jax.grad(lambda a: q.erlang_c(a, 5000))(4900.0)))


def test_mm1_in_closed_form():
    queue = q.mm1(8.0, 0.1)
    assert float(q.latency(queue)) == pytest.approx(1 / (10 - 8))
    assert float(q.in_system(8.0, queue)) == pytest.approx(0.8 / 0.2)  # rho / (1 - rho)
    assert float(q.latency_percentile(8.0, 0.1, 0.95)) == pytest.approx(math.log(20) / 2)
    assert float(q.within(8.0, 0.1, 1, 0.7)) == pytest.approx(1 - math.exp(-2 * 0.7))
    assert float(q.highest_arrival(0.1, math.log(20) / 2, 0.95)) == pytest.approx(8.0)


def test_constant_service_halves_the_wait():
    assert float(q.mg1(8.0, 0.1, 0.0).wait) == pytest.approx(0.5 * float(q.mm1(8.0, 0.1).wait))


def test_pooling_beats_splitting():
    assert float(q.mmc(16.0, 0.1, 2).wait) < float(q.mm1(8.0, 0.1).wait)


@pytest.mark.parametrize("work", [0.5, 2.9, 3.0, 3.1, 3.9])  # c - 1 - a changes sign at 3
@pytest.mark.parametrize("limit", [0.0, 0.3, 4.0, 2000.0])
def test_the_share_in_time_is_the_integral_of_wait_and_service(work, limit):
    # wait is 0 with probability 1 - C, else exponential at rate c - a; service is exponential at rate 1
    probability = float(q.erlang_c(work, 4))
    w, step = np.linspace(0.0, limit, 40001, retstep=True)
    density = probability * (4 - work) * np.exp(-(4 - work) * w) * -np.expm1(-(limit - w))
    expected = (1 - probability) * -math.expm1(-limit) + np.sum((density[1:] + density[:-1]) / 2) * step
    if limit < 100:
        assert float(q.within(work, 1.0, 4, limit)) == pytest.approx(expected, abs=1e-6)  # trapezoids
    else:
        assert float(q.within(work, 1.0, 4, limit)) == 1.0
    assert_finite(lambda a, t: q.within(a, 1.0, 4, t), work, limit)


def test_the_wait_percentile_inverts_the_distribution():
    wait = float(q.wait_percentile(3.0, 1.0, 4, 0.99))
    assert float(q.erlang_c(3.0, 4)) * math.exp(-wait) == pytest.approx(0.01)
    assert float(q.wait_percentile(3.0, 1.0, 4, 0.1)) == 0.0


@pytest.mark.parametrize("arrival", [4.0, 4.5, 1e6])
def test_saturation_is_flagged_and_never_negative(arrival):
    queue = q.mmc(arrival, 1.0, 4)
    assert not queue.stable and queue.wait == jnp.inf and float(queue.load) == arrival / 4
    assert q.wait_percentile(arrival, 1.0, 4, 0.5) == jnp.inf
    assert q.latency_percentile(arrival, 1.0, 0.5) == jnp.inf
    assert q.goodput(arrival, 1.0, 4, 9.0) == 0.0
    for fn in (lambda a, s: q.goodput(a, s, 4, 9.0), lambda a, s: q.erlang_c(a * s, 4)):
        assert_finite(fn, arrival, 1.0)
    assert np.isfinite(float(jax.grad(lambda a: q.mmc(a, 1.0, 4).wait)(arrival)))


def test_an_empty_service_is_no_trouble():
    for servers in (1, 3):
        assert_finite(lambda a, s, n=servers: q.mmc(a, s, n).wait, 0.0, 1.0)
        assert_finite(lambda a, s, n=servers: q.wait_percentile(a, s, n, 0.99), 0.0, 1.0)
        assert_finite(lambda a, s, n=servers: q.goodput(a, s, n, 1.0), 0.0, 1.0)
    assert float(q.mmc(0.0, 1.0, 3).wait) == 0.0


def test_the_wait_never_falls_with_load_and_diverges():
    waits = np.asarray(jax.vmap(lambda a: q.mmc(a, 1.0, 4).wait)(jnp.linspace(0.0, 4.4, 45)))
    assert (np.diff(waits[waits < np.inf]) > 0).all() and (waits[40:] == np.inf).all()
    assert float(q.mmc(4.0 * (1 - 1e-9), 1.0, 4).wait) > 1e8


def test_a_part_of_a_server_is_refused():
    for servers in (0, 2.5, -1):
        with pytest.raises(SpecError, match="whole number"):
            q.mmc(1.0, 1.0, servers)


@settings(max_examples=20, deadline=None)
@given(st.floats(-30.0, 30.0))
def test_the_mean_decay_is_smooth_through_zero(x):
    expected = 1.0 if x == 0.0 else -math.expm1(-x) / x
    assert float(q.mean_decay(x)) == pytest.approx(expected, rel=1e-12)
    assert_finite(q.mean_decay, x)


def test_the_slope_of_the_mean_decay_at_zero():
    assert float(jax.grad(q.mean_decay)(0.0)) == -0.5
    assert float(jax.grad(jax.grad(q.mean_decay))(0.0)) == pytest.approx(1 / 3)
