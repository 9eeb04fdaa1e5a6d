"""The one place where units are read, written and converted. Inside the package every number is SI: s, B, FLOP, J, USD.

Data files may only use units of the closed `VOCABULARY`; a user may type anything the small registry below can compose
(`"1.2 TB/s"`, `"400 Gb/s"`). GB is 1e9 B and GiB is 2**30 B; a bit is an eighth of a byte, so Gb/s and GB/s never meet unnoticed.
pint (loaded on first use) parses and converts; it is built without its default units, so that nothing outside this page exists.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from nvlinklab.errors import UnitError, did_you_mean

DIMENSIONS = ("s", "B", "FLOP", "J", "USD", "m", "kg", "K", "V", "rad", "date")
"""Base dimensions. Counts (GPUs, tokens, parameters, links) are pure numbers; `date` is a calendar year such as 2024.2."""

_DEFINITIONS = """
nano- = 1e-9 = n-
micro- = 1e-6 = u-
milli- = 1e-3 = m-
centi- = 1e-2 = c-
kilo- = 1e3 = k-
mega- = 1e6 = M-
giga- = 1e9 = G-
tera- = 1e12 = T-
peta- = 1e15 = P-
exa- = 1e18 = E-
kibi- = 1024 = Ki-
mebi- = 1048576 = Mi-
gibi- = 1073741824 = Gi-
tebi- = 1099511627776 = Ti-
pico- = 1e-12 = p-
second = [s] = s
minute = 60 * second = min
hour = 3600 * second = h
day = 24 * hour = d
week = 7 * day = wk
month = 2629800 * second = mo
year = 31557600 * second = yr
byte = [B] = B
bit = byte / 8 = b
flop = [FLOP] = FLOP
joule = [J] = J
watt = joule / second = W
watthour = watt * hour = Wh
usd = [USD] = USD
metre = [m] = m
litre = 1e-3 * metre ** 3 = L
kilogram = [kg] = kg
tonne = 1000 * kilogram = t
kelvin = [K] = K
volt = [V] = V
ampere = watt / volt = A
calendar = [date] = date
angle_unit = [rad] = rad
count = []
percent = 0.01 = pct
hertz = 1 / second = Hz
transfer = [] = T_
token = [] = tok
"""

_COUNTS = (
    "1", "x", "GPU", "die", "package", "CPU", "chip", "core", "thread", "link", "lane", "pair", "port", "cable", "tray", "switch",
    "rack", "node", "layer", "expert", "token", "tok", "request", "parameter", "user", "hop", "copy", "doubling", "generation",
    "LPU", "U", "shelf", "connector", "canister", "transistor", "level", "collective", "transfer", "row", "event", "device", "part",
)  # fmt: skip

VOCABULARY: tuple[str, ...] = (
    *_COUNTS,
    "percent", "kparameter", "Mparameter", "Gparameter", "Tparameter", "ktok", "Mtok",
    "s", "ms", "us", "ns", "min", "h", "d", "wk", "mo", "yr", "date",
    "B", "kB", "MB", "GB", "TB", "PB", "KiB", "MiB", "GiB", "TiB", "b", "kb", "Mb", "Gb",
    "B/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s", "b/s", "Mb/s", "Gb/s", "Tb/s", "Pb/s", "GT/s", "MT/s", "T/s",
    "FLOP", "kFLOP", "GFLOP", "TFLOP", "PFLOP", "FLOP/s", "GFLOP/s", "TFLOP/s", "PFLOP/s", "EFLOP/s", "FLOP/B", "B/kFLOP", "B/FLOP",
    "J", "kJ", "MJ", "kWh", "MWh", "pJ/b", "W", "kW", "MW", "GW", "W/mm^2", "kW/(PFLOP/s)", "kW/(EFLOP/s)", "J/token",
    "USD", "kUSD", "MUSD", "GUSD", "TUSD", "USD/yr", "kUSD/yr", "MUSD/yr", "GUSD/yr", "USD/h", "USD/s", "USD/d", "USD/kWh",
    "USD/Mtok", "USD/token", "USD/L", "USD/GB",
    "tok/s", "Mtok/s", "1/s", "1/h", "1/mo", "1/yr", "x/yr", "Hz", "GHz", "MHz", "tok/J", "tok/s/MW", "1/s/W",
    "m", "mm", "um", "nm", "km", "cm", "mm^2", "L", "L/min", "dB", "dB/m",
    "kg", "t", "kg/m", "kg/m^3", "K", "V", "A", "kA", "L/min/kW", "mm^2*K/W", "W/(m^2*K)",
    "B/token", "kB/token", "MB/token", "FLOP/token", "B/GPU",
)  # fmt: skip
"""Every unit a data file may use."""


@cache
def _registry() -> Any:
    import pint

    registry = pint.UnitRegistry(None)
    registry.define("nvl_dimensionless = []")
    for line in _DEFINITIONS.strip().splitlines():
        registry.define(line)
    for name in (*_COUNTS, "T", "dB"):
        if name.isidentifier() and name not in {"token", "transfer", "tok"}:
            registry.define(f"{name} = []")
    return registry


@cache
def _parsed(unit: str) -> tuple[float, tuple[tuple[str, int], ...]]:
    if unit in ("1", "", "x"):
        return 1.0, ()
    import pint

    text = unit.replace("^", "**")
    try:
        base = _registry().parse_expression(text)
        base = base.to_base_units() if hasattr(base, "to_base_units") else _registry().Quantity(float(base))
    except (pint.UndefinedUnitError, pint.DefinitionSyntaxError, TypeError, ValueError, SyntaxError, AttributeError) as exc:
        raise UnitError(f"unit {unit!r} is not known{did_you_mean(unit, VOCABULARY)}") from exc
    exponents = {str(k).strip("[]"): int(v) for k, v in base.dimensionality.items()}
    return float(base.magnitude), tuple(sorted(exponents.items()))


def factor(unit: str) -> float:
    """Return how many SI units one `unit` is.

    >>> factor("Gb/s"), factor("GB/s"), factor("us")
    (125000000.0, 1000000000.0, 1e-06)
    """
    return _parsed(unit)[0]


def exponents(unit: str) -> dict[str, int]:
    """Return the exponents of the base dimensions, for the sum rule.

    >>> exponents("TB/s"), exponents("GPU"), exponents("FLOP/B")
    ({'B': 1, 's': -1}, {}, {'B': -1, 'FLOP': 1})
    """
    return dict(_parsed(unit)[1])


def check_vocabulary(unit: str) -> str:
    """Return `unit` if data files may use it, else raise `UnitError` with the nearest ones."""
    if unit not in VOCABULARY:
        raise UnitError(f"unit {unit!r} is not in the vocabulary{did_you_mean(unit, VOCABULARY)}")
    return unit


def to_si(value: float, unit: str) -> float:
    """Convert a number in `unit` to SI.

    >>> to_si(400, "Gb/s")
    50000000000.0
    """
    return value * factor(unit)


def from_si(value: Any, unit: str) -> Any:
    """Convert an SI number (or array) to `unit`.

    >>> from_si(1.296e14, "TB/s")
    129.6
    """
    return value / factor(unit)


def parse(text: str | float, unit: str) -> float:
    """Read a quantity as a person types it and return it in SI; a bare number is taken in `unit`.

    Raises:
        UnitError: the text has a unit of another dimension, or no number.

    >>> parse("1.2 TB/s", "B/s"), parse(5, "us")
    (1200000000000.0, 4.9999999999999996e-06)
    """
    if isinstance(text, int | float):
        return to_si(float(text), unit)
    number, _, given = text.strip().partition(" ")
    if not given:
        head = text.strip()
        cut = next((i for i, c in enumerate(head) if c.isalpha() and not _exponent_at(head, i)), len(head))
        number, given = head[:cut], head[cut:]
    try:
        magnitude = float(number.replace("_", ""))
    except ValueError as exc:
        raise UnitError(f"{text!r} does not start with a number; write for example '1.2 {unit}'") from exc
    given = given.strip() or unit
    if exponents(given) != exponents(unit):
        raise UnitError(f"{text!r} is in {given}, which is not a kind of {unit}; write for example '{magnitude:g} {unit}'")
    return magnitude * factor(given)


def _exponent_at(text: str, index: int) -> bool:
    return text[index] in "eE" and index > 0 and text[index - 1].isdigit() and index + 1 < len(text) and text[index + 1] in "+-0123456789"


def display_unit(value: float, unit: str) -> str:
    """Choose a readable multiple of an SI `unit` for a number of this size.

    >>> display_unit(1.296e14, "B/s"), display_unit(4.4e-5, "s"), display_unit(50e9, "B/s")
    ('TB/s', 'us', 'GB/s')
    """
    family = _FAMILIES.get(unit, (unit,))
    size = abs(value)
    return next((u for u in family if size >= 0.9995 * factor(u)), family[-1] if size else family[0])


_FAMILIES: Mapping[str, tuple[str, ...]] = {
    "s": ("yr", "d", "h", "s", "ms", "us", "ns"),
    "B": ("PB", "TB", "GB", "MB", "kB", "B"),
    "B/s": ("PB/s", "TB/s", "GB/s", "MB/s", "B/s"),
    "FLOP/s": ("EFLOP/s", "PFLOP/s", "TFLOP/s", "GFLOP/s"),
    "W": ("MW", "kW", "W"),
    "USD": ("GUSD", "MUSD", "kUSD", "USD"),
    "m": ("km", "m", "mm", "um"),
    "kg": ("t", "kg"),
}


def pretty(value: float, unit: str, digits: int = 4) -> str:
    """Write an SI number with its readable unit.

    >>> pretty(1.296e14, "B/s"), pretty(5.5e-6, "s"), pretty(812.5, "x"), pretty(72.0, "GPU")
    ('129.6 TB/s', '5.5 us', '812.5x', '72 GPU')
    """
    if unit == "percent":
        return f"{value * 100:.{digits}g} %"
    shown = display_unit(value, unit)
    return with_unit(value / factor(shown), shown, digits)


def with_unit(number: float, unit: str, digits: int = 4) -> str:
    """Write a number that is already in `unit`."""
    if unit == "date":
        return date_text(number)
    body = number_text(number, digits)
    if unit == "x":
        return f"{body}x"
    return body if unit == "1" else f"{body} {'%' if unit == 'percent' else unit}"


def date_text(year: float) -> str:
    """Write a decimal year as its month, a whole one as the year alone.

    >>> date_text(2024.2132), date_text(2025 + 6 / 12), date_text(2016.0)
    ('2024-03', '2025-07', '2016')
    """
    import math

    if math.isnan(year):
        return "n/a"
    if year == int(year):
        return str(int(year))
    whole, month = divmod(math.floor(year * 12 + 1e-6), 12)
    return f"{whole}-{month + 1:02d}"


def number_text(number: float, digits: int = 4) -> str:
    """Write a number with `digits` significant digits, thousands separated, never in a form that hides its size.

    >>> number_text(580608.0), number_text(0.0132537), number_text(1.5e15), number_text(-3.0)
    ('580,608', '0.01325', '1.5e+15', '-3')
    """
    if number != number:
        return "n/a"
    if number == int(number) and abs(number) < 1e7:
        return f"{int(number):,}"
    if 1e-4 <= abs(number) < 1e7:
        import math

        places = max(0, digits - 1 - math.floor(math.log10(abs(number))))
        text = f"{number:,.{places}f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{number:.{digits}g}"


def one_way(value: float, reading: frozenset[str] | set[str]) -> float:
    """Return a bandwidth in one direction, halving a both-directions figure as its row's reading says."""
    return value / 2 if "both-ways" in reading else value
