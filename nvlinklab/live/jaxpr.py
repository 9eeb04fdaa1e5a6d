"""From a JAX function to a `Program`: its jaxpr is walked, nested functions are written in place, small arrays become scalars."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from nvlinklab._struct import leaf_units
from nvlinklab.errors import SpecError, did_you_mean
from nvlinklab.live.program import Input, Output, Program
from nvlinklab.live.walk import Walker, scalar


def dotted(key: Any) -> str:
    """Return the dotted path of a leaf."""
    return jax.tree_util.keystr(key, simple=True, separator=".")


def compile(  # noqa: A001  (live.compile reads as what it does)
    fn: Callable[[Any], Any], params: Any, inputs: Sequence[str] | None = None, units: Mapping[str, str] | None = None
) -> Program:
    """Return the program of a function of a pytree of floats.

    Args:
        fn: returns a scalar, or a pytree of scalars (a dict, a struct)
        params: the point whose leaves that are no inputs become constants
        inputs: dotted paths of the leaves that stay inputs; by default all
        units: SI units of inputs by path and of outputs by name, beyond those that structs declare

    Raises:
        UnsupportedPrimitive: an operation that has no counterpart, with its name and the line that used it.
        SpecError: a path that does not exist, or an output that is no scalar.
    """
    pairs, tree = jax.tree_util.tree_flatten_with_path(params)
    names = [dotted(key) for key, _ in pairs]
    chosen = names if inputs is None else list(inputs)
    for path in chosen:
        if path not in names:
            raise SpecError(f"no parameter is called {path!r}{did_you_mean(path, names)}; there are: {', '.join(names)}")
    values = [float(leaf) for _, leaf in pairs]
    numbers = [jax.ShapeDtypeStruct((), jnp.float64)] * len(values)
    closed, shape = jax.make_jaxpr(lambda leaves: fn(tree.unflatten(leaves)), return_shape=True)(numbers)
    results, _ = jax.tree_util.tree_flatten_with_path(shape)
    for key, leaf in results:
        if leaf.shape:
            raise SpecError(f"the output {dotted(key) or 'value'!r} has shape {leaf.shape}; only scalars can be compiled")
    known = declared_units(params) | dict(units or {})
    out_units = declared_units(shape) | dict(units or {})
    walker = Walker()
    at = {path: number for number, path in enumerate(chosen)}
    build = walker.builder
    leaves = [build.input(at[name]) if name in at else build.const(value) for name, value in zip(names, values, strict=True)]
    found = walker.run(closed.jaxpr, closed.consts, [scalar(leaf) for leaf in leaves])
    outputs = [
        Output(dotted(key) or "value", out_units.get(dotted(key) or "value", ""), int(value[()]))
        for (key, _), value in zip(results, found, strict=True)
    ]
    default = dict(zip(names, values, strict=True))
    return build.finish([Input(path, known.get(path, ""), default[path]) for path in chosen], outputs)


def gradient(fn: Callable[[Any], Any], params: Any, inputs: Sequence[str] | None = None, units: Mapping[str, str] | None = None) -> Program:
    """Return the program of the derivatives of a scalar function: one output for each input, by its path.

    Args:
        fn, params, inputs, units: as for `compile`
    """
    pairs, tree = jax.tree_util.tree_flatten_with_path(params)
    names = [dotted(key) for key, _ in pairs]
    chosen = names if inputs is None else list(inputs)

    def slopes(point: Any) -> dict[str, Any]:
        leaves = jax.tree_util.tree_leaves(point)
        held = dict(zip(names, leaves, strict=True))

        def along(moved: dict[str, Any]) -> Any:
            return jnp.asarray(fn(tree.unflatten([moved.get(name, held[name]) for name in names])), dtype=jnp.float64)

        return jax.grad(along)({path: held[path] for path in chosen})

    program = compile(slopes, params, inputs, units)
    by_path = {output.name: output for output in program.outputs}
    return program._replace(outputs=tuple(by_path[path] for path in chosen))


def declared_units(spec: Any) -> dict[str, str]:
    """Return `{path: SI unit}` of the leaves of a struct, of its class, or of structs in a dict; nothing for any other pytree."""
    if isinstance(spec, Mapping):
        return {f"{name}.{path}": unit for name, part in spec.items() for path, unit in declared_units(part).items()}
    return leaf_units(spec) if dataclasses.is_dataclass(spec) else {}
