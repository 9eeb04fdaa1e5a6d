"""An operator as what it asks of a machine: arithmetic, memory traffic, messages. Operators add."""

from nvlinklab._struct import Float, quantity, register_structs, struct


@struct
class Formats:
    """What an element weighs, and what an operation counts.

    Attributes:
        weight, cache, activation: bytes of a weight, of a cached element, of an activation, block scales included [B]
        dispatch, combine: bytes of an activation on its way to and from the experts [B]
        flop: one floating-point operation [FLOP]; it carries the unit of everything counted from shapes
    """

    weight: Float = quantity("B")
    cache: Float = quantity("B")
    activation: Float = quantity("B", 2.0)
    dispatch: Float = quantity("B", 1.0)
    combine: Float = quantity("B", 2.0)
    flop: Float = quantity("FLOP", 1.0)


@struct
class Op:
    """What an operator does on one GPU.

    Attributes:
        flop: floating-point operations, a multiply-add counts 2 [FLOP]
        read, written: memory traffic [B]
        sent: bytes that leave the GPU [B]
        messages: how many messages they are
    """

    flop: Float = quantity("FLOP", 0.0)
    read: Float = quantity("B", 0.0)
    written: Float = quantity("B", 0.0)
    sent: Float = quantity("B", 0.0)
    messages: Float = quantity("1", 0.0)

    def __add__(self, other: "Op") -> "Op":
        """Return both operators, one after the other."""
        return Op(
            flop=self.flop + other.flop, read=self.read + other.read, written=self.written + other.written,
            sent=self.sent + other.sent, messages=self.messages + other.messages,
        )  # fmt: skip

    def __mul__(self, times: Float) -> "Op":
        """Return the operator run `times` times."""
        return Op(
            flop=self.flop * times, read=self.read * times, written=self.written * times,
            sent=self.sent * times, messages=self.messages * times,
        )  # fmt: skip

    __rmul__ = __mul__


register_structs()


def nbytes(op: Op) -> Float:
    """Return the memory traffic of an operator [B]: read plus written."""
    return op.read + op.written


def intensity(op: Op) -> Float:
    """Return the arithmetic intensity [FLOP/B]: operations per byte of memory traffic."""
    return op.flop / nbytes(op)


def matmul(tokens: Float, width_in: Float, width_out: Float, params: Float, f: Formats) -> Op:
    """Return one linear layer over `tokens` tokens: weights are read once, activations come from and go to memory.

    Args:
        tokens: rows of the activation
        width_in, width_out: elements of a row before and after
        params: weights; `width_in * width_out`, or less where the matrix is block-diagonal (one block per head)
        f: bytes per element
    """
    return Op(
        flop=2.0 * f.flop * params * tokens,
        read=params * f.weight + tokens * width_in * f.activation,
        written=tokens * width_out * f.activation,
    )


def all_reduce(payload: Float, ranks: Float) -> Op:
    """Return what one rank sends to sum `payload` [B] over `ranks` ranks in a ring (Patarasuk & Yuan 2009): `2 (n-1)/n` of it.

    The counts of other algorithms, and their times, are in `nvlinklab.network`.
    """
    return Op(sent=2.0 * (ranks - 1.0) / ranks * payload, messages=2.0 * (ranks - 1.0))
