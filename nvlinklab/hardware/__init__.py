"""What exists: accelerators, systems, and the catalog that names them."""

from nvlinklab._lazy import submodules

__getattr__ = submodules(__name__)
