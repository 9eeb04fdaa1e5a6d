"""Point-to-point messages: a latency and a bandwidth."""

from nvlinklab._struct import Float, quantity, register_structs, struct


@struct
class Link:
    """What one device sees of its link or fabric port, one direction.

    Attributes:
        alpha: time of an empty message [s]
        bw: bandwidth [B/s], one direction
    """

    alpha: Float = quantity("s")
    bw: Float = quantity("B/s")


register_structs()


def transfer_time(link: Link, nbytes: Float) -> Float:
    """Return `alpha + nbytes / bw` [s] (Hockney 1994, the alpha-beta model).

    Args:
        link: latency and bandwidth, one direction
        nbytes: message size [B], any shape
    """
    return link.alpha + nbytes / link.bw


def half_bandwidth_size(link: Link) -> Float:
    """Return the message size [B] at which half the bandwidth is reached: `alpha * bw`."""
    return link.alpha * link.bw


def achieved_bandwidth(link: Link, nbytes: Float) -> Float:
    """Return `nbytes / transfer_time` [B/s]."""
    return nbytes / transfer_time(link, nbytes)


__all__ = ["Link", "achieved_bandwidth", "half_bandwidth_size", "transfer_time"]
