"""What the compiler says when it meets an operation it cannot write as an expression."""

from nvlinklab.errors import SpecError


class UnsupportedPrimitive(SpecError):  # noqa: N818  (it names what it is about, as jax's own errors do)
    """A JAX operation without a counterpart in the browser.

    Attributes:
        primitive: its name in the jaxpr
        line: `file:line` of the formula that used it, or an empty string where JAX does not know
    """

    def __init__(self, primitive: str, line: str = "", why: str = "") -> None:
        self.primitive, self.line = primitive, line
        place = f" at {line}" if line else ""
        reason = f": {why}" if why else ""
        super().__init__(f"the operation {primitive!r}{place} cannot be written as an expression{reason}; write the formula without it")
