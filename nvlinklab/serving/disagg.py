"""Disaggregated serving: one pool of GPUs reads prompts, another writes answers, and the cache moves between them.

(Zhong et al., DistServe, OSDI 2024; Patel et al., Splitwise, ISCA 2024.) A request takes GPU time in both pools, so the pool with more
work per GPU sets the rate. Rates are steady means: queueing at each pool, which keeps both below full load, is left out and makes the
rates high. Routing, autoscaling and worker failures are left out too.
"""

import jax.numpy as jnp
import numpy as np

from nvlinklab._struct import Float, quantity, register_structs, struct
from nvlinklab.errors import SpecError
from nvlinklab.serving.batching import FirstToken, Step, batch_within, step_at
from nvlinklab.serving.kv_transfer import pipelined


@struct
class Work:
    """What one request takes of each pool.

    Attributes:
        prefill: GPU time to read its prompt [GPU s]
        decode: GPU time to write its answer [GPU s]
    """

    prefill: Float = quantity("s")
    decode: Float = quantity("s")

    @property
    def total(self) -> Float:
        """Sum of the two [GPU s]."""
        return self.prefill + self.decode


@struct
class Pools:
    """GPUs of each pool.

    Attributes:
        prefill: GPUs that read prompts
        decode: GPUs that write answers
    """

    prefill: Float = quantity("GPU")
    decode: Float = quantity("GPU")

    @property
    def total(self) -> Float:
        """Sum of the two."""
        return self.prefill + self.decode


@struct
class PoolRates:
    """Requests per second each pool could serve alone.

    Attributes:
        prefill: of the pool that reads prompts [1/s]
        decode: of the pool that writes answers [1/s]
    """

    prefill: Float = quantity("1/s")
    decode: Float = quantity("1/s")

    @property
    def served(self) -> Float:
        """What the two serve together [1/s]: the lower rate."""
        return jnp.minimum(self.prefill, self.decode)


@struct
class PoolLoad:
    """Busy share of each pool.

    Attributes:
        prefill: of the pool that reads prompts
        decode: of the pool that writes answers
    """

    prefill: Float = quantity("1")
    decode: Float = quantity("1")


@struct
class Comparison:
    """Output tokens per second and GPU at the same time per output token, in three steps from aggregated to disaggregated.

    Attributes:
        aggregated: prompts and answers share each worker [tok/s]
        balanced: pools of their own, in the best proportion [tok/s]
        split: share of `balanced` that the pools at hand reach, 1 where they have the best proportion
    """

    aggregated: Float = quantity("tok/s")
    balanced: Float = quantity("tok/s")
    split: Float = quantity("1")

    @property
    def disaggregated(self) -> Float:
        """With the pools at hand [tok/s]."""
        return self.balanced * self.split

    @property
    def gain(self) -> Float:
        """Disaggregated over aggregated: interference removed times balance lost. Above 1 it pays; NaN where neither is fast enough."""
        return _over(self.balanced, self.aggregated) * self.split

    @property
    def break_even_split(self) -> Float:
        """The balance below which aggregated serving wins."""
        return _over(self.aggregated, self.balanced)


register_structs()


def request_work(prefill_rate: Float, decode_rate: Float, isl: Float, osl: Float) -> Work:
    """Return the work of a request from the token rates of one GPU of each pool.

    Args:
        prefill_rate: prompt tokens per second and GPU [tok/s]
        decode_rate: output tokens per second and GPU [tok/s]
        isl: prompt tokens that are not reused
        osl: output tokens, the first included; it comes out of the prefill pool
    """
    return Work(prefill=isl / prefill_rate, decode=(osl - 1.0) / decode_rate)


def pool_rates(work: Work, pools: Pools) -> PoolRates:
    """Return the requests per second each pool could serve."""
    return PoolRates(prefill=pools.prefill / work.prefill, decode=pools.decode / work.decode)


def requests_served(work: Work, pools: Pools) -> Float:
    """Return the requests per second that pass both pools [1/s]; also where one of them has nothing to do."""
    return 1.0 / jnp.maximum(work.prefill / pools.prefill, work.decode / pools.decode)


def utilisation(work: Work, pools: Pools) -> PoolLoad:
    """Return the share of the time each pool is busy at the rate both serve: 1 for the narrower pool, less for the other."""
    served = requests_served(work, pools)
    return PoolLoad(prefill=served * work.prefill / pools.prefill, decode=served * work.decode / pools.decode)


def best_ratio(work: Work) -> Float:
    """Return the prefill GPUs per decode GPU at which both pools are always busy: the ratio of the works."""
    return work.prefill / work.decode


def best_pools(work: Work, gpus: Float) -> Pools:
    """Return the division of `gpus` at which both pools serve the same rate, in fractions of a GPU."""
    return Pools(prefill=gpus * work.prefill / work.total, decode=gpus * work.decode / work.total)


def balance(work: Work, pools: Pools) -> Float:
    """Return the share of the best rate that a division of GPUs reaches, in (0, 1]: 1 if and only if the pools balance."""
    return requests_served(work, pools) * work.total / pools.total


def best_split(work: Work, gpus: int, prefill_worker: int = 1, decode_worker: int = 1) -> Pools:
    """Return the best division of `gpus` into whole workers; GPUs that do not make up a worker stay idle and are in neither pool.

    Every division is tried; of equal ones the first, with the fewest prefill workers, is taken.

    Args:
        work: of a request, scalars (use `jax.vmap` for more)
        gpus: how many there are
        prefill_worker, decode_worker: GPUs of one worker

    Raises:
        SpecError: fewer GPUs than one worker of each kind takes, or not a whole number.
    """
    for name, count in {"gpus": gpus, "prefill_worker": prefill_worker, "decode_worker": decode_worker}.items():
        if count < 1 or int(count) != count:
            raise SpecError(f"{name}={count}; expected a positive whole number")
    if gpus < prefill_worker + decode_worker:
        raise SpecError(f"gpus={gpus} hold no prefill worker of {prefill_worker} beside a decode worker of {decode_worker}")
    prefill = np.arange(prefill_worker, gpus - decode_worker + 1, prefill_worker, dtype=float)
    decode = (gpus - prefill) // decode_worker * decode_worker
    # a scalar work is broadcast over all divisions
    chosen = jnp.argmax(requests_served(work, Pools(prefill=jnp.asarray(prefill), decode=jnp.asarray(decode))))
    return Pools(prefill=jnp.asarray(prefill)[chosen], decode=jnp.asarray(decode)[chosen])


def throughput_per_gpu(work: Work, pools: Pools, osl: Float, gpus: Float | None = None) -> Float:
    """Return output tokens per second and GPU [tok/s] over all GPUs, those that read prompts included.

    Args:
        work: of a request
        pools: GPUs of each pool
        osl: output tokens of a request
        gpus: GPUs to divide by, where some belong to neither pool; the two pools by default
    """
    return osl * requests_served(work, pools) / (pools.total if gpus is None else gpus)


def best_throughput(work: Work, osl: Float) -> Float:
    """Return output tokens per second and GPU of pools in the best proportion [tok/s]: `osl / (prefill + decode)`."""
    return osl / work.total


def first_token(prefill: Float, transfer: Float, layers: Float = 1.0) -> FirstToken:
    """Return the time to first token when the cache moves to the decode pool, without queueing.

    Layer by layer, the cache of one layer moves while the next is read: of the transfer only `pipelined(...) - prefill` shows, the last
    layer's part at least. The token itself exists before the cache has moved, but engines that answer from the decode pool show it after.

    Args:
        prefill: reading the prompt [s]
        transfer: moving all of its cache [s], see `kv_transfer.move_time`
        layers: pieces in which it moves; 1 moves it when the prompt has been read, so nothing is hidden
    """
    return FirstToken(prefill=prefill, transfer=pipelined((prefill, transfer), layers) - prefill)


def transfer_share(start: FirstToken) -> Float:
    """Return the part of the time to first token that the cache is on its way."""
    return start.transfer / start.total


def hiding_bandwidth(nbytes: Float, prefill: Float) -> Float:
    """Return the bandwidth at which a cache moves as fast as its prompt is read [B/s]: from there on, layer by layer, nearly all hides."""
    return nbytes / prefill


def compare(
    step: Step,
    prefill: Float,
    tpot: Float,
    osl: Float,
    *,
    limit: Float,
    pools: Pools | None = None,
    gpus: Float = 1.0,
) -> Comparison:
    """Return what both ways of serving yield at the same time per output token.

    An aggregated worker spends part of the token time on prompts, so its batch must be smaller than a decode worker's. With a step of
    `s0 + s1 batch`, p the prefill time, w = (osl - 1) s1 and t = tpot / (tpot - s0), the gain of balanced pools is
    `t (p + w) / (p + t w)`: between 1 and t, most where tokens are quick and prompts long. Weights lie in both pools, so `limit` is the
    same; where it binds, the token time is shorter than asked for and the gain shrinks to 1. Moving the cache costs no throughput here.

    Args:
        step: time of a decode step of a worker [s], a number or a function of its batch
        prefill: time of a worker to read one prompt [s], the same in both
        tpot: time per output token to keep [s]
        osl: output tokens per request, above 1
        limit: most running requests of a worker, the same in both
        pools: GPUs of each pool; the best proportion by default
        gpus: of one worker
    """
    together = batch_within(step, tpot, limit, prefill, osl)
    alone = batch_within(step, tpot, limit)
    reached = alone > 0.0
    pace = jnp.maximum(step_at(step, together) + prefill * together / (osl - 1.0), 1e-300)
    aggregated = jnp.where(together > 0.0, osl * together / ((osl - 1.0) * pace * gpus), 0.0)
    batch = jnp.where(reached, alone, 1.0)
    work = Work(prefill=prefill * gpus, decode=(osl - 1.0) * step_at(step, batch) / batch * gpus)
    balanced = jnp.where(reached, best_throughput(work, osl), 0.0)
    split = jnp.ones_like(balanced) if pools is None else jnp.where(reached, balance(work, pools), 1.0)
    return Comparison(aggregated=aggregated, balanced=balanced, split=split)


def interference_gain(work: Work, fixed_share: Float) -> Float:
    """Return `compare(...).gain` of balanced pools from two ratios: `1 + f / (1 - f) P / (P + D)`, memory not binding.

    P / (P + D) is the share of the GPU time that goes into prompts, f the share of the token time that a decode step takes whatever its
    batch. Without fixed time an aggregated worker loses nothing: it makes its batch smaller by as much as the prompts take.

    Args:
        work: of a request in pools of its own
        fixed_share: f, fixed time of a step over the time per output token to keep, below 1
    """
    return 1.0 + fixed_share / (1.0 - fixed_share) * work.prefill / work.total


def break_even_prefill(decode: Float, fixed_share: Float, split: Float) -> Float:
    """Return the prefill work of a request from which on pools pay, for a division that reaches `split` of the best rate [GPU s].

    `interference_gain` times `split` is 1 where prompts take `(1 / split - 1) (1 - f) / f` of the GPU time; never (infinite) where that is
    1 or more, which is at `split <= 1 - f`.

    Args:
        decode: GPU time to write an answer [GPU s]
        fixed_share: f, see `interference_gain`, above 0
        split: share of the best rate that the pools at hand reach, see `balance`
    """
    share = (1.0 / split - 1.0) * (1.0 - fixed_share) / fixed_share
    some = share < 1.0
    return jnp.where(some, decode * share / jnp.where(some, 1.0 - share, 1.0), jnp.inf)


def _over(a: Float, b: Float) -> Float:
    """Return a / b, NaN where b is 0, with a slope that is a number."""
    some = b > 0.0
    return jnp.where(some, a / jnp.where(some, b, 1.0), jnp.nan)


__all__ = [
    "Comparison",
    "PoolLoad",
    "PoolRates",
    "Pools",
    "Work",
    "balance",
    "best_pools",
    "best_ratio",
    "best_split",
    "best_throughput",
    "break_even_prefill",
    "compare",
    "first_token",
    "hiding_bandwidth",
    "interference_gain",
    "pool_rates",
    "request_work",
    "requests_served",
    "throughput_per_gpu",
    "transfer_share",
    "utilisation",
]
