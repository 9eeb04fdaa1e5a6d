"""A `Program` as an ES module without dependencies: a page imports it and calls `evaluate` with a Float64Array.

The module is a static file, so a content security policy of `script-src 'self'` is enough; nothing is compiled in the browser.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nvlinklab.live.jaxpr import compile, gradient  # noqa: A004
from nvlinklab.live.printing import Language, write
from nvlinklab.live.program import Program

HELPERS = {
    "pow": """// x^y by the rules of C: 1 to any power and anything to the power 0 is 1
const pow = (x, y) => (x === 1 || (x === -1 && (y === Infinity || y === -Infinity)) ? 1 : Math.pow(x, y));""",
    "half_even": """// the nearest whole number, halves to the even one
const half_even = (x) => (Math.abs(x) < 4503599627370496 ? x + 6755399441055744 - 6755399441055744 : x);""",
    "half_away": """// the nearest whole number, halves away from zero
const half_away = (x) => Math.sign(x) * (Math.floor(Math.abs(x)) + (Math.abs(x) - Math.floor(Math.abs(x)) >= 0.5 ? 1 : 0));""",
}
NATIVE = {"isfinite": "Number.isFinite"}
LANGUAGE = Language(lambda op: op if op in HELPERS else NATIVE.get(op, f"Math.{op}"), "Infinity")


def javascript(
    fn: Callable[[Any], Any],
    params: Any,
    inputs: Sequence[str] | None = None,
    gradient_of: str | Callable[[Any], Any] | None = None,
    units: Mapping[str, str] | None = None,
) -> str:
    """Return an ES module that computes a function of a pytree of floats in the browser.

    It exports `inputs` (path, unit and default of each), `outputs` (name and unit of each), `evaluate(x)`, which takes a Float64Array
    with a value for each input and returns one with a value for each output (flags as 0 or 1), and, with `gradient_of`, `gradient(x)`,
    which returns the derivative of one output for each input.

    Args:
        fn: returns a scalar, or a pytree of scalars (a dict, a struct)
        params: the point whose values are the defaults; static fields, such as the kind of attention, shape the module
        inputs: dotted paths of the leaves that stay inputs; by default all
        gradient_of: a scalar function of the same pytree to differentiate, or the name of an output of `fn`
        units: SI units of inputs by path and of outputs by name, beyond those that structs declare

    Raises:
        UnsupportedPrimitive: an operation that has no counterpart, with its name and the line that used it.
        SpecError: a path that does not exist, or an output that is no scalar.
    """
    value = compile(fn, params, inputs, units)
    functions = {"evaluate": value}
    if gradient_of is not None:
        chosen = _output(fn, gradient_of) if isinstance(gradient_of, str) else gradient_of
        functions["gradient"] = gradient(chosen, params, inputs, units)
    return module(value, functions)


def module(value: Program, functions: Mapping[str, Program]) -> str:
    """Return the ES module of some programs with the same inputs, each an exported function; `value` says what `outputs` lists."""
    used = {node.op for program in functions.values() for node in program.nodes}
    finite = [i.default if math.isfinite(i.default) else str(i.default) for i in value.inputs]
    listed = [{"path": i.path, "unit": i.unit, "default": default} for i, default in zip(value.inputs, finite, strict=True)]
    lines = ["// Written by nvlinklab.live from a JAX function; change the function, not this file."]
    lines += [f"export const inputs = {_table(listed)};"]
    lines += [f"export const outputs = {_table([{'name': o.name, 'unit': o.unit} for o in value.outputs])};"]
    lines += [text for op, text in HELPERS.items() if op in used]
    for name, program in functions.items():
        lines += ["", *_function(name, program)]
    return "\n".join(lines) + "\n"


def _output(fn: Callable[[Any], Any], name: str) -> Callable[[Any], Any]:
    def chosen(params: Any) -> Any:
        found = fn(params)
        for part in name.split("."):
            found = found[part] if isinstance(found, dict) else getattr(found, part)
        return found

    return chosen


def _table(rows: list[dict[str, Any]]) -> str:
    """Rows as JSON, one on a line; a default that is not finite is written as JavaScript writes it."""
    texts = [json.dumps(row, ensure_ascii=False) for row in rows]
    for word, name in (("nan", "NaN"), ("-inf", "-Infinity"), ("inf", "Infinity")):
        texts = [text.replace(f'"default": "{word}"', f'"default": {name}') for text in texts]
    return "[\n" + "".join(f"  {text},\n" for text in texts) + "]"


def _function(name: str, program: Program) -> list[str]:
    assigned, results = write(program, [f"x[{k}]" for k in range(len(program.inputs))], LANGUAGE, lambda _, number: f"t{number}")
    lines = [f"export function {name}(x) {{"]
    lines += [f"  const {variable} = {expression};" for variable, expression in assigned]
    return [*lines, f"  return Float64Array.of({', '.join(results)});", "}"]
