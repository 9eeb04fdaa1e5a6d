"""The model's physical parameters, fitted to measured silicon, with their doubt."""

from nvlinklab._lazy import submodules

__getattr__ = submodules(__name__)
