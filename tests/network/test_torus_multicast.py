"""Tori against a count of every message's way, and what a switch can save against a count of bytes at every port."""

from itertools import product

import numpy as np
import pytest

from nvlinklab.kernel import overlap
from nvlinklab.network import collectives as flat
from nvlinklab.network import hierarchical, multicast, torus
from nvlinklab.network.alphabeta import Link
from nvlinklab.network.bandwidth import reduction_gain
from nvlinklab.workload import moe


def _loads(x, y, z):
    """Bytes on every link when each chip sends one byte to every chip: shorter way round each ring, dimension after dimension."""
    sizes, loads = (x, y, z), {}
    for start in product(*map(range, sizes)):
        for steps in product(*map(range, sizes)):
            here = list(start)
            for axis, step in enumerate(steps):
                size = sizes[axis]
                ways = [(1, step)] if 2 * step < size else [(-1, size - step)] if 2 * step > size else [(1, step), (-1, step)]
                for sign, hops in ways:
                    at = list(here)
                    for _ in range(hops):
                        loads[tuple(at), axis, sign] = loads.get((tuple(at), axis, sign), 0.0) + 1.0 / len(ways)
                        at[axis] = (at[axis] + sign) % size
                here[axis] = (here[axis] + step) % size
    return loads


@pytest.mark.parametrize("shape", [(4, 4, 4), (2, 4, 6), (4, 4, 8)])
def test_the_exchange_of_a_torus_is_its_busiest_link(shape):
    slice_ = torus.Torus(x=float(shape[0]), y=float(shape[1]), z=float(shape[2]), link_bw=100e9)
    loads, n = _loads(*shape), float(np.prod(shape))
    assert torus.chips(slice_) == n
    assert float(torus.exchange_bandwidth(slice_)) == pytest.approx(n / max(loads.values()) * 100e9)
    assert torus.mean_hops(slice_) == pytest.approx(sum(loads.values()) / n**2)
    assert torus.injection(slice_) == 600e9


def test_a_cube_loads_all_links_alike_and_meets_the_bisection():
    cube = torus.Torus(x=4.0, y=4.0, z=4.0, link_bw=100e9)
    assert float(torus.exchange_bandwidth(cube)) == pytest.approx(torus.injection(cube) / torus.mean_hops(cube))
    assert float(torus.exchange_bandwidth(cube)) == pytest.approx(200e9)  # a third of what the chip sends
    assert float(torus.bisection(cube)) == pytest.approx(2 * 16 * 100e9)
    assert float(torus.bisection(cube)) == pytest.approx(64 * float(torus.exchange_bandwidth(cube)) / 4)  # half the chips, half their bytes
    assert torus.farthest(cube) == 6.0


def test_a_switch_saves_one_direction_and_the_port_waits_for_the_other():
    """Four ranks, three tokens each of 10 B, every token to two other ranks: counted message by message."""
    sent, received = np.zeros((2, 4)), np.zeros((2, 4))  # plain, with copies made in the switch
    for rank in range(4):
        for token in range(3):
            for away in (1 + token, 1 + (token + 1) % 3):
                target = (rank + away) % 4
                sent[0, rank] += 10.0
                received[:, target] += 10.0
            sent[1, rank] += 10.0
    plain, copied = multicast.dispatch(30.0, 2.0), multicast.dispatch(30.0, 2.0, multicast=True)
    assert sent[0].mean() == plain.sent == 60.0
    assert sent[1].mean() == copied.sent == 30.0
    assert received[0].mean() == plain.received == copied.received == 60.0
    assert float(multicast.port_bytes(copied)) == float(multicast.port_bytes(plain))
    back = multicast.combine(30.0, 2.0, reduced=True)
    assert (back.sent, back.received) == (60.0, 30.0)
    assert float(multicast.port_bytes(back)) == float(multicast.port_bytes(multicast.combine(30.0, 2.0)))


def test_together_the_two_savings_stay_below_two():
    assert float(multicast.overlapped_gain(1.0, 2.0, 8.0)) == pytest.approx(24 / 17)
    assert float(multicast.overlapped_gain(1.0, 1.0, 8.0)) == pytest.approx(16 / 9)
    assert float(multicast.overlapped_gain(1.0, 1.0, 1e9)) == pytest.approx(2.0)
    assert float(multicast.overlapped_gain(1.0, 2.0, 1.0)) == pytest.approx(1.0)


@pytest.mark.parametrize("ranks", [8.0, 72.0])
def test_the_same_count_gives_the_gain_of_an_all_reduce(ranks):
    """Scatter-reduce and gather of S / n pieces to n - 1 others: reduced and copied in the switch it is `pulled_all_reduce`."""
    link, share = Link(alpha=0.0, bw=1.0), 1.0 / ranks
    plain = multicast.together(multicast.dispatch(share, ranks - 1.0), multicast.combine(share, ranks - 1.0))
    assert float(multicast.port_bytes(plain)) == pytest.approx(float(flat.ring_all_reduce(link, 1.0, ranks).total))
    helped = multicast.together(multicast.dispatch(share, ranks, multicast=True), multicast.combine(share, ranks, reduced=True))
    pulled = float(flat.pulled_all_reduce(link, 1.0, ranks).total)
    assert float(multicast.port_bytes(helped)) == pytest.approx(pulled)
    assert reduction_gain(ranks) == pytest.approx(float(flat.ring_all_reduce(link, 1.0, ranks).total) / pulled)


def test_a_domain_gains_until_the_group_outgrows_it():
    up, out = Link(alpha=0.0, bw=1e30), Link(alpha=0.0, bw=50e9)
    for ranks in (73.0, 144.0, 288.0):
        with_domain = hierarchical.all_to_all(hierarchical.Fabric(domain=72.0, up=up, out=out), 1e9, ranks).overlapped
        assert float(flat.all_to_all(out, 1e9, ranks).total / with_domain) == pytest.approx(hierarchical.all_to_all_gain(72.0, ranks))
    assert hierarchical.group_for_gain(72.0, 2.0) == 143.0
    assert hierarchical.all_to_all_gain(72.0, hierarchical.group_for_gain(72.0, 5.0)) == pytest.approx(5.0)


def test_distinct_ranks_are_the_remote_ones_and_ones_own():
    rng = np.random.default_rng(7)
    drawn = [len(set(rng.integers(0, 64, 8))) for _ in range(40_000)]
    assert moe.distinct_ranks(8.0, 64.0) == pytest.approx(np.mean(drawn), rel=2e-3)
    assert moe.distinct_ranks(8.0, 64.0) * 63 / 64 == pytest.approx(moe.remote_copies(8.0, 64.0))
    assert moe.distinct_ranks(8.0, 1.0) == 1.0


def test_amdahl():
    assert overlap.speedup(0.9, 10.0) == pytest.approx(1 / 0.19)
    assert overlap.speedup(1.0, 14.0) == pytest.approx(14.0)
    assert overlap.speedup(overlap.share_for_speedup(10.0, 14.0), 14.0) == pytest.approx(10.0)
    assert overlap.share_for_speedup(10.0, 9.0) > 1.0  # no share is enough
