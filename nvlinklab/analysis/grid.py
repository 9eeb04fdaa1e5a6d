"""The grid of a sweep: named axes, continuous or discrete, and any block of it evaluated in one compiled call."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab import __version__, quantities
from nvlinklab.analysis._paths import Function, Params, as_floats, flat_leaves, require_paths, with_leaves
from nvlinklab.errors import SpecError

Axis = Sequence[float] | Mapping[str, Mapping[str, float]]
"""Values of one leaf [SI], or named choices that each set several leaves: `{"TP8": {"tp": 8, "ep": 1}, "EP64": {"tp": 1, "ep": 64}}`."""


class Grid(NamedTuple):
    """A grid of configurations.

    Attributes:
        names: dimensions, in order
        columns: for each dimension `{path: values}`, arrays of one length
        labels: for each dimension the names of its choices, or None where it is continuous
    """

    names: tuple[str, ...]
    columns: tuple[dict[str, np.ndarray], ...]
    labels: tuple[tuple[str, ...] | None, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Points along each dimension."""
        return tuple(len(next(iter(column.values()))) for column in self.columns)

    @property
    def size(self) -> int:
        """All points."""
        return math.prod(self.shape)


def grid(params: Params, axes: Mapping[str, Axis]) -> Grid:
    """Return the grid of some axes.

    Raises:
        SpecError: an axis that is no parameter, an empty one, choices that set different leaves, a leaf on two axes.

    >>> grid({"tp": 1.0, "bw": 1.0}, {"bw": [1.0, 2.0, 4.0], "layout": {"a": {"tp": 1.0}, "b": {"tp": 8.0}}}).shape
    (3, 2)
    """
    known = flat_leaves(params)
    if not axes:
        raise SpecError("a sweep needs at least one axis, for example {'batch': [1, 2, 4]}")
    columns: list[dict[str, np.ndarray]] = []
    labels: list[tuple[str, ...] | None] = []
    owner: dict[str, str] = {}
    for name, values in axes.items():
        if len(values) == 0:
            raise SpecError(f"axis {name!r} has no values")
        if isinstance(values, Mapping):
            paths = list(next(iter(values.values())))
            for label, changes in values.items():
                if set(changes) != set(paths):
                    raise SpecError(
                        f"axis {name!r}: {label!r} sets {', '.join(changes)}, the first choice {', '.join(paths)}; set the same"
                    )
            column = {path: np.array([float(changes[path]) for changes in values.values()]) for path in paths}
            labels.append(tuple(map(str, values)))
        else:
            column = {name: np.asarray(values, dtype=float)}
            labels.append(None)
        require_paths(known, column)
        for path in column:
            if path in owner:
                raise SpecError(f"axes {owner[path]!r} and {name!r} both set {path!r}")
            owner[path] = name
        columns.append(column)
    return Grid(tuple(axes), tuple(columns), tuple(labels))


def block_function(fn: Function, params: Params, name: str = "value", dtype: str = "float64") -> Any:
    """Return a compiled function of the columns of a block that gives `{output: array of the block's shape}` and `feasible`.

    One `vmap` per dimension, so that what depends on one axis alone is computed once along it. Computed in 64 bits, returned as `dtype`.
    """
    point = as_floats(params)

    def one(*changes: dict[str, Any]) -> dict[str, Any]:
        result = fn(with_leaves(point, {path: value for column in changes for path, value in column.items()}))
        outputs = dict(result) if isinstance(result, Mapping) else {name: result}
        if "feasible" in outputs:
            raise SpecError("an output must not be called 'feasible': the sweep itself says which points exist")
        exists = jnp.all(jnp.stack([jnp.isfinite(jnp.asarray(y, dtype=jnp.float64)) for y in outputs.values()]))
        return {**{key: jnp.asarray(y, dtype=jnp.float64).astype(dtype) for key, y in outputs.items()}, "feasible": exists}

    @jax.jit
    def block(columns: tuple[dict[str, Any], ...]) -> dict[str, Any]:
        run = one
        for axis in reversed(range(len(columns))):
            run = jax.vmap(run, in_axes=tuple(0 if i == axis else None for i in range(len(columns))))
        return run(*columns)

    return block


def output_names(fn: Function, params: Params, name: str = "value") -> tuple[str, ...]:
    """Return the outputs of a function without computing them."""
    shape = jax.eval_shape(fn, as_floats(params))
    return tuple(shape) if isinstance(shape, Mapping) else (name,)


def label_attrs(name: str, units: Mapping[str, str]) -> dict[str, str]:
    """Return `units` and `long_name` of an axis or output: the caller's, or those of `quantities`."""
    try:
        entry = quantities.quantity(name)
    except SpecError:
        return {"units": units.get(name, "1"), "long_name": name.replace("_", " ").replace(".", " ")}
    return {"units": units.get(name, entry.unit), "long_name": entry.long_name}


def provenance(params: Params, points: Grid, extra: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what a Dataset says of its origin: version, number of points, and every input that is not an axis, as JSON."""
    moved = {path for column in points.columns for path in column}
    fixed = {path: float(value) for path, value in flat_leaves(params).items() if path not in moved}
    inputs = {path: value if math.isfinite(value) else None for path, value in fixed.items()}
    return {"nvlinklab_version": __version__, "points": points.size, "inputs": json.dumps(inputs), **(extra or {})}
