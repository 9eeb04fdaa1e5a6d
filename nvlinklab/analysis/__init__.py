"""What a number hangs on: works on any function of float leaves and knows no hardware."""

from nvlinklab.analysis.attribution import aumann_shapley, mixed, one_at_a_time, shapley
from nvlinklab.analysis.design import Design, design
from nvlinklab.analysis.inverse import BreakEven, break_even
from nvlinklab.analysis.sensitivity import (
    bottleneck,
    elasticities,
    elasticity_along,
    exponent_sums,
    gradient,
    handovers,
    interactions,
    tornado,
)
from nvlinklab.analysis.sweep import sweep

__all__ = [
    "BreakEven",
    "Design",
    "aumann_shapley",
    "bottleneck",
    "break_even",
    "design",
    "elasticities",
    "elasticity_along",
    "exponent_sums",
    "gradient",
    "handovers",
    "interactions",
    "mixed",
    "one_at_a_time",
    "shapley",
    "sweep",
    "tornado",
]
