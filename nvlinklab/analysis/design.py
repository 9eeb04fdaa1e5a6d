"""Inverse design: the inputs that reach several targets at once at the least cost, what each target costs, or why none do.

Everything is solved in logarithms, where the numbers of a performance model are of one size and a multiplier is a price: the percentage by
which the optimum gets worse when a target is one percent tighter.

Derivatives come from JAX, the search from SciPy: optimistix and optax minimise and fit, but have no inequality constraints and hence no
multipliers, and a penalty in their place would miss a target by its own size.
"""

import itertools
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab import units
from nvlinklab.analysis._paths import Function, Params, as_floats, flat_leaves, require_paths, with_leaves
from nvlinklab.errors import SpecError

ACTIVE = 1e-6
"""A constraint is met when its target is missed by less than this share, and binds when it is met by less."""


class Design(NamedTuple):
    """The answer to "what must it be?".

    Attributes:
        feasible: whether every target can be met within the bounds
        inputs: the free inputs and the choices [SI]; where infeasible, those that come nearest
        objective: the goal's value there [SI]
        outputs: every output there [SI]
        prices: `{constraint: percent of the goal per percent tighter}` for the constraints that bind, bounds included
        binding: the constraints that bind, the dearest first; where infeasible, those that exclude each other
        reason: why there is none, or an empty string
        alternatives: the answer for each combination of choices, this one included
    """

    feasible: bool
    inputs: dict[str, float]
    objective: float
    outputs: dict[str, float]
    prices: dict[str, float]
    binding: tuple[str, ...]
    reason: str
    alternatives: tuple["Design", ...] = ()


def design(
    fn: Function,
    params: Params,
    free: Mapping[str, tuple[float, float]],
    goal: str,
    at_least: Mapping[str, float] | None = None,
    at_most: Mapping[str, float] | None = None,
    choices: Mapping[str, Sequence[float]] | None = None,
    maximise: bool = False,
    starts: int = 4,
    seed: int = 0,
) -> Design:
    """Find the free inputs with the best goal that meets all targets.

    Sequential quadratic programming (`scipy.optimize`, SLSQP, with exact derivatives) from several starting points, then a derivative-free
    polish (COBYQA), because a hard max has kinks at which slopes mislead. Prices are the multipliers at the optimum, those of least squares
    over the binding constraints; where a kink leaves them undetermined, each is measured by solving again with its target 0.1 % tighter.

    Args:
        fn: returns a dict of positive scalars, the outputs
        params: the point; the free inputs' values are a first start
        free: `{path: (low, high)}` [SI], positive
        goal: an output, or a free input, to be made small
        at_least, at_most: `{output or free input: target}` [SI]
        choices: `{path: values}`, discrete; every combination is solved
        maximise: make the goal large instead
        starts: best of the sampled points to start from, besides the present one
        seed: of the sampled points

    Raises:
        SpecError: a path or output that does not exist, a bound or target that is not positive, nothing free.

    >>> f = lambda p: {"speed": p["a"] * p["b"], "cost": p["a"] + p["b"]}
    >>> answer = design(f, {"a": 1.0, "b": 1.0}, {"a": (0.1, 100.0), "b": (0.1, 100.0)}, "cost", at_least={"speed": 16.0})
    >>> {k: round(v, 4) for k, v in answer.inputs.items()}, {k: round(v, 4) for k, v in answer.prices.items()}
    ({'a': 4.0, 'b': 4.0}, {'speed >= 16': 0.5})
    """
    problem = _Problem(fn, params, free, goal, dict(at_least or {}), dict(at_most or {}), dict(choices or {}), maximise)
    found = []
    for values in itertools.product(*problem.choices.values()):
        found.append(_solve(problem, dict(zip(problem.choices, map(float, values), strict=True)), starts, seed))
    sign = -1.0 if maximise else 1.0
    best = min(found, key=lambda d: (not d.feasible, sign * d.objective if d.feasible else _missed(problem, d)))
    return best._replace(alternatives=tuple(found) if len(found) > 1 else ())


def _missed(problem: "_Problem", answer: Design) -> float:
    return max((-sign * np.log(answer.outputs[name] / target) for _, name, sign, target in problem.targets), default=0.0)


class _Programs(NamedTuple):
    """The compiled functions of a design question; see `_Problem` for what they return."""

    outputs: Any
    values: Any
    many: Any
    slopes: Any


def _named_outputs(fn: Function, paths: tuple[str, ...]) -> Any:
    def outputs(logs: Any, chosen: Mapping[str, Any], point: Params) -> dict[str, Any]:
        moved = {p: jnp.exp(logs[i]) for i, p in enumerate(paths)}
        return {**moved, **fn(with_leaves(point, {**moved, **chosen}))}

    return outputs


@lru_cache(maxsize=32)
def _programs(fn: Function, paths: tuple[str, ...], goal: str, way: float, targets: tuple[tuple[str, float], ...]) -> _Programs:
    """Compile a question once, whatever its targets, bounds and fixed inputs: a study asks it many times."""
    outputs = _named_outputs(fn, paths)

    def values(logs: Any, chosen: Mapping[str, Any], point: Params, aims: Any) -> Any:
        got = outputs(logs, chosen, point)
        margins = [sign * (jnp.log(got[name]) - aims[i]) for i, (name, sign) in enumerate(targets)]
        return jnp.stack([way * jnp.log(got[goal]), *margins])

    many = jax.vmap(values, in_axes=(0, None, None, None))
    return _Programs(jax.jit(outputs), jax.jit(values), jax.jit(many), jax.jit(jax.jacfwd(values)))


class _Problem:
    """A design question: goal and constraints, and their slopes, by the logarithms of the free inputs."""

    def __init__(
        self, fn: Function, params: Params, free: Mapping[str, tuple[float, float]], goal: str, at_least: dict[str, float],
        at_most: dict[str, float], choices: dict[str, Sequence[float]], maximise: bool,
    ) -> None:  # fmt: skip
        point = as_floats(params)
        leaves = flat_leaves(point)
        require_paths(leaves, [*free, *choices])
        if not free:
            raise SpecError("nothing is free; name at least one input and its bounds, for example {'scale_up.bw': (1e11, 1e13)}")
        for path, (low, high) in free.items():
            if not 0.0 < low < high:
                raise SpecError(f"the bounds of {path} are {low:g} and {high:g}; expected two positive numbers, the lower first")
        both = set(free) & set(choices)
        if both:
            raise SpecError(f"{', '.join(sorted(both))}: an input is either free or a choice")
        self.paths, self.choices, self.goal, self.sign = tuple(free), choices, goal, -1.0 if maximise else 1.0
        self.low, self.high = (np.log(np.array([free[p][i] for p in free])) for i in (0, 1))
        self.now = np.clip(np.log(np.maximum([float(leaves[p]) for p in free], 1e-300)), self.low, self.high)

        self.point, example = point, {p: float(v[0]) for p, v in choices.items()}
        named = _named_outputs(fn, self.paths)
        names = tuple(jax.eval_shape(named, jnp.asarray(self.now), example, point))
        require_paths(names, [goal, *at_least, *at_most])
        for name, target in [*at_least.items(), *at_most.items()]:
            if not target > 0.0:
                raise SpecError(f"the target of {name} is {target:g}; expected a positive number")
        self.targets = [
            *((f"{name} >= {units.number_text(target, 6)}", name, 1.0, target) for name, target in at_least.items()),
            *((f"{name} <= {units.number_text(target, 6)}", name, -1.0, target) for name, target in at_most.items()),
        ]
        self.logs = jnp.log(jnp.array([target for *_, target in self.targets]))
        self.programs = _programs(fn, self.paths, goal, self.sign, tuple((name, sign) for _, name, sign, _ in self.targets))

    def outputs(self, x: np.ndarray, chosen: dict[str, float]) -> dict[str, Any]:
        """Return every output, and every free input by its path."""
        return self.programs.outputs(x, chosen, self.point)

    def values(self, x: np.ndarray, chosen: dict[str, float]) -> np.ndarray:
        """Return the goal's logarithm, made small, and the distance from every target in logarithms."""
        return np.asarray(self.programs.values(x, chosen, self.point, self.logs))

    def many(self, points: np.ndarray, chosen: dict[str, float]) -> np.ndarray:
        """Return the same at many points, shape (points, 1 + targets)."""
        return np.asarray(self.programs.many(points, chosen, self.point, self.logs))

    def slopes(self, x: np.ndarray, chosen: dict[str, float]) -> np.ndarray:
        """Return their derivatives, shape (1 + targets, inputs)."""
        return np.asarray(self.programs.slopes(x, chosen, self.point, self.logs))

    def labels(self) -> list[str]:
        """Names of all constraints: targets, then lower and upper bounds."""
        lows = [f"{p} >= {units.number_text(float(np.exp(v)), 6)}" for p, v in zip(self.paths, self.low, strict=True)]
        highs = [f"{p} <= {units.number_text(float(np.exp(v)), 6)}" for p, v in zip(self.paths, self.high, strict=True)]
        return [label for label, *_ in self.targets] + lows + highs

    def margins(self, x: np.ndarray, chosen: dict[str, float]) -> np.ndarray:
        """Distance from every constraint in logarithms; negative where it is broken."""
        return np.concatenate([self.values(x, chosen)[1:], x - self.low, self.high - x])

    def normals(self, x: np.ndarray, chosen: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
        """Slope of the goal, and of every constraint, shape (constraints, inputs)."""
        slopes, eye = self.slopes(x, chosen), np.eye(len(x))
        return slopes[0], np.concatenate([slopes[1:], eye, -eye])


def _starts(problem: _Problem, chosen: dict[str, float], count: int, seed: int) -> list[np.ndarray]:
    """The present point and the best of a Sobol sequence over the box: the least broken first, then the best goal."""
    from scipy.stats import qmc

    sample = qmc.Sobol(len(problem.paths), seed=seed).random(256)
    points = problem.low + sample * (problem.high - problem.low)
    values = problem.many(points, chosen)
    broken = np.maximum(0.0, -values[:, 1:]).max(axis=1, initial=0.0)
    values = np.where(np.isfinite(values), values, np.inf)
    order = np.lexsort((values[:, 0], np.where(np.isfinite(broken), broken, np.inf)))
    return [problem.now, *points[order[:count]]]


def _solve(problem: _Problem, chosen: dict[str, float], starts: int, seed: int) -> Design:
    best, x = np.inf, None
    begin = _starts(problem, chosen, starts, seed)
    for start in begin:
        for candidate in (_slsqp(problem, chosen, start), start):
            if candidate is not None and problem.margins(candidate, chosen).min() >= -ACTIVE / 2:
                value = float(problem.values(candidate, chosen)[0])
                if value < best:
                    best, x = value, candidate
                break
    if x is None:
        return _infeasible(problem, chosen, begin)
    x = _polished(problem, chosen, x, best)
    prices = _prices(problem, chosen, x)
    return _answer(problem, chosen, x, True, prices, "")


def _slsqp(problem: _Problem, chosen: dict[str, float], start: np.ndarray, tighter: np.ndarray | float = 0.0) -> np.ndarray | None:
    from scipy.optimize import minimize

    constraints = {
        "type": "ineq",
        "fun": lambda x: problem.values(x, chosen)[1:] - tighter,
        "jac": lambda x: problem.slopes(x, chosen)[1:],
    }
    done = minimize(
        lambda x: float(problem.values(x, chosen)[0]), start, jac=lambda x: problem.slopes(x, chosen)[0], method="SLSQP",
        bounds=list(zip(problem.low, problem.high, strict=True)), constraints=[constraints] if problem.targets else [],
        options={"ftol": 1e-13, "maxiter": 200},
    )  # fmt: skip
    return np.clip(done.x, problem.low, problem.high) if np.isfinite(done.x).all() else None


def _polished(problem: _Problem, chosen: dict[str, float], x: np.ndarray, best: float) -> np.ndarray:
    """Look around without slopes, which mislead on a kink; keep what is better and still meets everything."""
    from scipy.optimize import NonlinearConstraint, minimize

    targets = [NonlinearConstraint(lambda y: problem.values(y, chosen)[1:], 0.0, np.inf)] if problem.targets else []
    bounds = list(zip(problem.low, problem.high, strict=True))
    done = minimize(
        lambda y: float(problem.values(y, chosen)[0]), x, method="COBYQA", bounds=bounds, constraints=targets,
        options={"initial_tr_radius": 0.05, "final_tr_radius": 1e-7, "maxfev": 400},
    )  # fmt: skip
    for candidate in (np.clip(done.x, problem.low, problem.high),):
        again = _slsqp(problem, chosen, candidate)
        for y in (again, candidate):
            if y is not None and problem.margins(y, chosen).min() >= -ACTIVE / 2:
                value = float(problem.values(y, chosen)[0])
                if value < best - 1e-9:
                    best, x = value, y
    return x


def _prices(problem: _Problem, chosen: dict[str, float], x: np.ndarray) -> dict[str, float]:
    """Multipliers of the binding constraints, the largest first."""
    from scipy.optimize import nnls

    labels, margins = problem.labels(), problem.margins(x, chosen)
    active = np.flatnonzero(margins <= ACTIVE)
    if not len(active):
        return {}
    slope, normals = problem.normals(x, chosen)
    weights, residual = nnls(normals[active].T, slope)
    if residual > 1e-4 * max(1.0, float(np.linalg.norm(slope))):
        weights = np.array([_measured(problem, chosen, x, int(i)) for i in active])
    found = {labels[i]: float(w) for i, w in zip(active, weights, strict=True)}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _measured(problem: _Problem, chosen: dict[str, float], x: np.ndarray, index: int, step: float = 1e-3) -> float:
    """How much worse the goal gets per tightening of one constraint, by solving again with it tighter by `step`."""
    count, n, before = len(problem.targets), len(x), float(problem.values(x, chosen)[0])
    tighter, low, high = np.zeros(count), problem.low.copy(), problem.high.copy()
    if index < count:
        tighter[index] = step
    elif index < count + n:
        problem.low[index - count] += step
    else:
        problem.high[index - count - n] -= step
    try:
        again = _slsqp(problem, chosen, np.clip(x, problem.low, problem.high), tighter)
    finally:
        problem.low, problem.high = low, high
    return max(0.0, (float(problem.values(again, chosen)[0]) - before) / step) if again is not None else float("nan")


def _infeasible(problem: _Problem, chosen: dict[str, float], starts: list[np.ndarray]) -> Design:
    """The point that misses its targets least, and the constraints that hold it there."""
    from scipy.optimize import minimize, nnls

    best, x = np.inf, starts[0]
    for start in starts:
        worst = float(np.max(-problem.values(start, chosen)[1:]))
        if not np.isfinite(worst):
            continue
        done = minimize(
            lambda y: y[-1], np.append(start, worst), jac=lambda y: np.append(np.zeros(len(y) - 1), 1.0), method="SLSQP",
            bounds=[*zip(problem.low, problem.high, strict=True), (None, None)],
            constraints=[{
                "type": "ineq",
                "fun": lambda y: problem.values(y[:-1], chosen)[1:] + y[-1],
                "jac": lambda y: np.hstack([problem.slopes(y[:-1], chosen)[1:], np.ones((len(problem.targets), 1))]),
            }],
            options={"ftol": 1e-13, "maxiter": 300},
        )  # fmt: skip
        y = np.clip(done.x[:-1], problem.low, problem.high)
        worst = float(np.max(-problem.values(y, chosen)[1:]))
        if worst < best:
            best, x = worst, y
    if not np.isfinite(best):
        return _answer(problem, chosen, x, False, {}, "the function is not a number anywhere within the bounds")
    labels, margins = problem.labels(), problem.margins(x, chosen)
    count = len(problem.targets)
    holds = [i for i in range(len(margins)) if margins[i] <= (-best + 1e-5 if i < count else 1e-5)]
    _, normals = problem.normals(x, chosen)
    # a convex combination of the targets' slopes that the bounds cancel: the constraints in it exclude each other
    rows = np.array([np.append(normals[i], 1.0 if i < count else 0.0) for i in holds])
    weights, _ = nnls(rows.T, np.append(np.zeros(len(x)), 1.0))
    binding = [labels[i] for i, w in sorted(zip(holds, weights, strict=True), key=lambda pair: -pair[1]) if w > 1e-6]
    unmet = [labels[i] for i in range(count) if margins[i] < -ACTIVE]
    against = [label for label in binding if label not in unmet]
    reason = f"no design within the bounds meets {' and '.join(unmet)}: the nearest misses by {100.0 * np.expm1(best):.3g} %"
    reason += f", held by {' and '.join(against)}" if against else ""
    return _answer(problem, chosen, x, False, {}, reason)._replace(binding=tuple(binding))


def _answer(problem: _Problem, chosen: dict[str, float], x: np.ndarray, feasible: bool, prices: dict[str, float], reason: str) -> Design:
    got = {name: float(value) for name, value in problem.outputs(x, chosen).items()}
    inputs = {**{p: float(np.exp(v)) for p, v in zip(problem.paths, x, strict=True)}, **chosen}
    return Design(feasible, inputs, got[problem.goal], got, prices, tuple(prices), reason)
