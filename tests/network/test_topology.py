import networkx as nx
import pytest

from nvlinklab.network import topology as topo
from nvlinklab.network.alphabeta import Link, achieved_bandwidth, half_bandwidth_size, transfer_time
from nvlinklab.network.bandwidth import both_ways, encoded_rate, gpu_bandwidth

RACK = topo.SwitchedDomain(gpus=72.0, switches=18.0, link_bw=50e9)
SMALL = topo.SwitchedDomain(gpus=8.0, switches=3.0, link_bw=2.0)


def test_the_rack_has_its_published_counts():
    assert topo.links(RACK) == 1296
    assert topo.wire_pairs(RACK, 2.0) == 5184
    assert topo.injection(RACK) == 900e9
    assert both_ways(topo.switch_capacity(RACK)) == pytest.approx(7.2e12)
    assert both_ways(topo.aggregate_bandwidth(RACK)) == pytest.approx(129.6e12)


def test_gpu_side_and_switch_side_balance():
    assert topo.aggregate_bandwidth(RACK) == RACK.switches * topo.switch_capacity(RACK)


@pytest.mark.parametrize("domain", [SMALL, topo.SwitchedDomain(gpus=12.0, switches=4.0, link_bw=50e9)])
def test_the_bisection_is_the_maximum_flow(domain):
    graph = topo.graph(domain)
    half = int(domain.gpus) // 2
    for i in range(int(domain.gpus)):
        if i < half:
            graph.add_edge("source", ("gpu", i))  # no capacity attribute: unbounded
        else:
            graph.add_edge(("gpu", i), "sink")
    assert nx.maximum_flow_value(graph, "source", "sink") == pytest.approx(topo.bisection_bandwidth(domain))


def test_any_pair_gets_its_full_rate_and_losing_a_switch_costs_its_share():
    graph = topo.graph(SMALL)
    assert nx.maximum_flow_value(graph, ("gpu", 0), ("gpu", 7)) == pytest.approx(topo.injection(SMALL))
    graph.remove_node(("switch", 1))
    degraded = topo.degraded(SMALL, 1.0)
    assert nx.maximum_flow_value(graph, ("gpu", 0), ("gpu", 7)) == pytest.approx(topo.injection(degraded))
    assert nx.is_strongly_connected(graph)


def test_lanes_make_gpus():
    assert gpu_bandwidth(18.0, 2.0, 200e9 / 8) == 900e9
    assert encoded_rate(64e9, 16.0) == 128e9


def test_alpha_beta_limits():
    link = Link(alpha=2e-6, bw=9e11)
    assert transfer_time(Link(alpha=0.0, bw=9e11), 9e11) == 1.0
    assert transfer_time(link, 0.0) == link.alpha
    assert achieved_bandwidth(link, half_bandwidth_size(link)) == pytest.approx(0.5 * link.bw)
