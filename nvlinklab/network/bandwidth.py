"""Bandwidth bookkeeping: from lanes to links to GPUs to racks, one direction unless the name says otherwise.

Nearly every dispute about an interconnect is one of four slips: bits for bytes, one direction for two, one level (lane, link, GPU,
chip, tray, rack) for another, or a cut for a sum. Each step is a function here.
"""

from jax.typing import ArrayLike

DIRECTIONS = 2.0


def link_bandwidth(lanes: ArrayLike, lane_rate: ArrayLike) -> ArrayLike:
    """Return the bandwidth of a link [B/s]: lanes in one direction times the payload rate of a lane [B/s]."""
    return lanes * lane_rate


def gpu_bandwidth(links: ArrayLike, lanes: ArrayLike, lane_rate: ArrayLike) -> ArrayLike:
    """Return what one GPU sends over all its links [B/s]."""
    return links * link_bandwidth(lanes, lane_rate)


def both_ways(one_way: ArrayLike) -> ArrayLike:
    """Return the marketing figure: both directions added."""
    return DIRECTIONS * one_way


def aggregate(devices: ArrayLike, bw: ArrayLike) -> ArrayLike:
    """Return the sum over devices of what each one sends [B/s] (every byte counted once, where it leaves)."""
    return devices * bw


def bisection(devices: ArrayLike, bw: ArrayLike) -> ArrayLike:
    """Return what crosses from one half to the other of a non-blocking fabric [B/s], one direction."""
    return devices / 2.0 * bw


def encoded_rate(transfer_rate: ArrayLike, lanes: ArrayLike, payload: ArrayLike = 1.0) -> ArrayLike:
    """Return a serial bus' bandwidth [B/s]: transfers per second (one bit each) x lanes x the payload share of its line code / 8."""
    return transfer_rate * lanes * payload / 8.0
