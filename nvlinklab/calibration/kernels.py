"""Kernel operators as a whole: measured rows to a fitted tree, and rows of any origin to predictions.

An operator is a closed form, the priors of its parameters, and the columns it reads (`Operator`); everything else is shared here.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nvlinklab.calibration.fitting import Parameter
from nvlinklab.calibration.hierarchy import Form, evaluate, find, fit_tree, labels, record, tree_of
from nvlinklab.calibration.systems import KNOWN, spec
from nvlinklab.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

THINNED = 1500
"""Rows of a curve that are used at all."""

SCRAMBLE = np.uint64(0x9E3779B97F4A7C15)
"""An odd number whose product spreads close times over all 64 bits (Fibonacci hashing: Knuth, volume 3, section 6.4)."""

PROCESSORS = {"hopper": 132.0, "blackwell": 148.0}
"""Streaming multiprocessors of a GPU (NVIDIA, tuning guides of Hopper and Blackwell); later generations count as Blackwell."""


def numbers(rows: "pd.DataFrame", quantity: str) -> np.ndarray:
    """Return a data-sheet number of each row's system, NaN where the system is unknown.

    Args:
        rows: with `system`
        quantity: an attribute of `systems.Spec`
    """
    table = {s: float(getattr(spec(s), quantity)) for s in rows["system"].unique() if s in KNOWN}
    return rows["system"].map(table).to_numpy(float)


def processors(rows: "pd.DataFrame") -> np.ndarray:
    """Return the streaming multiprocessors of each row's GPU, NaN where the system is unknown."""
    table = {s: PROCESSORS.get(spec(s).generation, PROCESSORS["blackwell"]) for s in rows["system"].unique() if s in KNOWN}
    return rows["system"].map(table).to_numpy(float)


class Operator(NamedTuple):
    """What makes a form an operator.

    Attributes:
        name: as `nvlinklab.io.silicon.OPERATORS` has it
        form, parameters: the form and the priors of its roots
        free: parameters that may differ between chips and runs of one kernel
        kind: which rows share a root (number formats), text per row
        columns: what the form needs, numbers per row, NaN where a row cannot be done
        ranged: columns whose range is recorded; outside of it a prediction is an extrapolation
        listed: columns whose unseen values are new, and what they are called then
    """

    name: str
    form: Form
    parameters: tuple[Parameter, ...]
    free: frozenset[str]
    kind: Callable[["pd.DataFrame"], "pd.Series"]
    columns: Callable[["pd.DataFrame"], dict[str, np.ndarray]]
    ranged: tuple[str, ...]
    listed: Mapping[str, str]


def _kernel(rows: "pd.DataFrame") -> "pd.Series":
    import pandas as pd

    return rows["kernel_source"].astype(str) if "kernel_source" in rows else pd.Series("unknown", index=rows.index)


def thinned(rows: "pd.DataFrame", by: Sequence[str], most: int = THINNED) -> "pd.DataFrame":
    """Return at most `most` rows per curve, chosen by the digits of their times, so that thinning twice is thinning once.

    Args:
        rows: measured, with `system`, `engine`, `engine_version` and `time`
        by: further columns that name a curve
        most: rows of a curve
    """
    keys = [c for c in ("system", "engine", "engine_version", "kernel_source", *by) if c in rows]
    curve = rows.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()
    digits = np.ascontiguousarray(rows["time"].to_numpy(float)).view(np.uint64) * SCRAMBLE
    order = np.lexsort((digits, curve))
    begins = np.flatnonzero(np.diff(curve[order], prepend=-1))
    rank = np.empty(len(rows), dtype=int)
    rank[order] = np.arange(len(rows)) - np.repeat(begins, np.diff(begins, append=len(rows)))
    return rows[rank < most]


def fit_rows(operator: Operator, rows: "pd.DataFrame", by: Sequence[str]) -> dict[str, Any]:
    """Return the record of an operator fitted to measured rows; rows of systems without a data sheet are left aside.

    Args:
        operator: what to fit
        rows: as `nvlinklab.io.silicon.operators` gives them
        by: columns besides system, engine and kernel that name a curve

    Raises:
        DataError: no row can be used.
    """
    from nvlinklab.calibration import store

    usable = rows[rows["system"].isin(list(KNOWN)).to_numpy()]
    usable = thinned(usable, by)
    columns = operator.columns(usable)
    whole = np.all([np.isfinite(a) for a in columns.values()], axis=0) if len(usable) else np.zeros(0, dtype=bool)
    if not whole.any():
        raise DataError(f"none of the {len(rows)} rows of {operator.name} can be fitted; systems with a data sheet: {', '.join(KNOWN)}")
    usable, columns = usable[whole].reset_index(drop=True), {k: a[whole] for k, a in columns.items()}
    where = labels(usable, operator.kind(usable), _kernel(usable))
    tree = fit_tree(operator.form, operator.parameters, columns, usable["time"].to_numpy(float), where, operator.free)
    found = record(tree, operator.parameters)
    found["ranges"] = {c: [float(usable[c].min()), float(usable[c].max())] for c in operator.ranged}
    found["seen"] = {c: sorted(float(n) for n in usable[c].unique()) for c in operator.listed}
    return store.record(operator.name, None, rows, len(usable), **found)


NEW = {
    "kind": "no measurement has this number format",
    "generation": "no measurement of this format on this generation; its efficiencies stand in from another",
    "engine": "this engine was not measured here; all engines' mean stands in",
    "kernel": "this kernel was not measured here; its engine's mean stands in",
    "chip": "this chip was not measured; its generation's parameters with its data sheet",
    "system": "this system was not measured; its chip's parameters with its data sheet",
    "version": "this version of the engine was not measured; its other versions stand in",
}
"""What is said of a row whose path leaves the tree, by novelty."""


def predict_rows(operator: Operator, rows: "pd.DataFrame", fitted: Mapping[str, Any]) -> "pd.DataFrame":
    """Return `seconds, status, reason, novelty, stratum` of rows, index kept.

    Args:
        operator: whose form
        rows: the measuring party's columns, `system`, `engine` and `engine_version`; `kernel_source` may be missing
        fitted: the record
    """
    import pandas as pd

    out = pd.DataFrame({"seconds": np.nan, "status": "bound", "reason": "", "novelty": "none", "stratum": "all"}, index=rows.index)
    kind = operator.kind(rows)
    out["stratum"] = kind.astype(str) + "/" + rows["engine"].astype(str)
    known = rows["system"].isin(list(KNOWN)).to_numpy()
    out.loc[~known, "reason"] = "no data sheet of this system; there are " + ", ".join(KNOWN)
    columns = operator.columns(rows)
    whole = np.all([np.isfinite(a) for a in columns.values()], axis=0) & (np.min(list(columns.values()), axis=0) >= 0.0)
    bad = known & ~whole
    out.loc[bad, "reason"] = f"a number is missing, negative or of an unknown format in {', '.join(operator.ranged)} or the formats"
    done = known & whole
    if not done.any():
        return out
    part = rows[done]
    found = find(tree_of(fitted, operator.parameters), labels(part, kind[done], _kernel(part)), len(operator.parameters))
    rooted = np.isfinite(found.z).all(axis=1)
    seconds = np.full(len(part), np.nan)
    if rooted.any():
        seconds[rooted] = evaluate(operator.form, operator.parameters, found.z[rooted], {k: a[done][rooted] for k, a in columns.items()})
    novelty = found.novelty.copy()
    reason = np.array([NEW.get(n, "") for n in novelty], dtype=object)
    inside = np.ones(len(part), dtype=bool)
    for column, name in operator.listed.items():
        new = ~part[column].astype(float).isin(fitted["seen"][column]).to_numpy() & (novelty == "none")
        novelty[new] = name
        reason[new] = f"{column} between or beyond the measured values"
    for column in operator.ranged:
        low, high = fitted["ranges"][column]
        inside &= part[column].between(low, high).to_numpy()
    reason[~inside] = [f"{text}; outside the measured range".lstrip("; ") for text in reason[~inside]]
    between = np.isin(novelty, list(operator.listed.values()))
    status = np.where(novelty == "none", "calibrated", np.where(between, "interpolated", "extrapolated"))
    status = np.where(inside, status, "extrapolated")
    status = np.where(rooted, status, "bound")
    out.loc[done, ["seconds"]] = seconds[:, None]
    for name, values in (("status", status), ("reason", reason), ("novelty", novelty)):
        out.loc[done, name] = values
    return out


__all__ = ["KNOWN", "Operator", "fit_rows", "numbers", "predict_rows", "processors", "thinned"]
