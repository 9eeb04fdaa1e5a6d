import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.errors import SpecError
from nvlinklab.network.alphabeta import Link
from nvlinklab.serving import afd
from tests.economics.checks import Case, assert_finite, check_case

POINT = {
    "weights": (2e-6, "s"), "cache": (9e-6, "s"), "experts": (3e-6, "s"), "gemm": (4e-6, "s"),
    "alpha": (1.5e-6, "s"), "bw": (2e11, "B/s"), "tokens": (64.0, "token"), "width": (14336.0, "B"), "layers": (58.0, "layer"),
    "rest": (3e-5, "s"),
}  # fmt: skip


def layer(p):
    over = afd.crossing(Link(alpha=p["alpha"], bw=p["bw"]), p["tokens"] * p["width"])
    return afd.SplitLayer(
        attention=afd.StageCost(fixed=p["weights"], batch=p["cache"]),
        dispatch=over,
        ffn=afd.StageCost(fixed=p["experts"], batch=p["gemm"]),
        combine=over,
    )


def token(p, m):
    return afd.split_token(layer(p), p["layers"], m, p["rest"])


MORE = "weights cache experts gemm alpha tokens width layers rest"
CASES = {
    **{f"token, {m:g}": Case(lambda p, m=m: token(p, m).total, POINT, "s", MORE, "bw") for m in (1.0, 2.0, 3.0, 8.0)},
    "network": Case(lambda p: token(p, 1.0).network, POINT, "s", "alpha tokens width layers", "bw"),
    "ffn": Case(lambda p: token(p, 1.0).ffn, POINT, "s", "experts gemm layers"),
    "overhead": Case(lambda p: token(p, 1.0).overhead, POINT, "1", "alpha tokens width layers", "bw rest"),
    "smooth": Case(lambda p: afd.layer_time(layer(p), 3.0, 16.0), POINT, "s", "weights cache experts gemm alpha tokens width", "bw"),
    "hidden delay": Case(lambda p: afd.hidden_delay(layer(p), 8.0), POINT, "s"),
    "crossing total": Case(
        lambda p: afd.crossing_total(p["layers"], Link(alpha=p["alpha"], bw=p["bw"]), p["width"]), POINT, "s", "layers alpha width", "bw"
    ),
    "budget": Case(lambda p: afd.crossing_budget(p["alpha"], p["layers"]), POINT, "s", "alpha", "layers"),
    "bytes": Case(lambda p: afd.crossing_bytes(p["tokens"], 7168.0, p["width"], 4.0), POINT, "B", "tokens width"),
    "holding": Case(lambda p: afd.holding_devices(p["width"] * p["layers"], p["width"], 0.8), POINT, "1", "layers"),
    "pool balance": Case(lambda p: afd.pool_balance(layer(p), 3.0), POINT, "1", "experts gemm", "weights cache"),
    "throughput": Case(lambda p: afd.throughput_per_device(token(p, 2.0), p["tokens"], 8.0, 4.0), POINT, "tok/s", "bw tokens", "alpha"),
}


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=5, deadline=None)
@given(factors=st.lists(st.floats(0.8, 1.2), min_size=10, max_size=10))
def test_units_slopes_and_directions(name, factors):
    check_case(CASES[name], factors)


def seconds():
    return st.floats(0.0, 1e-4)


@settings(max_examples=40, deadline=None)
@given(st.lists(seconds(), min_size=12, max_size=12), st.integers(1, 12))
def test_brackets_parts_and_limits(t, m):
    parts = [afd.StageCost(delay=t[3 * i], fixed=t[3 * i + 1], batch=t[3 * i + 2]) for i in range(4)]
    one = afd.SplitLayer(attention=parts[0], dispatch=parts[1], ffn=parts[2], combine=parts[3])
    found = afd.split_token(one, 58.0, float(m), 1e-5)
    period = float(afd.layer_time(one, float(m)))
    assert float(found.total) == pytest.approx(58 * period + 1e-5, rel=1e-12)
    assert all(float(part) >= -1e-18 for part in (found.attention, found.ffn, found.network))
    busy = [float(afd.busy_time(s, float(m))) for s in parts]
    assert max(busy) <= period * (1 + 1e-12) and period <= sum(busy) + sum(t[0::3]) + 1e-18
    if m == 1:  # nothing is hidden
        assert period == pytest.approx(sum(t), rel=1e-12)
    hidden = float(afd.hidden_delay(one, float(m)))
    same = [afd.StageCost(delay=d, fixed=s.fixed, batch=s.batch) for s, d in zip(parts, (0.0, hidden, 0.0, hidden), strict=True)]
    covered = afd.SplitLayer(attention=same[0], dispatch=same[1], ffn=same[2], combine=same[3])
    if hidden > 0:
        assert float(afd.layer_time(covered, float(m))) == pytest.approx(max(busy), rel=1e-12)


@pytest.mark.parametrize("m", [1, 2, 3, 5, 9])
def test_the_period_against_a_simulation_of_the_ring(m):
    one = layer({name: value for name, (value, _) in POINT.items()})
    busy = [float(s.fixed + s.batch / m) for s in afd.stages(one)]
    delay = [float(s.delay) for s in afd.stages(one)]
    free, ready, layers = [0.0] * 4, [0.0] * m, 400
    for done in range(layers):
        for i in range(4):
            for part in range(m):
                start = max(ready[part], free[i])
                free[i] = start + busy[i]
                ready[part] = free[i] + delay[i]
        if done == layers // 2:
            half = ready[0]
    found = (ready[0] - half) / (layers - 1 - layers // 2)
    assert found == pytest.approx(float(afd.layer_time(one, float(m))), rel=1e-9)


def test_many_micro_batches_are_bound_by_the_slowest_stage():
    stage = afd.StageCost
    one = afd.SplitLayer(
        attention=stage(batch=9e-6), dispatch=stage(delay=1e-6, batch=4e-6), ffn=stage(batch=5e-6), combine=stage(delay=1e-6, batch=4e-6)
    )
    times = np.asarray(afd.layer_time(one, jnp.asarray([1.0, 2.0, 3.0, 4.0, 100.0])))
    assert times[0] == pytest.approx(24e-6) and (np.diff(times) <= 1e-18).all() and times[-1] == pytest.approx(9e-6)
    assert float(afd.split_token(one, 58.0, 100.0).network) == pytest.approx(0.0, abs=1e-15)
    assert float(afd.best_micro_batches(one)) == 4.0  # 2 us + 22 us / m is within 9 us from 22 / 7 on


def test_a_network_that_costs_nothing():
    free = afd.SplitLayer(
        attention=afd.StageCost(batch=9e-6), dispatch=afd.StageCost(), ffn=afd.StageCost(batch=9e-6), combine=afd.StageCost()
    )
    assert float(afd.split_token(free, 58.0, 1.0).network) == 0.0
    two = afd.split_token(free, 58.0, 2.0)
    assert float(two.total) == pytest.approx(58 * 9e-6) and float(two.ffn) == 0.0  # two micro-batches fill two pools
    assert float(afd.pool_balance(free, 2.0)) == 1.0


def test_cutting_costs_the_fixed_times():
    heavy = afd.SplitLayer(
        attention=afd.StageCost(fixed=5e-6, batch=1e-6), dispatch=afd.StageCost(), ffn=afd.StageCost(fixed=5e-6), combine=afd.StageCost()
    )
    assert float(afd.best_micro_batches(heavy)) == 1.0  # 11 us with one and with two: the fewest
    by_work = jax.jit(jax.vmap(lambda t: afd.best_micro_batches(layer({n: v for n, (v, _) in POINT.items()} | {"cache": t}))))
    assert np.asarray(by_work(jnp.asarray([1e-7, 1e-5, 1e-4]))).min() >= 1.0
    assert float(afd.layer_time(heavy, 8.0)) > float(afd.layer_time(heavy, 2.0))
    for most in (0, 1.5):
        with pytest.raises(SpecError, match="whole number"):
            afd.best_micro_batches(heavy, most)


def test_the_lpx_figures():
    assert float(afd.crossings(58.0)) == 116.0
    assert float(afd.crossing_budget(10e-6, 58.0)) == pytest.approx(0.086e-6, rel=0.01)
    for alpha, expected in ((1e-6, 116e-6), (2e-6, 232e-6)):
        assert float(afd.crossing_total(58.0, Link(alpha=alpha, bw=2e11), 0.0)) == pytest.approx(expected)
    payload = afd.crossing(Link(alpha=0.0, bw=1.6e12 / 8), afd.crossing_bytes(1.0, 7168.0, 2.0)).batch
    assert float(payload) == pytest.approx(0.0717e-6, rel=1e-3)
    stage = afd.StageCost(batch=580e-6 / 58)
    slow = afd.SplitLayer(attention=stage, dispatch=afd.StageCost(delay=1e-6), ffn=afd.StageCost(), combine=afd.StageCost(delay=1e-6))
    assert float(afd.split_token(slow, 58.0, 1.0).overhead) == pytest.approx(0.2)  # 116 of 580 us


@pytest.mark.parametrize("m", [1.0, 2.0, 7.0])
def test_edges_are_finite(m):
    zero = dict.fromkeys(POINT, 0.0) | {"bw": 2e11, "layers": 58.0, "cache": 1e-6}
    for change in ({}, {"tokens": 64.0}, {"alpha": 1e-6}):
        for name in ("alpha", "tokens", "gemm", "weights"):
            p = zero | change
            assert_finite(lambda x, p=p, name=name: token(p | {name: x}, m).total, p[name])
    assert np.isfinite(float(jax.grad(lambda a: afd.layer_time(layer(zero | {"alpha": a}), m, 16.0))(0.0)))
