"""Tori: every chip has links to its neighbours and none to anyone else, so the bytes of others pass through it.

Cheap to wire, because no switch is needed and the links of a chip do not grow with the pod. The price is paid by traffic that goes far:
a uniform exchange crosses `k / 4` links in each ring of k chips, and each of those crossings takes the room of a chip's own bytes.
"""

from nvlinklab._struct import Float, quantity, register_structs, struct


@struct
class Torus:
    """A torus of three dimensions with wrap-around links in each, as a slice of whole cubes has them.

    Attributes:
        x, y, z: chips along each dimension, even numbers (an odd ring is shorter by `1 / (4 k)`)
        link_bw: bandwidth of one link [B/s], one direction; a chip has two links a dimension
    """

    x: Float = quantity("GPU")
    y: Float = quantity("GPU")
    z: Float = quantity("GPU")
    link_bw: Float = quantity("B/s")


register_structs()

LINKS = 6.0


def chips(torus: Torus) -> Float:
    """Return the chips of the torus."""
    return torus.x * torus.y * torus.z


def injection(torus: Torus) -> Float:
    """Return what one chip sends over all its links [B/s]."""
    return LINKS * torus.link_bw


def mean_hops(torus: Torus) -> Float:
    """Return the mean links between two chips, a chip and itself included: `k / 4` for each even ring."""
    return (torus.x + torus.y + torus.z) / 4.0


def farthest(torus: Torus) -> Float:
    """Return the links between a chip and the one farthest away: half of each ring."""
    return (torus.x + torus.y + torus.z) / 2.0


def longest(torus: Torus) -> Float:
    """Return the chips along the longest dimension."""
    import jax.numpy as jnp

    return jnp.maximum(jnp.maximum(torus.x, torus.y), torus.z)


def exchange_bandwidth(torus: Torus) -> Float:
    """Return what a chip gets through in a uniform all-to-all [B/s]: S over the time, S what it holds for all chips, itself included.

    Bytes take the shorter way round each ring, half of those that go exactly half round either way. A ring of k then loads each of its
    two links per chip with `k / 8` S, so the longest ring sets the time: `8 b / k`. In a cube that is `injection / mean_hops`, all
    links alike; and it is the bound of the bisection, which carries half of every chip's bytes.
    """
    return 8.0 * torus.link_bw / longest(torus)


def bisection(torus: Torus) -> Float:
    """Return what crosses the middle of the longest dimension [B/s], one direction: two planes of links, the cut and the wrap-around."""
    return 2.0 * chips(torus) / longest(torus) * torus.link_bw


__all__ = ["LINKS", "Torus", "bisection", "chips", "exchange_bandwidth", "farthest", "injection", "longest", "mean_hops"]
