"""Expert-parallel exchange over NVLink (TensorRT-LLM's one- and two-sided kernels): prepare, dispatch, combine.

A token goes to `min(top_k, ranks) x (1 - 1/ranks)` other ranks, because the measuring party deals experts out evenly: that many copies of
its vector leave a GPU. Beside the links stands what a GPU does for a token whether or not it travels: slots are looked up, written and
summed in its own memory, which decides between two ranks and hardly matters among eight.

    local  = tokens (slot + vector / (local x memory bandwidth))
    remote = tokens copies (vector + header) / (share x NVLink) (1 + peers ((ranks - 8) / 56)^1.5)
    T      = knee(alpha(ranks), p-norm of local and remote) x profile(tokens)

A copy costs the same among 8 and 16 ranks and a sixth more among 64, hence the exponent 1.5; which of many peers, buffers or address
translation makes it so the rows do not tell, as nothing lies between. The one-sided kernels were measured up to 16 ranks only: beyond,
their `peers` is its prior, the two-sided kernels' value. `alpha` grows with the logarithm of the ranks (stages of a barrier) and by a step
where they leave a tray of four. Preparing sends next to nothing; a rank saves what concerns the ranks that a token does not reach.

What remains is 2 to 3 %: single calls of up to 32 tokens scatter by 5 %, the first ones of a run (of 1 or 2 tokens over 16 or 64 ranks) by
factors, and a step of a tenth near 16 thousand tokens of little-travelled vectors, where the second-level cache ends, falls elsewhere for
each format.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab._struct import Float
from nvlinklab.calibration import store
from nvlinklab.calibration.cores import smooth_max
from nvlinklab.calibration.curves import sister
from nvlinklab.calibration.effects import Term
from nvlinklab.calibration.exchange import Exchange, fit_exchange, times
from nvlinklab.calibration.fitting import Parameter
from nvlinklab.calibration.hierarchy import labels
from nvlinklab.calibration.systems import KNOWN, spec
from nvlinklab.network.knee import knee

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {"nvlink_alltoall": ("op_name", "moe_dtype", "num_tokens", "hidden_size", "topk", "moe_ep_size")}

BYTES = {"bfloat16": 2.0, "fp8": 1.0, "fp8_block": 1.0, "nvfp4": 0.5625}
"""Bytes per element of a dispatched vector, block scales included."""

BACK = {"combine": 2.0, "combine_low_precision": 1.0}
"""Bytes per element on the way back."""

FEW = 8.0
"""Ranks up to which every further one adds copies of a token; errors are kept apart there."""
WIDE = 64.0
"""Ranks at which `peers` is what it says."""
CROWD = 1.5
"""Exponent of the ranks beyond `FEW` in the cost of a copy."""
TRAY = 4.0
"""GPUs of a tray of the measured rack."""

DERIVED = {"dtype": ("ranks", 1.0), "sister": ("none", 1.5), "system": ("none", 5.0)}
"""Kinds of novelty that no fold imitates, and the kind whose errors stand in for them, with a factor; only one system was measured, and
what another board or generation does to a latency is a guess."""

KERNEL = "NVLinkTwoSided"
"""The kernel of rows that name none."""
HOME = "gb200"
"""The measured system, whose data sheet stands in for one without."""

PARAMETERS = (
    Parameter("alpha", "s", 0.0, 1e-3, 1.2e-5, 1.0, "time of an empty exchange between two ranks", "few tokens"),
    Parameter("stage", "1", 0.0, 2.0, 0.1, 1.0, "what a doubling of the ranks adds to it, over alpha", "few tokens, rank counts"),
    Parameter("tray", "1", 0.0, 2.0, 0.05, 1.0, "what leaving the tray adds to it", "few tokens, 8 ranks against 4"),
    Parameter("slot", "s", 0.0, 1e-6, 2e-8, 1.0, "local handling of a token", "many tokens, 2 ranks, narrow formats"),
    Parameter("local", "1", 0.0, 1.0, 0.2, 1.0, "a token's vector over its local time, over the memory bandwidth", "many tokens, 2 ranks"),
    Parameter("share", "1", 0.0, 1.0, 0.65, 0.5, "share of NVLink's nominal bandwidth", "many tokens, 8 ranks"),
    Parameter("header", "B", 0.0, 2000.0, 64.0, 1.0, "what travels with each copy", "formats against each other"),
    Parameter("peers", "1", 0.0, 2.0, 0.18, 0.4, "how much dearer a copy is among 64 ranks than among 8", "many tokens, 64 ranks"),
    Parameter("saved", "1", 0.0, 1.0, 0.1, 1.0, "share of the preparation that ranks out of reach save", "prepare, 16 and 64 ranks"),
    Parameter("ridge", "1", 0.5, 12.0, 3.0, 0.5, "p-norm of local and remote", "many tokens, 4 ranks"),
    Parameter("knee", "1", 0.3, 4.0, 1.1, 0.2, "p-norm of latency and transfer", "some hundred tokens"),
)

PROFILE = (
    Term("size", ("kernel", "op"), 0.05, along="doublings"),
    Term("size dtype", ("kernel", "op", "dtype"), 0.03, along="doublings"),
)


def copies(top_k: Any, ranks: Any) -> np.ndarray:
    """Return to how many other ranks a token is sent when its experts are dealt out evenly: `min(top_k, ranks) x (1 - 1/ranks)`.

    Uniform random routing gives `nvlinklab.workload.moe.remote_copies`, which is less.

    >>> copies(8.0, 4.0).item(), copies(8.0, 16.0).item()
    (3.0, 7.5)
    """
    ranks = np.asarray(ranks, dtype=float)
    return np.minimum(top_k, ranks) * (1.0 - 1.0 / ranks)


def latency(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    """Return the time of an empty exchange [s]; arguments as for `time`."""
    return v["alpha"] * (1.0 + v["stage"] * jnp.log2(jnp.maximum(x["ranks"] / 2.0, 1.0))) * (1.0 + v["tray"] * (x["ranks"] > TRAY))


def transfer(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    """Return the time of an exchange that had no latency [s]; arguments as for `time`."""
    vector = x["hidden"] * x["width"]
    local = x["tokens"] * (v["slot"] + vector / (v["local"] * x["mem_bw"]))
    beyond = 1.0 + v["peers"] * (jnp.maximum(x["ranks"] - FEW, 0.0) / (WIDE - FEW)) ** CROWD
    remote = x["tokens"] * x["copies"] * (vector + v["header"]) / (v["share"] * x["nominal"]) * beyond
    reached = jnp.minimum(x["topk"] / x["ranks"], 1.0)
    plan = local * (1.0 - v["saved"] * (1.0 - reached))
    return jnp.where(x["width"] > 0.0, smooth_max(local, remote, v["ridge"]), plan)


def time(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    """Return the time of an exchange [s].

    Args:
        v: the parameters by name
        x: `tokens` (of a rank), `ranks` (2 or more), `topk`, `copies` (of a token), `hidden`, `width` [B per element; 0 for a preparation],
            `mem_bw`, `nominal` (NVLink, one direction) [B/s], all of one shape
    """
    return knee(latency(v, x), transfer(v, x), v["knee"])


EXCHANGE = Exchange(
    time, latency, transfer, PARAMETERS, frozenset(),
    ("tokens", "ranks", "topk", "copies", "hidden", "width", "mem_bw", "nominal"), PROFILE, most=480,
)  # fmt: skip


def frame(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return rows with what `EXCHANGE` needs, index kept; `nbytes` is what leaves a GPU, and `time` is there where the rows have it."""
    import pandas as pd

    def text(column: str, default: str) -> "pd.Series":
        if column not in rows:
            return pd.Series(default, index=rows.index)
        return rows[column].astype(object).where(rows[column].notna(), default).astype(str)

    op = rows["op_name"].astype(str).str.removeprefix("alltoall_")
    ranks, tokens = np.maximum(rows["moe_ep_size"].to_numpy(float), 1.0), rows["num_tokens"].to_numpy(float)
    sent = np.where(op == "dispatch", rows["moe_dtype"].map(BYTES).to_numpy(float), op.map(BACK).fillna(0.0).to_numpy(float))
    home = {s: s if s in KNOWN else HOME for s in rows["system"].unique()}
    sheets = {s: spec(h) for s, h in home.items()}
    many, hidden = copies(rows["topk"].to_numpy(float), ranks), rows["hidden_size"].to_numpy(float)
    kernel = text("kernel_source", KERNEL)
    where = labels(rows.assign(system=rows["system"].map(home), engine="trtllm", engine_version="any"), kernel + "/" + op, kernel)
    found = pd.DataFrame(
        {
            **where, "op": op, "phase": op.map({"prepare": "plan", "dispatch": "dispatch"}).fillna("combine"),
            "system": rows["system"].astype(str), "dtype": np.where(op == "dispatch", rows["moe_dtype"].astype(str), "any"),
            "ranks": ranks, "tokens": tokens, "topk": rows["topk"].to_numpy(float), "copies": many, "hidden": hidden, "width": sent,
            "nbytes": tokens * many * hidden * sent, "doublings": np.log2(np.maximum(tokens, 1.0)),
            "mem_bw": rows["system"].map({s: n.mem_bw for s, n in sheets.items()}).astype(float),
            "nominal": rows["system"].map({s: n.link_bw for s, n in sheets.items()}).astype(float),
            "known": rows["moe_dtype"].isin(list(BYTES)),
        },
        index=rows.index,
    )  # fmt: skip
    return found.assign(time=rows["time"].to_numpy(float)) if "time" in rows else found


def fit(rows: "pd.DataFrame", op: str) -> dict[str, Any]:
    """Return the fitted record; `rows` as the reader gives them."""
    found = frame(rows).reset_index(drop=True)
    curves = found[["system", "kernel", "op", "dtype", "ranks"]].drop_duplicates()
    ranges = {
        "ranks": sorted(float(n) for n in rows["moe_ep_size"].unique()),
        "curves": curves.sort_values(list(curves.columns)).to_numpy().tolist(),
        "tokens": [int(rows["num_tokens"].min()), int(rows["num_tokens"].max())],
    }
    return store.record(op, None, rows, ranges=ranges, **fit_exchange(EXCHANGE, found))


def predict(rows: "pd.DataFrame", fitted: Mapping[str, Any], op: str) -> "pd.DataFrame":  # noqa: ARG001
    """Return predictions, see `nvlinklab.calibration.operators`."""
    import pandas as pd

    ranges = fitted["ranges"]
    knots = ranges["ranks"]
    found = frame(rows)
    curves = {tuple(c) for c in ranges["curves"]}
    systems, ops, exact = {c[0] for c in curves}, {c[1:3] for c in curves}, {c[:4] for c in curves}

    def kind(system: str, kernel: str, name: str, dtype: str, ranks: float, known: bool) -> tuple[str, str, str]:
        if (kernel, name) not in ops or not ranks >= 2.0 or not known:
            return (
                "none",
                "bound",
                f"{name} by {kernel} over {ranks:g} ranks is not covered; there are {', '.join(f'{o} by {k}' for k, o in sorted(ops))}",
            )
        if peer := sister(system, systems):
            return "sister", "extrapolated", f"no rows of {system}; from its sister {peer}"
        if system not in systems:
            return "system", "extrapolated", f"no rows of {system}; from {', '.join(sorted(systems))} by NVLink's nominal bandwidth"
        if ranks > knots[-1]:
            return "ranks", "extrapolated", f"{ranks:g} ranks are more than the {knots[-1]:g} measured"
        if (system, kernel, name, dtype) not in exact:
            return "dtype", "interpolated", f"no {name} of {dtype} by {kernel}"
        if (system, kernel, name, dtype, ranks) not in curves:
            return "ranks" if ranks > FEW else "few ranks", "interpolated", f"no {name} of {dtype} by {kernel} at {ranks:g} ranks"
        return "none", "calibrated", ""

    heads = list(zip(*(found[c] for c in ("system", "kernel", "op", "dtype", "ranks", "known")), strict=True))
    kinds = {head: kind(*head) for head in set(heads)}
    told = pd.DataFrame([kinds[h] for h in heads], columns=["novelty", "status", "reason"], index=rows.index)
    seconds = np.where(told["status"] == "bound", np.nan, times(EXCHANGE, found, fitted))
    beyond = (rows["num_tokens"] > ranges["tokens"][1]) & (told["status"] == "calibrated")
    told.loc[beyond, ["status", "reason"]] = ["extrapolated", f"more than the {ranges['tokens'][1]} tokens measured"]
    return told.assign(seconds=seconds, stratum=found["phase"])


def folds(rows: "pd.DataFrame", op: str) -> list[tuple[str, np.ndarray]]:  # noqa: ARG001
    """Return what cross-validation leaves out: each inner rank count, and the largest of one number format."""
    ranks, dtype = rows["moe_ep_size"], rows["moe_dtype"]
    inner = sorted(ranks.unique())[1:-1]
    found = [(f"ranks={n}", ranks == n) for n in inner]
    found += [(f"ranks={n} {d}", (ranks == n) & (dtype == d)) for n in sorted(ranks.unique())[-2:] for d in sorted(dtype.unique())]
    return [(label, mask.to_numpy()) for label, mask in found if mask.any()]
