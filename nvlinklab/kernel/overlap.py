"""How much of one thing hides behind another: not at all, fully, or a fitted share of what could."""

import jax.numpy as jnp

from nvlinklab._struct import Float


def in_sequence(first: Float, second: Float) -> Float:
    """Return the sum [s]: nothing overlaps, the upper bound."""
    return first + second


def in_parallel(first: Float, second: Float) -> Float:
    """Return the larger [s]: full overlap, the lower bound."""
    return jnp.maximum(first, second)


def partly(first: Float, second: Float, share: Float) -> Float:
    """Return the time when a share of the shorter one is hidden [s]: `first + second - share * min(first, second)`.

    Args:
        first, second: times [s], any shape
        share: 0 is `in_sequence`, 1 is `in_parallel`; an engine's share is fitted
    """
    return first + second - share * jnp.minimum(first, second)


def exposed(hidden: Float, cover: Float, share: Float) -> Float:
    """Return what remains visible of `hidden` behind `cover` [s]: `hidden - share * min(hidden, cover)`."""
    return hidden - share * jnp.minimum(hidden, cover)


def hidden_share(first: Float, second: Float, together: Float) -> Float:
    """Return the share of the shorter one that was hidden in a measurement: the inverse of `partly`."""
    return (first + second - together) / jnp.minimum(first, second)


def speedup(share: Float, factor: Float) -> Float:
    """Return the gain of a whole of which a share becomes `factor` times faster: `1 / (1 - f + f / r)` (Amdahl 1967).

    Args:
        share: f, the part of the time before, in [0, 1]
        factor: r, above 0
    """
    return 1.0 / (1.0 - share + share / factor)


def share_for_speedup(gain: Float, factor: Float) -> Float:
    """Return the share that must become `factor` times faster for a whole gain: `speedup` solved for f; above 1 none is enough."""
    return (1.0 - 1.0 / gain) / (1.0 - 1.0 / factor)
