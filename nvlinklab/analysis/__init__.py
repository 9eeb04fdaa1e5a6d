"""What a number hangs on: works on any function of float leaves and knows no hardware."""

from nvlinklab.analysis.attribution import aumann_shapley, one_at_a_time, shapley
from nvlinklab.analysis.inverse import BreakEven, break_even
from nvlinklab.analysis.sensitivity import elasticities, elasticity_along, exponent_sums
from nvlinklab.analysis.sweep import sweep

__all__ = [
    "BreakEven",
    "aumann_shapley",
    "break_even",
    "elasticities",
    "elasticity_along",
    "exponent_sums",
    "one_at_a_time",
    "shapley",
    "sweep",
]
