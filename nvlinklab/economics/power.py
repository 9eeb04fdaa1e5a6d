"""Power as a sum of named parts: from chips to the rack, from the rack to the site; and what it buys."""

from nvlinklab._struct import Float, quantity, register_structs, struct


@struct
class Rack:
    """What draws power in a rack.

    Attributes:
        gpus, gpu_power: accelerator packages, and the power of one [W]
        cpus, cpu_power: host processors, and the power of one [W]
        switches, switch_power: switch chips of the scale-up fabric, and the power of one [W]
        nics, nic_power: network adapters with their optics, and the power of one [W]
        other: fans, pumps, storage, management [W]
        efficiency: power behind the shelves over power drawn from the site's bus, in (0, 1]
    """

    gpus: Float = quantity("GPU")
    gpu_power: Float = quantity("W")
    cpus: Float = quantity("CPU", 0.0)
    cpu_power: Float = quantity("W", 0.0)
    switches: Float = quantity("switch", 0.0)
    switch_power: Float = quantity("W", 0.0)
    nics: Float = quantity("1", 0.0)
    nic_power: Float = quantity("W", 0.0)
    other: Float = quantity("W", 0.0)
    efficiency: Float = quantity("1", 1.0)


@struct
class ItPower:
    """Power of the IT equipment by part.

    Attributes:
        gpus, cpus, switches, nics, other: power of each kind of part [W]
        conversion: what the power shelves lose as heat [W]
    """

    gpus: Float = quantity("W")
    cpus: Float = quantity("W")
    switches: Float = quantity("W")
    nics: Float = quantity("W")
    other: Float = quantity("W")
    conversion: Float = quantity("W")


@struct
class SitePower:
    """Power of a site by part.

    Attributes:
        it: the IT equipment [W]
        distribution: losses of transformers, UPS and busbars [W]
        cooling: power that moves the heat out [W]
    """

    it: Float = quantity("W")
    distribution: Float = quantity("W")
    cooling: Float = quantity("W")


register_structs()


def it_power(rack: Rack) -> ItPower:
    """Return the power of a rack by part [W]; the shelves lose `(1 / efficiency - 1)` of what is behind them."""
    gpus, cpus = rack.gpus * rack.gpu_power, rack.cpus * rack.cpu_power
    switches, nics = rack.switches * rack.switch_power, rack.nics * rack.nic_power
    conversion = (gpus + cpus + switches + nics + rack.other) * (1.0 / rack.efficiency - 1.0)
    return ItPower(gpus=gpus, cpus=cpus, switches=switches, nics=nics, other=rack.other, conversion=conversion)


def total_it(power: ItPower) -> Float:
    """Return the power of the rack [W]: the sum of the parts."""
    return power.gpus + power.cpus + power.switches + power.nics + power.other + power.conversion


def site_power(it: Float, cop: Float, distribution_loss: Float = 0.0) -> SitePower:
    """Return the power of a site: all electricity becomes heat, and cooling takes `heat / cop`.

    Heat of the cooling plant itself leaves outdoors and is not cooled again.

    Args:
        it: power of the IT equipment [W]
        cop: heat moved per electricity spent on moving it (coefficient of performance)
        distribution_loss: losses of distribution over `it`
    """
    distribution = it * distribution_loss
    return SitePower(it=it, distribution=distribution, cooling=(it + distribution) / cop)


def total_site(power: SitePower) -> Float:
    """Return the power of the site [W]: the sum of the parts."""
    return power.it + power.distribution + power.cooling


def pue(power: SitePower) -> Float:
    """Return the power usage effectiveness: all power over IT power (ISO/IEC 30134-2)."""
    return total_site(power) / power.it


def mixed_cop(liquid_share: Float, cop_liquid: Float, cop_air: Float) -> Float:
    """Return the COP when a share of the heat leaves with liquid and the rest with air: the powers add, so the COPs add as inverses."""
    return 1.0 / (liquid_share / cop_liquid + (1.0 - liquid_share) / cop_air)


def cop_of_pue(ratio: Float, distribution_loss: Float = 0.0) -> Float:
    """Return the COP behind a stated PUE, the inverse of `pue(site_power(...))`; a PUE of 1 without losses is an infinite COP."""
    return (1.0 + distribution_loss) / (ratio - 1.0 - distribution_loss)


def energy_per_token(power: Float, throughput: Float) -> Float:
    """Return the energy of one token [J/token].

    Args:
        power: power of what serves [W]; of the site, to count cooling
        throughput: its tokens per second [tok/s]
    """
    return power / throughput


def power_per_rate(power: Float, flops: Float) -> Float:
    """Return the power per arithmetic rate [W/(FLOP/s)], that is [J/FLOP]; 1e-15 of it is 1 kW per EFLOP/s."""
    return power / flops


def bus_current(power: Float, voltage: Float) -> Float:
    """Return the current of a DC bus [A = W/V]."""
    return power / voltage


def bus_loss(power: Float, voltage: Float, resistance: Float) -> Float:
    """Return what a DC bus turns into heat [W]: the square of its current times its resistance [V^2/W, which is ohm]."""
    return bus_current(power, voltage) ** 2 * resistance
