"""Predictions with doubt: values, 90 % intervals, status, and the nearest measured deployments."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nvlinklab.calibration.serving import deployments, fitting, similarity
from nvlinklab.calibration.serving.deployments import Case, Reading
from nvlinklab.calibration.serving.fitting import OUTPUTS
from nvlinklab.calibration.serving.load import Served
from nvlinklab.calibration.serving.model import Model, load
from nvlinklab.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

QUANTILE = 1.6448536269514722
"""Standard deviations of a normal distribution from its median to its 95 % quantile."""

CLIFF = 0.8
"""Share of the capacity, or of the prefill pool's limit, from which errors explode."""

ANCHOR_OUTLIER = 2.5
"""Standard deviations from which an anchor is held to be unusual and counts less."""

LOADS = ("isl", "osl", "concurrency")

BEYOND = 2.0
"""Factor by which a load may lie outside the measured ones of its deployment and still count as calibrated."""


class Logs(NamedTuple):
    """Predicted logarithms of one output for some rows.

    Attributes:
        mean: shape (rows,)
        slopes: by the physical parameters, shape (rows, parameters)
        levels: which effects apply, shape (rows, effects)
        extra: variance of levels nobody measured, shape (rows,)
    """

    mean: np.ndarray
    slopes: np.ndarray
    levels: np.ndarray
    extra: np.ndarray


def _logs(model: Model, reading: Reading) -> tuple[dict[str, Logs], Served]:
    slopes, served = fitting.slopes_and_served(model.unconstrained, reading.cases)
    found = {name: np.log(getattr(served, name)) for name in OUTPUTS}
    load_ = fitting.load_of(reading.cases)
    out = {}
    for name in OUTPUTS:
        e = model.effects[name]
        z = similarity.design(reading.labels, load_, e.levels)
        extra = similarity.unseen_variance(model.spreads[name], reading.labels, load_, e.levels)
        out[name] = Logs(found[name] + z @ e.mean, slopes[name], z, extra)
    return out, served


def _variance(model: Model, name: str, logs: Logs) -> np.ndarray:
    """Return the predictive variance of each row's logarithm: parameters, effects, levels never seen, its deployment, its noise."""
    s, e = model.spreads[name], model.effects[name]
    physics = (logs.slopes @ model.covariance * logs.slopes).sum(axis=1)
    effects = np.maximum((logs.levels @ e.covariance * logs.levels).sum(axis=1), 0.0)
    return physics + effects + logs.extra + s.deployment**2 + s.load**2 + s.noise**2


def _covariance(model: Model, name: str, logs: Logs, reading: Reading, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the covariance of the errors of rows `a` and `b`, measurement noise left out, shape (rows of a, rows of b)."""
    s, e = model.spreads[name], model.effects[name]
    load_ = fitting.load_of(reading.cases)
    groups = reading.labels["group"].to_numpy()
    physics = logs.slopes[a] @ model.covariance @ logs.slopes[b].T
    effects = logs.levels[a] @ e.covariance @ logs.levels[b].T
    unseen = np.zeros((len(a), len(b)))
    known = set(e.levels)
    for kind in s.kinds:
        names = np.asarray(similarity.level_names(reading.labels, kind), dtype=object)
        new = np.asarray([(kind, n) not in known for n in names])
        much = s.kinds[kind] * similarity.strength(load_, kind)
        unseen += np.where(new[a][:, None] & (names[a][:, None] == names[b][None, :]), np.outer(much[a], much[b]), 0.0)
    return physics + effects + unseen + similarity.own(s, list(groups[a]), load_[a], list(groups[b]), load_[b])


def predict(rows: "pd.DataFrame", anchors: "pd.DataFrame | None" = None, model: Model | None = None) -> "pd.DataFrame":
    """Predict what deployments serve.

    Args:
        rows: one row per deployment and load, as `deployments.read` takes them
        anchors: measured rows of your own, with `ttft` and `tpot` [s] (or `silicon_ttft_ms`, `silicon_tpot_ms`): the model is conditioned
            on them, deployments like theirs most
        model: by default the committed one

    Returns:
        a table with the index of `rows` and the columns `ttft_s, tpot_s, tput` (output tok/s per GPU), each with `_q05` and `_q95`,
        `status` (`calibrated`, `interpolated`, `extrapolated`, `bound`, or `unknown` for a row nothing can be said of, with NaN
        values), `reason`, `running` (sequences per decode worker), `capacity` and `interference` (share of TPOT due to prefills).

    Raises:
        DataError: a required column is absent, no row can be read, or no anchor has measured values.
    """
    import pandas as pd

    model = model or load()
    count = len(rows)
    table = rows if anchors is None else pd.concat([rows.reset_index(drop=True), anchors.reset_index(drop=True)], ignore_index=True)
    reading = deployments.read(table)
    logs, served = _logs(model, reading)
    mean = {n: logs[n].mean[:count].copy() for n in OUTPUTS}
    variance = {n: _variance(model, n, logs[n])[:count] for n in OUTPUTS}
    if anchors is not None:
        here, there = np.arange(count), np.arange(count, len(table))
        times = fitting.measured(table)
        if not any((reading.readable[there] & (times[n][there] > 0)).any() for n in OUTPUTS):
            raise DataError("no anchor has measured values; give silicon_ttft_ms and silicon_tpot_ms, or ttft and tpot in seconds")
        for n in OUTPUTS:
            known = there[reading.readable[there] & (times[n][there] > 0)]
            if not len(known):
                continue
            left = np.log(times[n][known]) - logs[n].mean[known]
            prior = _covariance(model, n, logs[n], reading, known, known)
            sd = np.sqrt(np.diag(prior) + model.spreads[n].noise ** 2)
            noise = model.spreads[n].noise ** 2 + (similarity.inflation(left, ANCHOR_OUTLIER * sd) - 1.0) * sd**2
            across = _covariance(model, n, logs[n], reading, here, known)
            gain = np.linalg.solve(prior + np.diag(noise), across.T).T
            mean[n] += gain @ left
            variance[n] -= np.einsum("ij,ij->i", gain, across)
    return _table(rows, reading, served, mean, variance, model, count)


def row_factors(factors: dict[str, float], families: Iterable[str], systems: Iterable[str]) -> np.ndarray:
    """Return each row's factor on the standard deviation, shape (rows,).

    It is that of its family, or of the family on its system where that is larger; families and pairs with few left-out rows, or none, take
    that of all rows.
    """
    pairs = zip(families, systems, strict=True)
    return np.asarray([max(factors.get(name, factors["all"]) for name in (f, f"{f}|{s}")) for f, s in pairs])


def quantiles(ttft: np.ndarray, tpot: np.ndarray, tokens: np.ndarray, rate: np.ndarray, sd: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the columns `ttft_s`, `tpot_s` and `tput` with their 5 % and 95 % quantiles.

    Args:
        ttft, tpot: medians [s]
        tokens: of a request after the first
        rate: output tokens in flight per GPU, so that over a request's life it is the throughput [token]
        sd: of the logarithms of `ttft` and `tpot`; the throughput's follows from the shares of a request's life, as if independent
    """
    life = ttft + tokens * tpot
    waiting = ttft / life
    sd = sd | {"tput": np.hypot((1.0 - waiting) * sd["tpot"], waiting * sd["ttft"])}
    columns: dict[str, np.ndarray] = {}
    for name, value, s in (("ttft_s", ttft, sd["ttft"]), ("tpot_s", tpot, sd["tpot"]), ("tput", rate / life, sd["tput"])):
        columns |= {name: value, f"{name}_q05": value * np.exp(-QUANTILE * s), f"{name}_q95": value * np.exp(QUANTILE * s)}
    return columns


def request(cases: Case) -> tuple[np.ndarray, np.ndarray]:
    """Return the tokens of a request after the first, and the output tokens in flight per GPU; shapes (rows,)."""
    osl, concurrency, gpus = (np.asarray(x) for x in (cases.osl, cases.concurrency, cases.gpus))
    return np.maximum(osl - 1.0, 0.0), concurrency * osl / gpus


def _table(
    rows: "pd.DataFrame", reading: Reading, served: Served, mean: dict[str, np.ndarray], variance: dict[str, np.ndarray], model: Model,
    count: int,
) -> "pd.DataFrame":  # fmt: skip
    import pandas as pd

    tokens, rate = (x[:count] for x in request(reading.cases))
    labels = reading.labels.iloc[:count]
    sd = {n: row_factors(model.interval[n], labels["family"], labels["system"]) * np.sqrt(np.maximum(variance[n], 1e-12)) for n in OUTPUTS}
    columns = quantiles(np.exp(mean["ttft"]), np.exp(mean["tpot"]), tokens, rate, sd)
    readable = reading.readable[:count]
    out = pd.DataFrame({k: np.where(readable, v, np.nan) for k, v in columns.items()}, index=rows.index)
    status, reason = _status(reading, served, model, count)
    out["status"], out["reason"] = status, reason
    running, capacity = np.asarray(served.running)[:count], np.asarray(served.capacity)[:count]
    out["running"], out["capacity"] = np.where(readable, running, np.nan), np.where(readable, capacity, np.nan)
    out["interference"] = np.where(readable, np.asarray(served.interference / served.tpot)[:count], np.nan)
    return out


def _status(reading: Reading, served: Served, model: Model, count: int) -> tuple[list[str], list[str]]:
    known = {d["group"]: d for d in model.deployments}
    engines = {v for k, v in model.effects["tpot"].levels if k == "engine_system"}
    families = {d["family"] for d in model.deployments}
    systems = {d["system"] for d in model.deployments}
    names = similarity.level_names(reading.labels, "engine_system")
    free, running = np.asarray(served.free_memory), np.asarray(served.running)
    full = running / np.minimum(np.asarray(served.capacity), np.asarray(served.prefill_limit))
    status, reasons = [], []
    for i, row in enumerate(reading.labels.iloc[:count].itertuples()):
        said = [reading.reasons[i]] if reading.reasons[i] else []
        if not reading.readable[i]:
            status.append("unknown")
        else:
            if row.family not in families:
                said.append(f"no deployment of {row.family} was measured")
            if row.system not in systems:
                said.append(f"no deployment on {row.system} was measured")
            if free[i] <= 0.0:
                said.append("the weights do not fit the memory: times are lower bounds")
            elif full[i] > CLIFF:
                said.append("close to the limit of memory or of the prefill pool, where TTFT grows without bound")
            if reading.bound[i] or free[i] <= 0.0:
                status.append("bound")
            elif row.group in known and _inside(known[row.group], reading, i):
                status.append("calibrated")
            elif names[i] in engines:
                status.append("interpolated")
            else:
                status.append("extrapolated")
        reasons.append("; ".join(said))
    return status, reasons


def _inside(deployment: dict[str, Any], reading: Reading, i: int) -> bool:
    now = {n: float(np.asarray(getattr(reading.cases, n))[i]) for n in LOADS}
    return all(deployment[f"{n}_low"] / BEYOND <= v <= deployment[f"{n}_high"] * BEYOND for n, v in now.items())


WEIGHTS = {"family": 4.0, "system": 3.0, "backend": 2.0, "precision": 2.0, "mode": 2.0, "generation": 2.0}
"""What makes two deployments neighbours, in the units in which a factor e of GPUs, prompt, answer or concurrency counts 1."""


def neighbours(rows: "pd.DataFrame", count: int = 3, model: Model | None = None) -> list[list[dict[str, Any]]]:
    """Return the measured deployments nearest to each row, the nearest first: their labels, loads, rows and distance."""
    model = model or load()
    reading = deployments.read(rows)
    gpus, at = np.asarray(reading.cases.gpus), {n: np.asarray(getattr(reading.cases, n)) for n in LOADS}
    found = []
    for i, row in enumerate(reading.labels.itertuples()):
        listed = []
        for d in model.deployments:
            distance = sum(w for k, w in WEIGHTS.items() if d[k] != getattr(row, k))
            distance += abs(np.log(gpus[i] / d["gpus"]))
            for n, v in ((n, at[n][i]) for n in LOADS):
                distance += max(0.0, np.log(d[f"{n}_low"] / v), np.log(v / d[f"{n}_high"]))
            listed.append({**d, "distance": float(distance)})
        found.append(sorted(listed, key=lambda d: d["distance"])[:count])
    return found


def measured_deployments(reading: Reading, rows: np.ndarray) -> list[dict[str, Any]]:
    """Return one entry per measured deployment: labels, GPUs, ranges of the loads (after the draw of lengths), rows."""
    c, labels = reading.cases, reading.labels.iloc[rows]
    out = []
    for group, members in labels.groupby("group", sort=True):
        at = rows[labels.index.get_indexer(members.index)]
        first = members.iloc[0]
        entry = {"group": str(group), "gpus": float(np.median(np.asarray(c.gpus)[at])), "rows": len(at)}
        entry |= {k: str(first[k]) for k in ("family", "system", "backend", "precision", "mode", "generation", "layout")}
        for n in LOADS:
            v = np.asarray(getattr(c, n))[at]
            entry |= {f"{n}_low": float(v.min()), f"{n}_high": float(v.max())}
        out.append(entry)
    return out
