"""The committed results, `data/results/ledger.json`: what the book shows and what a check compares with."""

import json
import math
from pathlib import Path
from typing import Any

from nvlinklab.errors import ClaimError
from nvlinklab.io.paths import data_dir, shown

RELATIVE, ABSOLUTE = 1e-9, 1e-12


def results_path() -> Path:
    """Return where the committed results lie."""
    return data_dir() / "results" / "ledger.json"


def read_results(path: Path | None = None) -> list[dict[str, Any]]:
    """Read the committed results.

    Raises:
        ClaimError: the file is missing or broken; says how to make it.
    """
    path = path or results_path()
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ClaimError(f"{shown(path)} does not exist; write it with: nvlinklab claims --write") from None
    except json.JSONDecodeError as exc:
        raise ClaimError(f"{shown(path)}:{exc.lineno}: not valid JSON ({exc.msg}); write it anew with: nvlinklab claims --write") from None


def drift(fresh: list[dict[str, Any]], committed: list[dict[str, Any]]) -> list[str]:
    """Return one line for every difference between two result lists: numbers beyond 1e-9, anything else at all."""
    old = {r["id"]: r for r in committed}
    new = {r["id"]: r for r in fresh}
    lines = [f"{name}: not in the committed results" for name in new if name not in old]
    lines += [f"{name}: committed, but no longer computed" for name in old if name not in new]
    for name in new:
        if name in old:
            lines += [f"{name}: {line}" for line in _differences(new[name], old[name], "")]
    return lines


def _differences(new: Any, old: Any, path: str) -> list[str]:
    if isinstance(new, bool) or isinstance(old, bool) or not isinstance(new, int | float) or not isinstance(old, int | float):
        if isinstance(new, dict) and isinstance(old, dict):
            lines = []
            for key in {**old, **new}:
                if key not in new or key not in old:
                    lines.append(f"{path}{key} {'appeared' if key in new else 'is gone'}")
                else:
                    lines += _differences(new[key], old[key], f"{path}{key}.")
            return lines
        if isinstance(new, list) and isinstance(old, list) and len(new) == len(old):
            return [line for i, (a, b) in enumerate(zip(new, old, strict=True)) for line in _differences(a, b, f"{path}{i}.")]
        return [] if new == old else [f"{path.rstrip('.')} was {old!r}, is {new!r}"]
    same = math.isclose(new, old, rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    return [] if same else [f"{path.rstrip('.')} was {old:g}, is {new:g}"]
