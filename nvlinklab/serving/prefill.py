"""Reading one prompt: the time to its first token, as a sum of named parts.

Queueing, the wait for a slot and for the network of the front end, is not included; nor is the transfer of the cache to another pool.
Every attention replica reads a prompt of this length at the same time, so the experts are as loaded as in steady work; a lone prompt on an
idle system is faster. A prompt may be read in chunks, which read all weights and the cache so far again, and follow one another through
the pipeline. Chunks are counted as a real number, at least one, which errs fast by less than one chunk.

The one share `prefill_efficiency` was read off whole measured prefills (`request.prefill_gpu_time` is the arithmetic of this page alone),
so it contains uneven experts and some communication; adding communication errs slow. The memory traffic of activations is left out, which
errs fast.
"""

import jax.numpy as jnp

from nvlinklab._struct import Float, quantity, register_structs, struct
from nvlinklab.kernel.roofline import bound_time, hard_max
from nvlinklab.network.collectives import others
from nvlinklab.serving.decode import (
    Deployment,
    all_reduce_time,
    exchange_time,
    handover_time,
    kv_bytes_per_token,
    ports,
)
from nvlinklab.workload import layout as cut
from nvlinklab.workload.architecture import Architecture, attention_params, expert_params, moe_layers
from nvlinklab.workload.attention import pair_width
from nvlinklab.workload.feedforward import touched_experts


@struct
class Prefill:
    """Where the time of reading a prompt goes, over all layers [s].

    Attributes:
        projections: linear layers of the attention
        attention: scores and values, causal, and the cache that chunks read again
        experts: GEMMs of the experts and of dense blocks
        head: the output head, for the last token
        communication: to the experts and back, sums over `tp`, keys and values over `cp`, activations between stages
        fixed: time per layer and chunk that no size explains
    """

    projections: Float = quantity("s")
    attention: Float = quantity("s")
    experts: Float = quantity("s")
    head: Float = quantity("s")
    communication: Float = quantity("s")
    fixed: Float = quantity("s")


register_structs()


def total(p: Prefill) -> Float:
    """Return the time to the first token without queueing [s]: the sum of the parts."""
    return p.projections + p.attention + p.experts + p.head + p.communication + p.fixed


def prefill(a: Architecture, d: Deployment, isl: Float, hit_rate: Float = 0.0, chunk: Float = jnp.inf) -> Prefill:
    """Return the parts of the time from the start of a prompt to its first token.

    In a pipeline of pp stages m chunks take `(m + pp - 1) / (m pp)` of the time that the stages take one after the other (Huang et al.,
    GPipe, arXiv 1811.06965, section 2.3, with chunks for micro-batches).

    Args:
        a: the model
        d: how it runs
        isl: tokens of the prompt
        hit_rate: share of them found in the prefix cache, below 1: the last one never is
        chunk: most tokens of the prompt in one pass
    """
    return pipelined(a, d, one_after_another(a, d, isl, hit_rate, chunk), isl, hit_rate, chunk)


def pipelined(a: Architecture, d: Deployment, work: Prefill, isl: Float, hit_rate: Float = 0.0, chunk: Float = jnp.inf) -> Prefill:
    """Return the work of all stages as the chunks of one prompt overlap in it, handing over included: the second half of `prefill`.

    Args:
        work: what `one_after_another` returns
        a, d, isl, hit_rate, chunk: as for `prefill`
    """
    passes = chunks(isl, hit_rate, chunk)
    fill = (passes + d.pp - 1.0) / (passes * d.pp)
    handed = handover_time(d, (1.0 - hit_rate) * isl / passes / (d.tp * d.cp) * a.hidden * d.activation_bytes)
    return Prefill(
        projections=work.projections * fill, attention=work.attention * fill, experts=work.experts * fill, head=work.head,
        communication=work.communication * fill + handed, fixed=work.fixed * fill,
    )  # fmt: skip


def chunks(isl: Float, hit_rate: Float, chunk: Float) -> Float:
    """Return in how many passes a prompt is read, at least one; a real number, as prompts of many lengths have on average."""
    return jnp.maximum((1.0 - hit_rate) * isl / chunk, 1.0)


def gpu_time(a: Architecture, d: Deployment, isl: Float, hit_rate: Float = 0.0, chunk: Float = jnp.inf) -> Float:
    """Return the GPU time one prompt takes [GPU s]: that of all GPUs of its replica, each while its stage is at work.

    Prompts that follow one another keep a pipeline full, so its waiting is not counted, and neither is handing over, which overlaps with
    the work on other prompts.

    Args:
        a, d, isl, hit_rate, chunk: as for `prefill`
    """
    return busy_time(d, one_after_another(a, d, isl, hit_rate, chunk))


def busy_time(d: Deployment, work: Prefill) -> Float:
    """Return the GPU time of the work of all stages [GPU s]: every stage keeps the `tp * cp` GPUs of a replica busy."""
    return total(work) * d.tp * d.cp


def one_after_another(a: Architecture, d: Deployment, isl: Float, hit_rate: Float = 0.0, chunk: Float = jnp.inf) -> Prefill:
    """Return the work of all stages as if one followed the other, without handing over: `prefill` before it is pipelined.

    Args:
        a, d, isl, hit_rate, chunk: as for `prefill`
    """
    bw = d.system.gpu.mem_bw * d.mem_efficiency
    gemm, attend = d.flops * d.format_speedup * d.prefill_efficiency, d.attention_flops * d.prefill_efficiency
    mine, layers, sparse = cut.local(a, cut.Layout(tp=d.tp)), a.layers, moe_layers(a)
    reused, passes = hit_rate * isl, chunks(isl, hit_rate, chunk)
    new = (isl - reused) / d.cp
    tokens = new / d.tp

    def linear(params: Float, read: Float, rows: Float) -> Float:
        return hard_max(bound_time(2.0 * d.flop_unit * params * rows, passes * read * d.weight_bytes, gemm, bw))

    weights = layers * attention_params(mine)
    pairs = 0.5 * (isl * isl - reused * reused) / d.cp
    flop = layers * 2.0 * mine.heads * pair_width(a) * pairs * d.flop_unit
    # chunk i finds the reused prefix and i chunks: m r + n (m + 1) / 2 tokens in m chunks, all of which pass every context-parallel rank
    found = (passes * reused + 0.5 * (isl - reused) * (passes + 1.0)) * kv_bytes_per_token(a, d) / d.tp

    dense = 3.0 * a.hidden * mine.dense_intermediate * a.dense_layers
    touched = jnp.minimum(touched_experts(a, tokens / passes * d.ep), a.routed_experts) / d.ep
    routed = sparse * expert_params(a)
    chosen = routed * (a.top_k + a.shared_experts)
    read = routed * (touched + a.shared_experts) + dense
    return Prefill(
        projections=linear(weights, weights, new),
        attention=hard_max(bound_time(flop, found, attend, bw)),
        experts=linear(chosen / d.tp + dense, read, new),
        head=hard_max(bound_time(2.0 * d.flop_unit * mine.vocab * a.hidden, mine.vocab * a.hidden * d.weight_bytes, gemm, bw)),
        communication=passes * _communication(a, d, new / passes, found / passes),
        fixed=passes * layers * d.layer_time * d.prefill_launch,
    )


def _communication(a: Architecture, d: Deployment, rows: Float, cached: Float) -> Float:
    """Return the communication of one pass [s]: `rows` tokens on each context-parallel rank, `cached` bytes that go round these ranks."""
    layers, sparse = a.layers, moe_layers(a)
    uneven = 1.0 + d.imbalance * (1.0 - 1.0 / d.ep)
    copies = jnp.where(sparse > 0.0, a.top_k, 1.0)
    elements = uneven * rows / d.tp * a.hidden
    exchange = sparse * (exchange_time(d, elements * d.dispatch_bytes, copies) + exchange_time(d, elements * d.combine_bytes, copies))
    sums = (layers + a.dense_layers) * all_reduce_time(d, rows * a.hidden * d.activation_bytes, d.tp)
    return exchange + sums + _ring(d, cached, layers)


def _ring(d: Deployment, nbytes: Float, layers: Float) -> Float:
    """Return the time for keys and values to go round the context-parallel ranks [s], `nbytes` over all layers.

    A ring of `cp - 1` steps per layer (Liu et al., Ring Attention, arXiv 2310.01889); the slower network where the ring leaves the domain.
    """
    up, out = ports(d)
    inside = d.tp * d.cp <= d.system.domain
    alpha, bw = jnp.where(inside, up.alpha, jnp.maximum(up.alpha, out.alpha)), jnp.where(inside, up.bw, jnp.minimum(up.bw, out.bw))
    return layers * (d.cp - 1.0) * alpha + others(d.cp) * nbytes / bw
