"""Many for one: incast, shared ports, and waiting for the slowest."""

import jax.numpy as jnp
import numpy as np
from jax.scipy.special import digamma
from jax.scipy.stats import norm

from nvlinklab._struct import Float
from nvlinklab.network.alphabeta import Link


def incast_time(link: Link, nbytes: Float, senders: Float) -> Float:
    """Return the time until one receiver has a message from each of `senders` [s]: its port takes them one after the other.

    Args:
        link: port of the receiver, one direction
        nbytes: size of one message [B], any shape
        senders: messages that arrive at once; lossless flow control is assumed, so nothing is sent twice
    """
    return link.alpha + senders * nbytes / link.bw


def fair_share(own_bw: Float, port_bw: Float, users: Float) -> Float:
    """Return what each of `users` gets of a shared port [B/s]: an equal part, or its own link's rate where that is less."""
    return jnp.minimum(own_bw, port_bw / users)


def shared_time(link: Link, port_bw: Float, nbytes: Float, users: Float) -> Float:
    """Return the time of a message while `users` equal ones pass the same port [s].

    Args:
        link: the sender's own link, one direction
        port_bw: bandwidth of the shared port [B/s]
        nbytes: size of one message [B], any shape
        users: messages at the port at the same time, at least 1
    """
    return link.alpha + nbytes / fair_share(link.bw, port_bw, users)


def hot_port_time(link: Link, nbytes: Float, imbalance: Float) -> Float:
    """Return the time of an exchange whose busiest port carries `imbalance` times the mean of `nbytes` [s]."""
    return link.alpha + imbalance * nbytes / link.bw


# Stragglers: a step ends when the last of n ranks does. Delays are independent from rank to rank and from step to step; a rank that
# is always slow, or a cause that all share, is not described by these.


def slowest_exponential(mean: Float, ranks: Float) -> Float:
    """Return the expected largest of n exponential delays [s]: `mean * H_n`, the harmonic number continued by the digamma function.

    Args:
        mean: mean delay of one rank [s]
        ranks: n, at least 1
    """
    return mean * (digamma(ranks + 1.0) + np.euler_gamma)


def exponential_wait(mean: Float, ranks: Float) -> Float:
    """Return what the mean rank waits for the slowest one [s]: `mean * (H_n - 1)`, nothing for one rank."""
    return slowest_exponential(mean, ranks) - mean


_Z = np.arange(-14.0, 20.0, 0.04)  # smooth integrand that vanishes at both ends: the trapezoidal rule is exact to rounding


def slowest_lognormal(median: Float, spread: Float, ranks: Float) -> Float:
    """Return the expected largest of n lognormal delays [s], `median * E[exp(spread * max of n standard normals)]`.

    Integrates `exp(spread z) n phi(z) Phi(z)^(n-1)` on a fixed grid; good to 1e-9 for a spread up to 4 and a million ranks.

    Args:
        median: median delay of one rank [s]
        spread: standard deviation of the logarithm of a delay; 0 makes all equal
        ranks: n, at least 1
    """

    def factor(sigma: Float, n: Float) -> Float:
        log_density = jnp.log(n) + norm.logpdf(_Z) + (n - 1.0) * norm.logcdf(_Z)
        return jnp.sum(jnp.exp(sigma * _Z + log_density)) * (_Z[1] - _Z[0])

    return median * jnp.vectorize(factor)(jnp.asarray(spread, dtype=float), jnp.asarray(ranks, dtype=float))


def lognormal_wait(median: Float, spread: Float, ranks: Float) -> Float:
    """Return what the mean rank waits for the slowest one [s]; the mean delay is `median * exp(spread^2 / 2)`."""
    return slowest_lognormal(median, spread, ranks) - median * jnp.exp(jnp.square(spread) / 2.0)


__all__ = [
    "exponential_wait",
    "fair_share",
    "hot_port_time",
    "incast_time",
    "lognormal_wait",
    "shared_time",
    "slowest_exponential",
    "slowest_lognormal",
]
