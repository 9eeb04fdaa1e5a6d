"""How much of the time things work: one part, parts in series, parts in parallel, k of n, and who is to blame.

Parts fail independently at a constant rate and are repaired one by one. Shared causes (a power bus, a coolant loop) are parts of their
own in series; what is left out, wear-out and human error above all, makes real systems worse.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from nvlinklab._struct import Float, quantity, register_structs, struct
from nvlinklab.errors import InfeasibleError, SpecError


@struct
class Part:
    """A kind of part whose failure takes capacity away.

    Attributes:
        count: how many there are
        mtbf: mean time between failures of one [s]
        mttr: mean time to repair one, travel and waiting included [s]
        loss: share of the system's capacity that is gone while one is down, in [0, 1]
    """

    count: Float = quantity("1")
    mtbf: Float = quantity("s")
    mttr: Float = quantity("s")
    loss: Float = quantity("1", 1.0)


register_structs()


def availability(mtbf: Float, mttr: Float) -> Float:
    """Return the share of time a part works: `MTBF / (MTBF + MTTR)`, 1 where it never fails (Trivedi, Probability and Statistics).

    Args:
        mtbf: mean time of work between failures [s]
        mttr: mean time to repair [s]
    """
    return 1.0 / (1.0 + mttr / mtbf)


def series(availabilities: Float) -> Float:
    """Return the availability of parts that must all work: the product over the first axis, shape (n, ...)."""
    return jnp.prod(jnp.asarray(availabilities), axis=0)


def parallel(availabilities: Float) -> Float:
    """Return the availability of parts of which one must work: one minus the product of the unavailabilities, first axis."""
    return 1.0 - jnp.prod(1.0 - jnp.asarray(availabilities), axis=0)


@jax.jit
def working(availabilities: Float) -> Float:
    """Return the probability of exactly 0, 1, ..., n parts working, shape (n + 1, ...).

    Parts are added one at a time: `p_m(i) = p_(m-1)(i) (1 - a) + p_(m-1)(i-1) a`. Only sums of positive terms, so it neither cancels nor
    overflows, and parts may differ.

    Args:
        availabilities: of each part, shape (n, ...)
    """
    a = jnp.asarray(availabilities, dtype=jnp.float64)
    none = jnp.zeros((1, *a.shape[1:]))
    start = jnp.concatenate([jnp.ones_like(none), jnp.zeros(a.shape)])

    def add(p: Float, one: Float) -> tuple[Float, None]:
        one = one[None]
        return p * (1.0 - one) + jnp.concatenate([none, p[:-1]]) * one, None

    return jax.lax.scan(add, start, a)[0]


def k_of_n(part_availability: Float, needed: int, parts: int) -> Float:
    """Return the probability that at least `needed` of `parts` equal parts work (Trivedi).

    Args:
        part_availability: of one part, any shape
        needed, parts: whole numbers

    Raises:
        SpecError: a number that is negative or not whole.
        InfeasibleError: more parts are needed than there are.
    """
    for name, number in (("needed", needed), ("parts", parts)):
        if number < 0 or int(number) != number:
            raise SpecError(f"{name}={number}; expected a whole number, 0 or more")
    if needed > parts:
        raise InfeasibleError(f"needed={needed} of parts={parts} can never work; use needed<={parts}")
    a = jnp.asarray(part_availability, dtype=jnp.float64)
    return working(jnp.broadcast_to(a[None], (int(parts), *a.shape)))[int(needed) :].sum(axis=0)


def failure_rate(count: Float, mtbf: Float) -> Float:
    """Return the failures per second of `count` parts that all work [1/s]: rates of independent parts add."""
    return count / mtbf


def system_mtbf(count: Float, mtbf: Float) -> Float:
    """Return the time between failures of any of `count` equal parts [s]: `mtbf / count`."""
    return mtbf / count


def expected_failures(count: Float, mtbf: Float, time: Float) -> Float:
    """Return the failures to expect of `count` parts within `time` [s], each back at once (spares at hand)."""
    return failure_rate(count, mtbf) * time


def survival(mtbf: Float, time: Float) -> Float:
    """Return the probability of no failure within `time` [s]: `e^(-time / mtbf)`."""
    return jnp.exp(-time / mtbf)


def capacity_lost(part: Part) -> Float:
    """Return the share of capacity that failures of one kind of part take away on average: `count * (1 - A) * loss`.

    Summed over all kinds (tray, switch, spine, bus) it is the system's loss, by cause. Exact while losses add up; where a part that stops
    everything overlaps with others it reads high, by the product of both.
    """
    return part.count * part.loss * (1.0 - availability(part.mtbf, part.mttr))


def mean_blast(rates: Sequence[Float], losses: Sequence[Float]) -> Float:
    """Return what one failure takes down on average, in the unit of the losses: the losses weighted by how often each kind fails.

    Args:
        rates: failures of each kind, in any common unit (shares of all failures do)
        losses: what one failure of each kind takes down, for example GPUs
    """
    return sum(rate * loss for rate, loss in zip(rates, losses, strict=True)) / sum(rates)


def part_mtbf(count: Float, time: Float, failures: Float) -> Float:
    """Return the time between failures of one part [s] from a count of them: `count * time / failures`, `expected_failures` inverted."""
    return count * time / failures
