"""How bytes move."""

from nvlinklab._lazy import submodules

__getattr__ = submodules(__name__)
