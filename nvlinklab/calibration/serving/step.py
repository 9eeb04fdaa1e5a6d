"""One decode step and one prefill pass of a worker, as sums of parts.

A worker of g GPUs either shards its attention over all of them (tensor parallelism) or gives each its own requests (data-parallel
attention); its experts are spread over all g, `ep` ways by expert and the rest by width. Every part is a roofline of what it reads and
multiplies; communication joins latency and transfer; fixed time adds, counted in kernels. Weights of dense parts, of experts and of the
cache reach different shares of the bandwidth, and so do number formats.

Left out: overlap of communication with arithmetic (makes it slow), stages of unequal length, activations' own traffic (makes it fast).
"""

import jax.numpy as jnp

from nvlinklab._struct import Float
from nvlinklab.calibration.serving.deployments import ENGINES, Case, Pool
from nvlinklab.calibration.serving.shapes import (
    EXPERT_KERNELS,
    INDEX_KERNELS,
    LINEAR_KERNELS,
    NORMS,
    SHARED_EXPERT_KERNELS,
    SWIGLU,
    Shape,
)

Values = dict[str, Float]
TINY = 1e-12
ROOFLINE_EXPONENT = 2.0
EMULATED_FP4_RATE = 0.9
"""Rate of four-bit weights over FP8 on GPUs without FP4 arithmetic: they are widened on the way."""


def join(p: Float, *times: Float) -> Float:
    """Return the p-norm of times [s]: 1 adds them, below 1 adds more, above 1 approaches the largest."""
    return sum((t + TINY) ** p for t in times) ** (1.0 / p)


def by_engine(q: Values, name: str, c: Case) -> Float:
    """Return an engine's own parameter, or the mean over engines where the engine is not known."""
    return sum(getattr(c, e) * q[f"{name}_{e}"] for e in ENGINES)


def on_hopper(q: Values, name: str, c: Case) -> Float:
    """Return a parameter with its Hopper ratio applied where the GPU is one; a share stays at most 1."""
    value = q[name] * jnp.where(c.gpu.hopper > 0, q[f"{name}_hopper"], 1.0)
    return jnp.minimum(value, 1.0) if name.endswith("efficiency") else value


def kernel_time(q: Values, c: Case) -> Float:
    """Return the time of one kernel in a decode step of an aggregated worker [s]."""
    own = q["kernel_time"] * by_engine(q, "kernel_time", c) * jnp.where(c.gpu.hopper > 0, q["kernel_time_hopper"], 1.0)
    return own * jnp.where(c.four_bit > 0, by_engine(q, "kernel_time_fp4", c), 1.0)


def kernels(q: Values, s: Shape) -> Float:
    """Return the kernels of a step, in units of a kernel of GQA attention."""
    attention = s.attention_kernels * jnp.where(s.mla > 0, q["mla_kernels"], 1.0) + s.sparse * INDEX_KERNELS * q["index_kernels"]
    shared = SHARED_EXPERT_KERNELS * jnp.minimum(s.shared_experts, 1.0)
    return (
        NORMS * s.layers + s.full_layers * attention + s.linear_layers * LINEAR_KERNELS * q["linear_kernels"]
        + s.dense_layers * SWIGLU * q["dense_kernels"] + s.moe_layers * (EXPERT_KERNELS * q["expert_kernels"] + shared)
    )  # fmt: skip


def _format(q: Values, c: Case, nbytes: Float) -> tuple[Float, Float]:
    """Return, for weights of `nbytes` each, the share of bandwidth over that of wider ones, and the GEMM peak [FLOP/s]."""
    four = nbytes < 0.9
    native = c.gpu.native_fp4 > 0
    fp4 = jnp.where(native, c.gpu.flops_fp4 * q["fp4_flops_efficiency"], c.gpu.flops_fp8 * EMULATED_FP4_RATE)
    rate = jnp.where(four, fp4, jnp.where(nbytes > 1.5, c.gpu.flops_bf16, c.gpu.flops_fp8))
    return jnp.where(four, q["dense_fp4_efficiency"], 1.0), rate


def dense_time(q: Values, c: Case, weights: Float, nbytes: Float, tokens: Float) -> Float:
    """Return the time of GEMMs that read `weights` weights of `nbytes` on a rank and multiply them with `tokens` tokens [s]."""
    share, rate = _format(q, c, nbytes)
    reading = weights * nbytes / (c.gpu.mem_bw * on_hopper(q, "mem_efficiency", c) * share)
    return join(ROOFLINE_EXPONENT, reading, 2.0 * weights * tokens / (rate * on_hopper(q, "flops_efficiency", c)))


def projections_time(q: Values, c: Case, tokens: Float, tp: Float) -> Float:
    """Return the time of all projections and dense blocks over `tokens` tokens of a rank, sharded over `tp` [s]."""
    s = c.shape
    qkv = (s.qkv - s.replicated_qkv) / tp + s.replicated_qkv
    parts = ((qkv, s.qkv_bytes), (s.output / tp, s.output_bytes), (s.linear / tp, s.linear_bytes), (s.dense / tp, s.dense_bytes))
    return sum(dense_time(q, c, w, b, tokens) for w, b in (*parts, (s.shared / tp, s.shared_bytes)))


def touched(s: Shape, tokens: Float) -> Float:
    """Return the expected number of distinct routed experts that `tokens` tokens touch in a layer."""
    share = jnp.minimum(s.top_k / s.experts, 0.999)
    return s.experts * -jnp.expm1(tokens * jnp.log1p(-share))


def experts_time(q: Values, c: Case, tokens: Float, pool: Pool, already: Float = 0.0) -> Float:
    """Return the time of the routed experts of a rank for the worker's `tokens` tokens [s].

    Args:
        q: the parameters
        c: the case
        tokens: of the whole worker
        pool: the worker's layout
        already: experts whose weights another batch in the same pass reads anyway
    """
    s = c.shape
    _, rate = _format(q, c, s.expert_bytes)
    four = jnp.where(c.gpu.native_fp4 > 0, q["expert_fp4_efficiency"], q["expert_fp4_efficiency_emulated"])
    share = on_hopper(q, "expert_mem_efficiency", c) * jnp.where(s.expert_bytes < 0.9, four, 1.0)
    more = jnp.maximum(touched(s, tokens) - already, 0.0)
    reading = s.moe_layers * more * s.expert * s.expert_bytes / pool.gpus / (c.gpu.mem_bw * share)
    uneven = 1.0 + q["imbalance"] * (1.0 - 1.0 / pool.ep)
    flop = 2.0 * s.moe_layers * tokens * s.top_k * s.expert / pool.gpus * uneven
    time = join(ROOFLINE_EXPONENT, reading, flop / (rate * on_hopper(q, "flops_efficiency", c)))
    return jnp.where(s.moe_layers > 0, time, 0.0)


def communication_time(q: Values, c: Case, tokens: Float, pool: Pool, prompt: bool) -> Float:
    """Return the time of all exchanges of a pass over the worker's `tokens` tokens [s].

    Sharded attention sums twice per layer over all GPUs; data-parallel attention sends tokens to their experts and back, or, where
    experts are cut by width, gathers and scatters all tokens. Beyond the NVLink domain the share `(g - domain) / (g - 1)` of the bytes
    crosses the network.
    """
    s, g = c.shape, pool.gpus
    outside = jnp.where(g > c.gpu.domain, (g - c.gpu.domain) / jnp.maximum(g - 1.0, 1.0), 0.0)
    network = c.gpu.scale_out_bw * q["scale_out_efficiency"]
    beyond = jnp.where(outside > 0, q["scale_out_latency"], 0.0)

    ring = 2.0 * (g - 1.0) / g * tokens * s.hidden * 2.0
    share = q["prompt_reduce_efficiency" if prompt else "all_reduce_efficiency"]
    transfer = ring * (1.0 - outside) / (c.gpu.link_bw * share) + ring * outside / c.gpu.domain / network
    latency = q["reduce_latency"] * by_engine(q, "reduce_latency", c) * jnp.where(c.gpu.hopper > 0, q["reduce_latency_hopper"], 1.0)
    latency = latency * (1.0 + q["reduce_latency_growth"] * jnp.maximum(g - 2.0, 0.0)) + beyond
    reduce = latency + transfer if prompt else join(q["reduce_exponent"], latency, transfer)

    mine = tokens / g * s.hidden
    width = jnp.maximum(pool.ep, 1.0)
    copies = (width - 1.0) * -jnp.expm1(s.top_k * jnp.log1p(-jnp.minimum(1.0 / width, 0.999)))
    dispatched = mine * copies * (1.0 + q["imbalance"] * (1.0 - 1.0 / width)) * 3.0  # one byte out, two back
    gathered = mine * (g - 1.0) * 4.0
    nbytes = jnp.where(pool.ep > 1, dispatched, gathered)
    exchange = 2.0 * (q["exchange_latency"] + beyond) + nbytes * (1.0 - outside) / (c.gpu.link_bw * q["exchange_efficiency"])
    exchange = exchange + nbytes * outside / network

    time = jnp.where(pool.dp_attention > 0, s.moe_layers * exchange, 2.0 * s.layers * reduce)
    return jnp.where(g > 1, time, 0.0)


def cache(s: Shape, context: Float) -> tuple[Float, Float]:
    """Return what one sequence's token reads of its cache [B], and its attention's FLOP, over all layers at `context` cached tokens."""
    limited = jnp.where(s.index_top_k > 0, jnp.minimum(context, s.index_top_k), context)
    window = jnp.where(s.window > 0, jnp.minimum(context, s.window), context)
    seen = (s.full_layers - s.windowed_layers) * limited + s.windowed_layers * window
    index = s.full_layers * context
    return seen * s.cached * s.kv_bytes + index * s.index_cached + 2.0 * s.state, seen * s.decode_flop + index * s.index_flop


def decode_step(q: Values, c: Case, running: Float) -> Float:
    """Return the time of one decode step of a worker with `running` sequences [s]."""
    s, pool = c.shape, c.decode
    parallel = pool.dp_attention > 0
    tp = jnp.where(parallel, 1.0, pool.gpus)
    own = jnp.maximum(jnp.where(parallel, running / pool.gpus, running), jnp.minimum(1.0, running))
    read, flop = cache(s, c.isl + 0.5 * c.osl)
    attention = join(
        ROOFLINE_EXPONENT,
        own * read / jnp.minimum(tp, jnp.maximum(s.kv_heads, 1.0)) / (c.gpu.mem_bw * on_hopper(q, "kv_efficiency", c)),
        own * flop / tp / (c.gpu.flops_bf16 * q["attention_efficiency"]),
    )
    weights = projections_time(q, c, own, tp) + dense_time(q, c, s.head / tp, s.head_bytes, own)
    fixed = kernels(q, s) * kernel_time(q, c) * jnp.where(c.aggregated > 0, 1.0, q["kernel_time_disaggregated"])
    fixed = fixed * jnp.where(parallel, q["kernel_time_dp_attention"], 1.0)
    host = q["step_time"] + q["sequence_time"] * by_engine(q, "sequence_time", c) * own
    return weights + attention + experts_time(q, c, running, pool) + communication_time(q, c, running, pool, prompt=False) + fixed + host


def prefill_pass(q: Values, c: Case, pool: Pool, prompts: Float, already: Float = 0.0) -> Float:
    """Return the time in which a worker reads one prompt, or `prompts` side by side on ranks with data-parallel attention [s].

    Args:
        q: the parameters
        c: the case; its `isl` is the prompt's length
        pool: the worker's layout
        prompts: how many ranks read one each; 1 where attention is sharded
        already: experts whose weights decode reads in the same pass
    """
    s = c.shape
    parallel = pool.dp_attention > 0
    tp = jnp.where(parallel, 1.0, pool.gpus)
    half = 0.5 * c.isl
    limited = jnp.where(s.index_top_k > 0, jnp.minimum(half, s.index_top_k), half)
    window = jnp.where(s.window > 0, jnp.minimum(half, s.window), half)
    pairs = (s.full_layers - s.windowed_layers) * limited + s.windowed_layers * window
    flop = c.isl * (pairs * s.prefill_flop + s.full_layers * half * s.index_flop)
    attention = flop / tp / (c.gpu.flops_bf16 * q["attention_efficiency"])
    tokens = c.isl * jnp.where(parallel, prompts, 1.0)
    work = projections_time(q, c, c.isl, tp) + attention + experts_time(q, c, tokens, pool, already)
    return work / by_engine(q, "prefill_speed", c) + communication_time(q, c, tokens, pool, prompt=True)


def prefill_fixed(q: Values, c: Case) -> Float:
    """Return the time of a prefill pass that no size explains: launches that are not captured [s]."""
    return q["prefill_launch"] * by_engine(q, "prefill_launch", c) * kernels(q, c.shape) * kernel_time(q, c)
