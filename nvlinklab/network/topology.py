"""Fabrics as counted objects: a switched domain is the complete bipartite graph between switch chips and GPUs."""

from typing import TYPE_CHECKING

from nvlinklab._struct import Float, quantity, register_structs, struct

if TYPE_CHECKING:
    import networkx as nx


@struct
class SwitchedDomain:
    """One hop between any two GPUs: every GPU has one link to every switch chip, K_{switches,gpus}.

    Attributes:
        gpus: GPUs in the domain
        switches: switch chips, equal to the links of a GPU
        link_bw: bandwidth of one link [B/s], one direction
    """

    gpus: Float = quantity("GPU")
    switches: Float = quantity("chip")
    link_bw: Float = quantity("B/s")


register_structs()


def links(domain: SwitchedDomain) -> Float:
    """Return the number of links: the edges of K_{switches,gpus}."""
    return domain.switches * domain.gpus


def wire_pairs(domain: SwitchedDomain, lanes: Float) -> Float:
    """Return the differential pairs: every link has `lanes` pairs in each of two directions."""
    return links(domain) * lanes * 2.0


def injection(domain: SwitchedDomain) -> Float:
    """Return what one GPU can send [B/s]."""
    return domain.switches * domain.link_bw


def switch_capacity(domain: SwitchedDomain) -> Float:
    """Return what one switch chip forwards [B/s], one direction: one link to each GPU."""
    return domain.gpus * domain.link_bw


def aggregate_bandwidth(domain: SwitchedDomain) -> Float:
    """Return the sum of what all GPUs send [B/s]; equals the sum over switch chips of what they forward."""
    return domain.gpus * injection(domain)


def bisection_bandwidth(domain: SwitchedDomain) -> Float:
    """Return what crosses between two halves of the GPUs [B/s], one direction: half the GPUs send at full rate."""
    return domain.gpus / 2.0 * injection(domain)


def degraded(domain: SwitchedDomain, failed_switches: Float) -> SwitchedDomain:
    """Return the domain with some switch chips out: every GPU keeps its other links, no pair is cut off while one remains."""
    return SwitchedDomain(gpus=domain.gpus, switches=domain.switches - failed_switches, link_bw=domain.link_bw)


def crossing_share(gpus: Float, domain: Float) -> Float:
    """Return the share of a uniform exchange among `gpus` that leaves a domain: each GPU sends the same to every other one."""
    return (gpus - domain) / (gpus - 1.0)


def stack_distance(above: Float, middle: Float, below: Float) -> Float:
    """Return the mean height between a tray of the middle block and one of the outer blocks [in trays].

    The blocks sit on top of each other, so the mean is the distance of their centres, weighted by the trays of each outer block.

    Args:
        above, middle, below: trays in the upper, middle and lower block
    """
    return (above * (above + middle) + below * (below + middle)) / (2.0 * (above + below))


def graph(domain: SwitchedDomain) -> "nx.DiGraph":
    """Return the explicit directed graph with a capacity on each edge, to check the formulas above by max-flow.

    Nodes are `("gpu", i)` and `("switch", j)`; counts are rounded to whole numbers.
    """
    import networkx as nx

    g = nx.DiGraph()
    for i in range(round(float(domain.gpus))):
        for j in range(round(float(domain.switches))):
            g.add_edge(("gpu", i), ("switch", j), capacity=float(domain.link_bw))
            g.add_edge(("switch", j), ("gpu", i), capacity=float(domain.link_bw))
    return g


def bisection_flow(domain: SwitchedDomain) -> float:
    """Return the maximum flow from the first half of the GPUs to the second on the explicit graph [B/s].

    It knows no formula, so it checks `bisection_bandwidth`.
    """
    import networkx as nx

    g, gpus = graph(domain), round(float(domain.gpus))
    for i in range(gpus):  # edges without a capacity are unbounded
        g.add_edge(*(("left", ("gpu", i)) if i < gpus // 2 else (("gpu", i), "right")))
    return float(nx.maximum_flow_value(g, "left", "right"))
