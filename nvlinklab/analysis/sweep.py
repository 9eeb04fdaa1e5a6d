"""Sweeps: named axes over dotted paths, evaluated in one compiled call, returned as a labelled Dataset.

A grid larger than memory goes to disk instead, chunk by chunk: `store.sweep_to_zarr`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from nvlinklab.analysis._paths import Function, Params
from nvlinklab.analysis.grid import Axis, block_function, grid, label_attrs, provenance

if TYPE_CHECKING:
    import xarray as xr


def sweep(
    fn: Function,
    params: Params,
    axes: Mapping[str, Axis],
    units: Mapping[str, str] | None = None,
    name: str = "value",
    attrs: Mapping[str, str] | None = None,
) -> "xr.Dataset":
    """Evaluate `fn` on the full grid of `axes`.

    Args:
        fn: returns a scalar or a dict of scalars
        params: the point to start from
        axes: `{path: values [SI]}`, one dimension each; or `{name: {label: {path: value}}}`, an axis of discrete choices such as layouts
        units: units of outputs that `quantities` does not know, and of axes that go by another name
        name: the variable's name when `fn` returns a scalar
        attrs: further attributes of the Dataset, such as a hash of the data the inputs came from

    Returns:
        a Dataset with one dimension per axis and one variable per output, each with `units` and `long_name`; its attributes hold the
        package's version and every other input as JSON. A point where the function has no value is NaN with `feasible` False, never
        dropped.

    Raises:
        SpecError: an axis that is no parameter, with the nearest ones, or an empty axis.

    >>> d = sweep(lambda p: p["n"] / p["bw"], {"n": 44e6, "bw": 8e12}, {"bw": [8e12, 22e12]}, name="time")
    >>> d["time"].values.tolist(), d["time"].attrs["units"]
    ([5.5e-06, 2e-06], 's')
    """
    import xarray as xr

    points, labels = grid(params, axes), dict(units or {})
    columns = tuple({path: jnp.asarray(values) for path, values in column.items()} for column in points.columns)
    result = {key: np.asarray(value) for key, value in block_function(fn, params, name)(columns).items()}
    feasible = result.pop("feasible")
    data: dict[str, Any] = {key: (points.names, value, label_attrs(key, labels)) for key, value in result.items()}
    data["feasible"] = (points.names, feasible, {"long_name": "the design point exists"})
    return xr.Dataset(data, coords=coordinates(points, labels), attrs=provenance(params, points, attrs))


def coordinates(points: Any, units: Mapping[str, str]) -> dict[str, Any]:
    """Return the coordinates of a grid as xarray takes them: values, or the labels of discrete choices."""
    found = {}
    for name, column, labels in zip(points.names, points.columns, points.labels, strict=True):
        values = np.array(labels) if labels else column[name]
        attrs = {"long_name": name.replace("_", " ")} if labels else label_attrs(name, units)
        found[name] = (name, values, attrs)
    return found
