"""Copper by the piece: pairs, ports and kilograms."""

import math

from nvlinklab._struct import Float

COPPER_DENSITY = 8960.0
"""Copper at 20 degC [kg/m^3]."""


def pairs(devices: Float, device_bw: Float, lane_rate: Float, directions: Float = 1.0) -> Float:
    """Return the differential pairs that carry what all devices send and receive.

    Args:
        devices: GPUs with a port into the fabric
        device_bw: of each [B/s], one direction
        lane_rate: payload of a pair in one direction [B/s]
        directions: that a pair carries at once: 1, or 2 with simultaneous bidirectional signalling
    """
    return 2.0 * devices * device_bw / (lane_rate * directions)


def pairs_bandwidth(count: Float, lane_rate: Float, directions: Float = 1.0) -> Float:
    """Return what a bundle of pairs carries [B/s], both directions added: `pairs` solved for the bandwidth."""
    return count * lane_rate * directions


def switch_chips(devices: Float, links: Float, ports: Float) -> Float:
    """Return the switch chips whose ports take all links of all devices in one stage; continuous, a whole number fits exactly.

    Args:
        devices: GPUs
        links: of each GPU
        ports: of a chip
    """
    return devices * links / ports


def two_stage_chips(devices: Float, links: Float, ports: Float, oversubscription: Float = 1.0) -> Float:
    """Return the switch chips of two stages: a leaf divides its ports into down and up, the spine takes all uplinks.

    Args:
        devices: GPUs
        links: of each GPU
        ports: of a chip
        oversubscription: down over up ports of a leaf
    """
    down = ports * oversubscription / (1.0 + oversubscription)
    leaves = devices * links / down
    return leaves + leaves * (ports - down) / ports


def longest_run(outer: Float, middle: Float, pitch: Float, slack: Float) -> Float:
    """Return the longest cable between a block of trays and the block beside it [m]: from the far end of one to the far end of the other.

    Args:
        outer, middle: trays in the two blocks, centre to centre one tray apart
        pitch: height of a tray [m]
        slack: plugs, bends and the way across [m]
    """
    return (outer + middle - 1.0) * pitch + slack


def spare_ports(chips: Float, ports: Float, devices: Float, links: Float) -> Float:
    """Return the ports left over in one stage; negative where they do not suffice."""
    return chips * ports - devices * links


def wire_diameter(gauge: Float) -> Float:
    """Return the diameter of an AWG wire [m]: 0.127 mm at gauge 36, a factor of 92 over 39 gauges (ASTM B258)."""
    return 0.127e-3 * 92.0 ** ((36.0 - gauge) / 39.0)


def conductor_mass(diameter: Float, density: Float = COPPER_DENSITY) -> Float:
    """Return the mass per metre of a solid round wire [kg/m]."""
    return math.pi / 4.0 * diameter**2 * density


def cable_mass(count: Float, length: Float, diameter: Float, cover: Float = 1.0, density: Float = COPPER_DENSITY) -> Float:
    """Return the mass of a bundle of pairs [kg].

    Args:
        count: pairs
        length: mean length of a pair [m]
        diameter: of each of its two wires [m]
        cover: all of the cable over its two wires: insulation, drain wire, foil, jacket; at least 1
        density: of the conductor [kg/m^3]
    """
    return count * length * 2.0 * conductor_mass(diameter, density) * cover
