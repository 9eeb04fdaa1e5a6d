"""Robust least squares with priors: a few bounded physical parameters from many measured times.

A fit minimises a pseudo-Huber loss of residuals (usually logarithms of measured over computed time) plus the squared distance of every
parameter from its prior centre, in coordinates without bounds. What comes back is the maximum of the posterior and Laplace's
approximation around it: a normal distribution in these coordinates with the inverse Gauss-Newton Hessian as its covariance (MacKay 2003,
chapter 27). The number of parameters that the data, rather than the priors, decided is the trace of the hat matrix (MacKay 1992).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx

from nvlinklab._struct import Float
from nvlinklab.errors import DataError, SpecError

HUBER = 2.0
"""Residuals beyond this many standard deviations count linearly; below, squared."""

NORMAL_MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""

Residuals = Callable[[dict[str, Float], Any], jax.Array]
"""Takes the parameters by name and the data, returns one residual per measurement."""


class Parameter(NamedTuple):
    """A physical number to be fitted.

    Between two finite bounds it moves on a logistic scale, above one bound on a logarithmic one, without bounds as it is.

    Attributes:
        name: as the residuals know it
        unit: of the value, from the vocabulary of `nvlinklab.units` ("1" for ratios)
        low, high: the bounds, which are never reached (`-inf`, `inf`: none)
        prior: centre of the prior, a value between the bounds
        spread: standard deviation of the prior in the coordinate without bounds (`inf`: none)
        meaning: in words
        identified_by: which measurements decide it
    """

    name: str
    unit: str
    low: float
    high: float
    prior: float
    spread: float
    meaning: str = ""
    identified_by: str = ""


class Fit(NamedTuple):
    """The outcome of a fit.

    Attributes:
        parameters: what was fitted, in the order of the arrays below
        values: the maximum of the posterior, by name, in the parameters' units
        unconstrained: the same in coordinates without bounds, shape (parameters,)
        covariance: of these coordinates, shape (parameters, parameters)
        effective_parameters: how many of them the data decided (trace of the hat matrix)
        noise: standard deviation of the residuals the loss assumed
        residual_scale: standard deviation of the residuals found, from their median absolute deviation
        cost: half the sum of losses and squared prior distances, 1 per variance
        steps: of the solver
        converged: whether it stopped by its tolerance
    """

    parameters: tuple[Parameter, ...]
    values: dict[str, float]
    unconstrained: np.ndarray
    covariance: np.ndarray
    effective_parameters: float
    noise: float
    residual_scale: float
    cost: float
    steps: int
    converged: bool

    def sd(self) -> dict[str, float]:
        """Return the posterior standard deviation of each parameter in its coordinate without bounds, by name."""
        return {p.name: float(s) for p, s in zip(self.parameters, np.sqrt(np.diag(self.covariance)), strict=True)}

    def quantile(self, level: float) -> dict[str, float]:
        """Return a posterior quantile of each parameter's value, by name; `level` between 0 and 1."""
        from scipy.special import ndtri

        z = self.unconstrained + ndtri(level) * np.sqrt(np.diag(self.covariance))
        return {p.name: float(constrain(p, zi)) for p, zi in zip(self.parameters, z, strict=True)}

    def sample(self, count: int, seed: int = 0) -> dict[str, np.ndarray]:
        """Return draws from the posterior, by name, each of shape (count,)."""
        z = np.random.default_rng(seed).multivariate_normal(self.unconstrained, self.covariance, size=count, method="eigh")
        return {p.name: np.asarray(constrain(p, z[:, i])) for i, p in enumerate(self.parameters)}


def constrain(parameter: Parameter, unconstrained: Float) -> Float:
    """Return the value [unit of the parameter] at a coordinate without bounds, any shape."""
    low, high = parameter.low, parameter.high
    if math.isfinite(low) and math.isfinite(high):
        return low + (high - low) * jax.nn.sigmoid(unconstrained)
    if math.isfinite(low):
        return low + jnp.exp(unconstrained)
    if math.isfinite(high):
        return high - jnp.exp(unconstrained)
    return unconstrained


def unconstrain(parameter: Parameter, value: float) -> float:
    """Return the coordinate without bounds of a value.

    Raises:
        SpecError: the value does not lie between the bounds.
    """
    low, high = parameter.low, parameter.high
    if not low < value < high:
        raise SpecError(f"{parameter.name} = {value:g} {parameter.unit} does not lie between its bounds {low:g} and {high:g}")
    if math.isfinite(low) and math.isfinite(high):
        return math.log((value - low) / (high - value))
    if math.isfinite(low):
        return math.log(value - low)
    if math.isfinite(high):
        return math.log(high - value)
    return value


def pseudo_huber(residual: Float, threshold: Float = HUBER) -> Float:
    """Return a residual whose square is the pseudo-Huber loss: the residual itself when small, growing as its square root when large.

    `2 d^2 (sqrt(1 + (r/d)^2) - 1)` (Charbonnier et al. 1997), written without the difference that cancels near zero.

    Args:
        residual: over its standard deviation, any shape
        threshold: d, where the two regimes meet
    """
    return residual * jnp.sqrt(2.0 / (1.0 + jnp.sqrt(1.0 + (residual / threshold) ** 2)))


def check_parameters(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """Return the parameters as a tuple.

    Raises:
        SpecError: there are none, two share a name, a prior lies outside the bounds, or a spread is not positive.
    """
    if not parameters:
        raise SpecError("there is nothing to fit: give at least one Parameter")
    names = [p.name for p in parameters]
    if twice := {n for n in names if names.count(n) > 1}:
        raise SpecError(f"two parameters are called {min(twice)!r}")
    for p in parameters:
        unconstrain(p, p.prior)
        if not p.spread > 0.0:
            raise SpecError(f"{p.name}: the spread of the prior must be above 0, not {p.spread:g}; leave a known number out of the fit")
    return tuple(parameters)


def _values(parameters: tuple[Parameter, ...], z: jax.Array) -> dict[str, Float]:
    return {p.name: constrain(p, z[i]) for i, p in enumerate(parameters)}


def _parts(residuals: Residuals, parameters: tuple[Parameter, ...], z: jax.Array, args: Any) -> tuple[jax.Array, jax.Array]:
    data, weights, noise, threshold, centre = args
    raw = residuals(_values(parameters, z), data) / noise
    spread = jnp.asarray([p.spread for p in parameters])
    return jnp.sqrt(weights) * pseudo_huber(raw, threshold), (z - centre) / spread


def _all_parts(residuals: Residuals, parameters: tuple[Parameter, ...], z: jax.Array, args: Any) -> jax.Array:
    return jnp.concatenate(_parts(residuals, parameters, z, args))


def _minimise(residuals: Residuals, parameters: tuple[Parameter, ...], steps: int, start: jax.Array, args: Any) -> Any:
    solver = optx.LevenbergMarquardt(rtol=1e-8, atol=1e-8)
    return optx.least_squares(
        partial(_all_parts, residuals, parameters), solver, start, args, options={"jac": "fwd"}, max_steps=steps, throw=False
    )


@partial(jax.jit, static_argnums=(0, 1, 2))
def _solve(residuals: Residuals, parameters: tuple[Parameter, ...], steps: int, start: jax.Array, args: Any) -> tuple[jax.Array, ...]:
    found = _minimise(residuals, parameters, steps, start, args)
    z = found.value
    jacobian, prior = jax.jacfwd(lambda v: _parts(residuals, parameters, v, args))(z)
    raw = residuals(_values(parameters, z), args[0])
    cost = 0.5 * jnp.sum(_all_parts(residuals, parameters, z, args) ** 2)
    done = found.result == optx.RESULTS.successful
    return z, jacobian.T @ jacobian, prior.T @ prior, raw, cost, found.stats["num_steps"], done


@partial(jax.jit, static_argnums=(0, 1, 2))
def _solve_each(residuals: Residuals, parameters: tuple[Parameter, ...], steps: int, start: jax.Array, args: Any) -> tuple[jax.Array, ...]:
    def one(start: jax.Array, data: Any, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
        given = (data, weights, *args[2:])
        z = _minimise(residuals, parameters, steps, start, given).value
        jacobian = jax.jacfwd(lambda v: _all_parts(residuals, parameters, v, given))(z)
        return z, jnp.linalg.inv(jacobian.T @ jacobian)

    return jax.vmap(one)(start, args[0], args[1])


def residual_scale(residuals: np.ndarray) -> float:
    """Return a standard deviation from the median of the absolute residuals, which a tenth of outliers hardly moves."""
    return float(NORMAL_MAD * np.median(np.abs(np.asarray(residuals))))


def fit(
    residuals: Residuals,
    parameters: Sequence[Parameter],
    data: Any,
    noise: float | None = None,
    weights: Any = None,
    threshold: float = HUBER,
    start: Mapping[str, float] | None = None,
    steps: int = 128,
    floor: float = 1e-3,
) -> Fit:
    """Fit parameters to data.

    Args:
        residuals: `(values by name, data) -> residuals of shape (rows,)`, differentiable; a module-level function compiles once
        parameters: what to fit
        data: a pytree of arrays, handed to `residuals`
        noise: standard deviation of a residual; by default found from the residuals, by fitting three times
        weights: of each row's loss, shape (rows,); by default 1
        threshold: from how many standard deviations on a residual counts linearly
        start: first values by name; by default the prior centres
        steps: limit of solver steps
        floor: least noise that is found, so that a perfect fit stays a fit

    Raises:
        SpecError: a parameter is ill-defined, or `start` names one that does not exist.
        DataError: the residuals are not finite at the start.
    """
    known = check_parameters(parameters)
    centre = jnp.asarray([unconstrain(p, p.prior) for p in known])
    first = dict(start or {})
    if unknown := set(first) - {p.name for p in known}:
        raise SpecError(f"start names {min(unknown)!r}, which is not fitted; there are {', '.join(p.name for p in known)}")
    z = jnp.asarray([unconstrain(p, first.get(p.name, p.prior)) for p in known])
    data = jax.tree.map(jnp.asarray, data)
    begin = np.asarray(residuals(_values(known, z), data))
    if begin.size == 0 or not np.isfinite(begin).all():
        bad = int(np.sum(~np.isfinite(begin)))
        raise DataError(f"{bad} of {begin.size} residuals are not finite at the start of the fit; check the rows for zeros and gaps")
    weighing = jnp.ones(begin.shape) if weights is None else jnp.asarray(weights, dtype=float)
    assumed = max(floor, noise if noise is not None else residual_scale(begin))

    def solve(z: jax.Array, assumed: float) -> tuple[jax.Array, ...]:
        return _solve(residuals, known, steps, z, (data, weighing, jnp.asarray(assumed), jnp.asarray(threshold), centre))

    z, of_data, of_prior, raw, cost, count, done = solve(z, assumed)
    for _ in range(0 if noise is not None else 2):
        assumed = max(floor, residual_scale(np.asarray(raw)))
        z, of_data, of_prior, raw, cost, count, done = solve(z, assumed)
    hessian = np.asarray(of_data + of_prior)
    covariance = np.linalg.pinv(hessian, hermitian=True)
    where = np.asarray(z)
    return Fit(
        parameters=known,
        values={p.name: float(constrain(p, v)) for p, v in zip(known, where, strict=True)},
        unconstrained=where,
        covariance=covariance,
        effective_parameters=float(np.trace(covariance @ np.asarray(of_data))),
        noise=float(assumed),
        residual_scale=residual_scale(np.asarray(raw)),
        cost=float(cost),
        steps=int(count),
        converged=bool(done),
    )


def fit_each(
    residuals: Residuals,
    parameters: Sequence[Parameter],
    data: Any,
    present: Any,
    noise: float,
    threshold: float = HUBER,
    start: Any = None,
    steps: int = 64,
) -> tuple[np.ndarray, np.ndarray]:
    """Fit the same few parameters to many curves, each by itself and all at once.

    Args:
        residuals, parameters, noise, threshold, steps: as for `fit`; `residuals` sees one curve
        data: a pytree of arrays with the curves along the first axis and their points along the second, padded to one length with
            numbers that give finite residuals
        present: which points exist, shape (curves, points); numbers are weights
        start: first coordinates without bounds, shape (curves, parameters); by default the prior centres

    Returns:
        the coordinates without bounds, shape (curves, parameters), and their covariances, shape (curves, parameters, parameters).

    Raises:
        SpecError: a parameter is ill-defined.
    """
    known = check_parameters(parameters)
    centre = jnp.asarray([unconstrain(p, p.prior) for p in known])
    weights = np.asarray(present, dtype=float)
    count = len(weights)
    begin = np.tile(np.asarray(centre), (count, 1)) if start is None else np.asarray(start, dtype=float)
    again = np.resize(np.arange(count), 1 << (count - 1).bit_length())  # a power of two, so that folds of a table share compiled code
    args = (jax.tree.map(lambda a: jnp.asarray(np.asarray(a)[again]), data), jnp.asarray(weights[again]), noise, threshold, centre)
    z, covariance = _solve_each(residuals, known, steps, jnp.asarray(begin[again]), args)
    return np.array(z[:count]), np.array(covariance[:count])


def curves_of(frame: Any, by: Sequence[str], columns: Mapping[str, Any]) -> tuple[Any, dict[str, np.ndarray], np.ndarray]:
    """Arrange the rows of a table as padded curves for `fit_each`.

    Args:
        frame: the table
        by: columns whose values together name a curve
        columns: what the residuals need: name -> values, one per row

    Returns:
        the curves' labels (a table with the columns `by`, one row per curve), the padded arrays by name, each of shape (curves, points;
        gaps repeat the curve's first point), and which points exist.
    """
    groups = frame.groupby(list(by), sort=True, dropna=False)
    number = groups.ngroup().to_numpy()
    order = np.argsort(number, kind="stable")
    counts = np.bincount(number)
    begins = np.concatenate([[0], np.cumsum(counts)[:-1]])
    slots = np.arange(counts.max())[None, :]
    present = slots < counts[:, None]
    pick = order[begins[:, None] + np.where(present, slots, 0)]
    labels = frame.iloc[order[begins]][list(by)].reset_index(drop=True)
    return labels, {name: np.asarray(values)[pick] for name, values in columns.items()}, present


__all__ = ["Fit", "Parameter", "constrain", "curves_of", "fit", "fit_each", "pseudo_huber", "residual_scale", "unconstrain"]
