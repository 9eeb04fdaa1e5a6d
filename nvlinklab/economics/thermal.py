"""Getting the heat out: flux, coolant flow, the film at the wall, and what temperature swings do to solder."""

from nvlinklab._struct import Float

WATER_HEAT_CAPACITY = 4186.0
"""Specific heat capacity of water near room temperature [J/(kg K)]."""

WATER_DENSITY = 997.0
"""Density of water at 25 C [kg/m^3]."""

WATER_CONDUCTIVITY = 0.6
"""Thermal conductivity of water near room temperature [W/(m K)]."""

DEVELOPED_NUSSELT = 4.36
"""Nusselt number of fully developed laminar flow in a round channel at constant heat flux (Incropera, section 8.4)."""


def heat_flux(power: Float, area: Float) -> Float:
    """Return the heat through an area [W/m^2]; 1e6 of it is 1 W/mm^2.

    Args:
        power: heat [W]
        area: of all dies that share it [m^2]: a package with two dies has twice the area of one
    """
    return power / area


def coolant_flow(heat: Float, rise: Float, heat_capacity: Float = WATER_HEAT_CAPACITY) -> Float:
    """Return the coolant needed [kg/s]: `Q = m cp dT` solved for the mass flow.

    Args:
        heat: heat load [W]
        rise: how much warmer the coolant leaves than it came [K], above 0
        heat_capacity: of the coolant [J/(kg K)]
    """
    return heat / (heat_capacity * rise)


def coolant_rise(heat: Float, flow: Float, heat_capacity: Float = WATER_HEAT_CAPACITY) -> Float:
    """Return how much warmer the coolant leaves [K] at a mass flow [kg/s]: the inverse of `coolant_flow`."""
    return heat / (heat_capacity * flow)


def volume_flow(mass_flow: Float, density: Float = WATER_DENSITY) -> Float:
    """Return the volume flow [m^3/s] of a mass flow [kg/s]."""
    return mass_flow / density


def film_coefficient(diameter: Float, conductivity: Float = WATER_CONDUCTIVITY, nusselt: Float = DEVELOPED_NUSSELT) -> Float:
    """Return the heat transfer at the wall of a channel [W/(m^2 K)]: `h = Nu k / D` in laminar flow, higher in narrower channels.

    Args:
        diameter: hydraulic diameter [m]
        conductivity: of the coolant [W/(m K)]
        nusselt: Nusselt number of the channel's shape
    """
    return nusselt * conductivity / diameter


def film_rise(flux: Float, coefficient: Float, enlargement: Float = 1.0) -> Float:
    """Return how much warmer the wall is than the coolant [K].

    Args:
        flux: heat through the die [W/m^2]
        coefficient: heat transfer at the wall [W/(m^2 K)]
        enlargement: wetted area of the channels over the area of the die
    """
    return flux / (coefficient * enlargement)


def power_limit(area: Float, rise: Float, resistance: Float) -> Float:
    """Return the heat that leaves through an area at a temperature difference [W]: `P = A dT / R`.

    Args:
        area: of all dies that share it [m^2]
        rise: allowed difference between the die and the coolant that arrives [K]
        resistance: of everything between them, per area [m^2 K/W]; 1e-6 of it is 1 mm^2 K/W
    """
    return area * rise / resistance


GRAVITY = 9.80665
"""Standard gravity [m/s^2]."""


def boiling_limit(latent_heat: Float, vapour: Float, liquid: Float, tension: Float, gravity: Float = GRAVITY) -> Float:
    """Return the heat at which a pool of boiling liquid turns into a film of vapour [W/m^2], its critical heat flux.

    `q = 0.131 h sqrt(rho_v) (sigma g (rho_l - rho_v))^(1/4)` for a large flat plate facing up (Zuber 1959). Coatings and fins raise it.

    Args:
        latent_heat: of evaporation [J/kg]
        vapour, liquid: densities at the boiling point [kg/m^3]
        tension: surface tension [kg/s^2], the same as N/m
        gravity: [m/s^2]
    """
    return 0.131 * latent_heat * vapour**0.5 * (tension * gravity * abs(liquid - vapour)) ** 0.25


def cycles_ratio(swing: Float, reference: Float, exponent: Float = 2.0) -> Float:
    """Return the cycles to failure at one temperature swing over those at another: `(reference / swing)^n` (Coffin 1954, Manson 1953).

    Args:
        swing, reference: temperature swings [K]
        exponent: about 2 for solder, higher for brittle materials
    """
    return (reference / swing) ** exponent


def fatigue_life(swing: Float, rate: Float, reference: Float, reference_cycles: Float, exponent: Float = 2.0) -> Float:
    """Return the time until temperature swings crack a joint [s]: its cycles to failure over the swings per second.

    Args:
        swing: temperature swing in service [K]
        rate: swings in service [1/s]
        reference, reference_cycles: swing of a test [K], and the cycles after which its joints failed
        exponent: see `cycles_ratio`
    """
    return reference_cycles * cycles_ratio(swing, reference, exponent) / rate
