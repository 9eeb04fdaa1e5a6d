"""The speed of light on the same cores: a JAX function written out as one scalar loop, which numba compiles.

The loop is generated from the function's jaxpr, so it is the same formula operation by operation, without a second implementation to
trust. It needs numba (`pip install 'nvlinklab[bench]'`) and is used for measuring only.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Literal

from nvlinklab.analysis._paths import with_leaves
from nvlinklab.errors import SpecError

TEMPLATES = {
    "add": "{0} + {1}", "add_any": "{0} + {1}", "sub": "{0} - {1}", "mul": "{0} * {1}", "div": "{0} / {1}", "neg": "-{0}",
    "max": "{0} if {0} >= {1} else {1}", "min": "{0} if {0} <= {1} else {1}", "abs": "abs({0})", "square": "{0} * {0}",
    "gt": "{0} > {1}", "lt": "{0} < {1}", "ge": "{0} >= {1}", "le": "{0} <= {1}", "eq": "{0} == {1}", "ne": "{0} != {1}",
    "and": "{0} and {1}", "or": "{0} or {1}", "not": "not {0}", "select_n": "{2} if {0} else {1}", "pow": "{0} ** {1}",
    "exp": "math.exp({0})", "log": "math.log({0})", "expm1": "math.expm1({0})", "log1p": "math.log1p({0})", "sqrt": "math.sqrt({0})",
    "is_finite": "math.isfinite({0})",
}  # fmt: skip
SAME = {"copy", "copy_p", "stop_gradient", "broadcast_in_dim", "reshape", "squeeze"}
CALLS = {"jit", "pjit", "closed_call", "custom_jvp_call", "custom_vjp_call", "core_call"}


def available() -> bool:
    """Return whether numba is installed."""
    import importlib.util

    return importlib.util.find_spec("numba") is not None


class _Writer:
    """Writes a jaxpr of scalars as lines of Python, equal expressions once."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, str] = {}

    def name(self, expression: str) -> str:
        """Return the variable that holds an expression, writing its line if it is new."""
        if expression not in self.names:
            self.names[expression] = f"t{len(self.lines)}"
            self.lines.append(f"{self.names[expression]} = {expression}")
        return self.names[expression]

    def write(self, jaxpr: Any, consts: list[Any], inputs: list[str]) -> list[str]:
        """Write a jaxpr; return the names of its results."""
        held = {var: _number(value) for var, value in zip(jaxpr.constvars, consts, strict=True)} | dict(
            zip(jaxpr.invars, inputs, strict=True)
        )

        def read(var: Any) -> str:
            return _number(var.val) if isinstance(var, Literal) else held[var]

        for eqn in jaxpr.eqns:
            arguments, primitive = [read(var) for var in eqn.invars], eqn.primitive.name
            inner = eqn.params.get("jaxpr") or eqn.params.get("call_jaxpr")
            if primitive in CALLS and inner is not None:
                results = self.write(inner.jaxpr, list(inner.consts), arguments)
            else:
                results = [self._one(primitive, arguments, eqn)]
            held |= dict(zip(eqn.outvars, results, strict=True))
        return [read(var) for var in jaxpr.outvars]

    def _one(self, primitive: str, arguments: list[str], eqn: Any) -> str:
        if primitive in SAME:
            return arguments[0]
        if primitive == "convert_element_type":
            from_flag = np.dtype(eqn.invars[0].aval.dtype).kind == "b" and np.dtype(eqn.params["new_dtype"]).kind != "b"
            return self.name(f"1.0 if {arguments[0]} else 0.0") if from_flag else arguments[0]
        if primitive == "integer_pow":
            power = eqn.params["y"]
            text = " * ".join([arguments[0]] * abs(power)) or "1.0"
            return self.name(text if power >= 0 else f"1.0 / ({text})")
        if primitive not in TEMPLATES:
            raise SpecError(f"the native loop does not know the operation {primitive!r}; add it to TEMPLATES in bench/native.py")
        return self.name(TEMPLATES[primitive].format(*arguments))


def _number(value: Any) -> str:
    x = np.asarray(value)
    if x.shape:
        raise SpecError(f"the native loop is for scalars, and a constant has shape {x.shape}")
    if x.dtype == bool:
        return str(bool(x))
    return (
        f"({float(x)!r})"
        if math.isfinite(float(x))
        else f"float('{float(x)}')".replace("float('nan')", "nan").replace("float('inf')", "inf")
    )


def loop(fn: Any, params: Any, paths: tuple[str, ...]) -> tuple[Any, int]:
    """Return a native function of arrays, inputs (paths, points) and outputs (results, points), and its number of results."""
    import numba

    closed = jax.make_jaxpr(lambda changes: fn(with_leaves(params, changes)))({p: jax.ShapeDtypeStruct((), jnp.float64) for p in paths})
    writer = _Writer()
    results = writer.write(closed.jaxpr, list(closed.consts), [f"x{i}" for i in range(len(paths))])
    body = ["def kernel(inputs, outputs):", "    for i in range(inputs.shape[1]):"]
    body += [f"        x{k} = inputs[{k}, i]" for k in range(len(paths))]
    body += [f"        {line}" for line in writer.lines]
    body += [f"        outputs[{k}, i] = {name}" for k, name in enumerate(results)]
    space: dict[str, Any] = {"math": math, "nan": math.nan, "inf": math.inf}
    exec("\n".join(body), space)
    return numba.njit(nogil=True, error_model="numpy", fastmath={"contract", "nsz", "arcp"})(space["kernel"]), len(results)


def rate(fn: Any, params: Any, paths: tuple[str, ...], varied: dict[str, Any], threads: int, repeat: int) -> tuple[float, float]:
    """Return points per second of the native loop on `threads` cores, and the largest relative difference from JAX."""
    from nvlinklab.bench.machine import best_of

    order = tuple(sorted(paths))  # the order in which a dict's leaves are traced
    native, results = loop(fn, params, order)
    inputs = np.stack([np.asarray(varied[path]) for path in order])
    outputs = np.empty((results, inputs.shape[1]))
    native(inputs, outputs)
    expected = jax.jit(jax.vmap(lambda changes: fn(with_leaves(params, changes))))(varied)
    wanted = np.stack([np.asarray(leaf) for leaf in jax.tree_util.tree_leaves(expected)])
    with np.errstate(invalid="ignore", divide="ignore"):
        off = np.nanmax(np.abs(outputs - wanted) / np.maximum(np.abs(wanted), 1e-300))
    parts = np.array_split(np.arange(inputs.shape[1]), threads)
    pieces = [(np.ascontiguousarray(inputs[:, part]), np.empty((results, len(part)))) for part in parts]
    with ThreadPoolExecutor(threads) as pool:
        seconds = best_of(lambda: list(pool.map(lambda piece: native(*piece), pieces)), repeat)
    return inputs.shape[1] / seconds, float(off)
