"""Expert-parallel exchange over NVLink (TensorRT-LLM's one- and two-sided kernels): prepare, dispatch, combine.

A token goes to `min(top_k, ranks) x (1 - 1/ranks)` other ranks, because the measuring party deals experts out evenly: that many copies of
its vector leave a GPU. `T = knee(alpha, tokens x vector x copies / (share x NVLink)) x profile(tokens)`. Between
measured rank counts the logarithm of the latency moves with that of the ranks (stages of a tree), the share's with the ranks (peers that
share a port).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nvlinklab.calibration import store
from nvlinklab.calibration.curves import Family, fit_family, predicted, sister
from nvlinklab.calibration.effects import Term
from nvlinklab.calibration.operators.nccl import link_bw

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {"nvlink_alltoall": ("op_name", "moe_dtype", "num_tokens", "hidden_size", "topk", "moe_ep_size")}

BYTES = {"bfloat16": 2.0, "fp8": 1.0, "fp8_block": 1.0, "nvfp4": 0.5625}
"""Bytes per element of a dispatched vector, block scales included. What a combine sends is 16 bits wide, or 8 in low precision."""

FEW = 8.0
"""Ranks up to which every further one adds copies of a token; errors are kept apart there."""

DERIVED = {"dtype": ("ranks", 1.0), "sister": ("none", 1.5)}
"""Kinds of novelty that no fold imitates, and the kind whose errors stand in for them, with a factor."""

KERNEL = "NVLinkTwoSided"
"""The kernel of rows that name none."""

FAMILY = Family(
    curve=("system", "version", "kernel", "op", "dtype", "ranks"),
    alpha=(
        Term("base", ("kernel", "op"), 3.0, known=True),
        Term("dtype", ("kernel", "op", "dtype"), 0.05),
        Term("ranks", ("side", "phase"), 0.3, along="log_place", walk=True),
        Term("ranks op", ("kernel", "op"), 0.05, along="log_place", walk=True),
    ),
    share=(
        Term("base", ("kernel", "op", "dtype"), 3.0, known=True),
        Term("ranks", ("side",), 0.3, along="place", walk=True),
        Term("ranks op", ("kernel", "op"), 0.1, along="place", walk=True),
        Term("ranks dtype", ("kernel", "op", "dtype"), 0.1, along="place", walk=True),
    ),
    profile=(
        Term("size", ("kernel", "op"), 0.05, along="doublings"),
        Term("size dtype", ("kernel", "op", "dtype"), 0.03, along="doublings"),
        Term("size ranks", ("kernel", "op"), 0.05, along="doublings", times="far"),
    ),
)


def copies(top_k: Any, ranks: Any) -> np.ndarray:
    """Return to how many other ranks a token is sent when its experts are dealt out evenly: `min(top_k, ranks) x (1 - 1/ranks)`.

    Uniform random routing gives `nvlinklab.workload.moe.remote_copies`, which is less.

    >>> copies(8.0, 4.0).item(), copies(8.0, 16.0).item()
    (3.0, 7.5)
    """
    ranks = np.asarray(ranks, dtype=float)
    return np.minimum(top_k, ranks) * (1.0 - 1.0 / ranks)


def frame(rows: "pd.DataFrame", knots: list[float]) -> "pd.DataFrame":
    """Return rows with the columns that `FAMILY` names, index kept; `knots` are the rank counts measured."""
    import pandas as pd

    def text(column: str, default: str) -> "pd.Series":
        if column not in rows:
            return pd.Series(default, index=rows.index)
        return rows[column].astype(object).where(rows[column].notna(), default).astype(str)

    op = rows["op_name"].astype(str).str.removeprefix("alltoall_")
    ranks, tokens = np.maximum(rows["moe_ep_size"].to_numpy(float), 1.0), rows["num_tokens"].to_numpy(float)
    sent = np.where(op == "dispatch", rows["moe_dtype"].map(BYTES).to_numpy(float), np.where(op == "combine", 2.0, 1.0))
    many = copies(rows["topk"].to_numpy(float), ranks)
    vector = np.where(op == "prepare", 4.0 * rows["topk"], sent * rows["hidden_size"] * many)
    place, log_place = (np.interp(scale(ranks), scale(np.array(knots)), np.arange(len(knots))) for scale in (np.asarray, np.log2))
    unique = rows["system"].unique()
    kernel = text("kernel_source", KERNEL)
    found = pd.DataFrame(
        {
            "system": rows["system"].astype(str), "version": text("version", "unknown"), "kernel": kernel, "op": op,
            "side": np.where(op == "prepare", "plan", "data"),
            "phase": op.map({"prepare": "plan", "dispatch": "dispatch"}).fillna("combine"),
            "dtype": np.where(op == "dispatch", rows["moe_dtype"].astype(str), "any"), "ranks": ranks,
            "place": place, "log_place": log_place,
            "far": np.log2(ranks) - 3.0, "doublings": np.log2(np.maximum(tokens, 1.0)), "nbytes": tokens * vector,
            "nominal": rows["system"].map({s: link_bw(s) for s in unique}).astype(float), "known": rows["moe_dtype"].isin(list(BYTES)),
        },
        index=rows.index,
    )  # fmt: skip
    return found.assign(time=rows["time"].to_numpy(float)) if "time" in rows else found


def fit(rows: "pd.DataFrame", op: str) -> dict[str, Any]:
    """Return the fitted record; `rows` as the reader gives them."""
    knots = sorted(float(n) for n in rows["moe_ep_size"].unique())
    found = frame(rows, knots).reset_index(drop=True)
    curves = found[["system", "kernel", "op", "dtype", "ranks"]].drop_duplicates()
    ranges = {
        "ranks": knots, "curves": curves.sort_values(list(curves.columns)).to_numpy().tolist(),
        "tokens": [int(rows["num_tokens"].min()), int(rows["num_tokens"].max())],
    }  # fmt: skip
    return store.record(op, None, rows, ranges=ranges, **fit_family(FAMILY, found))


def predict(rows: "pd.DataFrame", fitted: Mapping[str, Any], op: str) -> "pd.DataFrame":  # noqa: ARG001
    """Return predictions, see `nvlinklab.calibration.operators`."""
    import pandas as pd

    ranges = fitted["ranges"]
    knots = ranges["ranks"]
    found = frame(rows, knots)
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
    seconds = np.where(told["status"] == "bound", np.nan, 1.0) * predicted(FAMILY, found, fitted)
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
