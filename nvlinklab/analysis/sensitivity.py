"""Elasticities: the percentage by which a result moves when an input moves by one percent."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab import units
from nvlinklab.analysis._paths import Function, Params, as_floats, flat_leaves, with_leaves


def elasticities(fn: Function, params: Params) -> dict[str, Any]:
    """Return `d ln y / d ln x` for every float leaf `x` of `params`.

    For a time made of parts these are the exact shares of the bottleneck: they add up to one over the rates and latencies.

    Args:
        fn: a function of the pytree that returns a scalar or a dict of scalars
        params: any pytree of floats

    Returns:
        `{path: elasticity}` for a scalar function, `{output: {path: elasticity}}` for a dict. Where the result is zero the
        elasticity does not exist and is NaN.

    >>> elasticities(lambda p: p["alpha"] + p["n"] / p["bw"], {"alpha": 1.0, "n": 2.0, "bw": 2.0})
    {'alpha': 0.5, 'bw': -0.5, 'n': 0.5}
    """
    point = as_floats(params)
    inputs = flat_leaves(point)
    value, pullback = jax.vjp(lambda p: jax.tree_util.tree_map(jnp.asarray, fn(p)), point)

    def one(y: Any, slopes: Any) -> dict[str, float]:
        flat, y = flat_leaves(slopes), float(y)
        return {path: float(flat[path]) * float(x) / y if y else float("nan") for path, x in inputs.items()}

    if not isinstance(value, Mapping):
        return one(value, pullback(jnp.ones_like(value))[0])
    zeros = jax.tree_util.tree_map(jnp.zeros_like, value)
    return {name: one(value[name], pullback({**zeros, name: jnp.ones_like(value[name])})[0]) for name in value}


def exponent_sums(elasticity: Mapping[str, float], input_units: Mapping[str, str]) -> dict[str, float]:
    """Return `sum_i d_i * elasticity_i` for each base dimension (Euler's theorem on homogeneous functions).

    Each sum equals the exponent of that dimension in the unit of the result, or a unit is lost somewhere: rescaling the second
    rescales every time once. A hidden `+ 5e-6` or a logarithm of bytes breaks it.

    >>> exponent_sums({"alpha": 0.5, "n": 0.5, "bw": -0.5}, {"alpha": "s", "n": "B", "bw": "B/s"})
    {'s': 1.0, 'B': 0.0}
    """
    sums: dict[str, float] = {}
    for path, value in elasticity.items():
        for dimension, exponent in units.exponents(input_units[path]).items():
            sums[dimension] = sums.get(dimension, 0.0) + exponent * value
    return {d: sums[d] for d in units.DIMENSIONS if d in sums}


def sum_rule_residual(elasticity: Mapping[str, float], input_units: Mapping[str, str], output_unit: str) -> float:
    """Return the largest violation of the sum rule over all dimensions; 0 for a function whose units are whole."""
    sums, expected = exponent_sums(elasticity, input_units), units.exponents(output_unit)
    return max((abs(sums.get(d, 0.0) - expected.get(d, 0)) for d in {*sums, *expected}), default=0.0)


def elasticity_along(fn: Function, params: Params, path: str, values: Sequence[float]) -> dict[str, np.ndarray]:
    """Return the elasticities of a scalar function along a sweep of one input: where does the bottleneck hand over?

    Args:
        fn: a scalar function of the pytree
        params: the point to start from
        path: the leaf that is swept
        values: its values [SI], shape (n,)

    Returns:
        `{path: array of shape (n,)}`
    """

    def at(x: Any) -> dict[str, Any]:
        point = with_leaves(as_floats(params), {path: x})
        y, slopes = jax.value_and_grad(fn)(point)
        leaves, flat = flat_leaves(point), flat_leaves(slopes)
        return {name: flat[name] * leaves[name] / y for name in leaves}

    result = jax.jit(jax.vmap(at))(jnp.asarray(values, dtype=jnp.float64))
    return {name: np.asarray(column) for name, column in result.items()}
