"""LogGP: a link whose sender, wire and message rate are told apart (Alexandrov, Ionescu, Schauser, Scheiman, SPAA 1995).

The alpha-beta model lumps them together, which is enough for one large message and too kind to many small ones.
"""

import jax.numpy as jnp

from nvlinklab._struct import Float, quantity, register_structs, struct
from nvlinklab.network.alphabeta import Link


@struct
class LogGP:
    """One link as its sender and receiver see it, one direction.

    Attributes:
        latency: L, time on the wire and in the switches [s]
        overhead: o, time that the sender, and again the receiver, is busy with a message [s]
        gap: g, least time between two messages of one sender [s]; its inverse is the message rate
        byte_gap: G, time per byte of a long message [s/B]; its inverse is the bandwidth
    """

    latency: Float = quantity("s")
    overhead: Float = quantity("s")
    gap: Float = quantity("s")
    byte_gap: Float = quantity("s/B")


register_structs()


def message_time(link: LogGP, nbytes: Float) -> Float:
    """Return the time from the first instruction of the sender to the last of the receiver: `2 o + L + G n` [s].

    The paper charges `G (n - 1)`, counting the first byte as part of L; the byte is kept here so that `n = 0` costs `2 o + L`.

    Args:
        link: parameters, one direction
        nbytes: message size [B], any shape
    """
    return 2.0 * link.overhead + link.latency + link.byte_gap * nbytes


def burst_time(link: LogGP, nbytes: Float, messages: Float) -> Float:
    """Return the time of `messages` equal messages sent back to back by one sender [s].

    After the last byte of a message the sender waits for its gap, or for its own overhead where that is longer:
    `2 o + L + m n G + (m - 1) max(g, o)`.

    Args:
        link: parameters, one direction
        nbytes: size of one message [B], any shape
        messages: how many, at least 1
    """
    return message_time(link, messages * nbytes) + (messages - 1.0) * jnp.maximum(link.gap, link.overhead)


def message_rate(link: LogGP, nbytes: Float) -> Float:
    """Return how many messages a sender issues per second in a long burst [1/s]."""
    return 1.0 / (jnp.maximum(link.gap, link.overhead) + link.byte_gap * nbytes)


def from_link(link: Link) -> LogGP:
    """Return the LogGP link that takes exactly `alpha + n / bw`: all of alpha is wire, messages follow without a gap."""
    return LogGP(latency=link.alpha, overhead=0.0, gap=0.0, byte_gap=1.0 / link.bw)


def to_link(link: LogGP) -> Link:
    """Return the alpha-beta link with the same time for one message of any size."""
    return Link(alpha=2.0 * link.overhead + link.latency, bw=1.0 / link.byte_gap)


__all__ = ["LogGP", "burst_time", "from_link", "message_rate", "message_time", "to_link"]
