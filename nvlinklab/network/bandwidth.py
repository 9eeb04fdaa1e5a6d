"""Bandwidth bookkeeping: from lanes to links to GPUs to racks, one direction unless the name says otherwise.

Nearly every dispute about an interconnect is one of four slips: bits for bytes, one direction for two, one level (lane, link, GPU,
chip, tray, rack) for another, or a cut for a sum. Each step is a function here.
"""

from nvlinklab._struct import Float
from nvlinklab.errors import SpecError, did_you_mean

DIRECTIONS = 2.0


def link_bandwidth(lanes: Float, lane_rate: Float) -> Float:
    """Return the bandwidth of a link [B/s]: lanes in one direction times the payload rate of a lane [B/s]."""
    return lanes * lane_rate


def gpu_bandwidth(links: Float, lanes: Float, lane_rate: Float) -> Float:
    """Return what one GPU sends over all its links [B/s]."""
    return links * link_bandwidth(lanes, lane_rate)


def both_ways(one_way: Float) -> Float:
    """Return the marketing figure: both directions added."""
    return DIRECTIONS * one_way


def aggregate(devices: Float, bw: Float) -> Float:
    """Return the sum over devices of what each one sends [B/s] (every byte counted once, where it leaves)."""
    return devices * bw


def bisection(devices: Float, bw: Float) -> Float:
    """Return what crosses from one half to the other of a non-blocking fabric [B/s], one direction."""
    return devices / 2.0 * bw


def encoded_rate(transfer_rate: Float, lanes: Float, payload: Float = 1.0) -> Float:
    """Return a serial bus' bandwidth [B/s]: transfers per second (one bit each) x lanes x the payload share of its line code / 8."""
    return transfer_rate * lanes * payload / 8.0


def lane_rate(gpu_bw: Float, links: Float, lanes: Float) -> Float:
    """Return the payload rate of one lane [B/s] that makes a GPU's bandwidth: `gpu_bandwidth` solved for the lane."""
    return gpu_bw / (links * lanes)


def split_rate(inside_bw: Float, outside_bw: Float, share: Float) -> Float:
    """Return the rate at which a device sends when a share of its bytes takes another path at the same time [B/s].

    The path that finishes last sets the time. The best share is `outside_bw / (inside_bw + outside_bw)`: both then end together.

    Args:
        inside_bw, outside_bw: bandwidth of the two paths [B/s], one direction
        share: part of the bytes that goes outside, above 0 and below 1
    """
    import jax.numpy as jnp

    return jnp.minimum(inside_bw / (1.0 - share), outside_bw / share)


def bus_factor(op: str, ranks: Float) -> Float:
    """Return bus over algorithm bandwidth as nccl-tests `doc/PERFORMANCE.md` and its sources define it.

    Bus bandwidth is what the busiest port must have carried if the operation used point-to-point messages; with reduction in the
    switch an all-reduce moves less, so its `all_reduce` figure may exceed the link.

    Args:
        op: "all_reduce", "all_reduce_in_network", "all_gather", "reduce_scatter", "alltoall", "gather", "scatter", "broadcast",
            "reduce" or "sendrecv"
        ranks: n

    Raises:
        SpecError: the collective has no factor.
    """
    factors = {
        "all_reduce": lambda n: 2.0 * (n - 1.0) / n,
        "all_reduce_in_network": lambda n: (n - 1.0) / (n + 1.0),
        "all_gather": lambda n: (n - 1.0) / n,
        "reduce_scatter": lambda n: (n - 1.0) / n,
        "alltoall": lambda n: (n - 1.0) / n,
        "gather": lambda n: (n - 1.0) / n,
        "scatter": lambda n: (n - 1.0) / n,
        "broadcast": lambda n: 1.0 + 0.0 * n,
        "reduce": lambda n: 1.0 + 0.0 * n,
        "sendrecv": lambda n: 1.0 + 0.0 * n,
    }
    if op not in factors:
        raise SpecError(f"nccl-tests has no factor for {op!r}{did_you_mean(op, factors)}; it has: {', '.join(factors)}")
    return factors[op](ranks)


def reduction_gain(ranks: Float) -> Float:
    """Return how much less each port carries when a switch adds up an all-reduce: `2 (n - 1) / n` of a ring over `(n + 1) / n`.

    Twice the in-network factor of nccl-tests, and below 2 for any n; `collectives.pulled_all_reduce` derives the denominator.
    """
    return 2.0 * bus_factor("all_reduce_in_network", ranks)


def algorithm_bandwidth(nbytes: Float, seconds: Float) -> Float:
    """Return `algbw = S / t` [B/s], S the whole buffer (for a gather or scatter the sum over ranks)."""
    return nbytes / seconds


def bus_bandwidth(op: str, nbytes: Float, seconds: Float, ranks: Float) -> Float:
    """Return `busbw` [B/s] of a measured time: `algbw * bus_factor`."""
    return algorithm_bandwidth(nbytes, seconds) * bus_factor(op, ranks)


def bus_time(op: str, nbytes: Float, busbw: Float, ranks: Float) -> Float:
    """Return the time [s] that belongs to a printed bus bandwidth: `bus_bandwidth` solved for the time."""
    return nbytes * bus_factor(op, ranks) / busbw
