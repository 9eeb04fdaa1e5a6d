"""Model architectures as floats: the shape that fixes parameters, FLOP and bytes."""

from collections.abc import Mapping
from typing import NamedTuple

from nvlinklab._struct import Float, leaf_units, quantity, register_structs, static, struct
from nvlinklab.errors import SpecError, did_you_mean
from nvlinklab.io.tables import Row, all_rows


@struct
class Architecture:
    """A decoder-only transformer; counts are floats so that they can be differentiated.

    Attributes:
        attention: `mla` or `gqa` (multi-head attention is gqa with as many KV heads as heads)
        layers, dense_layers: all layers, and those with a dense feed-forward block
        hidden, vocab: width of the residual stream, entries of the vocabulary
        heads, kv_heads, head_dim: attention shape (gqa)
        kv_lora_rank, q_lora_rank, qk_rope_head_dim, qk_nope_head_dim, v_head_dim: latent attention shape (mla)
        dense_intermediate: width of a dense feed-forward block
        routed_experts, shared_experts, top_k, moe_intermediate: mixture of experts (0 experts: dense)
        expert_matrices: projections of an expert: 3 with a gate (SwiGLU), 2 without
        mtp_layers: layers that predict further tokens (multi-token prediction), counted apart
        qk_norm, attention_bias, attention_sinks, router_bias, expert_bias: 1 where the model has these small weights, which only count
    """

    attention: str = static()
    layers: Float = quantity("layer")
    dense_layers: Float = quantity("layer", 0.0)
    hidden: Float = quantity("1")
    vocab: Float = quantity("1")
    heads: Float = quantity("1")
    kv_heads: Float = quantity("1", 0.0)
    head_dim: Float = quantity("1", 0.0)
    kv_lora_rank: Float = quantity("1", 0.0)
    q_lora_rank: Float = quantity("1", 0.0)
    qk_rope_head_dim: Float = quantity("1", 0.0)
    qk_nope_head_dim: Float = quantity("1", 0.0)
    v_head_dim: Float = quantity("1", 0.0)
    dense_intermediate: Float = quantity("1", 0.0)
    routed_experts: Float = quantity("expert", 0.0)
    shared_experts: Float = quantity("expert", 0.0)
    top_k: Float = quantity("expert", 0.0)
    moe_intermediate: Float = quantity("1", 0.0)
    expert_matrices: Float = quantity("1", 3.0)
    mtp_layers: Float = quantity("layer", 0.0)
    qk_norm: Float = quantity("1", 0.0)
    attention_bias: Float = quantity("1", 0.0)
    attention_sinks: Float = quantity("1", 0.0)
    router_bias: Float = quantity("1", 0.0)
    expert_bias: Float = quantity("1", 0.0)


register_structs()


class ModelRecord(NamedTuple):
    """An architecture with the rows it came from."""

    id: str
    spec: Architecture
    rows: Mapping[str, Row]


def models() -> tuple[str, ...]:
    """Return the ids of all models whose shape is complete enough to load.

    Models with sparse or linear attention, or norms across heads, are left out: `Architecture` has no words for them. The calibration
    knows their shapes.
    """
    rows = all_rows()
    ids = dict.fromkeys(r.id for r in rows.values() if r.quantity == "hidden")
    whole = (i for i in ids if all(f"{i}.{q}" in rows for q in ("layers", "heads", "vocab")))
    return tuple(i for i in whole if not any(f"{i}.{q}" in rows for q in ("index_top_k", "linear_layers", "qk_norm_width")))


def model(name: str) -> ModelRecord:
    """Return a model's architecture by id.

    Raises:
        SpecError: no such model, with the nearest names.

    >>> model("deepseek-v3").spec.top_k
    8.0
    """
    if name not in models():
        raise SpecError(f"no model is called {name!r}{did_you_mean(name, models())} There are: {', '.join(models())}")
    rows = all_rows()
    found = {leaf: rows[f"{name}.{leaf}"] for leaf in leaf_units(Architecture) if f"{name}.{leaf}" in rows}
    shape: dict[str, float] = {leaf: row.value for leaf, row in found.items()}
    attention = "mla" if shape.get("kv_lora_rank") else "gqa"
    if attention == "gqa":
        shape.setdefault("head_dim", shape["hidden"] / shape["heads"])
        shape.setdefault("kv_heads", shape["heads"])
    if not shape.get("routed_experts"):
        shape["dense_layers"] = shape["layers"]
    return ModelRecord(name, Architecture(attention=attention, **shape), found)


def expert_params(a: Architecture) -> Float:
    """Return the parameters of one routed expert in one layer: up and down projection, and a gate where there is one (SwiGLU)."""
    return a.expert_matrices * a.hidden * a.moe_intermediate


def moe_layers(a: Architecture) -> Float:
    """Return the number of layers with experts."""
    return a.layers - a.dense_layers


def kv_elements_per_token(a: Architecture) -> Float:
    """Return the cached elements per token over all layers: the latent and the rotary key (MLA), or keys and values (GQA, MHA)."""
    if a.attention == "mla":
        return a.layers * (a.kv_lora_rank + a.qk_rope_head_dim)
    return a.layers * 2.0 * a.kv_heads * a.head_dim


def attention_params(a: Architecture) -> Float:
    """Return the attention weights of one layer (DeepSeek-V2, arXiv 2405.04434, section 2.1, for MLA)."""
    if a.attention == "mla":
        query = a.hidden * a.q_lora_rank + a.q_lora_rank * a.heads * (a.qk_nope_head_dim + a.qk_rope_head_dim)
        latent = a.hidden * (a.kv_lora_rank + a.qk_rope_head_dim) + a.kv_lora_rank * a.heads * (a.qk_nope_head_dim + a.v_head_dim)
        return query + latent + a.heads * a.v_head_dim * a.hidden
    return 2.0 * a.hidden * a.heads * a.head_dim + 2.0 * a.hidden * a.kv_heads * a.head_dim


def attention_flop_per_token(a: Architecture, context: Float) -> Float:
    """Return the FLOP of one decode token's attention over `context` cached tokens in one layer, projections excluded.

    MLA in absorbed form: scores against latent and rotary key, values from the latent, for every head.
    """
    if a.attention == "mla":
        return 2.0 * a.heads * (2.0 * a.kv_lora_rank + a.qk_rope_head_dim) * context
    return 2.0 * a.heads * 2.0 * a.head_dim * context


def replicated_params(a: Architecture) -> Float:
    """Return the weights every rank holds under data-parallel attention: attention, dense blocks, shared experts, routers, embeddings."""
    per_layer = attention_params(a) * a.layers + 3.0 * a.hidden * a.dense_intermediate * a.dense_layers
    experts = moe_layers(a) * (a.shared_experts * expert_params(a) + a.hidden * a.routed_experts)
    return per_layer + experts + 2.0 * a.vocab * a.hidden


def routed_params(a: Architecture) -> Float:
    """Return the weights of all routed experts."""
    return moe_layers(a) * a.routed_experts * expert_params(a)


def matrix_params(a: Architecture) -> Float:
    """Return the weights of all matrices: what is read, multiplied and stored where size matters."""
    return replicated_params(a) + routed_params(a)


def small_params(a: Architecture) -> Float:
    """Return norms, biases and sinks: below 0.1 % of any model, too small to cost time, counted so that totals come out to the digit."""
    heads, norms = a.heads * a.head_dim, 2.0 * a.hidden
    if a.attention == "mla":
        attention = a.q_lora_rank + a.kv_lora_rank
    else:
        biases = a.attention_bias * (heads + 2.0 * a.kv_heads * a.head_dim + a.hidden)
        attention = biases + a.attention_sinks * a.heads + a.qk_norm * 2.0 * a.head_dim
    expert = a.expert_bias * (2.0 * a.moe_intermediate + a.hidden)
    experts = moe_layers(a) * ((a.routed_experts + a.shared_experts) * expert + a.router_bias * a.routed_experts)
    return a.layers * (attention + norms) + experts + a.hidden


def total_params(a: Architecture) -> Float:
    """Return all weights of the main model, both embeddings included, layers of multi-token prediction not."""
    return matrix_params(a) + small_params(a)


def mtp_params(a: Architecture) -> Float:
    """Return the weights of the multi-token-prediction layers beside the shared embedding and head (DeepSeek-V3, section 2.2).

    Each is a layer with experts, a projection of two hidden states to one, and three norms.
    """
    experts = (a.routed_experts + a.shared_experts) * expert_params(a) + a.hidden * a.routed_experts
    norms = a.q_lora_rank + a.kv_lora_rank + 5.0 * a.hidden
    return a.mtp_layers * (attention_params(a) + experts + norms + 2.0 * a.hidden * a.hidden)
