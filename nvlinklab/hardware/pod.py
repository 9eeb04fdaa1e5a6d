"""A POD: racks of several types, counted and added up. A sum over racks says what was bought, not what one job can use."""

from nvlinklab._struct import Float, quantity, register_structs, struct


@struct
class Pod:
    """How many racks of each type that computes.

    Attributes:
        gpu_racks: racks of GPUs, each its own scale-up domain
        lpu_racks: racks of decode accelerators
        cpu_racks: racks of CPUs
    """

    gpu_racks: Float = quantity("rack")
    lpu_racks: Float = quantity("rack", 0.0)
    cpu_racks: Float = quantity("rack", 0.0)


register_structs()


def pod_total(pod: Pod, per_gpu_rack: Float = 0.0, per_lpu_rack: Float = 0.0, per_cpu_rack: Float = 0.0) -> Float:
    """Return a quantity summed over the racks of a POD, in the unit of what one rack has.

    Args:
        pod: how many racks
        per_gpu_rack, per_lpu_rack, per_cpu_rack: what one rack of each type has
    """
    return pod.gpu_racks * per_gpu_rack + pod.lpu_racks * per_lpu_rack + pod.cpu_racks * per_cpu_rack


def racks_implied(total: Float, known_racks: Float, per_known_rack: Float, per_rack: Float) -> Float:
    """Return how many racks of a second type a published total implies, the first type being known.

    Args:
        total: published sum
        known_racks: racks of the first type
        per_known_rack, per_rack: what one rack of the first and of the second type has, same unit as `total`
    """
    return (total - known_racks * per_known_rack) / per_rack
