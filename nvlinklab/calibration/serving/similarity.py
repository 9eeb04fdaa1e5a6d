"""Which deployments are wrong together: the covariance of what the physics leaves over.

What a serving model misses is mostly software: an engine's kernels for a precision, a container image, a day's campaign of measuring. Rows
that share such a thing err alike, so what is left over is a sum of effects, one per level of each kind in `KINDS` and of each trend along a
load in `TRENDS`, all shrunk towards zero by the standard deviation of their kind (a linear mixed model; Laird and Ware 1982), plus what one
deployment has for itself, at all loads and at loads near each other. The standard deviations are tuned for prediction of deployments that
were left out, never for the rows themselves.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

if TYPE_CHECKING:
    import pandas as pd

KINDS: dict[str, tuple[str, ...]] = {
    "family": ("family",),
    "system": ("system",),
    "engine": ("backend", "generation", "precision", "mode"),
    "engine_family": ("family", "backend", "generation", "precision", "mode"),
    "engine_system": ("family", "backend", "system", "precision", "mode"),
    "format": ("family", "generation", "precision"),
    "image": ("backend", "image"),
    "campaign": ("family", "system", "backend", "measured"),
}
"""What rows may share, by the labels that must agree. A campaign is what one party measured on one day: same software, same habits."""

TRENDS: dict[str, tuple[str, int]] = {
    "engine_family_batch": ("engine_family", 0), "engine_family_prompt": ("engine_family", 1), "engine_batch": ("engine", 0),
    "campaign_batch": ("campaign", 0), "campaign_prompt": ("campaign", 1),
}  # fmt: skip
"""Effects that grow along a load: the kind whose levels have them, and the coordinate of `loads`."""

CENTRE = (1.5, 7.9, 6.9)
"""Where the trends are zero, in the coordinates of `loads`: 10 requests per GPU, prompts of 2,700 tokens, answers of 1,000."""

SCALES = {"concurrency_per_gpu": 1.5, "isl": 1.0, "osl": 1.0}
"""Distance in a logarithm over which loads are no longer neighbours."""


class Spread(NamedTuple):
    """Standard deviations of one output's logarithm.

    Attributes:
        kinds: of the effects, by kind; only those named here are estimated
        deployment: of one deployment at all loads
        load: of one deployment at loads near each other
        noise: of a measurement
        outlier: residuals beyond this many standard deviations get the noise that makes them likely
    """

    kinds: dict[str, float]
    deployment: float
    load: float
    noise: float
    outlier: float


OWN = Spread._fields[1:]
"""What a `Spread` holds beside its kinds."""


class Effects(NamedTuple):
    """The posterior of the effects of one output.

    Attributes:
        levels: `(kind, level)` of each effect
        mean: shape (levels,); covariance: shape (levels, levels)
        parameters: how many of them the rows decided (trace of the shrinkage)
    """

    levels: tuple[tuple[str, str], ...]
    mean: np.ndarray
    covariance: np.ndarray
    parameters: float


def level_names(labels: "pd.DataFrame", kind: str) -> list[str]:
    """Return each row's level of a kind."""
    columns = (labels[name] for name in KINDS[TRENDS[kind][0] if kind in TRENDS else kind])
    return ["|".join(names) for names in zip(*columns, strict=True)]


def strength(load: np.ndarray, kind: str) -> np.ndarray:
    """Return how much of an effect of a kind each row has: 1, or how far its load lies from the centre along a trend; shape (rows,)."""
    if kind not in TRENDS:
        return np.ones(len(load))
    axis = TRENDS[kind][1]
    return load[:, axis] - CENTRE[axis]


def loads(concurrency_per_gpu: np.ndarray, isl: np.ndarray, osl: np.ndarray) -> np.ndarray:
    """Return the loads as coordinates in which neighbours are closer than 1, shape (rows, 3)."""
    given = {"concurrency_per_gpu": concurrency_per_gpu, "isl": isl, "osl": osl}
    return np.stack([np.log(given[name]) / scale for name, scale in SCALES.items()], axis=1)


def near(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return how alike loads are, `exp(-distance^2 / 2)`, shape (rows of a, rows of b)."""
    return np.exp(-0.5 * ((a[:, None, :] - b[None, :, :]) ** 2).sum(-1))


def own(s: Spread, group_a: Sequence[str], load_a: np.ndarray, group_b: Sequence[str], load_b: np.ndarray) -> np.ndarray:
    """Return the covariance of what deployments have for themselves, shape (rows of a, rows of b)."""
    same = np.asarray(group_a, dtype=object)[:, None] == np.asarray(group_b, dtype=object)[None, :]
    return np.where(same, s.deployment**2 + s.load**2 * near(load_a, load_b), 0.0)


def design(labels: "pd.DataFrame", load: np.ndarray, levels: Sequence[tuple[str, str]]) -> np.ndarray:
    """Return how much of each effect a row has, shape (rows, levels); a level nobody measured has no column."""
    number = {level: i for i, level in enumerate(levels)}
    z = np.zeros((len(labels), len(levels)))
    for kind in dict.fromkeys(kind for kind, _ in levels):
        much = strength(load, kind)
        for row, name in enumerate(level_names(labels, kind)):
            column = number.get((kind, name))
            if column is not None:
                z[row, column] = much[row]
    return z


def all_levels(s: Spread, labels: "pd.DataFrame") -> tuple[tuple[str, str], ...]:
    """Return every `(kind, level)` of some rows, in a fixed order."""
    return tuple((kind, name) for kind in s.kinds for name in sorted(set(level_names(labels, kind))))


def prior_sd(s: Spread, levels: Sequence[tuple[str, str]]) -> np.ndarray:
    """Return the standard deviation of each effect before any row is seen, shape (levels,)."""
    return np.asarray([s.kinds[kind] for kind, _ in levels])


def unseen_variance(s: Spread, labels: "pd.DataFrame", load: np.ndarray, levels: Sequence[tuple[str, str]]) -> np.ndarray:
    """Return the variance of the effects of levels nobody measured, shape (rows,)."""
    known = set(levels)
    extra = np.zeros(len(labels))
    for kind in s.kinds:
        new = np.asarray([(kind, name) not in known for name in level_names(labels, kind)])
        extra += np.where(new, (s.kinds[kind] * strength(load, kind)) ** 2, 0.0)
    return extra


def inflation(residuals: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """Return by how much the variance of rows whose residual exceeds `bound` must grow to make them likely; 1 for the others."""
    return np.maximum(1.0, (np.abs(residuals) / bound) ** 2)


class Table(NamedTuple):
    """Rows as the mixed model sees them, prepared once.

    Attributes:
        levels: every `(kind, level)` of the rows
        z: which row has which level, shape (rows, levels)
        blocks: row numbers of each deployment
        near: how alike the loads are within each deployment, one square matrix a deployment
        weights: of a deployment's rows in the score, shape (rows,)
    """

    levels: tuple[tuple[str, str], ...]
    z: np.ndarray
    blocks: list[np.ndarray]
    near: list[np.ndarray]
    weights: np.ndarray


def table(s: Spread, labels: "pd.DataFrame", load: np.ndarray) -> Table:
    """Return rows prepared for `effects` and `leave_groups_out`."""
    groups = labels["group"].to_numpy()
    levels = all_levels(s, labels)
    blocks = [np.flatnonzero(groups == g) for g in dict.fromkeys(groups)]
    weights = np.empty(len(labels))
    for block in blocks:
        weights[block] = len(block) ** -0.5
    return Table(levels, design(labels, load, levels), blocks, [near(load[b], load[b]) for b in blocks], weights / weights.mean())


class Solved(NamedTuple):
    """The mixed model at given standard deviations: every deployment whitened by its own covariance (Cholesky factors `roots`)."""

    roots: list[np.ndarray]
    white: list[np.ndarray]
    residuals: list[np.ndarray]
    precision_inverse: np.ndarray
    mean: np.ndarray


def solve(s: Spread, t: Table, residuals: np.ndarray, extra: np.ndarray) -> Solved:
    """Return the posterior of the effects by the normal equations over deployments, which are independent given the effects.

    Args:
        s: standard deviations
        t: the rows
        residuals: logarithm of measured over computed, shape (rows,)
        extra: variance added to a row's noise, shape (rows,)
    """
    precision = np.diag(prior_sd(s, t.levels) ** -2.0)
    right = np.zeros(len(t.levels))
    roots, white, left = [], [], []
    for block, alike in zip(t.blocks, t.near, strict=True):
        own_ = s.deployment**2 + s.load**2 * alike + np.diag(s.noise**2 + extra[block])
        root = np.linalg.cholesky(own_)
        both = solve_triangular(root, np.column_stack([t.z[block], residuals[block]]), lower=True)
        w, r = both[:, :-1], both[:, -1]
        precision += w.T @ w
        right += w.T @ r
        roots.append(root)
        white.append(w)
        left.append(r)
    inverse = np.linalg.inv(precision)
    return Solved(roots, white, left, inverse, inverse @ right)


def total_sd(s: Spread) -> float:
    """Return the standard deviation of a row's residual before any other is seen."""
    return float(np.sqrt(sum(v**2 for v in s.kinds.values()) + s.deployment**2 + s.load**2 + s.noise**2))


def effects(s: Spread, labels: "pd.DataFrame", load: np.ndarray, residuals: np.ndarray) -> Effects:
    """Return the posterior of the effects given residuals (logarithm of measured over computed).

    Args:
        s: standard deviations
        labels, load: of the rows
        residuals: shape (rows,)
    """
    t, sd = table(s, labels, load), total_sd(s)
    found = solve(s, t, residuals, (inflation(residuals, np.asarray(s.outlier * sd)) - 1.0) * sd**2)
    shrunk = 1.0 - np.diag(found.precision_inverse) / prior_sd(s, t.levels) ** 2
    return Effects(t.levels, found.mean, found.precision_inverse, float(shrunk.sum()))


def leave_groups_out(s: Spread, t: Table, residuals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what each row's residual would have been expected to be from all other deployments, and its standard deviation.

    One solution serves all deployments: leaving one out changes the normal equations by its own rows only, so its errors are its whitened
    residuals over one minus its leverage (the blockwise leave-one-out identity; Rasmussen and Williams 2006, section 5.4.2). Outliers
    are found by a first round.
    """
    sd = total_sd(s)
    extra = np.zeros(len(residuals))
    mean, variance = np.zeros_like(residuals), np.zeros_like(residuals)
    for _ in range(2):
        found = solve(s, t, residuals, extra)
        for block, root, w, r in zip(t.blocks, found.roots, found.white, found.residuals, strict=True):
            rest = np.linalg.inv(np.eye(len(block)) - w @ found.precision_inverse @ w.T)
            mean[block] = residuals[block] - root @ (rest @ (r - w @ found.mean))
            variance[block] = np.einsum("ij,jk,ik->i", root, rest, root) - extra[block]
        extra = (inflation(residuals - mean, np.asarray(s.outlier * sd)) - 1.0) * sd**2
    return mean, np.sqrt(variance)


def score(s: Spread, t: Table, residuals: np.ndarray) -> float:
    """Return the logarithmic score of left-out deployments (lower is better): heavy-tailed, each deployment counting as its square root."""
    from scipy.stats import t as student

    mean, sd = leave_groups_out(s, t, residuals)
    scale = 0.8 * sd
    return float(-np.sum(t.weights * (student.logpdf((residuals - mean) / scale, 4.0) - np.log(scale))))


FIXED = ("family", "system")
"""Kinds whose standard deviation no left-out deployment can tell, because every family and system has others: set by leaving out whole
families and systems."""


def tune(start: Spread, labels: "pd.DataFrame", load: np.ndarray, residuals: np.ndarray, steps: Sequence[float] = (0.7, 0.35)) -> Spread:
    """Return standard deviations that predict left-out deployments best: one at a time, up and down, from `start`.

    A weak pull towards `start` (a factor e costs 1) keeps those from vanishing that make no difference.
    """

    def pack(x: np.ndarray) -> Spread:
        values = np.exp(x)
        kinds = dict(zip(start.kinds, (float(v) for v in values[:-3]), strict=True))
        return Spread(kinds, *(float(v) for v in values[-3:]), outlier=start.outlier)

    centre = np.log([*start.kinds.values(), start.deployment, start.load, start.noise])
    free = [i for i, name in enumerate((*start.kinds, "deployment", "load", "noise")) if name not in FIXED]

    rows = table(start, labels, load)

    def cost(x: np.ndarray) -> float:
        return score(pack(x), rows, residuals) + float(((x - centre) ** 2).sum())

    x, best = centre.copy(), cost(centre)
    for step in steps:
        for i in free:
            for way in (step, -step):
                improved = False
                while True:
                    trial = x.copy()
                    trial[i] += way
                    value = cost(trial)
                    if value >= best - 0.1:
                        break
                    x, best, improved = trial, value, True
                if improved:
                    break
    return pack(x)


def as_mapping(s: Spread) -> dict[str, float]:
    """Return the standard deviations by name."""
    return {**s.kinds, **{name: getattr(s, name) for name in OWN}}


def from_mapping(values: Mapping[str, float]) -> Spread:
    """Return the standard deviations from `as_mapping`."""
    return Spread({k: v for k, v in values.items() if k not in OWN}, **{name: values[name] for name in OWN})
