"""Fabrics by name, and as explicit graphs that check the formulas: a mesh, one switched domain, zones behind a second stage."""

from typing import TYPE_CHECKING

from nvlinklab._struct import Float, quantity, register_structs, struct
from nvlinklab.network.alphabeta import Link
from nvlinklab.network.domains import Level, Levels
from nvlinklab.network.topology import SwitchedDomain

if TYPE_CHECKING:
    import networkx as nx


@struct
class Mesh:
    """Direct links between every two GPUs and no switch: the links of a GPU are divided among its peers.

    Attributes:
        gpus: GPUs in the mesh, at least 2
        gpu_bw: what one GPU sends over all its links [B/s], one direction
    """

    gpus: Float = quantity("GPU")
    gpu_bw: Float = quantity("B/s")


@struct
class ZonedDomain:
    """Switched zones joined by a second stage: every switch of a zone has uplinks to the spine switch of its own plane.

    Attributes:
        zones: number of zones
        zone_gpus: GPUs in a zone
        switches: switch chips in a zone, equal to the links of a GPU
        link_bw: bandwidth of one link [B/s], one direction
        oversubscription: a zone's GPU bandwidth over its uplink bandwidth; 1 is non-blocking
    """

    zones: Float = quantity("1")
    zone_gpus: Float = quantity("GPU")
    switches: Float = quantity("chip")
    link_bw: Float = quantity("B/s")
    oversubscription: Float = quantity("x", 1.0)


register_structs()


# Mesh


def mesh_pair_bandwidth(mesh: Mesh) -> Float:
    """Return the bandwidth to one peer over the direct link [B/s]: a third of the total in a mesh of four."""
    return mesh.gpu_bw / (mesh.gpus - 1.0)


def mesh_bisection(mesh: Mesh) -> Float:
    """Return what crosses between two halves [B/s], one direction: `n^2 / 4` direct links."""
    return mesh.gpus**2 / 4.0 * mesh_pair_bandwidth(mesh)


def mesh_graph(mesh: Mesh) -> "nx.DiGraph":
    """Return the explicit graph; nodes are `("gpu", i)`, counts are rounded to whole numbers."""
    import networkx as nx

    n, capacity = round(float(mesh.gpus)), float(mesh_pair_bandwidth(mesh))
    graph = nx.DiGraph()
    graph.add_edges_from(((("gpu", i), ("gpu", j)) for i in range(n) for j in range(n) if i != j), capacity=capacity)
    return graph


# Zones


def zoned_gpus(fabric: ZonedDomain) -> Float:
    """Return the GPUs of all zones."""
    return fabric.zones * fabric.zone_gpus


def zone_uplink(fabric: ZonedDomain) -> Float:
    """Return what a zone can send to all others together [B/s], one direction."""
    return fabric.zone_gpus * fabric.switches * fabric.link_bw / fabric.oversubscription


def zoned_bisection(fabric: ZonedDomain) -> Float:
    """Return what crosses between two halves of the zones [B/s], one direction: half of the uplinks."""
    return fabric.zones / 2.0 * zone_uplink(fabric)


def zoned_levels(fabric: ZonedDomain, zone_alpha: Float, spine_alpha: Float, spine_hops: Float = 2.0) -> Levels:
    """Return the zones as two nested levels.

    Args:
        fabric: counts and links
        zone_alpha, spine_alpha: time of an empty message inside a zone and between zones [s]
        spine_hops: switches between zones: 2 where zones are linked directly, 3 by way of a spine chip
    """
    bw = fabric.switches * fabric.link_bw
    return (
        Level(size=fabric.zone_gpus, alpha=zone_alpha, bw=bw),
        Level(
            size=zoned_gpus(fabric),
            alpha=spine_alpha,
            bw=bw,
            oversubscription=fabric.oversubscription,
            through=1.0,
            hops=spine_hops,
        ),
    )


def zoned_graph(fabric: ZonedDomain) -> "nx.DiGraph":
    """Return the explicit graph; nodes are `("gpu", zone, i)`, `("switch", zone, plane)` and `("spine", plane)`."""
    import networkx as nx

    gpus, planes, link = round(float(fabric.zone_gpus)), round(float(fabric.switches)), float(fabric.link_bw)
    uplink = gpus * link / float(fabric.oversubscription)
    graph = nx.DiGraph()
    for zone in range(round(float(fabric.zones))):
        for plane in range(planes):
            switch = ("switch", zone, plane)
            ends = [(("gpu", zone, i), link) for i in range(gpus)] + [(("spine", plane), uplink)]
            for node, capacity in ends:
                graph.add_edge(node, switch, capacity=capacity)
                graph.add_edge(switch, node, capacity=capacity)
    return graph


# By name. Counts are what the name fixes; rates and latencies come from the tables.


def mesh4(gpu_bw: Float) -> Mesh:
    """Return four GPUs with direct links, as on a tray without switches."""
    return Mesh(gpus=4.0, gpu_bw=gpu_bw)


def nvl8(link: Link) -> Levels:
    """Return one switched node of 8 GPUs; `link` is what one GPU sees of the fabric."""
    return switched(8.0, link)


def nvl72(link: Link) -> Levels:
    """Return one switched rack of 72 GPUs."""
    return switched(72.0, link)


def k_18_72(link_bw: Float) -> SwitchedDomain:
    """Return the NVL72 rack by chips: 18 switch chips, 72 GPUs, a link between each two, K_{18,72}."""
    return SwitchedDomain(gpus=72.0, switches=18.0, link_bw=link_bw)


def nvl144(link: Link) -> Levels:
    """Return one switched domain of 144 packages. Where the name counts dies, two to a package, the system is `nvl72`."""
    return switched(144.0, link)


def nvl576(zone: Link, spine: Link, zones: Float = 8.0, packages: Float = 576.0, oversubscription: Float = 1.0) -> Levels:
    """Return a domain of zones, two switches apart.

    The name has two readings: 576 packages in 8 racks of 72, or 576 dies, which are 144 packages (`zones=4, packages=144`).

    Args:
        zone, spine: what one GPU sees inside its zone and between zones, before oversubscription
        zones: number of zones; 1 is a single switched domain
        packages: GPUs in all zones
        oversubscription: of the links between zones
    """
    return (
        Level(size=packages / zones, alpha=zone.alpha, bw=zone.bw),
        Level(size=packages, alpha=spine.alpha, bw=spine.bw, oversubscription=oversubscription, through=1.0, hops=2.0),
    )


def switched(gpus: Float, link: Link) -> Levels:
    """Return one switched domain of any size as a single level."""
    return (Level(size=gpus, alpha=link.alpha, bw=link.bw),)


def scale_out(levels: Levels, ranks: Float, card: Link, oversubscription: Float = 1.0, stages: Float = 3.0) -> Levels:
    """Return the system with an InfiniBand or Ethernet network around it, reached by cards of its own.

    Args:
        levels: what a scale-up domain is made of
        ranks: GPUs in the cluster
        card: what one GPU sees of the network: divide the bandwidth where GPUs share a card
        oversubscription: of the network
        stages: switches between two domains, 1 for one leaf, 3 by way of a spine, 5 by way of a core
    """
    outer = Level(size=ranks, alpha=card.alpha, bw=card.bw, oversubscription=oversubscription, through=0.0, hops=stages)
    return (*levels, outer)
