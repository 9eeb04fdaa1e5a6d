"""One decode step of a mixture-of-experts model, as a sum of named parts.

Layout: attention is data-parallel (every rank holds its own requests), routed experts are spread over `ep` ranks, and each layer sends
every token to the ranks of its experts (dispatch) and back (combine). Nothing overlaps unless it is one operator; a real engine hides
part of the communication, which makes this model slow by up to the smaller of both. Tensor-parallel attention, which serves few users
faster, is left out and makes it slow too; prefill interference and host time outside the layers are left out and make it fast.
"""

import jax
import jax.numpy as jnp

from nvlinklab._struct import Float, nested, quantity, register_structs, struct
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

SMALLEST_BATCH, LARGEST_BATCH = 0.01, 1e5
"""Where the search for the batch begins and ends [requests per GPU]; below one request a GPU, some ranks only serve experts."""


@struct
class Deployment:
    """How a model runs on a system.

    Attributes:
        system: accelerators and fabrics
        ep: ranks that share the routed experts
        flops: peak GEMM rate in FP8 [FLOP/s]
        format_speedup: rate of the weights' number format over `flops`, as achieved
        attention_flops: peak rate of the attention kernel [FLOP/s]
        weight_bytes, kv_bytes: bytes of a weight and of a cached element, block scales included [B]
        dispatch_bytes, combine_bytes: bytes of an activation on its way to and from the experts [B]
        mem_efficiency, flops_efficiency, attention_efficiency: achieved share of memory bandwidth, GEMM and attention rate, in (0, 1]
        link_efficiency, scale_out_efficiency: achieved share of the scale-up and of the scale-out bandwidth, in (0, 1]
        imbalance: extra load of the busiest rank over the mean, at many ranks; none on one rank
        layer_time: time per layer that no size explains: kernel launches, synchronisation [s]
        usable_memory: share of the memory that weights and KV cache may fill
        query_tokens: tokens a request feeds through the model in one step (above 1: drafts to be verified)
        step_tokens: tokens a step yields for a request (above 1 with multi-token prediction)
        prefill_efficiency: achieved share of `flops` and `attention_flops` while a prompt is read
        flop_unit: one floating-point operation; it carries the unit of every FLOP counted from shapes
    """

    system: System = nested()
    ep: Float = quantity("GPU")
    flops: Float = quantity("FLOP/s")
    format_speedup: Float = quantity("1", 1.0)
    attention_flops: Float = quantity("FLOP/s")
    weight_bytes: Float = quantity("B")
    kv_bytes: Float = quantity("B")
    dispatch_bytes: Float = quantity("B", 1.0)
    combine_bytes: Float = quantity("B", 2.0)
    mem_efficiency: Float = quantity("1", 1.0)
    flops_efficiency: Float = quantity("1", 1.0)
    attention_efficiency: Float = quantity("1", 1.0)
    link_efficiency: Float = quantity("1", 1.0)
    scale_out_efficiency: Float = quantity("1", 1.0)
    imbalance: Float = quantity("1", 0.0)
    layer_time: Float = quantity("s", 0.0)
    usable_memory: Float = quantity("1", 0.9)
    query_tokens: Float = quantity("token", 1.0)
    step_tokens: Float = quantity("token", 1.0)
    prefill_efficiency: Float = quantity("1", 1.0)
    flop_unit: Float = quantity("FLOP", 1.0)


@struct
class DecodeStep:
    """Where the time of one output token goes, over all layers [s].

    Attributes:
        attention: attention weights, KV cache reads and attention arithmetic
        experts: weights and GEMMs of the experts (and dense blocks)
        dispatch, combine: activations to the experts and back
        fixed: time per layer that no size explains
    """

    attention: Float = quantity("s")
    experts: Float = quantity("s")
    dispatch: Float = quantity("s")
    combine: Float = quantity("s")
    fixed: Float = quantity("s")


register_structs()


def total(step: DecodeStep) -> Float:
    """Return the time of the step [s]: the sum of the parts."""
    return step.attention + step.experts + step.dispatch + step.combine + step.fixed


def decode_step(a: Architecture, d: Deployment, batch: Float, context: Float) -> DecodeStep:
    """Return the parts of one decode step.

    Args:
        a: the model
        d: how it runs
        batch: requests in flight per GPU
        context: cached tokens per request

    Returns:
        a `DecodeStep`; `total` of it is TPOT without queueing [s], times the tokens a step yields
    """
    bw = d.system.gpu.mem_bw * d.mem_efficiency
    gemm, attend = d.flops * d.format_speedup * d.flops_efficiency, d.attention_flops * d.attention_efficiency
    layers, sparse = a.layers, moe_layers(a)
    tokens = batch * d.query_tokens
    uneven = 1.0 + d.imbalance * (1.0 - 1.0 / d.ep)

    projections = layers * attention_params(a)
    attention = hard_max(bound_time(2.0 * d.flop_unit * projections * tokens, projections * d.weight_bytes, gemm, bw))
    kv = batch * context * kv_elements_per_token(a) * d.kv_bytes
    scores = layers * attention_flop_per_token(a, context) * d.flop_unit * tokens
    attention += hard_max(bound_time(scores, kv, attend, bw))

    touched = uneven * distinct_experts(tokens * d.ep, a.routed_experts, a.top_k) / d.ep + a.shared_experts
    dense = 3.0 * a.hidden * a.dense_intermediate * a.dense_layers + a.vocab * a.hidden
    read = (sparse * jnp.minimum(touched, a.routed_experts / d.ep + a.shared_experts) * expert_params(a) + dense) * d.weight_bytes
    flop = 2.0 * d.flop_unit * tokens * (sparse * (uneven * a.top_k + a.shared_experts) * expert_params(a) + dense)
    experts = hard_max(bound_time(flop, read, gemm, bw))

    dispatch = sparse * exchange_time(d, uneven * tokens * a.hidden * d.dispatch_bytes, a.top_k)
    combine = sparse * exchange_time(d, uneven * tokens * a.hidden * d.combine_bytes, a.top_k)
    return DecodeStep(attention=attention, experts=experts, dispatch=dispatch, combine=combine, fixed=layers * d.layer_time)


def exchange_time(d: Deployment, nbytes: Float, top_k: Float) -> Float:
    """Return the time of one all-to-all [s] in which each rank sends `nbytes` to each remote rank its tokens need.

    Ranks beyond the scale-up domain are reached over the scale-out network; both fabrics work side by side, so the slower one counts.
    One rank alone sends nothing.
    """
    up, out = d.system.scale_up, d.system.scale_out
    outside = jnp.maximum(0.0, 1.0 - d.system.domain / d.ep)
    copies = remote_copies(top_k, d.ep)
    local = up.alpha + copies * (1.0 - outside) * nbytes / (up.bw * d.link_efficiency)
    remote = jnp.where(outside > 0.0, out.alpha + copies * outside * nbytes / (out.bw * d.scale_out_efficiency), 0.0)
    return jnp.where(jnp.greater(d.ep, 1.0), jnp.maximum(local, remote), 0.0)


def weight_bytes_per_gpu(a: Architecture, d: Deployment) -> Float:
    """Return the weights one GPU holds [B]: everything replicated, and its share of the routed experts."""
    return (replicated_params(a) + routed_params(a) / d.ep) * d.weight_bytes


def largest_batch(a: Architecture, d: Deployment, context: Float) -> Float:
    """Return how many requests of `context` tokens fit beside the weights of one GPU (0 where the weights do not fit)."""
    free = d.system.gpu.mem_capacity * d.usable_memory - weight_bytes_per_gpu(a, d)
    return jnp.maximum(free, 0.0) / (context * kv_elements_per_token(a) * d.kv_bytes)


def fastest(a: Architecture, d: Deployment, context: Float) -> Float:
    """Return the highest interactivity [tok/s per user] the deployment reaches: its step with next to nothing to do."""
    return d.step_tokens / total(decode_step(a, d, SMALLEST_BATCH, context))


@jax.jit
def throughput_at(a: Architecture, d: Deployment, tpot: Float, context: Float) -> Float:
    """Return output tokens per second and GPU at a given time per output token.

    The batch is the largest that keeps the step within `tpot * step_tokens`, but no more than the memory holds. Zero where even a
    single request on every hundredth GPU is too slow: that interactivity cannot be reached.

    Args:
        a: the model
        d: how it runs
        tpot: time per output token [s] every user must get
        context: cached tokens per request
    """
    budget = tpot * d.step_tokens

    def gap(log_batch: Float) -> Float:
        return jnp.log(total(decode_step(a, d, jnp.exp(log_batch), context)) / budget)

    one = jnp.ones_like(gap(0.0))
    log_batch = _increasing_root(gap, jnp.log(SMALLEST_BATCH) * one, jnp.log(LARGEST_BATCH) * one)
    batch = jnp.minimum(jnp.exp(log_batch), largest_batch(a, d, context))
    step = total(decode_step(a, d, jnp.maximum(batch, 1e-12), context))
    reachable = jnp.less_equal(gap(jnp.log(SMALLEST_BATCH)), 0.0)
    return jnp.where(reachable, batch * d.step_tokens / step, 0.0)


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
