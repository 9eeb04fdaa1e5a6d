"""One attention layer as operators: projections and the core that meets the cache, in decode and in prefill.

All counts are those of one GPU that holds the whole layer; `layout.local` cuts an architecture first. Normalisation, rotary embedding and
softmax are left out: they are fused with their neighbours and add below 1 % of the operations.
"""

from nvlinklab._struct import Float, nested, register_structs, struct
from nvlinklab.workload.architecture import Architecture, attention_flop_per_token, kv_elements_per_token
from nvlinklab.workload.ops import Formats, Op, matmul


@struct
class AttentionOps:
    """One attention layer by part.

    Attributes:
        projections: linear layers from and to the residual stream
        core: scores and values against the cache
    """

    projections: Op = nested()
    core: Op = nested()


register_structs()


def total(ops: AttentionOps) -> Op:
    """Return the whole layer: the sum of the parts."""
    return ops.projections + ops.core


def decode(a: Architecture, batch: Float, context: Float, f: Formats, query_tokens: Float = 1.0) -> AttentionOps:
    """Return one attention layer of one decode step.

    Latent attention runs absorbed (DeepSeek-V2, arXiv 2405.04434, section 2.1.3): the up-projections of the cache move to the query and the
    output, every head meets the latent itself, and the cache is read once for all heads.

    Args:
        a: the model
        batch: requests
        context: cached tokens per request
        f: bytes per element
        query_tokens: tokens fed per request (above 1: drafts to be verified)
    """
    tokens = batch * query_tokens
    entry = kv_elements_per_token(a) / a.layers
    core = Op(
        flop=attention_flop_per_token(a, context) * f.flop * tokens,
        read=batch * context * entry * f.cache + tokens * _query_width(a, absorbed=True) * f.activation,
        written=tokens * (entry * f.cache + _output_width(a, absorbed=True) * f.activation),
    )
    return AttentionOps(projections=projections(a, tokens, f, absorbed=True), core=core)


def prefill(a: Architecture, prompts: Float, isl: Float, f: Formats, reused: Float = 0.0) -> AttentionOps:
    """Return one attention layer that reads prompts.

    Causal: the i-th new token meets the reused prefix and i tokens, `n p + n (n + 1) / 2` pairs, half of the square. Latent attention runs
    unabsorbed: keys and values are unfolded per head, which costs fewer operations per pair. The core reads queries, keys and values
    once (FlashAttention reads keys more than once when they outgrow the chip's own memory).

    Args:
        a: the model
        prompts: how many, read side by side
        isl: tokens of a prompt
        f: bytes per element
        reused: tokens of it that are cached already
    """
    new = isl - reused
    tokens, entry = prompts * new, kv_elements_per_token(a) / a.layers
    pairs = new * reused + 0.5 * new * (new + 1.0)
    core = Op(
        flop=2.0 * a.heads * pair_width(a) * pairs * prompts * f.flop,
        read=tokens * (_query_width(a, absorbed=False) + _key_value_width(a)) * f.activation + prompts * reused * entry * f.cache,
        written=tokens * (entry * f.cache + _output_width(a, absorbed=False) * f.activation),
    )
    return AttentionOps(projections=projections(a, tokens, f, absorbed=False), core=core)


def projections(a: Architecture, tokens: Float, f: Formats, absorbed: bool) -> Op:
    """Return the linear layers of one attention layer; their weights are those of `architecture.attention_params`.

    Args:
        a: the model
        tokens: rows
        f: bytes per element
        absorbed: whether latent attention folds its up-projections into query and output (decode) or unfolds the cache (prefill)
    """
    out = _output_width(a, absorbed=False)
    last = matmul(tokens, out, a.hidden, out * a.hidden, f)
    if a.attention != "mla":
        query, cache = a.heads * a.head_dim, 2.0 * a.kv_heads * a.head_dim
        return matmul(tokens, a.hidden, query + cache, a.hidden * (query + cache), f) + last
    query = a.heads * (a.qk_nope_head_dim + a.qk_rope_head_dim)
    first, second = a.q_lora_rank, a.kv_lora_rank + a.qk_rope_head_dim
    down = matmul(tokens, a.hidden, first + second, a.hidden * (first + second), f) + matmul(tokens, first, query, first * query, f)
    nope, value, latent = a.heads * a.qk_nope_head_dim, a.heads * a.v_head_dim, a.heads * a.kv_lora_rank
    if absorbed:
        up = matmul(tokens, nope, latent, nope * a.kv_lora_rank, f) + matmul(tokens, latent, value, value * a.kv_lora_rank, f)
    else:
        up = matmul(tokens, a.kv_lora_rank, nope + value, a.kv_lora_rank * (nope + value), f)
    return down + up + last


def pair_width(a: Architecture) -> Float:
    """Return the multiply-adds per head of one query meeting one key and its value, unabsorbed."""
    if a.attention == "mla":
        return a.qk_nope_head_dim + a.qk_rope_head_dim + a.v_head_dim
    return 2.0 * a.head_dim


def _query_width(a: Architecture, absorbed: bool) -> Float:
    if a.attention != "mla":
        return a.heads * a.head_dim
    return a.heads * ((a.kv_lora_rank if absorbed else a.qk_nope_head_dim) + a.qk_rope_head_dim)


def _output_width(a: Architecture, absorbed: bool) -> Float:
    if a.attention != "mla":
        return a.heads * a.head_dim
    return a.heads * (a.kv_lora_rank if absorbed else a.v_head_dim)


def _key_value_width(a: Architecture) -> Float:
    if a.attention != "mla":
        return 2.0 * a.kv_heads * a.head_dim
    return a.heads * (a.qk_nope_head_dim + a.v_head_dim) + a.qk_rope_head_dim
