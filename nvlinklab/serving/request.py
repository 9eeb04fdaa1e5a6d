"""A whole request, prompt included: the GPU time it takes and what that makes of the throughput per GPU.

Benchmarks of disaggregated serving divide by all GPUs, those that read prompts included. A request takes GPU time twice: once to read
its prompt, once to write its answer, so the rates add like resistors in series.
"""

from functools import partial

import jax
import jax.numpy as jnp

from nvlinklab._struct import Float, replace_path
from nvlinklab.serving.decode import Deployment, throughput_at
from nvlinklab.workload.architecture import Architecture, attention_params, expert_params, moe_layers

EXPERT_RANKS = (8.0, 16.0, 32.0, 64.0)
"""Expert-parallel degrees an operator chooses from."""


def active_params(a: Architecture) -> Float:
    """Return the weights a prompt token is multiplied with: everything but embedding and head, and of the routed experts only its own."""
    return a.layers * attention_params(a) + active_feedforward_params(a)


def active_feedforward_params(a: Architecture) -> Float:
    """Return the feed-forward weights one token meets in all layers: dense blocks, and of the experts the shared and its own."""
    dense = 3.0 * a.hidden * a.dense_intermediate * a.dense_layers
    return dense + moe_layers(a) * (a.top_k + a.shared_experts) * expert_params(a)


def prefill_attention_flop(a: Architecture, isl: Float) -> Float:
    """Return the FLOP of causal attention over a prompt, all layers: each token sees half of the prompt on average."""
    mla = a.attention == "mla"
    widths = a.qk_nope_head_dim + a.qk_rope_head_dim + a.v_head_dim if mla else 2.0 * a.head_dim
    return a.layers * 2.0 * a.heads * widths * isl * isl / 2.0


def prefill_gpu_time(a: Architecture, d: Deployment, isl: Float) -> Float:
    """Return the GPU time of reading one prompt of `isl` tokens [GPU s], bound by compute; no prefix is reused."""
    linear = 2.0 * d.flop_unit * active_params(a) * isl / (d.flops * d.format_speedup * d.prefill_efficiency)
    attention = d.flop_unit * prefill_attention_flop(a, isl) / (d.attention_flops * d.prefill_efficiency)
    return linear + attention


def answer_time(tpot: Float, osl: Float, ttft: Float = 0.0) -> Float:
    """Return the time from the question to the last token of its answer [s]: `ttft + (osl - 1) tpot`."""
    return ttft + (osl - 1.0) * tpot


def tool_share(tool_time: Float, answer: Float) -> Float:
    """Return the share of a turn that an agent's tools take on the CPU, when tools and model take turns.

    Args:
        tool_time: CPU time of the tools of one turn [s]
        answer: time of the model's answer in that turn [s]
    """
    return tool_time / (tool_time + answer)


def request_throughput(a: Architecture, d: Deployment, tpot: Float, isl: Float, osl: Float) -> Float:
    """Return output tokens per second and GPU over all GPUs, prefill and decode, at a time per output token.

    Args:
        a: the model
        d: how it runs, on both kinds of GPU
        tpot: time per output token [s] every user must get
        isl, osl: input and output tokens of a request; decode sees `isl + osl / 2` on average
    """
    decode = throughput_at(a, d, tpot, isl + 0.5 * osl)
    safe = jnp.where(decode > 0.0, decode, 1.0)
    return jnp.where(decode > 0.0, osl / (osl / safe + prefill_gpu_time(a, d, isl)), 0.0)


@partial(jax.jit, static_argnames="eps")
def best_throughput(a: Architecture, d: Deployment, tpot: Float, isl: Float, osl: Float, eps: tuple[float, ...] = EXPERT_RANKS) -> Float:
    """Return the best `request_throughput` over several expert-parallel degrees: an operator picks the layout for each interactivity."""
    return jax.vmap(lambda ep: request_throughput(a, replace_path(d, {"ep": ep}), tpot, isl, osl))(jnp.asarray(eps)).max(axis=0)
