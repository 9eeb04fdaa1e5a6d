"""What both printers share: numbers, operator precedence, and which values get a name of their own."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nvlinklab.live.ops import Scalar
from nvlinklab.live.program import Program

INFIX = {
    "mul": ("*", 13), "div": ("/", 13), "rem": ("%", 13), "add": ("+", 12), "sub": ("-", 12), "lt": ("<", 10), "le": ("<=", 10),
    "gt": (">", 10), "ge": (">=", 10), "eq": ("===", 9), "ne": ("!==", 9), "and": ("&&", 5), "or": ("||", 4),
}  # fmt: skip
TERNARY, UNARY, ATOM = 3, 15, 20
LONGEST = 400  # characters of one expression


class Text(NamedTuple):
    """An expression and how tightly it binds."""

    text: str
    binds: int = ATOM

    def within(self, level: int) -> str:
        """Return the text as an operand of an operator that binds at `level`."""
        return self.text if self.binds >= level else f"({self.text})"


class Language(NamedTuple):
    """What differs between the languages.

    Attributes:
        call: the name of the function of an operation
        infinity: how infinity is written
    """

    call: Callable[[str], str]
    infinity: str


def literal(value: Scalar, infinity: str) -> Text:
    """Return a number or flag as it is written in JavaScript and in Vega, in the fewest digits that give it back.

    >>> literal(0.1, "Infinity").text, literal(-8.0, "Infinity")
    ('0.1', Text(text='-8', binds=15))
    """
    if isinstance(value, bool):
        return Text("true" if value else "false")
    if value != value:
        return Text("NaN")
    if math.isinf(value):
        return Text(infinity if value > 0 else f"-{infinity}", ATOM if value > 0 else UNARY)
    text = repr(value).removesuffix(".0")
    return Text(text, UNARY if text.startswith("-") else ATOM)


def write(
    program: Program, inputs: Sequence[str], language: Language, name: Callable[[int, int], str], longest: int = LONGEST
) -> tuple[list[tuple[str, str]], list[str]]:
    """Return the assignments `(name, expression)` of a program in order, and the expression of each output.

    A value that is read once is written where it is read; others get a name.

    Args:
        program: what to write
        inputs: the name of each input
        language: what differs between the languages
        name: the name of the assignment of a node, from its index and how many came before it
        longest: expressions longer than this get a name as well
    """
    uses, texts, assigned = program.uses(), list[Text](), list[tuple[str, str]]()
    for index, node in enumerate(program.nodes):
        if node.op == "const":
            texts.append(literal(node.value, language.infinity))
            continue
        if node.op == "input":
            texts.append(Text(inputs[int(node.value)]))
            continue
        text = _operation(node.op, [texts[a] for a in node.args], language)
        if uses[index] > 1 or len(text.text) > longest:
            assigned.append((name(index, len(assigned)), text.text))
            text = Text(assigned[-1][0])
        texts.append(text)
    return assigned, [texts[output.node].text for output in program.outputs]


def _operation(op: str, given: list[Text], language: Language) -> Text:
    if op in INFIX:
        sign, level = INFIX[op]
        return Text(f"{given[0].within(level)} {sign} {given[1].within(level + 1)}", level)
    if op == "neg":
        return Text(f"-{given[0].within(UNARY + 1)}", UNARY)
    if op == "not":
        return Text(f"!{given[0].within(UNARY + 1)}", UNARY)
    if op == "number":
        return Text(f"{given[0].within(TERNARY + 1)} ? 1 : 0", TERNARY)
    if op == "select":
        condition, yes, no = (part.within(TERNARY + 1) for part in given)
        return Text(f"{condition} ? {yes} : {no}", TERNARY)
    return Text(f"{language.call(op)}({', '.join(part.text for part in given)})")
