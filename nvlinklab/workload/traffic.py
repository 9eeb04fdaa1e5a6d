"""What users send: lengths, arrivals, reuse. Counts of tokens and requests are pure numbers; only rates carry a unit."""

import jax.numpy as jnp
from jax.scipy.special import gammainc, ndtri

from nvlinklab._struct import Float, quantity, register_structs, struct


@struct
class UniformLength:
    """Lengths drawn evenly between two shares of a nominal one, as serving benchmarks do.

    Attributes:
        nominal: the length a benchmark is named after [token]
        low, high: smallest and largest share of it
    """

    nominal: Float = quantity("token")
    low: Float = quantity("1", 0.8)
    high: Float = quantity("1", 1.0)


@struct
class LognormalLength:
    """Lengths whose logarithm is normal, as production traces show: many short, a few very long.

    Attributes:
        mean: mean length [token]
        variation: standard deviation over the mean; 0 is a fixed length
    """

    mean: Float = quantity("token")
    variation: Float = quantity("1")


@struct
class TokenRate:
    """Tokens a service must work through.

    Attributes:
        prefill: prompt tokens that are not reused [tok/s]
        decode: output tokens [tok/s]
    """

    prefill: Float = quantity("tok/s")
    decode: Float = quantity("tok/s")


register_structs()

Length = UniformLength | LognormalLength


def mean_length(length: Length) -> Float:
    """Return the mean length [token]; a benchmark "8K/1K" that draws from 0.8 to 1.0 of it has a mean of 0.9."""
    if isinstance(length, LognormalLength):
        return length.mean
    return length.nominal * 0.5 * (length.low + length.high)


def length_variation(length: Length) -> Float:
    """Return the standard deviation over the mean."""
    if isinstance(length, LognormalLength):
        return length.variation
    return (length.high - length.low) / (length.high + length.low) / jnp.sqrt(3.0)


def length_quantile(length: Length, share: Float) -> Float:
    """Return the length that a `share` of the requests does not exceed [token].

    Args:
        length: its distribution
        share: in (0, 1)
    """
    if isinstance(length, UniformLength):
        return length.nominal * (length.low + share * (length.high - length.low))
    square = jnp.asarray(length.variation, dtype=jnp.float64) ** 2
    small = square < 1e-6
    safe = jnp.where(small, 1.0, square)
    # sigma = sqrt(ln(1 + cv^2)), written as cv times a smooth factor: the plain root has no slope at cv = 0
    sigma = length.variation * jnp.sqrt(jnp.where(small, 1.0 - square / 2.0 + square**2 / 3.0, jnp.log1p(safe) / safe))
    return length.mean * jnp.exp(sigma * ndtri(share) - 0.5 * sigma**2)


def mean_context(isl: Float, osl: Float, osl_variation: Float = 0.0) -> Float:
    """Return the cached tokens a decode step finds per request on average: `isl + osl / 2`.

    If output lengths vary, long answers hold a slot for longer, and the mean over steps is `isl + osl (1 + cv^2) / 2` (inspection paradox).

    Args:
        isl, osl: mean input and output tokens, independent of each other
        osl_variation: standard deviation of the output length over its mean
    """
    return isl + 0.5 * osl * (1.0 + osl_variation**2)


def reused_tokens(isl: Float, hit_rate: Float) -> Float:
    """Return the prompt tokens found in the prefix cache; the share `hit_rate` counts tokens, not requests."""
    return isl * hit_rate


def prefill_tokens(isl: Float, hit_rate: Float = 0.0) -> Float:
    """Return the prompt tokens left to compute after prefix reuse; at least the last one always is, so a hit rate of 1 cannot be."""
    return isl - reused_tokens(isl, hit_rate)


def prefix_hit_rate(shared: Float, requests: Float) -> Float:
    """Return the token hit rate when `requests` requests share a prefix: all but the first find it.

    Args:
        shared: share of a prompt's tokens that the requests have in common
        requests: how many use the prefix before it is evicted, 1 or more
    """
    return shared * (1.0 - 1.0 / requests)


def scattered_hit_rate(shared: Float, requests: Float, workers: Float) -> Float:
    """Return the token hit rate when requests go to workers in turn, each with a cache of its own: the first on each worker misses.

    `shared (1 - workers / requests)`; a router that sends all to the worker that has the prefix gets `prefix_hit_rate` instead.

    Args:
        shared: share of a prompt's tokens that the requests have in common
        requests: how many use the prefix before it is evicted, at least `workers`
        workers: how many take turns
    """
    return prefix_hit_rate(shared, requests / workers)


def token_rate(arrival: Float, isl: Float, osl: Float, hit_rate: Float = 0.0) -> TokenRate:
    """Return the tokens per second that requests bring, by phase.

    Args:
        arrival: requests per second [1/s]
        isl, osl: mean input and output tokens
        hit_rate: share of the prompt tokens found in the prefix cache
    """
    return TokenRate(prefill=arrival * prefill_tokens(isl, hit_rate), decode=arrival * osl)


def total(rate: TokenRate) -> Float:
    """Return all tokens per second that must be computed [tok/s]: the sum of the parts."""
    return rate.prefill + rate.decode


def expected_arrivals(arrival: Float, time: Float) -> Float:
    """Return the requests to expect within `time` [s] at a rate [1/s]."""
    return arrival * time


def arrivals_exceed(arrival: Float, time: Float, count: Float) -> Float:
    """Return the probability of more than `count` Poisson arrivals within `time`.

    Args:
        arrival: requests per second [1/s], above 0
        time: length of the window [s], above 0
        count: a whole number
    """
    return gammainc(jnp.asarray(count, dtype=jnp.float64) + 1.0, expected_arrivals(arrival, time))


def arrival_gap(arrival: Float, share: Float) -> Float:
    """Return the time between two Poisson arrivals that a `share` of the gaps does not exceed [s]: `-ln(1 - share) / arrival`."""
    return -jnp.log1p(-share) / arrival
