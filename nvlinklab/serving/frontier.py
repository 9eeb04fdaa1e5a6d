"""Throughput against interactivity: every layout at every batch, limits on latency, and the points nothing else beats.

A frontier holds what an operator can choose, so it is a set of points and not a curve: between two layouts there is none. TTFT contains no
queueing here, so a limit on it is met by too many points rather than too few; leave room for the queue.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab._struct import Float, replace_path
from nvlinklab.errors import SpecError
from nvlinklab.quantities import QUANTITIES
from nvlinklab.serving.decode import Deployment
from nvlinklab.serving.estimate import estimate
from nvlinklab.serving.layouts import DEGREES, label, why_not, with_degrees
from nvlinklab.workload.architecture import Architecture

if TYPE_CHECKING:
    import xarray as xr

OUTPUTS = {
    "ttft": ("s", "Time to first token without queueing"),
    "tpot": ("s", "Time per output token"),
    "e2e": ("s", "Time of a whole request"),
    "interactivity": ("tok/s", "Output tokens per second and user"),
    "throughput": ("tok/s", "Output tokens per second and GPU"),
    "power": ("W", "Power of all GPUs"),
    "energy_per_token": ("J/token", "Energy per output token"),
    "usd_per_token": ("USD/token", "Cost per output token"),
    "gpus": ("GPU", "GPUs of the layout"),
}
"""Variables of the Dataset with unit and long name."""


@jax.jit
def grid(
    a: Architecture, d: Deployment, degrees: Mapping[str, Float], batches: Float, isl: Float, osl: Float, options: Mapping[str, Float]
) -> dict[str, Float]:
    """Return every output of `OUTPUTS` and `feasible` for L layouts and B batches, arrays of shape (L, B).

    Args:
        a: the model
        d: everything but the degrees
        degrees: `{degree: values of shape (L,)}`
        batches: requests in flight per GPU, shape (B,)
        isl, osl: input and output tokens of a request
        options: further inputs of `estimate` by name
    """

    def at(layout: Mapping[str, Float], batch: Float) -> dict[str, Float]:
        found = estimate(a, replace_path(d, dict(layout)), batch, isl, osl, **options)
        values = {name: getattr(found, "throughput_per_gpu" if name == "throughput" else name) for name in OUTPUTS}
        return values | {"feasible": found.feasible}

    return jax.vmap(lambda layout: jax.vmap(lambda batch: at(layout, batch))(batches))(dict(degrees))


def frontier(
    a: Architecture,
    d: Deployment,
    layouts: Sequence[Mapping[str, float]],
    batches: Sequence[float],
    isl: float,
    osl: float,
    ttft_limit: float = np.inf,
    tpot_limit: float = np.inf,
    available: float | None = None,
    spill: str | None = "scale_out",
    **options: float,
) -> "xr.Dataset":
    """Return all points and which of them nothing beats.

    Args:
        a: the model
        d: everything but the degrees
        layouts: parallel degrees by name, those not named are 1; `layouts.candidates` lists what fits
        batches: requests in flight per GPU
        isl, osl: input and output tokens of a request
        ttft_limit, tpot_limit: the service level [s]
        available, spill: as for `layouts.check`
        options: `hit_rate`, `chunk`, `pue`, `usd_per_gpu_s` of `estimate`

    Returns:
        a Dataset over `layout` and `batch`: the variables of `OUTPUTS`, `feasible` (else they are NaN), `meets` (feasible and within both
        limits), `pareto` (meets, and no other that does has as much of throughput and interactivity and more of one). `reason` says why
        a layout cannot be at any batch.

    Raises:
        SpecError: no layout, no batch, an unknown degree, or a degree that is not a positive whole number.
    """
    import xarray as xr

    if not len(layouts) or not len(batches):
        raise SpecError("a frontier needs at least one layout and one batch")
    cuts = [with_degrees(d, degrees) for degrees in layouts]
    reasons = [why_not(a, cut, available=available, spill=spill) for cut in cuts]
    degrees = {name: jnp.asarray([float(getattr(cut, name)) for cut in cuts]) for name in DEGREES}
    columns = grid(a, d, degrees, jnp.asarray(batches, dtype=jnp.float64), isl, osl, options)
    exists = np.asarray(columns["feasible"]) & np.array([not reason for reason in reasons])[:, None]
    data = {}
    for name, (unit, long_name) in OUTPUTS.items():
        values = np.where(exists, np.asarray(columns[name]), np.nan)
        data[name] = (("layout", "batch"), values, {"units": unit, "long_name": long_name})
    meets = exists & (data["ttft"][1] <= ttft_limit) & (data["tpot"][1] <= tpot_limit)
    best = pareto(data["interactivity"][1], data["throughput"][1], meets)
    flags = {"feasible": (exists, "the design point exists"), "meets": (meets, "within the limits"), "pareto": (best, "nothing is better")}
    data |= {name: (("layout", "batch"), flag, {"long_name": text}) for name, (flag, text) in flags.items()}
    coords = {
        "layout": [label({name: getattr(cut, name) for name in DEGREES}) for cut in cuts],
        "batch": ("batch", np.asarray(batches, dtype=float), {"units": "request", "long_name": QUANTITIES["batch"].long_name}),
        "reason": ("layout", reasons, {"long_name": "why the layout cannot be"}),
    } | {name: ("layout", np.asarray(values), {"units": "GPU"}) for name, values in degrees.items()}
    return xr.Dataset(data, coords=coords, attrs={"isl": isl, "osl": osl, "ttft_limit": ttft_limit, "tpot_limit": tpot_limit})


def pareto(first: np.ndarray, second: np.ndarray, among: np.ndarray) -> np.ndarray:
    """Return which points, of those `among`, no other one of them matches in both and beats in one; more is better.

    Equal points are all kept. Sorted by the first from the top, a point stays if its second exceeds all before it.

    Args:
        first, second: two qualities, any shape
        among: points that count, the same shape

    >>> pareto(np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.0, 2.0]), np.array([True, True, True])).tolist()
    [True, False, True]
    """
    x, y, kept = first.ravel(), second.ravel(), np.zeros(first.size, dtype=bool)
    places = np.flatnonzero(among.ravel())
    best, held = -np.inf, (np.nan, np.nan)
    for i in places[np.lexsort((-y[places], -x[places]))]:
        if y[i] > best:
            best, held = y[i], (x[i], y[i])
            kept[i] = True
        else:
            kept[i] = (x[i], y[i]) == held
    return kept.reshape(first.shape)
