"""What a purchase costs per second of its life, and what a good part costs when some are bad."""

import jax.numpy as jnp

from nvlinklab._math import mean_decay
from nvlinklab._struct import Float

YEAR = 31557600.0
"""A Julian year of 365.25 days [s]; interest rates are compounded once in it."""


def capital_recovery(rate: Float, life: Float, period: Float = YEAR) -> Float:
    """Return the payment per second that repays one dollar with interest [1/s]: the capital recovery factor.

    `i / (1 - (1 + i)^-n) / period` with interest `i = rate * period` in each of the `n = life / period` periods (Brealey & Myers,
    Principles of Corporate Finance, chapter 2). Without interest it is `1 / life`, the straight line, with a finite slope.

    Args:
        rate: cost of capital [1/s]; 8 % a year is `0.08 / YEAR`
        life: years of use as time [s]
        period: time between two compoundings [s]
    """
    log_growth = jnp.log1p(rate * period)  # per period; the interest itself is log_growth * mean_decay(-log_growth)
    return 1.0 / life / mean_decay(log_growth * life / period) * mean_decay(-log_growth)


def continuous_recovery(rate: Float, life: Float) -> Float:
    """Return the capital recovery factor [1/s] when interest is compounded at every moment: `r / (1 - e^(-r T))`, `1 / T` at r = 0."""
    return 1.0 / life / mean_decay(rate * life)


def present_value(amount: Float, rate: Float, after: Float, period: Float = YEAR) -> Float:
    """Return what an amount paid `after` some time [s] is worth today [USD]: `amount (1 + i)^(-after / period)`.

    Args:
        amount: paid later [USD]
        rate: cost of capital [1/s]
        after: time until then [s]
        period: time between two compoundings [s]
    """
    return amount * jnp.exp(-jnp.log1p(rate * period) * after / period)


def annuity(price: Float, rate: Float, life: Float, residual: Float = 0.0, period: Float = YEAR) -> Float:
    """Return the constant payment that covers a purchase over its life [USD/s].

    Args:
        price: paid at the start [USD]
        rate: cost of capital [1/s]
        life: time of use [s]
        residual: what it sells for at the end [USD]
        period: time between two compoundings [s]
    """
    return (price - present_value(residual, rate, life, period)) * capital_recovery(rate, life, period)


def straight_line(price: Float, life: Float, residual: Float = 0.0) -> Float:
    """Return straight-line depreciation [USD/s]: the annuity without interest.

    Args:
        price: paid at the start [USD]
        life: time of use [s]
        residual: value at the end [USD]
    """
    return (price - residual) / life


def book_value(price: Float, life: Float, age: Float, residual: Float = 0.0) -> Float:
    """Return what the books say it is worth at an age [USD]: a straight line from `price` to `residual`, then flat."""
    return price - (price - residual) * jnp.minimum(age / life, 1.0)


def residual_value(price: Float, decline: Float, age: Float) -> Float:
    """Return what it sells for at an age [USD]: `price e^(-decline age)`, a constant share lost in each year.

    Args:
        price: when new [USD]
        decline: loss of value per time [1/s]; 35 % a year is `-log(0.65) / YEAR`
        age: [s]
    """
    return price * jnp.exp(-decline * age)


def poisson_yield(area: Float, defects: Float) -> Float:
    """Return the share of good dies when defects fall independently: `e^(-A D)`; the pessimistic end.

    Args:
        area: critical area of a die [m^2]
        defects: defects per area [1/m^2]; 0.1 per cm^2 is 1000
    """
    return jnp.exp(-area * defects)


def murphy_yield(area: Float, defects: Float) -> Float:
    """Return the share of good dies when the defect density varies over the wafer: `((1 - e^(-A D)) / (A D))^2`; 1 without defects.

    Murphy, Proceedings of the IEEE 52(12), 1964, triangular distribution.

    Args:
        area: critical area of a die [m^2]
        defects: mean defects per area [1/m^2]
    """
    return mean_decay(area * defects) ** 2


def clustered_yield(area: Float, defects: Float, clustering: Float) -> Float:
    """Return the share of good dies when defects cluster: `(1 + A D / alpha)^-alpha` (Stapper et al., Proceedings of the IEEE 71(4), 1983).

    Args:
        area: critical area of a die [m^2]
        defects: mean defects per area [1/m^2]
        clustering: alpha; large means independent defects (Poisson), 2 to 3 is usual
    """
    return jnp.exp(-clustering * jnp.log1p(area * defects / clustering))


def assembly_yield(part_yield: Float, parts: Float) -> Float:
    """Return the share of good assemblies of `parts` parts, or board layers, that must all be good: `y^n`."""
    return part_yield**parts


def cost_per_good(cost: Float, share_good: Float, scrap_value: Float = 0.0) -> Float:
    """Return what one good unit costs [USD]: those that fail are paid for too, `(cost - (1 - y) scrap) / y`; infinite at yield 0.

    Args:
        cost: of making and testing one unit [USD]
        share_good: the yield, in (0, 1]
        scrap_value: what a bad one still brings [USD]
    """
    return (cost - (1.0 - share_good) * scrap_value) / share_good
