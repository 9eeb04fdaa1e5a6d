"""Energy of moving bytes, and the power it takes while they move. Energies are per byte: 1 pJ/b is 8e-12 J/B."""

from collections.abc import Sequence

from nvlinklab._struct import Float


def transfer_energy(nbytes: Float, energy: Float) -> Float:
    """Return the energy of moving bytes [J].

    Args:
        nbytes: moved [B], any shape
        energy: per byte [J/B]
    """
    return nbytes * energy


def traffic_power(traffic: Float, energy: Float) -> Float:
    """Return the power while bytes flow [W].

    Args:
        traffic: [B/s]; both directions added where the energy was quoted per byte of either
        energy: per byte [J/B]
    """
    return traffic * energy


def port_energy(power: Float, rate: Float) -> Float:
    """Return the energy per byte of a port at full rate [J/B]: its power over its rate [B/s]."""
    return power / rate


def loaded_power(idle: Float, traffic: Float, energy: Float) -> Float:
    """Return the power of a link that also draws while nothing flows, as one that keeps sending idle symbols does [W]."""
    return idle + traffic_power(traffic, energy)


def mean_energy(shares: Sequence[Float], energies: Sequence[Float]) -> Float:
    """Return the energy per byte of traffic that splits over levels [J/B].

    Args:
        shares: of the traffic that each level carries, for example `domains.port_shares`; they may add to more than one where a
            byte passes several levels
        energies: per byte on each level [J/B]
    """
    return sum(share * energy for share, energy in zip(shares, energies, strict=True))
