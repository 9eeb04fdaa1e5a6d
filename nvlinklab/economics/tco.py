"""Total cost of ownership: dollars per second of a system, and per token that it serves.

The cost runs whether or not tokens are served, and at the same power; an idle system that sleeps is cheaper than this. Networks beyond the
system, buildings and staff belong in `price` or `operations`, or are left out.
"""

import jax.numpy as jnp

from nvlinklab._struct import Float, quantity, register_structs, struct
from nvlinklab.economics.capex import YEAR, annuity


@struct
class Ownership:
    """What an owner pays for a system.

    Attributes:
        price: purchase, installation included [USD]
        life: time of use [s]
        rate: cost of capital [1/s]; 0 is straight-line depreciation
        residual: what it sells for at the end [USD]
        power: average IT power [W]
        pue: all power over IT power
        electricity: price of energy [USD/J]; 0.08 USD/kWh is 0.08 / 3.6e6
        operations: hosting, maintenance, staff, spares [USD/s]
        period: time between two compoundings of interest [s]
    """

    price: Float = quantity("USD")
    life: Float = quantity("s")
    rate: Float = quantity("1/s", 0.0)
    residual: Float = quantity("USD", 0.0)
    power: Float = quantity("W", 0.0)
    pue: Float = quantity("1", 1.0)
    electricity: Float = quantity("USD/J", 0.0)
    operations: Float = quantity("USD/s", 0.0)
    period: Float = quantity("s", YEAR)


@struct
class CostRate:
    """Running cost by part [USD/s].

    Attributes:
        capital: purchase spread over the life, with interest
        electricity: energy of the IT equipment and of the site around it
        operations: everything else
    """

    capital: Float = quantity("USD/s")
    electricity: Float = quantity("USD/s")
    operations: Float = quantity("USD/s")


@struct
class TokenCost:
    """Cost of one token by part [USD/token].

    Attributes:
        capital, electricity, operations: as in `CostRate`
    """

    capital: Float = quantity("USD/token")
    electricity: Float = quantity("USD/token")
    operations: Float = quantity("USD/token")


register_structs()


def electricity_cost(power: Float, price: Float, pue: Float = 1.0) -> Float:
    """Return what the energy of a site costs [USD/s].

    Args:
        power: IT power [W]
        price: of energy [USD/J]
        pue: all power over IT power
    """
    return power * pue * price


def cost_rate(o: Ownership) -> CostRate:
    """Return what a system costs per second, by part [USD/s]."""
    capital = annuity(o.price, o.rate, o.life, o.residual, o.period)
    return CostRate(capital=capital, electricity=electricity_cost(o.power, o.electricity, o.pue), operations=o.operations)


def total(cost: CostRate | TokenCost) -> Float:
    """Return the cost [USD/s or USD/token]: the sum of the parts."""
    return cost.capital + cost.electricity + cost.operations


def served_rate(throughput: Float, utilisation: Float = 1.0, availability: Float = 1.0) -> Float:
    """Return the tokens served per second over the whole life [tok/s].

    Args:
        throughput: tokens per second while serving at full load [tok/s]
        utilisation: share of that which is asked for while the system is up
        availability: share of the time, or of the capacity, that is up
    """
    return throughput * utilisation * availability


def token_cost(cost: CostRate, served: Float) -> TokenCost:
    """Return the cost of one token by part [USD/token]; infinite where none is served.

    Args:
        cost: from `cost_rate`
        served: tokens per second, from `served_rate` [tok/s]
    """
    return TokenCost(capital=cost.capital / served, electricity=cost.electricity / served, operations=cost.operations / served)


def rented_token_cost(rent: Float, served: Float) -> Float:
    """Return the cost of one token on a rented system [USD/token].

    Args:
        rent: dollars per second [USD/s]
        served: tokens per second on it, from `served_rate` [tok/s]
    """
    return rent / served


def per_million(cost: Float) -> Float:
    """Return USD per million tokens from USD per token: for tables and charts, the one place where a price is not SI."""
    return cost * 1e6


def bound_throughput(throughput: Float, new: Float, old: Float) -> Float:
    """Return the throughput of another system when one resource alone sets it [tok/s]: it scales with that resource.

    Args:
        throughput: of the old system [tok/s]
        new, old: the resource in both, memory bandwidth [B/s] or arithmetic [FLOP/s]
    """
    return throughput * new / old


def whole_systems(demand: Float, served: Float, spares: Float = 0.0) -> Float:
    """Return how many systems must be bought: whole ones, and the spares; no slope in the demand.

    Args:
        demand: tokens per second asked for [tok/s]
        served: tokens per second of one system [tok/s]
        spares: systems that stand by
    """
    return jnp.ceil(demand / served) + spares


def price_crossover(large: Float, small: Float, spares: Float = 0.0) -> Float:
    """Return how many small systems cost as much as one large one with its spares: below it the small ones are cheaper.

    It holds where one large system serves at least as much as that many small ones, so that one is enough.

    Args:
        large, small: cost of one system of each kind [USD/s], or price [USD]
        spares: large systems that stand by
    """
    return large * (1.0 + spares) / small


def time_value(cost: Float, step: Float) -> Float:
    """Return what one second cut from every step is worth [USD/s per s]: the same tokens come from `cost / step` less of the fleet.

    Args:
        cost: what the fleet costs [USD/s]
        step: time of a step [s]; throughput is its inverse
    """
    return cost / step
