"""A Dragonfly: groups that are meshes inside, and every two groups joined by direct links (Kim, Dally, Scott, Abts, ISCA 2008).

No device switches for others by being a switch: each forwards what is not for it. In the form here each device has `global_links` links
to other groups, spread so that every pair of groups gets the same number.
"""

from typing import TYPE_CHECKING

from nvlinklab._struct import Float, quantity, register_structs, struct

if TYPE_CHECKING:
    import networkx as nx


@struct
class Dragonfly:
    """Groups of devices.

    Attributes:
        groups: how many (trays)
        group_size: devices in a group
        local_links: links from a device to each other one of its group
        global_links: links from a device to other groups, all together
        link_bw: bandwidth of one link [B/s], one direction
    """

    groups: Float = quantity("1")
    group_size: Float = quantity("device")
    local_links: Float = quantity("link")
    global_links: Float = quantity("link")
    link_bw: Float = quantity("B/s")


register_structs()


def devices(d: Dragonfly) -> Float:
    """Return the devices of all groups."""
    return d.groups * d.group_size


def links_used(d: Dragonfly) -> Float:
    """Return the links a device spends inside its group and on other groups."""
    return (d.group_size - 1.0) * d.local_links + d.global_links


def direct_peers(d: Dragonfly) -> Float:
    """Return the devices at the other end of a link: the own group, and one for each global link where these lead to different devices."""
    return d.group_size - 1.0 + d.global_links


def reach(d: Dragonfly) -> Float:
    """Return the devices within two hops, itself included, where every device has a link to every other group: all of them.

    One hop lands in the right group, a second one inside it finds the device. With fewer global links than other groups the rest takes a
    third hop, first to a neighbour that has the link, and is not counted.
    """
    return d.group_size + d.global_links * d.group_size


def mean_hops(d: Dragonfly) -> Float:
    """Return the mean hops to another device, all as likely: one to `direct_peers`, two to the rest; a link to every group is assumed."""
    others = devices(d) - 1.0
    return (direct_peers(d) + 2.0 * (others - direct_peers(d))) / others


def pair_links(d: Dragonfly) -> Float:
    """Return the links between two groups."""
    return d.group_size * d.global_links / (d.groups - 1.0)


def group_uplink(d: Dragonfly) -> Float:
    """Return what a group can send to all others together [B/s], one direction."""
    return d.group_size * d.global_links * d.link_bw


def taper(d: Dragonfly) -> Float:
    """Return a group's uplink over what its devices send to each other in it: 1 would make every peer equally near."""
    return group_uplink(d) / (d.group_size * (d.group_size - 1.0) * d.local_links * d.link_bw)


def bisection(d: Dragonfly) -> Float:
    """Return what crosses between two halves of the groups [B/s], one direction: `groups^2 / 4` pairs of groups, direct routes only."""
    return d.groups**2 / 4.0 * pair_links(d) * d.link_bw


def graph(d: Dragonfly) -> "nx.Graph":
    """Return the explicit graph with the number of links on each edge, to check the formulas; nodes are `(group, device)`.

    Device i of group a links to the device of group b with the same index, one link each: needs a global link per other group.
    """
    import itertools

    import networkx as nx

    g, k = round(float(d.groups)), round(float(d.group_size))
    network = nx.Graph()
    local = {"links": float(d.local_links), "capacity": float(d.local_links)}
    for group in range(g):
        network.add_edges_from((((group, i), (group, j)) for i, j in itertools.combinations(range(k), 2)), **local)
    for a, b in itertools.combinations(range(g), 2):
        network.add_edges_from((((a, i), (b, i)) for i in range(k)), links=1.0, capacity=1.0)
    return network


__all__ = [
    "Dragonfly",
    "bisection",
    "devices",
    "direct_peers",
    "graph",
    "group_uplink",
    "links_used",
    "mean_hops",
    "pair_links",
    "reach",
    "taper",
]
