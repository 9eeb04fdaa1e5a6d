"""How far an electrical signal goes: loss per metre of twinax and of printed boards, and the length that a loss budget buys.

Loss in the conductor grows with the square root of frequency (the current retreats into a skin), loss in the insulator with
frequency itself. The formulas are textbook ones (Pozar, "Microwave Engineering", chapters 1 to 3); they give the shape and the
order of magnitude. Braid, foil, surface roughness and bends come in as one factor that a measured cable fixes.
"""

import math

import jax.numpy as jnp

from nvlinklab._struct import Float, quantity, register_structs, struct

DB_PER_NEPER = 20.0 / math.log(10.0)
LIGHT = 299792458.0
"""Speed of light in vacuum [m/s]."""
MU_0 = 4e-7 * math.pi
"""Magnetic constant [V s/(A m)]."""
COPPER = 5.8e7
"""Conductivity of annealed copper at 20 degC (IACS, IEC 60028) [A/(V m)]."""


@struct
class Line:
    """A differential pair.

    Attributes:
        perimeter: of one conductor, along which the skin current flows: pi d of a wire, 2 (w + t) of a trace [m]
        impedance: differential, often 100 or 85 ohm [V^2/W]
        conductivity: of the conductor [W/(V^2 m)]
        dk: relative permittivity of the insulator, foam included
        df: loss tangent of the insulator
        excess: conductor loss over that of the smooth pair alone, for roughness and the return path; at least 1
    """

    perimeter: Float = quantity("m")
    impedance: Float = quantity("V^2/W")
    dk: Float = quantity("1")
    df: Float = quantity("1")
    conductivity: Float = quantity("W/(V^2*m)", COPPER)
    excess: Float = quantity("x", 1.0)


@struct
class Loss:
    """Attenuation per length.

    Attributes:
        skin: in the conductor [dB/m]
        dielectric: in the insulator [dB/m]
    """

    skin: Float = quantity("dB/m")
    dielectric: Float = quantity("dB/m")

    @property
    def total(self) -> Float:
        """Sum of the two [dB/m]."""
        return self.skin + self.dielectric


register_structs()


def symbol_rate(lane_rate: Float, bits: Float = 2.0) -> Float:
    """Return the symbols per second of a lane [1/s].

    Args:
        lane_rate: of one lane, line code included [B/s]
        bits: per symbol: 2 for PAM4, 1 for NRZ
    """
    return 8.0 * lane_rate / bits


def nyquist(baud: Float) -> Float:
    """Return half the symbol rate [1/s], the frequency at which losses are quoted."""
    return baud / 2.0


def skin_depth(frequency: Float, conductivity: Float = COPPER, permeability: Float = MU_0) -> Float:
    """Return the depth to which current flows [m]: `1 / sqrt(pi f mu sigma)`."""
    return (math.pi * frequency * permeability * conductivity) ** -0.5


def surface_resistance(frequency: Float, conductivity: Float = COPPER, permeability: Float = MU_0) -> Float:
    """Return the resistance of a square of surface [V^2/W]: that of a sheet one skin depth thick."""
    return (math.pi * frequency * permeability / conductivity) ** 0.5


def skin_loss(line: Line, frequency: Float, permeability: Float = MU_0) -> Float:
    """Return the conductor loss [dB/m]: `8.686 R_s / (perimeter Z)`, two conductors in series over twice the impedance.

    Args:
        line: the pair
        frequency: usually Nyquist [1/s], any shape; high enough that the skin is thinner than the conductor
        permeability: of the conductor [V^2 s^2/(J m)]
    """
    resistance = surface_resistance(frequency, line.conductivity, permeability)
    return DB_PER_NEPER * line.excess * resistance / (line.perimeter * line.impedance)


def dielectric_loss(dk: Float, df: Float, frequency: Float, light: Float = LIGHT) -> Float:
    """Return the insulator loss [dB/m]: `8.686 pi f sqrt(Dk) Df / c`."""
    return DB_PER_NEPER * math.pi * frequency * dk**0.5 * df / light


def loss(line: Line, frequency: Float) -> Loss:
    """Return the loss per metre of a pair from its geometry and materials."""
    return Loss(skin=skin_loss(line, frequency), dielectric=dielectric_loss(line.dk, line.df, frequency))


def scaled_loss(known: Loss, known_frequency: Float, frequency: Float) -> Loss:
    """Return a measured loss at another frequency: `k_skin sqrt(f) + k_diel f`.

    Args:
        known: the two parts at `known_frequency`
        known_frequency, frequency: [1/s]
    """
    ratio = frequency / known_frequency
    return Loss(skin=known.skin * ratio**0.5, dielectric=known.dielectric * ratio)


def measured_cable(assembly: Float, plugs: Float, length: Float, insulation: Float) -> Loss:
    """Return the loss per metre of a cable whose assembly has been measured or specified [dB/m].

    Args:
        assembly: of the whole cable with both plugs [dB]
        plugs: of the two plugs [dB]
        length: [m]
        insulation: share of the cable's loss that is in the insulator; foam and low-loss films keep it small
    """
    per_metre = (assembly - plugs) / length
    return Loss(skin=(1.0 - insulation) * per_metre, dielectric=insulation * per_metre)


def regauged(known: Loss, known_diameter: Float, diameter: Float) -> Loss:
    """Return the loss of the same construction with another wire, all dimensions scaled: impedance and insulator stay, the skin does not.

    Args:
        known: loss with wires of `known_diameter`
        known_diameter, diameter: of each of the two wires [m]
    """
    return Loss(skin=known.skin * known_diameter / diameter, dielectric=known.dielectric)


def reach(per_metre: Loss, budget: Float, fixed: Float = 0.0) -> Float:
    """Return the longest line that stays within the budget [m]; 0 where connectors and packages use it up.

    Args:
        per_metre: loss of the line
        budget: what transmitter and receiver bridge together [dB]
        fixed: of packages, boards and connectors at both ends [dB]
    """
    return jnp.maximum(budget - fixed, 0.0) / per_metre.total


def delay(dk: Float, light: Float = LIGHT) -> Float:
    """Return the time per metre of a signal in an insulator [s/m]: `sqrt(Dk) / c`."""
    return dk**0.5 / light


def wire_perimeter(diameter: Float) -> Float:
    """Return the perimeter of a round wire [m]."""
    return math.pi * diameter


def trace_perimeter(width: Float, thickness: Float) -> Float:
    """Return the perimeter of a board trace [m]; the current is taken as even around it, which flatters thin traces."""
    return 2.0 * (width + thickness)
