"""A user's own system, read from a YAML file."""

from pathlib import Path

from nvlinklab.hardware import catalog
from nvlinklab.hardware.system import System
from nvlinklab.io.overrides import apply, read_user_file

NAMES = {"scale_up.link_bw": "scale_up.bw", "scale_out.link_bw": "scale_out.bw"}

EXAMPLE = """\
# A system for nvlinklab: a base from the catalog (nvlinklab systems) and what differs from it.
# Bandwidths are one direction, rates are dense, "GPU" is one package. Delete the lines you do not need.
kind: system
base: gb200-nvl72
set:
  domain: 144 GPU                # GPUs in one NVLink domain
  scale_up.link_bw: 1.8 TB/s     # per GPU, one direction
  scale_up.alpha: 12 us          # an exchange that carries almost nothing
  scale_out.link_bw: 100 GB/s    # per GPU, one direction
  gpu.mem_bw: 8 TB/s
  gpu.mem_capacity: 288 GB
  gpu.flops_fp8: 5 PFLOP/s
  gpu.flops_fp4: 15 PFLOP/s
  gpu.power: 1.4 kW
"""


def read_system(path: Path) -> tuple[System, str]:
    """Return a system from a file, and the accelerator it is based on.

    Raises:
        DataError: a file that is not as expected, an unknown base, path or unit; the message starts with file:line.
    """
    document = read_user_file(path, "system", catalog.systems())
    base = document.data["base"]
    return apply(document, catalog.load(base).spec, NAMES), catalog.gpu_of(base)
