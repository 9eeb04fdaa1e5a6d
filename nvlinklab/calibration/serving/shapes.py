"""What a step of a measured model reads, multiplies and sends, by number format of the checkpoint.

`workload.architecture` describes dense and expert models with full attention. Measured models also have sparse attention with an indexer
(GLM-5), linear attention in most layers (Qwen3.5) and windows (gpt-oss), so their shapes are read here from the same data rows. Kernels are
counted from the architecture, so that time per kernel, and not time per family, is fitted.
"""

from functools import cache
from typing import NamedTuple

from nvlinklab.errors import SpecError, did_you_mean
from nvlinklab.io.tables import all_rows
from nvlinklab.workload.precision import BYTES

FAMILIES = {
    "dsr1": "deepseek-v3", "70b": "llama-3-1-70b", "llama8b": "llama-3-1-8b", "qwen32b": "qwen3-32b", "qwen235b": "qwen3-235b-a22b",
    "gptoss": "gpt-oss-120b", "minimaxm2.5": "minimax-m2-5", "qwen3.5": "qwen3-5-397b-a17b", "glm5": "glm-5", "kimik2.5": "kimi-k2",
}  # fmt: skip
"""Model of the data tables behind each family of the measurements; Kimi K2.5 has the shape of K2."""

FORMATS = ("bf16", "fp8", "fp4", "int4")
NORMS, SWIGLU = 2.0, 4.0
GQA_KERNELS, QK_NORM_KERNEL, MLA_KERNELS, INDEX_KERNELS, LINEAR_KERNELS = 5.0, 1.0, 9.0, 9.0, 8.0
EXPERT_KERNELS, SHARED_EXPERT_KERNELS = 8.0, 3.0
"""Launches per layer and step: norms; gate-up, activation, quantisation and down; query-key-value, rotary, cache write, attention and
output; one more for normed heads; latent projections and absorbed products of MLA; indexer of sparse attention; recurrent layer; router,
top-k, sort, two grouped GEMMs, activation, combine; shared experts."""


class Shape(NamedTuple):
    """A model in one number format, over all layers, on no particular layout.

    Attributes:
        layers, full_layers, linear_layers, dense_layers, moe_layers, windowed_layers: counts
        hidden, vocab, kv_heads: widths; `kv_heads` is 1 where the cache cannot be cut over tensor-parallel ranks (MLA)
        qkv, replicated_qkv, output, linear, dense, shared, expert, head: weights; `replicated_qkv` is the part of `qkv` every
            tensor-parallel rank holds, `expert` one routed expert of one layer
        experts, top_k: routed experts (1 where there are none), and how many a token takes
        cached: elements per token and full layer; `index_cached`: those of the indexer
        decode_flop: FLOP of one decode token and cached token in one full layer; `prefill_flop`: of one pair of prompt tokens
        index_flop: the same for the indexer
        index_top_k, window: tokens attention is limited to (0: not limited)
        state: bytes of recurrent state per sequence
        attention_kernels, mla, sparse: launches of a full attention layer; 1 where it is MLA, where it is sparse
        shared_experts: per layer
        qkv_bytes, output_bytes, linear_bytes, dense_bytes, shared_bytes, expert_bytes, head_bytes: bytes per weight, scales included
        kv_bytes: bytes per cached element
    """

    layers: float
    full_layers: float
    linear_layers: float
    dense_layers: float
    moe_layers: float
    windowed_layers: float
    hidden: float
    vocab: float
    kv_heads: float
    qkv: float
    replicated_qkv: float
    output: float
    linear: float
    dense: float
    shared: float
    expert: float
    head: float
    experts: float
    top_k: float
    cached: float
    index_cached: float
    decode_flop: float
    prefill_flop: float
    index_flop: float
    index_top_k: float
    window: float
    state: float
    attention_kernels: float
    mla: float
    sparse: float
    shared_experts: float
    qkv_bytes: float
    output_bytes: float
    linear_bytes: float
    dense_bytes: float
    shared_bytes: float
    expert_bytes: float
    head_bytes: float
    kv_bytes: float


def _number(model: str, quantity: str, default: float = 0.0) -> float:
    row = all_rows().get(f"{model}.{quantity}")
    return default if row is None else row.value


@cache
def shape(family: str, fmt: str) -> Shape:
    """Return a family's shape in a number format.

    Args:
        family: as the measurements call it, see `FAMILIES`
        fmt: number format of the checkpoint, one of `FORMATS`

    Raises:
        SpecError: no such family or format, with the nearest names.

    >>> round(shape("dsr1", "fp8").expert), shape("dsr1", "fp4").qkv_bytes
    (44040192, 2.0)
    """
    if family not in FAMILIES:
        raise SpecError(f"no measured family is called {family!r}{did_you_mean(family, FAMILIES)} There are: {', '.join(FAMILIES)}")
    if fmt not in FORMATS:
        raise SpecError(f"no number format is called {fmt!r}{did_you_mean(fmt, FORMATS)} There are: {', '.join(FORMATS)}")
    model = FAMILIES[family]

    def n(quantity: str, default: float = 0.0) -> float:
        return _number(model, quantity, default)

    layers, hidden, heads, linear_layers = n("layers"), n("hidden"), n("heads"), n("linear_layers")
    full, dense_layers = layers - linear_layers, n("dense_layers")
    moe_layers = layers - dense_layers if n("routed_experts") else 0.0
    dense_layers = layers - moe_layers
    indexer = n("index_heads") * n("index_head_dim")
    mla = n("kv_lora_rank") > 0.0
    if mla:
        latent = n("kv_lora_rank") + n("qk_rope_head_dim")
        index = n("q_lora_rank") * indexer + hidden * (n("index_head_dim") + n("index_heads"))
        down = hidden * (n("q_lora_rank") + latent)
        up = n("q_lora_rank") * heads * (n("qk_nope_head_dim") + n("qk_rope_head_dim"))
        up += n("kv_lora_rank") * heads * (n("qk_nope_head_dim") + n("v_head_dim"))
        qkv, replicated, output = down + up + index, down + index, heads * n("v_head_dim") * hidden
        cached, kv_heads = latent, 1.0
        decode = 2.0 * heads * (2.0 * n("kv_lora_rank") + n("qk_rope_head_dim"))
        prefill = 2.0 * heads * (n("qk_nope_head_dim") + n("qk_rope_head_dim") + n("v_head_dim"))
        kernels = MLA_KERNELS
    else:
        width = n("head_dim", hidden / heads)
        qkv = hidden * heads * width * (1.0 + n("gated_attention")) + 2.0 * hidden * n("kv_heads", heads) * width
        replicated, output = 0.0, heads * width * hidden
        kv_heads = n("kv_heads", heads)
        cached, decode = 2.0 * kv_heads * width, 4.0 * heads * width
        prefill, kernels = decode, GQA_KERNELS + QK_NORM_KERNEL * bool(n("qk_norm") or n("qk_norm_width") or n("gated_attention"))
    keys, values = n("linear_key_heads") * n("linear_key_head_dim"), n("linear_value_heads") * n("linear_value_head_dim")
    recurrent = hidden * (2.0 * keys + 2.0 * values) + values * hidden
    expert = 3.0 * hidden * n("moe_intermediate")
    b = _bytes(family, fmt, moe_layers > 0.0)
    return Shape(
        layers=layers, full_layers=full, linear_layers=linear_layers, dense_layers=dense_layers, moe_layers=moe_layers,
        windowed_layers=n("windowed_layers"), hidden=hidden, vocab=n("vocab"), kv_heads=kv_heads, qkv=full * qkv,
        replicated_qkv=full * replicated, output=full * output, linear=linear_layers * recurrent,
        dense=3.0 * hidden * n("dense_intermediate") * dense_layers, shared=moe_layers * n("shared_experts") * expert, expert=expert,
        head=n("vocab") * hidden, experts=max(n("routed_experts"), 1.0), top_k=n("top_k"), cached=cached,
        index_cached=n("index_head_dim"), decode_flop=decode, prefill_flop=prefill, index_flop=2.0 * indexer,
        index_top_k=n("index_top_k"), window=n("sliding_window"), state=linear_layers * values * n("linear_key_head_dim") * 4.0,
        attention_kernels=kernels, mla=float(mla), sparse=float(indexer > 0.0), shared_experts=n("shared_experts"),
        head_bytes=2.0, kv_bytes=2.0 if fmt == "bf16" else 1.0, **b,
    )  # fmt: skip


def _bytes(family: str, fmt: str, experts: bool) -> dict[str, float]:
    """Return bytes per weight by kind of matrix; checkpoints differ in what they leave in BF16 (their quantisation files)."""
    four = BYTES["nvfp4"]
    one = {"bf16": 2.0, "fp8": 1.0, "fp4": four, "int4": four}[fmt]
    kinds = dict.fromkeys(("qkv_bytes", "output_bytes", "linear_bytes", "dense_bytes", "shared_bytes", "expert_bytes"), one)
    if family == "gptoss" and fmt != "bf16":
        return {**kinds, "qkv_bytes": 2.0, "output_bytes": 2.0, "expert_bytes": BYTES["mxfp4"]}
    if one == four and experts:  # these keep their attention in BF16; DeepSeek-R1 all of it but the output projection
        kinds |= {"qkv_bytes": 2.0, "linear_bytes": 2.0, "output_bytes": four if family == "dsr1" else 2.0}
        if family in ("qwen3.5", "kimik2.5"):
            kinds["shared_bytes"] = 2.0
    return kinds
