"""Collectives on one level: every rank has one port, and any two ranks reach each other at the port's rate.

Sizes follow nccl-tests: `nbytes` is the *whole* buffer, that is the vector each rank holds (all-reduce, broadcast), the gathered
result (all-gather), the input before scattering (reduce-scatter), and everything one rank has for all ranks, itself included
(all-to-all). Arithmetic is free here: a reduction costs what its bytes cost.

Steps and bytes after Thakur, Rabenseifner and Gropp, "Optimization of collective communication operations in MPICH" (2005);
rings after Patarasuk and Yuan (2009); the two trees after Sanders, Speck and Traeff (2009). Rank counts are continuous and one
rank is free: between one and two ranks the fixed latency fades out, above two it is whole.
"""

from collections.abc import Callable

import jax.numpy as jnp

from nvlinklab._struct import Float
from nvlinklab.errors import SpecError, did_you_mean
from nvlinklab.network.alphabeta import Link
from nvlinklab.network.parts import Part, best

Algorithm = Callable[[Link, Float, Float], Part]


def has_peer(ranks: Float) -> Float:
    """Return 0 for one rank, 1 from two ranks on, linear between: an operation with nobody else costs nothing."""
    return jnp.clip(ranks - 1.0, 0.0, 1.0)


def others(ranks: Float) -> Float:
    """Return `(n - 1) / n`: the part of a buffer that concerns the other ranks; 0 for one rank."""
    return (ranks - 1.0) / ranks


def _part(link: Link, steps: Float, nbytes: Float) -> Part:
    return Part(latency=steps * link.alpha, transfer=nbytes / link.bw)


# All-reduce


def ring_all_reduce(link: Link, nbytes: Float, ranks: Float) -> Part:
    """Return the ring: `2 (n - 1)` steps of `S / n` each, the fewest bytes that point-to-point messages allow.

    Args:
        link: port of a rank, one direction
        nbytes: S, the vector that is reduced [B]
        ranks: n
    """
    return _part(link, 2.0 * (ranks - 1.0), 2.0 * others(ranks) * nbytes)


def tree_all_reduce(link: Link, nbytes: Float, ranks: Float) -> Part:
    """Return the double binary tree: `2 log2 n` steps; a rank that is inside one tree and leaf of the other sends S up and S down.

    With two ranks each sends S in all; `min(n - 1, 2) S` covers both cases and is the busiest rank's load from three ranks on.
    Pipelining is taken as perfect.
    """
    return _part(link, 2.0 * jnp.log2(ranks), jnp.clip(ranks - 1.0, 0.0, 2.0) * nbytes)


def one_shot_all_reduce(link: Link, nbytes: Float, ranks: Float) -> Part:
    """Return one exchange: everyone sends its whole vector to everyone, `(n - 1) S`, and adds up alone. For small vectors."""
    return _part(link, has_peer(ranks), (ranks - 1.0) * nbytes)


def two_shot_all_reduce(link: Link, nbytes: Float, ranks: Float) -> Part:
    """Return a direct reduce-scatter and a direct all-gather: two steps, the ring's bytes."""
    return _part(link, 2.0 * has_peer(ranks), 2.0 * others(ranks) * nbytes)


def in_network_all_reduce(link: Link, nbytes: Float, ranks: Float) -> Part:
    """Return the reduction in the switch: every rank sends S once and receives S once.

    Against the ring this saves a factor `2 (n - 1) / n` in bytes, below 2 for any n, and `2 (n - 1)` in steps. The switch is taken
    to reduce at line rate; `alpha` is that of one message through it.
    """
    return _part(link, has_peer(ranks), has_peer(ranks) * nbytes)


def pulled_all_reduce(link: Link, nbytes: Float, ranks: Float) -> Part:
    """Return NVLS as kernels run it: each rank loads its reduced share from the switch, then stores it to all through the switch.

    Loading makes every rank send its S (to whoever asks) and receive `S / n`; storing makes it send `S / n` and receive S. Each
    direction carries `(n + 1) / n S`, in two steps: a little more than `in_network_all_reduce`, equal for large n. The factor over
    the ring is `2 (n - 1) / (n + 1)`.
    """
    return _part(link, 2.0 * has_peer(ranks), has_peer(ranks) * (1.0 + 1.0 / ranks) * nbytes)


# All-gather, reduce-scatter, broadcast


def ring_all_gather(link: Link, nbytes: Float, ranks: Float) -> Part:
    """Return the ring: `n - 1` steps of `S / n` each, S the gathered result [B]."""
    return _part(link, ranks - 1.0, others(ranks) * nbytes)


def direct_all_gather(link: Link, nbytes: Float, ranks: Float) -> Part:
    """Return one step in which everyone sends its `S / n` to all others.

    Multicast in the switch shortens what is sent to `S / n`, but each port still receives `(n - 1) / n S`: the time is the same.
    """
    return _part(link, has_peer(ranks), others(ranks) * nbytes)


def ring_reduce_scatter(link: Link, nbytes: Float, ranks: Float) -> Part:
    """Return the ring: `n - 1` steps of `S / n` each, S the vector before it is scattered [B]."""
    return ring_all_gather(link, nbytes, ranks)


def direct_reduce_scatter(link: Link, nbytes: Float, ranks: Float) -> Part:
    """Return one step in which everyone sends each owner its share.

    Reduction in the switch shortens what is received, but each port still sends `(n - 1) / n S`: the time is the same.
    """
    return direct_all_gather(link, nbytes, ranks)


def chain_broadcast(link: Link, nbytes: Float, ranks: Float) -> Part:
    """Return the pipelined chain: `n - 1` steps to fill, then S passes every port once. Chunks are taken as small."""
    return _part(link, ranks - 1.0, has_peer(ranks) * nbytes)


def tree_broadcast(link: Link, nbytes: Float, ranks: Float) -> Part:
    """Return the binomial tree: `log2 n` steps, each with the whole S. For small buffers."""
    return _part(link, jnp.log2(ranks), jnp.log2(ranks) * nbytes)


def multicast_broadcast(link: Link, nbytes: Float, ranks: Float) -> Part:
    """Return the broadcast copied in the switch: S leaves the root once."""
    return _part(link, has_peer(ranks), has_peer(ranks) * nbytes)


# All-to-all


def all_to_all(link: Link, nbytes: Float, ranks: Float) -> Part:
    """Return the direct exchange: all messages in flight at once, one latency, `(n - 1) / n S` through each port.

    Every pair exchanges different data, so there is nothing that a switch could add up or copy.

    Args:
        link: port of a rank, one direction
        nbytes: S, what one rank holds for all ranks together, itself included [B]
        ranks: n
    """
    return _part(link, has_peer(ranks), others(ranks) * nbytes)


def pairwise_all_to_all(link: Link, nbytes: Float, ranks: Float) -> Part:
    """Return the exchange in `n - 1` rounds, one partner at a time: the same bytes, a latency for each partner."""
    return _part(link, ranks - 1.0, others(ranks) * nbytes)


ALGORITHMS: dict[str, dict[str, Algorithm]] = {
    "all_reduce": {
        "ring": ring_all_reduce,
        "tree": tree_all_reduce,
        "one_shot": one_shot_all_reduce,
        "two_shot": two_shot_all_reduce,
        "in_network": in_network_all_reduce,
        "pulled": pulled_all_reduce,
    },
    "all_gather": {"ring": ring_all_gather, "direct": direct_all_gather, "in_network": direct_all_gather},
    "reduce_scatter": {"ring": ring_reduce_scatter, "direct": direct_reduce_scatter, "in_network": direct_reduce_scatter},
    "broadcast": {"chain": chain_broadcast, "tree": tree_broadcast, "in_network": multicast_broadcast},
    "all_to_all": {"direct": all_to_all, "pairwise": pairwise_all_to_all},
}
"""Every collective with its algorithms. In-network means reduction or multicast in the switch; all-to-all has neither."""

NEEDS_SWITCH = ("in_network", "pulled")


def collective(op: str, link: Link, nbytes: Float, ranks: Float, algorithm: str = "best", in_network: bool = False) -> Part:
    """Return the time of a collective by name, or of the fastest of its algorithms.

    Args:
        op: a key of `ALGORITHMS`
        link: port of a rank, one direction
        nbytes: the whole buffer as nccl-tests counts it [B]
        ranks: n
        algorithm: a key of `ALGORITHMS[op]`, or "best"
        in_network: whether "best" may use the switch's arithmetic

    Raises:
        SpecError: no such collective or algorithm; an all-to-all in the network, which has nothing to reduce.
    """
    if op not in ALGORITHMS:
        raise SpecError(f"no collective is called {op!r}{did_you_mean(op, ALGORITHMS)}; there are: {', '.join(ALGORITHMS)}")
    known = ALGORITHMS[op]
    if algorithm == "best":
        names = [name for name in known if in_network or name not in NEEDS_SWITCH]
        return best({name: known[name](link, nbytes, ranks) for name in names})
    if algorithm in known:
        return known[algorithm](link, nbytes, ranks)
    if algorithm in NEEDS_SWITCH and op == "all_to_all":
        raise SpecError("an all-to-all has different data for every pair: a switch can neither reduce nor copy it; use 'direct'")
    raise SpecError(f"{op} has no algorithm {algorithm!r}{did_you_mean(algorithm, known)}; it has: best, {', '.join(known)}")
