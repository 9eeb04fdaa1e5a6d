"""The only place that touches files: tables, YAML, provenance, paths."""

from nvlinklab._lazy import submodules

__getattr__ = submodules(__name__)
