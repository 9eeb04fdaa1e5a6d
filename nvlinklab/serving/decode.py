"""One decode step of a mixture-of-experts model, as a sum of named parts.

Layout: attention is data-parallel (every rank holds its own requests), routed experts are spread over `ep` ranks, and each layer sends
every token to the ranks of its experts (dispatch) and back (combine). Nothing overlaps unless it is one operator; a real engine hides
part of the communication, which makes this model slow by up to the smaller of both, and it leaves out prefill interference,
host time outside the layers and uneven routing, which make it fast.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from nvlinklab._struct import nested, quantity, register_structs, struct
from nvlinklab.hardware.system import System
from nvlinklab.kernel.roofline import bound_time, hard_max
from nvlinklab.workload.architecture import (
    Architecture,
    attention_flop_per_token,
    attention_params,
    expert_params,
    kv_elements_per_token,
    moe_layers,
    replicated_params,
    routed_params,
)
from nvlinklab.workload.moe import distinct_experts, remote_copies


@struct
class Deployment:
    """How a model runs on a system.

    Attributes:
        system: accelerators and fabrics
        ep: ranks that share the routed experts
        flops: GEMM rate at the weights' precision [FLOP/s]
        attention_flops: rate of the attention kernel [FLOP/s]
        weight_bytes, kv_bytes: bytes of a weight and of a cached element, block scales included [B]
        dispatch_bytes, combine_bytes: bytes of an activation on its way to and from the experts [B]
        mem_efficiency, link_efficiency, flops_efficiency: achieved share of each peak, in (0, 1]
        layer_time: time per layer that no size explains: kernel launches, synchronisation [s]
        usable_memory: share of the memory that weights and KV cache may fill
    """

    system: System = nested()
    ep: ArrayLike = quantity("GPU")
    flops: ArrayLike = quantity("FLOP/s")
    attention_flops: ArrayLike = quantity("FLOP/s")
    weight_bytes: ArrayLike = quantity("B")
    kv_bytes: ArrayLike = quantity("B")
    dispatch_bytes: ArrayLike = quantity("B", 1.0)
    combine_bytes: ArrayLike = quantity("B", 2.0)
    mem_efficiency: ArrayLike = quantity("1", 1.0)
    link_efficiency: ArrayLike = quantity("1", 1.0)
    flops_efficiency: ArrayLike = quantity("1", 1.0)
    layer_time: ArrayLike = quantity("s", 0.0)
    usable_memory: ArrayLike = quantity("1", 0.9)


@struct
class DecodeStep:
    """Where the time of one output token goes, over all layers [s].

    Attributes:
        attention: attention weights, KV cache reads and attention arithmetic
        experts: weights and GEMMs of the experts (and dense blocks)
        dispatch, combine: activations to the experts and back
        fixed: time per layer that no size explains
    """

    attention: ArrayLike = quantity("s")
    experts: ArrayLike = quantity("s")
    dispatch: ArrayLike = quantity("s")
    combine: ArrayLike = quantity("s")
    fixed: ArrayLike = quantity("s")


register_structs()


def total(step: DecodeStep) -> ArrayLike:
    """Return the time per output token [s]: the sum of the parts."""
    return step.attention + step.experts + step.dispatch + step.combine + step.fixed


def decode_step(a: Architecture, d: Deployment, batch: ArrayLike, context: ArrayLike) -> DecodeStep:
    """Return the parts of one decode step.

    Args:
        a: the model
        d: how it runs
        batch: requests in flight per GPU, one token each
        context: cached tokens per request

    Returns:
        a `DecodeStep`; `total` of it is TPOT without queueing [s]
    """
    gpu = d.system.gpu
    bw, gemm, attend = gpu.mem_bw * d.mem_efficiency, d.flops * d.flops_efficiency, d.attention_flops * d.flops_efficiency
    layers, sparse = a.layers, moe_layers(a)

    kv = batch * context * kv_elements_per_token(a) * d.kv_bytes
    projections = layers * attention_params(a)
    attention = hard_max(bound_time(0.0, projections * d.weight_bytes, gemm, bw))
    attention += 2.0 * projections * batch / gemm
    attention += hard_max(bound_time(layers * attention_flop_per_token(a, context) * batch, kv, attend, bw))

    touched = distinct_experts(batch * d.ep, a.routed_experts, a.top_k) / d.ep + a.shared_experts
    dense = 3.0 * a.hidden * a.dense_intermediate * a.dense_layers + a.vocab * a.hidden
    read = (sparse * touched * expert_params(a) + dense) * d.weight_bytes
    flop = 2.0 * batch * (sparse * (a.top_k + a.shared_experts) * expert_params(a) + dense)
    experts = hard_max(bound_time(flop, read, gemm, bw))

    dispatch = sparse * exchange_time(d, batch * a.hidden * d.dispatch_bytes, a.top_k)
    combine = sparse * exchange_time(d, batch * a.hidden * d.combine_bytes, a.top_k)
    return DecodeStep(attention=attention, experts=experts, dispatch=dispatch, combine=combine, fixed=layers * d.layer_time)


def exchange_time(d: Deployment, nbytes: ArrayLike, top_k: ArrayLike) -> ArrayLike:
    """Return the time of one all-to-all [s] in which each rank sends `nbytes` to each remote rank its tokens need.

    Ranks beyond the scale-up domain are reached over the scale-out network; both fabrics work side by side, so the slower one counts.
    One rank alone sends nothing.
    """
    up, out = d.system.scale_up, d.system.scale_out
    outside = jnp.maximum(0.0, 1.0 - d.system.domain / d.ep)
    copies = remote_copies(top_k, d.ep)
    local = up.alpha + copies * (1.0 - outside) * nbytes / (up.bw * d.link_efficiency)
    remote = jnp.where(outside > 0.0, out.alpha + copies * outside * nbytes / (out.bw * d.link_efficiency), 0.0)
    return jnp.where(d.ep > 1.0, jnp.maximum(local, remote), 0.0)


def weight_bytes_per_gpu(a: Architecture, d: Deployment) -> ArrayLike:
    """Return the weights one GPU holds [B]: everything replicated, and its share of the routed experts."""
    return (replicated_params(a) + routed_params(a) / d.ep) * d.weight_bytes


def largest_batch(a: Architecture, d: Deployment, context: ArrayLike) -> ArrayLike:
    """Return how many requests of `context` tokens fit beside the weights of one GPU (0 where the weights do not fit)."""
    free = d.system.gpu.mem_capacity * d.usable_memory - weight_bytes_per_gpu(a, d)
    return jnp.maximum(free, 0.0) / (context * kv_elements_per_token(a) * d.kv_bytes)


@jax.jit
def throughput_at(a: Architecture, d: Deployment, tpot: ArrayLike, context: ArrayLike, tokens_per_step: ArrayLike = 1.0) -> ArrayLike:
    """Return output tokens per second and GPU at a given time per output token.

    The batch is the largest that keeps the step within `tpot * tokens_per_step`, but no more than the memory holds. Zero where even a
    single request on every hundredth GPU is too slow: that interactivity cannot be reached.

    Args:
        tpot: time per output token [s] every user must get
        context: cached tokens per request
        tokens_per_step: output tokens a step yields (above 1 with multi-token prediction)
    """
    budget = tpot * tokens_per_step

    def gap(log_batch: ArrayLike) -> ArrayLike:
        return jnp.log(total(decode_step(a, d, jnp.exp(log_batch), context)) / budget)

    one = jnp.ones_like(gap(0.0))
    log_batch = _increasing_root(gap, jnp.log(0.01) * one, jnp.log(1e5) * one)
    batch = jnp.minimum(jnp.exp(log_batch), largest_batch(a, d, context))
    step = total(decode_step(a, d, jnp.maximum(batch, 1e-12), context))
    reachable = gap(jnp.log(0.01)) <= 0.0
    return jnp.where(reachable, batch * tokens_per_step / step, 0.0)


def _increasing_root(gap, low, high):
    """Return where an increasing function crosses zero, by 60 bisections; differentiable by the implicit function theorem."""

    def solve(function, _):
        def halve(_, ends):
            a, b = ends
            middle = 0.5 * (a + b)
            above = function(middle) > 0.0
            return jnp.where(above, a, middle), jnp.where(above, middle, b)

        a, b = jax.lax.fori_loop(0, 60, halve, (low, high))
        return 0.5 * (a + b)

    return jax.lax.custom_root(gap, low, solve, lambda slope, y: y / slope(jnp.ones_like(y)))
