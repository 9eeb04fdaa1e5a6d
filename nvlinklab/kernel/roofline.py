"""How fast an operator can run at best: the roofline (Williams, Waterman & Patterson, CACM 52(4), 2009)."""

import jax.numpy as jnp
from jax.typing import ArrayLike

from nvlinklab._struct import quantity, register_structs, struct


@struct
class KernelTime:
    """The two lower bounds of one operator.

    Attributes:
        compute: FLOP over peak rate [s]
        memory: bytes over bandwidth [s]
    """

    compute: ArrayLike = quantity("s")
    memory: ArrayLike = quantity("s")


register_structs()


def ridge_point(flops: ArrayLike, bw: ArrayLike) -> ArrayLike:
    """Return the arithmetic intensity [FLOP/B] above which an operator is bound by compute, not by bandwidth."""
    return flops / bw


def bound_time(flop: ArrayLike, nbytes: ArrayLike, flops: ArrayLike, bw: ArrayLike) -> KernelTime:
    """Return both bounds of an operator with `flop` operations and `nbytes` of traffic."""
    return KernelTime(compute=flop / flops, memory=nbytes / bw)


def hard_max(time: KernelTime) -> ArrayLike:
    """Return the larger bound [s]: perfect overlap of compute and memory."""
    return jnp.maximum(time.compute, time.memory)


def smooth_max(time: KernelTime, p: float = 16.0) -> ArrayLike:
    """Return the p-norm of both bounds [s]: smooth, scales with its inputs, reads high at the ridge (4.4 % for p = 16)."""
    big = jnp.maximum(time.compute, time.memory)
    return big * ((time.compute / big) ** p + (time.memory / big) ** p) ** (1.0 / p)


def attainable_rate(intensity: ArrayLike, flops: ArrayLike, bw: ArrayLike) -> ArrayLike:
    """Return the roofline [FLOP/s] at an arithmetic intensity [FLOP/B]."""
    return jnp.minimum(flops, intensity * bw)
