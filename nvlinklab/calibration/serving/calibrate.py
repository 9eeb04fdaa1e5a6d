"""The whole calibration of the serving model: tune, fit, cross-validate, write. What `nvlinklab calibrate` runs."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nvlinklab.calibration import store
from nvlinklab.calibration.serving import crossval, fitting
from nvlinklab.calibration.serving import model as kept

if TYPE_CHECKING:
    import pandas as pd

ROWS = "serving_crossval.csv"
KINDS = (("group", 0), ("group", 1), ("system", 0), ("family", 0))
"""What is left out: deployments under two seeds, each system, each family."""


def left_out() -> "pd.DataFrame":
    """Return the committed predictions of left-out rows, with `kind` (group, system, family, anchors), `seed`, `fold` and `id`.

    Raises:
        DataError: the table is missing; says what writes it.
    """
    import pandas as pd

    from nvlinklab.errors import DataError
    from nvlinklab.io.paths import shown

    path = store.folder() / ROWS
    if not path.is_file():
        raise DataError(f"{shown(path)} does not exist; `nvlinklab calibrate` writes it")
    return pd.read_csv(path)


def calibrate(progress: Callable[[str], None] | None = None, cross_validate: bool = True) -> dict[str, Any]:
    """Fit the serving model to the calibration rows and write `data/calibration/serving.json` and `serving_crossval.csv`.

    Args:
        progress: is told what happens, a line at a time
        cross_validate: also leave out deployments, systems and families, which sets the width of intervals; without it the committed
            widths are kept

    Returns:
        the record that was written.

    Raises:
        DataError: the measurements are not installed.
    """
    import pandas as pd

    tell = progress or (lambda _: None)
    table, reading, times, rows = fitting.training()
    plain = {name: {"all": 1.0} for name in fitting.OUTPUTS}
    physics = fitting.fit_physics(reading, times, rows, progress=tell)
    spreads = crossval.tune(reading, times, rows, physics.values, tell)
    model, fit = crossval.fit_model(reading, times, rows, spreads, plain, physics.unconstrained, progress=tell)
    if cross_validate:
        parts = []
        for kind, seed in KINDS:
            found = crossval.cross_validate(table, reading, times, rows, model, kind, seed=seed, progress=tell)
            if kind == "group" and seed == 0:
                at = table.index.get_indexer(found.index)
                model = model._replace(interval=crossval.interval_factors(found, times, at, table["family"].to_numpy()[at]))
            parts.append(found.assign(kind=kind, seed=seed, id=table["id"].loc[found.index]))
        tell("three rows of each left-out deployment as anchors")
        found = crossval.cross_validate(table, reading, times, rows, model, "group", anchors=crossval.ANCHORS, progress=tell)
        parts.append(found.assign(kind="anchors", seed=0, id=table["id"].loc[found.index]))
        whole = _with_factors(pd.concat(parts, ignore_index=True), table, model.interval)
        _write_rows(whole)
    else:
        model = model._replace(interval=kept.load().interval)
    record = kept.record(model, table.iloc[rows].drop(columns=["duplicate"]), fit)
    store.write(record)
    kept.load.cache_clear()
    return record


def _with_factors(found: "pd.DataFrame", table: "pd.DataFrame", interval: dict[str, dict[str, float]]) -> "pd.DataFrame":
    """Widen the intervals of rows predicted with a factor of 1; those with anchors have theirs already."""
    families = table.set_index("id")["family"].loc[found["id"]].to_numpy()
    first = (found["kind"] == "group") & (found["seed"] == 0)
    for name in fitting.OUTPUTS:
        factor = np.asarray([interval[name].get(f, interval[name]["all"]) for f in families])
        value = found[f"{name}_s"].to_numpy()
        for q in ("q05", "q95"):
            column = f"{name}_s_{q}"
            wide = value * (found[column].to_numpy() / value) ** factor
            found[column] = np.where(first, wide, found[column])
    return found


def _write_rows(found: "pd.DataFrame") -> Path:
    outputs = [f"{name}{q}" for name in ("tpot_s", "ttft_s", "tput") for q in ("", "_q05", "_q95")]
    columns = ["kind", "seed", "fold", "id", *outputs, "status"]
    path = store.folder() / ROWS
    path.parent.mkdir(exist_ok=True)
    kept_ = found[columns].sort_values(["kind", "seed", "id"])
    kept_.to_csv(path, index=False, float_format="%.5g", lineterminator="\n")
    return path
