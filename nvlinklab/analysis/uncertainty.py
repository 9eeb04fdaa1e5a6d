"""How sure are we: ranges and posteriors of the inputs carried to the result, whose fault its spread is, and what to measure next."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab.analysis._paths import Function, Params, as_floats, flat_leaves, require_paths, with_leaves
from nvlinklab.analysis.beliefs import Beliefs
from nvlinklab.errors import SpecError

CHUNK = 1 << 16


class Delta(NamedTuple):
    """A result to first order.

    Attributes:
        value: at the middle of every input [SI]
        sd_log: standard deviation of the result's logarithm
        removed: `{path: share of the variance that knowing this input exactly would remove}`, the largest first
    """

    value: float
    sd_log: float
    removed: dict[str, float]


def delta(fn: Function, params: Params, beliefs: Beliefs) -> Delta:
    """Propagate to first order: one gradient, no sample. Right while the logarithm of the result is nearly straight over the ranges.

    With g the slope of ln y by the standard normals and R their correlation the variance is `g' R g`; knowing input i exactly removes
    `(R g)_i ** 2` of it, which for independent inputs is each one's own share and for correlated ones includes what it tells of the others.

    Args:
        fn: a positive scalar function of the pytree
        params: the point; beliefs replace some of its leaves
        beliefs: what is known

    >>> from nvlinklab.analysis.beliefs import ranges
    >>> found = delta(lambda p: p["n"] / p["bw"], {"n": 1.0, "bw": 1.0}, ranges({"n": (0.5, 2.0), "bw": (0.25, 4.0)}))
    >>> {path: round(share, 6) for path, share in found.removed.items()}
    {'bw': 0.8, 'n': 0.2}
    """
    run = _by_normals(fn, params, beliefs)
    zero = jnp.zeros(len(beliefs.marginals))
    value, slope = jax.value_and_grad(lambda z: jnp.log(run(z)))(zero)
    g, r = np.asarray(slope), beliefs.correlation
    variance = float(g @ r @ g)
    shares = (r @ g) ** 2 / variance if variance > 0.0 else np.zeros(len(g))
    return Delta(float(np.exp(value)), variance**0.5, _ranked(beliefs, shares))


def monte_carlo(fn: Function, params: Params, beliefs: Beliefs, points: int = 8192, seed: int = 0) -> dict[str, np.ndarray]:
    """Return the results at `points` draws of the inputs, by a scrambled Sobol sequence; correlations are kept.

    Args:
        fn: a function of the pytree that returns a scalar or a dict of scalars; a dict's outputs share their draws, so ratios are fair
        params, beliefs: as for `delta`
        points: draws, a power of two
        seed: of the scrambling

    Returns:
        `{output: array of shape (points,)}`, a scalar function's under `value`; the inputs go by their paths
    """
    z = _draws(len(beliefs.marginals), points, seed) @ np.linalg.cholesky(_steady(beliefs.correlation)).T
    run_at = _by_normals(fn, params, beliefs)

    def at(row: Any) -> dict[str, Any]:
        result = run_at(row)
        return {**(result if isinstance(result, dict) else {"value": result}), **beliefs.at(row)}

    run = jax.jit(jax.vmap(at))
    parts = [run(jnp.asarray(z[i : i + CHUNK])) for i in range(0, points, CHUNK)]
    return {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in parts[0]}


class Sobol(NamedTuple):
    """Variance-based indices of one input.

    Attributes:
        first: share of the variance that knowing it alone would remove, on average (S1)
        first_error: half width of its 95 % interval
        total: share that would remain if all others were known (ST): 0 means it can be forgotten
        total_error: half width of its 95 % interval
    """

    first: float
    first_error: float
    total: float
    total_error: float


def sobol(
    fn: Function, params: Params, beliefs: Beliefs, points: int = 4096, seed: int = 0, resamples: int = 200, log: bool = False
) -> dict[str, Sobol]:
    """Return Sobol indices: whose fault the spread of a result is, interactions included.

    Estimators of Saltelli et al. (Computer Physics Communications 181, 2010, table 2) for the first order, of Jansen (1999) for the
    total, on `points * (n + 2)` evaluations in one compiled call; errors by bootstrap.

    Args:
        fn: a scalar function of the pytree
        params, beliefs: as for `delta`; independent
        points: base sample, a power of two
        seed: of the sample and of the bootstrap
        resamples: of the bootstrap
        log: decompose the variance of the logarithm, for results that span decades

    Raises:
        SpecError: correlated inputs, whose variance has no such parts; a result that is not finite somewhere.
    """
    if not beliefs.independent:
        raise SpecError(
            "Sobol indices split the variance of independent inputs only, and these are correlated; use delta() or to_measure()"
        )
    n = len(beliefs.marginals)
    z = _draws(2 * n, points, seed)
    a, b = z[:, :n], z[:, n:]
    mixed = [np.where(np.arange(n) == i, b, a) for i in range(n)]
    run = jax.jit(jax.vmap(_by_normals(fn, params, beliefs)))
    stack = np.concatenate([a, b, *mixed])
    values = np.concatenate([np.asarray(run(jnp.asarray(stack[i : i + CHUNK]))) for i in range(0, len(stack), CHUNK)])
    values = np.log(values) if log else values
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise SpecError(
            f"the result is not finite at {bad} of {len(values)} draws; narrow the ranges, or use a result without infeasible points"
        )
    ya, yb, ym = values[:points], values[points : 2 * points], values[2 * points :].reshape(n, points)
    random = np.random.default_rng(seed)
    draws = random.integers(0, points, (resamples, points))
    found = {}
    for i, path in enumerate(beliefs.marginals):
        first, total = _estimates(ya, yb, ym[i])
        spread = np.array([_estimates(ya[d], yb[d], ym[i][d]) for d in draws])
        errors = 1.96 * spread.std(axis=0, ddof=1)
        found[path] = Sobol(float(first), float(errors[0]), float(total), float(errors[1]))
    return dict(sorted(found.items(), key=lambda item: -item[1].total))


def to_measure(fn: Function, params: Params, beliefs: Beliefs, points: int = 16384, seed: int = 0, bins: int = 32) -> dict[str, float]:
    """Return what to measure next: the share of the variance of ln y that knowing each input exactly would remove, the largest first.

    `Var(E[ln y | x_i]) / Var(ln y)` from one Monte Carlo sample, by binning the draws by x_i; correlations count, so a measurement also
    gets credit for what it tells of other inputs. Noise of a bin's mean is subtracted, so an input that does not matter comes out near 0.

    Args:
        fn: a positive scalar function of the pytree
        params, beliefs, points, seed: as for `monte_carlo`
        bins: of equally many draws
    """
    sample = monte_carlo(fn, params, beliefs, points, seed)
    y = np.log(sample["value"])
    good = np.isfinite(y)
    if good.sum() < 2 * bins:
        raise SpecError(f"the result has a logarithm at {int(good.sum())} of {points} draws only; narrow the ranges")
    y, whole = y[good], float(np.var(y[good]))
    shares = []
    for path in beliefs.marginals:
        groups = np.array_split(y[np.argsort(sample[path][good], kind="stable")], bins)
        between = sum(len(g) * (g.mean() - y.mean()) ** 2 for g in groups) / len(y)
        noise = sum(np.var(g) for g in groups) / len(y)
        shares.append(max(0.0, float(between - noise)) / whole if whole > 0.0 else 0.0)
    return _ranked(beliefs, np.array(shares))


def _estimates(ya: np.ndarray, yb: np.ndarray, ym: np.ndarray) -> tuple[float, float]:
    both = np.concatenate([ya, yb])
    variance = both.var()
    if variance == 0.0:
        return 0.0, 0.0
    return float(np.mean((yb - both.mean()) * (ym - ya)) / variance), float(0.5 * np.mean((ya - ym) ** 2) / variance)


def _by_normals(fn: Function, params: Params, beliefs: Beliefs) -> Any:
    point = as_floats(params)
    require_paths(flat_leaves(point), beliefs.marginals)
    return lambda z: fn(with_leaves(point, beliefs.at(z)))


def _draws(columns: int, points: int, seed: int) -> np.ndarray:
    from scipy.stats import norm, qmc

    if points < 2 or points & (points - 1):
        near = 1 << max(1, round(float(np.log2(max(points, 2)))))
        raise SpecError(f"points={points}; expected a power of two, which the Sobol sequence needs to be even, for example {near}")
    return norm.ppf(np.clip(qmc.Sobol(columns, seed=seed).random(points), 1e-12, 1.0 - 1e-12))


def _steady(correlation: np.ndarray) -> np.ndarray:
    return correlation + 1e-12 * np.eye(len(correlation))


def _ranked(beliefs: Beliefs, shares: np.ndarray) -> dict[str, float]:
    pairs = zip(beliefs.marginals, map(float, shares), strict=True)
    return dict(sorted(pairs, key=lambda pair: -pair[1]))
