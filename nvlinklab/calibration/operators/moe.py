"""A mixture-of-experts layer on one rank: routing, two grouped products over the experts touched, and the way back.

Weights of every touched expert cross the memory once; tokens of an expert fill tiles of rows, and few experts leave processors idle. In the
measurements `balanced` spreads the token-expert pairs evenly, while a power law draws the load of each expert from a density x^-a between
one and 0.8 of the tokens and times the busiest rank. For a near one that is log-uniform with L = ln(0.8 tokens): mean load 1/L of the
largest and squared coefficient of variation L/2 - 1. The busiest of `ep` ranks (extreme of a normal sum) and the experts touched follow.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab._struct import Float
from nvlinklab.calibration import kernels
from nvlinklab.calibration.cores import smooth_max
from nvlinklab.calibration.fitting import Parameter

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "moe": ("moe_dtype", "num_tokens", "hidden_size", "inter_size", "topk", "num_experts", "moe_tp_size", "moe_ep_size", "distribution")
}

FORMATS = {
    "bfloat16": (2.0, 2.0, "flops_bf16"), "fp8": (1.0, 1.0, "flops_fp8"), "fp8_block": (1.0, 1.0, "flops_fp8"),
    "int4_wo": (0.53125, 2.0, "flops_bf16"), "nvfp4": (0.5625, 0.5625, "flops_fp4"), "w4a16_mxfp4": (0.53125, 2.0, "flops_bf16"),
    "w4a8_mxfp4_mxfp8": (0.53125, 1.0, "flops_fp8"), "w4afp8": (0.53125, 1.0, "flops_fp8"),
}  # fmt: skip
"""Bytes per element of weights (scales included) and activations, and the peak the products run at."""

SKEW = {"balanced": 0.0, "power_law_1.01": 1.01, "power_law_1.2": 1.2}
"""Exponent of the load's power law; 0 for an even spread."""
CEILING = 0.8
"""Largest load of an expert over the tokens."""
ROWS, COLS = 128.0, 128.0
"""Rows and columns of an output tile."""
OUTPUT = 2.0
"""Bytes per element of input and result."""
LONG = 1e-3
"""Time after which the products run at half of their sustained slow-down (power limit) [s]."""

PARAMETERS = (
    Parameter("alpha", "s", 0.0, 1e-3, 3e-5, 1.0, "time of a layer that does nothing", "one token"),
    Parameter("route", "s", 0.0, 1e-6, 5e-9, 1.5, "routing and sorting per token", "many tokens"),
    Parameter("expert", "s", 0.0, 1e-5, 1e-8, 1.5, "bookkeeping per expert of the rank", "many experts"),
    Parameter("block", "s", 0.0, 5e-5, 2e-6, 1.0, "fixed time of a tile", "few touched experts"),
    Parameter("walk", "s", 0.0, 1e-7, 1e-9, 1.0, "time of a tile per element of the inner dimension", "few touched experts, wide layers"),
    Parameter("memory", "1", 0.0, 1.0, 0.75, 1.0, "share of the memory bandwidth for weights", "some tokens, large experts"),
    Parameter("compute", "1", 0.0, 1.0, 0.5, 1.0, "share of the peak FLOP/s", "many tokens"),
    Parameter("padding", "1", 0.0, 256.0, 24.0, 1.0, "rows that tiles add to each touched expert", "some tokens per expert"),
    Parameter("moves", "1", 0.0, 20.0, 2.0, 1.0, "activations moved, in passes", "many tokens, narrow experts"),
    Parameter("busiest", "1", 0.0, 4.0, 1.0, 1.0, "excess of the busiest rank over its expected extreme", "power law, several ranks"),
    Parameter("touch", "1", 0.05, 20.0, 3.0, 1.0, "sensitivity of the touched experts to load", "power law, few tokens"),
    Parameter("mix", "1", 0.5, 12.0, 1.5, 1.0, "p-norm of tokens and experts in what is touched", "power law, few tokens"),
    Parameter("knee", "1", 0.5, 8.0, 2.0, 1.0, "p-norm of weights, operations and idle processors", "near the ridge"),
    Parameter("sustained", "1", 0.0, 2.0, 0.05, 1.0, "slow-down of long layers by the power limit", "layers beyond a millisecond"),
)

FREE = frozenset({"alpha", "memory", "compute", "walk", "moves", "route"})
"""Parameters that may differ between chips and runs of one kernel."""


def load(v: Mapping[str, Float], x: Mapping[str, Float]) -> tuple[jax.Array, jax.Array]:
    """Return the token-expert pairs of the busiest rank and how many of its experts they touch.

    Args:
        v: parameters `busiest`, `touch` and `mix`
        x: `tokens` (of all ranks), `topk, experts, ep, skew`
    """
    local, even = x["experts"] / x["ep"], x["tokens"] * x["topk"] / x["experts"]
    uneven = x["skew"] > 0.0
    decades = jnp.log(jnp.maximum(CEILING * x["tokens"], 3.0))
    variation = jnp.sqrt(jnp.maximum(decades / 2.0 - 1.0, 0.1))
    extreme = jnp.sqrt(2.0 * jnp.log(x["ep"]) / local) * variation * x["skew"]
    excess = jnp.where(uneven, jnp.minimum(v["busiest"] * extreme, jnp.minimum(x["ep"], 2.0 * decades) - 1.0), 0.0)
    pairs = jnp.maximum(even * local * (1.0 + excess), 1.0)
    pairs = jnp.minimum(pairs, x["tokens"] * jnp.minimum(x["topk"], local))
    each = pairs / local
    reached = jnp.clip(jnp.log1p(v["touch"] * decades * even) / decades, 1e-6, 1.0)
    spread = (each ** -v["mix"] + reached ** -v["mix"]) ** (-1.0 / v["mix"])
    touched = local * jnp.where(uneven, spread, jnp.minimum(each, 1.0))
    return pairs, jnp.clip(touched, jnp.minimum(1.0, local), local)


def time(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    """Return the time of a layer on its busiest rank [s].

    Args:
        v: the parameters by name
        x: `tokens` (of all ranks), `hidden`, `inter` (of this rank's slice), `topk, experts, ep, skew`, `matrices` (3 where gated, else 2),
            `width, moved` [B per element of weights and activations], `flops` [FLOP/s], `mem_bw` [B/s], `processors`
    """
    pairs, touched = load(v, x)
    hidden, inter, up = x["hidden"], x["inter"], x["matrices"] - 1.0
    stream = touched * x["matrices"] * hidden * inter * x["width"] / (v["memory"] * x["mem_bw"])
    rows = pairs + touched * v["padding"]
    compute = 2.0 * x["matrices"] * hidden * inter * rows / (v["compute"] * x["flops"])
    tall = touched * jnp.maximum(pairs / touched / ROWS, 1.0) / x["processors"]
    first = jnp.maximum(tall * jnp.ceil(up * inter / COLS), 1.0) * (v["block"] + v["walk"] * hidden)
    second = jnp.maximum(tall * jnp.ceil(hidden / COLS), 1.0) * (v["block"] + v["walk"] * inter)
    work = smooth_max(smooth_max(stream, compute, v["knee"]), first + second, v["knee"])
    work = work * (1.0 + v["sustained"] * work / (work + LONG))
    moved = pairs * (hidden * (x["moved"] + OUTPUT) + inter * x["matrices"] * x["moved"]) + x["tokens"] * hidden * 2.0 * OUTPUT
    local = x["experts"] / x["ep"]
    return v["alpha"] + v["route"] * x["tokens"] + v["expert"] * local + work + v["moves"] * moved / x["mem_bw"]


def columns(rows: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Return what `time` needs of each row."""

    def positive(column: str) -> np.ndarray:
        return rows[column].where(rows[column] > 0).to_numpy(float)

    dtype = rows["moe_dtype"].astype(str)
    peaks = {q: kernels.numbers(rows, q) for q in {peak for _, _, peak in FORMATS.values()}}
    kernel = rows["kernel_source"].astype(str) if "kernel_source" in rows else dtype
    ungated = kernel.str.contains("nongated").to_numpy()
    return {
        "tokens": positive("num_tokens"),
        "hidden": positive("hidden_size"),
        "inter": positive("inter_size") / positive("moe_tp_size"),
        "topk": positive("topk"),
        "experts": positive("num_experts"),
        "ep": positive("moe_ep_size"),
        "skew": rows["distribution"].astype(str).map(SKEW).to_numpy(float),
        "matrices": np.where(ungated, 2.0, 3.0),
        "width": dtype.map({d: w for d, (w, _, _) in FORMATS.items()}).to_numpy(float),
        "moved": dtype.map({d: a for d, (_, a, _) in FORMATS.items()}).to_numpy(float),
        "flops": np.select([(dtype == d).to_numpy() for d in FORMATS], [peaks[p] for _, _, p in FORMATS.values()], np.nan),
        "mem_bw": kernels.numbers(rows, "mem_bw"),
        "processors": kernels.processors(rows),
    }


OPERATOR = kernels.Operator(
    "moe", time, PARAMETERS, FREE, lambda rows: rows["moe_dtype"].astype(str), columns,
    ("num_tokens", "hidden_size", "inter_size", "topk", "num_experts", "moe_ep_size"), {"num_experts": "experts", "moe_ep_size": "ranks"},
)  # fmt: skip


def sample(rows: "pd.DataFrame", op: str = "moe") -> "pd.DataFrame":
    """Return the rows that a fit and its cross-validation look at."""
    return kernels.thinned(rows, COLUMNS[op][:1])


def fit(rows: "pd.DataFrame", op: str = "moe") -> dict[str, Any]:
    """Return the fitted record."""
    return kernels.fit_rows(OPERATOR._replace(name=op), rows, COLUMNS[op][:1])


def predict(rows: "pd.DataFrame", fitted: Mapping[str, Any], op: str = "moe") -> "pd.DataFrame":
    """Return `seconds, status, reason, novelty, stratum` by row."""
    return kernels.predict_rows(OPERATOR._replace(name=op), rows, fitted)


def folds(rows: "pd.DataFrame", _op: str = "moe") -> list[tuple[str, np.ndarray]]:
    """Return what cross-validation leaves out: counts of experts, a width of expert parallelism, systems, a chip."""
    experts = [(f"experts={n}", (rows["num_experts"] == n).to_numpy()) for n in (128, 160, 256, 512)]
    ranks = [(f"ranks={n}", (rows["moe_ep_size"] == n).to_numpy()) for n in (16, 64)]
    return [*experts, *ranks, *((f"system={s}", (rows["system"] == s).to_numpy()) for s in ("gb200", "b200_sxm", "b300_sxm"))]
