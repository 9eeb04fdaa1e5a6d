"""Deployments that cannot be, said before anything is traced, and the list of those that can.

`workload.layout.check` knows the model: which cuts divide it. This page adds the system: how many GPUs there are, and what they hold.
Everything here takes plain numbers; inside a sweep the same limits are flags (`memory.feasible`).
"""

import itertools
from collections.abc import Iterator, Mapping

from nvlinklab._struct import leaves, replace_path
from nvlinklab.errors import InfeasibleError, SpecError
from nvlinklab.serving.decode import Deployment, gpus, kv_bytes_per_token, largest_batch, layout, stage_gpus, weight_bytes_per_gpu
from nvlinklab.workload import layout as cut
from nvlinklab.workload.architecture import Architecture

DEGREES = ("tp", "pp", "cp", "dp", "ep")
"""The leaves of a `Deployment` that say how the model is cut."""


def check(
    a: Architecture,
    d: Deployment,
    batch: float | None = None,
    context: float | None = None,
    available: float | None = None,
    spill: str | None = None,
) -> None:
    """Raise unless the deployment can be; call it with plain numbers, before tracing.

    Args:
        a: the model
        d: how it runs
        batch: requests in flight per GPU (None: ask only whether the weights fit)
        context: cached tokens per request; needed with `batch`
        available: GPUs there are (None: do not ask)
        spill: `"scale_out"` allows groups larger than the scale-up domain, whose hops are then priced

    Raises:
        SpecError: a degree that is not a positive whole number, an unknown `spill`, a batch without context.
        InfeasibleError: why it cannot be, and the nearest that can.
    """
    if batch is not None and context is None:
        raise SpecError("batch is given without context; how much memory a request takes depends on it")
    for name in DEGREES:
        degree = float(getattr(d, name))
        if not degree >= 1.0 or degree != int(degree):
            raise SpecError(f"{name}={degree:g}; expected a whole number, 1 or more")
    ranks = float(d.tp * d.cp)
    if d.ep > ranks * d.dp and d.ep % ranks:
        below, above = d.ep // ranks * ranks, -(-d.ep // ranks) * ranks
        near = f"{below:g} or {above:g}" if below else f"{above:g}"
        raise InfeasibleError(f"ep={d.ep:g} is no multiple of the tp*cp={ranks:g} GPUs of an attention replica; nearest: ep={near}")
    if a.routed_experts and d.ep > a.routed_experts:
        raise InfeasibleError(
            f"ep={d.ep:g} exceeds the {a.routed_experts:g} routed experts: some GPUs would hold none; use ep<={a.routed_experts:g}"
        )
    cut.check(a, layout_of(d), float(d.system.domain), spill)
    need = float(gpus(d))
    if available is not None and need > available:
        raise InfeasibleError(
            f"pp={d.pp:g} stages of {float(stage_gpus(d)):g} GPUs need {need:g} GPUs, but there are {available:g}; "
            f"use fewer stages or replicas, or available>={need:g}"
        )
    _check_memory(a, d, batch, context)


def why_not(
    a: Architecture,
    d: Deployment,
    batch: float | None = None,
    context: float | None = None,
    available: float | None = None,
    spill: str | None = None,
) -> str:
    """Return why a deployment cannot be, or an empty string; arguments as for `check`."""
    try:
        check(a, d, batch, context, available, spill)
    except InfeasibleError as error:
        return str(error)
    return ""


def layout_of(d: Deployment) -> cut.Layout:
    """Return the degrees of a deployment as plain floats."""
    return cut.Layout(**{name: float(degree) for name, degree in leaves(layout(d)).items()})


def candidates(
    a: Architecture, d: Deployment, available: int, spill: str | None = None, pp: bool = True, cp: bool = False
) -> list[dict[str, float]]:
    """Return every layout on exactly `available` GPUs that the model can be cut into and whose weights fit, as `replace_path` takes it.

    Experts are spread over all GPUs of a stage, or over as many as divide them: the widest layout is the one that reads least.

    Args:
        a: the model
        d: everything but the degrees
        available: GPUs, all in use
        spill: as for `check`
        pp, cp: whether to list layouts with several stages, with shared contexts
    """
    found = []
    for degrees in _degrees(a, available, pp, cp):
        if not why_not(a, with_degrees(d, degrees), available=available, spill=spill):
            found.append(degrees)
    return found


def with_degrees(d: Deployment, degrees: Mapping[str, float]) -> Deployment:
    """Return the deployment cut another way; degrees not named are 1.

    Raises:
        SpecError: a name that is no degree.
    """
    unknown = set(degrees) - set(DEGREES)
    if unknown:
        raise SpecError(f"{', '.join(sorted(unknown))}: no parallel degree; there are: {', '.join(DEGREES)}")
    return replace_path(d, dict.fromkeys(DEGREES, 1.0) | {name: float(degree) for name, degree in degrees.items()})


def label(degrees: Mapping[str, float]) -> str:
    """Return a short name of a layout, without the degrees that are 1.

    >>> label({"tp": 4.0, "pp": 1.0, "ep": 8.0})
    'TP4 EP8'
    """
    named = [f"{name.upper()}{degrees[name]:g}" for name in DEGREES if degrees.get(name, 1.0) != 1.0]
    return " ".join(named) or "one GPU"


def _degrees(a: Architecture, available: int, pp: bool, cp: bool) -> Iterator[dict[str, float]]:
    splits = [n for n in range(1, available + 1) if available % n == 0]
    for tp, stages, contexts in itertools.product(splits, splits if pp else [1], splits if cp else [1]):
        if available % (tp * stages * contexts):
            continue
        stage = available // stages
        ep = max(n for n in splits if stage % n == 0 and a.routed_experts % n == 0) if a.routed_experts else 1
        degrees = {"tp": tp, "pp": stages, "cp": contexts, "dp": stage // (tp * contexts), "ep": ep}
        yield {name: float(degree) for name, degree in degrees.items()}


def _check_memory(a: Architecture, d: Deployment, batch: float | None, context: float | None) -> None:
    count, capacity, usable = float(gpus(d)), float(d.system.gpu.mem_capacity), float(d.usable_memory)
    weights = float(weight_bytes_per_gpu(a, d)) * count
    room = f"{count:g} x {capacity / 1e9:.0f} GB x {usable:.2f} = {count * capacity * usable / 1e9:.0f} GB"
    if weights > count * capacity * usable:
        per_gpu = weights / count / 1e9
        raise InfeasibleError(
            f"the weights do not fit: {per_gpu:.0f} GB on each GPU, {weights / 1e9:.0f} GB in all > {room}; "
            "spread them over more ranks (tp, pp or ep) or use a smaller number format"
        )
    if batch is None or context is None:
        return
    largest = float(largest_batch(a, d, context))
    if batch > largest:
        requests, each = batch * count, context * float(kv_bytes_per_token(a, d))
        raise InfeasibleError(
            f"batch={requests:g} ({batch:g} per GPU) does not fit: {weights / 1e9:.0f} GB weights + {requests:g} x {each / 1e9:.3g} GB KV "
            f"= {(weights + requests * each) / 1e9:.0f} GB > {room}; the largest batch is {int(largest * count)} "
            f"({largest:.3g} per GPU)"
        )
