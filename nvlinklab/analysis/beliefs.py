"""What is known about some inputs: a range each, or a posterior with correlations, as one map from standard normal numbers.

Every input is a monotone function of a standard normal z, and the z may be correlated (a Gaussian copula). So the delta method, Monte
Carlo and Sobol indices share one description.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab.errors import SpecError, did_you_mean

KINDS = ("lognormal", "normal", "uniform", "loguniform")
LEVEL = 0.9
"""A range `low to high` of a lognormal or normal input holds its central 90 %."""


class Belief(NamedTuple):
    """What is known about one input.

    Attributes:
        kind: one of `KINDS`
        low, high: for the normal kinds mean and standard deviation (lognormal: of the logarithm); otherwise the ends [SI]
    """

    kind: str
    low: float
    high: float

    def at(self, z: Any) -> Any:
        """Return the input where its standard normal is `z`."""
        if self.kind == "lognormal":
            return jnp.exp(self.low + self.high * z)
        if self.kind == "normal":
            return self.low + self.high * z
        share = jax.scipy.special.ndtr(z)
        if self.kind == "uniform":
            return self.low + share * (self.high - self.low)
        return jnp.exp(math.log(self.low) + share * (math.log(self.high) - math.log(self.low)))


class Beliefs(NamedTuple):
    """What is known about several inputs.

    Attributes:
        marginals: `{path: Belief}`
        correlation: of their standard normals, shape (n, n)
    """

    marginals: Mapping[str, Belief]
    correlation: np.ndarray

    @property
    def independent(self) -> bool:
        """Whether no two inputs are correlated."""
        return bool(np.array_equal(self.correlation, np.eye(len(self.marginals))))

    def at(self, z: Any) -> dict[str, Any]:
        """Return `{path: input}` for correlated standard normals, shape (n,)."""
        return {path: belief.at(z[i]) for i, (path, belief) in enumerate(self.marginals.items())}


def ranges(bounds: Mapping[str, tuple[float, float]], kind: str | Mapping[str, str] = "lognormal", level: float = LEVEL) -> Beliefs:
    """Return independent beliefs from ranges.

    Args:
        bounds: `{path: (low, high)}` [SI]; the central `level` of a normal kind, all of a uniform one
        kind: one of `KINDS`, for all or by path; a range that reaches zero or below is uniform where lognormal was asked for
        level: share of a normal kind inside its range

    Raises:
        SpecError: a range upside down, or a kind that does not exist.

    >>> round(float(ranges({"bw": (1.0, 4.0)}).at(jnp.zeros(1))["bw"]), 9)
    2.0
    """
    from scipy.stats import norm

    half, found = float(norm.ppf(0.5 + 0.5 * level)), {}
    for path, (low, high) in bounds.items():
        wanted = kind if isinstance(kind, str) else kind.get(path, "lognormal")
        if wanted not in KINDS:
            raise SpecError(f"{path}: no distribution is called {wanted!r}{did_you_mean(wanted, KINDS)} There are: {', '.join(KINDS)}")
        if not low < high:
            raise SpecError(f"the range of {path} goes from {low:g} to {high:g}; expected two different numbers, the lower first")
        if low <= 0.0 and wanted in ("lognormal", "loguniform"):
            wanted = "uniform"
        if wanted == "lognormal":
            found[path] = Belief(wanted, 0.5 * math.log(low * high), 0.5 * math.log(high / low) / half)
        elif wanted == "normal":
            found[path] = Belief(wanted, 0.5 * (low + high), 0.5 * (high - low) / half)
        else:
            found[path] = Belief(wanted, float(low), float(high))
    return Beliefs(found, np.eye(len(found)))


def posterior(paths: Sequence[str], mean: Sequence[float], covariance: Any, log: bool = True) -> Beliefs:
    """Return correlated beliefs from a posterior, such as a calibration's.

    Args:
        paths: inputs
        mean: of their logarithms, or of themselves [SI] with `log=False`
        covariance: shape (n, n), of the same
        log: whether mean and covariance are those of logarithms

    Raises:
        SpecError: sizes that do not fit, or a matrix that is no covariance.
    """
    cov = np.asarray(covariance, dtype=float)
    n = len(paths)
    if cov.shape != (n, n) or len(mean) != n:
        raise SpecError(f"{n} inputs, {len(mean)} means and a covariance of shape {cov.shape}; expected n, n and (n, n)")
    if not np.allclose(cov, cov.T) or not (np.diag(cov) > 0.0).all() or np.linalg.eigvalsh(cov).min() < -1e-9 * np.diag(cov).max():
        raise SpecError("the covariance is not symmetric and positive; expected that of a fit, no input known exactly")
    sd = np.sqrt(np.diag(cov))
    kind = "lognormal" if log else "normal"
    return Beliefs({p: Belief(kind, float(m), float(s)) for p, m, s in zip(paths, mean, sd, strict=True)}, cov / np.outer(sd, sd))


def joined(*beliefs: Beliefs) -> Beliefs:
    """Return several beliefs as one, independent of each other.

    Raises:
        SpecError: an input that two of them describe.
    """
    found: dict[str, Belief] = {}
    for one in beliefs:
        twice = set(found) & set(one.marginals)
        if twice:
            raise SpecError(f"{', '.join(sorted(twice))}: described twice; keep one belief for each input")
        found |= one.marginals
    matrix, i = np.eye(len(found)), 0
    for one in beliefs:
        n = len(one.marginals)
        matrix[i : i + n, i : i + n] = one.correlation
        i += n
    return Beliefs(found, matrix)
