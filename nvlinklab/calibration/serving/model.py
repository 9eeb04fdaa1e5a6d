"""The fitted serving model as one object, and where it is kept: `data/calibration/serving.json`."""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from nvlinklab.calibration import fitting, store
from nvlinklab.calibration.serving import similarity
from nvlinklab.calibration.serving.parameters import PARAMETERS
from nvlinklab.calibration.serving.similarity import Effects, Spread
from nvlinklab.errors import DataError

NAME = "serving"
RESOLUTION = 1e5
"""Covariances of effects are kept as whole multiples of one over this: two digits of a standard deviation of 3 %."""


class Model(NamedTuple):
    """What a prediction needs.

    Attributes:
        unconstrained, covariance: posterior of the physical parameters in coordinates without bounds
        effects: by output, `tpot` and `ttft`
        spreads: by output
        interval: factor on the standard deviation that makes 90 % intervals cover, by output and then by family and `family|system`
            (`all` for those with few rows); from cross-validation
        deployments: the measured deployments: labels, range of loads, rows
        info: the rest of the record
    """

    unconstrained: np.ndarray
    covariance: np.ndarray
    effects: dict[str, Effects]
    spreads: dict[str, Spread]
    interval: dict[str, dict[str, float]]
    deployments: list[dict[str, Any]]
    info: dict[str, Any]


def _whole(matrix: np.ndarray) -> list[list[int]]:
    return [[round(float(v) * RESOLUTION) for v in row[: i + 1]] for i, row in enumerate(matrix)]


def _matrix(rows: list[list[int]]) -> np.ndarray:
    n = len(rows)
    out = np.zeros((n, n))
    for i, row in enumerate(rows):
        out[i, : i + 1] = row
    return (out + np.tril(out, -1).T) / RESOLUTION


def record(model: Model, rows: Any, fit: fitting.Fit) -> dict[str, Any]:
    """Return what the file holds."""
    effects = {
        name: {
            "levels": [list(level) for level in e.levels], "mean": e.mean, "covariance_1e5": _whole(e.covariance),
            "parameters": e.parameters,
        }
        for name, e in model.effects.items()
    }  # fmt: skip
    spreads = {n: similarity.as_mapping(s) for n, s in model.spreads.items()}
    used = sum(d["rows"] for d in model.deployments)
    found = store.record(
        NAME, fit, rows, used, spreads=spreads, interval=model.interval, effects=effects, deployments=model.deployments
    )  # fmt: skip
    found["unconstrained"] = store.tidy(fit.unconstrained)
    found["covariance"] = store.tidy(fit.covariance)
    return found


def from_record(found: dict[str, Any]) -> Model:
    """Return the model of a record.

    Raises:
        DataError: it holds other parameters than this version of the package has.
    """
    names = [p["name"] for p in found["parameters"]]
    if names != [p.name for p in PARAMETERS]:
        raise DataError("data/calibration/serving.json was written for other parameters; `nvlinklab calibrate` writes it anew")
    effects = {
        name: Effects(tuple((k, v) for k, v in e["levels"]), np.asarray(e["mean"]), _matrix(e["covariance_1e5"]), e["parameters"])
        for name, e in found["effects"].items()
    }
    return Model(
        np.asarray(found["unconstrained"]), np.asarray(found["covariance"]), effects,
        {n: similarity.from_mapping(s) for n, s in found["spreads"].items()}, found["interval"], found["deployments"],
        {k: v for k, v in found.items() if k in ("provenance", "effective_parameters", "parameters", "residual_sd")},
    )  # fmt: skip


@cache
def load() -> Model:
    """Return the committed model.

    Raises:
        DataError: it is missing or of another version; says what writes it.
    """
    return from_record(store.read(NAME))
