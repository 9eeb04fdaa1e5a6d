import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.io.tables import value_row
from nvlinklab.serving import kv_transfer as kv
from nvlinklab.workload.architecture import model
from tests.economics.checks import Case, assert_finite, check_case

PATH = {"alpha": (3e-6, "s"), "lpddr": (5.0e11, "B/s"), "c2c": (4.4e11, "B/s"), "nic": (9.7e10, "B/s"), "n": (4.6e9, "B")}
COST = {"token": (3e-5, "s"), "pair": (2e-10, "s"), "alpha": (3e-4, "s"), "bw": (1.1e11, "B/s"), "b": (35136.0, "B")}


def stage(alpha, fetch, store=None):
    return kv.Stage(alpha=alpha, fetch_bw=fetch, store_bw=fetch if store is None else store)


def path(p):
    return (stage(p["alpha"], p["lpddr"], 1.3 * p["lpddr"]), stage(2.0 * p["alpha"], p["c2c"], p["lpddr"]), stage(p["alpha"], p["nic"]))


def cost(p):
    return kv.PrefillCost(token=p["token"], pair=p["pair"])


def one(p):
    return (stage(p["alpha"], p["bw"]),)


FAR = kv.Tier(capacity=1e12, stage=stage(1e-6, 4e11))
FASTER, SIZE = "lpddr c2c nic", "alpha n"
CASES = {
    "stream": Case(lambda p: kv.move_time(path(p), p["n"]).total, PATH, "s", SIZE, FASTER),
    "store": Case(lambda p: kv.move_time(path(p)[:2], p["n"], storing=True).total, PATH, "s", SIZE, FASTER),
    "store and forward": Case(lambda p: kv.store_and_forward(path(p), p["n"]).total, PATH, "s", SIZE, FASTER),
    "in pieces": Case(lambda p: kv.in_pieces(path(p), p["n"], 61.0).total, PATH, "s", SIZE, FASTER),
    "smooth": Case(lambda p: kv.smooth_bandwidth(path(p)), PATH, "B/s", FASTER),
    "within": Case(lambda p: kv.bytes_within(path(p), 1e3 * p["alpha"]), PATH, "B", "alpha lpddr c2c nic"),
    "both ways": Case(lambda p: kv.both_ways(path(p)[1], 0.8 * p["lpddr"]).fetch_bw, PATH, "B/s", "lpddr c2c"),
    "mean fetch": Case(lambda p: kv.mean_fetch_time(((), path(p)[:2], path(p)), (0.5, 0.3, 0.1), p["n"]).total, PATH, "s", SIZE, FASTER),
    "placement": Case(
        lambda p: kv.placement((kv.Tier(capacity=p["hbm"], stage=stage(0.0, 8e12)), FAR), p["n"])[1],
        {"hbm": (6e10, "B"), "n": (9e10, "B")}, "B", "n", "hbm",
    ),
    "kv bytes": Case(
        lambda p: kv.kv_bytes(model("deepseek-v3").spec, p["t"], p["e"]), {"t": (1e5, "token"), "e": (1.0, "B")}, "B", "t e"
    ),
    "prefill": Case(lambda p: kv.prefill_time(cost(p), 8000.0, 2000.0), COST, "s", "token pair"),
    "prompt": Case(lambda p: kv.prompt_time(cost(p), one(p), p["b"], 8000.0, 2000.0).total, COST, "s", "token pair alpha b", "bw"),
    "saving": Case(lambda p: kv.reuse_saving(cost(p), one(p), p["b"], 4000.0), COST, "s", "token pair bw", "alpha b"),
    "break-even tokens": Case(lambda p: kv.break_even_tokens(cost(p), one(p), p["b"]), COST, "token", "alpha b", "token pair bw"),
    "break-even tokens, slow path": Case(
        lambda p: kv.break_even_tokens(cost(p), one(p), 1e3 * p["b"]), COST, "token", "alpha b", "token pair bw"
    ),
    "break-even bandwidth": Case(
        lambda p: kv.break_even_bandwidth(p["n"], p["alpha"], p["t"]),
        {"n": (4e9, "B"), "alpha": (1e-4, "s"), "t": (0.3, "s")}, "B/s", "n alpha", "t",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=5, deadline=None)
@given(factors=st.lists(st.floats(0.8, 1.2), min_size=5, max_size=5))
def test_units_slopes_and_directions(name, factors):
    check_case(CASES[name], factors)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(1e9, 1e13), min_size=1, max_size=5), st.floats(1.0, 1e12), st.floats(1.0, 1e4))
def test_pieces_lie_between_streaming_and_store_and_forward(widths, nbytes, pieces):
    stages = tuple(stage(1e-6, w) for w in widths)
    fast, slow = float(kv.move_time(stages, nbytes).total), float(kv.store_and_forward(stages, nbytes).total)
    assert fast * (1 - 1e-12) <= float(kv.in_pieces(stages, nbytes, pieces).total) <= slow * (1 + 1e-12)
    assert float(kv.in_pieces(stages, nbytes, 1.0).total) == pytest.approx(slow, rel=1e-12)
    assert float(kv.in_pieces(stages, nbytes, 1e15).total) == pytest.approx(fast, rel=1e-9)
    low = len(widths) ** (-1 / 16)
    assert low * (1 - 1e-12) <= float(kv.smooth_bandwidth(stages) / kv.path_bandwidth(stages)) <= 1 + 1e-12


def test_a_pipeline_against_its_events():
    times, pieces = (0.3, 0.9, 0.5), 7
    free = [0.0] * len(times)
    for _ in range(pieces):
        ready = 0.0
        for i, t in enumerate(times):
            ready = max(ready, free[i]) + t / pieces
            free[i] = ready
    assert float(kv.pipelined(times, float(pieces))) == pytest.approx(free[-1], rel=1e-12)


def test_published_transfers():
    grace = (stage(0.0, 500e9), stage(0.0, value_row("nvlink-c2c-grace.bw").value))
    assert float(kv.move_time(grace, 1e9).total) == pytest.approx(2.2e-3, rel=0.02)  # 1 GB, 450 GB/s one way
    measured = (stage(0.0, value_row("nvlink-c2c-grace.bw_h2d_achieved").value),)
    assert float(kv.move_time(measured, 1e9).total) == pytest.approx(2.8e-3, rel=0.01)
    duplex = kv.both_ways(stage(0.0, 359e9), 2 * value_row("nvlink-c2c-grace.bw_duplex_achieved").value)
    assert float(duplex.fetch_bw) == pytest.approx(173.6e9)
    nic = (stage(0.0, 800e9 / 8),)
    assert float(kv.bytes_within(nic, 100e-6)) == pytest.approx(10e6)
    request = float(kv.kv_bytes(model("deepseek-v3").spec, 136e3, 1.0))
    assert request == pytest.approx(value_row("sglang_gb300_long.kv_request").value, rel=1e-3)
    assert request / 2**30 == pytest.approx(4.45, abs=0.005)
    assert float(kv.move_time(nic, kv.kv_bytes(model("deepseek-v3").spec, 131072.0, 1.0)).total) == pytest.approx(46.05e-3, rel=1e-3)


def test_tiers_hold_every_byte():
    tiers = tuple(kv.Tier(capacity=c, stage=stage(0.0, 1e12)) for c in (3.0, 5.0, 2.0))
    for need in (0.0, 2.0, 3.0, 7.5, 10.0, 14.0):
        held = [float(h) for h in kv.placement(tiers, need)]
        assert sum(held) == pytest.approx(need) and all(0 <= h <= c for h, c in zip(held, (3, 5, 2, math.inf), strict=True))
        assert all(b == 0 or a == c for (a, b), c in zip(itertools.pairwise(held), (3, 5, 2), strict=True))


@settings(max_examples=20, deadline=None)
@given(st.floats(1e-7, 1e-4), st.just(0.0) | st.floats(1e-18, 1e-8), st.floats(1e-6, 1e-2), st.floats(1e9, 1e12))
def test_at_break_even_nothing_is_saved(token, pair, alpha, bw):
    prices, way = kv.PrefillCost(fixed=1e-3, token=token, pair=pair), (stage(alpha, bw),)
    length = float(kv.break_even_tokens(prices, way, 35136.0))
    if math.isinf(length):
        assert pair == 0.0 and token <= 35136.0 / bw
        return
    worth = float(kv.reuse_saving(prices, way, 35136.0, length))
    assert abs(worth) <= 1e-9 * float(kv.move_time(way, 35136.0 * length).total) + 1e-15
    assert float(kv.reuse_saving(prices, way, 35136.0, 1.1 * length)) > 0.0
    whole = kv.prompt_time(prices, way, 35136.0, 2 * length, 0.0).total - kv.prompt_time(prices, way, 35136.0, 2 * length, length).total
    np.testing.assert_allclose(float(whole), worth, atol=1e-9 * float(kv.prefill_time(prices, 2 * length)))


def test_break_even_bandwidth_is_where_both_take_as_long():
    bw = kv.break_even_bandwidth(4e9, 1e-3, 0.2)
    assert float(kv.move_time((stage(1e-3, bw),), 4e9).total) == pytest.approx(0.2)
    assert float(kv.break_even_bandwidth(4e9, 0.3, 0.2)) == math.inf


def test_sweeps_run_under_jit_and_vmap():
    sizes = jnp.asarray([0.0, 1e6, 1e9])

    def time(n):
        return kv.in_pieces((stage(1e-6, 1e11), stage(1e-6, 4e11)), n, 8.0).total

    np.testing.assert_allclose(jax.jit(jax.vmap(time))(sizes), time(sizes), rtol=1e-12)
    lengths = jax.jit(jax.vmap(lambda a: kv.break_even_tokens(kv.PrefillCost(token=1e-5), (stage(a, 1e11),), 35136.0)))(sizes * 1e-12)
    assert (np.diff(np.asarray(lengths)) > 0).all()


def test_edges_are_finite():
    assert_finite(lambda n: kv.move_time((stage(0.0, 1e9),), n).total, 0.0)
    assert_finite(lambda r: kv.prompt_time(kv.PrefillCost(token=1e-5), (stage(1e-6, 1e9),), 100.0, 1e3, r).total, 0.0)
    assert float(kv.prompt_time(kv.PrefillCost(token=1e-5), (stage(1e-6, 1e9),), 100.0, 1e3, 0.0).fetch) == 0.0
    for alpha, pair, token in itertools.product((0.0, 1e-4), (0.0, 1e-9), (1e-8, 1e-7, 1e-6)):  # token 1e-7: as long as its transfer
        if pair or token > 1e-7:
            assert_finite(
                lambda a, p, t: kv.break_even_tokens(kv.PrefillCost(token=t, pair=p), (stage(a, 1e9),), 100.0), alpha, pair, token
            )
    assert_finite(lambda p: kv.break_even_bandwidth(1e9, 0.1, p), 0.2)
    assert_finite(lambda t: kv.bytes_within((stage(1e-3, 1e9),), t), 0.0)
