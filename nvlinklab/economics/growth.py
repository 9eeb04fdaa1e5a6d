"""Trends that multiply: growth per year, doubling time, and a log-linear fit that says how little a few points tell."""

import jax.numpy as jnp
import numpy as np

from nvlinklab._struct import Float, quantity, register_structs, struct
from nvlinklab.errors import SpecError


@struct
class Trend:
    """A line through the logarithms of points: `ln y = ln level + rate (t - middle)`.

    Attributes:
        middle: mean date of the points
        level: geometric mean of the points, in their own unit
        rate: slope of the logarithm [1/date], per calendar year
        spread: variance of the points' logarithms about the line, unbiased
        span: sum of squared distances of the dates from their mean [date^2]
        points: how many points were fitted
    """

    middle: Float = quantity("date")
    level: Float = quantity("1")
    rate: Float = quantity("1/date")
    spread: Float = quantity("1")
    span: Float = quantity("date^2")
    points: Float = quantity("1")


@struct
class Forecast:
    """A value with its prediction interval, all in the unit of the points.

    Attributes:
        low, middle, high: lower end, most likely value, upper end
    """

    low: Float = quantity("1")
    middle: Float = quantity("1")
    high: Float = quantity("1")


register_structs()


def yearly_growth(first: Float, last: Float, since: Float, until: Float) -> Float:
    """Return the factor per year between two values: `(last / first)^(1 / years)`.

    Args:
        first, last: values, same unit
        since, until: their dates [calendar years], different
    """
    return (last / first) ** (1.0 / (until - since))


def doubling_time(growth: Float) -> Float:
    """Return the years in which a quantity doubles at a yearly factor (negative where it shrinks, infinite where it stands)."""
    return jnp.log(2.0) / jnp.log(growth)


def extrapolate(first: Float, last: Float, since: Float, until: Float, date: Float) -> Float:
    """Return the value at `date` on the exponential through two points; no error bar, because two points leave none.

    Args:
        first, last: values, same unit
        since, until, date: dates [calendar years]
    """
    return first * (last / first) ** ((date - since) / (until - since))


def date_reached(first: Float, last: Float, since: Float, until: Float, value: Float) -> Float:
    """Return the date at which the exponential through two points takes a value, the inverse of `extrapolate`.

    Args:
        first, last, value: values, same unit, positive
        since, until: dates of the first two [calendar years]
    """
    return since + (until - since) * _log(value / first) / _log(last / first)


def _log(x: Float) -> Float:
    return np.log(x) if isinstance(x, float | np.ndarray) else jnp.log(x)  # plain numbers stay plain: nothing to compile


def fit_trend(dates: Float, values: Float) -> Trend:
    """Fit a straight line to the logarithms by least squares.

    Args:
        dates: calendar years, shape (n,), at least three and not all equal
        values: positive, same unit, shape (n,)

    Raises:
        SpecError: fewer than three points, or shapes that differ.
    """
    dates, logs = jnp.asarray(dates, dtype=jnp.float64), jnp.log(jnp.asarray(values, dtype=jnp.float64))
    if dates.ndim != 1 or dates.shape != logs.shape:
        raise SpecError(f"dates have shape {dates.shape} and values {logs.shape}; expected one date per value, shape (n,)")
    n = dates.shape[0]
    if n < 3:
        raise SpecError(f"{n} points; a trend with an error bar needs 3: use extrapolate() to draw the line through two")
    middle, level = dates.mean(), logs.mean()
    away = dates - middle
    span = (away**2).sum()
    rate = (away * logs).sum() / span
    spread = ((logs - level - rate * away) ** 2).sum() / (n - 2)
    return Trend(middle=middle, level=jnp.exp(level), rate=rate, spread=spread, span=span, points=float(n))


def forecast(trend: Trend, date: Float, quantile: Float) -> Forecast:
    """Return the value at a date with its prediction interval (Draper & Smith, Applied Regression Analysis).

    The half-width is `t s sqrt(1 + 1/n + (date - middle)^2 / span)` in logarithms: it widens away from the points.

    Args:
        trend: from `fit_trend`
        date: calendar years
        quantile: of Student's t with n - 2 degrees of freedom, see `student_quantile`
    """
    centre = trend.level * jnp.exp(trend.rate * (date - trend.middle))
    variance = trend.spread * (1.0 + 1.0 / trend.points + (date - trend.middle) ** 2 / trend.span)
    some = variance > 0.0
    half = quantile * jnp.where(some, jnp.sqrt(jnp.where(some, variance, 1.0)), 0.0)
    return Forecast(low=centre * jnp.exp(-half), middle=centre, high=centre * jnp.exp(half))


def student_quantile(points: int, confidence: float = 0.9) -> float:
    """Return the t quantile of a two-sided interval for a line through `points` points.

    Raises:
        SpecError: fewer than three points, or a confidence outside (0, 1).

    >>> round(student_quantile(4, 0.9), 3)
    2.92
    """
    from scipy.stats import t

    if points < 3 or not 0.0 < confidence < 1.0:
        raise SpecError(f"points={points}, confidence={confidence:g}; expected at least 3 points and a confidence between 0 and 1")
    return float(t.ppf(0.5 * (1.0 + confidence), points - 2))
