"""Power, money and failures."""

from nvlinklab._lazy import submodules

__getattr__ = submodules(__name__)
