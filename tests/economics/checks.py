"""Properties every public formula is held to: whole units, slopes that match differences, finite at the edges, monotone."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab.analysis import elasticities
from nvlinklab.analysis.sensitivity import sum_rule_residual
from tests.helpers import central_difference


class Case(NamedTuple):
    """A formula of a dict of floats, a typical point, the units, and what it must do.

    Attributes:
        fn: the formula
        point: `{input: (value, unit)}`
        unit: of the result
        rises, falls: inputs in which it never decreases, never increases
    """

    fn: Callable[[Mapping[str, Any]], Any]
    point: Mapping[str, tuple[float, str]]
    unit: str
    rises: str = ""
    falls: str = ""


def point_at(case: Case, factors) -> dict[str, float]:
    """Return the typical point, each input times a factor between 0.8 and 1.2."""
    return {name: value * factor for (name, (value, _)), factor in zip(case.point.items(), factors, strict=False)}


def check_case(case: Case, factors) -> None:
    point = point_at(case, factors)
    found = elasticities(case.fn, point)
    assert np.isfinite(list(found.values())).all(), found
    residual = sum_rule_residual(found, {name: unit for name, (_, unit) in case.point.items()}, case.unit)
    assert residual < 1e-8, (residual, found)  # of order 1e-12 but where terms cancel
    # along one direction in which every input moves by its own amount; the difference errs by 1e-10 and rounding of 1e-16 / 1e-5
    lean = {name: 1.0 + 0.37 * i for i, name in enumerate(point)}
    difference = central_difference(lambda p: case.fn({n: x * p["step"] ** lean[n] for n, x in point.items()}), {"step": 1.0}, "step")
    np.testing.assert_allclose(sum(found[name] * lean[name] for name in point), difference, rtol=1e-5, atol=1e-6)
    for path in case.rises.split():
        assert found[path] >= -1e-12, (path, found)
    for path in case.falls.split():
        assert found[path] <= 1e-12, (path, found)


def assert_finite(fn: Callable[..., Any], *args: float) -> None:
    """Value and every slope are numbers at this point, an edge of the domain."""
    inputs = tuple(jnp.asarray(a, dtype=jnp.float64) for a in args)
    value, slopes = jax.value_and_grad(fn, argnums=tuple(range(len(inputs))))(*inputs)
    assert np.isfinite([float(value), *map(float, slopes)]).all(), (value, slopes)
