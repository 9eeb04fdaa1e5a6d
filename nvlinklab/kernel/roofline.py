"""How fast an operator can run at best: the roofline (Williams, Waterman & Patterson, CACM 52(4), 2009)."""

import jax.numpy as jnp

from nvlinklab._struct import Float, quantity, register_structs, struct


@struct
class KernelTime:
    """The two lower bounds of one operator.

    Attributes:
        compute: FLOP over peak rate [s]
        memory: bytes over bandwidth [s]
    """

    compute: Float = quantity("s")
    memory: Float = quantity("s")


register_structs()


def ridge_point(flops: Float, bw: Float) -> Float:
    """Return the arithmetic intensity [FLOP/B] above which an operator is bound by compute, not by bandwidth."""
    return flops / bw


def bound_time(flop: Float, nbytes: Float, flops: Float, bw: Float) -> KernelTime:
    """Return both bounds of an operator with `flop` operations and `nbytes` of traffic."""
    return KernelTime(compute=flop / flops, memory=nbytes / bw)


def hard_max(time: KernelTime) -> Float:
    """Return the larger bound [s]: perfect overlap of compute and memory."""
    return jnp.maximum(time.compute, time.memory)


def smooth_max(time: KernelTime, p: float = 16.0) -> Float:
    """Return the p-norm of both bounds [s]: smooth, scales with its inputs, reads high at the ridge (4.4 % for p = 16)."""
    big = jnp.maximum(time.compute, time.memory)
    return big * ((time.compute / big) ** p + (time.memory / big) ** p) ** (1.0 / p)


def attainable_rate(intensity: Float, flops: Float, bw: Float) -> Float:
    """Return the roofline [FLOP/s] at an arithmetic intensity [FLOP/B]."""
    return jnp.minimum(flops, intensity * bw)
