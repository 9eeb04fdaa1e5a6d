"""Claim functions: one pure function of named inputs per claim, each input with its origin.

```python
@check("bw-rack-130tbs-s0", gpus=spec("gb200-nvl72.gpus"), gpu_bw=spec("nvlink5.gpu_bw"))
def rack_total(gpus, gpu_bw):
    return {"bandwidth": both_ways(gpus * gpu_bw)}
```

The function returns a dict. A key that is the name of a stated value is compared with it; any other key is context, printed beside it.
`@reading(id, "label")` adds an alternative reading: what the same claim would mean if it counted differently, computed too.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from nvlinklab import units
from nvlinklab.claims.ledger import ledger
from nvlinklab.errors import ClaimError, did_you_mean
from nvlinklab.io.tables import value_row

Origin = Literal["public", "article", "definition", "assumption"]
ClaimFunction = Callable[..., Mapping[str, Any]]


class Input(NamedTuple):
    """One input of a claim function.

    Attributes:
        value, low, high: number and range [SI]
        unit: unit for the sum rule and for printing
        origin: public (a data table), article (stated by a claim), definition, or assumption
        ref: the path of the value, the id of the claim, or the reason
        premise: the claim it is taken from, when that is another claim
        source: keys of `data/sources.yml`
    """

    value: float
    low: float
    high: float
    unit: str
    origin: Origin
    ref: str
    premise: str = ""
    source: tuple[str, ...] = ()


def spec(path: str) -> Callable[[str], Input]:
    """An input from the data tables by its path, for example `h100.mem_bw`."""

    def make(_: str) -> Input:
        row = value_row(path)
        origin: Origin = "assumption" if row.kind == "assumption" and "recall" not in row.source else "public"
        return Input(row.value, row.low, row.high, row.unit, origin, path, source=row.source)

    return make


def stated(name: str, claim: str = "") -> Callable[[str], Input]:
    """An input that an article states: a value of this claim, or of another one, which then is a premise."""

    def make(own: str) -> Input:
        value = ledger().claim(claim or own).stated(name)
        if value.text:
            raise ClaimError(f"claim {claim or own} states {name} as a name ({value.text!r}); a function needs a number")
        premise = claim if claim and claim != own else ""
        ref = f"{claim or own}.{name}"
        return Input(value.value, value.low, value.high, value.unit, "article", ref, premise, (ledger().claim(claim or own).document,))

    return make


def given(value: float, unit: str, why: str) -> Callable[[str], Input]:
    """An input that is true by definition (two directions, eight years)."""
    si = units.to_si(value, unit)
    return lambda _: Input(si, si, si, unit, "definition", why)


def assume(value: float, unit: str, why: str, low: float | None = None, high: float | None = None) -> Callable[[str], Input]:
    """An input nobody publishes: our assumption, with its range."""
    ends = [units.to_si(value if v is None else v, unit) for v in (low, high)]
    return lambda _: Input(units.to_si(value, unit), ends[0], ends[1], unit, "assumption", why)


class Reading(NamedTuple):
    """Another way to count: label, function, the inputs it takes beyond those of the claim."""

    label: str
    function: ClaimFunction
    inputs: dict[str, Input]


class Check(NamedTuple):
    """What is registered for one claim."""

    claim: str
    function: ClaimFunction
    inputs: dict[str, Input]
    context_units: dict[str, str]
    not_checkable: str
    holds_if: tuple[str, str] | None
    readings: list[Reading]


_makers: dict[str, tuple[ClaimFunction, dict[str, Any], dict[str, str], str, tuple[str, str] | None]] = {}
_reading_makers: dict[str, list[tuple[str, ClaimFunction, dict[str, Any]]]] = {}


def check(
    claim: str, *, context: Mapping[str, str] | None = None, not_checkable: str = "", holds_if: tuple[str, str] | None = None,
    **inputs: Callable[[str], Input],
) -> Callable:  # fmt: skip
    """Register the function of a claim.

    Args:
        claim: its id
        context: units of returned values that the claim does not state
        not_checkable: why the stated values cannot be checked today, where that is so; the function then returns context only
        holds_if: the input nobody publishes on which the claim hangs, and words for it: `("share", "communication's share of the step")`;
            it must be an `assume` whose range is what is possible
        inputs: where each argument of the function comes from: `spec`, `stated`, `given` or `assume`

    Raises:
        ClaimError: the claim has a function already.
    """

    def register(function: ClaimFunction) -> ClaimFunction:
        if claim in _makers:
            raise ClaimError(f"claim {claim} has two functions: {_makers[claim][0].__qualname__} and {function.__qualname__}")
        _makers[claim] = (function, inputs, dict(context or {}), not_checkable, holds_if)
        return function

    return register


def reading(claim: str, label: str, **inputs: Callable[[str], Input]) -> Callable:
    """Register an alternative reading of a claim: the same stated names, counted another way.

    The function may use the claim's inputs by name as well as its own.
    """

    def register(function: ClaimFunction) -> ClaimFunction:
        _reading_makers.setdefault(claim, []).append((label, function, inputs))
        return function

    return register


def registered() -> tuple[str, ...]:
    """Return the ids of all claims that have a function, in ledger order."""
    _load_chapters()
    return tuple(claim for claim in ledger().claims if claim in _makers)


def get_check(claim: str) -> Check | None:
    """Return what is registered for a claim, or None while it is pending.

    Raises:
        ClaimError: a function for a claim that does not exist, or an input without an argument.
    """
    _load_chapters()
    ledger().claim(claim)
    if claim not in _makers:
        return None
    function, makers, context, not_checkable, holds_if = _makers[claim]
    inputs = {name: make(claim) for name, make in makers.items()}
    _arguments_match(claim, function, inputs)
    if holds_if is not None and (holds_if[0] not in inputs or inputs[holds_if[0]].origin != "assumption"):
        known = [n for n, i in inputs.items() if i.origin == "assumption"]
        raise ClaimError(
            f"claim {claim}: holds_if names {holds_if[0]!r}; expected an input given by assume() with the range of what is possible"
            f"{': ' + ', '.join(known) if known else ', and this claim has none'}"
        )
    readings = []
    for label, other, extra in _reading_makers.get(claim, []):
        more = {name: make(claim) for name, make in extra.items()}
        wanted = _arguments(other)
        own = {name: value for name, value in {**inputs, **more}.items() if name in wanted}
        _arguments_match(f"{claim} ({label})", other, own)
        readings.append(Reading(label, other, own))
    return Check(claim, function, inputs, context, not_checkable, holds_if, readings)


def _arguments(function: ClaimFunction) -> list[str]:
    import inspect

    return list(inspect.signature(function).parameters)


def _arguments_match(name: str, function: ClaimFunction, inputs: Mapping[str, Input]) -> None:
    wanted = _arguments(function)
    if set(wanted) != set(inputs):
        extra, missing = set(inputs) - set(wanted), set(wanted) - set(inputs)
        raise ClaimError(
            f"claim {name}: the function takes {', '.join(wanted)}, the inputs are {', '.join(inputs)}"
            f"{'; missing ' + ', '.join(sorted(missing)) if missing else ''}{'; unused ' + ', '.join(sorted(extra)) if extra else ''}"
        )


_loaded = False


def _load_chapters() -> None:
    """Import every `nvlinklab.claims.chNN` once; each registers its functions."""
    global _loaded
    if _loaded:
        return
    _loaded = True
    import importlib
    import pkgutil

    from nvlinklab import claims

    for module in sorted(m.name for m in pkgutil.iter_modules(claims.__path__) if m.name.startswith("ch") and m.name[2:4].isdigit()):
        importlib.import_module(f"nvlinklab.claims.{module}")
    for name in (*_makers, *_reading_makers):
        if name not in ledger().claims:
            raise ClaimError(
                f"a function is registered for claim {name!r}, which is not in data/claims{did_you_mean(name, ledger().claims)}"
            )
        if name not in _makers:
            raise ClaimError(f"claim {name} has an alternative reading but no function of its own")
