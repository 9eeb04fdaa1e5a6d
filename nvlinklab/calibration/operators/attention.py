"""Attention over plain caches (one head per query or a few): the core of one layer, with or without a sliding window.

Generation reads every cached head's keys and values once for its group of query heads; context computes the causal pairs. The forms are
those of `nvlinklab.calibration.cores`; a generation kernel counts the query heads of a group in tiles of 8 to 64.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nvlinklab.calibration import cores, kernels

if TYPE_CHECKING:
    import pandas as pd

SHAPE = ("kv_cache_dtype", "num_heads", "num_key_value_heads", "head_dim", "batch_size", "window_size")
COLUMNS = {
    "context_attention": ("attn_dtype", *SHAPE, "isl"),
    "generation_attention": (*SHAPE, "isl", "step"),
}

WIDTHS = {"bfloat16": 2.0, "fp8": 1.0}
"""Bytes per element."""

TILES = np.array([8.0, 16.0, 32.0, 64.0])
"""Query heads that a generation kernel takes at a time."""
NARROW = 32.0
"""Tile up to which the cache, not the heads, fills the long side of the matrix unit."""
BASE = 128.0
"""Head dimension for which a walk's time per token is stated."""


def _common(rows: "pd.DataFrame") -> dict[str, np.ndarray]:
    def positive(column: str) -> np.ndarray:
        return rows[column].where(rows[column] > 0).to_numpy(float)

    return {
        "batch": positive("batch_size"),
        "heads": positive("num_heads"),
        "cached": positive("num_key_value_heads"),
        "dim": positive("head_dim"),
        "window": np.where(rows["window_size"].fillna(0.0).to_numpy(float) > 0, rows["window_size"].to_numpy(float), np.inf),
        "width": rows["kv_cache_dtype"].astype(str).map(WIDTHS).to_numpy(float),
        "mem_bw": kernels.numbers(rows, "mem_bw"),
        "processors": kernels.processors(rows),
    }


def generation_columns(rows: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Return what `cores.decode_time` needs of each row."""
    x = _common(rows)
    heads, cached, dim, width = (x.pop(n) for n in ("heads", "cached", "dim", "width"))
    context = np.minimum((rows["step"] + rows["isl"]).to_numpy(float), x.pop("window"))
    group = np.maximum(heads / cached, 1.0)
    tile = TILES[np.minimum(np.searchsorted(TILES, np.nan_to_num(group, nan=1.0)), len(TILES) - 1)]
    return x | {
        "context": context,
        "groups": cached * np.ceil(group / tile),
        "tile": tile,
        "narrow": (tile <= NARROW).astype(float),
        "flop": 4.0 * dim,
        "entry": 2.0 * cached * dim * width,
        "ends": x["batch"] * heads * dim * 2.0 * 2.0,
        "scale": dim * width / (2.0 * BASE),
        "flops": np.where(width == 1.0, kernels.numbers(rows, "flops_fp8"), kernels.numbers(rows, "flops_bf16")),
    }


def context_columns(rows: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Return what `cores.context_time` needs of each row."""
    x = _common(rows)
    cached, dim, width = (x.pop(n) for n in ("cached", "dim", "width"))
    computed = rows["attn_dtype"].astype(str).map(WIDTHS).to_numpy(float)
    isl = rows["isl"].where(rows["isl"] > 0).to_numpy(float)
    moved = 2.0 * x["heads"] * 2.0 + 2.0 * cached * (2.0 + width)
    return x | {
        "isl": isl,
        "reach": np.minimum(isl, x.pop("window")),
        "flop": 4.0 * dim,
        "bytes": x["batch"] * isl * dim * moved,
        "scale": dim / BASE,
        "flops": np.where(computed == 1.0, kernels.numbers(rows, "flops_fp8"), kernels.numbers(rows, "flops_bf16")) + 0.0 * computed,
    }


OPERATORS = {
    "generation_attention": kernels.Operator(
        "generation_attention", cores.decode_time, cores.DECODE, cores.DECODE_FREE, lambda rows: rows["kv_cache_dtype"].astype(str),
        generation_columns, ("num_heads", "batch_size", "step", "head_dim"), {"num_heads": "heads"},
    ),
    "context_attention": kernels.Operator(
        "context_attention", cores.context_time, cores.CONTEXT, cores.CONTEXT_FREE,
        lambda rows: rows["attn_dtype"].astype(str) + "+" + rows["kv_cache_dtype"].astype(str),
        context_columns, ("num_heads", "batch_size", "isl", "head_dim"), {"num_heads": "heads"},
    ),
}  # fmt: skip


def sample(rows: "pd.DataFrame", op: str) -> "pd.DataFrame":
    """Return the rows that a fit and its cross-validation look at."""
    return kernels.thinned(rows, ("kv_cache_dtype", *(c for c in ("attn_dtype",) if c in COLUMNS[op])))


def fit(rows: "pd.DataFrame", op: str) -> dict[str, Any]:
    """Return the fitted record."""
    return kernels.fit_rows(OPERATORS[op], rows, ("kv_cache_dtype", *(c for c in ("attn_dtype",) if c in COLUMNS[op])))


def predict(rows: "pd.DataFrame", fitted: Mapping[str, Any], op: str) -> "pd.DataFrame":
    """Return `seconds, status, reason, novelty, stratum` by row."""
    return kernels.predict_rows(OPERATORS[op], rows, fitted)


def folds(rows: "pd.DataFrame", _op: str) -> list[tuple[str, np.ndarray]]:
    """Return what cross-validation leaves out: a count of heads, systems, a chip."""
    heads = [(f"heads={h}", (rows["num_heads"] == h).to_numpy()) for h in (8, 32)]
    return [*heads, *((f"system={s}", (rows["system"] == s).to_numpy()) for s in ("gb200", "b200_sxm", "b300_sxm"))]
