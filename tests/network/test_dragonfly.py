"""The formulas of a Dragonfly against the explicit graph."""

import networkx as nx
import pytest

from nvlinklab.network import dragonfly


@pytest.mark.parametrize(("groups", "size"), [(32, 8), (5, 4), (3, 2)])
def test_formulas_match_the_graph(groups, size):
    d = dragonfly.Dragonfly(groups=float(groups), group_size=float(size), local_links=8.0, global_links=groups - 1.0, link_bw=14e9)
    g = dragonfly.graph(d)
    start = (0, 0)
    hops = nx.single_source_shortest_path_length(g, start)
    assert len(hops) == dragonfly.devices(d) == dragonfly.reach(d)
    assert g.degree(start) == dragonfly.direct_peers(d)
    assert g.degree(start, weight="links") == dragonfly.links_used(d)
    assert max(hops.values()) == 2
    assert sum(hops.values()) / (len(hops) - 1) == pytest.approx(dragonfly.mean_hops(d), rel=1e-12)
    between = [data["links"] for a, b, data in g.edges(data=True) if {a[0], b[0]} == {0, 1}]
    assert sum(between) == pytest.approx(dragonfly.pair_links(d))
    outward = sum(data["links"] for a, b, data in g.edges(data=True) if (a[0] == 0) != (b[0] == 0))
    assert outward * d.link_bw == pytest.approx(dragonfly.group_uplink(d))
    assert dragonfly.taper(d) == pytest.approx((groups - 1) / (8 * (size - 1)))


def test_bisection_is_the_cut_between_halves():
    d = dragonfly.Dragonfly(groups=4.0, group_size=3.0, local_links=2.0, global_links=3.0, link_bw=1.0)
    g = dragonfly.graph(d)
    cut = sum(data["links"] for a, b, data in g.edges(data=True) if (a[0] < 2) != (b[0] < 2))
    assert cut == dragonfly.bisection(d)
