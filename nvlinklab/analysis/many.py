"""A function of many results at many points, such as a value with its slopes: what several results need is computed once.

XLA on CPUs writes one loop for each result and copies what several results need into each of these loops, so a gradient by dozens of
inputs computes its intermediates dozens of times over. A quotient it holds to be dear, and keeps. So here a number that would be copied
often is divided by a one that the compiler cannot know, one per point: exact, and cheaper than the copies.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

CALLS = {"jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call"}
DEAR = {"div", "pow", "exp", "exp2", "expm1", "log", "log1p", "sqrt", "rsqrt", "tanh"}
"""Operations whose result XLA keeps by itself where several loops need it."""

COPIES = 40
"""Operations saved that are worth keeping a number for: it is written once, and read wherever it is used."""


class _Step(NamedTuple):
    """One operation: its arguments and results are numbered values, or constants."""

    primitive: Any
    params: dict[str, Any]
    given: tuple[Any, ...]
    made: tuple[int, ...]


class _Const(NamedTuple):
    """A constant among the arguments."""

    value: Any


def _values(given: Iterable[Any]) -> set[int]:
    return {x for x in given if not isinstance(x, _Const)}


class Many:
    """A compiled function of many points: the points are one more axis in front of every leaf."""

    def __init__(self, fn: Callable[[Any], Any]) -> None:
        self.program = jax.jit(partial(_run, fn))

    def __call__(self, points: Any) -> Any:
        """Return the results at many points."""
        return self.program(_ones(points), points)

    def compile(self, points: Any) -> Callable[[Any], Any]:
        """Return the program for as many points as these, compiled now."""
        return partial(self.program.lower(_ones(points), points).compile(), _ones(points))


def at_many(fn: Callable[[Any], Any]) -> Many:
    """Return `fn`, a function of one point, as a compiled function of many; the same results as `jax.jit(jax.vmap(fn))` to rounding.

    Worth its while for functions of many results, gradients above all. A thousand to ten thousand points a call keep the intermediate
    arrays in the cache; not a power of two, because arrays a power of two apart push each other out of it.

    Args:
        fn: takes a pytree of arrays and returns one

    >>> slopes = at_many(jax.value_and_grad(lambda p: p["n"] / p["bw"]))
    >>> value, slope = slopes({"n": jnp.array([4.0, 6.0]), "bw": jnp.array([2.0, 3.0])})
    >>> value.tolist(), slope["n"].tolist()
    ([2.0, 2.0], [0.5, 0.3333333333333333])
    """
    return Many(fn)


def _ones(points: Any) -> np.ndarray:
    return np.ones(len(jax.tree_util.tree_leaves(points)[0]))


def _run(fn: Callable[[Any], Any], ones: Any, points: Any) -> Any:
    example = jax.tree_util.tree_map(lambda x: jax.ShapeDtypeStruct(jnp.shape(x)[1:], jnp.result_type(x)), points)
    closed, shape = jax.make_jaxpr(fn, return_shape=True)(example)
    steps, inputs, outputs = _flat(closed)
    kept, tree = _worth_keeping(steps, inputs, outputs), jax.tree_util.tree_structure(shape)

    def at(one: Any, leaves: list[Any]) -> list[Any]:
        held = dict(zip(inputs, leaves, strict=True))
        for step in steps:
            _do(step, held, kept, one)
        return [_read(held, output) for output in outputs]

    return tree.unflatten(jax.vmap(at)(ones, jax.tree_util.tree_leaves(points)))


def _read(held: dict[int, Any], given: Any) -> Any:
    return jnp.asarray(given.value) if isinstance(given, _Const) else held[given]


def _do(step: _Step, held: dict[int, Any], kept: set[int], one: Any) -> None:
    given = [x.value if isinstance(x, _Const) else held[x] for x in step.given]
    made = step.primitive.bind(*given, **step.params)
    for name, value in zip(step.made, made if step.primitive.multiple_results else [made], strict=True):
        held[name] = value / one if name in kept and value.dtype == jnp.float64 else value


def _flat(closed: Any) -> tuple[list[_Step], list[int], list[Any]]:
    """Return a jaxpr as steps without calls, equal ones once and useless ones never, with its inputs and outputs."""
    steps: list[_Step] = []
    known: dict[Hashable, tuple[int, ...]] = {}
    count = iter(range(1 << 62))

    def write(jaxpr: Any, consts: Any, given: list[Any]) -> list[Any]:
        held = dict(zip(jaxpr.invars, given, strict=True)) | {v: _Const(c) for v, c in zip(jaxpr.constvars, consts, strict=True)}

        def read(var: Any) -> Any:
            return _Const(var.val) if isinstance(var, Literal) else held[var]

        for eqn in jaxpr.eqns:
            arguments = [read(var) for var in eqn.invars]
            inner = eqn.params.get("jaxpr", eqn.params.get("call_jaxpr")) if eqn.primitive.name in CALLS else None
            if inner is not None:
                made = write(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), arguments)
            else:
                key = _key(eqn, arguments)
                made = known.get(key)
                if key is None or made is None:
                    made = known[key] = tuple(next(count) for _ in eqn.outvars)
                    steps.append(_Step(eqn.primitive, eqn.params, tuple(arguments), made))
            held |= dict(zip(eqn.outvars, made, strict=True))
        return [read(var) for var in jaxpr.outvars]

    inputs = [next(count) for _ in closed.jaxpr.invars]
    outputs = write(closed.jaxpr, closed.consts, list(inputs))
    needed, useful = _values(outputs), []
    for step in reversed(steps):
        if needed & set(step.made):
            useful.append(step)
            needed |= _values(step.given)
    return useful[::-1], inputs, outputs


def _key(eqn: Any, given: list[Any]) -> Hashable:
    """Return what two operations have in common that give the same, or None where that is hard to say."""

    def plain(x: Any) -> Hashable:
        value = np.asarray(x.value) if isinstance(x, _Const) else None
        return x if value is None else (str(value.dtype), value.shape, value.tobytes())

    key = (eqn.primitive, tuple(sorted(eqn.params.items())), tuple(map(plain, given)))
    try:
        hash(key)
    except TypeError:
        return None
    return None if eqn.effects or eqn.primitive.multiple_results else key


def _worth_keeping(steps: list[_Step], inputs: list[int], outputs: list[Any]) -> set[int]:
    """Return the values whose copies would cost more than `COPIES` operations, where XLA does not keep them by itself."""
    uses = Counter(x for given in (*(step.given for step in steps), outputs) for x in _values(given))
    # the operations that computing a value again would repeat; nothing for what is read from memory or folded into a constant
    again: dict[int, frozenset[int]] = {x: frozenset() for x in inputs}
    vary, kept = set(inputs), set()
    for step in steps:
        given, made = _values(step.given), step.made
        copied = 0 if vary.isdisjoint(given) else max(uses[x] for x in made) - 1
        needed = frozenset(made).union(*(again[x] for x in given)) if vary & given else frozenset()
        vary.update(made if vary & given else ())
        if copied > 0 and step.primitive.name in DEAR:
            needed = frozenset()
        elif copied * len(needed) > COPIES:
            kept.update(made)
            needed = frozenset()
        again |= dict.fromkeys(made, needed)
    return kept
