"""Multi-head latent attention: the core of one layer, over a compressed cache of 512 + 64 elements per token.

Generation runs absorbed: all heads meet the same latent, which is read once (DeepSeek-V2, arXiv 2405.04434, section 2.1.3). Context runs
on keys and values unfolded per head, 192 and 128 wide. The forms are those of `nvlinklab.calibration.cores`. Blackwell's generation kernels
take heads in tiles of 8 or 16 where there are at most 32 of them or the work is short, and of 64 otherwise (the rule is public: FlashInfer,
`fmhaKernels.cuh`); Hopper's take them in tiles of 64 (FlashMLA).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nvlinklab.calibration import cores, kernels
from nvlinklab.calibration.systems import KNOWN, spec

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "context_mla": ("kv_cache_dtype", "num_heads", "batch_size", "isl"),
    "generation_mla": ("kv_cache_dtype", "num_heads", "batch_size", "isl", "step"),
}

LATENT, ROPE, QUERY, VALUE = 512.0, 64.0, 192.0, 128.0
"""Elements of the latent and of the rotary key per token; width of a head's query and value when unfolded (DeepSeek-V3)."""

WIDTHS = {"bfloat16": 2.0, "fp8": 1.0}
"""Bytes per element of the cache."""

NARROW, WIDE = 16.0, 64.0
"""Heads of a tile."""
FEW = 32.0
"""Heads up to which Blackwell's kernel takes narrow tiles whatever the length."""
SHORT, STRIDE = 1024.0, 256.0
"""Tokens per block below which it takes narrow tiles whatever the heads, and tokens by which a sequence is split."""


def _common(rows: "pd.DataFrame", heads: np.ndarray) -> dict[str, np.ndarray]:
    width = rows["kv_cache_dtype"].astype(str).map(WIDTHS).to_numpy(float)
    return {
        "batch": rows["batch_size"].where(rows["batch_size"] > 0).to_numpy(float),
        "heads": np.where(heads > 0, heads, np.nan),
        "mem_bw": kernels.numbers(rows, "mem_bw"),
        "processors": kernels.processors(rows),
        "width": width,
    }


def narrow(heads: np.ndarray, batch: np.ndarray, context: np.ndarray, processors: np.ndarray) -> np.ndarray:
    """Return whether Blackwell's generation kernel takes narrow tiles of heads, as booleans.

    Args:
        heads, batch, context, processors: counts, one per row
    """
    blocks = batch * np.ceil(heads / NARROW)
    splits = np.minimum(np.ceil(context / STRIDE), np.maximum(1.0, np.floor(processors / blocks)))
    short = (np.ceil(context / splits) <= SHORT) & (blocks <= processors)
    return (heads <= FEW) | short


def generation_columns(rows: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Return what `cores.decode_time` needs of each row."""
    x = _common(rows, rows["num_heads"].to_numpy(float))
    heads, width = x.pop("heads"), x.pop("width")
    context = (rows["step"] + rows["isl"]).to_numpy(float)
    hopper = rows["system"].isin([s for s in KNOWN if spec(s).generation == "hopper"]).to_numpy()
    small = narrow(heads, x["batch"], context, x["processors"]) & ~hopper
    tile = np.where(small, NARROW, WIDE)
    through = 2.0 * LATENT + ROPE
    return x | {
        "context": context,
        "groups": np.ceil(heads / tile),
        "tile": tile,
        "narrow": small.astype(float),
        "flop": np.full(len(rows), 2.0 * through),
        "entry": (LATENT + ROPE) * width,
        "ends": x["batch"] * heads * through * 2.0,
        "scale": np.ones(len(rows)),
        "flops": np.where(width == 1.0, kernels.numbers(rows, "flops_fp8"), kernels.numbers(rows, "flops_bf16")),
    }


def context_columns(rows: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Return what `cores.context_time` needs of each row."""
    x = _common(rows, rows["num_heads"].to_numpy(float))
    width = x.pop("width")
    isl = rows["isl"].where(rows["isl"] > 0).to_numpy(float)
    return x | {
        "isl": isl,
        "reach": isl,
        "flop": np.full(len(rows), 2.0 * (QUERY + VALUE)),
        "bytes": x["batch"] * isl * x["heads"] * 2.0 * (QUERY + VALUE) * 2.0 + 0.0 * width,
        "scale": np.ones(len(rows)),
        "flops": kernels.numbers(rows, "flops_bf16"),
    }


OPERATORS = {
    "generation_mla": kernels.Operator(
        "generation_mla", cores.decode_time, cores.DECODE, cores.DECODE_FREE, lambda rows: rows["kv_cache_dtype"].astype(str),
        generation_columns, ("num_heads", "batch_size", "step"), {"num_heads": "heads"},
    ),
    "context_mla": kernels.Operator(
        "context_mla", cores.context_time, cores.CONTEXT, cores.CONTEXT_FREE, lambda rows: rows["kv_cache_dtype"].astype(str),
        context_columns, ("num_heads", "batch_size", "isl"), {"num_heads": "heads"},
    ),
}  # fmt: skip


def sample(rows: "pd.DataFrame", _op: str) -> "pd.DataFrame":
    """Return the rows that a fit and its cross-validation look at."""
    return kernels.thinned(rows, ("kv_cache_dtype",))


def fit(rows: "pd.DataFrame", op: str) -> dict[str, Any]:
    """Return the fitted record."""
    return kernels.fit_rows(OPERATORS[op], rows, ("kv_cache_dtype",))


def predict(rows: "pd.DataFrame", fitted: Mapping[str, Any], op: str) -> "pd.DataFrame":
    """Return `seconds, status, reason, novelty, stratum` by row."""
    return kernels.predict_rows(OPERATORS[op], rows, fitted)


def folds(rows: "pd.DataFrame", _op: str) -> list[tuple[str, np.ndarray]]:
    """Return what cross-validation leaves out: counts of heads, systems, a chip."""
    heads = [(f"heads={h}", (rows["num_heads"] == h).to_numpy()) for h in (8, 16, 32)]
    return [*heads, *((f"system={s}", (rows["system"] == s).to_numpy()) for s in ("gb200", "b200_sxm", "b300_sxm"))]
