"""One accelerator as software schedules it."""

from nvlinklab._struct import Float, quantity, register_structs, struct


@struct
class Accelerator:
    """One GPU package. Rates are dense peaks; a package may hold several dies, which are counted separately.

    Attributes:
        flops_fp4: peak FP4 rate, a multiply-add counts 2 [FLOP/s]
        flops_fp8: peak FP8 rate [FLOP/s]
        flops_bf16: peak BF16 rate [FLOP/s]
        mem_bw: memory bandwidth [B/s]
        mem_capacity: memory capacity [B]
        power: board power [W]
        dies: compute dies in the package

    A number nobody publishes is NaN, so that whatever needs it says so.
    """

    flops_fp4: Float = quantity("FLOP/s", float("nan"))
    flops_fp8: Float = quantity("FLOP/s", float("nan"))
    flops_bf16: Float = quantity("FLOP/s", float("nan"))
    mem_bw: Float = quantity("B/s")
    mem_capacity: Float = quantity("B")
    power: Float = quantity("W", float("nan"))
    dies: Float = quantity("die", 1.0)


register_structs()
