"""Errors on rows a fit never saw: deployments, systems and model families left out whole, never rows at random (neighbours leak)."""

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nvlinklab.calibration.serving import fitting, similarity
from nvlinklab.calibration.serving.deployments import Reading
from nvlinklab.calibration.serving.fitting import OUTPUTS
from nvlinklab.calibration.serving.model import Model
from nvlinklab.calibration.serving.predict import measured_deployments, predict
from nvlinklab.calibration.serving.similarity import Spread

if TYPE_CHECKING:
    import pandas as pd

ANCHORS = 3
LEAST_ROWS = 6
"""Least rows of a deployment for the test with anchors."""


class Fold(NamedTuple):
    """What is left out together: a label and the rows."""

    name: str
    held_out: np.ndarray


def folds(kind: str, labels: "pd.DataFrame", rows: np.ndarray, count: int = 6, seed: int = 0) -> list[Fold]:
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
        anchors: rows of the left-out deployment the model is conditioned on; only deployments with `LEAST_ROWS` rows or more are
            predicted then, the anchors themselves left out
        progress: told which fold is done

    Returns:
        what `predict` returns, for the rows that were left out, in their order, and the column `fold`.
    """
    import pandas as pd

    found = []
    for fold in folds(kind, reading.labels, rows, count, seed):
        train = np.setdiff1d(rows, fold.held_out)
        model, _ = fit_model(reading, times, train, start.spreads, start.interval, start.unconstrained, steps)
        left = table.iloc[fold.held_out]
        if anchors:
            parts = []
            labels = reading.labels.iloc[fold.held_out]
            for _, members in labels.groupby("group", sort=True):
                mine = left.loc[members.index]
                if len(mine) < LEAST_ROWS:
                    continue
                order = mine.sort_values(["isl", "osl", "concurrency"]).index
                chosen = order[np.linspace(0, len(order) - 1, anchors).round().astype(int)]
                parts.append(predict(mine.drop(chosen), mine.loc[chosen], model))
            part = pd.concat(parts) if parts else None
        else:
            part = predict(left, model=model)
        if part is not None:
            found.append(part.assign(fold=fold.name))
        if progress:
            progress(f"left out: {fold.name}, {len(fold.held_out)} rows")
    return pd.concat(found).sort_index()


ENOUGH = 40
"""Left-out rows from which a family's intervals have a factor of their own."""


def interval_factors(
    predictions: "pd.DataFrame", times: dict[str, np.ndarray], positions: np.ndarray, families: np.ndarray
) -> dict[str, dict[str, float]]:
    """Return by which factor standard deviations must grow so that 90 % intervals cover 90 % of left-out rows, by output and family.

    Args:
        predictions: of left-out rows, made with a factor of 1
        times: measured, of all rows
        positions: where the predicted rows stand among them
        families: of the predicted rows
    """
    out: dict[str, dict[str, float]] = {}
    for name in OUTPUTS:
        value, high = predictions[f"{name}_s"].to_numpy(), predictions[f"{name}_s_q95"].to_numpy()
        ratio = np.abs(np.log(times[name][positions] / value)) / np.log(high / value)
        groups = {"all": np.ones(len(ratio), dtype=bool)} | {str(f): families == f for f in sorted(set(families))}
        out[name] = {f: float(np.quantile(ratio[m], 0.90)) for f, m in groups.items() if m.sum() >= ENOUGH}
    return out


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
