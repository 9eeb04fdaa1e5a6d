"""Where the live charts are listed, and how a claim's function becomes one of a dict."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from nvlinklab._struct import leaves
from nvlinklab.claims.registry import get_check
from nvlinklab.errors import ClaimError
from nvlinklab.live import Live


class Entry(NamedTuple):
    """A chart: the notebook that shows it, by its file's name, and the function that makes it."""

    notebook: str
    make: Callable[[], Live]


CHARTS: dict[str, Entry] = {}


def shown_in(notebook: str) -> Callable[[Callable[[], Live]], Callable[[], Live]]:
    """Register a chart under its function's name."""

    def register(make: Callable[[], Live]) -> Callable[[], Live]:
        CHARTS[make.__name__.replace("_", "-")] = Entry(notebook, make)
        return make

    return register


class Model(NamedTuple):
    """A function of a dict, the point where it starts [SI], and the units of inputs."""

    fn: Callable[[Mapping[str, Any]], Any]
    point: dict[str, float]
    units: dict[str, str]


def of_claim(claim: str) -> Model:
    """Return the function of a claim with its inputs.

    Raises:
        ClaimError: the claim has no function.
    """
    check = get_check(claim)
    if check is None:
        raise ClaimError(f"claim {claim} has no function")
    inputs = check.inputs
    return Model(lambda p: dict(check.function(**p)), {n: i.value for n, i in inputs.items()}, {n: i.unit for n, i in inputs.items()})


def differing(specs: Mapping[str, Any], prefix: str = "") -> dict[str, dict[str, float]]:
    """Return, for several structs by label, the leaves in which they differ, as the scenarios of a chart.

    A leaf that is unknown in one of them is left out.
    """
    found = {label: leaves(spec) for label, spec in specs.items()}
    first, *_ = found.values()
    paths = [p for p in first if len({float(f[p]) for f in found.values()}) > 1 and all(f[p] == f[p] for f in found.values())]
    return {label: {f"{prefix}{p}": float(f[p]) for p in paths} for label, f in found.items()}
