"""A system: accelerators, the fabric that joins them, and the network beyond it."""

from nvlinklab._struct import Float, nested, quantity, register_structs, struct
from nvlinklab.hardware.accelerator import Accelerator
from nvlinklab.network.alphabeta import Link


@struct
class System:
    """A scale-up domain of equal accelerators and its scale-out network.

    Attributes:
        gpu: one accelerator
        scale_up: what one GPU sees of the scale-up fabric (NVLink), one direction
        domain: GPUs in the scale-up domain
        scale_out: what one GPU sees of the network between domains, one direction
    """

    gpu: Accelerator = nested()
    scale_up: Link = nested()
    domain: Float = quantity("GPU")
    scale_out: Link = nested()


register_structs()
