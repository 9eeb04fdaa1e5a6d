"""The error of each operator's form on curves its fit never saw, and the width of its intervals.

What a module's `folds` leaves out imitates the gaps the model is used in: a rank count, a system, a shape. Each fold refits everything on
the rest. The interval that is tested on a fold comes from the errors of the other folds only.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from nvlinklab.calibration import operators, spread, store
from nvlinklab.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS = ["op", "fold", "novelty", "stratum", "rows", "median_ape", "mape", "bias", "coverage"]


class CrossValidation(NamedTuple):
    """What leaving out showed.

    Attributes:
        table: one row per fold, novelty and stratum ("all" pools): `op, fold, novelty, stratum, rows`, `median_ape`, `mape`, `bias` (median
            of the signed relative error) and `coverage` (share of rows inside their 90 % interval), as ratios
        errors: one row per row left out: `fold, novelty, stratum, error` (log of predicted over measured), `inside`
        spread: half-widths by novelty and stratum, from all folds and the fitted rows themselves
    """

    table: pd.DataFrame
    errors: pd.DataFrame
    spread: list[dict[str, Any]]


def _errors(op: str, rows: pd.DataFrame, fitted: "Mapping[str, Any]", fold: str) -> pd.DataFrame:
    found = operators.module(op).predict(rows, fitted, op)
    error = np.log(found["seconds"].to_numpy(float) / rows["time"].to_numpy(float))
    extra = {c: found[c].to_numpy(float) for c in ("q05", "q95") if c in found}
    kinds = {"novelty": found["novelty"].to_numpy(), "stratum": found["stratum"].to_numpy()}
    return pd.DataFrame({"fold": fold, **kinds, "error": error, "measured": rows["time"].to_numpy(float), **extra})


def _coverage(errors: pd.DataFrame) -> pd.Series:
    """Return which rows lie inside the interval that the other folds gave; a fold's kind is what stands before its `=`."""
    if "q05" in errors:
        return errors["measured"].between(errors["q05"], errors["q95"])
    inside = pd.Series(False, index=errors.index)
    for fold, part in errors.groupby("fold"):
        table = spread.half_widths(errors[errors["fold"] != fold])
        pairs = list(zip(part["novelty"].astype(str), part["stratum"].astype(str), strict=True))
        widths = {pair: spread.half_width(table, *pair) for pair in set(pairs)}
        inside.loc[part.index] = part["error"].abs() <= np.array([widths[pair] for pair in pairs])
    return inside


def _summary(op: str, errors: pd.DataFrame) -> pd.DataFrame:
    def line(part: pd.DataFrame, **labels: str) -> dict[str, Any]:
        relative = np.expm1(part["error"].to_numpy())
        size = np.abs(relative)
        figures = {"median_ape": np.median(size), "mape": np.mean(size), "bias": np.median(relative), "coverage": part["inside"].mean()}
        return {"op": op, "fold": "all", "novelty": "all", "stratum": "all", "rows": len(part), **labels, **figures}

    lines = [line(errors)]
    lines += [line(part, novelty=str(key)) for key, part in errors.groupby("novelty")]
    lines += [line(part, stratum=str(key)) for key, part in errors.groupby("stratum")]
    for key, part in errors.groupby("novelty"):
        lines += [line(some, novelty=str(key), stratum=str(where)) for where, some in part.groupby("stratum")]
    lines += [line(part, fold=str(key)) for key, part in errors.groupby("fold")]
    return pd.DataFrame(lines)[COLUMNS]


def cross_validate(op: str, rows: pd.DataFrame | None = None, fitted: "Mapping[str, Any] | None" = None) -> CrossValidation:
    """Refit an operator's form without each fold in turn, and predict what was left out.

    Args:
        op: one of `operators.MODULES`
        rows: measured rows; by default all that may be used
        fitted: the fit to all of them, whose own errors widen rows on fitted curves; by default fitted here

    Raises:
        DataError: a fold leaves nothing out, or leaves nothing to fit to.
    """
    from nvlinklab.io import silicon

    found = operators.module(op)
    have = silicon.operators(op) if rows is None else rows
    whole = found.fit(have, op) if fitted is None else fitted
    have = found.sample(have, op) if hasattr(found, "sample") else have
    parts = []
    for name, mask in found.folds(have, op):
        held = np.asarray(mask, dtype=bool)
        if held.shape != (len(have),) or not 0 < held.sum() < len(have):
            raise DataError(f"{op}: fold {name!r} leaves out {int(held.sum())} of {len(have)} rows; it must leave out some and keep some")
        parts.append(_errors(op, have[held], found.fit(have[~held], op), name))
    errors = pd.concat(parts, ignore_index=True)
    errors = errors[np.isfinite(errors["error"])].reset_index(drop=True)
    errors["inside"] = _coverage(errors)
    own = _errors(op, have, whole, "fitted")
    own = own[np.isfinite(own["error"])]
    widths = spread.half_widths(pd.concat([errors, own[own["novelty"] == "none"]]))
    measured = {w["novelty"] for w in widths}
    for novelty, (source, factor) in getattr(found, "DERIVED", {}).items():
        if novelty in measured:
            continue
        widths += [{**w, "novelty": novelty, "half_width": factor * w["half_width"]} for w in widths if w["novelty"] == source]
    return CrossValidation(_summary(op, errors), errors, widths)


def path() -> Path:
    """Return where the committed figures lie."""
    return store.folder() / "operators_crossval.csv"


def write(table: pd.DataFrame) -> None:
    """Put an operator's figures into the committed table in place of its earlier ones."""
    rounded = table.round({"median_ape": 5, "mape": 5, "bias": 5, "coverage": 4})
    if path().is_file():
        earlier = pd.read_csv(path())
        rounded = pd.concat([earlier[~earlier["op"].isin(rounded["op"])], rounded], ignore_index=True)
    order = rounded["op"].map({op: i for i, op in enumerate(operators.MODULES)})
    path().parent.mkdir(exist_ok=True)
    rounded.assign(_order=order).sort_values("_order", kind="stable").drop(columns="_order").to_csv(path(), index=False)


def read() -> pd.DataFrame:
    """Return the committed figures.

    Raises:
        DataError: there are none; says what would write them.
    """
    if not path().is_file():
        raise DataError("data/calibration/operators_crossval.csv does not exist; `nvlinklab calibrate` writes it")
    return pd.read_csv(path())
