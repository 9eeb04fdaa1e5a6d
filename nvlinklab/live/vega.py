"""A `Program` as Vega expressions. Vega's expression language is small, so some operations are first rewritten in those it has.

`log1p` and `expm1` become Kahan's compensated forms (Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd ed., section 1.14.1),
which are good to a few units in the last place for every argument; `tanh` follows from `expm1`.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from nvlinklab.live.printing import Language, write
from nvlinklab.live.program import Builder, Program

LANGUAGE = Language(lambda op: {"isfinite": "isFinite"}.get(op, op), "(1 / 0)")


class Expression(NamedTuple):
    """One assignment: its name, its expression, and whether it must be computed for each row rather than once."""

    name: str
    text: str
    by_row: bool


def expressions(program: Program, inputs: Sequence[str], by_row: Sequence[bool], prefix: str = "t") -> tuple[list[Expression], list[str]]:
    """Return the assignments of a program in order, and the expression of each output.

    Args:
        program: what to write; it is lowered first
        inputs: the expression of each input: the name of a signal, or a field such as `datum.x`
        by_row: whether each input is a field
        prefix: of the names that are made
    """
    program = lowered(program)
    rows = _depends(program, by_row)
    order: list[bool] = []

    def name(index: int, number: int) -> str:
        order.append(rows[index])
        return f"datum.{prefix}{number}" if rows[index] else f"{prefix}{number}"

    assigned, results = write(program, inputs, LANGUAGE, name)
    made = [Expression(n.removeprefix("datum."), text, row) for (n, text), row in zip(assigned, order, strict=True)]
    return made, results


def lowered(program: Program) -> Program:
    """Return an equal program that uses only what Vega has."""
    builder, place = Builder(), list[int]()
    for node in program.nodes:
        args = [place[a] for a in node.args]
        if node.op == "const":
            place.append(builder.const(node.value))
        elif node.op == "input":
            place.append(builder.input(int(node.value)))
        elif node.op in LOWER:
            place.append(LOWER[node.op](builder, *args))
        else:
            place.append(builder.apply(node.op, *args))
    return builder.finish(program.inputs, [o._replace(node=place[o.node]) for o in program.outputs])


def _depends(program: Program, by_row: Sequence[bool]) -> list[bool]:
    found: list[bool] = []
    for node in program.nodes:
        found.append(by_row[int(node.value)] if node.op == "input" else any(found[a] for a in node.args))
    return found


def _log1p(b: Builder, x: int) -> int:
    one = b.const(1.0)
    u = b.apply("add", one, x)
    plain = b.apply("or", b.apply("eq", u, one), b.apply("eq", u, b.const(float("inf"))))
    return b.apply("select", plain, x, b.apply("div", b.apply("mul", b.apply("log", u), x), b.apply("sub", u, one)))


def _expm1(b: Builder, x: int) -> int:
    one = b.const(1.0)
    u = b.apply("exp", x)
    less = b.apply("sub", u, one)
    near = b.apply("div", b.apply("mul", less, x), b.apply("log", u))
    far = b.apply("or", b.apply("eq", less, b.const(-1.0)), b.apply("eq", u, b.const(float("inf"))))
    return b.apply("select", b.apply("eq", u, one), x, b.apply("select", far, less, near))


def _tanh(b: Builder, x: int) -> int:
    t = _expm1(b, b.apply("mul", b.const(-2.0), b.apply("abs", x)))
    size = b.apply("div", b.apply("neg", t), b.apply("add", t, b.const(2.0)))
    return b.apply("select", b.apply("lt", x, b.const(0.0)), b.apply("neg", size), size)


def _sign(b: Builder, x: int) -> int:
    zero = b.const(0.0)
    below = b.apply("select", b.apply("lt", x, zero), b.const(-1.0), x)  # zero and NaN stay what they are
    return b.apply("select", b.apply("gt", x, zero), b.const(1.0), below)


def _trunc(b: Builder, x: int) -> int:
    return b.apply("select", b.apply("lt", x, b.const(0.0)), b.apply("ceil", x), b.apply("floor", x))


def _half_even(b: Builder, x: int) -> int:
    magic = b.const(6755399441055744.0)
    small = b.apply("lt", b.apply("abs", x), b.const(4503599627370496.0))
    return b.apply("select", small, b.apply("sub", b.apply("add", x, magic), magic), x)


def _half_away(b: Builder, x: int) -> int:
    size = b.apply("abs", x)
    floor = b.apply("floor", size)
    up = b.apply("number", b.apply("ge", b.apply("sub", size, floor), b.const(0.5)))
    return b.apply("mul", _sign(b, x), b.apply("add", floor, up))


def _pow(b: Builder, x: int, y: int) -> int:
    """Vega's pow is JavaScript's, for which 1 to the power NaN or infinity is NaN; in C, and in JAX, it is 1."""
    result, (base, power) = b.apply("pow", x, y), (b.nodes[x], b.nodes[y])
    if power.op == "const" or (base.op == "const" and base.value not in (1.0, -1.0)):
        return result
    minus = b.apply("and", b.apply("eq", x, b.const(-1.0)), b.apply("eq", b.apply("abs", y), b.const(float("inf"))))
    return b.apply("select", b.apply("or", b.apply("eq", x, b.const(1.0)), minus), b.const(1.0), result)


LOWER: dict[str, Callable[..., int]] = {
    "log1p": _log1p, "expm1": _expm1, "tanh": _tanh, "sign": _sign, "trunc": _trunc, "half_even": _half_even, "half_away": _half_away,
    "pow": _pow,
}  # fmt: skip
"""Operations that Vega lacks, or computes by other rules."""
