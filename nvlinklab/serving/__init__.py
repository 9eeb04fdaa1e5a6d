"""From operators to service levels."""

from nvlinklab._lazy import submodules

__getattr__ = submodules(__name__)
