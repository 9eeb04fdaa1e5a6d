"""Sweeps: named axes over dotted paths, evaluated in one compiled call, returned as a labelled Dataset."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab import __version__, quantities
from nvlinklab.analysis._paths import Function, Params, as_floats, flat_leaves, with_leaves
from nvlinklab.errors import SpecError, did_you_mean

if TYPE_CHECKING:
    import xarray as xr


def sweep(
    fn: Function, params: Params, axes: Mapping[str, Sequence[float]], units: Mapping[str, str] | None = None, name: str = "value"
) -> "xr.Dataset":
    """Evaluate `fn` on the full grid of `axes`.

    Args:
        fn: returns a scalar or a dict of scalars
        params: the point to start from
        axes: `{path: values [SI]}`, one dimension each
        units: units of outputs that `quantities` does not know, and of axes that go by another name
        name: the variable's name when `fn` returns a scalar

    Returns:
        a Dataset with one dimension per path and one variable per output, each with `units` and `long_name`. A point where the
        function has no value is NaN with `feasible` False, never dropped.

    Raises:
        SpecError: an axis that is no parameter, with the nearest ones, or an empty axis.

    >>> d = sweep(lambda p: p["n"] / p["bw"], {"n": 44e6, "bw": 8e12}, {"bw": [8e12, 22e12]}, name="time")
    >>> d["time"].values.tolist(), d["time"].attrs["units"]
    ([5.5e-06, 2e-06], 's')
    """
    import xarray as xr

    known = flat_leaves(params)
    for path, values in axes.items():
        if path not in known:
            raise SpecError(f"no parameter is called {path!r}{did_you_mean(path, known)}; there are: {', '.join(known)}")
        if len(values) == 0:
            raise SpecError(f"axis {path!r} has no values")
    point = as_floats(params)
    grids = np.meshgrid(*[np.asarray(v, dtype=float) for v in axes.values()], indexing="ij")
    shape = grids[0].shape
    columns = {path: jnp.asarray(g.ravel()) for path, g in zip(axes, grids, strict=True)}
    result = jax.jit(jax.vmap(lambda changes: fn(with_leaves(point, changes))))(columns)
    outputs = dict(result) if isinstance(result, Mapping) else {name: result}
    labels = dict(units or {})
    arrays = {key: np.asarray(value).reshape(shape) for key, value in outputs.items()}
    feasible = np.logical_and.reduce([np.isfinite(a) for a in arrays.values()])
    data: dict[str, Any] = {key: (tuple(axes), a, _attrs(key, labels)) for key, a in arrays.items()}
    data["feasible"] = (tuple(axes), feasible, {"long_name": "the design point exists"})
    coords = {path: (path, np.asarray(values, dtype=float), _attrs(path, labels)) for path, values in axes.items()}
    attrs = {"nvlinklab_version": __version__, "points": math.prod(shape)}
    return xr.Dataset(data, coords=coords, attrs=attrs)


def _attrs(name: str, units: Mapping[str, str]) -> dict[str, str]:
    try:
        entry = quantities.quantity(name)
    except SpecError:
        return {"units": units.get(name, "1"), "long_name": name.replace("_", " ").replace(".", " ")}
    return {"units": units.get(name, entry.unit), "long_name": entry.long_name}
