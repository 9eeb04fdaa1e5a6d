"""Dense matrix products `(m, k) x (k, n)`: tiles on processors, weights through memory, and what comes before the product.

A library cuts the output into tiles and, where these are few, the inner dimension into splits; each streaming multiprocessor works
through its tiles one after the other (wave quantisation: NVIDIA, Matrix Multiplication Background User's Guide). The time of a tiling is
the smooth maximum of its processors' work and of the bytes that must cross the memory. Some libraries search: they pick a good tiling, not
always the best. Others go by the number of rows alone (the tables of CUTLASS's scaled products in vLLM and SGLang: 64 x 64 up to 64 rows,
later 128 x 128, never a split); `fixed` says how far a kernel does, and comes out at nine tenths for these on Hopper and below two tenths
for the searching ones. Added are a latency, and for 8-bit and 4-bit products the conversion of the activations, a row at a time; vLLM's
takes whole passes of 2,048 elements.

What remains, 4 to 8 %, is the choice itself: close shapes run by different kernels, by tables inside closed libraries that no row shows.
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
from nvlinklab.calibration.kernels import PROCESSORS

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {"gemm": ("gemm_dtype", "m", "n", "k")}

FORMATS = {
    "bfloat16": (2.0, "flops_bf16"), "fp8": (1.0, "flops_fp8"), "fp8_block": (1.0, "flops_fp8"), "nvfp4": (0.5625, "flops_fp4"),
    "int8_wo": (1.0, "flops_bf16"),
}  # fmt: skip
"""Bytes per element of weights and activations (a block's scale included), and the peak the product runs at."""

OUTPUT = 2.0
"""Bytes per element of the result."""

TILINGS = np.array(
    [(16, 128, 1), (16, 128, 4), (16, 128, 8), (64, 64, 1), (64, 64, 4), (64, 128, 1), (64, 128, 2), (64, 128, 8), (64, 256, 1),
     (128, 64, 1), (128, 64, 2), (128, 64, 4), (128, 128, 1), (128, 128, 2), (128, 128, 4), (128, 128, 8), (128, 256, 1), (128, 256, 2),
     (256, 128, 1), (256, 128, 2), (256, 256, 1)],
    dtype=float,
)  # fmt: skip
"""Rows and columns of a tile and splits of the inner dimension a library may choose from."""

PASS = 2048.0
"""Elements of a row that a conversion takes at a time."""
STEP = 64.0
"""Elements of the inner dimension that are fetched at a time."""
LONG = 1e-3
"""Time after which a product runs at half of its sustained slow-down (power limit) [s]."""

PARAMETERS = (
    Parameter("alpha", "s", 0.0, 1e-3, 2e-6, 1.0, "time of an empty product", "the smallest shapes"),
    Parameter("vector", "s", 0.0, 1e-4, 1e-7, 1.5, "extra time of a product with a single row", "rows with m = 1"),
    Parameter("single", "1", 0.2, 2.0, 1.0, 0.5, "time of a product with a single row over that of other kernels", "rows with m = 1"),
    Parameter("tile", "s", 0.0, 2e-5, 1e-6, 1.0, "fixed time of a tile", "short inner dimensions"),
    Parameter("fetch", "s", 0.0, 1e-5, 2e-7, 1.0, "latency per thousand of the inner dimension", "few tiles, long inner dimension"),
    Parameter("split", "s", 0.0, 5e-5, 2e-6, 1.0, "time to join the splits of an output", "few tiles, long inner dimension"),
    Parameter("compute", "1", 0.0, 1.0, 0.85, 1.0, "share of the peak FLOP/s a full wave reaches", "large shapes"),
    Parameter("memory", "1", 0.0, 1.0, 0.88, 1.0, "share of the memory bandwidth reached", "few rows, large weights"),
    Parameter("cache", "1", 0.0, 40.0, 6.0, 1.0, "bandwidth into the processors over that of the memory", "small tiles"),
    Parameter("waves", "1", 0.0, 1.0, 0.1, 1.5, "how far waves count as whole (1: ceiling, 0: ratio)", "uneven tile counts"),
    Parameter("knee", "1", 0.3, 8.0, 2.0, 1.0, "p-norm of processors and memory", "shapes near the ridge"),
    Parameter("choice", "1", 0.3, 60.0, 12.0, 1.0, "how sharply the library prefers the faster tiling", "scatter of close shapes"),
    Parameter("fixed", "1", 0.0, 1.0, 0.2, 1.5, "how far the tiling follows from the rows alone", "65 to 1,024 rows"),
    Parameter("sustained", "1", 0.0, 2.0, 0.15, 1.0, "slow-down of long products by the power limit", "products beyond a millisecond"),
    Parameter("padding", "1", 0.0, 5.0, 0.05, 1.5, "extra memory time of a tile's unused rows", "m just above a tile"),
    Parameter("row", "s", 0.0, 1e-6, 2e-10, 1.5, "conversion of one row of activations", "many rows, short inner dimension"),
    Parameter("convert", "1", 0.0, 40.0, 0.5, 1.5, "conversion of activations in passes through memory", "many rows, narrow outputs"),
    Parameter("whole", "1", 0.0, 1.0, 0.2, 1.5, "how far conversions count whole passes of a row", "many rows, short inner dimension"),
)  # fmt: skip

FREE = frozenset({"alpha", "compute", "memory", "cache", "fetch", "row"})
"""Parameters that may differ between chips and runs of one kernel."""


def _tiled(v: Mapping[str, Float], x: Mapping[str, Float], rows: Float, cols: Float, splits: Float, block: Float) -> jax.Array:
    """Return the time of products cut into tiles of `rows` x `cols` and `splits` of the inner dimension [s]; rows come in whole blocks."""
    m, n, k, width = x["m"], x["n"], x["k"], x["width"]
    across = jnp.ceil(m / block) * block / rows
    waves = across * jnp.ceil(n / cols) * splits / x["processors"]
    counted = jnp.maximum(waves, 1.0) * (1.0 - v["waves"]) + jnp.ceil(waves) * v["waves"]
    inner = STEP * jnp.ceil(k / splits / STEP)
    flops = 2.0 * rows * cols * inner * x["processors"] / (v["compute"] * x["flops"])
    into = v["cache"] * x["mem_bw"]
    load = (rows + cols) * inner * width * x["processors"] / into
    joined = jnp.where(splits > 1, v["split"] + m * n * 4.0 * splits / into, 0.0)
    busy = counted * (v["tile"] + v["fetch"] * inner / 1e3 + jnp.sqrt(jnp.sqrt(flops**4 + load**4))) + joined
    busy = busy * (1.0 + v["sustained"] * busy / (busy + LONG))
    padding = 1.0 - m / (across * rows)
    nbytes = n * k * width * (1.0 + v["padding"] * padding) + m * k * width + m * n * OUTPUT
    return smooth_max(busy, nbytes / (v["memory"] * x["mem_bw"]), v["knee"])


def tiling_times(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    """Return the time of each tiling [s], shape (..., tilings), without what comes before and after the product."""
    v, x = ({k: jnp.asarray(a)[..., None] if jnp.ndim(a) else jnp.asarray(a) for k, a in d.items()} for d in (v, x))
    rows, cols, splits = TILINGS.T.reshape(3, *(1,) * (x["m"].ndim - 1), -1)
    return _tiled(v, x, rows, cols, splits, rows)


def ruled_time(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    """Return the time of the tiling that the number of rows decides [s], without what comes before and after the product.

    Up to 64 rows a tile is 64 x 64, in the end 128 x 128 in pairs of rows; between, 64 x 128 up to 128 rows on Hopper, and 128 x 64 up to
    256 rows on Blackwell, whose processors work in pairs.
    """
    m, paired = x["m"], x["processors"] > PROCESSORS["hopper"]
    rows = jnp.where(m <= 64.0, 64.0, jnp.where((m <= 128.0) & ~paired, 64.0, 128.0))
    cols = jnp.where(m <= 64.0, 64.0, jnp.where((m <= 256.0) & paired, 64.0, 128.0))
    return _tiled(v, x, rows, cols, 1.0, jnp.where(m > 256.0, 256.0, rows))


def time(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    """Return the time of products [s].

    Args:
        v: the parameters by name
        x: `m, n, k` (counts), `width` [B per element], `flops` [FLOP/s], `mem_bw` [B/s], `processors` (count), all of one shape
    """
    each = tiling_times(v, x)
    least = jnp.min(each, axis=-1)
    sharp = v["choice"]
    each_sharp = jnp.asarray(sharp)[..., None] if jnp.ndim(sharp) else sharp
    likely = jnp.exp(-each_sharp * jnp.log(each / least[..., None]))
    found = least * jnp.mean(likely, axis=-1) ** (-1.0 / sharp)
    chosen = jnp.exp((1.0 - v["fixed"]) * jnp.log(found) + v["fixed"] * jnp.log(ruled_time(v, x)))
    passed = x["k"] + v["whole"] * (PASS * jnp.ceil(x["k"] / PASS) - x["k"])
    before = x["m"] * (v["row"] + passed * x["width"] * v["convert"] / x["mem_bw"])
    alone = x["m"] == 1.0
    return (v["alpha"] + chosen) * jnp.where(alone, v["single"], 1.0) + before + jnp.where(alone, v["vector"], 0.0)


def columns(rows: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Return what `time` needs of each row."""
    dtype = rows["gemm_dtype"].astype(str)
    peaks = {q: kernels.numbers(rows, q) for q in {peak for _, peak in FORMATS.values()}}
    flops = np.select([(dtype == d).to_numpy() for d in FORMATS], [peaks[peak] for _, peak in FORMATS.values()], np.nan)
    return {
        **{c: rows[c].where(rows[c] > 0).to_numpy(float) for c in ("m", "n", "k")},
        "width": dtype.map({d: w for d, (w, _) in FORMATS.items()}).to_numpy(float),
        "flops": flops,
        "mem_bw": kernels.numbers(rows, "mem_bw"),
        "processors": kernels.processors(rows),
    }


OPERATOR = kernels.Operator(
    "gemm", time, PARAMETERS, FREE, lambda rows: rows["gemm_dtype"].astype(str), columns,
    ("m", "n", "k"), {},
)  # fmt: skip


def sample(rows: "pd.DataFrame", op: str = "gemm") -> "pd.DataFrame":
    """Return the rows that a fit and its cross-validation look at."""
    return kernels.thinned(rows, COLUMNS[op][:1])


def fit(rows: "pd.DataFrame", op: str = "gemm") -> dict[str, Any]:
    """Return the fitted record."""
    return kernels.fit_rows(OPERATOR._replace(name=op), rows, COLUMNS[op][:1])


def predict(rows: "pd.DataFrame", fitted: Mapping[str, Any], op: str = "gemm") -> "pd.DataFrame":
    """Return `seconds, status, reason, novelty, stratum` by row."""
    return kernels.predict_rows(OPERATOR._replace(name=op), rows, fitted)


def folds(rows: "pd.DataFrame", _op: str = "gemm") -> list[tuple[str, np.ndarray]]:
    """Return what cross-validation leaves out: thirds of the (n, k) shapes, systems, a chip."""
    third = ((rows["n"] * 7919 + rows["k"] * 104729) % 97 % 3).to_numpy()
    shapes = [(f"shapes={i}", third == i) for i in (0, 1)]
    return [*shapes, *((f"system={s}", (rows["system"] == s).to_numpy()) for s in ("gb200", "b200_sxm", "b300_sxm"))]
