"""The same accelerator on another fabric: what is lost if this is built on X?

An alternative names, for each number, its path in `data/`: what an accelerator sends in one direction, the floor of an exchange, how many
accelerators the fabric joins, and what joins several such domains. The accelerator, its kernels and the achieved shares of the links stay
those of the deployment it is put into, so a difference between two alternatives is the fabric and nothing else.

Three shapes: a *switch* gives every accelerator its whole rate towards anyone; a *mesh* does so for an exchange with everyone, but a single
pair gets one link; a *torus* passes bytes on from neighbour to neighbour, so what it gets through falls with its size.
"""

from typing import NamedTuple

from nvlinklab._struct import Float, replace_path
from nvlinklab.errors import SpecError, did_you_mean
from nvlinklab.hardware.catalog import value
from nvlinklab.network import torus
from nvlinklab.network.alphabeta import Link
from nvlinklab.serving.decode import Deployment


class Alternative(NamedTuple):
    """A fabric by the paths of its numbers.

    Attributes:
        label: what a reader calls it
        family: whose it is
        shape: switch, mesh or torus
        bw: path of what an accelerator sends [B/s], one direction
        alpha: path of the floor of an exchange
        domain: path of the accelerators joined
        card, card_alpha: paths of the network between domains
        status: deployed, announced or specified
    """

    label: str
    family: str
    shape: str
    bw: str
    alpha: str
    domain: str
    card: str
    card_alpha: str
    status: str


FILLED = 300e9
"""A port below this rate [B/s] is filled like a card; above it kernels and not the port limit an exchange. A serving engine gets 0.35 of
NVLink's 900 GB/s, which is 315, and 0.69 of a card's 50."""

_IB = "exchange-infiniband.alpha"
_ETHERNET = "exchange-ethernet.alpha"
_NODE = "pcie-node.gpus"

ALTERNATIVES = {
    "nvlink5-72": Alternative(
        "NVLink 5, 72", "NVLink", "switch", "nvlink5.gpu_bw", "exchange-nvl72.alpha", "gb200-nvl72.gpus", "connectx7.bw", _IB, "deployed"
    ),
    "nvlink6-72": Alternative(
        "NVLink 6, 72", "NVLink", "switch", "nvlink6.gpu_bw", "exchange-switched.alpha", "vr-nvl72.gpus", "connectx9.bw", _IB, "announced"
    ),
    "nvlink5-8": Alternative(
        "NVLink 5, 8", "NVLink", "switch", "nvlink5.gpu_bw", "exchange-b200-node.alpha", "hgx-b200.gpus", "connectx7.bw", _IB, "deployed"
    ),
    "xgmi-8": Alternative(
        "Infinity Fabric, 8", "AMD", "mesh", "xgmi-mi355x.gpu_bw", "exchange-xgmi-node.alpha", _NODE, "connectx7.bw", _ETHERNET, "deployed"
    ),
    "helios-72": Alternative(
        "UALink, 72 (Helios)",
        "UALink",
        "switch",
        "helios.gpu_bw",
        "exchange-switched.alpha",
        "helios.gpus",
        "helios.scale_out_bw",
        _ETHERNET,
        "announced",
    ),
    "tpu7x-64": Alternative(
        "TPU ICI, cube of 64",
        "Google",
        "torus",
        "tpu-ici-v7.chip_bw",
        "exchange-torus.alpha",
        "tpu-ici-v7.cube_chips",
        "connectx7.bw",
        _ETHERNET,
        "deployed",
    ),
    "neuronlink4-144": Alternative(
        "NeuronLink 4, 144",
        "AWS",
        "switch",
        "neuronlink-v4.chip_bw",
        "exchange-switched.alpha",
        "neuronlink-v4.max_domain",
        "connectx7.bw",
        _ETHERNET,
        "deployed",
    ),
    "pcie5-8": Alternative(
        "PCIe 5, 8", "PCIe and CXL", "switch", "pcie5-x16.bw_effective", "exchange-pcie-node.alpha", _NODE, "connectx7.bw", _IB, "deployed"
    ),
    "pcie6-8": Alternative(
        "PCIe 6, 8", "PCIe and CXL", "switch", "pcie6-x16.bw_effective", "exchange-pcie-node.alpha", _NODE, "connectx8.bw", _IB, "announced"
    ),
    "pcie7-8": Alternative(
        "PCIe 7, 8", "PCIe and CXL", "switch", "pcie7-x16.bw_effective", "exchange-pcie-node.alpha", _NODE, "connectx9.bw", _IB, "specified"
    ),
    "cxl4-fabric": Alternative(
        "CXL 4 fabric",
        "PCIe and CXL",
        "switch",
        "cxl4-x16.bw",
        "exchange-pcie-node.alpha",
        "cxl-fabric.max_domain",
        "connectx9.bw",
        _IB,
        "specified",
    ),
    "cards-400": Alternative("400G cards", "Ethernet, InfiniBand", "switch", "connectx7.bw", _IB, "", "connectx7.bw", _IB, "deployed"),
    "cards-800": Alternative("800G cards", "Ethernet, InfiniBand", "switch", "connectx8.bw", _IB, "", "connectx8.bw", _IB, "deployed"),
    "cards-1600": Alternative("1600G cards", "Ethernet, InfiniBand", "switch", "connectx9.bw", _IB, "", "connectx9.bw", _IB, "announced"),
}


def alternative(name: str) -> Alternative:
    """Return an alternative by name.

    Raises:
        SpecError: no such alternative, with the nearest names.

    >>> alternative("pcie5-8").label
    'PCIe 5, 8'
    """
    if name not in ALTERNATIVES:
        raise SpecError(f"no fabric is called {name!r}{did_you_mean(name, ALTERNATIVES)} There are: {', '.join(ALTERNATIVES)}")
    return ALTERNATIVES[name]


def domain(option: Alternative) -> float:
    """Return the accelerators in a domain; 1 where every accelerator has nothing but its card."""
    return value(option.domain) if option.domain else 1.0


def injection(option: Alternative) -> float:
    """Return what an accelerator sends [B/s], one direction."""
    return value(option.bw)


def exchange_bandwidth(option: Alternative) -> float:
    """Return what an accelerator gets through when all exchange with all [B/s]: a torus less than it sends, the others all of it."""
    if option.shape != "torus":
        return injection(option)
    edge = value("tpu-ici-v7.cube_edge")
    return float(torus.exchange_bandwidth(torus.Torus(x=edge, y=edge, z=edge, link_bw=injection(option) / torus.LINKS)))


def pair_bandwidth(option: Alternative) -> float:
    """Return what one accelerator gets to one other when the rest is silent [B/s]: a single link of a mesh, three ways out of a torus."""
    if option.shape == "mesh":
        return injection(option) / (domain(option) - 1.0)
    return injection(option) / 2.0 if option.shape == "torus" else injection(option)


def port(option: Alternative) -> Link:
    """Return floor and bandwidth of an exchange inside the domain."""
    return Link(alpha=value(option.alpha), bw=exchange_bandwidth(option))


def card(option: Alternative) -> Link:
    """Return floor and bandwidth of an exchange between domains."""
    return Link(alpha=value(option.card_alpha), bw=value(option.card))


def on(deployment: Deployment, name: str) -> Deployment:
    """Return a deployment with its fabric exchanged for a named alternative, everything else as it was.

    Ports below `FILLED` reach the share of their bandwidth that cards do. Sums over tensor-parallel ranks inside a torus are priced with
    its exchange bandwidth too, which is too slow for them: a ring uses every link.
    """
    option = alternative(name)
    inside, between = port(option), card(option)
    share = deployment.link_efficiency if inside.bw >= FILLED else deployment.scale_out_efficiency
    fabric: dict[str, Float] = {
        "system.domain": domain(option), "system.scale_up.alpha": inside.alpha, "system.scale_up.bw": inside.bw,
        "system.scale_out.alpha": between.alpha, "system.scale_out.bw": between.bw, "link_efficiency": share,
    }  # fmt: skip
    return replace_path(deployment, fabric)


def expert_intensity(inner: Float, out_bytes: Float, back_bytes: Float) -> Float:
    """Return the arithmetic of the experts over what their exchange moves [FLOP/B], whatever the batch or the number of experts.

    A token costs `6 h m` operations in each expert (three matrices of h by m, two operations a weight) and `h (d + r)` bytes on the way
    there and back: `6 m / (d + r)`, if every expert lies on a rank of its own. Over the rate of a fabric this is a ridge point: an
    accelerator with more operations per byte of fabric waits for it, unless one hides behind the other.

    Args:
        inner: m, width of an expert
        out_bytes, back_bytes: d and r, bytes of an element out and back [B]
    """
    return 6.0 * inner / (out_bytes + back_bytes)


__all__ = [
    "ALTERNATIVES",
    "FILLED",
    "Alternative",
    "alternative",
    "card",
    "domain",
    "exchange_bandwidth",
    "expert_intensity",
    "injection",
    "on",
    "pair_bandwidth",
    "port",
]
