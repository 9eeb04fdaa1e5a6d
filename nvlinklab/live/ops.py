"""The operations of a `Program`: how each is computed on constants, and its accuracy and NaN rules, which are those of JAX.

Constants are folded the same on every machine: sums, products, quotients and roots are exact by IEEE 754, and exp, log and powers are
computed in 40 decimal digits and rounded once, because the C library's last bit differs between processors.
"""

import decimal
import math
from collections.abc import Callable
from typing import Any

Scalar = float | bool

_DIGITS = decimal.Context(prec=40, Emin=-999999, Emax=999999, traps=[])


def _decimal(way: Callable[..., decimal.Decimal], *x: float) -> float:
    return float(way(*(decimal.Decimal(v) for v in x)))


def _divide(a: float, b: float) -> float:
    if b:
        return a / b
    return math.nan if a == 0.0 or a != a else math.copysign(math.inf, a) * math.copysign(1.0, b)


def _exp(x: float) -> float:
    return x if x != x else math.inf if x > 710.0 else 0.0 if x < -746.0 else _decimal(_DIGITS.exp, x)


def _log(x: float) -> float:
    if x != x or x < 0.0:
        return math.nan
    return -math.inf if x == 0.0 else x if x == math.inf else _decimal(_DIGITS.ln, x)


def _log1p(x: float) -> float:
    if not abs(x) < math.inf or x <= -1.0:
        return _log(1.0 + x)
    return x if abs(x) < 1e-30 else _decimal(lambda d: _DIGITS.ln(_DIGITS.add(d, 1)), x)


def _expm1(x: float) -> float:
    if x != x or x > 710.0 or x < -50.0:
        return _exp(x) - 1.0
    return x if abs(x) < 1e-30 else _decimal(lambda d: _DIGITS.subtract(_DIGITS.exp(d), 1), x)


def _tanh(x: float) -> float:
    t = _expm1(-2.0 * abs(x))
    return math.copysign(-t / (t + 2.0), x) if x == x else x


def _power(x: float, y: float) -> float:
    try:
        exact = math.pow(x, y)
    except (OverflowError, ValueError):
        return math.nan if x < 0.0 and y != int(y) else _divide(1.0, x) if y < 0.0 else math.inf
    plain = 0.0 < x < math.inf and math.isfinite(y) and 1e-300 < exact < 1e300
    return _decimal(_DIGITS.power, x, y) if plain else exact


def _larger(a: float, b: float) -> float:
    return math.nan if a != a or b != b else max(a, b)


def _smaller(a: float, b: float) -> float:
    return math.nan if a != a or b != b else min(a, b)


def _half_even(x: float) -> float:
    return float(round(x)) if math.isfinite(x) else x


def _half_away(x: float) -> float:
    return math.copysign(math.floor(abs(x)) + (abs(x) - math.floor(abs(x)) >= 0.5), x) if math.isfinite(x) else x


def _whole(step: Callable[[float], int]) -> Callable[[float], float]:
    return lambda x: float(step(x)) if math.isfinite(x) else x


def _overflowing(way: Callable[[float, float], float]) -> Callable[[float, float], float]:
    return lambda a, b: way(float(a), float(b))


FOLD: dict[str, Callable[..., Any]] = {
    "add": _overflowing(lambda a, b: a + b), "sub": _overflowing(lambda a, b: a - b), "mul": _overflowing(lambda a, b: a * b),
    "div": _divide, "neg": lambda a: -a, "abs": abs, "sign": lambda a: a if a == 0.0 or a != a else math.copysign(1.0, a),
    "max": _larger, "min": _smaller, "pow": _power, "exp": _exp, "log": _log, "log1p": _log1p, "expm1": _expm1, "tanh": _tanh,
    "sqrt": lambda a: math.sqrt(a) if a >= 0.0 else math.nan,
    "floor": _whole(math.floor), "ceil": _whole(math.ceil), "trunc": _whole(math.trunc), "half_even": _half_even, "half_away": _half_away,
    "rem": lambda a, b: math.fmod(a, b) if math.isfinite(a) and b else math.nan,
    "lt": lambda a, b: a < b, "le": lambda a, b: a <= b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b,
    "and": lambda a, b: a and b, "or": lambda a, b: a or b, "not": lambda a: not a,
    "isfinite": math.isfinite, "select": lambda c, a, b: a if c else b, "number": lambda a: 1.0 if a else 0.0,
}  # fmt: skip
"""`{operation: what it does to constants}`. `select` is (condition, if true, if false); `number` turns a flag into 0 or 1."""

FLAGS = frozenset({"lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not", "isfinite"})
"""Operations whose result is true or false."""
