import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.serving import batching as bt
from tests.economics.checks import Case, assert_finite, check_case

STEP = {"base": (0.011, "s"), "each": (1.3e-4, "s"), "prefill": (0.21, "s")}
SIZES = {"osl": (900.0, "token"), "batch": (47.0, "request")}
CHUNK = {"step": (0.012, "s"), "prefill": (0.21, "s"), "isl": (8100.0, "token"), "chunk": (2100.0, "token"), "extra": (0.001, "s")}
LOOP = {**STEP, "osl": (900.0, "token"), "users": (61.0, "request"), "burst": (0.11, "1")}


def step(p):
    return lambda batch: p["base"] + p["each"] * batch


def loop(p, limit=None, chunked=False):
    first = (lambda b: bt.chunked_first_token(step(p)(b), p["prefill"], 8000.0, 1500.0)) if chunked else None
    return bt.closed_loop(p["users"], step(p), p["prefill"], p["osl"], burst=p["burst"], limit=limit, first=first)


def token(p):
    return bt.token_time(step(p)(p["batch"]), p["prefill"], p["batch"], p["osl"])


CASES = {
    "token time": Case(lambda p: token(p).total, {**STEP, **SIZES}, "s", rises="base each prefill batch", falls="osl"),
    "mixed step": Case(
        lambda p: bt.mixed_step(p["step"], p["prefill"], p["isl"], p["chunk"], p["extra"]).total,
        CHUNK, "s", rises="step prefill chunk extra", falls="isl",
    ),
    "chunked first token": Case(
        lambda p: bt.chunked_first_token(p["step"], p["prefill"], p["isl"], p["chunk"], p["extra"]).total,
        CHUNK, "s", rises="step prefill isl extra", falls="chunk",
    ),
    "one chunk": Case(
        lambda p: bt.chunked_first_token(p["step"], p["prefill"], p["isl"], 5.0 * p["chunk"], p["extra"]).total,
        CHUNK, "s", rises="step prefill isl extra", falls="chunk",
    ),
    "burst": Case(
        lambda p: bt.burst_wait(p["prefill"], p["n"], p["share"]),
        {"prefill": (0.2, "s"), "n": (33.0, "request"), "share": (0.3, "1")}, "s", rises="prefill n share",
    ),
    "sustainable batch": Case(
        lambda p: bt.sustainable_batch(p["chunk"], p["isl"], p["osl"]),
        {"chunk": (512.0, "token"), "isl": (8000.0, "token"), "osl": (900.0, "token")}, "1", rises="chunk osl", falls="isl",
    ),
    "prefill per step": Case(
        lambda p: bt.prefill_per_step(p["batch"], p["isl"], p["osl"]),
        {"isl": (8000.0, "token"), **SIZES}, "1", rises="batch isl", falls="osl",
    ),
    "running": Case(lambda p: loop(p).running, LOOP, "1", rises="users base each osl", falls="burst"),
    "throughput": Case(lambda p: bt.throughput(loop(p), 8.0), LOOP, "tok/s", rises="users", falls="base each prefill burst"),
    "tpot": Case(lambda p: loop(p).tpot.total, LOOP, "s", rises="users base each"),
    "latency": Case(lambda p: loop(p).latency, LOOP, "s", rises="users base each prefill burst osl"),
    "chunked loop": Case(lambda p: loop(p, chunked=True).ttft.total, LOOP, "s", rises="users base each prefill burst"),
    "full loop": Case(lambda p: loop(p, limit=20.0).ttft.total, LOOP, "s", rises="users base each prefill osl"),
    "batch within": Case(
        lambda p: bt.batch_within(step(p), p["tpot"], 1e5, p["prefill"], p["osl"]),
        {**STEP, "osl": (900.0, "token"), "tpot": (0.05, "s")}, "1", rises="tpot osl", falls="base each prefill",
    ),
}  # fmt: skip
CASES = {name: case._replace(fn=jax.jit(case.fn)) for name, case in CASES.items()}


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=5, deadline=None)
@given(factors=st.lists(st.floats(0.8, 1.2), min_size=6, max_size=6))
def test_units_slopes_and_directions(name, factors):
    check_case(CASES[name], factors)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.1, 500.0), st.floats(0.0, 2.0), st.floats(2.0, 5000.0), st.floats(1.0, 600.0), st.floats(0.0, 1.0))
def test_little_and_work_are_conserved(users, prefill, osl, limit, burst):
    found = bt.closed_loop(users, lambda b: 0.01 + 1e-4 * b, prefill, osl, limit=limit, burst=burst)
    assert float(found.running + found.waiting) == pytest.approx(users, rel=1e-9)
    assert float(found.completions * found.latency) == pytest.approx(users, rel=1e-9)
    assert float(found.running) <= min(users, limit) * (1 + 1e-9)
    assert float(found.ttft.wait) >= -1e-9 * float(found.ttft.total)
    # the worker is always busy: steps and prompts add to one second per second
    steps = found.completions * (osl - 1.0) / found.running
    assert float(steps * found.tpot.step + found.completions * prefill) == pytest.approx(1.0, rel=1e-9)


def test_no_prompts_no_interference():
    assert float(bt.token_time(0.01, 0.0, 64.0, 1000.0).total) == 0.01
    free = bt.closed_loop(64.0, 0.01, 0.0, 1000.0)
    assert float(free.running) == pytest.approx(64.0) and float(bt.throughput(free)) == pytest.approx(64 / 0.01 * 1000 / 999)
    assert float(bt.token_time(0.01, 0.2, 64.0, 1000.0, exposed=0.0).total) == 0.01


def test_prompts_alone_bound_the_rate():
    many = bt.closed_loop(1e6, lambda b: 0.01 + 1e-4 * b, 0.2, 1000.0)
    assert float(many.completions) < 1 / 0.2
    assert float(bt.closed_loop(1e6, 1e-9, 0.2, 1000.0).completions) == pytest.approx(5.0, rel=1e-3)


def test_smaller_chunks_bound_the_token_time_and_delay_the_first():
    chunks = jnp.asarray([256.0, 512.0, 1024.0, 2048.0, 8192.0])
    longest = np.asarray(bt.mixed_step(0.01, 0.4, 8192.0, chunks).total)
    first = np.asarray(bt.chunked_first_token(0.01, 0.4, 8192.0, chunks).total)
    assert (np.diff(longest) > 0).all() and (np.diff(first) < 0).all()
    assert longest[-1] == pytest.approx(0.41) and first[-1] == pytest.approx(0.41)  # one chunk: the step that holds the prompt
    assert first[0] == pytest.approx(0.4 + 32 * 0.01)


def test_whole_chunks_round_up():
    assert float(bt.chunk_count(8193.0, 4096.0, whole=True)) == 3.0
    assert float(bt.chunk_count(100.0, 4096.0)) == 1.0


def test_a_chunk_keeps_its_batch_full():
    batch = bt.sustainable_batch(512.0, 8000.0, 901.0)
    assert float(bt.prefill_per_step(batch, 8000.0, 901.0)) == pytest.approx(512.0)


def test_a_limit_turns_users_into_waiting_ones():
    waits = [float(bt.closed_loop(n, 0.01, 0.2, 1000.0, limit=32.0).ttft.wait) for n in (20.0, 32.0, 33.0, 64.0, 128.0)]
    assert waits[:2] == [0.0, 0.0] and waits[2] < waits[3] < waits[4]


def test_a_burst_waits_for_half_of_the_others():
    assert float(bt.burst_wait(0.1, 11.0)) == pytest.approx(np.mean([0.1 * k for k in range(11)]))
    assert float(bt.burst_wait(0.1, 0.5)) == 0.0


def test_batch_within_at_its_limits():
    step_of = lambda b: 0.01 + 1e-4 * b  # noqa: E731
    assert float(bt.batch_within(step_of, 0.02, 1e4)) == pytest.approx(100.0)
    assert float(bt.batch_within(step_of, 0.02, 50.0)) == 50.0
    assert float(bt.batch_within(step_of, 0.009, 50.0)) == 0.0
    for limit, tpot in ((1e4, 0.02), (50.0, 0.02), (50.0, 0.009)):
        assert_finite(lambda t, n: bt.batch_within(step_of, t, n, 0.1, 1000.0), tpot, limit)
    assert_finite(lambda t: bt.batch_within(0.01, t, 50.0), 0.02)


@pytest.mark.parametrize("limit", [None, 10.0])
@pytest.mark.parametrize("users", [0.0, 1.0, 10.0, 1e5])
def test_edges_are_finite(users, limit):
    for prefill in (0.0, 0.2):
        assert_finite(lambda n, p: bt.closed_loop(n, lambda b: 0.01 + 1e-4 * b, p, 1000.0, limit=limit).latency, users, prefill)


def test_arrays_jit_and_vmap_agree():
    users = jnp.asarray([0.5, 8.0, 64.0, 512.0])

    def run(n):
        return bt.throughput(bt.closed_loop(n, lambda b: 0.01 + 1e-4 * b, 0.2, 1000.0, limit=100.0, burst=0.2), 8.0)

    direct = np.asarray(run(users))
    np.testing.assert_allclose(jax.vmap(run)(users), direct, rtol=1e-12)
    np.testing.assert_allclose(jax.jit(run)(users), direct, rtol=1e-12)
    assert (np.diff(direct) > 0).all()
