"""Additive effects with shrinkage: what rows share by generation, operation, system or version, each as sure as its rows allow.

A quantity (the logarithm of a latency, say) is the sum of one effect per term and level. Effects are normal around zero with a standard
deviation per term that the rows themselves decide (empirical Bayes: Efron & Morris 1973; the fixed point is MacKay's, 1992). A level
without rows has effect zero, so that a new system or version is predicted from what it shares with others.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from scipy import sparse

ROUNDS = 8
HUBER = 2.0
LEAST = 2e-3
"""Least standard deviation of a term, so that none vanishes for good."""


class Term(NamedTuple):
    """One kind of effect.

    Attributes:
        name: unique
        by: columns whose values together name a level; none for one level
        spread: standard deviation of its effects, the first guess, or the value where `known`
        known: keep the spread as given
        times: column the effect is multiplied with
        along: column along which the effect is a piecewise linear function with a knot at every whole number
        walk: the effects are the function's steps from knot to knot instead of its values, with value 0 at the knot 0; where a step was
            never seen the function stays level
    """

    name: str
    by: tuple[str, ...] = ()
    spread: float = 0.1
    known: bool = False
    times: str | None = None
    along: str | None = None
    walk: bool = False


class Effects(NamedTuple):
    """Fitted effects.

    Attributes:
        table: one row per effect: `term, level, value, sd`, and `at` (the knot) where the term has one
        spreads: standard deviation of the effects of each term
        noise: of one row
        effective: number of effects that the rows decided (trace of the hat matrix)
    """

    table: list[dict[str, Any]]
    spreads: dict[str, float]
    noise: float
    effective: float


def _levels(frame: "pd.DataFrame", term: Term) -> tuple[np.ndarray, list[str]]:
    """Return the number of each row's level, and the levels' names."""
    if not term.by:
        return np.zeros(len(frame), dtype=int), [""]
    groups = frame.groupby(list(term.by), sort=True, dropna=False)
    names = ["|".join(map(str, key)) for key, _ in groups.size().items()] if len(term.by) > 1 else [str(key) for key in groups.size().index]
    return groups.ngroup().to_numpy(), names


def design(
    frame: "pd.DataFrame", terms: Sequence[Term], known: Mapping[tuple[str, str, int | None], int] | None = None
) -> tuple["sparse.csr_matrix", dict[tuple[str, str, int | None], int]]:
    """Return the design matrix of rows, and the column of each effect; effects outside `known` are left out where it is given."""
    from scipy import sparse

    index: dict[tuple[str, str, int | None], int] = dict(known or {})
    rows, columns, weights = [], [], []
    everything = np.arange(len(frame))
    for term in terms:
        level, names = _levels(frame, term)
        weight = frame[term.times].to_numpy(float) if term.times else np.ones(len(frame))
        if term.along is None:
            parts = [(weight, np.zeros(len(frame), dtype=int))]
        elif term.walk:
            place = np.nan_to_num(frame[term.along].to_numpy(float))
            last = int(np.ceil(np.max(place, initial=0.0)))
            parts = [(weight * np.clip(place - k + 1, 0.0, 1.0), np.full(len(frame), k)) for k in range(1, last + 1)]
        else:
            place = np.nan_to_num(frame[term.along].to_numpy(float))
            low = np.floor(place).astype(int)
            parts = [(weight * (1.0 - place + low), low), (weight * (place - low), low + 1)]
        for part, knot in parts:
            kept = part != 0.0
            if not kept.any():
                continue
            pairs, inverse = np.unique(np.stack([level[kept], knot[kept]]), axis=1, return_inverse=True)
            keys = [(term.name, names[a], int(k) if term.along else None) for a, k in pairs.T]
            if known is None:
                for key in keys:
                    index.setdefault(key, len(index))
            number = np.array([index.get(key, -1) for key in keys], dtype=int)[inverse.ravel()]
            rows.append(everything[kept][number >= 0])
            columns.append(number[number >= 0])
            weights.append(part[kept][number >= 0])
    entries = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_matrix(entries, shape=(len(frame), len(index))), index


def fit_effects(
    frame: "pd.DataFrame", y: np.ndarray, terms: Sequence[Term], noise: float = 0.03, weights: np.ndarray | None = None
) -> Effects:
    """Fit effects to `y`, robustly.

    Args:
        frame: one row per value, with the columns the terms name
        y: what is to be explained, shape (rows,)
        terms: of the sum
        noise: first guess of a row's standard deviation
        weights: of the rows; by default 1
    """
    matrix, index = design(frame, terms)
    names = [t.name for t in terms]
    belongs = np.array([names.index(key[0]) for key in index])
    spread = np.array([t.spread for t in terms])
    given = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=float)
    robust = np.ones(len(y))
    beta, inverse, gram = np.zeros(len(index)), np.eye(len(index)), np.zeros((len(index), len(index)))
    for _ in range(ROUNDS):
        weight = given * robust / noise**2
        gram = (matrix.T @ matrix.multiply(weight[:, None])).toarray()
        inverse = np.linalg.inv(gram + np.diag(spread[belongs] ** -2.0))
        beta = inverse @ (matrix.T @ (weight * y))
        residual = y - matrix @ beta
        variance = np.diag(inverse)
        for t, term in enumerate(terms):
            mine = belongs == t
            if not term.known and mine.any():
                spread[t] = max(LEAST, float(np.sqrt(np.mean(beta[mine] ** 2 + variance[mine]))))
        noise = max(1e-3, float(1.4826 * np.median(np.abs(residual))))
        robust = 1.0 / np.sqrt(1.0 + (residual / (HUBER * noise)) ** 2)
    sd = np.sqrt(np.diag(inverse))
    table = [
        {"term": key[0], "level": key[1], **({"at": key[2]} if key[2] is not None else {}), "value": float(beta[i]), "sd": float(sd[i])}
        for key, i in index.items()
    ]
    table.sort(key=lambda row: (names.index(row["term"]), row["level"], row.get("at", 0)))
    return Effects(table, dict(zip(names, spread.tolist(), strict=True)), noise, float(np.sum(inverse * gram)))


def apply_effects(frame: "pd.DataFrame", table: Sequence[Mapping[str, Any]], terms: Sequence[Term]) -> np.ndarray:
    """Return the sum of effects for rows, shape (rows,); a level without an effect adds nothing."""
    index = {(row["term"], row["level"], row.get("at")): i for i, row in enumerate(table)}
    matrix, _ = design(frame, terms, index)
    return matrix @ np.array([row["value"] for row in table]) if table else np.zeros(len(frame))


__all__ = ["Effects", "Term", "apply_effects", "design", "fit_effects"]
