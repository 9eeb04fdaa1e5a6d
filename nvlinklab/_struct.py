"""Frozen dataclasses of floats that JAX can differentiate, and the dotted paths that name their leaves.

A spec holds numbers only (SI units, one direction); names, sources and dates stay in the catalog record beside it, because a
string inside a jitted pytree would re-trace for every new name.
"""

import dataclasses
from typing import Any, TypeAlias, TypeVar, dataclass_transform

from nvlinklab.errors import SpecError, did_you_mean

T = TypeVar("T")

Float: TypeAlias = Any
"""A float, or an array of floats that broadcasts: for the reader. JAX has no type that a checker lets us add and divide."""


def quantity(unit: str, default: Any = dataclasses.MISSING) -> Any:
    """Declare a float leaf with its SI unit, for example `quantity("B/s")`."""
    kwargs = {} if default is dataclasses.MISSING else {"default": default}
    return dataclasses.field(metadata={"unit": unit}, **kwargs)


def static(default: Any = dataclasses.MISSING) -> Any:
    """Declare a field that shapes the program instead of flowing through it (attention kind, not a number)."""
    kwargs = {} if default is dataclasses.MISSING else {"default": default}
    return dataclasses.field(metadata={"static": True}, **kwargs)


def nested(default: Any = dataclasses.MISSING) -> Any:
    """Declare a field that is itself a struct."""
    kwargs = {} if default is dataclasses.MISSING else {"default": default}
    return dataclasses.field(metadata={"nested": True}, **kwargs)


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(quantity, static, nested))
def struct(cls: type[T]) -> type[T]:
    """Make `cls` a frozen, keyword-only dataclass and register it as a JAX pytree on first use of JAX.

    Every field must be declared with `quantity(unit)`, `static()` or `nested()`; anything else raises `SpecError`.
    """
    data = dataclasses.dataclass(frozen=True, kw_only=True)(cls)
    for field in dataclasses.fields(data):
        if not {"unit", "static", "nested"} & set(field.metadata):
            raise SpecError(f"{cls.__name__}.{field.name}: declare it with quantity(unit), static() or nested()")
    _pending.append(data)
    _register_if_jax()
    return data


_pending: list[type] = []


def _register_if_jax() -> None:
    import sys

    if "jax" in sys.modules:
        register_structs()


def register_structs() -> None:
    """Register every struct defined so far with JAX; called by the modules that use JAX."""
    import jax

    while _pending:
        cls = _pending.pop(0)
        fields = dataclasses.fields(cls)
        jax.tree_util.register_dataclass(
            cls,
            data_fields=[f.name for f in fields if "static" not in f.metadata],
            meta_fields=[f.name for f in fields if "static" in f.metadata],
        )


def leaf_units(spec: Any, prefix: str = "") -> dict[str, str]:
    """Return `{dotted path: unit}` for every float leaf of a struct or of its class.

    >>> from nvlinklab.network.alphabeta import Link
    >>> leaf_units(Link)
    {'alpha': 's', 'bw': 'B/s'}
    """
    units: dict[str, str] = {}
    for field in dataclasses.fields(spec):
        path = f"{prefix}{field.name}"
        if "unit" in field.metadata:
            units[path] = field.metadata["unit"]
        elif "nested" in field.metadata:
            inner = getattr(spec, field.name, field.type) if not isinstance(spec, type) else field.type
            units |= leaf_units(inner, f"{path}.")
    return units


def leaves(spec: Any) -> dict[str, Any]:
    """Return `{dotted path: value}` for every float leaf, in field order.

    >>> from nvlinklab.network.alphabeta import Link
    >>> leaves(Link(alpha=2e-6, bw=9e11))
    {'alpha': 2e-06, 'bw': 900000000000.0}
    """
    return {path: get_path(spec, path) for path in leaf_units(spec)}


def get_path(spec: Any, path: str) -> Any:
    """Return the leaf at a dotted path; an unknown path raises `SpecError` with the nearest known ones."""
    _require(spec, path)
    value = spec
    for name in path.split("."):
        value = getattr(value, name)
    return value


def replace_path(spec: T, changes: dict[str, Any] | None = None, /, **by_name: Any) -> T:
    """Return a copy of `spec` with leaves replaced by dotted path.

    Raises:
        SpecError: a path that does not exist, with the nearest ones that do.

    >>> from nvlinklab.network.alphabeta import Link
    >>> replace_path(Link(alpha=2e-6, bw=9e11), {"bw": 1.8e12}).bw
    1800000000000.0
    """
    for path, value in {**(changes or {}), **by_name}.items():
        _require(spec, path)
        spec = _replace(spec, path.split("."), value)
    return spec


def _require(spec: Any, path: str) -> None:
    known = leaf_units(spec)
    if path not in known:
        raise SpecError(f"{type(spec).__name__} has no parameter {path!r}{did_you_mean(path, known)} It has: {', '.join(known)}")


def _replace(spec: Any, names: list[str], value: Any) -> Any:
    first, *rest = names
    return dataclasses.replace(spec, **{first: _replace(getattr(spec, first), rest, value) if rest else value})
