"""A formula as a list of scalar operations: what a jaxpr becomes and what the printers write.

Equal operations exist once, operations on constants are carried out, and only what an output needs is kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from nvlinklab.errors import SpecError
from nvlinklab.live.ops import FLAGS, FOLD, Scalar

MOST_NODES = 60_000


class Node(NamedTuple):
    """One operation: the indices of its arguments, which come before it. `const` holds its value, `input` its number, in `value`."""

    op: str
    args: tuple[int, ...] = ()
    value: Scalar = 0.0


class Input(NamedTuple):
    """An input: its dotted path, its SI unit (empty where unknown) and the value it has unless it is changed."""

    path: str
    unit: str
    default: float


class Output(NamedTuple):
    """A result: its dotted name, its SI unit (empty where unknown), the index of its node, and whether it is a flag."""

    name: str
    unit: str
    node: int
    flag: bool = False


class Program(NamedTuple):
    """Nodes in an order in which they can be computed, with inputs and outputs."""

    nodes: tuple[Node, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]

    def uses(self) -> list[int]:
        """Return how often each node is read, an output counting as a reading."""
        counts = [0] * len(self.nodes)
        for node in self.nodes:
            for arg in node.args:
                counts[arg] += 1
        for output in self.outputs:
            counts[output.node] += 1
        return counts

    def live_inputs(self) -> frozenset[int]:
        """Return the numbers of the inputs that any output depends on."""
        return frozenset(int(node.value) for node in self.nodes if node.op == "input")

    def evaluate(self, values: Sequence[float]) -> list[float]:
        """Return the outputs at some inputs, by the folding rules: slow, for tests."""
        held: list[Scalar] = []
        for node in self.nodes:
            if node.op == "const":
                held.append(node.value)
            elif node.op == "input":
                held.append(float(values[int(node.value)]))
            else:
                held.append(FOLD[node.op](*(held[a] for a in node.args)))
        return [float(held[output.node]) for output in self.outputs]


class Builder:
    """Collects nodes; each method returns the index of a node."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._index: dict[tuple[object, ...], int] = {}

    def const(self, value: Scalar) -> int:
        """Return the node of a constant, a flag or a number."""
        key = ("const", value) if isinstance(value, bool) else ("const", float(value).hex())
        return self._add(key, Node("const", value=value if isinstance(value, bool) else float(value)))

    def input(self, number: int) -> int:
        """Return the node of an input."""
        return self._add(("input", number), Node("input", value=number))

    def apply(self, op: str, *args: int) -> int:
        """Return the node of an operation: an equal one that exists, a constant, or what it simplifies to without changing any result."""
        held = [self.nodes[a] for a in args]
        if all(node.op == "const" for node in held):
            return self.const(FOLD[op](*(node.value for node in held)))
        simple = self._simplified(op, args)
        if simple is not None:
            return simple
        if op in ("add", "mul", "max", "min", "eq", "ne", "and", "or") and args[0] > args[1]:
            args = (args[1], args[0])
        return self._add((op, *args), Node(op, args))

    def finish(self, inputs: Iterable[Input], outputs: Iterable[Output]) -> Program:
        """Return the program: nodes that no output needs are dropped, flags among the outputs are noted."""
        outputs = list(outputs)
        needed, stack = set[int](), [o.node for o in outputs]
        while stack:
            index = stack.pop()
            if index not in needed:
                needed.add(index)
                stack.extend(self.nodes[index].args)
        place = {old: new for new, old in enumerate(sorted(needed))}
        kept = [self.nodes[old] for old in sorted(needed)]
        nodes = tuple(node._replace(args=tuple(place[a] for a in node.args)) for node in kept)
        return Program(nodes, tuple(inputs), tuple(o._replace(node=place[o.node], flag=self.is_flag(o.node)) for o in outputs))

    def is_flag(self, index: int) -> bool:
        """Return whether a node is true or false rather than a number."""
        node = self.nodes[index]
        if node.op == "select":
            return self.is_flag(node.args[1])
        return node.op in FLAGS or (isinstance(node.value, bool) and node.op == "const")

    def _add(self, key: tuple[object, ...], node: Node) -> int:
        if key not in self._index:
            if len(self.nodes) >= MOST_NODES:
                raise SpecError(f"the formula has more than {MOST_NODES} operations once loops are written out; vary less, or loop less")
            self._index[key] = len(self.nodes)
            self.nodes.append(node)
        return self._index[key]

    def _value(self, index: int) -> Scalar | None:
        node = self.nodes[index]
        return node.value if node.op == "const" else None

    def _simplified(self, op: str, args: tuple[int, ...]) -> int | None:
        """Return an existing node that equals the operation for every argument, NaN and infinities included."""
        values = [self._value(a) for a in args]
        if op in ("add", "sub", "mul", "div", "pow"):
            neutral = 0.0 if op in ("add", "sub") else 1.0
            if values[1] == neutral:
                return args[0]
            if op in ("add", "mul") and values[0] == neutral:
                return args[1]
            if op == "mul" and -1.0 in values:
                return self.apply("neg", args[1] if values[0] == -1.0 else args[0])
            return None
        if op in ("neg", "not") and self.nodes[args[0]].op == op:
            return self.nodes[args[0]].args[0]
        if op in ("max", "min") and args[0] == args[1]:
            return args[0]
        if op in ("and", "or"):
            return self._joined(op, args, values)
        if op == "select":
            if values[0] is not None:
                return args[1] if values[0] else args[2]
            if args[1] == args[2]:
                return args[1]
        return None

    def _joined(self, op: str, args: tuple[int, ...], values: Sequence[Scalar | None]) -> int | None:
        if args[0] == args[1]:
            return args[0]
        for mine, other in ((0, 1), (1, 0)):
            if values[mine] is not None:
                return args[other] if bool(values[mine]) == (op == "and") else self.const(op == "or")
        return None


def join(programs: Mapping[str, Program]) -> Program:
    """Return one program with the outputs of several that have the same inputs; each output's name gets its program's as a prefix."""
    builder, outputs, inputs = Builder(), list[Output](), tuple[Input, ...]()
    for prefix, program in programs.items():
        if inputs and program.inputs != inputs:
            raise SpecError("programs with different inputs cannot be joined")
        inputs = program.inputs
        place: list[int] = []
        for node in program.nodes:
            made = builder.const(node.value) if node.op == "const" else builder.input(int(node.value)) if node.op == "input" else -1
            place.append(made if made >= 0 else builder.apply(node.op, *(place[a] for a in node.args)))
        outputs += [o._replace(name=f"{prefix}{o.name}", node=place[o.node]) for o in program.outputs]
    return builder.finish(inputs, outputs)
