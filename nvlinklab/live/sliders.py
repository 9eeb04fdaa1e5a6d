"""A slider: which input it moves, over which range, in which unit, and what it is called in a chart."""

import decimal
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from nvlinklab import units
from nvlinklab.errors import SpecError, did_you_mean
from nvlinklab.quantities import QUANTITIES

STEPS = 100


class Slider(NamedTuple):
    """What a reader may move.

    Attributes:
        path: dotted path of the input
        low, high: ends, in `unit`
        unit: as shown; by default the SI unit that the input declares
        label: what it is called; by default the long name of the quantity that the path ends in
        log: whether equal steps are equal factors
        whole: whether only whole numbers make sense
        choices: values to choose from instead of a range, in `unit`; `low` and `high` then are its ends
    """

    path: str
    low: float = math.nan
    high: float = math.nan
    unit: str = ""
    label: str = ""
    log: bool = False
    whole: bool = False
    choices: tuple[float, ...] = ()


class Knob(NamedTuple):
    """A slider with everything about it known; numbers are in the shown unit.

    Attributes:
        signal: its name in the chart
        factor: SI units in a shown unit
        value: where it starts
    """

    path: str
    signal: str
    label: str
    unit: str
    factor: float
    low: float
    high: float
    value: float
    log: bool
    whole: bool
    choices: tuple[float, ...]

    @property
    def title(self) -> str:
        """The label with its unit, for an axis or beside the slider."""
        return titled(self.label, self.unit)

    @property
    def position(self) -> float:
        """Where the slider stands at the start: the value, or its logarithm."""
        return log10(self.value) if self.log and not self.choices else self.value

    @property
    def shown(self) -> str:
        """An expression of the value in the shown unit."""
        if self.choices:
            return self.signal
        plain = f"pow(10, {self.signal})" if self.log else self.signal
        return f"round({plain})" if self.whole else plain

    @property
    def si(self) -> str:
        """An expression of the value in SI."""
        return self.shown if self.factor == 1.0 else f"{self.shown} * {_number(self.factor)}"

    def bind(self) -> dict[str, Any]:
        """Return the control as Vega takes it."""
        if self.choices:
            names = [units.with_unit(v, self.unit or "1") for v in self.choices]
            return {"input": "select", "options": list(self.choices), "labels": names, "name": self.title}
        low, high = (log10(self.low), log10(self.high)) if self.log else (self.low, self.high)
        step = 1.0 if self.whole and not self.log else _rounded((high - low) / STEPS)
        name = f"{self.label} ({self.unit or '1'}, logarithm)" if self.log else self.title
        return {"input": "range", "min": low, "max": high, "step": step, "name": name}


def titled(label: str, unit: str) -> str:
    """Return `label (unit)`, or the label alone of a plain number, or of a count whose label names what is counted.

    >>> titled("Context of a request", "token"), titled("GPUs in the domain", "GPU"), titled("Share", "1")
    ('Context of a request (token)', 'GPUs in the domain', 'Share')
    """
    counted = not units.exponents(unit) and re.match(rf"(\w+ )?{re.escape(unit)}s?\b", label, re.IGNORECASE)
    return label if unit in ("", "1", "x") or counted else f"{label} ({'%' if unit == 'percent' else unit})"


def knob(slider: Slider, defaults: Mapping[str, float], declared: Mapping[str, str], taken: Sequence[str]) -> Knob:
    """Return a slider with all blanks filled in.

    Args:
        slider: as given
        defaults: `{path: value}` of all inputs [SI]
        declared: `{path: SI unit}` as far as it is known
        taken: names of signals that exist

    Raises:
        SpecError: a path that does not exist, a range upside down or not positive on a log scale, a start outside it.
        UnitError: a unit of another dimension than the input's.
    """
    if slider.path not in defaults:
        raise SpecError(f"no parameter is called {slider.path!r}{did_you_mean(slider.path, defaults)}; there are: {', '.join(defaults)}")
    last = slider.path.rsplit(".", 1)[-1]
    known = QUANTITIES.get(last)
    unit = slider.unit or declared.get(slider.path, "") or (known.unit if known else "1")
    if slider.path in declared and units.exponents(unit) != units.exponents(declared[slider.path]):
        raise units.UnitError(f"{slider.path} is in {declared[slider.path]}; a slider in {unit} cannot move it")
    factor = units.factor(unit)
    low, high = (min(slider.choices), max(slider.choices)) if slider.choices else (slider.low, slider.high)
    if not low < high:
        raise SpecError(f"the slider of {slider.path} goes from {low:g} to {high:g}; give low < high, or several choices")
    if slider.log and not low > 0.0:
        raise SpecError(f"the slider of {slider.path} starts at {low:g}; a logarithmic one needs a positive end")
    value = _settled(defaults[slider.path] / factor)
    if slider.choices and value not in slider.choices:
        raise SpecError(f"{slider.path} is {value:g} {unit}, which is none of its choices {', '.join(f'{c:g}' for c in slider.choices)}")
    if not low <= value <= high:
        raise SpecError(f"{slider.path} is {value:g} {unit}, outside its slider from {low:g} to {high:g}")
    label = slider.label or (known.long_name if known else last.replace("_", " ").capitalize())
    stem = "p_" + re.sub(r"\W", "_", last)
    signal = stem if stem not in taken else f"{stem}_{sum(name.startswith(stem) for name in taken) + 1}"
    return Knob(slider.path, signal, label, unit, factor, low, high, value, slider.log, slider.whole, tuple(slider.choices))


def log10(x: float) -> float:
    """Return the decimal logarithm, rounded once, so that it is the same on every machine."""
    return float(decimal.Context(prec=25).log10(decimal.Decimal(x)))


def _settled(x: float) -> float:
    """A number in a shown unit without the last bits that the conversion left: 899.9999999999999 GB/s is 900."""
    return float(f"{x:.14g}")


def _rounded(x: float) -> float:
    return float(f"{x:.3g}")


def _number(x: float) -> str:
    return repr(float(x)).removesuffix(".0")
