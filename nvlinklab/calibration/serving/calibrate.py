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
            anchors = crossval.ANCHORS if (kind, seed) == KINDS[0] else 0
            found = crossval.cross_validate(table, reading, times, rows, model, kind, seed=seed, anchors=anchors, progress=tell)
            names = np.where(found["anchors"] > 0, "anchors", kind)
            parts.append(found.assign(kind=names, seed=seed, at=table.index.get_indexer(found.index)))
        left = pd.concat(parts, ignore_index=True)
        of_groups = left[left["kind"] == "group"]
        at = of_groups["at"].to_numpy()
        model = model._replace(interval=crossval.interval_factors(of_groups, {n: t[at] for n, t in times.items()}, reading.labels.iloc[at]))
        _write_rows(crossval.widened(left, model.interval, reading, left["at"].to_numpy()).assign(id=table["id"].to_numpy()[left["at"]]))
    else:
        model = model._replace(interval=kept.load().interval)
    record = kept.record(model, table.iloc[rows].drop(columns=["duplicate"]), fit)
    store.write(record)
    kept.load.cache_clear()
    return record


def _write_rows(found: "pd.DataFrame") -> Path:
    outputs = [f"{name}{q}" for name in ("tpot_s", "ttft_s", "tput") for q in ("", "_q05", "_q95")]
    columns = ["kind", "seed", "fold", "id", *outputs, "status"]
    path = store.folder() / ROWS
    path.parent.mkdir(exist_ok=True)
    kept_ = found[columns].sort_values(["kind", "seed", "id"])
    kept_.to_csv(path, index=False, float_format="%.5g", lineterminator="\n")
    return path
