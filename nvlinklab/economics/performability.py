"""Degraded operation: how likely each number of failed parts is, and what the system still delivers then (Meyer 1980, performability)."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab._struct import Float, quantity, register_structs, struct
from nvlinklab.errors import SpecError


@struct
class Delivered:
    """Expected capacity by state, as a share of the whole system.

    Attributes:
        intact: from the time when nothing has failed
        degraded: from the time when something has failed and the rest still serves
    """

    intact: Float = quantity("1")
    degraded: Float = quantity("1")


register_structs()


@jax.jit
def birth_death(up: Float, down: Float) -> Float:
    """Return the steady-state probabilities of a birth-death chain, shape (n + 1,).

    Closed form `p_i ~ prod_(j<i) up_j / down_j` (Trivedi, Probability and Statistics), normalised at every step: with q_i the
    probability of the top state in the chain cut off above i and r_i the ratio of the rates, `q_(i+1) = q_i r_i / (1 + q_i r_i)`. No
    step can overflow, and rates of zero have slopes.

    Args:
        up: rates from state i to i + 1 [1/s], shape (n,), 0 or more
        down: rates from state i + 1 to i [1/s], shape (n,), above 0

    Raises:
        SpecError: shapes that differ or are not (n,).
    """
    up, down = jnp.asarray(up, dtype=jnp.float64), jnp.asarray(down, dtype=jnp.float64)
    if up.ndim != 1 or up.shape != down.shape:
        raise SpecError(f"up has shape {up.shape} and down {down.shape}; expected (n,) each: one rate between neighbouring states")

    def step(top: Float, ratio: Float) -> tuple[Float, tuple[Float, Float]]:
        odds = top * ratio
        new = odds / (1.0 + odds)
        return new, (new, 1.0 / (1.0 + odds))

    first = jnp.ones(())
    _, (tops, stays) = jax.lax.scan(step, first, up / down)
    above = jnp.cumprod(stays[::-1])[::-1]  # probability, from state i on, that no later state is the one
    return jnp.append(first, tops) * jnp.append(above, 1.0)


def failed_parts(parts: int, mtbf: Float, mttr: Float, crews: int | None = None) -> Float:
    """Return the probability of 0, 1, ..., n failed parts, shape (n + 1,): each working part fails, each crew repairs one at a time.

    Args:
        parts: how many, a whole number
        mtbf: mean time between failures of one [s], a scalar
        mttr: mean time to repair one [s], a scalar, above 0
        crews: repairs that can run side by side (None: as many as needed)

    Raises:
        SpecError: `parts` or `crews` is not a positive whole number.
    """
    crews = parts if crews is None else crews
    for name, number in (("parts", parts), ("crews", crews)):
        if number < 1 or int(number) != number:
            raise SpecError(f"{name}={number}; expected a positive whole number")
    failed = np.arange(int(parts), dtype=float)
    return birth_death((parts - failed) / mtbf, np.minimum(failed + 1.0, crews) / mttr)


def steps(parts: int, tolerated: int) -> np.ndarray:
    """Return the capacity with 0, 1, ..., n failed parts, shape (n + 1,): `1 - i/n` up to `tolerated` failures, nothing beyond.

    Raises:
        SpecError: `tolerated` is not between 0 and `parts`.

    >>> steps(4, 1)
    array([1.  , 0.75, 0.  , 0.  , 0.  ])
    """
    if parts < 1 or not 0 <= tolerated <= parts:
        raise SpecError(f"parts={parts}, tolerated={tolerated}; expected at least one part and between 0 and {parts} tolerated failures")
    failed = np.arange(parts + 1, dtype=float)
    return np.where(failed <= tolerated, 1.0 - failed / parts, 0.0)


def fixed_width(parts: int, needed: int) -> np.ndarray:
    """Return the capacity with 0, 1, ..., n failed parts, shape (n + 1,), of a job that always uses `needed` parts: `needed/n` or nothing.

    The rest stand by as spares: a rack of 18 trays that runs jobs on 16.

    Raises:
        SpecError: `needed` is not between 1 and `parts`.

    >>> fixed_width(4, 3)
    array([0.75, 0.75, 0.  , 0.  , 0.  ])
    """
    if not 1 <= needed <= parts:
        raise SpecError(f"parts={parts}, needed={needed}; expected between 1 and {parts} parts in use")
    return np.where(np.arange(parts + 1) <= parts - needed, needed / parts, 0.0)


def delivered(probabilities: Float, capacity: Any) -> Delivered:
    """Return the expected capacity, by whether the system is intact.

    Args:
        probabilities: of each state, state 0 intact, shape (n + 1,)
        capacity: share of the whole that each state delivers, shape (n + 1,), for example from `steps`

    Raises:
        SpecError: shapes that differ.
    """
    probabilities, capacity = jnp.asarray(probabilities), jnp.asarray(capacity)
    if probabilities.shape != capacity.shape:
        raise SpecError(f"probabilities have shape {probabilities.shape} and capacity {capacity.shape}; expected one capacity per state")
    each = probabilities * capacity
    return Delivered(intact=each[0], degraded=each[1:].sum())


def total(capacity: Delivered) -> Float:
    """Return the expected capacity: the sum of the parts. Take it for `availability` when pricing a token."""
    return capacity.intact + capacity.degraded
