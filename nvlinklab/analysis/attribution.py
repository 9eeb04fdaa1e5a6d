"""Who earned the gain: splits ln(A/B) between two configurations into parts that add up exactly."""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab.analysis._paths import Function, Params, as_floats, flat_leaves, require_paths, with_leaves
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
    over the path. An adaptive rule (`scipy.integrate.quad_vec`) refines around kinks such as a hard max. A jump is no kink: no slope sees
    it, so it is refused and belongs to a toggle of `mixed`.

    Args:
        fn: a positive scalar function of the pytree
        start, end: two pytrees of positive floats with the same structure
        tolerance: absolute error of each share

    Returns:
        `{path: share}` for the inputs that differ; they add up to the whole log gain within 1e-9.

    Raises:
        SpecError: different structures, an input that is not positive, or a jump on the way, with where it is.

    >>> shares = aumann_shapley(lambda p: p["n"] / p["bw"], {"n": 2.0, "bw": 1.0}, {"n": 2.0, "bw": 4.0})
    >>> {name: round(share, 9) for name, share in shares.items()}
    {'bw': -1.386294361}
    """
    moved = _moved(start, end)
    if not moved:
        return {}
    x0, x1 = flat_leaves(as_floats(start)), flat_leaves(as_floats(end))
    run = _path_functions(fn, as_floats(start), moved)
    low, high = (np.log(np.array([float(x[name]) for name in moved])) for x in (x0, x1))
    return dict(zip(moved, _integrate(*run, moved, {}, low, high, tolerance).tolist(), strict=True))


def mixed(
    fn: Function, start: Params, end: Params, toggles: Mapping[str, Sequence[str]], tolerance: float = 1e-11, rest: str = "rest"
) -> dict[str, float]:
    """Split the log gain over discrete toggles and continuous inputs at once: Shapley between them, Aumann-Shapley within.

    All continuous inputs together are one more player beside the toggles. Its share is divided among them by the integral of their
    elasticities, averaged over the toggles' states with the same weights, so everything still adds up. Layouts, formats and domains that
    make the function jump are toggles; bandwidths and efficiencies are continuous.

    Args:
        fn: a positive scalar function of the pytree
        start, end: the two configurations
        toggles: `{name: paths}` that go from their value in `start` to that in `end` at once
        tolerance: absolute error of each integral
        rest: name used in messages for the continuous inputs

    Returns:
        `{toggle or path: share}`, adding up to `ln fn(end) - ln fn(start)`

    Raises:
        SpecError: as for `shapley` and `aumann_shapley`.

    >>> f = lambda p: p["x"] ** 2 * jnp.where(p["wide"] > 1.0, 3.0, 1.0)
    >>> shares = mixed(f, {"x": 1.0, "wide": 1.0}, {"x": 2.0, "wide": 8.0}, {"layout": ["wide"]})
    >>> {name: round(math.exp(share), 6) for name, share in shares.items()}
    {'layout': 3.0, 'x': 4.0}
    """
    x0, x1 = flat_leaves(as_floats(start)), flat_leaves(as_floats(end))
    owned = [path for paths in toggles.values() for path in paths]
    require_paths(x0, owned)
    if rest in toggles:
        raise SpecError(f"{rest!r} is the name of what is no toggle; give the toggle another, or pass rest=")
    moved = _moved(start, end, without=owned)
    jumps = {name: {path: float(x1[path]) for path in paths} for name, paths in toggles.items()}
    if not moved:
        return shapley(fn, start, jumps)
    shares = shapley(fn, start, {**jumps, rest: {path: float(x1[path]) for path in moved}})
    del shares[rest]
    values, slopes = _path_functions(fn, as_floats(start), [*moved, *owned])
    low, high = (np.log(np.array([float(x[name]) for name in moved])) for x in (x0, x1))
    inside, n = np.zeros(len(moved)), len(toggles)
    for on in itertools.product([0, 1], repeat=n):
        weight = math.factorial(sum(on)) * math.factorial(n - sum(on)) / math.factorial(n + 1)
        state = {path: float((x1 if flag else x0)[path]) for (_, paths), flag in zip(toggles.items(), on, strict=True) for path in paths}
        inside += weight * _integrate(values, slopes, moved, state, low, high, tolerance)
    return shares | dict(zip(moved, inside.tolist(), strict=True))


def _moved(start: Params, end: Params, without: Sequence[str] = ()) -> list[str]:
    """Return the inputs in which two pytrees differ, all positive at both ends."""
    x0, x1 = flat_leaves(as_floats(start)), flat_leaves(as_floats(end))
    if list(x0) != list(x1):
        raise SpecError("start and end have different inputs; build both from the same struct")
    moved = [name for name in x0 if float(x0[name]) != float(x1[name]) and name not in without]
    for name in moved:
        if not (float(x0[name]) > 0 and float(x1[name]) > 0):
            raise SpecError(f"{name} goes from {float(x0[name]):g} to {float(x1[name]):g}; a log path needs positive values; use shapley()")
    return moved


def _path_functions(fn: Function, point: Params, paths: Sequence[str]) -> tuple[Any, Any]:
    """Return `ln fn` and its gradient as compiled functions of the logarithms of some inputs and the values of others."""

    def log_value(logs: Any, state: Mapping[str, Any]) -> Any:
        return jnp.log(fn(with_leaves(point, {**{name: jnp.exp(logs[i]) for i, name in enumerate(paths) if name not in state}, **state})))

    return jax.jit(log_value), jax.jit(jax.grad(log_value))


def _integrate(
    value: Any, slope: Any, moved: Sequence[str], state: Mapping[str, float], low: np.ndarray, high: np.ndarray, tolerance: float
) -> np.ndarray:
    """Return the integrated elasticities along one straight way, shape (len(moved),); the caller's `paths` begin with `moved`."""
    from scipy.integrate import quad_vec

    step = high - low

    def at(t: float) -> Any:
        return jnp.asarray(low + t * step)

    mean, _ = quad_vec(lambda t: np.asarray(slope(at(t), state)), 0.0, 1.0, epsabs=tolerance, epsrel=0.0, limit=2000)
    shares, whole = mean * step, float(value(at(1.0), state)) - float(value(at(0.0), state))
    if not abs(float(shares.sum()) - whole) <= 1e-9 * max(1.0, abs(whole)):
        t, size = _largest_jump(lambda t: float(value(at(t), state)))
        where = ", ".join(f"{name}={float(np.exp(v)):.4g}" for name, v in zip(moved, np.asarray(at(t)), strict=True))
        raise SpecError(
            f"the integrated elasticities miss {whole - float(shares.sum()):.3g} of {whole:.6g}: the function jumps by {size:.3g} "
            f"near {where}; "
            "make the input that causes it a toggle of mixed()"
        )
    return shares


def _largest_jump(value: Any, points: int = 257) -> tuple[float, float]:
    """Return where a function on [0, 1] changes most between close points, and by how much."""
    left, right = 0.0, 1.0
    for _ in range(4):
        grid = np.linspace(left, right, points)
        change = np.diff([value(t) for t in grid])
        i = int(np.argmax(np.abs(change)))
        left, right = float(grid[i]), float(grid[i + 1])
    return 0.5 * (left + right), value(right) - value(left)
