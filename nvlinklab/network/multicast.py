"""What a switch can save that copies and adds: bytes at a port, each direction for itself.

An exchange of a mixture of experts is no plain all-to-all. On the way out (dispatch) a token goes to every rank that holds one of its
experts: the same bytes several times, which a switch could copy. On the way back (combine) each of those ranks returns a vector, and
the token's owner adds them up: several vectors of which only the sum is wanted, which a switch could form.

A port is full duplex, and in a balanced exchange every rank is sender and receiver at once. So a saving in one direction shortens
nothing while the other direction carries as much as before; the two savings help each other only when dispatch and combine run at the
same time. That is the whole difference to an all-reduce, where one operation needs both. (Zhang et al. 2026, arXiv 2605.05607, meet the
same asymmetry with a proposed switch and resolve it by fusing the two operations; their best simulated gain is 1.79.)
"""

from nvlinklab._struct import Float, quantity, register_structs, struct


@struct
class PortLoad:
    """What one port carries, each direction for itself.

    Attributes:
        sent, received: bytes [B]
    """

    sent: Float = quantity("B")
    received: Float = quantity("B")


register_structs()


def dispatch(nbytes: Float, copies: Float, multicast: bool = False) -> PortLoad:
    """Return a port's load when every rank sends `nbytes` of tokens to `copies` other ranks each, and gets as much from the others.

    Args:
        nbytes: activations of a rank's tokens, once [B]
        copies: other ranks that a token needs, for example `moe.remote_copies`
        multicast: the switch makes the copies; every token is taken to leave its rank
    """
    return PortLoad(sent=nbytes if multicast else copies * nbytes, received=copies * nbytes)


def combine(nbytes: Float, copies: Float, reduced: bool = False) -> PortLoad:
    """Return a port's load when the results go back: `dispatch` with the directions exchanged.

    Args:
        nbytes: results of a rank's own tokens, once [B]
        copies: other ranks that return a vector for a token
        reduced: the switch adds them up on the way
    """
    return PortLoad(sent=copies * nbytes, received=nbytes if reduced else copies * nbytes)


def together(*loads: PortLoad) -> PortLoad:
    """Return the load of operations that run at the same time."""
    return PortLoad(sent=sum(load.sent for load in loads), received=sum(load.received for load in loads))


def port_bytes(load: PortLoad) -> Float:
    """Return the bytes of the fuller direction, which sets the time [B]."""
    import jax.numpy as jnp

    return jnp.maximum(load.sent, load.received)


def overlapped_gain(dispatch_bytes: Float, combine_bytes: Float, copies: Float) -> Float:
    """Return how much faster the best switch makes a dispatch and a combine that run at the same time.

    `c (d + r) / max(d + c r, c d + r)` with d and r bytes of an element out and back and c copies: below 2 for any c, and 2 only for
    equal formats and many copies. One after the other the gain is 1.
    """
    plain = together(dispatch(dispatch_bytes, copies), combine(combine_bytes, copies))
    helped = together(dispatch(dispatch_bytes, copies, multicast=True), combine(combine_bytes, copies, reduced=True))
    return port_bytes(plain) / port_bytes(helped)


__all__ = ["PortLoad", "combine", "dispatch", "overlapped_gain", "port_bytes", "together"]
