"""Who earned the gain: splits ln(A/B) between two configurations into parts that add up exactly."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab.analysis._paths import Function, Params, as_floats, flat_leaves, with_leaves
from nvlinklab.errors import SpecError

MAX_TOGGLES = 12


def _corner_values(fn: Function, base: Params, toggles: Mapping[str, Mapping[str, float]]) -> np.ndarray:
    """Return `ln fn` at all 2**n on/off combinations, shape (2,) * n, in one vectorised call."""
    names = list(toggles)
    if not 1 <= len(names) <= MAX_TOGGLES:
        raise SpecError(f"{len(names)} toggles; expected 1 to {MAX_TOGGLES} (the exact Shapley value visits 2**n combinations)")
    owners: dict[str, str] = {}
    for name, changes in toggles.items():
        for path in changes:
            if path in owners:
                raise SpecError(f"both {owners[path]!r} and {name!r} set {path!r}; give each input to one toggle")
            owners[path] = name
    point = as_floats(base)
    leaves = flat_leaves(point)
    combos = np.array(list(itertools.product([0.0, 1.0], repeat=len(names))))

    def at(combo: Any) -> Any:
        changes = {path: jnp.where(combo[i] > 0.5, value, leaves[path]) for i, n in enumerate(names) for path, value in toggles[n].items()}
        return jnp.log(fn(with_leaves(point, changes)))

    return np.asarray(jax.vmap(at)(jnp.asarray(combos))).reshape((2,) * len(names))


def shapley(fn: Function, base: Params, toggles: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Split `ln fn(all on) - ln fn(base)` over toggles: the mean marginal gain over all orders (Shapley 1953).

    Args:
        fn: a positive scalar function of the pytree
        base: the configuration with every toggle off
        toggles: `{name: {path: value when on}}`; a toggle may set several inputs

    Returns:
        `{name: share of the log gain}`; the shares add up to the whole, whatever the order. `exp(share)` is the toggle's factor.

    Raises:
        SpecError: no toggle, more than 12, or two that set the same input.

    >>> shares = shapley(lambda p: p["a"] * (1 + p["b"]), {"a": 1.0, "b": 1.0}, {"A": {"a": 4.0}, "B": {"b": 3.0}})
    >>> {name: round(math.exp(share), 6) for name, share in shares.items()}
    {'A': 4.0, 'B': 2.0}
    """
    values = _corner_values(fn, base, toggles)
    n = len(toggles)
    shares = {}
    for axis, name in enumerate(toggles):
        gain = np.take(values, 1, axis=axis) - np.take(values, 0, axis=axis)
        total = 0.0
        for combo in itertools.product([0, 1], repeat=n - 1):
            k = sum(combo)
            weight = math.factorial(k) * math.factorial(n - 1 - k) / math.factorial(n)
            total += weight * float(gain[combo])
        shares[name] = total
    return shares


def one_at_a_time(fn: Function, base: Params, toggles: Mapping[str, Mapping[str, float]]) -> dict[str, list[float]]:
    """Return each toggle's marginal log gain in every order, to show how much naive attribution depends on the order.

    Returns:
        `{name: sorted list of marginal gains, one for each set of toggles switched on before it}`
    """
    values = _corner_values(fn, base, toggles)
    return {
        name: sorted((np.take(values, 1, axis=axis) - np.take(values, 0, axis=axis)).ravel().tolist()) for axis, name in enumerate(toggles)
    }


def aumann_shapley(fn: Function, start: Params, end: Params, tolerance: float = 1e-11) -> dict[str, float]:
    """Split `ln fn(end) - ln fn(start)` over inputs by integrating elasticities along the straight path in log space.

    The Aumann-Shapley value (Aumann & Shapley 1974; "integrated gradients"): `share_i = ln(x1_i/x0_i) * mean of d ln y/d ln x_i`
    over the path. An adaptive rule (`scipy.integrate.quad_vec`) refines around kinks such as a hard max.

    Args:
        fn: a positive scalar function of the pytree
        start, end: two pytrees of positive floats with the same structure
        tolerance: absolute error of each share

    Returns:
        `{path: share}` for the inputs that differ; they add up to the whole log gain.

    >>> shares = aumann_shapley(lambda p: p["n"] / p["bw"], {"n": 2.0, "bw": 1.0}, {"n": 2.0, "bw": 4.0})
    >>> {name: round(share, 9) for name, share in shares.items()}
    {'bw': -1.386294361}
    """
    from scipy.integrate import quad_vec

    x0, x1 = flat_leaves(as_floats(start)), flat_leaves(as_floats(end))
    if list(x0) != list(x1):
        raise SpecError("start and end have different inputs; build both from the same struct")
    moved: Sequence[str] = [name for name in x0 if float(x0[name]) != float(x1[name])]
    for name in moved:
        if float(x0[name]) <= 0 or float(x1[name]) <= 0:
            raise SpecError(f"{name} goes from {float(x0[name]):g} to {float(x1[name]):g}; a log path needs positive values; use shapley()")
    point = as_floats(start)
    low = np.array([float(x0[name]) for name in moved])
    step = np.log(np.array([float(x1[name]) for name in moved]) / low)

    @jax.jit
    def slope(t: Any) -> Any:
        def log_value(logs: Any) -> Any:
            return jnp.log(fn(with_leaves(point, {name: jnp.exp(logs[i]) for i, name in enumerate(moved)})))

        return jax.grad(log_value)(jnp.log(jnp.asarray(low)) + t * jnp.asarray(step))

    mean, _ = quad_vec(lambda t: np.asarray(slope(t)), 0.0, 1.0, epsabs=tolerance, epsrel=0.0, limit=2000)
    return {name: float(m * s) for name, m, s in zip(moved, mean, step, strict=True)}
