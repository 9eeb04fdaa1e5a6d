"""The knee between latency and bandwidth: measured collectives are slower there than `alpha + n / bw`.

Protocol switches, chunking and pipeline fill cost most at the sizes where neither part dominates. A p-norm with p below one has
that shape, keeps both limits, and is homogeneous of degree one in its two times, so the units stay whole (a logarithm of a sum of
exponentials would need a temperature in seconds).
"""

import jax.numpy as jnp

from nvlinklab._struct import Float
from nvlinklab.network.alphabeta import Link

SHARPNESS = 0.62
"""One exponent fitted to every collective, system and rank count of the NCCL measurements (own fit; median error 3.6 % against
9.4 % for the sum with the same two free parameters). 1 is the sum, infinity the maximum; below 1 the knee is above the sum."""


def knee(latency: Float, transfer: Float, sharpness: Float = SHARPNESS) -> Float:
    """Return `(latency^p + transfer^p)^(1/p)` [s], computed from the larger of the two so that nothing overflows.

    Where one part is exactly zero the value is the other part. The true slope towards the missing part is infinite there for
    p < 1; the derivative returned is the finite one of the other part.

    Args:
        latency, transfer: the two parts of a time [s], not negative, any shapes that broadcast
        sharpness: p, above 0
    """
    large, small = jnp.maximum(latency, transfer), jnp.minimum(latency, transfer)
    both = small > 0.0
    ratio = jnp.where(both, small, 1.0) / jnp.where(both, large, 1.0)
    return large * jnp.where(both, (1.0 + ratio**sharpness) ** (1.0 / sharpness), 1.0)


def knee_time(link: Link, nbytes: Float, sharpness: Float = SHARPNESS) -> Float:
    """Return the time of a message [s] like `transfer_time`, with the measured knee.

    Args:
        link: latency and bandwidth, one direction
        nbytes: message size [B], any shape
        sharpness: p, above 0; at p = 1 this is `transfer_time`
    """
    return knee(link.alpha, nbytes / link.bw, sharpness)


def knee_excess(sharpness: Float = SHARPNESS) -> Float:
    """Return the time at the half-bandwidth size over that of the sum: `2^(1/p) / 2`, the most that the knee ever adds."""
    return 2.0 ** (1.0 / sharpness) / 2.0


__all__ = ["SHARPNESS", "knee", "knee_excess", "knee_time"]
