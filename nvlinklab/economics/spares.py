"""Spares: how many are in repair, whether a pool suffices, how small it may be.

A failed unit is swapped at once while the pool lasts and comes back after its repair. The number in repair is then Poisson, whatever the
distribution of repair times (Palm 1938; Sherbrooke, Optimal Inventory Modeling of Systems, 2004, chapter 2), so only means are needed.
"""

import jax
import jax.numpy as jnp
from jax.scipy.special import gammaincc, gammaln

from nvlinklab._struct import Float
from nvlinklab.errors import SpecError


def in_repair(running: Float, mtbf: Float, repair_time: Float) -> Float:
    """Return how many units are in repair on average: Little's law, failures per second times seconds in repair.

    Args:
        running: units in service, kept so by spares (without spares: units times availability)
        mtbf: mean time between failures of one [s]
        repair_time: from failure until it is back in the pool, shipping included [s]
    """
    return running / mtbf * repair_time


@jax.custom_jvp
def pool_suffices(demand: Float, spares: Float) -> Float:
    """Return the probability that at most `spares` units are in repair: `P(N <= s) = Q(s + 1, demand)`, N Poisson.

    Args:
        demand: mean number in repair, from `in_repair`, 0 or more
        spares: units in the pool, a whole number; the result has no slope in it
    """
    return gammaincc(jnp.asarray(spares, dtype=jnp.float64) + 1.0, jnp.asarray(demand, dtype=jnp.float64))


@pool_suffices.defjvp
def _pool_suffices_jvp(primals, tangents):
    demand, spares = primals
    return pool_suffices(demand, spares), -exactly(demand, spares) * tangents[0]


def exactly(demand: Float, count: Float) -> Float:
    """Return the Poisson probability of exactly `count` units in repair when `demand` are on average; no slope in `count`."""
    count = jax.lax.stop_gradient(jnp.asarray(count, dtype=jnp.float64))
    demand = jnp.asarray(demand, dtype=jnp.float64)
    safe = jnp.where(demand > 0.0, demand, 1.0)
    some = jnp.exp(count * jnp.log(safe) - safe - gammaln(count + 1.0))
    # at no demand the series itself: 1 - d for a count of 0, d for 1, nothing above, so that the slope is right there too
    none = jnp.where(count == 0.0, 1.0 - demand, jnp.where(count == 1.0, demand, 0.0))
    return jnp.where(demand > 0.0, some, none)


def shortage(demand: Float, spares: Float) -> Float:
    """Return how many units are missing on average, `E[max(N - s, 0)] = d P(N >= s) - s P(N >= s + 1)` (Sherbrooke).

    Args:
        demand: mean number in repair
        spares: units in the pool, a whole number
    """
    above = 1.0 - pool_suffices(demand, spares)
    missing = (demand - spares) * above + demand * exactly(demand, spares)
    return jnp.where(missing < 0.0, 0.0, missing)  # rounding alone makes it negative; a maximum would halve the slope at 0


def availability_with_spares(running: Float, mtbf: Float, repair_time: Float, spares: Float, swap_time: Float = 0.0) -> Float:
    """Return the share of the fleet in service when `spares` more units stand by.

    Missing are the units no spare replaces and, by Little's law, those being swapped. First order in the shortage: the demand is that of
    a full fleet, so the result reads slightly low, and is 0 where even that would be less than nothing.

    Args:
        running: units that should be in service
        mtbf: mean time between failures of one [s]
        repair_time: from failure until it is back in the pool [s]
        spares: units in the pool, a whole number
        swap_time: to put a spare in place [s]
    """
    missing = shortage(in_repair(running, mtbf, repair_time), spares) + in_repair(running, mtbf, swap_time)
    return jnp.maximum(0.0, 1.0 - missing / running)


def smallest_pool(demand: float, confidence: float) -> int:
    """Return the fewest spares that suffice with a probability of at least `confidence`, by search.

    Args:
        demand: mean number in repair, a plain number
        confidence: for example 0.95

    Raises:
        SpecError: a confidence outside [0, 1) or a negative demand.

    >>> smallest_pool(42.0, 0.95)
    53
    """
    if not 0.0 <= confidence < 1.0 or not demand >= 0.0:
        raise SpecError(
            f"demand={demand:g}, confidence={confidence:g}; expected a demand of 0 or more and a confidence of 0 or more and below 1: "
            "no pool is certain to suffice"
        )
    low, high = -1, 1  # the pool of `low` is too small, that of `high` will do
    while float(pool_suffices(demand, float(high))) < confidence:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if float(pool_suffices(demand, float(middle))) >= confidence else (middle, high)
    return high
