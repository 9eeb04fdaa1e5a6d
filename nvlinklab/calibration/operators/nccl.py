"""NCCL's collectives inside one NVLink (or PCIe) domain: all-gather, all-reduce, reduce-scatter and all-to-all.

`T = knee(alpha, sent / (share x link)) x profile(buffer / ranks)`, with `sent` the bytes that a ring puts on each link
(`nvlinklab.network.bandwidth.bus_factor` times the whole buffer), so that `share` is the bus bandwidth over the nominal one. It may pass 1
where the switch reduces (all-reduce). Latency and share move with the ranks as a ring's do; the profile is the same for the same bytes per
rank, because that is what a step of the ring carries and what the library's protocol thresholds (LL, LL128, Simple) compare with; a small
part of it belongs to each count of ranks in a ring, whose channels and chunks differ.

What remains besides noise of 1 to 2 % are switches that rows of one kind show: on B200 before 2.29 a buffer of 16 or 32 MB over 8 ranks,
and all-reduce there in every version, takes half of what its neighbours say. It comes and goes with the version, the operation and the
ranks, so that no curve tells another where it is; the table of the library's tuner for each version would.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nvlinklab.calibration import store
from nvlinklab.calibration.curves import Family, along_ranks, fit_family, predicted, sister
from nvlinklab.calibration.effects import Term
from nvlinklab.calibration.systems import KNOWN, spec
from nvlinklab.hardware.catalog import value
from nvlinklab.network.bandwidth import bus_factor

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {"nccl": ("op_name", "nccl_dtype", "num_gpus", "message_size")}

BYTES = {"half": 2.0, "bfloat16": 2.0, "float16": 2.0, "float": 4.0, "int8": 1.0, "fp8": 1.0, "uint8": 1.0}
OPS = ("all_gather", "all_reduce", "alltoall", "reduce_scatter")

OTHERS = {"a100_sxm": "nvlink3.gpu_bw", "l40s": "pcie4-x16.bw", "rtx_pro_6000_server": "pcie5-x16.bw"}
"""Measured systems outside the catalog of `nvlinklab.calibration.systems`, each a generation of its own, and their link."""

STEPS_IN = (11.0, 24.0)
"""Binary logarithms of the bytes per rank between which protocols change; the profile is flat outside."""

UNVERSIONED = "2.23"
"""NCCL of the rows that name no version."""

FAMILY = Family(
    curve=("system", "version", "run", "op", "dtype", "ranks"),
    alpha=(
        Term("base", ("generation", "op"), 3.0, known=True),
        Term("ranks", ("generation", "op"), 0.7, known=True, times="steps"),
        Term("four", ("generation",), 0.1, times="middle"),
        Term("four op", ("generation", "op"), 0.03, times="middle"),
        Term("system", ("system",), 0.05),
        Term("version", ("generation", "version"), 0.1),
        Term("version op", ("generation", "version", "op"), 0.05),
        Term("version op ranks", ("generation", "version", "op"), 0.1, times="steps"),
        Term("dtype", ("dtype", "op"), 0.03),
    ),
    share=(
        Term("base", ("generation", "op"), 3.0, known=True),
        Term("ranks", ("generation", "op"), 2.0, known=True, times="wires"),
        Term("four", ("generation",), 1.0, times="middle"),
        Term("four op", ("generation", "op"), 0.03, times="middle"),
        Term("system", ("system",), 0.05),
        Term("system op", ("system", "op"), 0.02),
        Term("version", ("generation", "version"), 0.03),
        Term("version op", ("generation", "version", "op"), 0.03),
        Term("dtype", ("dtype", "op"), 0.05),
        Term("dtype ranks", ("dtype", "op"), 0.05, times="wires"),
    ),
    profile=(
        Term("size", ("generation", "op"), 0.1, along="per_rank"),
        Term("size ranks", ("generation", "pattern"), 0.1, along="per_rank", times="doublings"),
        Term("size count", ("generation", "ranks"), 0.05, along="per_rank", times="ring"),
    ),
)


def generation(system: str) -> str:
    """Return the generation whose behaviour a system shares; measured systems outside the catalog are their own."""
    if system in OTHERS:
        return system
    found = spec(system).generation if system in KNOWN else "blackwell"
    return found if found in ("hopper", "blackwell") else "blackwell"


def link_bw(system: str) -> float:
    """Return the nominal bandwidth of a GPU's link, one direction [B/s]; NVLink 5's where the system is unknown."""
    if system in OTHERS:
        return value(OTHERS[system])
    return spec(system).link_bw if system in KNOWN else value("nvlink5.gpu_bw")


def frame(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return rows with the columns that `FAMILY` names, index kept."""
    import pandas as pd

    ranks = np.maximum(rows["num_gpus"].to_numpy(float), 1.0)
    steps, wires = along_ranks(ranks)
    nbytes = rows["message_size"].to_numpy(float) * rows["nccl_dtype"].map(BYTES).to_numpy(float)
    late = rows["engine_version"].astype(str) if "engine_version" in rows else pd.Series("unknown", index=rows.index)
    version = rows["version"].astype(object).where(rows["version"].notna(), UNVERSIONED) if "version" in rows else late
    unique = rows["system"].unique()
    sent = nbytes.copy()
    for op in OPS:
        mine = (rows["op_name"] == op).to_numpy()
        sent[mine] *= bus_factor(op, ranks[mine])
    found = pd.DataFrame(
        {
            "system": rows["system"].astype(str), "generation": rows["system"].map({s: generation(s) for s in unique}),
            "version": version.astype(str), "run": late + "/" + (rows["engine"].astype(str) if "engine" in rows else ""),
            "op": rows["op_name"].astype(str), "pattern": np.where(rows["op_name"] == "alltoall", "pairs", "ring"),
            "dtype": np.where(rows["nccl_dtype"].map(BYTES) == 1.0, "int8", "half"), "ranks": ranks, "steps": steps,
            "wires": wires, "middle": np.clip(1.0 - np.abs(np.log2(ranks) - 2.0), 0.0, 1.0),
            "ring": 1.0 * (rows["op_name"] != "alltoall").to_numpy(), "doublings": np.log2(ranks) - 2.0, "nbytes": sent, "buffer": nbytes,
            "per_rank": np.clip(np.log2(np.maximum(nbytes / ranks, 1.0)), *STEPS_IN),
            "nominal": rows["system"].map({s: link_bw(s) for s in unique}).astype(float),
        },
        index=rows.index,
    )  # fmt: skip
    return found.assign(time=rows["time"].to_numpy(float)) if "time" in rows else found


def fit(rows: "pd.DataFrame", op: str) -> dict[str, Any]:
    """Return the fitted record; `rows` as the reader gives them."""
    found = frame(rows).reset_index(drop=True)
    curves = found[["system", "version", "op", "ranks"]].drop_duplicates().sort_values(["system", "version", "op", "ranks"])
    ranges = {"curves": curves.to_numpy().tolist(), "buffer": [found["buffer"].min(), found["buffer"].max()]}
    return store.record(op, None, rows, ranges=ranges, **fit_family(FAMILY, found))


def predict(rows: "pd.DataFrame", fitted: Mapping[str, Any], op: str) -> "pd.DataFrame":  # noqa: ARG001
    """Return predictions, see `nvlinklab.calibration.operators`."""
    import pandas as pd

    found = frame(rows)
    curves = {tuple(c) for c in fitted["ranges"]["curves"]}
    systems, measured = {c[0] for c in curves}, {(c[0], c[2], c[3]) for c in curves}
    pairs, versions = {(c[0], c[2]) for c in curves}, {(c[0], c[1]) for c in curves}
    ranks = {c[3] for c in curves}
    top, largest = max(ranks), fitted["ranges"]["buffer"][1]

    def kind(system: str, version: str, name: str, count: float) -> tuple[str, str, str]:
        if name not in OPS or not count >= 2.0:
            return "none", "bound", f"{name} over {count:g} ranks is no collective this form covers ({', '.join(OPS)}; 2 ranks or more)"
        if peer := sister(system, systems):
            return "sister", "extrapolated", f"no rows of {system}; from its sister {peer}"
        if system not in systems:
            known = "" if system in KNOWN else ", which is not in the catalog either: taken as Blackwell"
            return "system", "extrapolated", f"no rows of {system}{known}"
        if count > top:
            return "ranks", "extrapolated", f"{count:g} ranks are more than the {top:g} measured"
        if (system, name) not in pairs:
            return "op", "interpolated", f"no {name} of {system}; from its other operations"
        if (system, name, count) not in measured:
            return "ranks", "interpolated", f"no {name} at {count:g} ranks of {system}"
        if (system, version) not in versions:
            return "version", "interpolated", f"no rows of NCCL {version} on {system}"
        return "none", "calibrated", ""

    heads = list(zip(*(found[c] for c in ("system", "version", "op", "ranks")), strict=True))
    kinds = {head: kind(*head) for head in set(heads)}
    told = pd.DataFrame([kinds[h] for h in heads], columns=["novelty", "status", "reason"], index=rows.index)
    seconds = np.where(told["status"] == "bound", np.nan, 1.0) * predicted(FAMILY, found, fitted)
    beyond = (found["buffer"] > largest) & (told["status"] == "calibrated")
    told.loc[beyond, ["status", "reason"]] = ["extrapolated", f"more than the {largest:g} B measured"]
    told.loc[found["nbytes"].isna(), "reason"] = f"the data type is unknown; there are {', '.join(BYTES)}"
    stratum = np.where(found["generation"].isin(["hopper", "blackwell"]), "nvswitch", "other")
    return told.assign(seconds=seconds, stratum=stratum)


def folds(rows: "pd.DataFrame", op: str) -> list[tuple[str, np.ndarray]]:  # noqa: ARG001
    """Return what cross-validation leaves out: an operation at 4 ranks everywhere, one at 8 on one system, one on one system, a system."""
    system, name, ranks = rows["system"], rows["op_name"], rows["num_gpus"]
    found = [(f"ranks={o}@4", (name == o) & (ranks == 4)) for o in OPS]
    for s in ("h100_sxm", "h200_sxm", "b200_sxm"):
        found += [(f"ranks={o}@8 {s}", (name == o) & (ranks == 8) & (system == s)) for o in ("all_gather", "reduce_scatter")]
    found += [(f"op=reduce_scatter {s}", (name == "reduce_scatter") & (system == s)) for s in ("b200_sxm", "b300_sxm", "h200_sxm")]
    found += [(f"op=all_reduce {s}", (name == "all_reduce") & (system == s)) for s in ("gb200", "b200_sxm")]
    for s, folder in (("b200_sxm", "2.28.9"), ("b200_sxm", "2.29.2"), ("h100_sxm", "2.23")):
        version = rows["version"].fillna(UNVERSIONED) if "version" in rows else rows["engine_version"]
        found.append((f"version={folder} {s}", (system == s) & (version == folder)))
    found += [(f"system={s}", system == s) for s in ("h100_sxm", "h200_sxm", "b200_sxm", "b300_sxm", "gb200")]
    return [(label, mask.to_numpy()) for label, mask in found if 0 < int(mask.sum()) < len(rows)]
