"""The fit of the serving model: physics first, then what engines, images and deployments add.

Rows of one deployment are nearly copies, so the physics is fitted by generalised least squares: the residuals of a deployment share an
offset and drift together with load (`SHARED`), and count accordingly. Residuals far out get the noise that makes them likely. Then the
effects of `similarity` are estimated from what is left.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.linalg import solve_triangular

from nvlinklab._math import ONCE
from nvlinklab.calibration import fitting
from nvlinklab.calibration.serving import deployments, similarity
from nvlinklab.calibration.serving.deployments import Case, Reading
from nvlinklab.calibration.serving.load import Served, serve
from nvlinklab.calibration.serving.parameters import PARAMETERS
from nvlinklab.calibration.serving.similarity import Effects, Spread

if TYPE_CHECKING:
    import pandas as pd

OUTPUTS = ("tpot", "ttft")
SHARED = {"tpot": Spread({}, 0.10, 0.10, 0.10, outlier=1.75), "ttft": Spread({}, 0.25, 0.20, 0.30, outlier=1.75)}
"""Standard deviations of logarithms while the physics is fitted: of a deployment, of loads near each other, of a row."""

START = {
    "tpot": Spread(
        {"family": 0.08, "system": 0.05, "engine": 0.10, "engine_family": 0.03, "engine_system": 0.015, "format": 0.20, "image": 0.17,
         "campaign": 0.05, "engine_family_batch": 0.015, "engine_family_prompt": 0.03, "engine_batch": 0.01},
        deployment=0.06, load=0.05, noise=0.06, outlier=2.5,
    ),
    "ttft": Spread(
        {"family": 0.15, "system": 0.10, "engine": 0.15, "engine_family": 0.25, "engine_system": 0.10, "format": 0.05, "image": 0.20,
         "campaign": 0.30, "engine_family_batch": 0.10, "engine_family_prompt": 0.10, "engine_batch": 0.10, "campaign_batch": 0.15,
         "campaign_prompt": 0.15},
        deployment=0.20, load=0.20, noise=0.25, outlier=1.0,
    ),
}  # fmt: skip
"""Where tuning begins. TTFT has the heavier tails, so its outliers are cut sooner: a start-up of seconds in one campaign must not move its
neighbours."""

OTHER_SOURCE = ("llama8b", "qwen32b", "qwen235b")
OTHER_SOURCE_NOISE = 2.0
"""Families measured by another party, with other tools and lengths: their noise counts this many times."""

UNDECLARED_LIMIT = (("gptoss", "h100_sxm", 512.0),)
"""Rows whose limit on running sequences is not declared: TPOT falls where concurrency rises. Predicted and reported, not fitted."""


def measured(rows: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Return the measured `tpot` and `ttft` [s] of a table, in either spelling; NaN where there is none."""
    found = {}
    for name in OUTPUTS:
        if name in rows:
            found[name] = rows[name].to_numpy(dtype=float)
        elif f"silicon_{name}_ms" in rows:
            found[name] = 1e-3 * rows[f"silicon_{name}_ms"].to_numpy(dtype=float)
        else:
            found[name] = np.full(len(rows), np.nan)
    return found


@partial(jax.jit, compiler_options=ONCE)
def served(values: dict[str, Any], cases: Case) -> Served:
    """Return what every case serves, arrays of shape (rows,)."""
    return jax.vmap(lambda c: serve(values, c))(cases)


def logs(values: dict[str, Any], cases: Case) -> dict[str, Any]:
    """Return the logarithms of the fitted outputs [ln s], each of shape (rows,)."""
    found = jax.vmap(lambda c: serve(values, c))(cases)
    return {name: jnp.log(getattr(found, name)) for name in OUTPUTS}


def _values(z: Any) -> dict[str, Any]:
    return {p.name: fitting.constrain(p, z[i]) for i, p in enumerate(PARAMETERS)}


@partial(jax.jit, compiler_options=ONCE)
def _logs(z: Any, cases: Case) -> dict[str, Any]:
    return logs(_values(z), cases)


@partial(jax.jit, compiler_options=ONCE)
def _slopes(z: Any, cases: Case) -> dict[str, Any]:
    return jax.jacfwd(lambda x: logs(_values(x), cases))(z)


def log_times(unconstrained: np.ndarray, cases: Case) -> dict[str, np.ndarray]:
    """Return the logarithms of the fitted outputs [ln s] at parameters without bounds, each of shape (rows,)."""
    return {name: np.asarray(v) for name, v in _logs(jnp.asarray(unconstrained), cases).items()}


def jacobian(unconstrained: np.ndarray, cases: Case) -> dict[str, np.ndarray]:
    """Return the derivatives of the logarithms by the parameters without bounds, each of shape (rows, parameters)."""
    return {name: np.asarray(v) for name, v in _slopes(jnp.asarray(unconstrained), cases).items()}


@partial(jax.jit, compiler_options=ONCE)
def _all(z: Any, cases: Case) -> tuple[dict[str, Any], Served]:
    def of(x: Any) -> tuple[dict[str, Any], Served]:
        found = jax.vmap(lambda c: serve(_values(x), c))(cases)
        return {name: jnp.log(getattr(found, name)) for name in OUTPUTS}, found

    return jax.jacfwd(of, has_aux=True)(z)


def slopes_and_served(unconstrained: np.ndarray, cases: Case) -> tuple[dict[str, np.ndarray], Served]:
    """Return the derivatives as `jacobian` does, and what every case serves, from one compiled function.

    Rows are filled up to a power of two by repetition, so that tables of many sizes share a few compiled programs.
    """
    count = len(np.asarray(cases.isl))
    again = np.resize(np.arange(count), max(8, 1 << (count - 1).bit_length()))
    slopes, found = _all(jnp.asarray(unconstrained), jax.tree.map(lambda x: jnp.asarray(np.asarray(x)[again]), cases))
    return {name: np.asarray(v)[:count] for name, v in slopes.items()}, Served(*(np.asarray(v)[:count] for v in found))


def load_of(cases: Case) -> np.ndarray:
    """Return the loads of cases as neighbour coordinates, see `similarity.loads`."""
    return similarity.loads(np.asarray(cases.concurrency) / np.asarray(cases.gpus), np.asarray(cases.isl), np.asarray(cases.osl))


class Whitener:
    """Makes residuals independent with variance 1 while the physics is fitted: deployments have offsets and drifts of their own."""

    def __init__(self, name: str, reading: Reading, rows: np.ndarray, trust: np.ndarray):
        self.spread, self.trust = SHARED[name], trust
        groups, load = reading.labels["group"].to_numpy()[rows], load_of(reading.cases)[rows]
        self.blocks = [np.flatnonzero(groups == g) for g in dict.fromkeys(groups)]
        s = self.spread
        self.shared = [s.deployment**2 + s.load**2 * similarity.near(load[b], load[b]) for b in self.blocks]
        self.sd = np.asarray(np.sqrt(s.deployment**2 + s.load**2 + s.noise**2))
        self.roots: list[np.ndarray] = []

    def renew(self, residual: np.ndarray) -> None:
        """Take up the rows' residuals: outliers get the noise that makes them likely."""
        grown = similarity.inflation(residual, self.spread.outlier * self.sd) * self.trust**2
        noise = self.spread.noise**2 + (grown - 1.0) * self.sd**2
        self.roots = [np.linalg.cholesky(k + np.diag(noise[b])) for k, b in zip(self.shared, self.blocks, strict=True)]

    def __call__(self, part: np.ndarray) -> np.ndarray:
        """Return residuals, or columns of slopes, whitened; shape kept."""
        out = np.empty_like(part)
        for root, block in zip(self.roots, self.blocks, strict=True):
            out[block] = solve_triangular(root, part[block], lower=True)
        return out


def noise_factors(labels: "pd.DataFrame", cases: Case) -> np.ndarray:
    """Return by which factor each row's noise counts, shape (rows,)."""
    factor = np.where(labels["family"].isin(OTHER_SOURCE), OTHER_SOURCE_NOISE, 1.0)
    for family, system, concurrency in UNDECLARED_LIMIT:
        hit = (labels["family"] == family) & (labels["system"] == system) & (np.asarray(cases.concurrency) >= concurrency)
        factor = np.where(hit, 100.0, factor)
    return factor


def fit_physics(
    reading: Reading, times: dict[str, np.ndarray], rows: np.ndarray, start: np.ndarray | None = None, steps: int = 40,
    tolerance: float = 3e-4, progress: Callable[[str], None] | None = None,
) -> fitting.Fit:  # fmt: skip
    """Fit the physical parameters to some rows of a table: damped Gauss-Newton with exact derivatives.

    The loop is plain NumPy around two compiled functions, the logarithms and their Jacobian; as one compiled program
    (`calibration.fitting.fit`) the same fit compiles for minutes. Weights of outliers are renewed at every step.

    Args:
        reading: the table
        times: measured `tpot` and `ttft` of all its rows [s]
        rows: numbers of the rows to fit
        start: first coordinates without bounds, shape (parameters,); by default the priors' centres
        steps: limit of steps
        tolerance: share of the cost below which a step's gain ends the fit
        progress: told what is being done
    """
    centre = np.asarray([fitting.unconstrain(p, p.prior) for p in PARAMETERS])
    spread = np.asarray([p.spread for p in PARAMETERS])
    targets = {n: np.log(np.where(times[n] > 0, times[n], 1.0)) for n in OUTPUTS}
    trust = noise_factors(reading.labels, reading.cases)[rows]
    white = {n: Whitener(n, reading, rows, trust) for n in OUTPUTS}

    def left_over(z: np.ndarray) -> dict[str, np.ndarray]:
        found = log_times(z, reading.cases)
        return {n: (found[n] - targets[n])[rows] for n in OUTPUTS}

    def whitened(parts: dict[str, np.ndarray]) -> np.ndarray:
        return np.concatenate([white[n](parts[n]) for n in OUTPUTS])

    def cost_of(z: np.ndarray, r: np.ndarray) -> float:
        return 0.5 * float(r @ r + (((z - centre) / spread) ** 2).sum())

    z = (centre if start is None else np.asarray(start)).copy()
    damping, done, taken, cost = 1e-3, False, 0, np.inf
    hessian = of_data = np.eye(len(z))
    residual = left_over(z)
    while taken < steps and not done:
        taken += 1
        for n in OUTPUTS:
            white[n].renew(residual[n])
        r = whitened(residual)
        j = whitened({n: v[rows] for n, v in jacobian(z, reading.cases).items()})
        of_data = j.T @ j
        hessian = of_data + np.diag(spread**-2.0)
        slope = j.T @ r + (z - centre) / spread**2
        cost, new, trial, then = cost_of(z, r), np.inf, z, residual
        for _ in range(8):
            trial = z + np.clip(-np.linalg.solve(hessian + damping * np.diag(np.diag(hessian)), slope), -spread, spread)
            then = left_over(trial)
            new = cost_of(trial, whitened(then))
            if new < cost:
                break
            damping *= 6.0
        if new < cost:
            z, residual, damping = trial, then, max(damping / 5.0, 1e-7)
        done = not new < cost - tolerance * cost
        if progress:
            progress(f"physics, step {taken}: cost {min(new, cost):.1f}")
    posterior = np.linalg.inv(hessian)
    return fitting.Fit(
        parameters=PARAMETERS, values={n: float(v) for n, v in _values(z).items()}, unconstrained=z, covariance=posterior,
        effective_parameters=float(np.trace(posterior @ of_data)), noise=1.0,
        residual_scale=fitting.residual_scale(residual["tpot"]), cost=cost, steps=taken, converged=done,
    )  # fmt: skip


def fit_effects(
    reading: Reading, times: dict[str, np.ndarray], rows: np.ndarray, values: dict[str, float], spreads: dict[str, Spread]
) -> dict[str, Effects]:
    """Return the effects of engines, images, models and systems on each output, from what the physics leaves over at some rows."""
    found = logs(values, reading.cases)
    labels, load = reading.labels.iloc[rows], load_of(reading.cases)[rows]
    return {
        name: similarity.effects(spreads[name], labels, load, np.log(times[name][rows]) - np.asarray(found[name])[rows]) for name in OUTPUTS
    }


def training(duplicates: bool = False) -> tuple["pd.DataFrame", Reading, dict[str, np.ndarray], np.ndarray]:
    """Return the calibration rows: the table, its reading, measured times, and the numbers of the rows that can be fitted.

    Raises:
        DataError: the measurements are not installed.
    """
    from nvlinklab.io import silicon

    rows = silicon.end_to_end(duplicates=duplicates)
    reading = deployments.read(rows)
    times = measured(rows)
    usable = reading.readable & ~reading.bound & (times["tpot"] > 0) & (times["ttft"] > 0)
    return rows, reading, times, np.flatnonzero(usable)
