"""The serving engines' own all-reduce kernels inside one node: vLLM, SGLang (captured or eager) and TensorRT-LLM.

`T = knee(alpha, nbytes / (share x link)) x profile(nbytes)`. Small buffers are read from all peers at once (one-shot), larger ones reduced
in two steps, the largest handed to NCCL; the profile holds these changes. Eager calls pay the host's launch, which differs between
machines and versions more than between GPUs.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nvlinklab.calibration import store
from nvlinklab.calibration.curves import Family, along_ranks, fit_family, predicted, sister
from nvlinklab.calibration.effects import Term
from nvlinklab.calibration.operators.nccl import OTHERS, generation, link_bw
from nvlinklab.calibration.systems import KNOWN

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {"custom_allreduce": ("allreduce_dtype", "num_gpus", "message_size")}

BYTES = {"bfloat16": 2.0, "half": 2.0, "float16": 2.0, "float": 4.0}
SMALLEST, LARGEST = 12.0, 26.0
"""Binary logarithms of the buffer between which kernels change; the profile is flat outside."""

DERIVED = {"engine": ("system", 1.0)}
"""Kinds of novelty that no fold imitates, and the kind whose errors stand in for them, with a factor."""

FAMILY = Family(
    curve=("system", "version", "run", "kind", "ranks"),
    alpha=(
        Term("base", ("generation", "kind"), 3.0, known=True),
        Term("ranks", ("generation", "mode"), 0.5, times="steps"),
        Term("ranks kind", ("generation", "kind"), 0.2, times="steps"),
        Term("four", ("generation", "mode"), 0.05, times="middle"),
        Term("system", ("system", "mode"), 0.15, known=True),
        Term("version", ("generation", "kind", "version"), 0.2, known=True),
        Term("version system", ("kind", "version", "system"), 0.15, known=True),
    ),
    share=(
        Term("base", ("generation", "kind"), 3.0, known=True),
        Term("ranks", ("generation",), 1.0, times="wires"),
        Term("ranks kind", ("generation", "kind"), 0.3, times="wires"),
        Term("four", ("generation",), 0.3, times="middle"),
        Term("four kind", ("generation", "kind"), 0.05, times="middle"),
        Term("system", ("system",), 0.05, known=True),
        Term("system kind", ("system", "kind"), 0.05, known=True),
        Term("version", ("generation", "kind", "version"), 0.05, known=True),
        Term("version system", ("kind", "version", "system"), 0.1, known=True),
    ),
    profile=(
        Term("size", ("generation", "kind"), 0.1, along="size"),
        Term("size ranks", ("generation", "engine"), 0.1, along="size", times="doublings"),
    ),
)


def frame(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return rows with the columns that `FAMILY` names, index kept."""
    import pandas as pd

    ranks = np.maximum(rows["num_gpus"].to_numpy(float), 1.0)
    steps, wires = along_ranks(ranks)
    nbytes = rows["message_size"].to_numpy(float) * rows["allreduce_dtype"].map(BYTES).to_numpy(float)
    source = rows["kernel_source"].astype(str).str.lower() if "kernel_source" in rows else pd.Series("", index=rows.index)
    engine = rows["engine"].astype(str) if "engine" in rows else pd.Series("unknown", index=rows.index)
    for name in ("sglang", "vllm", "trtllm"):
        engine = engine.mask(source.str.startswith(name), name)
    mode = np.where(source.str.endswith("eager"), "eager", "graph")
    late = rows["engine_version"].astype(str) if "engine_version" in rows else pd.Series("unknown", index=rows.index)
    version = rows["version"].astype(object).where(rows["version"].notna(), late) if "version" in rows else late
    unique = rows["system"].unique()
    found = pd.DataFrame(
        {
            "system": rows["system"].astype(str), "generation": rows["system"].map({s: generation(s) for s in unique}),
            "version": version.astype(str), "run": late, "engine": engine, "kind": engine + " " + mode, "mode": mode, "ranks": ranks,
            "steps": steps, "wires": wires, "middle": np.clip(1.0 - np.abs(np.log2(ranks) - 2.0), 0.0, 1.0),
            "doublings": np.log2(ranks) - 2.0, "nbytes": nbytes, "size": np.clip(np.log2(np.maximum(nbytes, 1.0)), SMALLEST, LARGEST),
            "nominal": rows["system"].map({s: link_bw(s) for s in unique}).astype(float),
        },
        index=rows.index,
    )  # fmt: skip
    return found.assign(time=rows["time"].to_numpy(float)) if "time" in rows else found


def usable(rows: "pd.DataFrame") -> np.ndarray:
    """Return which rows are measurements of their own, on a system whose link is known.

    Some folders of the measuring party carry another engine's rows; these repeat a table that lies in that engine's own folder.
    """
    copied = frame(rows)["engine"].to_numpy() != rows["engine"].to_numpy()
    return rows["system"].isin([*KNOWN, *OTHERS]).to_numpy() & ~copied


def fit(rows: "pd.DataFrame", op: str) -> dict[str, Any]:
    """Return the fitted record; `rows` as the reader gives them."""
    kept = rows[usable(rows)]
    found = frame(kept).reset_index(drop=True)
    curves = found[["system", "version", "kind", "ranks"]].drop_duplicates()
    ranges = {
        "curves": curves.sort_values(list(curves.columns)).to_numpy().tolist(),
        "nbytes": [found["nbytes"].min(), found["nbytes"].max()],
    }
    return store.record(op, None, rows, used=len(kept), ranges=ranges, **fit_family(FAMILY, found))


def predict(rows: "pd.DataFrame", fitted: Mapping[str, Any], op: str) -> "pd.DataFrame":  # noqa: ARG001
    """Return predictions, see `nvlinklab.calibration.operators`."""
    import pandas as pd

    found = frame(rows)
    curves = {tuple(c) for c in fitted["ranges"]["curves"]}
    systems, kinds, ranks = {c[0] for c in curves}, {c[2] for c in curves}, {(c[0], c[2], c[3]) for c in curves}
    pairs, versions, top = {(c[0], c[2]) for c in curves}, {c[:3] for c in curves}, max(c[3] for c in curves)

    def kind(system: str, version: str, name: str, count: float) -> tuple[str, str, str]:
        if not count >= 2.0:
            return "none", "bound", f"an all-reduce over {count:g} ranks is none"
        if name not in kinds:
            return "engine", "extrapolated", f"no rows of {name}; there are {', '.join(sorted(kinds))}"
        if peer := sister(system, systems):
            return "sister", "extrapolated", f"no rows of {system}; from its sister {peer}"
        if system not in systems:
            return "system", "extrapolated", f"no rows of {system}"
        if count > top:
            return "ranks", "extrapolated", f"{count:g} ranks are more than the {top:g} measured"
        if (system, name) not in pairs:
            return "engine", "interpolated", f"no {name} on {system}"
        if (system, name, count) not in ranks:
            return "ranks", "interpolated", f"no {name} at {count:g} ranks of {system}"
        if (system, version, name) not in versions:
            return "version", "interpolated", f"no {name} of version {version} on {system}"
        return "none", "calibrated", ""

    heads = list(zip(*(found[c] for c in ("system", "version", "kind", "ranks")), strict=True))
    told = {head: kind(*head) for head in set(heads)}
    words = pd.DataFrame([told[h] for h in heads], columns=["novelty", "status", "reason"], index=rows.index)
    known = found["kind"].isin(kinds).to_numpy()
    seconds = np.where(words["status"] == "bound", np.nan, 1.0) * predicted(
        FAMILY, found.assign(kind=found["kind"].where(known, "vllm graph")), fitted
    )
    words.loc[found["nbytes"].isna(), "reason"] = f"the data type is unknown; there are {', '.join(BYTES)}"
    return words.assign(seconds=seconds, stratum=found["mode"])


def folds(rows: "pd.DataFrame", op: str) -> list[tuple[str, np.ndarray]]:  # noqa: ARG001
    """Return what cross-validation leaves out: an engine's 4 or 8 ranks everywhere, 8 ranks of one engine on a system, a system."""
    system, engine, ranks, good = rows["system"], rows["engine"], rows["num_gpus"], usable(rows)
    found = [(f"ranks={e}@{n}", (engine == e) & (ranks == n)) for e, n in (("sglang", 4), ("trtllm", 4))]
    found += [
        (f"ranks={e}@8 {s}", (engine == e) & (ranks == 8) & (system == s))
        for e in ("trtllm", "vllm", "sglang")
        for s in ("h100_sxm", "b200_sxm")
    ]
    version = rows["engine_version"]
    for e, v, s in (("vllm", "0.24.0", "h100_sxm"), ("sglang", "0.5.14", "h200_sxm"), ("trtllm", "1.3.0rc20", "b300_sxm")):
        found.append((f"version={e} {v} {s}", (engine == e) & (version == v) & (system == s)))
    found += [(f"system={s}", system == s) for s in ("h200_sxm", "b200_sxm", "b300_sxm", "gb200")]
    return [(label, mask.to_numpy() & good) for label, mask in found if int((mask & good).sum()) > 0]
