"""Errors on rows a fit never saw: deployments, systems and model families left out whole, never rows at random (neighbours leak)."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nvlinklab.calibration.serving import fitting, similarity
from nvlinklab.calibration.serving.deployments import Reading
from nvlinklab.calibration.serving.fitting import OUTPUTS
from nvlinklab.calibration.serving.model import Model
from nvlinklab.calibration.serving.predict import QUANTILE, measured_deployments, predict, quantiles, request, row_factors
from nvlinklab.calibration.serving.similarity import Spread

if TYPE_CHECKING:
    import pandas as pd

FOLDS = 10
"""Into how many folds deployments are dealt."""

ANCHORS = 3
"""Rows of a left-out deployment that the model is conditioned on in the test with anchors."""

LEAST_ROWS = 6
"""Least rows of a deployment for the test with anchors."""


class Fold(NamedTuple):
    """What is left out together: a label and the rows."""

    name: str
    held_out: np.ndarray


def folds(kind: str, labels: "pd.DataFrame", rows: np.ndarray, count: int = FOLDS, seed: int = 0) -> list[Fold]:
    """Return what to leave out.

    Args:
        kind: `group` (deployments, dealt into `count` folds by `seed`), `system` or `family` (one at a time)
        labels: of all rows
        rows: numbers of the rows that can be used
        count, seed: of the folds of deployments
    """
    if kind == "group":
        names = sorted(set(labels["group"].iloc[rows]))
        dealt = dict(zip(names, np.random.default_rng(seed).permutation(len(names)) % count, strict=True))
        mine = labels["group"].map(dealt).to_numpy()
        return [Fold(f"deployments {k + 1}", rows[mine[rows] == k]) for k in range(count)]
    values = labels[kind].to_numpy()
    return [Fold(str(v), rows[values[rows] == v]) for v in sorted(set(values[rows]))]


def fit_model(
    reading: Reading, times: dict[str, np.ndarray], rows: np.ndarray, spreads: dict[str, Spread], interval: dict[str, dict[str, float]],
    start: np.ndarray | None = None, steps: int = 40, progress: Callable[[str], None] | None = None,
) -> tuple[Model, fitting.fitting.Fit]:  # fmt: skip
    """Fit physics and effects to some rows."""
    fit = fitting.fit_physics(reading, times, rows, start, steps, progress=progress)
    effects = fitting.fit_effects(reading, times, rows, fit.values, spreads)
    model = Model(fit.unconstrained, fit.covariance, effects, spreads, interval, measured_deployments(reading, rows), {})
    return model, fit


def cross_validate(
    table: "pd.DataFrame", reading: Reading, times: dict[str, np.ndarray], rows: np.ndarray, start: Model, kind: str, count: int = 6,
    seed: int = 0, steps: int = 4, anchors: int = 0, progress: Callable[[str], None] | None = None,
) -> "pd.DataFrame":  # fmt: skip
    """Predict every row from fits that did not see its deployment (or system, or family).

    Args:
        table, reading, times, rows: as `fitting.training` returns them
        start: a fit to all rows, from which each fold's fit starts
        kind, count, seed: of the folds, see `folds`
        steps: of each fold's fit
        anchors: where above 0, every left-out deployment of `LEAST_ROWS` rows or more is predicted once more, the model conditioned on so
            many of its rows, which are left out of the result
        progress: told which fold is done

    Returns:
        what `predict` returns, for the rows that were left out, in their order, and the columns `fold` and `anchors` (how many rows the
        model was conditioned on).
    """
    import pandas as pd

    found = []
    for fold in folds(kind, reading.labels, rows, count, seed):
        train = np.setdiff1d(rows, fold.held_out)
        model, _ = fit_model(reading, times, train, start.spreads, start.interval, start.unconstrained, steps)
        left = table.iloc[fold.held_out]
        found.append(predict(left, model=model).assign(fold=fold.name, anchors=0))
        if anchors:
            groups = reading.labels["group"].iloc[fold.held_out]
            found += [part.assign(fold=fold.name, anchors=anchors) for part in _anchored(left, groups, anchors, model)]
        if progress:
            progress(f"left out: {fold.name}, {len(fold.held_out)} rows")
    return pd.concat(found).sort_index(kind="stable")


def _anchored(left: "pd.DataFrame", groups: "pd.Series", anchors: int, model: Model) -> Iterator["pd.DataFrame"]:
    """Yield predictions of the other rows of each deployment, given `anchors` of its rows spread over its loads."""
    for _, members in groups.groupby(groups, sort=True):
        mine = left.loc[members.index]
        if len(mine) >= LEAST_ROWS:
            order = mine.sort_values(["isl", "osl", "concurrency"]).index
            chosen = order[np.linspace(0, len(order) - 1, anchors).round().astype(int)]
            yield predict(mine.drop(chosen), mine.loc[chosen], model)


ENOUGH = 40
"""Left-out rows from which a family, or a family on a system, has a factor of its own."""


def interval_factors(found: "pd.DataFrame", times: dict[str, np.ndarray], labels: "pd.DataFrame") -> dict[str, dict[str, float]]:
    """Return by which factor standard deviations must grow so that 90 % intervals cover 90 % of left-out rows.

    Args:
        found: predictions of left-out rows, made with a factor of 1
        times: measured, of the same rows, shape (rows,)
        labels: of the same rows

    Returns:
        by output: `all`, families, and `family|system`.
    """
    groups = {"all": np.ones(len(labels), dtype=bool)}
    for names in (labels["family"], labels["family"] + "|" + labels["system"]):
        groups |= {str(n): (names == n).to_numpy() for n in sorted(set(names))}
    out: dict[str, dict[str, float]] = {}
    for name in OUTPUTS:
        value, high = found[f"{name}_s"].to_numpy(), found[f"{name}_s_q95"].to_numpy()
        ratio = np.abs(np.log(times[name] / value)) / np.log(high / value)
        out[name] = {n: float(np.quantile(ratio[m], 0.90)) for n, m in groups.items() if n == "all" or m.sum() >= ENOUGH}
    return out


def widened(found: "pd.DataFrame", interval: dict[str, dict[str, float]], reading: Reading, positions: np.ndarray) -> "pd.DataFrame":
    """Return predictions made with a factor of 1, with the intervals that the factors give.

    Args:
        found: predictions of left-out rows
        interval: of `interval_factors`
        reading: the table
        positions: where the predicted rows stand in it
    """
    labels = reading.labels.iloc[positions]
    sd = {
        n: row_factors(interval[n], labels["family"], labels["system"])
        * np.log(found[f"{n}_s_q95"] / found[f"{n}_s"]).to_numpy()
        / QUANTILE
        for n in OUTPUTS
    }
    tokens, rate = (x[positions] for x in request(reading.cases))
    return found.assign(**quantiles(found["ttft_s"].to_numpy(), found["tpot_s"].to_numpy(), tokens, rate, sd))


def tune(
    reading: Reading,
    times: dict[str, np.ndarray],
    rows: np.ndarray,
    values: dict[str, float],
    progress: Callable[[str], None] | None = None,
) -> dict[str, Spread]:
    """Return the standard deviations of effects, deployments and noise that predict left-out deployments best."""
    found = fitting.logs(values, reading.cases)
    labels, load = reading.labels.iloc[rows], fitting.load_of(reading.cases)[rows]
    out = {}
    for name in OUTPUTS:
        if progress:
            progress(f"tuning the similarity of {name}")
        left = np.log(times[name][rows]) - np.asarray(found[name])[rows]
        out[name] = similarity.tune(fitting.START[name], labels, load, left)
    return out
