"""Nested domains, explicit graphs and failures, checked by counting and by maximum flow."""

import itertools

import jax
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networkx.algorithms.flow import preflow_push

from nvlinklab.network import degraded as dg
from nvlinklab.network import domains as dom
from nvlinklab.network import fabrics as fab
from nvlinklab.network import topology as topo
from nvlinklab.network.alphabeta import Link

UP, OUT = Link(alpha=1e-6, bw=900e9), Link(alpha=5e-6, bw=50e9)


def flow(graph, sources, sinks):
    graph = graph.copy()
    for node in sources:
        graph.add_edge("source", node)  # no capacity attribute: unbounded
    for node in sinks:
        graph.add_edge(node, "sink")
    return nx.maximum_flow_value(graph, "source", "sink", flow_func=preflow_push)


def gpus_of(graph):
    return sorted(n for n in graph if n[0] == "gpu")


def halves(graph):
    gpus = gpus_of(graph)
    return gpus[: len(gpus) // 2], gpus[len(gpus) // 2 :]


# Graphs


@pytest.mark.parametrize("gpus", [2.0, 4.0, 6.0])
def test_mesh_is_its_graph(gpus):
    mesh = fab.Mesh(gpus=gpus, gpu_bw=12.0)
    graph = fab.mesh_graph(mesh)
    assert graph[("gpu", 0)][("gpu", 1)]["capacity"] == pytest.approx(fab.mesh_pair_bandwidth(mesh))
    assert flow(graph, *halves(graph)) == pytest.approx(fab.mesh_bisection(mesh))
    assert sum(e["capacity"] for *_, e in graph.out_edges(("gpu", 0), data=True)) == pytest.approx(mesh.gpu_bw)


def test_a_mesh_of_four_gives_a_peer_a_third_and_a_switch_gives_it_all():
    mesh = fab.mesh4(900e9)
    assert fab.mesh_pair_bandwidth(mesh) == 300e9
    assert fab.mesh_bisection(mesh) == pytest.approx(4 / 3 * 900e9)
    assert dom.bisections(fab.switched(4.0, UP), 4.0)[0] == 2 * 900e9


def test_the_rack_is_its_graph():
    rack = fab.k_18_72(50e9)
    graph = topo.graph(rack)
    assert flow(graph, [("gpu", 0)], [("gpu", 71)]) == pytest.approx(topo.injection(rack))
    assert flow(graph, *halves(graph)) == pytest.approx(topo.bisection_bandwidth(rack))


ZONES = [
    fab.ZonedDomain(zones=4.0, zone_gpus=6.0, switches=3.0, link_bw=2.0),
    fab.ZonedDomain(zones=2.0, zone_gpus=9.0, switches=2.0, link_bw=5.0, oversubscription=3.0),
]


@pytest.mark.parametrize("zones", ZONES)
def test_zones_are_their_graph(zones):
    graph = fab.zoned_graph(zones)
    levels = fab.zoned_levels(zones, 1e-6, 2e-6)
    n = float(fab.zoned_gpus(zones))
    assert len(gpus_of(graph)) == n
    assert flow(graph, *halves(graph)) == pytest.approx(fab.zoned_bisection(zones))
    assert fab.zoned_bisection(zones) == pytest.approx(float(dom.bisections(levels, n)[1]))
    first = [g for g in gpus_of(graph) if g[1] == 0]
    assert flow(graph, first, [g for g in gpus_of(graph) if g[1] > 0]) == pytest.approx(fab.zone_uplink(zones))
    inside = graph.subgraph([node for node in graph if node[0] != "spine"])
    assert flow(inside, first[: len(first) // 2], first[len(first) // 2 :]) == pytest.approx(float(dom.bisections(levels, n)[0]), rel=0.13)


@pytest.mark.parametrize("hops", [2.0, 3.0])
def test_hops_are_path_lengths(hops):
    zones = ZONES[0]
    graph, levels = fab.zoned_graph(zones), fab.zoned_levels(zones, 1e-6, 2e-6, spine_hops=hops)
    gpus = gpus_of(graph)
    for i, j in itertools.islice(itertools.combinations(range(24), 2), 0, None, 7):
        length = nx.shortest_path_length(graph, gpus[i], gpus[j]) - 1  # chips between
        assert float(dom.hops(levels, float(i), float(j))) == (1.0 if length == 1 else hops)
        assert (length == 3) == (gpus[i][1] != gpus[j][1])
    assert float(dom.hops(levels, 5.0, 5.0)) == 0.0


# Nested levels


def test_shares_are_counted_pairs():
    levels = fab.scale_out(fab.nvl576(UP, OUT, zones=4.0, packages=24.0), 96.0, OUT)
    n = 72.0
    shares = [float(s) for s in dom.partner_shares(levels, n)]
    met = [0, 0, 0]
    for j in range(1, 72):
        met[0 if j < 6 else 1 if j < 24 else 2] += 1
    assert shares == pytest.approx([m / 71 for m in met])
    numbers = np.arange(72.0)
    grid = dom.hops(levels, numbers[:, None], numbers[None, :])
    assert float(grid.sum() / (72 * 71)) == pytest.approx(float(dom.mean_hops(levels, n)))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.floats(1.0, 2000.0), st.floats(1.0, 100.0), st.floats(1.0, 20.0))
def test_shares_add_to_one_and_agree_with_the_crossing_share(ranks, inner, factor):
    levels = fab.scale_out(fab.switched(inner, UP), max(inner * factor, ranks), OUT)
    shares = dom.partner_shares(levels, ranks)
    if ranks > 1.0:
        assert float(sum(shares)) == pytest.approx(1.0)
        assert float(shares[1]) == pytest.approx(max(topo.crossing_share(ranks, inner), 0.0), abs=1e-12)
    else:
        assert float(sum(shares)) == 0.0


def test_zones_behind_the_same_port_carry_what_passes_through():
    zoned = fab.nvl576(UP, UP)
    inner, outer = (float(s) for s in dom.port_shares(zoned, 576.0))
    assert inner == pytest.approx(1.0)  # all traffic uses the GPU's one port
    assert outer == pytest.approx((576 - 72) / 575)
    cards = fab.scale_out(fab.nvl72(UP), 576.0, OUT)
    assert float(sum(dom.port_shares(cards, 576.0))) == pytest.approx(1.0)  # every byte uses one port or the other


def test_path_bandwidth_is_the_narrowest_port():
    narrow = fab.nvl576(Link(alpha=1e-6, bw=100.0), Link(alpha=1e-6, bw=900.0), oversubscription=3.0)
    assert [float(b) for b in dom.path_bandwidth(narrow)] == [100.0, 100.0]
    assert [float(b) for b in dom.path_bandwidth(fab.scale_out(narrow, 1152.0, Link(alpha=1e-6, bw=500.0)))][-1] == 500.0


def test_two_zones_apart_needs_two_switches():
    """With self-sends counted, four zones send 3/4 of a uniform exchange out of the zone: 1.75 switches on average."""
    levels = fab.nvl576(UP, UP, zones=4.0, packages=144.0)
    assert float(dom.mean_hops(levels, 144.0)) == pytest.approx(1 + 108 / 143)
    assert float(dom.mean_latency(levels, 144.0)) == pytest.approx(UP.alpha)


def test_a_system_is_checked_where_it_is_made():
    assert dom.nest(*fab.nvl576(UP, OUT))
    with pytest.raises(Exception, match="whole number"):
        dom.nest(*fab.scale_out(fab.nvl72(UP), 100.0, OUT))
    with pytest.raises(Exception, match="from inside"):
        dom.nest(*fab.scale_out(fab.nvl72(UP), 8.0, OUT))
    with pytest.raises(Exception, match="at least one"):
        dom.nest()


def test_levels_are_differentiable_in_everything():
    def everything(levels, n):
        parts = [
            dom.partner_shares(levels, n),
            dom.port_shares(levels, n),
            dom.path_bandwidth(levels),
            dom.bisections(levels, n),
            (dom.mean_hops(levels, n), dom.mean_latency(levels, n)),
        ]
        return sum(sum(p) for p in parts)

    levels = fab.scale_out(fab.nvl576(UP, OUT, oversubscription=2.0), 1152.0, OUT)
    slope = jax.jit(jax.grad(everything, argnums=(0, 1)))
    for ranks in (1.0, 2.0, 72.0, 100.0, 576.0):  # on both sides of and at the level sizes
        grads = slope(jax.tree_util.tree_map(jnp.float64, levels), jnp.float64(ranks))
        assert all(np.isfinite(g) for g in jax.tree_util.tree_leaves(grads))


# Failures

SMALL = topo.SwitchedDomain(gpus=8.0, switches=4.0, link_bw=3.0)


@pytest.mark.parametrize(("switches", "gpus", "links"), [(0, 0, 0), (1, 0, 0), (0, 2, 0), (0, 0, 2), (2, 2, 1), (3, 0, 1), (4, 0, 0)])
def test_what_remains_is_the_maximum_flow(switches, gpus, links):
    graph = topo.graph(SMALL)
    graph.remove_nodes_from([("switch", j) for j in range(switches)] + [("gpu", 7 - i) for i in range(gpus)])
    for j in range(switches, switches + links):
        graph.remove_edges_from([(("gpu", 0), ("switch", j)), (("switch", j), ("gpu", 0))])
    failures = dg.Failures(switches=float(switches), gpus=float(gpus), links=float(links))
    left = dg.remaining(SMALL, failures)
    assert float(left.gpus) == len(gpus_of(graph))
    assert float(left.injection) == pytest.approx(sum(e["capacity"] for *_, e in graph.out_edges(("gpu", 1), data=True)))
    assert float(left.worst_injection) == pytest.approx(sum(e["capacity"] for *_, e in graph.out_edges(("gpu", 0), data=True)))
    assert float(left.bisection) == pytest.approx(flow(graph, *halves(graph)))
    assert bool(left.connected) == nx.is_strongly_connected(graph)
    whole = float(topo.injection(SMALL))
    if left.worst_injection > 0:
        assert float(dg.exchange_slowdown(SMALL, failures)) == pytest.approx(whole / float(left.worst_injection))
    else:
        assert np.isinf(dg.exchange_slowdown(SMALL, failures))


def test_losses_on_different_chips_add_for_a_single_hop():
    graph = topo.graph(SMALL)
    graph.remove_edge(("gpu", 0), ("switch", 0))
    graph.remove_edge(("switch", 1), ("gpu", 5))
    shared = [j for j in range(4) if graph.has_edge(("gpu", 0), ("switch", j)) and graph.has_edge(("switch", j), ("gpu", 5))]
    assert float(dg.pair_bandwidth(SMALL, dg.Failures(links=1.0), other_links=1.0)) == len(shared) * SMALL.link_bw


def test_one_chip_of_eighteen_costs_its_share():
    rack = fab.k_18_72(50e9)
    left = dg.remaining(rack, dg.Failures(switches=1.0))
    assert float(left.injection / topo.injection(rack)) == pytest.approx(17 / 18)
    assert float(left.injection) == pytest.approx(topo.injection(topo.degraded(rack, 1.0)))
    tray = dg.remaining(rack, dg.Failures(gpus=4.0))
    assert float(tray.gpus) == 68.0
    assert float(tray.injection) == topo.injection(rack)
    whole = dg.remaining(rack, dg.Failures())
    assert float(whole.bisection) == topo.bisection_bandwidth(rack)


@pytest.mark.parametrize("count", [0.0, 1.0, 18.0, 20.0])
def test_failures_have_finite_derivatives(count):
    def everything(failures):
        left = dg.remaining(fab.k_18_72(50e9), failures)
        return left.injection + left.worst_injection + left.bisection + left.gpus + dg.pair_bandwidth(fab.k_18_72(50e9), failures)

    failures = jax.tree_util.tree_map(jnp.float64, dg.Failures(switches=count))
    grads = [jax.grad(everything)(failures), jax.grad(lambda f: dg.exchange_slowdown(fab.k_18_72(50e9), f))(failures)]
    assert all(np.isfinite(g) for g in jax.tree_util.tree_leaves(grads))
