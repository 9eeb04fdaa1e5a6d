"""Sources: who says so, where, and when it was read."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from nvlinklab.errors import DataError, did_you_mean
from nvlinklab.io.paths import data_dir
from nvlinklab.io.yaml import read_yaml


@cache
def all_sources() -> dict[str, dict[str, Any]]:
    """Return `data/sources.yml`: `{key: {title, location, date, kind, ...}}`."""
    return read_yaml(data_dir() / "sources.yml", "sources").data


def require(keys: Iterable[str], where: str) -> None:
    """Raise `DataError` unless every key is in `data/sources.yml`."""
    known = all_sources()
    for key in keys:
        if key not in known:
            raise DataError(f"{where}: source {key!r} is not in data/sources.yml{did_you_mean(key, known)}; add it there first")


def sources(*keys: str) -> str:
    """Return the given sources (all of them without arguments) as one readable line each."""
    known = all_sources()
    require(keys, "sources()")
    return "\n".join(f"[{k}] {known[k]['title']}. {known[k]['location']}" for k in (keys or known))
