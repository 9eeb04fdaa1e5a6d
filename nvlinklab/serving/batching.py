"""Continuous batching: decode steps and prompts share a worker, and users share its time.

Everything hangs on two times of the worker: one decode step of a batch, and reading one prompt. In the steady state each request that
ends lets one in, so a step of `batch` requests with `osl - 1` decode tokens each brings `batch / (osl - 1)` prompts to read.
Lengths are those of the mean request, prompts are read one after the other, and a new request starts at once unless a limit on running
requests, a burst or a chunk says otherwise: spread of lengths and chance arrivals are left out, which makes TTFT low under load
(`queueing.py` prices them) and leaves the mean token time right.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp

from nvlinklab._math import increasing_root
from nvlinklab._struct import Float, nested, quantity, register_structs, struct

Step = Any
"""Time of one decode step [s]: a number, or a function of the batch that never falls."""


@struct
class TokenTime:
    """Time between two tokens of a request.

    Attributes:
        step: the decode step itself [s]
        prefill: prompts of others that are read meanwhile [s]
    """

    step: Float = quantity("s")
    prefill: Float = quantity("s")

    @property
    def total(self) -> Float:
        """Sum of the two [s]."""
        return self.step + self.prefill


@struct
class FirstToken:
    """Time from arrival to the first token.

    Attributes:
        prefill: reading the prompt [s]
        decode: decode steps of others that share its steps (chunked prefill) [s]
        transfer: moving the cache to the worker that decodes, as far as it is not hidden [s]
        burst: prompts that arrived in the same moment and are read first [s]
        wait: waiting for a free place in the batch [s]
    """

    prefill: Float = quantity("s")
    decode: Float = quantity("s", 0.0)
    transfer: Float = quantity("s", 0.0)
    burst: Float = quantity("s", 0.0)
    wait: Float = quantity("s", 0.0)

    @property
    def total(self) -> Float:
        """Sum of the parts [s]."""
        return self.prefill + self.decode + self.transfer + self.burst + self.wait


@struct
class ClosedLoop:
    """A worker that always has the same number of requests in flight.

    Attributes:
        running: requests in the decode batch
        tpot: time per output token
        ttft: time to first token
        osl: output tokens of a request, the first included
    """

    running: Float = quantity("request")
    tpot: TokenTime = nested()
    ttft: FirstToken = nested()
    osl: Float = quantity("token")

    @property
    def completions(self) -> Float:
        """Requests that end per second [1/s]: Little's law on the decode batch."""
        return self.running / ((self.osl - 1.0) * self.tpot.total)

    @property
    def waiting(self) -> Float:
        """Requests without a first token yet: Little's law on the time before it."""
        return self.completions * self.ttft.total

    @property
    def latency(self) -> Float:
        """Time of a whole request [s]."""
        return self.ttft.total + (self.osl - 1.0) * self.tpot.total


register_structs()


def token_time(step: Float, prefill: Float, batch: Float, osl: Float, exposed: Float = 1.0) -> TokenTime:
    """Return the mean time per output token: `step + batch / (osl - 1) * prefill`, from work conservation.

    A worker is either in a decode step or reads a prompt. A request ends after `osl - 1` steps and is replaced, whatever the scheduler,
    so the mean does not depend on chunking; only its spread does.

    Args:
        step: one decode step of the batch [s]
        prefill: reading one prompt [s]
        batch: running requests
        osl: output tokens per request, above 1 (the first comes out of the prompt)
        exposed: share of the prefill time by which decode really is delayed; below 1 where both run side by side, one bound by compute
            and one by memory
    """
    return TokenTime(step=step, prefill=exposed * prefill * batch / (osl - 1.0))


def prefill_per_step(batch: Float, isl: Float, osl: Float) -> Float:
    """Return the prompt tokens that a decode step brings in the steady state."""
    return batch * isl / (osl - 1.0)


def sustainable_batch(chunk: Float, isl: Float, osl: Float) -> Float:
    """Return the batch that `chunk` prompt tokens a step keep full; with more places some stay empty, however many users wait."""
    return chunk * (osl - 1.0) / isl


def chunk_count(isl: Float, chunk: Float, whole: bool = False) -> Float:
    """Return the steps that a prompt of `isl` tokens is spread over, at least one.

    Args:
        isl: prompt tokens
        chunk: prompt tokens in a step, at most
        whole: round up, as it happens; without it the count has a slope and is up to one step low
    """
    count = isl / chunk
    return jnp.maximum(1.0, jnp.ceil(count) if whole else count)


def mixed_step(step: Float, prefill: Float, isl: Float, chunk: Float, chunk_time: Float = 0.0) -> TokenTime:
    """Return the longest time between two tokens under chunked prefill: a step with a full chunk in it.

    Reading is linear in tokens here; late chunks of a long prompt meet a longer prefix and take longer than the mean (up to twice where
    attention dominates), early ones less.

    Args:
        step: one decode step of the batch [s]
        prefill: reading one prompt at once [s]
        isl: prompt tokens
        chunk: prompt tokens in a step, at most
        chunk_time: what each chunk costs on top: launches, reading the prefix again [s]
    """
    return TokenTime(step=step, prefill=chunk_time + prefill * chunk / isl)


def chunked_first_token(step: Float, prefill: Float, isl: Float, chunk: Float, chunk_time: Float = 0.0, whole: bool = False) -> FirstToken:
    """Return the time to first token under chunked prefill: the prompt is read in as many steps as it has chunks, each with a decode in it.

    Args:
        step: one decode step of the batch [s]
        prefill: reading one prompt at once [s]
        isl: prompt tokens
        chunk: prompt tokens in a step, at most
        chunk_time: what each chunk costs on top [s]
        whole: count whole chunks, see `chunk_count`
    """
    count = chunk_count(isl, chunk, whole)
    return FirstToken(prefill=prefill + count * chunk_time, decode=count * step)


def burst_wait(prefill: Float, requests: Float, share: Float = 1.0) -> Float:
    """Return the mean time a prompt waits for others that arrived with it [s]: `share * prefill * (requests - 1) / 2`.

    Benchmarks start all users at once. Where answers have equal lengths the users stay in step, and each wave is a burst again.

    Args:
        prefill: reading one prompt [s]
        requests: how many arrive at once
        share: of all requests, those that come in such a burst: one over the number of waves if only the start is one, 1 if all are
    """
    return share * prefill * 0.5 * jnp.maximum(requests - 1.0, 0.0)


def closed_loop(
    concurrency: Float,
    step: Step,
    prefill: Float,
    osl: Float,
    *,
    first: Callable[[Float], FirstToken] | None = None,
    limit: Float | None = None,
    burst: Float = 0.0,
    exposed: Float = 1.0,
) -> ClosedLoop:
    """Return where a worker settles that has `concurrency` requests in flight: each user sends the next when the last is answered.

    Little's law twice: `concurrency = completions * (ttft + (osl - 1) tpot)` and `running = completions * (osl - 1) tpot`. The batch
    solves both; where it would exceed the limit, the batch is the limit and the rest of the requests wait.

    Args:
        concurrency: requests in flight on this worker
        step: time of a decode step [s], a number or a function of the batch
        prefill: reading one prompt [s]
        osl: output tokens per request, above 1
        first: time to first token without waiting, as a function of the batch; `prefill` alone by default
        limit: most running requests: memory, a setting of the engine, or `sustainable_batch` of a chunk; none by default
        burst: share of the requests that arrive all at once, see `burst_wait`
        exposed: share of the prefill time by which decode is delayed, see `token_time`
    """
    at_once = burst_wait(prefill, concurrency, burst)

    def unhindered(batch: Float) -> FirstToken:
        parts = first(batch) if first else FirstToken(prefill=prefill)
        return FirstToken(prefill=parts.prefill, decode=parts.decode, transfer=parts.transfer, burst=parts.burst + at_once, wait=parts.wait)

    def per_token(batch: Float) -> TokenTime:
        return token_time(step_at(step, batch), prefill, batch, osl, exposed)

    def surplus(batch: Float) -> Float:
        return batch + batch * unhindered(batch).total / ((osl - 1.0) * per_token(batch).total) - concurrency

    high = concurrency * jnp.ones_like(surplus(concurrency))
    running = increasing_root(surplus, jnp.zeros_like(high), high)
    full = jnp.zeros_like(high, dtype=bool) if limit is None else running > limit
    running = running if limit is None else jnp.minimum(running, limit)
    tpot, start = per_token(running), unhindered(running)
    completions = jnp.where(full, running, 1.0) / ((osl - 1.0) * tpot.total)
    wait = jnp.where(full, (concurrency - running) / completions - start.total, 0.0)
    ttft = FirstToken(prefill=start.prefill, decode=start.decode, transfer=start.transfer, burst=start.burst, wait=start.wait + wait)
    return ClosedLoop(running=running, tpot=tpot, ttft=ttft, osl=osl)


def throughput(loop: ClosedLoop, gpus: Float = 1.0) -> Float:
    """Return output tokens per second and GPU of a worker of `gpus` GPUs [tok/s], first tokens included."""
    return loop.completions * loop.osl / gpus


def batch_within(step: Step, tpot: Float, limit: Float, prefill: Float = 0.0, osl: Float = 2.0) -> Float:
    """Return the largest batch whose mean token time is at most `tpot`; 0 where a step takes longer than that even when it is empty.

    Args:
        step: time of a decode step [s], a number or a function of the batch
        tpot: time per output token to keep [s]
        limit: most running requests
        prefill: reading one prompt on the same worker [s]; 0 where prompts are read elsewhere
        osl: output tokens per request, above 1; without effect if `prefill` is 0
    """

    def excess(batch: Float) -> Float:
        return token_time(step_at(step, batch), prefill, batch, osl).total / tpot - 1.0

    high = limit * jnp.ones_like(excess(limit))
    low = jnp.zeros_like(high)
    found = increasing_root(excess, low, high)
    return jnp.where(excess(low) > 0.0, 0.0, jnp.where(excess(high) <= 0.0, high, found))


def step_at(step: Step, batch: Float) -> Float:
    """Return the time of a step [s] that is given as a number or as a function of the batch."""
    return step(batch) if callable(step) else step


__all__ = [
    "ClosedLoop",
    "FirstToken",
    "Step",
    "TokenTime",
    "batch_within",
    "burst_wait",
    "chunk_count",
    "chunked_first_token",
    "closed_loop",
    "mixed_step",
    "prefill_per_step",
    "step_at",
    "sustainable_batch",
    "throughput",
    "token_time",
]
