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


def cycles_ratio(swing: Float, reference: Float, exponent: Float = 2.0) -> Float:
    """Return the cycles to failure at one temperature swing over those at another: `(reference / swing)^n` (Coffin 1954, Manson 1953).

    Args:
        swing, reference: temperature swings [K]
        exponent: about 2 for solder, higher for brittle materials
    """
    return (reference / swing) ** exponent
