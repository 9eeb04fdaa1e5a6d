"""A user's own system or model as a YAML file: a base of the catalog and what differs from it, in units as a person writes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from nvlinklab import units
from nvlinklab._struct import leaf_units, replace_path
from nvlinklab.errors import DataError, UnitError, did_you_mean
from nvlinklab.io.yaml import Document, read_yaml

T = TypeVar("T")


def read_user_file(path: Path, kind: str, bases: tuple[str, ...]) -> Document:
    """Read a file of the given kind whose base is in the catalog.

    Raises:
        DataError: a missing file, broken YAML, another kind, or an unknown base; the message starts with file:line.
    """
    document = read_yaml(path, "user")
    if document.data["kind"] != kind:
        raise DataError(f"{document.where('kind')}: this file describes a {document.data['kind']}, expected a {kind}")
    base = document.data["base"]
    if base not in bases:
        raise DataError(f"{document.where('base')}: no {kind} is called {base!r}{did_you_mean(base, bases)} There are: {', '.join(bases)}")
    return document


def apply(document: Document, spec: T, names: Mapping[str, str]) -> T:
    """Return the base with the file's `set` applied.

    Args:
        document: from `read_user_file`
        spec: the base, a struct
        names: other names of some leaves, `{name in the file: path}`

    Raises:
        DataError: an unknown name, a value that is no positive quantity of the right kind; the message starts with file:line.
    """
    kinds, changes = leaf_units(spec), {}
    for name, given in (document.data.get("set") or {}).items():
        where, path = document.where("set", name), names.get(name, name)
        if path not in kinds:
            known = [next((k for k, v in names.items() if v == p), p) for p in kinds]
            raise DataError(f"{where}: no parameter is called {name!r}{did_you_mean(name, known)} There are: {', '.join(known)}")
        try:
            number = units.parse(given, kinds[path])
        except UnitError as exc:
            raise DataError(f"{where}: {name}: {exc}") from None
        if not number > 0.0:
            raise DataError(f"{where}: {name} is {given}; expected a positive number")
        changes[path] = number
    return replace_path(spec, changes)
