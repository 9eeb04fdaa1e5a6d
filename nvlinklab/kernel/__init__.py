"""How long one operator takes."""

from nvlinklab._lazy import submodules

__getattr__ = submodules(__name__)
