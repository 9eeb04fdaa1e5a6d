"""Elasticities: the percentage by which a result moves when an input moves by one percent; and what follows from them."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab import units
from nvlinklab.analysis._paths import Function, Params, as_floats, flat_leaves, require_paths, with_leaves
from nvlinklab.analysis.many import at_many
from nvlinklab.errors import SpecError

FEW = 16  # up to so many inputs slopes are carried forward


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
    value, slopes = (_forward if len(inputs) <= FEW else _backward)(lambda p: jax.tree_util.tree_map(jnp.asarray, fn(p)), point)

    def one(y: Any, along: np.ndarray) -> dict[str, float]:
        y = float(y)
        return {path: float(slope) * float(x) / y if y else float("nan") for (path, x), slope in zip(inputs.items(), along, strict=False)}

    if not isinstance(value, Mapping):
        return one(value, slopes)
    return {name: one(value[name], slopes[name]) for name in value}


def _forward(fn: Function, point: Params) -> tuple[Any, Any]:
    """Value and slopes of every output, all inputs carried along at once: each operation runs once, and in one array shape.

    Eager reverse mode would trace, transpose and dispatch every small function anew, which costs a ledger of hundreds its seconds.
    """
    tree = jax.tree_util.tree_structure(point)
    along = tree.unflatten(np.eye(FEW)[: tree.num_leaves])
    value, slopes = jax.vmap(lambda tangent: jax.jvp(fn, (point,), (tangent,)), out_axes=(None, 0))(along)
    return value, jax.tree_util.tree_map(np.asarray, slopes)


def _backward(fn: Function, point: Params) -> tuple[Any, Any]:
    """Value and slopes of every output, one output at a time: for many inputs."""
    value, pullback = jax.vjp(fn, point)

    def slopes(seed: Any) -> np.ndarray:
        return np.array([float(leaf) for leaf in jax.tree_util.tree_leaves(pullback(seed)[0])])

    if not isinstance(value, Mapping):
        return value, slopes(jnp.ones_like(value))
    zeros = jax.tree_util.tree_map(jnp.zeros_like, value)
    return value, {name: slopes({**zeros, name: jnp.ones_like(value[name])}) for name in value}


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

    result = at_many(at)(jnp.asarray(values, dtype=jnp.float64))
    return {name: np.asarray(column) for name, column in result.items()}


def gradient(fn: Function, params: Params) -> dict[str, float]:
    """Return `dy/dx` of a scalar function for every float leaf, in the unit of the result over that of the input.

    Unlike an elasticity it exists where the input or the result is zero.

    >>> gradient(lambda p: p["n"] / p["bw"], {"n": 4.0, "bw": 2.0})
    {'bw': -1.0, 'n': 0.5}
    """
    slopes = flat_leaves(jax.grad(lambda p: jnp.asarray(fn(p), dtype=jnp.float64))(as_floats(params)))
    return {path: float(slope) for path, slope in slopes.items()}


def bottleneck(fn: Function, params: Params, input_units: Mapping[str, str], output_unit: str, tolerance: float = 1e-9) -> dict[str, float]:
    """Return the elasticities of a scalar function, the strongest first, after checking that they add up.

    By Euler's theorem the elasticities of a time with respect to latencies and rates are its exact shares: a bottleneck breakdown that
    needs no timer. The sum rule holds for every base dimension or a unit is lost, and then the shares mean nothing.

    Args:
        fn: a scalar function of the pytree
        params: the point
        input_units: `{path: SI unit}` of every leaf
        output_unit: SI unit of the result
        tolerance: largest violation of the sum rule

    Raises:
        SpecError: the sum rule is broken, with the dimension and by how much.

    >>> bottleneck(lambda p: p["a"] + p["n"] / p["bw"], {"a": 1.0, "n": 6.0, "bw": 2.0}, {"a": "s", "n": "B", "bw": "B/s"}, "s")
    {'bw': -0.75, 'n': 0.75, 'a': 0.25}
    """
    found = elasticities(fn, params)
    sums, expected = exponent_sums(found, input_units), units.exponents(output_unit)
    for dimension in dict.fromkeys((*sums, *expected)):
        off = sums.get(dimension, 0.0) - expected.get(dimension, 0)
        if not abs(off) <= tolerance:
            raise SpecError(
                f"the elasticities add up to {sums.get(dimension, 0.0):.6g} in {dimension}, but the result in {output_unit} has exponent "
                f"{expected.get(dimension, 0)}: a number in the function has a unit it does not declare; look for a bare constant or a log"
            )
    return dict(sorted(found.items(), key=lambda item: -abs(item[1])))


def interactions(fn: Function, params: Params, paths: Sequence[str]) -> np.ndarray:
    """Return the second derivatives of `ln y` by the logarithms of some inputs, shape (n, n), symmetric.

    A positive entry: improving one makes the other matter more. Zero for a product of powers. On a kink, such as a hard max, it is zero
    almost everywhere and does not see the bend; look along a sweep (`elasticity_along`).

    Args:
        fn: a positive scalar function of the pytree
        params: the point
        paths: inputs, all positive

    Raises:
        SpecError: an input that does not exist or is not positive.
    """
    point = as_floats(params)
    leaves = flat_leaves(point)
    require_paths(leaves, paths)
    for path in paths:
        if not float(leaves[path]) > 0.0:
            raise SpecError(f"{path} is {float(leaves[path]):g}; interactions are taken in logarithms and need positive inputs")

    return np.asarray(_log_hessian(fn, tuple(paths))(jnp.log(jnp.stack([leaves[path] for path in paths])), point))


@lru_cache(maxsize=32)
def _log_hessian(fn: Function, paths: tuple[str, ...]) -> Any:
    """Compile the second derivatives once for all points."""

    def log_value(logs: Any, point: Params) -> Any:
        return jnp.log(fn(with_leaves(point, {path: jnp.exp(logs[i]) for i, path in enumerate(paths)})))

    return jax.jit(jax.hessian(log_value))


def hessian_vector(fn: Function, params: Params, direction: Mapping[str, float]) -> dict[str, float]:
    """Return the product of the Hessian of a scalar function with a direction, by path, at the price of about two gradients.

    Args:
        fn: a scalar function of the pytree
        params: the point
        direction: `{path: component}`; what is not named is zero

    >>> hessian_vector(lambda p: p["x"] ** 2 * p["y"], {"x": 3.0, "y": 2.0}, {"x": 1.0})
    {'x': 4.0, 'y': 6.0}
    """
    point = as_floats(params)
    require_paths(flat_leaves(point), direction)
    along = with_leaves(jax.tree_util.tree_map(jnp.zeros_like, point), {p: jnp.asarray(v, dtype=jnp.float64) for p, v in direction.items()})
    _, product = jax.jvp(jax.grad(fn), (point,), (along,))
    return {path: float(value) for path, value in flat_leaves(product).items()}


class Bar(NamedTuple):
    """One bar of a tornado chart: the result with one input at the ends of its range, all others as they are."""

    path: str
    low: float
    high: float
    at_low: float
    at_high: float

    @property
    def swing(self) -> float:
        """Distance between the two results."""
        return abs(self.at_high - self.at_low)


def tornado(fn: Function, params: Params, ranges: Mapping[str, tuple[float, float]]) -> list[Bar]:
    """Return what each input's range does to a scalar result, the widest first: one input at a time, so without interactions.

    Args:
        fn: a scalar function of the pytree
        params: the point
        ranges: `{path: (low, high)}` [SI]

    Raises:
        SpecError: an input that does not exist, or a range upside down.
    """
    point = as_floats(params)
    require_paths(flat_leaves(point), ranges)
    for path, (low, high) in ranges.items():
        if not low <= high:
            raise SpecError(f"the range of {path} goes from {low:g} to {high:g}; write the lower end first")
    if not ranges:
        return []
    leaves, paths = flat_leaves(point), list(ranges)
    base = np.array([float(leaves[path]) for path in paths])
    rows = np.tile(base, (2 * len(paths), 1))
    for i, path in enumerate(paths):
        rows[2 * i, i], rows[2 * i + 1, i] = ranges[path]
    run = jax.jit(jax.vmap(lambda row: fn(with_leaves(point, {path: row[i] for i, path in enumerate(paths)}))))
    values = np.asarray(run(jnp.asarray(rows))).reshape(-1, 2)
    bars = [Bar(path, *map(float, ranges[path]), *map(float, ends)) for path, ends in zip(paths, values, strict=True)]
    return sorted(bars, key=lambda bar: -bar.swing if bar.swing == bar.swing else float("inf"))


class Handover(NamedTuple):
    """Where along a sweep another input becomes the strongest."""

    at: float
    before: str
    after: str


def handovers(along: Mapping[str, np.ndarray], values: Sequence[float], paths: Sequence[str] | None = None) -> list[Handover]:
    """Return where the bottleneck hands over along a sweep, by linear interpolation between its points.

    Args:
        along: what `elasticity_along` returns
        values: the swept values, shape (n,)
        paths: inputs that compete; by default all

    >>> handovers({"bw": np.array([-0.2, -0.8]), "alpha": np.array([0.8, 0.2])}, [1.0, 3.0])
    [Handover(at=2.0, before='alpha', after='bw')]
    """
    names = list(paths or along)
    require_paths(along, names)
    size = np.abs(np.stack([np.asarray(along[name]) for name in names]))
    best, found = np.argmax(size, axis=0), []
    for i in range(len(best) - 1):
        a, b = best[i], best[i + 1]
        if a != b:
            left, right = size[a, i] - size[b, i], size[b, i + 1] - size[a, i + 1]
            share = left / (left + right) if left + right > 0.0 else 0.5
            found.append(Handover(float(values[i] + share * (values[i + 1] - values[i])), names[a], names[b]))
    return found
