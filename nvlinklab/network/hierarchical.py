"""Collectives over two levels: scale-up domains of any size inside a scale-out network.

The domain size is a number like any other: at 1 only the scale-out network is left, from `ranks` on only the scale-up network.
All domains are equal and every rank has a port of its own on both levels. Buffers are counted as in `collectives`.
"""

import jax.numpy as jnp

from nvlinklab._struct import Float, nested, quantity, register_structs, struct
from nvlinklab.errors import SpecError, did_you_mean
from nvlinklab.network import collectives as flat
from nvlinklab.network.alphabeta import Link
from nvlinklab.network.parts import CollectiveTime, Part


@struct
class Fabric:
    """A scale-out network of scale-up domains.

    Attributes:
        domain: ranks in a scale-up domain
        up: port of a rank inside its domain, one direction
        out: port of a rank on the scale-out network, one direction; divide its bandwidth where ranks share a card
    """

    domain: Float = quantity("GPU")
    up: Link = nested()
    out: Link = nested()


register_structs()


def inside(fabric: Fabric, ranks: Float) -> Float:
    """Return the ranks of one domain that take part: the domain, or all where fewer take part."""
    return jnp.minimum(fabric.domain, ranks)


def domains(fabric: Fabric, ranks: Float) -> Float:
    """Return over how many domains the ranks are spread, at least 1; continuous."""
    return ranks / inside(fabric, ranks)


def all_reduce(fabric: Fabric, nbytes: Float, ranks: Float, up: str = "direct", out: str = "ring") -> CollectiveTime:
    """Return reduce-scatter inside, all-reduce of each rank's share across domains, all-gather inside.

    Args:
        fabric: the two levels
        nbytes: S, the vector that is reduced [B]
        ranks: n
        up: algorithm of the two inner steps, "direct" (in-network takes as long) or "ring"
        out: algorithm between domains, a key of `collectives.ALGORITHMS["all_reduce"]`
    """
    d = inside(fabric, ranks)
    gather = _known("all_gather", up)(fabric.up, nbytes, d)
    scatter = _known("reduce_scatter", up)(fabric.up, nbytes, d)
    return CollectiveTime(
        up=Part(latency=gather.latency + scatter.latency, transfer=gather.transfer + scatter.transfer),
        out=_known("all_reduce", out)(fabric.out, nbytes / d, domains(fabric, ranks)),
    )


def all_gather(fabric: Fabric, nbytes: Float, ranks: Float, up: str = "direct", out: str = "ring") -> CollectiveTime:
    """Return an all-gather across domains among ranks of the same position, then one inside; S is the gathered result [B]."""
    d = inside(fabric, ranks)
    return CollectiveTime(
        up=_known("all_gather", up)(fabric.up, nbytes, d),
        out=_known("all_gather", out)(fabric.out, nbytes / d, domains(fabric, ranks)),
    )


def reduce_scatter(fabric: Fabric, nbytes: Float, ranks: Float, up: str = "direct", out: str = "ring") -> CollectiveTime:
    """Return a reduce-scatter inside, then one across domains: `all_gather` backwards; S is the vector before it is scattered [B]."""
    d = inside(fabric, ranks)
    return CollectiveTime(
        up=_known("reduce_scatter", up)(fabric.up, nbytes, d),
        out=_known("reduce_scatter", out)(fabric.out, nbytes / d, domains(fabric, ranks)),
    )


def broadcast(fabric: Fabric, nbytes: Float, ranks: Float, up: str = "chain", out: str = "chain") -> CollectiveTime:
    """Return a broadcast from the root to one rank of each domain, then one inside every domain; a single card sends per domain."""
    return CollectiveTime(
        up=_known("broadcast", up)(fabric.up, nbytes, inside(fabric, ranks)),
        out=_known("broadcast", out)(fabric.out, nbytes, domains(fabric, ranks)),
    )


def all_to_all(fabric: Fabric, nbytes: Float, ranks: Float) -> CollectiveTime:
    """Return the direct exchange: `(d - 1) / n S` stays in the domain, `(n - d) / n S` leaves it through the rank's own card.

    Both networks run at once, so a good implementation comes near `.overlapped`; `.total` is the time without any overlap.

    Args:
        fabric: the two levels
        nbytes: S, what one rank holds for all ranks, itself included [B]
        ranks: n
    """
    d, m = inside(fabric, ranks), domains(fabric, ranks)
    return CollectiveTime(
        up=Part(latency=flat.has_peer(d) * fabric.up.alpha, transfer=(d - 1.0) / ranks * nbytes / fabric.up.bw),
        out=Part(latency=flat.has_peer(m) * fabric.out.alpha, transfer=(ranks - d) / ranks * nbytes / fabric.out.bw),
    )


def rail_all_to_all(fabric: Fabric, nbytes: Float, ranks: Float) -> CollectiveTime:
    """Return the exchange along rails: across domains to the rank of the same position first, then on inside the domain.

    The outer bytes are those of the direct exchange in `m - 1` larger messages; the inner level carries everything but what has
    already arrived, `(d - 1) / d S`, whichever domain it came from.
    """
    d, m = inside(fabric, ranks), domains(fabric, ranks)
    return CollectiveTime(
        up=Part(latency=flat.has_peer(d) * fabric.up.alpha, transfer=flat.others(d) * nbytes / fabric.up.bw),
        out=Part(latency=flat.has_peer(m) * fabric.out.alpha, transfer=flat.others(m) * nbytes / fabric.out.bw),
    )


def all_to_all_gain(domain: Float, ranks: Float) -> Float:
    """Return how much less leaves a rank through its card when `domain` of the `ranks` are reached otherwise: `(n - 1) / (n - d)`.

    The gain of a scale-up domain in an exchange, as long as the card sets the time; it grows without limit as the domain fills.
    """
    return (ranks - 1.0) / (ranks - domain)


def group_for_gain(domain: Float, gain: Float) -> Float:
    """Return the largest group in which a scale-up domain still speeds an exchange up by `gain`: `all_to_all_gain` solved for n.

    `n = (g d - 1) / (g - 1)`; for a gain of two, just under two domains.

    Args:
        domain: d, ranks in a scale-up domain
        gain: g, above 1
    """
    return (gain * domain - 1.0) / (gain - 1.0)


def _known(op: str, algorithm: str) -> flat.Algorithm:
    known = flat.ALGORITHMS[op]
    if algorithm not in known:
        raise SpecError(f"{op} has no algorithm {algorithm!r}{did_you_mean(algorithm, known)}; it has: {', '.join(known)}")
    return known[algorithm]
