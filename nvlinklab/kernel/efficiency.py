"""How much of a peak an operator reaches, by its size.

Small operators do not fill a chip. A saturating curve with one half-point says so with two numbers that can be measured: the share a
large operator reaches, and the size at which half of that is reached. In time it is a fixed cost beside the work,
`(size + half) / (rate * share)`: the alpha-beta form of a kernel (Hockney 1994), so it is exact where launch and ramp-up are constant and
errs fast where waves of blocks leave a tail.
"""

import jax.numpy as jnp

from nvlinklab._struct import Float, quantity, register_structs, struct


@struct
class Efficiency:
    """A saturating efficiency curve.

    Attributes:
        share: share of the peak that a large operator reaches, in (0, 1]
        half: size at which half of `share` is reached, in the unit of the size; 0: at every size
    """

    share: Float = quantity("1", 1.0)
    half: Float = quantity("1", 0.0)


register_structs()


def achieved_share(curve: Efficiency, size: Float) -> Float:
    """Return `share * size / (size + half)`; `size` in the unit of `half` (tokens, bytes or FLOP), any shape."""
    return curve.share * size / (size + curve.half)


def achieved_time(curve: Efficiency, size: Float, work: Float, rate: Float) -> Float:
    """Return the time [s] of `work` at a peak `rate` when only `achieved_share` of it is reached."""
    return work / (rate * achieved_share(curve, size))


def half_size(fixed: Float, rate: Float) -> Float:
    """Return the half-point, in units of work, that a fixed time per call [s] amounts to: `fixed * rate`."""
    return fixed * rate


def wave_efficiency(tiles: Float, units: Float) -> Float:
    """Return the share of processors busy when `tiles` equal blocks run on `units` processors, the last wave partly filled.

    A sawtooth with jumps at whole waves: use it for reporting, and `achieved_share` where a gradient is wanted.
    """
    return tiles / (units * jnp.ceil(tiles / units))
