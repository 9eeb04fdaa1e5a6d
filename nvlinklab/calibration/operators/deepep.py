"""DeepEP, DeepSeek's expert-parallel exchange: the low-latency kernels and the normal ones, on one node and across InfiniBand.

A dispatch sends FP8 vectors with block scales, a combine 16-bit ones. Low latency sends every copy by itself, `top_k` a token, of which
`1 - 1/nodes` leave the node. The normal kernels send a token once to each node it needs, and DeepEP's benchmark picks a token's experts
from at most four nodes (group-limited routing: DeepSeek-V3, section 2.1.2); they use as many streaming multiprocessors as they are told.
Per phase, `T = (alpha + nbytes / (share x link)) x profile(tokens)`, with the NVLink of a GPU on one node, its network port on several.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nvlinklab.calibration import store
from nvlinklab.calibration.curves import Family, fit_family, predicted, sister
from nvlinklab.calibration.effects import Term
from nvlinklab.calibration.operators.nccl import generation
from nvlinklab.calibration.systems import KNOWN, spec
from nvlinklab.workload.moe import distinct_ranks, remote_copies

if TYPE_CHECKING:
    import pandas as pd

_SHAPE = ("node_num", "hidden_size", "num_token", "num_topk", "num_experts")
COLUMNS = {"deepep_ll": _SHAPE, "deepep_normal": (*_SHAPE, "dispatch_sms", "combine_sms")}

BYTES = {"dispatch": 1.0 + 4.0 / 128.0, "combine": 2.0}
"""Bytes per element: FP8 with one 32-bit scale per 128 elements; bfloat16."""

PHASES = {
    "deepep_ll": {"dispatch": ("dispatch_avg_t_us",), "combine": ("combine_avg_t_us",)},
    "deepep_normal": {
        "dispatch": ("dispatch_transmit_us", "dispatch_notify_us"),
        "combine": ("combine_transmit_us", "combine_notify_us"),
    },
}
RANKS = 8
"""Ranks of a node, as volumes are counted. A GB200 tray has fewer, which its share of the link then holds."""
FEW = 64.0
"""Experts below which a dispatch is limited by the few senders that serve them, one after another."""
GROUPS = 4.0
"""Nodes that the experts of a token may lie on in the measurements."""
SMS = (4.0, 8.0, 12.0, 16.0, 20.0, 24.0)
COPIED = (("h200_sxm", "0.5.6.post2"),)
"""Tables of the measuring party that repeat another system's rows."""

_SHAPES = (
    Term("top k", ("generation", "phase", "scope"), 0.1, times="wide"),
    Term("experts", ("generation", "phase", "scope"), 0.05, times="many"),
    Term("hidden", ("generation", "phase", "scope"), 0.1, times="long"),
    Term("few", ("generation", "phase", "scope"), 1.0, times="few"),
    Term("few hidden", ("generation", "phase", "scope"), 0.5, times="few_long"),
)
_WHERE = (
    Term("base", ("generation", "phase", "scope"), 3.0, known=True),
    Term("system", ("system", "phase", "scope"), 0.05),
    Term("version", ("version", "phase", "scope"), 0.05),
)
_NODES = Term("nodes", ("phase", "scope"), 0.15, known=True, times="nodes")

LOW_LATENCY = Family(
    curve=("system", "version", "node", "hidden", "top_k", "experts", "phase"),
    alpha=(*_WHERE, _NODES, *_SHAPES),
    share=(*_WHERE, _NODES, *_SHAPES),
    profile=(
        Term("size", ("generation", "phase", "scope"), 0.05, along="doublings"),
        Term("size hidden", ("generation", "phase"), 0.05, along="doublings", times="long"),
        Term("size top k", ("generation", "phase"), 0.05, along="doublings", times="wide"),
        Term("size nodes", ("phase", "scope"), 0.03, known=True, along="doublings", times="nodes"),
    ),
    sharpness=1.0,
)
NORMAL = Family(
    curve=("system", "version", "node", "hidden", "top_k", "experts", "sms", "phase"),
    alpha=(*_WHERE, _NODES, *_SHAPES, Term("sms", ("generation", "phase", "scope"), 0.2, along="place")),
    share=(
        *_WHERE, _NODES, *_SHAPES,
        Term("sms", ("generation", "phase", "scope"), 0.5, along="place"),
        Term("sms system", ("system", "phase", "scope"), 0.1, along="place"),
        Term("sms nodes", ("phase", "scope"), 0.3, along="place", times="nodes"),
        Term("sms hidden", ("generation", "phase"), 0.1, along="place", times="long"),
        Term("sms top k", ("generation", "phase"), 0.1, along="place", times="wide"),
    ),
    profile=(
        Term("size", ("generation", "phase", "scope"), 0.05, along="doublings"),
        Term("size system", ("system", "phase", "scope"), 0.03, along="doublings"),
        Term("size sms", ("generation", "phase", "scope"), 0.05, along="doublings", times="speed"),
        Term("size hidden", ("generation", "phase"), 0.05, along="doublings", times="long"),
        Term("size top k", ("generation", "phase"), 0.05, along="doublings", times="wide"),
        Term("size nodes", ("phase", "scope"), 0.2, along="doublings", times="nodes"),
    ),
    sharpness=1.0,
)  # fmt: skip
DERIVED = {"between": ("nodes", 0.5), "version": ("sister", 1.0)}
"""Kinds of novelty that no fold imitates, and the kind whose errors stand in for them, with a factor: both ends known pin at least half of
what is wrong when one of two node counts is left out."""
FAMILIES = {"deepep_ll": LOW_LATENCY, "deepep_normal": NORMAL}


def volume(op: str, tokens: Any, hidden: Any, top_k: Any, nodes: Any, phase: str) -> np.ndarray:
    """Return the bytes that a rank sends over its slowest link in one phase [B]: over NVLink on one node, else over the network.

    Args:
        op: deepep_ll or deepep_normal
        tokens: of this rank
        hidden, top_k, nodes: counts
        phase: dispatch or combine
    """
    tokens, hidden, top_k, nodes = (np.asarray(v, dtype=float) for v in (tokens, hidden, top_k, nodes))
    every = top_k * np.where(nodes > 1.0, 1.0 - 1.0 / nodes, 1.0 - 1.0 / RANKS)
    if op == "deepep_ll":
        sent = every
    else:
        across = np.asarray(distinct_ranks(top_k, np.minimum(nodes, GROUPS))) * (1.0 - 1.0 / nodes)
        sent = np.where(nodes > 1.0, across, np.asarray(remote_copies(top_k, float(RANKS))))
    return tokens * hidden * BYTES[phase] * sent


def _links(system: str) -> tuple[float, float]:
    found = spec(system if system in KNOWN else "b200_sxm")
    return found.link_bw, found.scale_out_bw


def frame(rows: "pd.DataFrame", op: str, phase: str) -> "pd.DataFrame":
    """Return rows of one phase with the columns that the families name, index kept; `time` where the rows have it."""
    import pandas as pd

    nodes, top_k, hidden = (np.maximum(rows[c].to_numpy(float), 1.0) for c in ("node_num", "num_topk", "hidden_size"))
    tokens, experts = rows["num_token"].to_numpy(float), rows["num_experts"].to_numpy(float)
    sms = rows[f"{phase}_sms"].to_numpy(float) if op == "deepep_normal" else np.full(len(rows), 20.0)
    unique = rows["system"].unique()
    near, far = ({s: _links(s)[i] for s in unique} for i in (0, 1))
    multi = nodes > 1.0
    late = rows["engine_version"].astype(str) if "engine_version" in rows else pd.Series("unknown", index=rows.index)
    version = rows["version"].astype(object).where(rows["version"].notna(), late) if "version" in rows else late
    found = pd.DataFrame(
        {
            "system": rows["system"].astype(str), "generation": rows["system"].map({s: generation(s) for s in unique}),
            "version": version.astype(str), "phase": phase, "scope": np.where(multi, "nodes", "node"), "node": nodes, "hidden": hidden,
            "top_k": top_k, "experts": experts, "sms": sms, "place": np.interp(np.log2(sms), np.log2(SMS), np.arange(len(SMS))),
            "speed": np.log2(sms / 20.0), "nodes": np.where(multi, np.log2(np.maximum(nodes, 2.0)) - 2.0, 0.0),
            "wide": np.log2(top_k / 8.0), "many": np.log2(np.maximum(experts, FEW) / 256.0),
            "few": 1.0 * (experts < FEW), "few_long": (experts < FEW) * np.log2(hidden / 7168.0),
            "long": np.log2(hidden / 7168.0),
            "doublings": np.log2(np.maximum(tokens, 1.0)), "nbytes": volume(op, tokens, hidden, top_k, nodes, phase),
            "nominal": np.where(multi, rows["system"].map(far).astype(float), rows["system"].map(near).astype(float)),
        },
        index=rows.index,
    )  # fmt: skip
    columns = PHASES[op][phase]
    return found.assign(time=1e-6 * sum(rows[c].to_numpy(float) for c in columns)) if columns[0] in rows and "time" in rows else found


def original(rows: "pd.DataFrame") -> np.ndarray:
    """Return which rows are measurements of their own."""
    copied = np.zeros(len(rows), dtype=bool)
    for system, version in COPIED:
        copied |= ((rows["system"] == system) & (rows["engine_version"] == version)).to_numpy()
    return ~copied


def fit(rows: "pd.DataFrame", op: str) -> dict[str, Any]:
    """Return the fitted record; `rows` as the reader gives them."""
    import pandas as pd

    kept = rows[original(rows)]
    found = pd.concat([frame(kept, op, phase) for phase in BYTES], ignore_index=True)
    curves = found[["system", "node", "hidden", "top_k", "experts"]].drop_duplicates()
    ranges = {
        "curves": curves.sort_values(list(curves.columns)).to_numpy().tolist(), "versions": sorted(found["version"].unique()),
        "tokens": [int(kept["num_token"].min()), int(kept["num_token"].max())],
    }  # fmt: skip
    return store.record(op, None, rows, used=len(kept), ranges=ranges, **fit_family(FAMILIES[op], found))


def predict(rows: "pd.DataFrame", fitted: Mapping[str, Any], op: str) -> "pd.DataFrame":
    """Return predictions, see `nvlinklab.calibration.operators`; seconds are dispatch and combine together."""
    import pandas as pd

    parts = {phase: frame(rows, op, phase) for phase in BYTES}
    found = parts["dispatch"]
    seconds = np.sum([predicted(FAMILIES[op], part, fitted) for part in parts.values()], axis=0)
    curves = {tuple(c) for c in fitted["ranges"]["curves"]}
    systems, nodes, shapes = {c[0] for c in curves}, {c[:2] for c in curves}, {c[2:] for c in curves}
    most = max(c[1] for c in curves)
    versions = set(fitted["ranges"]["versions"])

    def kind(system: str, version: str, node: float, hidden: float, top_k: float, experts: float) -> tuple[str, str, str]:
        if not (node >= 1.0 and hidden > 0.0 and top_k > 0.0):
            return "none", "bound", f"{node:g} nodes, hidden size {hidden:g} and top-k {top_k:g} are no exchange"
        if node > most:
            return "nodes", "extrapolated", f"{node:g} nodes are more than the {most:g} measured"
        if peer := sister(system, systems):
            return "sister", "extrapolated", f"no rows of {system}; from its sister {peer}"
        if system not in systems:
            return "system", "extrapolated", f"no rows of {system}"
        if (system, node) not in nodes:
            alike = [s for s, n in nodes if n > 1.0]
            if node > 1.0 and system not in alike:
                return "nodes", "extrapolated", f"no rows of {system} over several nodes; from {', '.join(sorted(set(alike)))}"
            between = min(n for _, n in nodes if n > 1.0) < node
            return "between" if between else "nodes", "interpolated", f"no rows at {node:g} nodes of {system}"
        if (hidden, top_k, experts) not in shapes:
            return "shape", "interpolated", f"no rows of hidden size {hidden:g}, top-{top_k:g} of {experts:g} experts"
        if version not in versions:
            return "version", "interpolated", f"no rows of version {version}"
        return "none", "calibrated", ""

    heads = list(zip(*(found[c] for c in ("system", "version", "node", "hidden", "top_k", "experts")), strict=True))
    kinds = {head: kind(*head) for head in set(heads)}
    told = pd.DataFrame([kinds[h] for h in heads], columns=["novelty", "status", "reason"], index=rows.index)
    seconds = np.where(told["status"] == "bound", np.nan, seconds)
    return told.assign(seconds=seconds, stratum=np.where(found["scope"] == "nodes", "several nodes", "one node"))


def folds(rows: "pd.DataFrame", op: str) -> list[tuple[str, np.ndarray]]:  # noqa: ARG001
    """Return what cross-validation leaves out: a node count, a model's shape, a system on one node. Copied rows are never judged."""
    nodes, system, good = rows["node_num"], rows["system"], original(rows)
    found = [(f"nodes={n}", nodes == n) for n in (2, 8)]
    for hidden, top_k, experts in ((7168, 8, 256), (4096, 6, 256), (6144, 8, 160), (7168, 8, 384), (2048, 8, 128)):
        same = (rows["hidden_size"] == hidden) & (rows["num_topk"] == top_k) & (rows["num_experts"] == experts) & (nodes == 1)
        found.append((f"shape={hidden} {top_k}/{experts}", same))
    found += [(f"system={s}", (system == s) & (nodes == 1)) for s in ("h200_sxm", "b200_sxm", "b300_sxm", "gb200")]
    return [(label, mask.to_numpy() & good) for label, mask in found if int((mask & good).sum()) > 0]
