"""What an engine would serve of a deployment, with its doubt, beside a bare estimate of it.

A bare estimate adds the parts of a step. The fitted serving model knows in addition what engines lose between the steps, the prompts that
interrupt them, and queues; it has an interval of 90 % and names the measured deployments nearest to the question. The command `estimate`
and the notebooks ask it here.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from nvlinklab.calibration.serving import predict as serving
from nvlinklab.calibration.serving.deployments import Pool
from nvlinklab.calibration.serving.shapes import FAMILIES
from nvlinklab.calibration.systems import CATALOG, KNOWN
from nvlinklab.errors import DataError, did_you_mean
from nvlinklab.io import silicon
from nvlinklab.io.silicon import MEAN_LENGTH
from nvlinklab.validation.endtoend import predict

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

FORMATS = {"nvfp4": "fp4", "mxfp4": "fp4", "fp8": "fp8", "bf16": "bf16", "fp16": "bf16"}
"""Number format of the measurements for that of the weights."""

KEPT = ("family", "system", "backend", "precision", "mode", "layout", "gpus", "rows", "distance")
"""What is said of a neighbour."""


def family_of(model: str) -> str:
    """Return the measured family of a model of the data tables.

    Raises:
        DataError: no engine was measured on it.

    >>> family_of("deepseek-v3")
    'dsr1'
    """
    found = {table: family for family, table in FAMILIES.items()}.get(model, model if model in FAMILIES else None)
    if found is None:
        raise DataError(
            f"no engine was measured on {model}{did_you_mean(model, FAMILIES.values())}; measured are {', '.join(FAMILIES.values())}"
        )
    return found


def row(
    model: str, system: str, weights: str, engine: str, *, isl: float, osl: float, concurrency: float, decode: Pool,
    prefill: Pool | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return one deployment under one load, as `predict` takes it.

    Args:
        model: of the data tables (`deepseek-v3`), or a measured family (`dsr1`)
        system: of the catalog (`gb200-nvl72`), or as measurements call it (`gb200`)
        weights: number format of the weights, one of `FORMATS`
        engine: `trtllm`, `sglang` or `vllm`
        isl, osl: mean input and output of a request [token]; a benchmark's nominal lengths are longer, as it draws from 0.8 to 1.0 of them
        concurrency: requests in flight, over all workers
        decode: the workers that decode
        prefill: those that read prompts; by default the same ones

    Raises:
        DataError: no engine was measured on the model, the system has no data sheet in the calibration, or no such format.
    """
    if CATALOG.get(system, system) not in KNOWN:
        raise DataError(
            f"{system} is no measured system and has no data sheet in the calibration{did_you_mean(system, [*CATALOG, *KNOWN])}"
        )
    if weights not in FORMATS:
        raise DataError(f"no number format is called {weights!r}{did_you_mean(weights, FORMATS)} There are: {', '.join(FORMATS)}")
    found = {
        "family": family_of(model), "system": CATALOG.get(system, system), "backend": engine, "precision": FORMATS[weights],
        "isl": isl / MEAN_LENGTH, "osl": osl / MEAN_LENGTH, "concurrency": concurrency,
    }  # fmt: skip
    return found | _layout(decode, prefill)


def _layout(decode: Pool, prefill: Pool | None) -> dict[str, Any]:
    if prefill is None:
        pool = {"tp": decode.gpus, "ep": decode.ep, "dp_attention": bool(decode.dp_attention)}
        return {"mode": "agg", "gpus": decode.workers * decode.gpus, **pool}
    columns: dict[str, Any] = {"mode": "disagg", "gpus": prefill.workers * prefill.gpus + decode.workers * decode.gpus}
    for phase, pool in (("prefill", prefill), ("decode", decode)):
        columns |= {f"{phase}_workers": pool.workers, f"{phase}_tp": pool.gpus, f"{phase}_ep": pool.ep}
        columns[f"{phase}_dp_attention"] = bool(pool.dp_attention)
    return columns


def tell(rows: "pd.DataFrame") -> "pd.DataFrame":
    """Return the rows with what they would serve.

    Args:
        rows: of `row` or `measured_layouts`, or any table that `predict` takes

    Returns:
        the columns of `rows` and of `predict`, and `speed` (1 / TPOT) [tok/s per user] with `speed_q05` and `speed_q95`.
    """
    import pandas as pd

    told = pd.concat([rows, predict(rows)], axis=1)
    return told.assign(speed=1.0 / told.tpot_s, speed_q05=1.0 / told.tpot_s_q95, speed_q95=1.0 / told.tpot_s_q05)


def neighbours(rows: "pd.DataFrame", count: int = 3) -> list[list[dict[str, Any]]]:
    """Return the measured deployments nearest to each row, the nearest first, with the entries of `KEPT`."""
    return [[{k: n[k] for k in KEPT} for n in near] for near in serving.neighbours(rows, count)]


def nearest(rows: "pd.DataFrame") -> list[str]:
    """Return the nearest measured deployment of each row in words."""
    words = "{system} {precision}, {backend}, {mode}, {gpus:g} GPUs ({rows} rows)"
    return [words.format(**near[0]) for near in neighbours(rows, 1)]


def measured_layouts(model: str, system: str, weights: str, *, isl: float, osl: float, like: str = "") -> "pd.DataFrame":
    """Return the layouts and loads that engines were measured at, without what was measured.

    Args:
        model, system, weights: as in `row`
        isl, osl: nominal lengths of the benchmark [token]
        like: take the layouts of this system, where `system` itself was not measured

    Returns:
        rows for `tell`, one per layout and load, with a `deployment` that names the layout.

    Raises:
        DataError: no layout was measured at such lengths.
    """
    family, target, measured = family_of(model), CATALOG.get(system, system), CATALOG.get(like or system, like or system)
    rows = silicon.deployments()
    same = (rows["family"] == family) & (rows["system"] == measured) & (rows["precision"] == FORMATS[weights])
    rows = rows[same & (rows["isl"] == isl) & (rows["osl"] == osl) & ~rows["duplicate"]].reset_index(drop=True)
    if rows.empty:
        raise DataError(f"no layout of {family} on {measured} in {FORMATS[weights]} was measured at {isl:g} tokens in and {osl:g} out")
    workers = [f"{p:g}+{d:g}" for p, d in rows[["prefill_workers", "decode_workers"]].fillna(1.0).to_numpy(float)]
    deployment = rows["group"] + "|" + workers
    if target != measured:
        rows = rows.assign(system=target, group=rows["group"].str.replace(f"|{measured}|", f"|{target}|", regex=False))
    return rows.assign(deployment=deployment)


def tell_measured(
    model: str, systems: "Mapping[str, tuple[str, str]]", *, isl: float, osl: float, like: "Mapping[str, str] | None" = None
) -> "pd.DataFrame":
    """Return what several systems would serve over the layouts and loads that engines were measured at, told in one call.

    Args:
        model, isl, osl: as in `measured_layouts`
        systems: by the name to give each in the column `name`, the system and the number format of its weights
        like: by system, the one whose layouts stand in for its own

    Raises:
        DataError: no layout of one of them was measured at such lengths.
    """
    import pandas as pd

    stand_in = like or {}
    tables = [
        measured_layouts(model, system, weights, isl=isl, osl=osl, like=stand_in.get(system, "")).assign(name=name)
        for name, (system, weights) in systems.items()
    ]
    return tell(pd.concat(tables, ignore_index=True))


def exact(points: "pd.DataFrame") -> "pd.DataFrame":
    """Return measured points as `frontier` takes them, without doubt.

    Args:
        points: columns `speed` [tok/s per user] and `tput` [output tok/s per GPU], points of one curve
    """
    ends = {f"{c}_q{q}": points[c] for c in ("speed", "tput") for q in ("05", "95")}
    return points.assign(**ends, concurrency=1.0 / points["speed"], deployment="measured", status="measured")


def frontier(told: "pd.DataFrame", speeds: "np.ndarray | list[float]") -> "pd.DataFrame":
    """Return the most output that some layout serves while every user gets at least a speed.

    An error of TPOT moves a point along both axes, so the interval is not read at one load: its ends are the frontiers of the slow end and
    of the fast end of all layouts, at the same speed.

    Args:
        told: of `tell`, with a `deployment`
        speeds: promised output per user [tok/s], shape (speeds,)

    Returns:
        one row per speed: `speed`, `value`, `low`, `high` [output tok/s per GPU], `status` and `deployment` of the best layout. `value` is
        NaN where no layout is as fast; `low` is 0 where the slow end of none is.
    """
    import pandas as pd

    groups = [g.sort_values("concurrency") for _, g in told.groupby("deployment", sort=True)]
    ends = {"value": ("speed", "tput"), "low": ("speed_q05", "tput_q05"), "high": ("speed_q95", "tput_q95")}
    out = []
    for u in map(float, speeds):
        rates = {end: [_rate_at(g, u, *columns) for g in groups] for end, columns in ends.items()}
        best = groups[int(np.argmax(rates["value"]))]
        at = best.iloc[int(np.argmin(np.abs(np.log(best["speed"].to_numpy(float) / u))))]
        found = {end: max(values) for end, values in rates.items()}
        if found["value"] > 0.0:
            out.append({"speed": u, **found, "status": at["status"], "deployment": at["deployment"]})
        else:
            out.append({"speed": u, **found, "value": np.nan, "status": "", "deployment": ""})
    return pd.DataFrame(out)


def _rate_at(curve: "pd.DataFrame", speed: float, x: str, y: str) -> float:
    """Return the highest rate of a curve over loads at which the speed is kept; between two loads the logarithms are straight. 0: none."""
    s, r = np.log(curve[x].to_numpy(float)), np.log(curve[y].to_numpy(float))
    u = np.log(speed)
    rates = list(r[s >= u])
    for i in np.flatnonzero((s[:-1] - u) * (s[1:] - u) < 0.0):
        rates.append(r[i] + (r[i + 1] - r[i]) * (u - s[i]) / (s[i + 1] - s[i]))
    return float(np.exp(max(rates))) if rates else 0.0


def quotient(new: "pd.DataFrame", old: "pd.DataFrame") -> "pd.DataFrame":
    """Return the ratio of two frontiers at the same speeds; its `high` is inf where the slow end of the old one keeps no such speed.

    The errors of both count as independent. Two systems predicted by one model share a part of them, so the interval is rather too wide.
    """
    import pandas as pd

    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = ({k: np.log(f[k].to_numpy(float)) for k in ("value", "low", "high")} for f in (new, old))
        middle = a["value"] - b["value"]
        down = np.hypot(a["value"] - a["low"], b["high"] - b["value"])
        up = np.hypot(a["high"] - a["value"], b["value"] - b["low"])
        out = {"value": np.exp(middle), "low": np.exp(middle - down), "high": np.exp(middle + up)}
    return pd.DataFrame({"speed": new["speed"].to_numpy(float), **out})
