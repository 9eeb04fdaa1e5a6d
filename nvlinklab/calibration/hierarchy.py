"""One closed form for many systems and kernels: parameters on a tree, every node shrunk towards its parent.

The root of a tree belongs to a kind of work (a number format) on a generation of chips and is fitted to all of its rows. Below it come the
engine, its kernel, the chip, and last the system with the engine's version. A node is the maximum of the posterior whose prior is centred
at its parent, in coordinates without bounds (partial pooling by levels: Gelman & Hill 2007, chapter 12). A row is predicted from the
deepest node on its path, so that a system without measurements gets its chip's parameters with its own data sheet.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab._struct import Float
from nvlinklab.calibration.fitting import Parameter, constrain, pseudo_huber, unconstrain
from nvlinklab.calibration.systems import KNOWN, spec
from nvlinklab.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Form = Callable[[Mapping[str, Float], Mapping[str, Float]], jax.Array]
"""Takes parameters by name and the columns of rows, all of one shape (or scalars), returns the time of each row [s]."""

LEVELS = ("kind", "engine", "kernel", "chip", "run")
"""From the root to the leaves. `kind` holds the generation too, and `run` the system and the engine's version."""

SPREADS = {"engine": 0.7, "kernel": 0.7, "chip": 0.25, "run": 0.15}
"""Standard deviation of a node around its parent, in coordinates without bounds: engines differ much, sister systems hardly."""

EFFECTIVE = 100.0
"""How many independent rows a node counts for at most: the rows of a curve share the form's own error."""

NOISE = 0.1
"""Standard deviation of the log of measured over computed time that a form is expected to leave."""

BLOCK = 8192
"""Rows that are evaluated at once."""

BATCH = 8
"""Nodes that are fitted at once."""

FIXED = 1e-4
"""Spread of a parameter that stays at its parent's value."""

ULTRA = frozenset({"b300", "gb300"})
"""Blackwell Ultra: same matrix units as Blackwell for wide formats, twice its exponentials (NVIDIA, 2025)."""

TWINS = {"gb300": ("b300_sxm", "gb200", "b200_sxm")}
"""A system, its chip on another board, and the pair of systems that shows what the change of board does beyond the data sheets."""

NEAREST = {"rubin": "blackwell", "cdna": "hopper"}
"""The measured generation whose efficiencies stand in for one without measurements."""


class Node(NamedTuple):
    """A fitted node.

    Attributes:
        z: coordinates without bounds, one per parameter
        sd: their posterior standard deviation around the parent (zero in a tree read from a record, which gives it for the roots)
        rows: measured rows below it
        pinned: how many of its parameters the rows decided rather than the parent
    """

    z: np.ndarray
    sd: np.ndarray
    rows: int
    pinned: float


Tree = dict[tuple[str, ...], Node]
"""Nodes by path; a path names one label per level."""


def chip(system: str) -> str:
    """Return the chip family of a known system; systems of one family differ by their data sheets only."""
    found = spec(system)
    return "blackwell-ultra" if found.gpu in ULTRA else found.generation


def labels(rows: "pd.DataFrame", kind: "pd.Series", kernel: "pd.Series") -> "pd.DataFrame":
    """Return the label of each row on each level, empty text where the system is unknown.

    Args:
        rows: with `system`, `engine` and `engine_version`
        kind: what work it is, text
        kernel: the kernel's name, text
    """
    import pandas as pd

    known = rows["system"].isin(list(KNOWN))
    generation = rows["system"].map({s: spec(s).generation for s in rows.loc[known, "system"].unique()})
    return pd.DataFrame(
        {
            "kind": (kind.astype(str) + "/" + generation.astype(str)).where(known, ""),
            "engine": rows["engine"].astype(str),
            "kernel": kernel.astype(str),
            "chip": rows["system"].map({s: chip(s) for s in rows.loc[known, "system"].unique()}).astype(str),
            "run": rows["system"].astype(str) + "/" + rows["engine_version"].astype(str),
        },
        index=rows.index,
    )


@cache
def _climb(form: Form, parameters: tuple[Parameter, ...], steps: int) -> Callable[..., tuple[jax.Array, jax.Array]]:
    """Return a compiled fit of `BATCH` nodes at once: Levenberg-Marquardt with pseudo-Huber rows and a normal prior.

    The general solver behind `fitting.fit_each` compiles for tens of seconds per tree level; this one compiles once per form.
    """

    def one(centre: jax.Array, spread: jax.Array, weights: jax.Array, data: Mapping[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
        def parts(shift: jax.Array) -> jax.Array:
            z = centre + shift
            at = {p.name: constrain(p, z[i]) for i, p in enumerate(parameters)}
            error = (jnp.log(data["time"]) - jnp.log(form(at, data))) / NOISE
            return jnp.concatenate([jnp.sqrt(weights) * pseudo_huber(error), shift / spread])

        def step(_: int, state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
            shift, cost, damping = state
            now, jacobian = parts(shift), jax.jacfwd(parts)(shift)
            normal = jacobian.T @ jacobian
            move = jnp.linalg.solve(normal + damping * jnp.diag(jnp.diag(normal)), jacobian.T @ now)
            trial = shift - jnp.clip(move, -2.0 * spread, 2.0 * spread)
            after = jnp.sum(parts(trial) ** 2)
            better = after < cost
            return (
                jnp.where(better, trial, shift),
                jnp.where(better, after, cost),
                jnp.clip(jnp.where(better, damping / 4.0, damping * 5.0), 1e-6, 1e6),
            )

        begin = jnp.zeros_like(centre)
        shift, _, _ = jax.lax.fori_loop(0, steps, step, (begin, jnp.sum(parts(begin) ** 2), jnp.asarray(1e-2)))
        jacobian = jax.jacfwd(parts)(shift)
        return shift, jnp.diag(jnp.linalg.inv(jacobian.T @ jacobian))

    return jax.jit(jax.vmap(one))


def _fit_nodes(
    form: Form,
    parameters: tuple[Parameter, ...],
    centre: np.ndarray,
    spread: np.ndarray,
    weights: np.ndarray,
    data: Mapping[str, np.ndarray],
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    run = _climb(form, parameters, steps)
    shifts, variances = np.empty_like(centre), np.empty_like(centre)
    for begin in range(0, len(centre), BATCH):
        stop = min(begin + BATCH, len(centre))
        index = np.resize(np.arange(begin, stop), BATCH)
        spreads = np.broadcast_to(spread, centre.shape)[index]
        shift, variance = run(centre[index], spreads, weights[index], {k: a[index] for k, a in data.items()})
        shifts[begin:stop], variances[begin:stop] = np.asarray(shift)[: stop - begin], np.asarray(variance)[: stop - begin]
    return shifts, variances


def _chosen(codes: np.ndarray, ranks: np.ndarray, most: int) -> list[np.ndarray]:
    """Return the row numbers of each node, at most `most`, as even over its runs as their sizes allow."""
    order = np.lexsort((ranks, codes))
    bounds = np.flatnonzero(np.diff(codes[order])) + 1
    return [part[:most] for part in np.split(order, bounds)]


def fit_tree(
    form: Form,
    parameters: Sequence[Parameter],
    columns: Mapping[str, np.ndarray],
    time: np.ndarray,
    where: "pd.DataFrame",
    free: frozenset[str],
    most: int = 240,
    steps: int = 30,
) -> Tree:
    """Fit a form to rows, level by level.

    Args:
        form: the time of each row
        parameters: priors of the roots
        columns: what the form needs, one number per row
        time: measured [s]
        where: the label of each row on each level (`labels`)
        free: parameters that may differ between chips and runs of one kernel; the others are the kernel's
        most: rows a node is fitted to, evenly over its runs; chosen by a fixed shuffle
        steps: of the solver

    Raises:
        DataError: there are no rows.
    """
    if len(time) == 0:
        raise DataError("there are no rows to fit to")
    known = tuple(parameters)
    shuffled = np.random.default_rng(0).random(len(time))
    leaf = where.groupby(list(LEVELS), sort=False).ngroup()
    ranks = leaf.to_frame("leaf").assign(r=shuffled).groupby("leaf")["r"].rank(method="first").to_numpy()
    tree: Tree = {}
    start = np.array([unconstrain(p, p.prior) for p in known])
    for depth, level in enumerate(LEVELS, start=1):
        path = where[list(LEVELS[:depth])]
        codes = path.groupby(list(LEVELS[:depth]), sort=True).ngroup().to_numpy()
        picks = _chosen(codes, ranks, most)
        names = [tuple(path.iloc[pick[0]]) for pick in picks]
        counts = np.bincount(codes)
        fresh = [i for i, name in enumerate(names) if depth == 1 or tree[name[:-1]].rows != counts[i]]
        for i in set(range(len(names))) - set(fresh):
            parent = tree[names[i][:-1]]
            tree[names[i]] = Node(parent.z, parent.sd, parent.rows, 0.0)
        if not fresh:
            continue
        centre = np.stack([start if depth == 1 else tree[names[i][:-1]].z for i in fresh])
        prior = np.array([p.spread if depth == 1 else min(p.spread, SPREADS[level]) for p in known])
        prior[[depth > 3 and p.name not in free for p in known]] = FIXED
        index = np.stack([np.resize(picks[i], most) for i in fresh])
        share = [np.where(np.arange(most) < len(picks[i]), min(1.0, EFFECTIVE / len(picks[i])), 0.0) for i in fresh]
        data = {name: np.asarray(values)[index] for name, values in columns.items()} | {"time": time[index]}
        shift, variance = _fit_nodes(form, known, centre, prior, np.stack(share), data, steps)
        for j, i in enumerate(fresh):
            pinned = float(np.sum(np.clip(1.0 - variance[j] / prior**2, 0.0, 1.0)))
            tree[names[i]] = Node(centre[j] + shift[j], np.sqrt(variance[j]), int(counts[i]), pinned)
    return tree


@cache
def _evaluate(form: Form, parameters: tuple[Parameter, ...]) -> Callable[[jax.Array, Mapping[str, jax.Array]], jax.Array]:
    def evaluate(z: jax.Array, data: Mapping[str, jax.Array]) -> jax.Array:
        return form({p.name: constrain(p, z[:, i]) for i, p in enumerate(parameters)}, data)

    return jax.jit(evaluate)


def evaluate(form: Form, parameters: Sequence[Parameter], z: np.ndarray, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the form's times [s] for rows that each have their own coordinates.

    Args:
        form, parameters: as for `fit_tree`
        z: coordinates without bounds, shape (rows, parameters)
        columns: what the form needs, one number per row
    """
    run = _evaluate(form, tuple(parameters))
    out = np.empty(len(z))
    for begin in range(0, len(z), BLOCK):
        stop = min(begin + BLOCK, len(z))
        index = np.resize(np.arange(begin, stop), BLOCK)
        out[begin:stop] = np.asarray(run(z[index], {k: np.asarray(v)[index] for k, v in columns.items()}))[: stop - begin]
    return out


class Found(NamedTuple):
    """Where rows were found on a tree.

    Attributes:
        z: coordinates, shape (rows, parameters), NaN where there is no root
        novelty: the first thing on the path that the tree does not know: `none`, `version`, `system`, `chip`, `kernel`, `engine`,
            `generation` or `kind`, as an array of text
    """

    z: np.ndarray
    novelty: np.ndarray


def _stand_in(tree: Tree, root: str) -> tuple[str, str]:
    """Return the root that serves a kind and generation, and what is new about it: none, generation, or kind."""
    if (root,) in tree:
        return root, "none"
    kind, _, generation = root.rpartition("/")
    near = f"{kind}/{NEAREST.get(generation, '')}"
    if (near,) in tree:
        return near, "generation"
    same = sorted(path[0] for path in tree if len(path) == 1 and path[0].rpartition("/")[0] == kind)
    return (same[0], "generation") if same else ("", "kind")


def _board(tree: Tree, path: tuple[str, ...], run: str) -> np.ndarray | float:
    """Return the shift from a chip's node to a system of `TWINS`; 0 where the three systems were not measured with this kernel."""
    system, _, version = run.partition("/")
    if system not in TWINS:
        return 0.0
    runs = [(*path[:3], chip(s), f"{s}/{version}") for s in TWINS[system]]
    if not all(r in tree for r in runs):
        return 0.0
    beside, there, here = (tree[r].z for r in runs)
    return beside + there - here - tree[path].z


def find(tree: Tree, where: "pd.DataFrame", count: int) -> Found:
    """Return the deepest node of each row.

    Args:
        tree: fitted
        where: labels of the rows (`labels`)
        count: number of parameters
    """
    codes = where.groupby(list(LEVELS), sort=False).ngroup().to_numpy()
    first = np.unique(codes, return_index=True)[1]
    unique = where.iloc[first][list(LEVELS)].itertuples(index=False, name=None)
    z = np.full((len(first), count), np.nan)
    novelty = np.empty(len(first), dtype=object)
    runs = {path[:4]: [p[-1] for p in tree if len(p) == 5 and p[:4] == path[:4]] for path in tree if len(path) == 5}
    for i, (kind, *rest) in enumerate(unique):
        root, new = _stand_in(tree, kind)
        if new == "kind":
            novelty[i] = new
            continue
        path = (root,)
        for level, label in zip(LEVELS[1:], rest, strict=True):
            if (*path, label) not in tree:
                if new == "none":
                    new = level
                break
            path = (*path, label)
        if new == "run":
            system = rest[-1].partition("/")[0]
            new = "version" if any(r.partition("/")[0] == system for r in runs.get(path, [])) else "system"
        z[i], novelty[i] = tree[path].z + (_board(tree, path, rest[-1]) if new == "system" else 0.0), new
    return Found(z[codes], novelty[codes])


def record(tree: Tree, parameters: Sequence[Parameter]) -> dict[str, Any]:
    """Return a tree as a calibration record holds it: the roots' parameters in their units, the nodes below as shifts."""
    table = [
        {
            "name": p.name, "kind": path[0], "value": float(constrain(p, node.z[i])), "unit": p.unit, "low": p.low, "high": p.high,
            "q05": float(constrain(p, node.z[i] - 1.645 * node.sd[i])), "q95": float(constrain(p, node.z[i] + 1.645 * node.sd[i])),
            "meaning": p.meaning, "identified_by": p.identified_by,
        }
        for path, node in sorted(tree.items()) if len(path) == 1 for i, p in enumerate(parameters)
    ]  # fmt: skip
    nodes = [{"path": list(path), "rows": node.rows, "z": [round(float(v), 4) for v in node.z]} for path, node in sorted(tree.items())]
    pinned = {level: float(sum(n.pinned for path, n in tree.items() if len(path) == i + 1)) for i, level in enumerate(LEVELS)}
    return {"parameters": table, "order": [p.name for p in parameters], "nodes": nodes, "effective_parameters": pinned}


def tree_of(fitted: Mapping[str, Any], parameters: Sequence[Parameter]) -> Tree:
    """Return the tree of a record.

    Raises:
        DataError: the record was fitted with other parameters.
    """
    if list(fitted["order"]) != [p.name for p in parameters]:
        raise DataError(
            f"the calibration of {fitted['name']} has the parameters {', '.join(fitted['order'])}; this version expects "
            f"{', '.join(p.name for p in parameters)}: run `nvlinklab calibrate` to write it anew"
        )
    return {tuple(n["path"]): Node(np.array(n["z"]), np.zeros(len(parameters)), n["rows"], 0.0) for n in fitted["nodes"]}


__all__ = ["LEVELS", "Form", "Found", "Node", "Tree", "chip", "evaluate", "find", "fit_tree", "labels", "record", "tree_of"]
