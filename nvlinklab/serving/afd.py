"""Attention-FFN disaggregation: attention on one pool, the feed-forward blocks on another, and the network twice in every layer.

(Step-3, arXiv 2507.19427; MegaScale-Infer, arXiv 2504.02263.) A token goes round a ring of four stages once per layer: attention,
dispatch, feed-forward, combine. A batch cut into micro-batches keeps several of them busy at once. Stages take the same time in every
layer and for every micro-batch; jitter and unevenly loaded experts are left out and make the model fast.
"""

import jax.numpy as jnp
import numpy as np

from nvlinklab._struct import Float, nested, quantity, register_structs, struct
from nvlinklab.errors import SpecError
from nvlinklab.kernel.roofline import KernelTime, hard_max, smooth_max
from nvlinklab.network.alphabeta import Link


@struct
class StageCost:
    """What one stage of a layer costs.

    Attributes:
        delay: time that passes without keeping the stage busy: wires, switches [s]
        fixed: busy time of each micro-batch whatever its size: weights, launches [s]
        batch: busy time of the whole batch, in proportion to its size: cache reads, arithmetic, bytes on a link [s]
    """

    delay: Float = quantity("s", 0.0)
    fixed: Float = quantity("s", 0.0)
    batch: Float = quantity("s", 0.0)


@struct
class SplitLayer:
    """One layer that is spread over two pools.

    Attributes:
        attention: on the GPUs that hold the cache
        dispatch: activations to the feed-forward pool
        ffn: feed-forward blocks on their pool
        combine: results back
    """

    attention: StageCost = nested()
    dispatch: StageCost = nested()
    ffn: StageCost = nested()
    combine: StageCost = nested()


@struct
class SplitToken:
    """Where the time of one output token goes, over all split layers.

    Attributes:
        attention: the attention pool is busy [s]
        ffn: it waits, and would wait as long if the network were free: feed-forward time that nothing hides [s]
        network: what the network adds [s]
        rest: layers that are not split, head, sampling [s]
    """

    attention: Float = quantity("s")
    ffn: Float = quantity("s")
    network: Float = quantity("s")
    rest: Float = quantity("s", 0.0)

    @property
    def total(self) -> Float:
        """Sum of the parts [s]."""
        return self.attention + self.ffn + self.network + self.rest

    @property
    def overhead(self) -> Float:
        """What the network adds, over everything else."""
        return self.network / (self.attention + self.ffn + self.rest)


register_structs()


def crossing(link: Link, nbytes: Float) -> StageCost:
    """Return one crossing between the pools: `alpha` passes without occupying the port, the bytes occupy it.

    Software that is busy sending belongs into `fixed` of a stage of its own; here it counts as delay, which several micro-batches hide.

    Args:
        link: the busiest port between the pools, one direction
        nbytes: what the whole batch sends through that port in one layer [B]
    """
    return StageCost(delay=link.alpha, batch=nbytes / link.bw)


def crossing_bytes(tokens: Float, hidden: Float, element_bytes: Float, copies: Float = 1.0) -> Float:
    """Return what a crossing carries [B].

    Args:
        tokens: in the batch
        hidden: width of the residual stream
        element_bytes: of an activation on the way [B]
        copies: ranks of the other pool that need each token
    """
    return tokens * hidden * element_bytes * copies


def crossings(layers: Float) -> Float:
    """Return the network crossings of one token: there and back in each split layer (58 MoE layers: 116)."""
    return 2.0 * layers


def crossing_total(layers: Float, link: Link, nbytes: Float) -> Float:
    """Return the time all crossings of a token take when nothing hides them [s]."""
    return crossings(layers) * (link.alpha + nbytes / link.bw)


def crossing_budget(overhead: Float, layers: Float) -> Float:
    """Return the time a crossing may take if all of them together are to add `overhead` [s]."""
    return overhead / crossings(layers)


def holding_devices(nbytes: Float, capacity: Float, usable: Float = 1.0) -> Float:
    """Return how many devices, or racks, hold `nbytes` of weights; continuous, the next whole number is the answer.

    Args:
        nbytes: weights to hold [B]
        capacity: memory of one [B]
        usable: share of it that is left for weights: programs, activations and buffers take the rest
    """
    return nbytes / (capacity * usable)


def stages(layer: SplitLayer) -> tuple[StageCost, ...]:
    """Return the four stages in order."""
    return layer.attention, layer.dispatch, layer.ffn, layer.combine


def busy_time(stage: StageCost, micro_batches: Float) -> Float:
    """Return how long the whole batch, cut into micro-batches, keeps a stage busy in one layer [s]: `m fixed + batch`."""
    return micro_batches * stage.fixed + stage.batch


def loop_time(layer: SplitLayer, micro_batches: Float) -> Float:
    """Return how long one micro-batch takes to go round a layer alone [s]: `sum (delay + fixed + batch / m)`."""
    return sum(s.delay + busy_time(s, micro_batches) / micro_batches for s in stages(layer))


def busiest(layer: SplitLayer, micro_batches: Float) -> Float:
    """Return the busy time of the slowest stage [s]: what many micro-batches are bound by."""
    slowest, *others = (busy_time(s, micro_batches) for s in stages(layer))
    for other in others:
        slowest = jnp.maximum(slowest, other)
    return slowest


def layer_time(layer: SplitLayer, micro_batches: Float, p: float | None = None) -> Float:
    """Return the time of a layer for the whole batch [s]: `max(loop, busiest)`.

    The period of a ring of machines with m parts on it: a part cannot come round faster than the loop, a machine not serve faster than it
    is busy. One micro-batch: the plain sum, nothing is hidden. Many: the slowest stage alone, and what the cut costs in fixed times.
    A single token always takes at least the loop: hiding helps throughput and never the latency of one user below it.

    Args:
        layer: its stages
        micro_batches: m, 1 or more
        p: take the p-norm instead of the maximum, for optimisation; it reads high where both are equal
    """
    bounds = KernelTime(compute=busiest(layer, micro_batches), memory=loop_time(layer, micro_batches))
    return hard_max(bounds) if p is None else smooth_max(bounds, p)


def without_network(layer: SplitLayer) -> SplitLayer:
    """Return the layer with a network that costs nothing."""
    return SplitLayer(attention=layer.attention, dispatch=StageCost(), ffn=layer.ffn, combine=StageCost())


def split_token(layer: SplitLayer, layers: Float, micro_batches: Float, rest: Float = 0.0) -> SplitToken:
    """Return the time of an output token with its parts.

    Args:
        layer: one split layer
        layers: how many of them
        micro_batches: m, 1 or more
        rest: time per token outside the split layers [s]
    """
    attention = busy_time(layer.attention, micro_batches)
    free = layer_time(without_network(layer), micro_batches)
    return SplitToken(
        attention=layers * attention,
        ffn=layers * (free - attention),
        network=layers * (layer_time(layer, micro_batches) - free),
        rest=rest,
    )


def hidden_delay(layer: SplitLayer, micro_batches: Float) -> Float:
    """Return the delay of a crossing that m micro-batches hide in full [s]: half of what the loop leaves free under the busiest stage."""
    busy = sum(busy_time(s, micro_batches) for s in stages(layer)) / micro_batches
    return 0.5 * jnp.maximum(0.0, busiest(layer, micro_batches) - busy)


def best_micro_batches(layer: SplitLayer, most: int = 16) -> Float:
    """Return the number of micro-batches, 1 to `most`, with the shortest layer; the fewest of equal ones.

    Raises:
        SpecError: `most` is not a positive whole number.
    """
    if most < 1 or int(most) != most:
        raise SpecError(f"most={most}; expected a positive whole number")
    counts = jnp.asarray(np.arange(1.0, most + 1.0))
    times = jnp.broadcast_to(layer_time(layer, counts), counts.shape)
    # cutting further gains nothing below rounding
    good = times <= times.min() * (1.0 + 1e-12)
    return counts[jnp.argmax(good)]


def pool_balance(layer: SplitLayer, micro_batches: Float) -> Float:
    """Return the busy time of the feed-forward pool over that of the attention pool: at 1 neither waits for the other.

    Above 1 the feed-forward pool is too small: its busy time falls with the GPUs added to it, as far as it is not fixed.
    """
    return busy_time(layer.ffn, micro_batches) / busy_time(layer.attention, micro_batches)


def throughput_per_device(token: SplitToken, batch: Float, attention_devices: Float, ffn_devices: Float) -> Float:
    """Return output tokens per second and device of both pools [tok/s].

    Args:
        token: time of an output token
        batch: requests in flight, all micro-batches
        attention_devices, ffn_devices: how many serve that batch
    """
    return batch / (token.total * (attention_devices + ffn_devices))


__all__ = [
    "SplitLayer",
    "SplitToken",
    "StageCost",
    "best_micro_batches",
    "busiest",
    "busy_time",
    "crossing",
    "crossing_budget",
    "crossing_bytes",
    "crossing_total",
    "crossings",
    "hidden_delay",
    "holding_devices",
    "layer_time",
    "loop_time",
    "pool_balance",
    "split_token",
    "stages",
    "throughput_per_device",
    "without_network",
]
