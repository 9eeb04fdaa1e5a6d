"""Every quantified claim as an executable check with a computed verdict."""

from nvlinklab._lazy import submodules

__getattr__ = submodules(__name__)
