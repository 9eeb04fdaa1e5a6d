"""A differentiable performance model and a claims ledger for NVLink-class AI systems.

Importing the package is cheap: nothing below it is loaded before it is used, JAX included.

>>> import nvlinklab as nl
>>> nl.ledger().chapter("ch02").question
'Do 18 switches, 1,296 links and 5,184 twinax pairs give 130 TB/s, and what do the cables weigh?'
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# 64-bit is turned on here and nowhere else: claims are printed to six digits, and float32 is not stable to that across CPUs.
os.environ.setdefault("JAX_ENABLE_X64", "true")
if "jax" in sys.modules:
    sys.modules["jax"].config.update("jax_enable_x64", True)

_SUBPACKAGES = (
    "analysis",
    "calibration",
    "claims",
    "economics",
    "hardware",
    "io",
    "kernel",
    "live",
    "network",
    "plotting",
    "quantities",
    "scenario",
    "serving",
    "units",
    "validation",
    "whatif",
    "workload",
)
_HEADLINES = {
    "load": "nvlinklab.hardware.catalog",
    "value": "nvlinklab.hardware.catalog",
    "describe": "nvlinklab.hardware.catalog",
    "model": "nvlinklab.workload.architecture",
    "ledger": "nvlinklab.claims.ledger",
    "evaluate": "nvlinklab.claims.evaluate",
    "elasticities": "nvlinklab.analysis.sensitivity",
    "break_even": "nvlinklab.analysis.inverse",
    "sweep": "nvlinklab.analysis.sweep",
    "shapley": "nvlinklab.analysis.attribution",
    "sources": "nvlinklab.io.provenance",
}

if TYPE_CHECKING:
    from nvlinklab import (
        analysis,
        calibration,
        claims,
        economics,
        hardware,
        io,
        kernel,
        live,
        network,
        plotting,
        quantities,
        scenario,
        serving,
        units,
        validation,
        whatif,
        workload,
    )
    from nvlinklab.analysis.attribution import shapley
    from nvlinklab.analysis.inverse import break_even
    from nvlinklab.analysis.sensitivity import elasticities
    from nvlinklab.analysis.sweep import sweep
    from nvlinklab.claims.evaluate import evaluate
    from nvlinklab.claims.ledger import ledger
    from nvlinklab.hardware.catalog import describe, load, value
    from nvlinklab.io.provenance import sources
    from nvlinklab.workload.architecture import model

__all__ = [  # noqa: RUF022  (the sub-packages first, then the headline names)
    "analysis",
    "calibration",
    "claims",
    "economics",
    "hardware",
    "io",
    "kernel",
    "live",
    "network",
    "plotting",
    "quantities",
    "scenario",
    "serving",
    "units",
    "validation",
    "whatif",
    "workload",
    "break_even",
    "describe",
    "elasticities",
    "evaluate",
    "ledger",
    "load",
    "model",
    "shapley",
    "sources",
    "sweep",
    "value",
]


def __getattr__(name: str):
    if name in _SUBPACKAGES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HEADLINES:
        return getattr(importlib.import_module(_HEADLINES[name]), name)
    raise AttributeError(f"module 'nvlinklab' has no attribute {name!r}; it offers {', '.join(sorted(__all__))}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
