"""One closed form per operator, fitted to its measured rows.

Each module offers, for every operator `op` it covers,

- `fit(rows, op) -> dict`: the record that `nvlinklab.calibration.store` writes, from rows as `nvlinklab.io.silicon.operators` gives them;
- `predict(rows, fitted, op) -> DataFrame`: index kept, columns `seconds`, `status` (one of `STATUSES`), `reason` (empty where calibrated),
  `novelty` (one short word for what is new about the row, "none" on a fitted curve) and `stratum` (where errors may differ). A row that
  cannot be done has NaN seconds and says why. A module may add `q05` and `q95` [s] itself; otherwise they come from the cross-validated
  errors of the same novelty and stratum (`nvlinklab.calibration.spread`);
- `folds(rows, op) -> list[tuple[str, array of bool]]`: what cross-validation leaves out, by name;
- `COLUMNS[op]`: the columns that a row must have besides `system`.
"""

import importlib
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from nvlinklab.errors import SpecError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

MODULES = {
    "nccl": "nccl",
    "custom_allreduce": "custom_allreduce",
    "nvlink_alltoall": "nvlink_alltoall",
    "deepep_ll": "deepep",
    "deepep_normal": "deepep",
    "gemm": "gemm",
    "moe": "moe",
    "context_mla": "mla",
    "generation_mla": "mla",
    "context_attention": "attention",
    "generation_attention": "attention",
}
"""The module of each operator."""

STATUSES = ("calibrated", "interpolated", "extrapolated", "bound")
"""How well a prediction is founded, the best first."""


def module(op: str) -> ModuleType:
    """Return the module that covers an operator.

    Raises:
        SpecError: no such operator.
    """
    if op not in MODULES:
        raise SpecError(f"no operator is called {op!r}{did_you_mean(op, MODULES)}; there are {', '.join(MODULES)}")
    return importlib.import_module(f"{__name__}.{MODULES[op]}")


def fit(op: str, rows: "pd.DataFrame | None" = None) -> dict[str, Any]:
    """Return the fitted record of an operator, without cross-validated errors.

    Args:
        op: one of `MODULES`
        rows: to fit to; by default all that may be used
    """
    from nvlinklab.io import silicon

    found = module(op)
    return found.fit(silicon.operators(op) if rows is None else rows, op)


def predict(op: str, rows: "pd.DataFrame", fitted: Mapping[str, Any] | None = None) -> "pd.DataFrame":
    """Return `seconds, q05, q95, status, reason, novelty, stratum` for rows of an operator, index kept.

    Args:
        op: one of `MODULES`
        rows: the wheel's columns and `system`
        fitted: a record; by default the committed one
    """
    from nvlinklab.calibration import spread, store

    record = store.read(op) if fitted is None else fitted
    found = module(op).predict(rows, record, op)
    return found if "q05" in found else spread.with_quantiles(found, record.get("spread", []))


def calibrate(names: Iterable[str] | None = None, progress: Callable[[str], None] | None = None) -> dict[str, dict[str, Any]]:
    """Fit operators, cross-validate them, and write `data/calibration/<op>.json` and `operators_crossval.csv`.

    Args:
        names: operators; by default all
        progress: is told what happens, a line at a time

    Returns:
        the records by operator.
    """
    from nvlinklab.calibration import crossval_operators, store
    from nvlinklab.io import silicon

    chosen = list(MODULES if names is None else names)
    for op in chosen:
        module(op)
    tell = progress or (lambda _: None)
    records = {}
    for op in chosen:
        tell(f"{op}: fitting")
        rows = silicon.operators(op)
        fitted = fit(op, rows)
        tell(f"{op}: cross-validating")
        result = crossval_operators.cross_validate(op, rows, fitted)
        records[op] = store.tidy({**fitted, "spread": result.spread})
        store.write(records[op])
        crossval_operators.write(result.table)
        middle = result.table[(result.table["fold"] == "all") & (result.table["stratum"] == "all")]
        tell(f"{op}: median error {100 * middle['median_ape'].iloc[0]:.1f} % of {int(middle['rows'].iloc[0])} rows left out")
    return records
