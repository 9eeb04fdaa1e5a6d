"""Nested domains: die, package, tray, NVLink domain, zone, rack, cluster. Who meets where, and what each level must carry.

A system is a tuple of levels from the inside out. Two ranks meet at the smallest unit that holds both; a uniform exchange then
splits over the levels by counting partners. Unit sizes are continuous, so the size of a domain can be swept and differentiated.
"""

from itertools import pairwise

import jax.numpy as jnp

from nvlinklab._struct import Float, quantity, register_structs, struct
from nvlinklab.errors import SpecError
from nvlinklab.network.collectives import others
from nvlinklab.network.parts import Part


@struct
class Level:
    """One level of a nested system, seen from one rank.

    Attributes:
        size: ranks in one unit of this level, those of the levels inside it included
        alpha: time of an empty message between ranks that meet here [s]
        bw: what a rank can send into this level [B/s], one direction, before oversubscription
        oversubscription: ranks' bandwidth over what the level carries; 1 is non-blocking
        through: share of this level's traffic that also passes the ports of the level below: 1 for a further switch stage behind
            the same port, 0 for a network with its own cards
        hops: switches on the way between ranks that meet here
    """

    size: Float = quantity("GPU")
    alpha: Float = quantity("s")
    bw: Float = quantity("B/s")
    oversubscription: Float = quantity("x", 1.0)
    through: Float = quantity("1", 0.0)
    hops: Float = quantity("hop", 1.0)


register_structs()

Levels = tuple[Level, ...]


def nest(*levels: Level) -> Levels:
    """Return the levels as a checked system, from the inside out; call it with concrete numbers.

    Raises:
        SpecError: no level, a size that does not grow, or a size that is not a multiple of the one inside.
    """
    if not levels:
        raise SpecError("a nested system needs at least one level")
    for inner, outer in pairwise(levels):
        if not float(outer.size) > float(inner.size):
            raise SpecError(f"a level of {float(outer.size):g} ranks cannot hold units of {float(inner.size):g}: list levels from inside")
        if abs(round(float(outer.size) / float(inner.size)) * float(inner.size) - float(outer.size)) > 1e-9 * float(outer.size):
            raise SpecError(f"a level of {float(outer.size):g} ranks is not a whole number of units of {float(inner.size):g}")
    return levels


def units_inside(levels: Levels, ranks: Float) -> tuple[Float, ...]:
    """Return how many ranks of one unit take part at each level, when `ranks` fill the system from the inside: `min(size, ranks)`."""
    return tuple(jnp.minimum(level.size, ranks) for level in levels)


def partner_shares(levels: Levels, ranks: Float) -> tuple[Float, ...]:
    """Return the share of a rank's partners that it meets at each level; they add to one if the system holds all ranks.

    Every rank has `n - 1` partners, `n_i - 1` of them inside its unit of level i. One rank has none: all shares are zero.

    Args:
        levels: the system
        ranks: n, at most the size of the outermost level
    """
    reach = units_inside(levels, ranks)
    partners = jnp.where(ranks > 1.0, ranks - 1.0, 1.0)
    return tuple((n - below) / partners for n, below in zip(reach, (1.0, *reach[:-1]), strict=True))


def port_shares(levels: Levels, ranks: Float) -> tuple[Float, ...]:
    """Return the share of a uniform exchange that each level's ports carry: what meets there and what passes through to further out."""
    shares = partner_shares(levels, ranks)
    carried: list[Float] = [shares[-1]]
    for share, outer in zip(shares[-2::-1], levels[:0:-1], strict=True):
        carried.append(share + outer.through * carried[-1])
    return tuple(reversed(carried))


def path_bandwidth(levels: Levels) -> tuple[Float, ...]:
    """Return what one rank gets at each level when all send there [B/s]: its share of the level, or less if an inner port is narrower."""
    rates: list[Float] = []
    for level in levels:
        own = level.bw / level.oversubscription
        if rates:
            passes = level.through > 0.0
            own = jnp.where(passes, jnp.minimum(own, rates[-1] / jnp.where(passes, level.through, 1.0)), own)
        rates.append(own)
    return tuple(rates)


def exchange(levels: Levels, nbytes: Float, ranks: Float) -> tuple[Part, ...]:
    """Return a uniform all-to-all as one part per level: its latency, and what its ports carry over their bandwidth.

    The levels work at once: `parts.slowest(*...)` is the time of a good implementation, `parts.total(*...)` without overlap.

    Args:
        levels: the system
        nbytes: S, what one rank holds for all ranks, itself included [B]
        ranks: n, at most the size of the outermost level
    """
    reach = units_inside(levels, ranks)
    used = (jnp.clip(n - below, 0.0, 1.0) for n, below in zip(reach, (1.0, *reach[:-1]), strict=True))
    sent = others(ranks) * nbytes
    return tuple(
        Part(latency=use * level.alpha, transfer=share * sent * level.oversubscription / level.bw)
        for level, use, share in zip(levels, used, port_shares(levels, ranks), strict=True)
    )


def bisections(levels: Levels, ranks: Float) -> tuple[Float, ...]:
    """Return what crosses between two halves of one unit of each level [B/s], one direction: half its ranks at the level's rate."""
    return tuple(n / 2.0 * rate for n, rate in zip(units_inside(levels, ranks), path_bandwidth(levels), strict=True))


def mean_hops(levels: Levels, ranks: Float) -> Float:
    """Return the mean number of switches between a rank and its partners in a uniform exchange."""
    return sum(share * level.hops for share, level in zip(partner_shares(levels, ranks), levels, strict=True))


def mean_latency(levels: Levels, ranks: Float) -> Float:
    """Return the mean time of an empty message between a rank and its partners [s]."""
    return sum(share * level.alpha for share, level in zip(partner_shares(levels, ranks), levels, strict=True))


def hops(levels: Levels, first: Float, second: Float) -> Float:
    """Return the switches between two ranks numbered from 0, unit after unit; 0 to itself. Not differentiable in the numbers.

    Args:
        levels: the system, with whole unit sizes
        first, second: rank numbers, any shapes that broadcast
    """
    found = levels[-1].hops
    for level in levels[-2::-1]:
        found = jnp.where(jnp.floor(first / level.size) == jnp.floor(second / level.size), level.hops, found)
    return jnp.where(first == second, 0.0, found)
