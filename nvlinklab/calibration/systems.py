"""The data-sheet numbers that a fit may use of a system: nothing measured, so that another system of a generation changes only these.

Measurements name systems as their collectors do (`h100_sxm`); the numbers come from the tables in `data/`.
"""

from functools import cache
from typing import NamedTuple

from nvlinklab.errors import SpecError, did_you_mean
from nvlinklab.hardware.catalog import value
from nvlinklab.io.tables import all_rows

CAPACITY = ("mem_capacity_reported", "mem_capacity")
"""Memory as the driver reports it counts; the marketed number stands in where nobody reports one."""


class Spec(NamedTuple):
    """One GPU of a system and what joins it to others; dense peaks, one direction, SI.

    Attributes:
        name: as measurements call it
        gpu: id in the accelerator table
        generation: `hopper`, `blackwell`, `rubin` or `cdna`; efficiencies belong to it
        mem_bw, mem_capacity: [B/s], [B]
        flops_bf16, flops_fp8, flops_fp4: [FLOP/s]; a format the GPU lacks runs at the next wider one's rate
        native_fp4: whether it multiplies FP4
        link_bw: NVLink of one GPU [B/s]
        domain: GPUs that NVLink joins
        scale_out_bw: network of one GPU beyond the domain [B/s]
    """

    name: str
    gpu: str
    generation: str
    mem_bw: float
    mem_capacity: float
    flops_bf16: float
    flops_fp8: float
    flops_fp4: float
    native_fp4: bool
    link_bw: float
    domain: float
    scale_out_bw: float


KNOWN = {
    "h100_sxm": ("h100", "hopper", "nvlink4.gpu_bw", "dgx-h100.gpus", "dgx-h100.scale_out_bw"),
    "h200_sxm": ("h200", "hopper", "nvlink4.gpu_bw", "dgx-h100.gpus", "dgx-h100.scale_out_bw"),
    "b200_sxm": ("b200", "blackwell", "nvlink5.gpu_bw", "hgx-b200.gpus", "dgx-h100.scale_out_bw"),
    "b300_sxm": ("b300", "blackwell", "nvlink5.gpu_bw", "hgx-b200.gpus", "gb300-nvl72.scale_out_bw"),
    "gb200": ("gb200", "blackwell", "nvlink5.gpu_bw", "gb200-nvl72.gpus", "gb200-nvl72.scale_out_bw"),
    "gb300": ("gb300", "blackwell", "nvlink5.gpu_bw", "gb300-nvl72.gpus", "gb300-nvl72.scale_out_bw"),
    "vr-nvl72": ("rubin", "rubin", "nvlink6.gpu_bw", "vr-nvl72.gpus", "vr-nvl72.scale_out_bw"),
    "rubin-ultra": ("rubin-ultra", "rubin", "nvlink6.gpu_bw", "vr-nvl72.gpus", "vr-nvl72.scale_out_bw"),
    "mi355x": ("mi355x", "cdna", "xgmi-mi355x.gpu_bw", "hgx-b200.gpus", "dgx-h100.scale_out_bw"),
}
"""Name: accelerator, generation, and the paths of link, domain and network; where a maker publishes none, those of its nearest peer."""

CATALOG = {
    "dgx-h100": "h100_sxm", "dgx-h200": "h200_sxm", "hgx-b200": "b200_sxm", "gb200-nvl72": "gb200", "gb300-nvl72": "gb300",
}  # fmt: skip
"""Measured systems by the name the catalog gives them."""


@cache
def spec(name: str) -> Spec:
    """Return the data-sheet numbers of a system.

    Args:
        name: as measurements call it (`gb200`), or as the catalog does (`gb200-nvl72`)

    Raises:
        SpecError: no such system, with the nearest names.

    >>> spec("gb200").domain, spec("h100_sxm").native_fp4
    (72.0, False)
    """
    key = CATALOG.get(name, name)
    if key not in KNOWN:
        raise SpecError(f"no measured system is called {name!r}{did_you_mean(name, KNOWN)} There are: {', '.join(KNOWN)}")
    gpu, generation, link, domain, out = KNOWN[key]
    rows = all_rows()

    def number(*quantities: str) -> float:
        return next((value(f"{gpu}.{q}") for q in quantities if f"{gpu}.{q}" in rows), float("nan"))

    fp8 = number("flops_fp8")
    bf16 = number("flops_bf16")
    fp4 = number("flops_fp4")
    return Spec(
        key, gpu, generation, number("mem_bw"), number(*CAPACITY), bf16 if bf16 == bf16 else fp8 / 2.0, fp8,
        fp4 if fp4 == fp4 else fp8, fp4 == fp4, value(link), value(domain), value(out),
    )  # fmt: skip
