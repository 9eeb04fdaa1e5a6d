"""One decode step as a sum of named parts, for dense models and mixtures of experts, under any layout of parallel ranks.

Layout: `tp * cp` GPUs hold a replica of the attention, `pp` stages share the layers, and the routed experts of a stage are spread over
`ep` of its GPUs. With all degrees but `ep` at 1 the attention is data-parallel: every rank holds its own requests, and each layer sends
every token to the ranks of its experts (dispatch) and back (combine). The cut is that of `workload.layout`: key-value heads are split
over `tp` until each rank holds one, the latent of MLA, routers and shared experts are held whole by every rank.

Batches count requests per GPU whatever the layout: a replica of `tp * cp * pp` GPUs holds as many times more, in `pp` micro-batches that
follow one another through the stages. So throughput per GPU is `batch / tpot` always, and a pipeline costs latency, not throughput.

Left out, all of which makes the model slow: overlap of communication with arithmetic (up to the smaller of both), reduction in the
switch, experts cut by `tp` (the nearest layout is `ep = tp`), projections cut by `cp`. Left out, which makes it fast: prefill
interference, host time outside the layers, waiting at pipeline stages of unequal length, and the activations' own memory traffic.
"""

import jax
import jax.numpy as jnp

from nvlinklab._math import increasing_root
from nvlinklab._struct import Float, nested, quantity, register_structs, struct
from nvlinklab.hardware.system import System
from nvlinklab.kernel.roofline import bound_time, hard_max
from nvlinklab.network import hierarchical
from nvlinklab.network.alphabeta import Link
from nvlinklab.network.collectives import collective
from nvlinklab.network.parts import Part
from nvlinklab.workload import layout as cut
from nvlinklab.workload.architecture import (
    Architecture,
    attention_flop_per_token,
    attention_params,
    expert_params,
    kv_elements_per_token,
    moe_layers,
)
from nvlinklab.workload.feedforward import touched_experts
from nvlinklab.workload.moe import remote_copies

SMALLEST_BATCH, LARGEST_BATCH = 0.01, 1e5
"""Where the search for the batch begins and ends [requests per GPU]; below one request a GPU, some ranks only serve experts."""


@struct
class Deployment:
    """How a model runs on a system.

    Attributes:
        system: accelerators and fabrics
        ep: ranks that share the routed experts
        tp, pp, cp: tensor-parallel ranks, pipeline stages, ranks that share the tokens of a request
        dp: replicas of the attention in a stage; never fewer than `ep` needs, so at 1 they are `ep / (tp * cp)`. It sets how many GPUs
            there are, and nothing that happens on one of them
        flops: peak GEMM rate in FP8 [FLOP/s]
        format_speedup: rate of the weights' number format over `flops`, as achieved
        attention_flops: peak rate of the attention kernel [FLOP/s]
        weight_bytes, kv_bytes: bytes of a weight and of a cached element, block scales included [B]
        dispatch_bytes, combine_bytes: bytes of an activation on its way to and from the experts [B]
        activation_bytes: bytes of an activation that is summed over `tp` or `cp`, or handed to the next stage [B]
        mem_efficiency, flops_efficiency, attention_efficiency: achieved share of memory bandwidth, GEMM and attention rate, in (0, 1]
        link_efficiency, scale_out_efficiency: achieved share of the scale-up and of the scale-out bandwidth, in (0, 1]
        imbalance: extra load of the busiest rank over the mean, at many ranks; none on one rank
        layer_time: time per layer that no size explains: kernel launches, synchronisation [s]
        usable_memory: share of the memory that weights and KV cache may fill
        query_tokens: tokens a request feeds through the model in one step (above 1: drafts to be verified)
        step_tokens: tokens a step yields for a request (above 1 with multi-token prediction)
        prefill_efficiency: achieved share of `flops` and `attention_flops` while a prompt is read
        prefill_launch: fixed time per layer of a prefill pass over `layer_time`; 6 to 14 measured where launches are not captured
        flop_unit: one floating-point operation; it carries the unit of every FLOP counted from shapes
    """

    system: System = nested()
    ep: Float = quantity("GPU")
    tp: Float = quantity("GPU", 1.0)
    pp: Float = quantity("GPU", 1.0)
    cp: Float = quantity("GPU", 1.0)
    dp: Float = quantity("GPU", 1.0)
    flops: Float = quantity("FLOP/s")
    format_speedup: Float = quantity("1", 1.0)
    attention_flops: Float = quantity("FLOP/s")
    weight_bytes: Float = quantity("B")
    kv_bytes: Float = quantity("B")
    dispatch_bytes: Float = quantity("B", 1.0)
    combine_bytes: Float = quantity("B", 2.0)
    activation_bytes: Float = quantity("B", 2.0)
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
    prefill_launch: Float = quantity("1", 1.0)
    flop_unit: Float = quantity("FLOP", 1.0)


@struct
class DecodeStep:
    """Where the time of one output token goes, over all layers [s].

    Attributes:
        attention: attention weights, KV cache reads and attention arithmetic
        experts: weights and GEMMs of the experts, of dense blocks and of the output head
        dispatch, combine: activations to the experts and back
        fixed: time per layer that no size explains
        all_reduce: sums over the tensor-parallel and context-parallel ranks; zero where there is one rank
        pipeline: activations handed from stage to stage; zero where there is one stage
    """

    attention: Float = quantity("s")
    experts: Float = quantity("s")
    dispatch: Float = quantity("s")
    combine: Float = quantity("s")
    fixed: Float = quantity("s")
    all_reduce: Float = quantity("s", 0.0)
    pipeline: Float = quantity("s", 0.0)


register_structs()


def total(step: DecodeStep) -> Float:
    """Return the time of the step [s]: the sum of the parts."""
    return step.attention + step.experts + step.dispatch + step.combine + step.fixed + step.all_reduce + step.pipeline


def decode_step(a: Architecture, d: Deployment, batch: Float, context: Float) -> DecodeStep:
    """Return the parts of one decode step, the way of a token through all stages.

    With T tokens per GPU, a replica works on `N = T tp cp` at a time. Each of its GPUs multiplies all N with its share of the weights, and
    meets its share of the heads (tp) and of the context (cp); it brings T of them to the experts. Two sums over `tp` per dense layer, one
    per layer with experts (Shoeybi et al., Megatron-LM, arXiv 1909.08053, section 3), and a sum of partial attention over `cp`.

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
    mine, layers, sparse = cut.local(a, cut.Layout(tp=d.tp)), a.layers, moe_layers(a)
    tokens = batch * d.query_tokens
    replica = tokens * d.tp * d.cp
    uneven = 1.0 + d.imbalance * (1.0 - 1.0 / d.ep)

    projections = layers * attention_params(mine)
    attention = hard_max(bound_time(2.0 * d.flop_unit * projections * replica, projections * d.weight_bytes, gemm, bw))
    kv = batch * context * kv_bytes_per_token(a, d)
    scores = layers * attention_flop_per_token(mine, context) * d.flop_unit * tokens * d.tp
    attention += hard_max(bound_time(scores, kv, attend, bw))

    touched = uneven * touched_experts(a, tokens * d.ep) / d.ep + a.shared_experts
    held = jnp.minimum(touched, a.routed_experts / d.ep + a.shared_experts)
    dense = 3.0 * a.hidden * mine.dense_intermediate * a.dense_layers + mine.vocab * a.hidden
    read = (sparse * held * expert_params(a) + dense) * d.weight_bytes
    routed = tokens * sparse * (uneven * a.top_k + a.shared_experts) * expert_params(a)
    experts = hard_max(bound_time(2.0 * d.flop_unit * (routed + replica * dense), read, gemm, bw))

    copies = jnp.where(sparse > 0.0, a.top_k, 1.0)
    dispatch = sparse * exchange_time(d, uneven * tokens * a.hidden * d.dispatch_bytes, copies)
    combine = sparse * exchange_time(d, uneven * tokens * a.hidden * d.combine_bytes, copies)
    sums = (layers + a.dense_layers) * all_reduce_time(d, replica * a.hidden * d.activation_bytes, d.tp)
    merges = layers * all_reduce_time(d, replica * attention_output(mine) * d.activation_bytes, d.cp, apart=d.tp)
    return DecodeStep(
        attention=attention, experts=experts, dispatch=dispatch, combine=combine, fixed=layers * d.layer_time,
        all_reduce=sums + merges, pipeline=handover_time(d, tokens * a.hidden * d.activation_bytes),
    )  # fmt: skip


def attention_output(a: Architecture) -> Float:
    """Return the elements of a token that attention yields before its last projection: all heads, for MLA each of the latent's width."""
    return a.heads * (a.kv_lora_rank if a.attention == "mla" else a.head_dim)


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


def ports(d: Deployment) -> tuple[Link, Link]:
    """Return what one GPU achieves inside the scale-up domain and on the scale-out network."""
    up, out = d.system.scale_up, d.system.scale_out
    return Link(alpha=up.alpha, bw=up.bw * d.link_efficiency), Link(alpha=out.alpha, bw=out.bw * d.scale_out_efficiency)


def all_reduce_time(d: Deployment, nbytes: Float, ranks: Float, apart: Float = 1.0) -> Float:
    """Return the time of one all-reduce [s]: the fastest algorithm within the domain, two levels beyond it. One rank is free.

    Reduction in the switch is not used, which makes large sums slow by less than 2. The latency is that of the system's exchange.

    Args:
        d: how the model runs
        nbytes: the vector that is summed [B]
        ranks: over how many
        apart: distance between two of them [GPU]; a domain holds that many fewer
    """
    up, out = ports(d)
    domain = jnp.maximum(d.system.domain / apart, 1.0)
    spread = hierarchical.all_reduce(hierarchical.Fabric(domain=domain, up=up, out=out), nbytes, ranks)
    flat: Part = collective("all_reduce", up, nbytes, ranks)
    return jnp.where(ranks <= domain, flat.total, spread.total)


def handover_time(d: Deployment, nbytes: Float) -> Float:
    """Return the time a token takes between the pipeline stages [s], each GPU sending `nbytes`; zero for one stage.

    Stages fill one domain after the other, so of `pp - 1` handovers one per further domain crosses the scale-out network. The way of the
    sampled token back to the first stage is left out: one message, which makes it fast.
    """
    up, out = ports(d)
    crossings = jnp.clip(stage_gpus(d) * d.pp / d.system.domain - 1.0, 0.0, d.pp - 1.0)
    return (d.pp - 1.0 - crossings) * (up.alpha + nbytes / up.bw) + crossings * (out.alpha + nbytes / out.bw)


def stage_gpus(d: Deployment) -> Float:
    """Return the GPUs of one pipeline stage: those of the attention replicas, at least as many as share the experts."""
    return jnp.maximum(d.tp * d.cp * d.dp, d.ep)


def gpus(d: Deployment) -> Float:
    """Return the GPUs of the whole deployment."""
    return stage_gpus(d) * d.pp


def layout(d: Deployment) -> cut.Layout:
    """Return the parallel degrees as `workload.layout` counts them, with as many replicas as the GPUs of a stage make."""
    return cut.Layout(tp=d.tp, pp=d.pp, ep=d.ep, cp=d.cp, dp=stage_gpus(d) / (d.tp * d.cp))


def kv_bytes_per_token(a: Architecture, d: Deployment) -> Float:
    """Return the cache one GPU holds for each token of each of its requests, copies on other ranks counted [B].

    A replica's requests are cut over its GPUs evenly, but beyond one rank per key-value head, and for the latent of MLA from two ranks
    on, `tp` ranks hold the same.
    """
    return kv_elements_per_token(cut.local(a, cut.Layout(tp=d.tp))) * d.tp * d.kv_bytes


def weight_bytes_per_gpu(a: Architecture, d: Deployment) -> Float:
    """Return the weights one GPU holds [B], the mean over pipeline stages: what is replicated, and its share of the rest."""
    return cut.total(cut.shard(a, layout(d))) * d.weight_bytes


def largest_batch(a: Architecture, d: Deployment, context: Float) -> Float:
    """Return how many requests of `context` tokens fit beside the weights, per GPU (0 where the weights do not fit)."""
    free = d.system.gpu.mem_capacity * d.usable_memory - weight_bytes_per_gpu(a, d)
    return jnp.maximum(free, 0.0) / (context * kv_bytes_per_token(a, d))


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
    log_batch = increasing_root(gap, jnp.log(SMALLEST_BATCH) * one, jnp.log(LARGEST_BATCH) * one)
    batch = jnp.minimum(jnp.exp(log_batch), largest_batch(a, d, context))
    step = total(decode_step(a, d, jnp.maximum(batch, 1e-12), context))
    reachable = jnp.less_equal(gap(jnp.log(SMALLEST_BATCH)), 0.0)
    return jnp.where(reachable, batch * d.step_tokens / step, 0.0)
