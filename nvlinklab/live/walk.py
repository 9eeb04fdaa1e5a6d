"""The walk along a jaxpr: every value is an array of node indices, nested functions are written in place, small arrays become scalars."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.extend.core import Literal

from nvlinklab.errors import SpecError
from nvlinklab.live.errors import UnsupportedPrimitive
from nvlinklab.live.program import Builder

ELEMENTWISE = {
    "add": "add", "add_any": "add", "sub": "sub", "mul": "mul", "neg": "neg", "abs": "abs", "sign": "sign", "max": "max", "min": "min",
    "pow": "pow", "exp": "exp", "log": "log", "log1p": "log1p", "expm1": "expm1", "sqrt": "sqrt", "tanh": "tanh", "floor": "floor",
    "ceil": "ceil", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge", "eq": "eq", "ne": "ne", "and": "and", "or": "or", "not": "not",
    "is_finite": "isfinite", "rem": "rem",
}  # fmt: skip
SAME = {"copy", "copy_p", "stop_gradient", "optimization_barrier"}
CALLS = {"jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "remat", "checkpoint"}
REDUCE = {"reduce_sum": "add", "reduce_prod": "mul", "reduce_max": "max", "reduce_min": "min", "reduce_and": "and", "reduce_or": "or"}
CUMULATE = {"cumsum": "add", "cumprod": "mul", "cummax": "max", "cummin": "min"}
HERE = Path(__file__).parent
PACKAGES = tuple(str(Path(package.__file__).parent) for package in (jax, np))


def scalar(index: int) -> np.ndarray:
    """Return an array of shape () that holds one node."""
    return np.array(index, dtype=object)


def _place(eqn: Any) -> str:
    """Return `file:line` of the first frame outside JAX, of the user's formula."""
    traceback = eqn.source_info.traceback
    for frame in traceback.frames if traceback is not None else ():
        if not frame.file_name.startswith((*PACKAGES, "<")) and Path(frame.file_name).parent != HERE:
            return f"{frame.file_name}:{frame.line_num}"
    return ""


class Walker:
    """Walks jaxprs; the value of a variable is an array of node indices."""

    def __init__(self) -> None:
        self.builder = Builder()

    def run(self, jaxpr: Any, consts: Sequence[Any], inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the values of a jaxpr's results."""
        held = {var: self.constant(value) for var, value in zip(jaxpr.constvars, consts, strict=True)}
        held |= dict(zip(jaxpr.invars, inputs, strict=True))

        def read(var: Any) -> np.ndarray:
            return self.constant(var.val) if isinstance(var, Literal) else held[var]

        for eqn in jaxpr.eqns:
            results = self.equation(eqn, [read(var) for var in eqn.invars])
            held |= dict(zip(eqn.outvars, results, strict=True))
        return [read(var) for var in jaxpr.outvars]

    def closed(self, closed: Any, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the results of a closed jaxpr, or of one without constants."""
        return self.run(closed.jaxpr, closed.consts, inputs) if hasattr(closed, "consts") else self.run(closed, (), inputs)

    def constant(self, value: Any) -> np.ndarray:
        """Return the nodes of a constant array."""
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise SpecError(f"a constant of type {array.dtype} cannot be written as an expression")
        cast = bool if array.dtype.kind == "b" else float
        nodes = np.empty(array.shape, dtype=object)
        for place in np.ndindex(array.shape):
            nodes[place] = self.builder.const(cast(array[place]))
        return nodes

    def each(self, op: str, *arrays: np.ndarray) -> np.ndarray:
        """Apply an operation element by element."""
        made = np.frompyfunc(lambda *args: self.builder.apply(op, *args), len(arrays), 1)(*arrays)
        return np.asarray(made, dtype=object)

    def number(self, value: float) -> np.ndarray:
        """Return the node of one number."""
        return scalar(self.builder.const(float(value)))

    def equation(self, eqn: Any, given: list[np.ndarray]) -> list[np.ndarray]:
        """Return the results of one equation."""
        name, params = eqn.primitive.name, eqn.params
        if name in CALLS:
            inner = params.get("jaxpr") or params.get("call_jaxpr")
            if inner is None:
                raise self.refuse(eqn)
            return self.closed(inner, given)
        if name in ("scan", "while", "cond", "split", "unstack", "custom_linear_solve"):
            return getattr(self, f"_{name}")(eqn, given)
        if name in SAME:
            return list(given)
        if name in ELEMENTWISE:
            if name in ("and", "or", "not") and eqn.outvars[0].aval.dtype != bool:
                raise self.refuse(eqn, "bits of integers")
            return [self.each(ELEMENTWISE[name], *given)]
        if name in REDUCE:
            return [self._fold(REDUCE[name], given[0], params["axes"])]
        if name in CUMULATE:
            return [self._cumulate(CUMULATE[name], given[0], params["axis"], params["reverse"])]
        way = getattr(self, f"_{name}", None)
        if way is None:
            raise self.refuse(eqn)
        return [np.asarray(way(eqn, *given), dtype=object)]

    def refuse(self, eqn: Any, why: str = "") -> UnsupportedPrimitive:
        """Return the error for an equation."""
        return UnsupportedPrimitive(eqn.primitive.name, _place(eqn), why)

    # -- arithmetic that needs more than one operation

    def _div(self, eqn: Any, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        quotient = self.each("div", a, b)
        return self.each("trunc", quotient) if eqn.outvars[0].aval.dtype.kind in "iu" else quotient

    def _square(self, _: Any, a: np.ndarray) -> np.ndarray:
        return self.each("mul", a, a)

    def _integer_pow(self, eqn: Any, a: np.ndarray) -> np.ndarray:
        power = eqn.params["y"]
        result, base, left = None, a, abs(power)
        while left:
            if left & 1:
                result = base if result is None else self.each("mul", result, base)
            left >>= 1
            base = self.each("mul", base, base) if left else base
        result = self.number(1.0) if result is None else result
        result = np.broadcast_to(result, a.shape)
        return self.each("div", self.number(1.0), result) if power < 0 else result

    def _rsqrt(self, _: Any, a: np.ndarray) -> np.ndarray:
        return self.each("div", self.number(1.0), self.each("sqrt", a))

    def _cbrt(self, _: Any, a: np.ndarray) -> np.ndarray:
        return self.each("mul", self.each("sign", a), self.each("pow", self.each("abs", a), self.number(1.0 / 3.0)))

    def _exp2(self, _: Any, a: np.ndarray) -> np.ndarray:
        return self.each("pow", self.number(2.0), a)

    def _logistic(self, _: Any, a: np.ndarray) -> np.ndarray:
        one = self.number(1.0)
        return self.each("div", one, self.each("add", one, self.each("exp", self.each("neg", a))))

    def _round(self, eqn: Any, a: np.ndarray) -> np.ndarray:
        return self.each("half_even" if int(eqn.params["rounding_method"]) == 1 else "half_away", a)

    def _clamp(self, _: Any, low: np.ndarray, a: np.ndarray, high: np.ndarray) -> np.ndarray:
        return self.each("min", self.each("max", a, low), high)

    def _select_n(self, eqn: Any, which: np.ndarray, *cases: np.ndarray) -> np.ndarray:
        if eqn.invars[0].aval.dtype == bool:
            return self.each("select", which, cases[-1], cases[0])
        result = cases[-1]
        for number in range(len(cases) - 2, -1, -1):
            result = self.each("select", self.each("eq", which, self.number(number)), cases[number], result)
        return result

    def _convert_element_type(self, eqn: Any, a: np.ndarray) -> np.ndarray:
        before, after = np.dtype(eqn.invars[0].aval.dtype), np.dtype(eqn.params["new_dtype"])
        if after.kind == "f" and after.itemsize < 8 and before.kind == "f":
            raise self.refuse(eqn, f"a result rounded to {after}, while the browser computes in float64")
        if before == after or (after.kind == "f" and before.kind in "fiu") or (after.kind in "iu" and before.kind in "iu"):
            return a
        if before.kind == "b":
            return self.each("number", a)
        return self.each("ne", a, self.number(0.0)) if after.kind == "b" else self.each("trunc", a)

    # -- shapes

    def _broadcast_in_dim(self, eqn: Any, a: np.ndarray, *_: np.ndarray) -> np.ndarray:
        shape, places = eqn.params["shape"], eqn.params["broadcast_dimensions"]
        room = [1] * len(shape)
        for axis, place in enumerate(places):
            room[place] = a.shape[axis]
        return np.broadcast_to(a.reshape(room), shape)

    def _reshape(self, eqn: Any, a: np.ndarray, *_: np.ndarray) -> np.ndarray:
        return a.reshape(eqn.params["new_sizes"])

    def _squeeze(self, eqn: Any, a: np.ndarray) -> np.ndarray:
        return a.reshape(eqn.outvars[0].aval.shape)

    def _expand_dims(self, eqn: Any, a: np.ndarray) -> np.ndarray:
        return a.reshape(eqn.outvars[0].aval.shape)

    def _transpose(self, eqn: Any, a: np.ndarray) -> np.ndarray:
        return a.transpose(eqn.params["permutation"])

    def _rev(self, eqn: Any, a: np.ndarray) -> np.ndarray:
        return np.flip(a, eqn.params["dimensions"])

    def _slice(self, eqn: Any, a: np.ndarray) -> np.ndarray:
        p = eqn.params
        steps = p["strides"] or (1,) * a.ndim
        return a[tuple(map(slice, p["start_indices"], p["limit_indices"], steps))]

    def _concatenate(self, eqn: Any, *parts: np.ndarray) -> np.ndarray:
        return np.concatenate(parts, axis=eqn.params["dimension"])

    def _stack(self, eqn: Any, *parts: np.ndarray) -> np.ndarray:
        return np.stack(parts, axis=eqn.params["axis"])

    def _unstack(self, eqn: Any, given: list[np.ndarray]) -> list[np.ndarray]:
        return [np.asarray(part, dtype=object) for part in np.moveaxis(given[0], eqn.params["axis"], 0)]

    def _split(self, eqn: Any, given: list[np.ndarray]) -> list[np.ndarray]:
        edges = np.cumsum(eqn.params["sizes"])[:-1]
        return [np.asarray(part, dtype=object) for part in np.split(given[0], edges, axis=eqn.params["axis"])]

    def _dynamic_slice(self, eqn: Any, a: np.ndarray, *starts: np.ndarray) -> np.ndarray:
        nodes = [self.builder.nodes[start[()]] for start in starts]
        if any(node.op != "const" for node in nodes):
            raise self.refuse(eqn, "which element is read depends on an input")
        sizes = eqn.params["slice_sizes"]
        firsts = [min(max(int(node.value), 0), n - size) for node, n, size in zip(nodes, a.shape, sizes, strict=True)]
        return a[tuple(slice(first, first + size) for first, size in zip(firsts, sizes, strict=True))]

    def _pad(self, eqn: Any, a: np.ndarray, filling: np.ndarray) -> np.ndarray:
        out = np.full(eqn.outvars[0].aval.shape, filling[()], dtype=object)
        places = []
        for size, (low, _, gap) in zip(a.shape, eqn.params["padding_config"], strict=True):
            places.append(low + np.arange(size) * (gap + 1))
        for index in np.ndindex(a.shape):
            target = tuple(int(place[i]) for place, i in zip(places, index, strict=True))
            if all(0 <= t < n for t, n in zip(target, out.shape, strict=True)):
                out[target] = a[index]
        return out

    def _iota(self, eqn: Any) -> np.ndarray:
        p = eqn.params
        numbers = np.arange(p["shape"][p["dimension"]], dtype=float)
        room = [1] * len(p["shape"])
        room[p["dimension"]] = -1
        return self.constant(np.broadcast_to(numbers.reshape(room), p["shape"]))

    def _dot_general(self, eqn: Any, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        (sum_a, sum_b), (batch_a, batch_b) = eqn.params["dimension_numbers"]
        free_a = [i for i in range(a.ndim) if i not in (*sum_a, *batch_a)]
        free_b = [i for i in range(b.ndim) if i not in (*sum_b, *batch_b)]
        left, right = a.transpose((*batch_a, *free_a, *sum_a)), b.transpose((*batch_b, *free_b, *sum_b))
        n, batch = len(batch_a), left.shape[: len(batch_a)]
        left = left.reshape((*left.shape[: n + len(free_a)], *(1,) * len(free_b), *left.shape[n + len(free_a) :]))
        right = right.reshape((*batch, *(1,) * len(free_a), *right.shape[n:]))
        product = self.each("mul", left, right)
        return self._fold("add", product, tuple(range(product.ndim - len(sum_a), product.ndim)))

    def _fold(self, op: str, a: np.ndarray, axes: Sequence[int]) -> np.ndarray:
        start = {"add": 0.0, "mul": 1.0, "max": -math.inf, "min": math.inf, "and": True, "or": False}[op]
        moved = np.moveaxis(a, axes, range(len(axes)))
        moved = moved.reshape((int(np.prod(moved.shape[: len(axes)], dtype=int)), *moved.shape[len(axes) :]))
        if not len(moved):
            return self.constant(np.full(moved.shape[1:], start))
        result = np.asarray(moved[0], dtype=object)
        for row in moved[1:]:
            result = self.each(op, result, row)
        return result

    def _cumulate(self, op: str, a: np.ndarray, axis: int, reverse: bool) -> np.ndarray:
        rows = list(np.moveaxis(a, axis, 0))
        rows = rows[::-1] if reverse else rows
        for i in range(1, len(rows)):
            rows[i] = self.each(op, rows[i - 1], rows[i])
        rows = rows[::-1] if reverse else rows
        return np.moveaxis(np.stack([np.asarray(row, dtype=object) for row in rows]), 0, axis) if rows else a

    # -- control flow that is known before the inputs are

    def _scan(self, eqn: Any, given: list[np.ndarray]) -> list[np.ndarray]:
        p = eqn.params
        consts, carry, along = (
            given[: p["num_consts"]], given[p["num_consts"] : p["num_consts"] + p["num_carry"]], given[p["num_consts"] + p["num_carry"] :],
        )  # fmt: skip
        stacked: list[list[np.ndarray]] = []
        steps = range(p["length"] - 1, -1, -1) if p["reverse"] else range(p["length"])
        for i in steps:
            results = self.closed(p["jaxpr"], [*consts, *carry, *(np.asarray(a[i], dtype=object) for a in along)])
            carry = results[: p["num_carry"]]
            stacked.append(results[p["num_carry"] :])
        if p["reverse"]:
            stacked.reverse()
        return [*carry, *(np.stack([np.asarray(row, dtype=object) for row in rows]) for rows in zip(*stacked, strict=True))]

    def _while(self, eqn: Any, given: list[np.ndarray]) -> list[np.ndarray]:
        p = eqn.params
        ask, body = given[: p["cond_nconsts"]], given[p["cond_nconsts"] : p["cond_nconsts"] + p["body_nconsts"]]
        carry = given[p["cond_nconsts"] + p["body_nconsts"] :]
        while True:
            node = self.builder.nodes[self.closed(p["cond_jaxpr"], [*ask, *carry])[0][()]]
            if node.op != "const":
                raise self.refuse(eqn, "how often the loop runs depends on an input")
            if not node.value:
                return carry
            carry = self.closed(p["body_jaxpr"], [*body, *carry])

    def _cond(self, eqn: Any, given: list[np.ndarray]) -> list[np.ndarray]:
        which, rest = given[0], given[1:]
        found = [self.closed(branch, rest) for branch in eqn.params["branches"]]
        results = found[-1]
        for number in range(len(found) - 2, -1, -1):
            chosen = self.each("le", which, self.number(number))
            results = [self.each("select", chosen, a, b) for a, b in zip(found[number], results, strict=True)]
        return results

    def _custom_linear_solve(self, eqn: Any, given: list[np.ndarray]) -> list[np.ndarray]:
        lengths, jaxprs = eqn.params["const_lengths"], eqn.params["jaxprs"]
        start = lengths.matvec + lengths.vecmat
        consts = given[start : start + lengths.solve]
        return self.closed(jaxprs.solve, [*consts, *given[sum(lengths) :]])
