"""Exchanges: both parts meet in a knee, gradients, units, constants that repeat the form, and a tree that finds its own numbers again."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration.effects import Term
from nvlinklab.calibration.exchange import Exchange, constants, fit_exchange, numbers, times
from nvlinklab.calibration.fitting import Parameter
from nvlinklab.calibration.hierarchy import LEVELS
from nvlinklab.calibration.operators import deepep, nvlink_alltoall
from nvlinklab.network.knee import knee

RATES = ("mem_bw", "nominal", "link", "net")
"""Columns in B/s."""


def a2a_rows(**columns):
    base = {"system": "gb200", "op_name": "alltoall_dispatch", "moe_dtype": "fp8", "hidden_size": 7168, "topk": 8, "num_experts": 256}
    shapes = {"num_tokens": [3, 40, 500, 9000], "moe_ep_size": [2, 4, 16, 64]}
    return pd.DataFrame(base | shapes | columns)


def deepep_rows(**columns):
    base = {"system": "h100_sxm", "engine_version": "0.5.12", "hidden_size": [7168, 4096, 2048, 7168], "num_topk": [8, 6, 2, 8]}
    shapes = {"num_token": [3, 40, 500, 9000], "num_experts": [256, 160, 8, 256], "node_num": [1, 1, 1, 4]}
    return pd.DataFrame(base | shapes | {"dispatch_sms": 20, "combine_sms": 20} | columns)


CASES = {
    "nvlink_alltoall": (nvlink_alltoall.EXCHANGE, nvlink_alltoall.frame(a2a_rows())),
    "prepare": (nvlink_alltoall.EXCHANGE, nvlink_alltoall.frame(a2a_rows(op_name="alltoall_prepare"))),
    **{op: (deepep.EXCHANGES[op], deepep.frame(deepep_rows(), op, "combine")) for op in deepep.EXCHANGES},
}


def centre(exchange):
    return {p.name: p.prior for p in exchange.parameters}


@pytest.mark.parametrize("case", CASES)
def test_gradients_equal_finite_differences(case):
    exchange, found = CASES[case]
    x, start = numbers(exchange, found), np.log(list(centre(exchange).values()))

    def logs(at):
        return jnp.log(exchange.time(dict(zip(centre(exchange), jnp.exp(at), strict=True)), x))

    exact = np.asarray(jax.jacfwd(logs)(start))
    central = np.stack([np.asarray(logs(start + m) - logs(start - m)) / 2e-5 for m in 1e-5 * np.eye(len(start))], axis=-1)
    assert exact == pytest.approx(central, abs=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_times_have_one_unit(case):
    exchange, found = CASES[case]
    power = {p.name: {"s": 1, "B/s": -1}.get(p.unit, 0) for p in exchange.parameters}
    v, x = centre(exchange), numbers(exchange, found)
    slow = exchange.time({k: a * 3.0 ** power[k] for k, a in v.items()}, {k: a / 3.0 if k in RATES else a for k, a in x.items()})
    assert np.asarray(slow) == pytest.approx(3.0 * np.asarray(exchange.time(v, x)))


@pytest.mark.parametrize("case", CASES)
def test_no_tokens_cost_the_latency_and_many_the_transfer(case):
    exchange, found = CASES[case]
    v, x = centre(exchange), numbers(exchange, found)
    scaled = {k: {s: x[k] * s for s in (1e-9, 1e9)} for k in ("tokens", "nbytes") if k in x}
    none, many = ({**x, **{k: a[s] for k, a in scaled.items()}} for s in (1e-9, 1e9))
    assert np.asarray(exchange.time(v, none)) == pytest.approx(np.asarray(exchange.latency(v, none)), rel=1e-4)
    assert np.asarray(exchange.time(v, many)) == pytest.approx(np.asarray(exchange.transfer(v, many)), rel=1e-4)


@pytest.mark.parametrize("case", CASES)
def test_faster_links_and_memories_never_cost_time(case):
    exchange, found = CASES[case]
    v, x = centre(exchange), numbers(exchange, found)
    for rate in set(RATES) & set(x):
        assert (np.asarray(exchange.time(v, x | {rate: 2.0 * x[rate]})) <= np.asarray(exchange.time(v, x))).all()


def _latency(v, x):
    return v["alpha"] * jnp.ones_like(x["nbytes"])


def _transfer(v, x):
    return x["nbytes"] / (v["share"] * 9e11)


def _time(v, x):
    return knee(_latency(v, x), _transfer(v, x), v["knee"])


TOY = Exchange(
    _time, _latency, _transfer,
    (
        Parameter("alpha", "s", 0.0, 1e-3, 1e-5, 1.0), Parameter("share", "1", 0.0, 1.0, 0.5, 1.0),
        Parameter("knee", "1", 0.3, 4.0, 1.0, 0.3),
    ),
    frozenset({"alpha"}), ("nbytes",), (Term("size", ("kind",), 0.05, along="doublings"),), most=64,
)  # fmt: skip


def test_a_fit_finds_the_numbers_again_and_tells_them_apart_by_system():
    nbytes = np.tile(2.0 ** np.arange(10, 31), 2)
    slow = np.repeat([1.0, 1.2], 21)
    step = np.where(nbytes == 2.0**20, 1.1, 1.0)
    found = pd.DataFrame(
        {
            **dict.fromkeys(LEVELS, "a"), "run": np.where(slow > 1.0, "second", "first"), "nbytes": nbytes, "doublings": np.log2(nbytes),
            "time": np.asarray(knee(2e-5 * slow, nbytes / (0.6 * 9e11), 1.0)) * step,
        }
    )  # fmt: skip
    fitted = fit_exchange(TOY, found)
    again = times(TOY, found, fitted)
    assert np.median(np.abs(again / found["time"] - 1.0)) < 0.01
    told = constants(TOY, found, fitted).groupby(found["run"]).first()
    assert told["alpha"].to_numpy() == pytest.approx([2e-5, 2.4e-5], rel=0.05)
    assert told["bandwidth"].to_numpy() == pytest.approx(0.6 * 9e11, rel=0.03)
    assert fitted["effective_parameters"] < len(fitted["parameters"]) + 21 + 2
    unlike = times(TOY, found.assign(run="third"), fitted)
    assert ((unlike > 0.9 * again) & (unlike < 1.25 * again)).all()
