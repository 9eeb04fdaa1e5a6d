"""Published measurement tables: `data/measurements/<name>.csv`, described in `data/measurements/index.yml`."""

from functools import cache
from typing import TYPE_CHECKING, Any

from nvlinklab import units
from nvlinklab.errors import DataError, UnitError, did_you_mean
from nvlinklab.io import provenance
from nvlinklab.io.paths import data_dir, shown
from nvlinklab.io.yaml import read_yaml

if TYPE_CHECKING:
    import pandas as pd


@cache
def index() -> dict[str, dict[str, Any]]:
    """Return what is known of each table: title, columns with units, scope, source, kind."""
    document = read_yaml(data_dir() / "measurements" / "index.yml", "measurements")
    for name, entry in document.data.items():
        provenance.require(entry["source"], document.where(name, "source"))
        for column, unit in entry["columns"].items():
            if unit != "text":
                try:
                    units.check_vocabulary(unit)
                except UnitError as exc:
                    raise DataError(f"{document.where(name, 'columns', column)}: {exc}") from None
    return document.data


def measurements(name: str) -> "pd.DataFrame":
    """Read one measurement table; numbers in SI, `attrs` with title, scope, source and the unit of each column.

    Raises:
        DataError: no such table, or a column or cell that does not fit its description.

    >>> measurements("coreweave_gb200").shape
    (9, 4)
    """
    import pandas as pd

    known = index()
    if name not in known:
        raise DataError(f"data/measurements has no table {name!r}{did_you_mean(name, known)}")
    entry = known[name]
    path = data_dir() / "measurements" / f"{name}.csv"
    text_columns = {c: str for c, unit in entry["columns"].items() if unit == "text"}
    frame = pd.read_csv(path, dtype=text_columns)
    if list(frame.columns) != list(entry["columns"]):
        raise DataError(f"{shown(path)}:1: columns {', '.join(frame.columns)}; index.yml says {', '.join(entry['columns'])}")
    for column, unit in entry["columns"].items():
        if unit == "text":
            continue
        numbers = pd.to_numeric(frame[column], errors="coerce").astype(float)
        bad = frame.index[numbers.isna() & frame[column].notna()]
        if len(bad):
            raise DataError(f"{shown(path)}:{bad[0] + 2}: {column} {frame[column][bad[0]]!r} is not a number in {unit}")
        frame[column] = numbers * units.factor(unit)
    frame.attrs = {k: entry[k] for k in ("title", "scope", "kind")} | {"source": list(entry["source"]), "units": dict(entry["columns"])}
    return frame
