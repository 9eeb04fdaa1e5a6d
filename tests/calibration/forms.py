"""What every kernel form must satisfy, and rows to try it on."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from nvlinklab.calibration import operators, store
from nvlinklab.calibration.kernels import KNOWN, Operator
from nvlinklab.io import silicon

SPEEDS = {"mem_bw": {"B": 1, "s": -1}, "flops": {"s": -1}}


def centre(operator: Operator) -> dict[str, float]:
    """Return the prior centres by name."""
    return {p.name: p.prior for p in operator.parameters}


def numbers(operator: Operator, rows: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the columns of the form."""
    return {k: np.asarray(v, dtype=float) for k, v in operator.columns(rows).items()}


def gradient_error(operator: Operator, rows: pd.DataFrame, step: float = 1e-5) -> float:
    """Return the largest difference between automatic and central log-derivatives by any parameter on any row."""
    x, start = numbers(operator, rows), np.log(list(centre(operator).values()))

    @jax.jit
    def logs(at: jax.Array) -> jax.Array:
        return jnp.log(operator.form(dict(zip(centre(operator), jnp.exp(at), strict=True)), x))

    exact = np.asarray(jax.jit(jax.jacfwd(logs))(start))
    moves = step * np.eye(len(start))
    central = np.stack([(np.asarray(logs(start + m)) - np.asarray(logs(start - m))) / (2 * step) for m in moves], axis=-1)
    return float(np.max(np.abs(exact - central)))


def seconds_rule(operator: Operator, rows: pd.DataFrame, factor: float = 3.0) -> float:
    """Return how far the form misses scaling with the second: all times times `factor`, all rates over it."""
    x, v = numbers(operator, rows), centre(operator)
    slow = {p.name: v[p.name] * (factor if p.unit == "s" else 1.0) for p in operator.parameters}
    rates = {k: a / factor if k in SPEEDS else a for k, a in x.items()}
    return float(np.max(np.abs(np.asarray(operator.form(slow, rates)) / np.asarray(operator.form(v, x)) / factor - 1.0)))


def faster(operator: Operator, rows: pd.DataFrame, column: str) -> np.ndarray:
    """Return the time over that with twice of a column, by row."""
    x, v = numbers(operator, rows), centre(operator)
    return np.asarray(operator.form(v, x)) / np.asarray(operator.form(v, x | {column: 2.0 * x[column]}))


def sample(op: str, count: int, seed: int = 0) -> pd.DataFrame:
    """Return measured rows of known systems, drawn evenly over systems and engines."""
    rows = silicon.operators(op)
    curve = rows.groupby(["system", "engine"], sort=False).ngroup().to_numpy()
    order = np.random.default_rng(seed).permutation(len(rows))
    picks = [order[curve[order] == c][:count] for c in range(curve.max() + 1)]
    drawn = rows.iloc[np.concatenate(picks)]
    return drawn[drawn["system"].isin(list(KNOWN))]


def errors(op: str, rows: pd.DataFrame, fitted: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Return predictions beside the absolute log error and whether the interval holds the measured time."""
    found = operators.predict(op, rows, store.read(op) if fitted is None else fitted)
    return found.assign(error=np.abs(np.log(found["seconds"] / rows["time"])), inside=rows["time"].between(found["q05"], found["q95"]))
