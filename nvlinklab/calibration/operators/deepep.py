"""DeepEP, DeepSeek's expert-parallel exchange: the low-latency kernels and the normal ones, on one node and across InfiniBand.

A dispatch sends FP8 vectors with block scales, a combine 16-bit ones. Per phase

    T = knee(latency(ranks, experts), p-norm of link and serial) x profile(tokens)

*Link* is the bytes that leave a GPU over its NVLink, or its node over the network. Low latency sends every copy by itself, `top_k` a token,
of which `1 - 1/nodes` leave the node. The normal kernels send a token once to each node it needs, and DeepEP's benchmark picks a token's
experts from at most four nodes (group-limited routing: DeepSeek-V3, section 2.1.2).

*Serial* is what one streaming multiprocessor does with its tokens, one after another. The normal kernels use as many as they are told. The
low-latency kernels give each expert a group of warps, as many groups to a processor as it takes (`ceil(experts / processors)`), and so
occupy `ceil(experts / groups)` processors: 8 for 8 experts, 80 for 160, 128 for 128, 256 or 384. Each group waits for its own flags, which
makes a latency grow with the experts and rise where a processor holds more than one.

A node is 8 GPUs, but 4 on a GB200 or GB300 tray, where fewer peers are waited for and a smaller part of the copies travels: with that and
the data sheet GB200 is predicted from HGX boards to 3 % (low latency) and 4 % (normal).

What remains: H200 is a tenth quicker than H100 with the same kernels and the same version at small sizes, for a reason that no data sheet
holds (clocks, driver). The normal kernels over two nodes take as long with 12 processors as with 8; over eight nodes a combine of more than
8 or 16 thousand tokens drops to a third of the network's bandwidth, which two node counts cannot tell from a law.
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
from nvlinklab.calibration.hierarchy import TWINS, labels
from nvlinklab.calibration.kernels import processors
from nvlinklab.calibration.systems import KNOWN, spec
from nvlinklab.network.knee import knee

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
NODE = 8.0
"""GPUs of a node."""
TRAYS = {"gb200": 4.0, "gb300": 4.0}
"""GPUs of what counts as a node in racks."""
GROUPS = 4.0
"""Nodes that the experts of a token may lie on in the measurements."""
MANY = 256.0
"""Experts at which `count` is what it says."""
WIDE = 7168.0
"""Hidden size at which `wide` is what it says."""
MIDDLE = 20.0
"""Processors of the normal kernels at which a processor's share is what it says."""
HOME = "b200_sxm"
"""The system whose data sheet stands in for one without."""
COPIED = (("h200_sxm", "0.5.6.post2"),)
"""Tables of the measuring party that repeat H100's rows."""
ORIGIN = "h100_sxm"

_LATENCY = (
    Parameter("alpha", "s", 0.0, 1e-3, 1.4e-5, 1.0, "time of an empty exchange over 8 ranks", "few tokens"),
    Parameter("stage", "1", 0.0, 1.0, 0.2, 0.5, "what a doubling of the ranks adds to it, over alpha", "few tokens, trays and node counts"),
    Parameter("cross", "1", 0.0, 3.0, 0.2, 1.0, "what leaving the node adds to it", "few tokens, several nodes"),
    Parameter("wide", "1", 0.0, 2.0, 0.1, 1.0, "what a vector of 7,168 elements adds to it", "few tokens, hidden sizes"),
)
_TRANSFER = (
    Parameter("share", "1", 0.0, 1.0, 0.6, 0.5, "share of NVLink's nominal bandwidth", "many tokens, one node"),
    Parameter("port", "1", 0.0, 1.5, 0.88, 0.3, "share of the network port's nominal bandwidth", "many tokens, two nodes"),
    Parameter("slot", "s", 0.0, 1e-4, 1e-6, 1.0, "time of a token on its processor", "many tokens, few processors"),
    Parameter("sm_bw", "B/s", 0.0, 1e12, 1e10, 1.0, "bandwidth of a processor", "many tokens, few processors, wide vectors"),
    Parameter("ridge", "1", 0.5, 12.0, 3.0, 0.5, "p-norm of link and processors", "many tokens"),
    Parameter("knee", "1", 0.3, 6.0, 1.0, 0.3, "p-norm of latency and transfer", "some dozen tokens"),
)
LOW_PARAMETERS = (
    *_LATENCY,
    Parameter("count", "1", 0.0, 2.0, 0.1, 1.0, "what 256 experts add to the latency", "few tokens, counts of experts"),
    Parameter("growth", "1", 0.2, 1.5, 0.7, 0.5, "exponent of the experts in that", "few tokens, counts of experts"),
    Parameter(
        "group", "1", 0.0, 2.0, 0.1, 1.0, "what a second expert on a processor adds to it", "few tokens, more experts than processors"
    ),
    Parameter("idle", "1", 0.0, 1.0, 0.1, 1.0, "slow-down of the link per share of idle processors", "many tokens, 8, 16 or 160 experts"),
    *_TRANSFER,
)
NORMAL_PARAMETERS = (
    _LATENCY[0]._replace(prior=3e-5), _LATENCY[1]._replace(prior=0.1), _LATENCY[2]._replace(prior=0.1), _LATENCY[3]._replace(prior=0.05),
    Parameter("crowd", "1", 0.0, 2.0, 0.3, 1.0, "exponent of the nodes in the network's slow-down", "many tokens, eight nodes"),
    Parameter("relay", "1", 0.0, 10.0, 1.0, 0.7, "a processor's work over that on one node", "many tokens, several nodes, few processors"),
    Parameter("scale", "1", 0.3, 1.3, 0.95, 0.5, "exponent of the processors", "4 to 24 processors"),
    _TRANSFER[0], _TRANSFER[1]._replace(prior=0.8), _TRANSFER[2]._replace(high=1e-5, prior=2e-7), _TRANSFER[3]._replace(prior=2e10),
    *_TRANSFER[4:],
)  # fmt: skip

FREE = frozenset({"alpha", "share", "port", "slot", "sm_bw", "scale"})
"""Parameters that may differ between systems and versions."""
DERIVED = {"between": ("nodes", 0.5), "version": ("sister", 1.0), "generation": ("system", 4.0)}
"""Kinds of novelty that no fold imitates, and the kind whose errors stand in for them, with a factor: both ends known pin at least half of
what is wrong when one of two node counts is left out. Another generation has other processors and links; four is a guess."""


def reached(top_k: Any, groups: Any, experts: Any) -> np.ndarray:
    """Return how many of `groups` equal shares of the experts a token reaches whose `top_k` experts differ, in the mean.

    A share of `experts / groups` is missed by all with the hypergeometric probability; with many experts this is
    `nvlinklab.workload.moe.distinct_ranks`.

    >>> round(float(reached(2.0, 8.0, 8.0)), 6), round(float(reached(8.0, 8.0, 256.0)), 3)
    (2.0, 5.295)
    """
    top_k, groups, experts = np.broadcast_arrays(*(np.asarray(v, dtype=float) for v in (top_k, groups, experts)))
    missed = np.ones(top_k.shape)
    for drawn in range(int(np.max(top_k, initial=0.0))):
        left = np.maximum(experts - drawn, 1.0)
        missed = np.where(drawn < top_k, missed * np.clip((experts - experts / groups - drawn) / left, 0.0, 1.0), missed)
    return groups * (1.0 - missed)


def _base(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    stages = 1.0 + v["stage"] * jnp.log2(x["ranks"] / NODE)
    return v["alpha"] * stages * (1.0 + v["cross"] * (x["nodes"] > 1.0))


def low_latency(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    """Return the time of an empty phase of the low-latency kernels [s]; arguments as for `low_time`."""
    more = v["count"] * (x["experts"] / MANY) ** v["growth"] + v["group"] * (x["experts"] > x["processors"])
    return _base(v, x) * (1.0 + more + v["wide"] * x["hidden"] / WIDE)


def low_transfer(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    """Return the time of a phase of the low-latency kernels without latency [s]; arguments as for `low_time`."""
    busy = jnp.ceil(x["experts"] / jnp.ceil(x["experts"] / x["processors"]))
    rate = jnp.where(x["nodes"] > 1.0, v["port"] * x["net"], v["share"] * x["link"])
    link = x["nbytes"] / rate * (1.0 + v["idle"] * (1.0 - busy / x["processors"]))
    serial = x["tokens"] / busy * (v["slot"] + x["topk"] * x["vector"] / v["sm_bw"])
    return smooth_max(link, serial, v["ridge"])


def low_time(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    """Return the time of a phase of the low-latency kernels [s].

    Args:
        v: `LOW_PARAMETERS` by name
        x: `tokens` (of a rank), `nbytes` [B over the slowest link], `vector` [B of a copy], `topk, hidden, experts, nodes, ranks`,
            `link, net` [B/s of a GPU's NVLink and network port], `processors`, all of one shape
    """
    return knee(low_latency(v, x), low_transfer(v, x), v["knee"])


def normal_latency(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    """Return the time of an empty phase of the normal kernels [s]; arguments as for `normal_time`."""
    return _base(v, x) * (1.0 + v["wide"] * x["hidden"] / WIDE)


def normal_transfer(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    """Return the time of a phase of the normal kernels without latency [s]; arguments as for `normal_time`."""
    several = x["nodes"] > 1.0
    crowded = v["port"] * x["net"] * jnp.maximum(x["nodes"] / 2.0, 1.0) ** -v["crowd"]
    link = x["nbytes"] / jnp.where(several, crowded, v["share"] * x["link"])
    lanes = MIDDLE * (x["used"] / MIDDLE) ** v["scale"]
    work = x["copies"] * x["vector"] / v["sm_bw"] * jnp.where(several, v["relay"], 1.0)
    return smooth_max(link, x["tokens"] / lanes * (v["slot"] + work), v["ridge"])


def normal_time(v: Mapping[str, Float], x: Mapping[str, Float]) -> jax.Array:
    """Return the time of a phase of the normal kernels [s].

    Args:
        v: `NORMAL_PARAMETERS` by name
        x: as for `low_time`, without experts and topk; `copies` (ranks of its node that a token reaches), `used` (processors)
    """
    return knee(normal_latency(v, x), normal_transfer(v, x), v["knee"])


_SIZES = (
    Term("size", ("kind", "scope"), 0.03, along="doublings"),
    Term("size hidden", ("kind",), 0.03, along="doublings", times="long"),
)
_READ = ("tokens", "nbytes", "vector", "hidden", "nodes", "ranks", "link", "net")
EXCHANGES = {
    "deepep_ll": Exchange(
        low_time, low_latency, low_transfer, LOW_PARAMETERS, FREE, (*_READ, "topk", "experts", "processors"), _SIZES, most=560
    ),
    "deepep_normal": Exchange(
        normal_time, normal_latency, normal_transfer, NORMAL_PARAMETERS, FREE, (*_READ, "copies", "used"),
        (
            *_SIZES,
            Term("size sms", ("kind", "scope"), 0.03, along="doublings", times="speed"),
            Term("size top k", ("kind",), 0.03, along="doublings", times="many"),
            Term("size nodes", ("kind", "scope"), 0.2, known=True, along="doublings", times="far"),
        ),
        most=600, steps=30,
    ),
}  # fmt: skip


def volume(op: str, tokens: Any, hidden: Any, top_k: Any, nodes: Any, phase: str, experts: Any = MANY, node: Any = NODE) -> np.ndarray:
    """Return the bytes that a rank sends over its slowest link in one phase [B]: over NVLink on one node, else over the network.

    Args:
        op: deepep_ll or deepep_normal
        tokens: of this rank
        hidden, top_k, nodes, experts: counts
        phase: dispatch or combine
        node: GPUs of a node
    """
    tokens, hidden, top_k, nodes, node = (np.asarray(v, dtype=float) for v in (tokens, hidden, top_k, nodes, node))
    if op == "deepep_ll":
        sent = top_k * np.where(nodes > 1.0, 1.0 - 1.0 / nodes, 1.0 - 1.0 / node)
    else:
        across = reached(top_k, np.clip(nodes, 1.0, GROUPS), experts) * (1.0 - 1.0 / nodes)
        sent = np.where(nodes > 1.0, across, reached(top_k, node, experts) * (1.0 - 1.0 / node))
    return tokens * hidden * BYTES[phase] * sent


def frame(rows: "pd.DataFrame", op: str, phase: str, known: Mapping[str, Any] | None = None) -> "pd.DataFrame":
    """Return rows of one phase with what `EXCHANGES` needs, index kept; `time` where the rows have it.

    Args:
        rows: as the reader gives them
        op: deepep_ll or deepep_normal
        phase: dispatch or combine
        known: versions by system of a fit; a system or version outside it has the labels of its sister, or of the system's latest version
    """
    import pandas as pd

    nodes, top_k, hidden, experts = (
        np.maximum(rows[c].to_numpy(float), 1.0) for c in ("node_num", "num_topk", "hidden_size", "num_experts")
    )
    tokens, system = rows["num_token"].to_numpy(float), rows["system"].astype(str)
    home = system.where(system.isin(list(KNOWN)), HOME)
    sheets = {s: spec(s) for s in home.unique()}
    node = home.map(TRAYS).fillna(NODE).to_numpy(float)
    named = next((c for c in ("engine_version", "version") if c in rows), None)
    version = pd.Series("unknown", index=rows.index) if named is None else rows[named].astype(str)
    like = _alike(home, version, known)
    where = labels(
        pd.DataFrame({"system": like["system"], "engine": "deepep", "engine_version": like["version"]}),
        pd.Series(phase, index=rows.index), pd.Series("deepep", index=rows.index),
    )  # fmt: skip
    used = rows[f"{phase}_sms"].to_numpy(float) if op == "deepep_normal" else np.full(len(rows), MIDDLE)
    found = pd.DataFrame(
        {
            **where, "system": system, "version": version, "phase": phase, "scope": np.where(nodes > 1.0, "nodes", "node"),
            "node": nodes, "nodes": nodes, "ranks": nodes * node, "hidden": hidden, "topk": top_k, "experts": experts, "tokens": tokens,
            "used": np.maximum(used, 1.0), "copies": reached(top_k, node, experts), "vector": hidden * BYTES[phase],
            "nbytes": volume(op, tokens, hidden, top_k, nodes, phase, experts, node),
            "processors": processors(pd.DataFrame({"system": home})),
            "link": home.map({s: n.link_bw for s, n in sheets.items()}), "net": home.map({s: n.scale_out_bw for s, n in sheets.items()}),
            "doublings": np.log2(np.maximum(tokens, 1.0)), "long": np.log2(hidden / WIDE), "many": np.log2(top_k / 8.0),
            "speed": np.log2(np.maximum(used, 1.0) / MIDDLE), "far": np.where(nodes > 1.0, np.log2(nodes) - 2.0, 0.0),
        },
        index=rows.index,
    )  # fmt: skip
    found["nominal"] = found["net"].where(nodes > 1.0, found["link"])
    columns = PHASES[op][phase]
    return found.assign(time=1e-6 * sum(rows[c].to_numpy(float) for c in columns)) if columns[0] in rows and "time" in rows else found


def _alike(system: "pd.Series", version: "pd.Series", known: Mapping[str, Any] | None) -> "pd.DataFrame":
    """Return the system and version whose labels rows have."""
    import pandas as pd

    def like(name: str, label: str) -> tuple[str, str]:
        if (name, label) in COPIED:
            name = ORIGIN
        if known is None or (name in TWINS and all(s in known for s in TWINS[name])):
            return name, label
        name = sister(name, known) or name
        return name, label if label in known.get(name, [label]) else known[name][-1]

    pairs = list(zip(system, version, strict=True))
    told = {pair: like(*pair) for pair in set(pairs)}
    return pd.DataFrame([told[p] for p in pairs], columns=["system", "version"], index=system.index)


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
    curves = found[["system", "node", "hidden", "topk", "experts"]].drop_duplicates()
    ranges = {
        "curves": curves.sort_values(list(curves.columns)).to_numpy().tolist(),
        "versions": {s: sorted(part.unique()) for s, part in found.groupby("system")["version"]},
        "tokens": [int(kept["num_token"].min()), int(kept["num_token"].max())],
    }  # fmt: skip
    return store.record(op, None, rows, used=len(kept), ranges=ranges, **fit_exchange(EXCHANGES[op], found))


def predict(rows: "pd.DataFrame", fitted: Mapping[str, Any], op: str) -> "pd.DataFrame":
    """Return predictions, see `nvlinklab.calibration.operators`; seconds are dispatch and combine together."""
    import pandas as pd

    measured = fitted["ranges"]["versions"]
    parts = {phase: frame(rows, op, phase, measured) for phase in BYTES}
    found = parts["dispatch"]
    seconds = np.sum([times(EXCHANGES[op], part, fitted) for part in parts.values()], axis=0)
    curves = {tuple(c) for c in fitted["ranges"]["curves"]}
    systems, nodes, shapes = {c[0] for c in curves}, {c[:2] for c in curves}, {c[2:] for c in curves}
    most = max(c[1] for c in curves)
    versions = {v for own in measured.values() for v in own}
    generations = {spec(s).generation for s in measured}

    def kind(system: str, version: str, node: float, hidden: float, top_k: float, experts: float) -> tuple[str, str, str]:
        if not (node >= 1.0 and hidden > 0.0 and top_k > 0.0):
            return "none", "bound", f"{node:g} nodes, hidden size {hidden:g} and top-k {top_k:g} are no exchange"
        if node > most:
            return "nodes", "extrapolated", f"{node:g} nodes are more than the {most:g} measured"
        if peer := sister(system, systems):
            return "sister", "extrapolated", f"no rows of {system}; from its sister {peer}"
        if system not in KNOWN or spec(system).generation not in generations:
            return "generation", "extrapolated", f"no rows of {system}, nor of its generation; efficiencies stand in from another"
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

    heads = list(zip(*(found[c] for c in ("system", "version", "node", "hidden", "topk", "experts")), strict=True))
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
