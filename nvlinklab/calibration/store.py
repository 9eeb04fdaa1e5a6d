"""Fitted constants on disk: `data/calibration/<name>.json`, one file per operator or model.

A file says what each number is, in which unit, between which bounds, how sure it is and which measurements decide it; from how many rows
it came and their checksum. It carries no date and no machine, floats have six significant digits, and keys are sorted, so that the same
fit writes the same file.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nvlinklab.errors import DataError, did_you_mean
from nvlinklab.io.paths import data_dir, shown

if TYPE_CHECKING:
    import pandas as pd

    from nvlinklab.calibration.fitting import Fit

DIGITS = 6
"""Significant digits of a float in a file: far more than any of them is known to."""

REQUIRED = ("name", "parameters", "provenance")
LARGEST_COVARIANCE = 64
"""Parameters up to which the covariance is written in full."""


def folder() -> Path:
    """Return where the files lie."""
    return data_dir() / "calibration"


def tidy(value: Any) -> Any:
    """Return a value as JSON can hold it: floats to `DIGITS` digits, infinities and NaN as null, arrays as lists, keys as text."""
    if isinstance(value, Mapping):
        return {str(k): tidy(v) for k, v in value.items()}
    if isinstance(value, str) or value is None:
        return value
    if hasattr(value, "tolist"):
        return tidy(value.tolist())
    if isinstance(value, Sequence):
        return [tidy(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return value


def checksum(frame: "pd.DataFrame", columns: Sequence[str] | None = None) -> str:
    """Return the SHA-256 of a table's rows, whatever their order (columns in alphabetical order, text as it is, floats in full)."""
    from pandas.util import hash_pandas_object

    chosen = frame[sorted(columns or frame.columns)]
    hashes = hash_pandas_object(chosen, index=False).sort_values().to_numpy()
    head = ",".join(chosen.columns).encode()
    return hashlib.sha256(head + hashes.tobytes()).hexdigest()


def provenance(frame: "pd.DataFrame", used: int | None = None) -> dict[str, Any]:
    """Return where a fit's rows come from: package with version, rows read, rows used, checksum."""
    found = {"package": frame.attrs.get("package", "unknown"), "rows": len(frame), "sha256": checksum(frame)}
    return found | ({"rows_used": used} if used is not None else {})


def parameter_table(fit: "Fit") -> list[dict[str, Any]]:
    """Return the rows that describe a fit's parameters: value, bounds, 90 % interval, sd in the coordinate without bounds, meaning."""
    low, high, sd = fit.quantile(0.05), fit.quantile(0.95), fit.sd()
    return [
        {
            "name": p.name, "value": fit.values[p.name], "unit": p.unit, "low": p.low, "high": p.high, "prior": p.prior,
            "spread": p.spread, "sd": sd[p.name], "q05": low[p.name], "q95": high[p.name], "meaning": p.meaning,
            "identified_by": p.identified_by,
        }
        for p in fit.parameters
    ]  # fmt: skip


def record(name: str, fit: "Fit | None", rows: "pd.DataFrame", used: int | None = None, **more: Any) -> dict[str, Any]:
    """Return what a file holds, as JSON will give it back.

    Args:
        name: of the file, without its ending
        fit: the fit; None where `more` has its own `parameters` (rows like those of `parameter_table`)
        rows: what was read for it
        used: how many of them entered, where that is fewer
        more: anything else worth keeping: `effects`, `ranges` (what was covered), `residual_sd` by stratum
    """
    found: dict[str, Any] = {"name": name, "provenance": provenance(rows, used), **more}
    if fit is not None:
        found["parameters"] = [*parameter_table(fit), *more.get("parameters", [])]
        found["residual_sd"] = more.get("residual_sd", {"all": fit.residual_scale})
        found["effective_parameters"] = fit.effective_parameters
        if len(fit.parameters) <= LARGEST_COVARIANCE:
            found["covariance"] = fit.covariance
    return tidy(found)


def values(fitted: Mapping[str, Any]) -> dict[str, float]:
    """Return the parameters of a record by name."""
    return {row["name"]: row["value"] for row in fitted["parameters"]}


def write(fitted: Mapping[str, Any]) -> Path:
    """Write a record to its file, and return the path.

    Raises:
        DataError: the record lacks a key.
    """
    if missing := [key for key in REQUIRED if key not in fitted]:
        raise DataError(f"a calibration needs the keys {', '.join(REQUIRED)}; {', '.join(missing)} is missing")
    folder().mkdir(exist_ok=True)
    path = folder() / f"{fitted['name']}.json"
    path.write_text(_text(tidy(fitted)) + "\n", encoding="utf-8")
    read.cache_clear()
    return path


def _text(value: Any, depth: int = 0) -> str:
    """JSON with one line for each list of whole numbers, short list or small table row, so that a changed number changes one line."""
    flat = json.dumps(value, sort_keys=True, ensure_ascii=False)
    nested = isinstance(value, dict | list) and bool(value)
    whole = isinstance(value, list) and all(type(v) is int for v in value)
    if not nested or whole or (depth > 0 and len(flat) <= 136 - 2 * depth):
        return flat
    pad, end = "  " * (depth + 1), "  " * depth
    if isinstance(value, dict):
        parts = [f"{pad}{json.dumps(k)}: {_text(value[k], depth + 1)}" for k in sorted(value)]
        return "{\n" + ",\n".join(parts) + "\n" + end + "}"
    return "[\n" + ",\n".join(pad + _text(v, depth + 1) for v in value) + "\n" + end + "]"


@cache
def read(name: str) -> dict[str, Any]:
    """Return a record by name. It is shared: do not change it.

    Raises:
        DataError: there is no such file, or it is no record; says what would write it.
    """
    path = folder() / f"{name}.json"
    if not path.is_file():
        known = sorted(p.stem for p in folder().glob("*.json"))
        raise DataError(f"{shown(path)} does not exist{did_you_mean(name, known)}; `nvlinklab calibrate` writes it")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DataError(f"{shown(path)}:{error.lineno}: {error.msg}; `nvlinklab calibrate` writes it anew") from None
    if not isinstance(found, dict) or any(key not in found for key in REQUIRED) or found["name"] != name:
        raise DataError(f"{shown(path)} is no calibration of {name!r}: it needs the keys {', '.join(REQUIRED)}")
    return found
