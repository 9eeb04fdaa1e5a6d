"""Rows of a table of deployments as numbers, and why a row cannot be read.

Both spellings are taken: the columns of `nvlinklab.io.silicon.end_to_end` (`concurrency`, `tp`, `prefill_tp`, ...) and those of the
repaired measurement files (`conc`, `R_tp`, `R_p_tp`, ...). Where the layout columns are empty it is read from `group`.
"""

import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nvlinklab.calibration.serving.shapes import FAMILIES, FORMATS, Shape, shape
from nvlinklab.calibration.systems import CATALOG, KNOWN, spec
from nvlinklab.errors import DataError, did_you_mean
from nvlinklab.io.silicon import MEAN_LENGTH

if TYPE_CHECKING:
    import pandas as pd

ENGINES = ("sglang", "trtllm", "vllm")
UNSTATED = {"sglang": "fp8"}
"""Number format where none is stated: what fits the rows of that engine; the model's own BF16 elsewhere."""

SLIGHTLY = 1.0 / 3.0
"""Share by which the requests per decode worker may exceed a power of two for that power to be its limit of running sequences."""

COLUMNS = {
    "concurrency": ("concurrency", "conc"), "max_running": ("max_running",), "gpus": ("gpus",),
    "tp": ("tp", "R_tp"), "ep": ("ep", "R_ep"), "dp_attention": ("dp_attention", "R_dpa"),
    "prefill_workers": ("prefill_workers", "R_p_nw"), "prefill_tp": ("prefill_tp", "R_p_tp"), "prefill_ep": ("prefill_ep", "R_p_ep"),
    "prefill_dp_attention": ("prefill_dp_attention", "R_p_dpa"), "decode_workers": ("decode_workers", "R_d_nw"),
    "decode_tp": ("decode_tp", "R_d_tp"), "decode_ep": ("decode_ep", "R_d_ep"), "decode_dp_attention": ("decode_dp_attention", "R_d_dpa"),
}  # fmt: skip
"""Our name of a column, and the names it may have."""

RUN = "workflow_run_id="
"""How an image begins that names a run of a measuring script, not software: rows of one day count as one image then."""

REQUIRED = ("family", "system", "backend", "precision", "mode", "isl", "osl")


class Gpu(NamedTuple):
    """One GPU and its links, data-sheet numbers in SI, one direction; `hopper` and `native_fp4` are 1 or 0."""

    mem_bw: float
    mem_capacity: float
    flops_bf16: float
    flops_fp8: float
    flops_fp4: float
    native_fp4: float
    hopper: float
    link_bw: float
    domain: float
    scale_out_bw: float


class Pool(NamedTuple):
    """Workers that do one phase: how many, GPUs of each, its expert-parallel width, and whether its attention is data-parallel (1 or 0)."""

    workers: float
    gpus: float
    ep: float
    dp_attention: float


class Case(NamedTuple):
    """One deployment under one load, as the serving model sees it; arrays of shape (rows,) where many are taken at once.

    Attributes:
        shape, gpu: model and hardware
        prefill, decode: pools; the same one where prefill and decode share GPUs
        aggregated: 1 where they do
        sglang, trtllm, vllm: share of each engine's software parameters, summing to 1
        four_bit: 1 where the experts or dense blocks have four-bit weights
        isl, osl: mean tokens of a request, after the draw
        concurrency: requests in flight, all workers
        max_running: declared limit of running sequences per worker (inf: none declared)
        gpus: of the whole deployment
    """

    shape: Shape
    gpu: Gpu
    prefill: Pool
    decode: Pool
    aggregated: float
    sglang: float
    trtllm: float
    vllm: float
    four_bit: float
    isl: float
    osl: float
    concurrency: float
    max_running: float
    gpus: float


class Reading(NamedTuple):
    """A table of deployments, read.

    Attributes:
        cases: a `Case` of arrays, shape (rows,); rows that cannot be read hold a stand-in
        readable: which rows can be predicted, shape (rows,)
        bound: rows of which something is missing, so that what is computed is a bound, shape (rows,)
        reasons: in words, empty where nothing is to be said, shape (rows,)
        labels: the names a row is known by (family, system, backend, precision, mode, image, measured, group, layout)
    """

    cases: Case
    readable: np.ndarray
    bound: np.ndarray
    reasons: list[str]
    labels: "pd.DataFrame"


def normalised(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows with our names of the columns; columns that are absent are added empty.

    Raises:
        DataError: a column nothing can be said without is absent.
    """
    import pandas as pd

    missing = [c for c in REQUIRED if c not in rows]
    if missing:
        raise DataError(
            f"the table lacks the column {missing[0]!r}; needed are {', '.join(REQUIRED)}, the concurrency (conc), the GPUs and the layout "
            "(R_tp, R_ep, R_dpa, or R_p_* and R_d_* where prefill and decode have GPUs of their own)"
        )
    out = pd.DataFrame(index=rows.index)
    for name in (*REQUIRED, "image", "measured", "group", "id"):
        out[name] = rows.get(name)
    for name, spellings in COLUMNS.items():
        found = next((s for s in spellings if s in rows), None)
        out[name] = rows[found] if found else None
    return out


def _float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


def _flag(value: Any) -> bool:
    return str(value).strip().lower() in ("true", "yes", "1", "1.0")


def _pools(r: Any, aggregated: bool) -> tuple[Pool, Pool, list[str], bool]:
    """Return prefill and decode pool of a row, what had to be assumed, and whether that makes the result a bound."""
    group = str(r.group) if r.group is not None else ""
    total, notes, bound = _float(r.gpus), [], False
    if aggregated:
        gpus, ep, dp = _float(r.tp), _float(r.ep), _flag(r.dp_attention)
        match = re.search(r"tp([\d.]+)mt([\d.]+)me([\d.]+)", group)
        if gpus != gpus and match:
            tp, moe_tp, moe_ep = (float(x) for x in match.groups())
            gpus = total if total == total else max(tp, moe_tp * moe_ep, 1.0)
            ep, dp = max(moe_ep, 1.0), 0.0 < tp < gpus
        if gpus != gpus:
            gpus, bound = total, True
            notes.append("the layout is not given: tensor parallelism over all GPUs is assumed")
        workers = max(total / gpus, 1.0) if total == total else 1.0
        pool = Pool(workers, gpus, ep if ep >= 1.0 else 1.0, float(dp))
        return pool, pool, notes, bound
    pools = []
    found = {"prefill": re.search(r"\|p([\d.]+)e([\d.]+)", group), "decode": re.search(r"\|d([\d.]+)e([\d.]+)", group)}
    for phase in ("prefill", "decode"):
        workers, gpus = _float(getattr(r, f"{phase}_workers")), _float(getattr(r, f"{phase}_tp"))
        ep, dp = _float(getattr(r, f"{phase}_ep")), _flag(getattr(r, f"{phase}_dp_attention"))
        match = found[phase]
        if gpus != gpus and match:
            gpus, ep = (max(float(x), 1.0) for x in match.groups())
        if workers != workers:
            workers, bound = 1.0, True
            notes.append(f"the number of {phase} workers is not given: one is assumed")
        pools.append(Pool(workers, gpus, ep if ep >= 1.0 else 1.0, float(dp)))
    return pools[0], pools[1], notes, bound


def _gpu(name: str) -> Gpu:
    s = spec(name)
    return Gpu(
        s.mem_bw, s.mem_capacity, s.flops_bf16, s.flops_fp8, s.flops_fp4, float(s.native_fp4), float(s.generation == "hopper"), s.link_bw,
        s.domain, s.scale_out_bw,
    )  # fmt: skip


def _why_not(r: Any) -> str:
    if r.family not in FAMILIES:
        return f"no model family is called {r.family!r}{did_you_mean(str(r.family), FAMILIES)} There are: {', '.join(FAMILIES)}"
    if CATALOG.get(r.system, r.system) not in KNOWN:
        return f"no system is called {r.system!r}{did_you_mean(str(r.system), KNOWN)} There are: {', '.join(KNOWN)}"
    if r.precision not in (*FORMATS, "unstated") and isinstance(r.precision, str):
        return f"no number format is called {r.precision!r}; there are {', '.join(FORMATS)} and unstated"
    if r.mode not in ("agg", "disagg"):
        return f"mode is {r.mode!r}; expected agg or disagg"
    if not (_float(r.isl) > 0.0 and _float(r.osl) >= 1.0):
        return f"isl={r.isl}, osl={r.osl}; expected positive numbers of tokens"
    if _float(r.concurrency) <= 0.0:
        return f"the concurrency is {r.concurrency}; expected a positive number of requests in flight"
    return ""


def implied_limit(backend: str, aggregated: bool, each: float) -> float:
    """Return the limit of running sequences per decode worker that a load gives away; inf where it gives none away.

    Disaggregated TensorRT-LLM is set up with a decode batch of a power of two and driven slightly above it, so that a free place is filled
    at once (4301 requests for 4096 places). The excess waits for a place, so TTFT is at least `each / limit - 1` of a request's decode time
    (Little's law); chapter 21 shows it of the measured rows. A load of a power of two, or far above one, gives nothing away.

    Args:
        backend: the engine
        aggregated: whether prefill and decode share GPUs
        each: requests in flight per decode worker
    """
    if aggregated or backend != "trtllm" or not each > 1.0:
        return float("inf")
    power = 2.0 ** math.floor(math.log2(each))
    return power if 0.0 < each / power - 1.0 <= SLIGHTLY else float("inf")


def _case(r: Any) -> tuple[Case, list[str], bool]:
    aggregated = r.mode == "agg"
    prefill, decode, notes, bound = _pools(r, aggregated)
    if not decode.gpus >= 1.0 or not prefill.gpus >= 1.0:
        raise DataError("neither the layout (R_tp, or R_p_tp and R_d_tp) nor the number of GPUs is given")
    fmt = r.precision if r.precision in FORMATS else UNSTATED.get(r.backend, "bf16")
    if r.precision not in FORMATS:
        notes.append(f"the number format is not stated: {fmt} is assumed")
    weights = {e: float(r.backend == e) for e in ENGINES}
    if r.backend not in ENGINES:
        weights = dict.fromkeys(ENGINES, 1.0 / len(ENGINES))
        notes.append(f"no rows of the engine {r.backend!r} were measured: the mean of {', '.join(ENGINES)} stands in")
    concurrency, limit = _float(r.concurrency), _float(r.max_running)
    if concurrency != concurrency:
        concurrency, bound = decode.workers, True
        notes.append("the concurrency is not given: one request per worker, so times are lower bounds")
    if not limit > 0.0:
        limit = implied_limit(r.backend, aggregated, concurrency / decode.workers)
        if limit < float("inf"):
            notes.append(f"a limit of {limit:g} running sequences per decode worker is read from the load; max_running declares another")
    used = decode.workers * decode.gpus + (0.0 if aggregated else prefill.workers * prefill.gpus)
    total = _float(r.gpus)
    case = Case(
        shape=shape(r.family, fmt), gpu=_gpu(r.system), prefill=prefill, decode=decode, aggregated=float(aggregated), **weights,
        four_bit=float(fmt in ("fp4", "int4")), isl=MEAN_LENGTH * float(r.isl), osl=max(MEAN_LENGTH * float(r.osl), 1.0),
        concurrency=concurrency, max_running=limit, gpus=total if total > 0.0 else used,
    )  # fmt: skip
    return case, notes, bound


def read(rows: "pd.DataFrame") -> Reading:
    """Read a table of deployments.

    Args:
        rows: one row per deployment and load, in either spelling

    Raises:
        DataError: a required column is absent. A row that cannot be read does not stop the others: its reason is returned.
    """
    import jax
    import pandas as pd

    table = normalised(rows)
    cases, readable, bounds, reasons = [], [], [], []
    stand_in: Case | None = None
    for r in table.itertuples():
        reason, case, bound = _why_not(r), None, False
        if not reason:
            try:
                case, notes, bound = _case(r)
                reason = "; ".join(notes)
            except DataError as error:
                reason = str(error)
        cases.append(case)
        readable.append(case is not None)
        bounds.append(bound)
        reasons.append(reason)
        stand_in = stand_in or case
    if stand_in is None:
        raise DataError(f"no row of the table can be read; the first says: {reasons[0] if reasons else 'there are no rows'}")
    full = [c if c is not None else stand_in for c in cases]
    stacked = jax.tree.map(lambda *x: np.asarray(x, dtype=float), *full)
    p, d = stacked.prefill, stacked.decode
    layout = [f"{a:g}x{b:g}e{c:g}d{e:g}+{f:g}x{g:g}e{h:g}d{i:g}" for a, b, c, e, f, g, h, i in zip(*p, *d, strict=True)]
    labels = pd.DataFrame({
        "family": table["family"].astype(str), "system": [CATALOG.get(s, s) for s in table["system"].astype(str)],
        "backend": table["backend"].astype(str), "precision": table["precision"].astype(str), "mode": table["mode"].astype(str),
        "generation": np.where(stacked.gpu.hopper > 0, "hopper", "later"), "image": table["image"].astype("string"),
        "layout": layout,
    }, index=rows.index)  # fmt: skip
    own = zip(*(labels[name] for name in ("family", "system", "backend", "precision", "mode", "layout")), strict=True)
    labels["group"] = table["group"].astype("string").fillna(pd.Series(["|".join(names) for names in own], index=rows.index)).astype(str)
    labels["measured"] = table["measured"].astype("string").fillna("undated").astype(str)
    unnamed = labels["image"].isna() | labels["image"].str.startswith(RUN).fillna(False)
    dated = np.where(labels["measured"] == "undated", labels["family"] + labels["backend"] + labels["generation"], labels["measured"])
    labels["image"] = np.where(unnamed, "unnamed:" + dated, labels["image"]).astype(str)
    return Reading(stacked, np.asarray(readable), np.asarray(bounds), reasons, labels)
