"""Waiting under load: M/M/1, M/M/c and M/G/1 queues, percentiles where they have a closed form, goodput at an SLO.

A server is whatever holds one request at a time: a prefill GPU, or a slot of the decode batch (then `service` is `tpot * osl`). Arrivals
are Poisson, service times do not depend on the load, nobody leaves. Real prompts arrive in bursts and a fuller decode batch is slower, so
real queues are longer than these. At or above full load a queue has no steady state: waits are infinite, `stable` is false, goodput is 0.
"""

from functools import partial

import jax
import jax.numpy as jnp

from nvlinklab._math import mean_decay
from nvlinklab._struct import Float, quantity, register_structs, struct
from nvlinklab.errors import SpecError


@struct
class Queue:
    """Mean times of one request, and whether the queue settles at all.

    Attributes:
        wait: time before a server is free [s]; infinite when not stable
        service: time at the server [s]
        load: offered work per server, `arrival * service / servers`; 1 and above is saturated
        stable: whether `load` is below 1
    """

    wait: Float = quantity("s")
    service: Float = quantity("s")
    load: Float = quantity("1")
    stable: Float = quantity("1")


register_structs()


def latency(queue: Queue) -> Float:
    """Return the mean time from arrival to completion [s]: the sum of wait and service."""
    return queue.wait + queue.service


def in_system(arrival: Float, queue: Queue) -> Float:
    """Return the mean number of requests waiting or in service: Little's law, L = lambda W (Little, Operations Research 9(3), 1961)."""
    return arrival * latency(queue)


def in_line(arrival: Float, queue: Queue) -> Float:
    """Return the mean number of requests that wait: Little's law on the line alone."""
    return arrival * queue.wait


def mm1(arrival: Float, service: Float) -> Queue:
    """Return the M/M/1 queue: `wait = rho s / (1 - rho)` (Kleinrock, Queueing Systems I, 1975, section 3.2).

    Args:
        arrival: requests per second [1/s]
        service: mean service time [s], exponential
    """
    return mg1(arrival, service, 1.0)


def mg1(arrival: Float, service: Float, variation: Float) -> Queue:
    """Return the M/G/1 queue: `wait = rho s (1 + cv^2) / (2 (1 - rho))` (Pollaczek 1930, Khinchine 1932).

    Args:
        arrival: requests per second [1/s]
        service: mean service time [s], any distribution
        variation: its standard deviation over its mean; 0 constant, 1 exponential
    """
    return mgc(arrival, service, variation, 1)


def mmc(arrival: Float, service: Float, servers: int) -> Queue:
    """Return the M/M/c queue: `wait = C s / (c (1 - rho))` with the Erlang C probability of waiting (Kleinrock 1975, section 3.5).

    Args:
        arrival: requests per second [1/s]
        service: mean service time [s], exponential
        servers: how many, a whole number

    Raises:
        SpecError: `servers` is not a positive whole number.
    """
    return mgc(arrival, service, 1.0, servers)


def mgc(arrival: Float, service: Float, variation: Float, servers: int) -> Queue:
    """Return the M/G/c queue: M/M/c scaled by `(1 + cv^2) / 2`; exact for one server or cv = 1, else Lee & Longton's approximation (1959).

    Args:
        arrival: requests per second [1/s]
        service: mean service time [s]
        variation: its standard deviation over its mean
        servers: how many, a whole number

    Raises:
        SpecError: `servers` is not a positive whole number.
    """
    work = jnp.asarray(arrival * service, dtype=jnp.float64)
    load = work / _whole(servers)
    safe = jnp.where(load < 1.0, load, 0.5)
    wait = erlang_c(safe * servers, servers) * service / (servers * (1.0 - safe)) * 0.5 * (1.0 + variation**2)
    return Queue(wait=jnp.where(load < 1.0, wait, jnp.inf), service=service, load=load, stable=load < 1.0)


@partial(jax.jit, static_argnames="servers")
def erlang_b(work: Float, servers: int) -> Float:
    """Return the probability that all servers are busy when nobody waits (Erlang B), by the recursion that cannot overflow.

    `B(0) = 1, B(k) = a B(k-1) / (k + a B(k-1))` (Jagerman, Bell System Technical Journal 53(3), 1974).

    Args:
        work: offered work `a = arrival * service` [erlang]
        servers: how many, a whole number (0: everyone is turned away)
    """

    def more(k: Float, blocked: Float) -> Float:
        return work * blocked / (k + work * blocked)

    return jax.lax.fori_loop(1, int(servers) + 1, more, jnp.ones_like(work, dtype=jnp.float64))


def erlang_c(work: Float, servers: int) -> Float:
    """Return the probability that a request has to wait (Erlang C): `B / (1 - rho (1 - B))`; 1 at saturation and beyond.

    Args:
        work: offered work `a = arrival * service` [erlang]
        servers: how many, a whole number

    Raises:
        SpecError: `servers` is not a positive whole number.
    """
    load = work / _whole(servers)
    safe = jnp.where(load < 1.0, load, 0.5)
    blocked = erlang_b(safe * servers, servers)
    return jnp.where(load < 1.0, blocked / (1.0 - safe * (1.0 - blocked)), 1.0)


def wait_percentile(arrival: Float, service: Float, servers: int, share: Float) -> Float:
    """Return the wait that a `share` of the requests does not exceed in M/M/c [s]; 0 where that many do not wait at all.

    `P(wait > t) = C exp(-(c - a) t / s)`, solved for t. Infinite when saturated.

    Args:
        arrival: requests per second [1/s]
        service: mean service time [s], exponential
        servers: how many, a whole number
        share: for example 0.99, in [0, 1)
    """
    load = arrival * service / _whole(servers)
    safe = jnp.where(load < 1.0, load, 0.5)
    waiting, tail = erlang_c(safe * servers, servers), 1.0 - share
    excess = jnp.where(waiting > tail, waiting / tail, 1.0)
    return jnp.where(load < 1.0, jnp.log(excess) * service / (servers * (1.0 - safe)), jnp.inf)


def latency_percentile(arrival: Float, service: Float, share: Float) -> Float:
    """Return the latency that a `share` of the requests does not exceed in M/M/1 [s]: it is exponential. Infinite when saturated.

    With several servers the quantile has no closed form: invert `within`.

    Args:
        arrival: requests per second [1/s]
        service: mean service time [s], exponential
        share: for example 0.99, in [0, 1)
    """
    load = jnp.asarray(arrival * service, dtype=jnp.float64)
    safe = jnp.where(load < 1.0, load, 0.5)
    return jnp.where(load < 1.0, -jnp.log1p(-share) * service / (1.0 - safe), jnp.inf)


def within(arrival: Float, service: Float, servers: int, limit: Float) -> Float:
    """Return the share of requests done within `limit` in M/M/c; 0 when saturated.

    With m = limit / s and x = c - 1 - a, `P(latency > limit) = e^-m + C (e^-m - e^-(m (1 + x))) / x` (Gross & Harris, Fundamentals of
    Queueing Theory), arranged so that x may be zero or negative.

    Args:
        arrival: requests per second [1/s]
        service: mean service time [s], exponential
        servers: how many, a whole number
        limit: time allowed from arrival to completion [s], not negative
    """
    load = arrival * service / _whole(servers)
    safe = jnp.where(load < 1.0, load, 0.5)
    m, x = limit / service, servers * (1.0 - safe) - 1.0
    both = jnp.exp(-m * jnp.minimum(1.0, 1.0 + x)) * m * mean_decay(m * jnp.abs(x))
    late = jnp.exp(-m) + erlang_c(safe * servers, servers) * both
    return jnp.where(load < 1.0, 1.0 - late, 0.0)


def goodput(arrival: Float, service: Float, servers: int, limit: Float) -> Float:
    """Return the requests per second that meet a latency limit in M/M/c [1/s]; 0 when saturated: every request is late in the end.

    Args:
        arrival: requests per second [1/s]
        service: mean service time [s], exponential
        servers: how many, a whole number
        limit: time allowed from arrival to completion [s]
    """
    return arrival * within(arrival, service, servers, limit)


def highest_arrival(service: Float, limit: Float, share: Float) -> Float:
    """Return the highest arrival rate at which a `share` of the requests stays within `limit` in M/M/1 [1/s]; 0 where none does.

    Args:
        service: mean service time [s], exponential
        limit: time allowed from arrival to completion [s]
        share: for example 0.99, in [0, 1)
    """
    return jnp.maximum(0.0, 1.0 / service + jnp.log1p(-share) / limit)


def _whole(servers: int) -> float:
    if servers < 1 or int(servers) != servers:
        raise SpecError(f"servers={servers}; expected a positive whole number: it sets the length of a loop and cannot be traced")
    return float(servers)
