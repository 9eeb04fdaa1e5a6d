"""Attention cores on a GPU: one form for generation, one for context, whatever the kind of attention.

Both are rooflines with the structure of the kernels in them. Generation walks a sequence's cache: blocks of heads go to processors, long
sequences are split over idle processors and joined (FlashDecoding: Dao et al. 2023). Context computes causal tiles; a row of tiles is
walked from start to end, which bounds a single long sequence with few heads (FlashAttention-2: Dao 2023, section 3.2).
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from nvlinklab._struct import Float
from nvlinklab.calibration.fitting import Parameter

TILE = 128.0
"""Rows of queries a block of a context kernel works on."""

DECODE = (
    Parameter("alpha", "s", 0.0, 1e-4, 9e-6, 1.0, "time of an empty kernel", "one short sequence"),
    Parameter("block", "s", 0.0, 5e-5, 3e-6, 1.0, "fixed time of a block", "many short sequences"),
    Parameter("walk", "s", 0.0, 1e-6, 5e-9, 1.0, "time of a block per token where nothing else limits", "few sequences"),
    Parameter("join", "s", 0.0, 5e-5, 3e-6, 1.0, "time to join a split sequence", "few long sequences"),
    Parameter("chunk", "1", 1.0, 8192.0, 256.0, 1.0, "tokens below which a sequence is not split", "few sequences of middling length"),
    Parameter("most", "1", 1.0, 512.0, 64.0, 1.0, "splits of a sequence at most", "few very long sequences"),
    Parameter("compute", "1", 0.0, 1.0, 0.4, 1.0, "share of the peak FLOP/s", "many heads per cached head"),
    Parameter("narrow", "1", 0.0, 1.0, 0.1, 1.0, "share of the peak FLOP/s in narrow head tiles", "few heads per cached head"),
    Parameter("memory", "1", 0.0, 1.0, 0.75, 1.0, "share of the memory bandwidth", "long sequences"),
    Parameter("queries", "1", 0.0, 4.0, 0.5, 1.0, "share of the memory bandwidth for queries and outputs", "many heads, short sequences"),
    Parameter("waves", "1", 0.0, 1.0, 0.3, 1.5, "how far rounds of blocks count as whole (1: ceiling, 0: ratio)", "uneven batches"),
    Parameter("knee", "1", 0.5, 8.0, 2.0, 1.0, "p-norm between processors and memory", "near the ridge"),
)

CONTEXT = (
    Parameter("alpha", "s", 0.0, 1e-4, 1.2e-5, 1.0, "time of an empty kernel", "one short prompt"),
    Parameter("walk", "s", 0.0, 1e-6, 1.2e-8, 1.0, "time of a row of tiles per token", "one long prompt with few heads"),
    Parameter("compute", "1", 0.0, 1.0, 0.5, 1.0, "share of the peak FLOP/s", "long prompts"),
    Parameter("memory", "1", 0.0, 2.0, 0.4, 1.0, "share of the memory bandwidth for queries, keys, values, outputs", "many short prompts"),
    Parameter("block", "s", 0.0, 1e-4, 1e-6, 1.0, "fixed time of a block", "many short prompts"),
    Parameter("knee", "1", 0.5, 8.0, 2.0, 1.0, "p-norm between a long row and the whole", "few heads"),
    Parameter("ridge", "1", 0.5, 8.0, 2.0, 1.0, "p-norm between operations and bytes", "middling prompts"),
)


DECODE_FREE = frozenset({"alpha", "block", "compute", "narrow", "memory", "queries"})
CONTEXT_FREE = frozenset({"alpha", "walk", "compute", "memory", "block"})
"""Parameters that may differ between chips and runs of one kernel."""


def smooth_max(a: Float, b: Float, p: Float) -> jax.Array:
    """Return the p-norm of two times [s], above the larger by at most `2^(1/p)`."""
    large, small = jnp.maximum(a, b), jnp.minimum(a, b)
    return large * (1.0 + (small / large) ** p) ** (1.0 / p)


def decode_time(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    """Return the time of a generation core [s].

    Args:
        v: parameters of `DECODE` by name
        x: per row: `batch` (sequences), `context` (tokens met), `groups` (blocks of heads per sequence), `tile` (heads a block counts for),
            `narrow` (1 for narrow head tiles), `flop` (per token, head), `entry` [B per token and sequence], `ends` [B of queries and
            outputs], `scale` (width of a cached entry over 128), `flops` [FLOP/s], `mem_bw` [B/s], `processors`
    """
    blocks = x["batch"] * x["groups"]
    idle = jnp.maximum(jnp.floor(x["processors"] / blocks), 1.0)
    long = jnp.maximum(x["context"] / v["chunk"], 1.0)
    splits = jnp.maximum(jnp.minimum(jnp.minimum(idle, long), v["most"]), 1.0)
    rounds = blocks * splits / x["processors"]
    rounds = (1.0 - v["waves"]) * jnp.maximum(rounds, 1.0) + v["waves"] * jnp.ceil(rounds - 1e-6)
    share = jnp.where(x["narrow"] > 0.5, v["narrow"], v["compute"])
    per_token = v["walk"] * x["scale"] + x["tile"] * x["flop"] * x["processors"] / (share * x["flops"])
    busy = rounds * (v["block"] + x["context"] / splits * per_token)
    stream = x["batch"] * x["context"] * x["entry"] / (v["memory"] * x["mem_bw"]) + x["ends"] / (v["queries"] * x["mem_bw"])
    return v["alpha"] + smooth_max(busy, stream, v["knee"]) + v["join"] * (1.0 - 1.0 / splits)


def context_time(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    """Return the time of a context core [s].

    Args:
        v: parameters of `CONTEXT` by name
        x: per row: `batch` (prompts), `isl` (new tokens), `reach` (tokens a row meets at most), `heads`, `flop` (per pair and head),
            `bytes` [B moved in all], `scale` (width of a head over 128), `flops` [FLOP/s], `mem_bw` [B/s], `processors`
    """
    rows = jnp.ceil(x["isl"] / TILE)
    reach = jnp.minimum(jnp.ceil(x["reach"] / TILE), rows)
    pairs = TILE * TILE * (reach * (reach + 1.0) / 2.0 + (rows - reach) * (reach + 1.0))
    blocks = x["batch"] * x["heads"] * rows / x["processors"]
    compute = x["batch"] * x["heads"] * x["flop"] * pairs / (v["compute"] * x["flops"]) + blocks * v["block"]
    moved = x["bytes"] / (v["memory"] * x["mem_bw"])
    whole = smooth_max(compute, moved, v["ridge"])
    return v["alpha"] + smooth_max(whole, v["walk"] * x["scale"] * reach * TILE, v["knee"])


__all__ = ["CONTEXT", "CONTEXT_FREE", "DECODE", "DECODE_FREE", "context_time", "decode_time", "smooth_max"]
