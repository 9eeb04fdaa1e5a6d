"""Chapter 8: the journey of one token through one decode step."""

import dataclasses
from functools import cache

from nvlinklab.claims.registry import assume, check, given, reading, spec, stated
from nvlinklab.network.bandwidth import aggregate
from nvlinklab.serving import kv_transfer, request
from nvlinklab.workload.architecture import (
    Architecture,
    attention_flop_per_token,
    attention_params,
    expert_params,
    kv_elements_per_token,
    model,
    moe_layers,
    total_params,
)
from nvlinklab.workload.attention import pair_width
from nvlinklab.workload.moe import distinct_ranks

LAYERS, DENSE_LAYERS, HIDDEN = spec("deepseek-v3.layers"), spec("deepseek-v3.dense_layers"), spec("deepseek-v3.hidden")
EXPERTS, TOP_K = spec("deepseek-v3.routed_experts"), spec("deepseek-v3.top_k")
DEPTH = {"layers": LAYERS, "dense_layers": DENSE_LAYERS}
FP8, NVFP4 = given(1, "B", "bytes of an FP8 element"), given(0.5625, "B", "bytes of an NVFP4 weight with its block scale")
CONTEXT = given(131072, "token", "128 x 1024 tokens, as long-context tests count")
MEM_BW, FLOPS = spec("gb300.mem_bw"), spec("gb300.flops_fp8")
FLOP = given(1, "FLOP", "one operation")
DISPATCH, COMBINE = spec("nvl72-exchange.dispatch_1"), spec("nvl72-exchange.combine_1")
EP = assume(64, "GPU", "ranks that share 256 experts, as in the article's own EP64", 8, 72)
READS = {"element": FP8, "mem_bw": MEM_BW}


@cache
def _published() -> Architecture:
    return model("deepseek-v3").spec


def deepseek(**changes) -> Architecture:
    """The published shape, with some of its numbers as inputs of a claim."""
    return dataclasses.replace(_published(), **changes)


def cache_bytes(a, element, tokens):
    """Cache of one request [B]."""
    return kv_transfer.kv_bytes(a, tokens, element)


def experts_held(a, ep, tokens):
    """Experts of one layer that one rank reads when each of `ep` ranks brings `tokens` tokens.

    A token that picks k of E experts falls on one of E/k groups of k: `moe.distinct_experts` in plain arithmetic, which a ledger needs.
    """
    return a.top_k * distinct_ranks(tokens * ep, a.routed_experts / a.top_k) / ep + a.shared_experts


@check("token-scenario-r1-128k", **DEPTH, hidden=HIDDEN, experts=EXPERTS, top_k=TOP_K)
def scenario(layers, dense_layers, hidden, experts, top_k):
    a = deepseek(layers=layers, dense_layers=dense_layers, hidden=hidden, routed_experts=experts, top_k=top_k)
    return {"params": total_params(a), "experts": experts, "topk": top_k}


# Attention and feed-forward


@check(
    "token-attention-580us",
    context={"per_layer": "us", "projections": "us", "arithmetic": "us"},
    layers=LAYERS, **READS, context_tokens=CONTEXT, flop=FLOP, flops=FLOPS,
)  # fmt: skip
def attention_time(layers, element, context_tokens, mem_bw, flop, flops):
    a = deepseek(layers=layers)
    time = cache_bytes(a, element, context_tokens) / mem_bw
    return {
        "time": time,
        "per_layer": time / layers,
        "projections": layers * attention_params(a) * element / mem_bw,
        "arithmetic": layers * attention_flop_per_token(a, context_tokens) * flop / flops,
    }


@reading("token-attention-580us", "128,000 tokens", decimal=stated("isl", "token-scenario-r1-128k"))
def attention_decimal(layers, element, decimal, mem_bw):
    return {"time": cache_bytes(deepseek(layers=layers), element, decimal) / mem_bw}


@reading("token-attention-580us", "one layer, as the other parts are counted", one=given(1, "layer", "one layer"))
def attention_one_layer(one, element, context_tokens, mem_bw):
    return {"time": cache_bytes(deepseek(layers=one), element, context_tokens) / mem_bw}


@reading("token-attention-580us", "with the 2 MB per token stated elsewhere in the article", own=stated("kv", "kv-2mb-per-token"))
def attention_2mb(own, context_tokens, mem_bw):
    return {"time": own * context_tokens / mem_bw}


@check("token-ffn-44us", context={"per_layer": "us"}, **DEPTH, top_k=TOP_K, **READS)
def feedforward_time(layers, dense_layers, top_k, element, mem_bw):
    a = deepseek(layers=layers, dense_layers=dense_layers, top_k=top_k)
    return {
        "time": request.active_feedforward_params(a) * element / mem_bw,
        "per_layer": (top_k + a.shared_experts) * expert_params(a) * element / mem_bw,
    }


@reading("token-ffn-44us", "one layer, eight experts, one GPU")
def feedforward_one_layer(top_k, element, mem_bw):
    return {"time": top_k * expert_params(deepseek()) * element / mem_bw}


@reading("token-ffn-44us", "all layers with experts, each expert on a GPU of its own")
def feedforward_parallel(layers, dense_layers, element, mem_bw):
    a = deepseek(layers=layers, dense_layers=dense_layers)
    return {"time": moe_layers(a) * expert_params(a) * element / mem_bw}


@reading("token-ffn-44us", "all layers, one GPU, NVFP4", fp4=NVFP4)
def feedforward_fp4(layers, dense_layers, top_k, fp4, mem_bw):
    a = deepseek(layers=layers, dense_layers=dense_layers, top_k=top_k)
    return {"time": request.active_feedforward_params(a) * fp4 / mem_bw}


@check(
    "token-attention-is-the-bottleneck",
    context={"overtakes_at": "1", "stated_at": "1"},
    **DEPTH, top_k=TOP_K, experts=EXPERTS, element=FP8, context_tokens=CONTEXT, ep=EP, own=stated("ratio"),
)  # fmt: skip
def attention_over_feedforward(layers, dense_layers, top_k, experts, element, context_tokens, ep, own):
    a = deepseek(layers=layers, dense_layers=dense_layers, top_k=top_k, routed_experts=experts)
    kv = cache_bytes(a, element, context_tokens)
    held = moe_layers(a) * (experts / ep + a.shared_experts) * expert_params(a) * element  # every expert of the rank touched
    return {
        "ratio": kv / (request.active_feedforward_params(a) * element),
        "overtakes_at": held / kv,
        "stated_at": own * held / kv,
    }


@reading("token-attention-is-the-bottleneck", "61 layers of attention over one layer of eight experts")
def attention_over_one_layer(layers, element, context_tokens, top_k):
    a = deepseek(layers=layers)
    return {"ratio": cache_bytes(a, element, context_tokens) / (top_k * expert_params(a) * element)}


@reading(
    "token-attention-is-the-bottleneck", "EP64 with the 40 requests per GPU at which the published test is capped",
    requests=spec("sglang_gb300_long.gb300_requests"),
)  # fmt: skip
def attention_over_full_batch(requests, layers, dense_layers, element, context_tokens, experts, ep):
    a = deepseek(layers=layers, dense_layers=dense_layers)
    held = moe_layers(a) * (experts / ep + a.shared_experts) * expert_params(a) * element
    return {"ratio": requests * cache_bytes(a, element, context_tokens) / held}


# Communication


@check(
    "token-a2a-0p3us", context={"all_layers": "us", "bytes_alone": "us"},
    dispatch=DISPATCH, combine=COMBINE, **DEPTH, hidden=HIDDEN, top_k=TOP_K, bf16=given(2, "B", "bytes of an activation"),
    ways=given(2, "1", "there and back"), gpu_bw=spec("nvlink5.gpu_bw"),
)  # fmt: skip
def exchange_time(dispatch, combine, layers, dense_layers, hidden, top_k, bf16, ways, gpu_bw):
    return {
        "time": dispatch + combine,
        "all_layers": moe_layers(deepseek(layers=layers, dense_layers=dense_layers)) * (dispatch + combine),
        "bytes_alone": ways * top_k * hidden * bf16 / gpu_bw,
    }


@reading("token-a2a-0p3us", "bytes alone: eight copies there and back in BF16, one layer, one token")
def exchange_bytes(hidden, top_k, bf16, ways, gpu_bw):
    return {"time": ways * top_k * hidden * bf16 / gpu_bw}


@reading("token-a2a-0p3us", "one vector in BF16 over one of 18 links", link_bw=spec("nvlink5.link_bw"))
def exchange_one_link(hidden, bf16, link_bw):
    return {"time": hidden * bf16 / link_bw}


@check(
    "token-nvlink-more-than-sufficient",
    context={"stated_load": "x", "requests_to_hide": "1"},
    load=stated("time", "token-ffn-44us"), dispatch=DISPATCH, combine=COMBINE, experts=EXPERTS, top_k=TOP_K, **READS,
    context_tokens=CONTEXT, ep=EP, tokens=given(1, "token", "one token on each rank, as the claim has it"),
)  # fmt: skip
def hbm_over_exchange(load, dispatch, combine, experts, top_k, element, mem_bw, context_tokens, ep, tokens):
    a = deepseek(routed_experts=experts, top_k=top_k)
    read = experts_held(a, ep, tokens) * expert_params(a) * element
    exchange = dispatch + combine
    return {
        "ratio": read / mem_bw / exchange,
        "stated_load": load / exchange,
        "requests_to_hide": (exchange * mem_bw - read) / (cache_bytes(a, element, context_tokens) / a.layers),
    }


@reading("token-nvlink-more-than-sufficient", "the stated 44 us over the stated 0.3 us", exchange=stated("time", "token-a2a-0p3us"))
def hbm_over_exchange_stated(load, exchange):
    return {"ratio": load / exchange}


@reading(
    "token-nvlink-more-than-sufficient", "128 tokens on each rank, experts only",
    dispatch_128=spec("nvl72-exchange.dispatch_128"), combine_128=spec("nvl72-exchange.combine_128"),
    many=given(128, "token", "tokens on each rank"),
)  # fmt: skip
def hbm_over_exchange_128(dispatch_128, combine_128, many, experts, top_k, element, ep, mem_bw):
    a = deepseek(routed_experts=experts, top_k=top_k)
    return {"ratio": experts_held(a, ep, many) * expert_params(a) * element / mem_bw / (dispatch_128 + combine_128)}


# Reading the prompt


PROMPT = {"layers": LAYERS, "top_k": TOP_K, "flop": FLOP, "flops": FLOPS}
OWN_NEW, OWN_FULL = (stated(name, "token-prefill-reuse-saves-99pct") for name in ("incremental", "full"))


def reading_left(layers, top_k, flop, flops, new, full):
    """Share of the work of a prompt that is left when all but its last `new` tokens are cached, bound by arithmetic."""
    a = deepseek(layers=layers, top_k=top_k)
    cost = kv_transfer.PrefillCost(
        token=2.0 * request.active_params(a) * flop / flops, pair=layers * 2.0 * a.heads * pair_width(a) * flop / flops
    )
    return kv_transfer.prefill_time(cost, full, full - new) / kv_transfer.prefill_time(cost, full)


@check(
    "token-prefill-reuse-saves-99pct",
    context={"left": "1", "left_over_stated": "x"},
    **PROMPT, new=OWN_NEW, full=OWN_FULL, own=stated("saving"),
)  # fmt: skip
def reuse(layers, top_k, flop, flops, new, full, own):
    left = reading_left(layers, top_k, flop, flops, new, full)
    return {"saving": 1.0 - left, "left": left, "left_over_stated": left / (1.0 - own)}


@reading("token-prefill-reuse-saves-99pct", "tokens counted, whatever they cost")
def reuse_tokens(new, full):
    return {"saving": 1.0 - new / full}


@reading("token-prefill-reuse-saves-99pct", "700 new tokens: the last answer of 500 and a question", few=given(700, "token", "new tokens"))
def reuse_few(layers, top_k, flop, flops, few, full):
    return {"saving": 1.0 - reading_left(layers, top_k, flop, flops, few, full)}


@check("token-prefill-seconds-to-ms", **PROMPT, ttft=spec("sglang_gb300_long.ttft"), new=OWN_NEW, full=OWN_FULL)
def prefill_with_reuse(layers, top_k, flop, flops, ttft, new, full):
    return {"before": ttft, "after": ttft * reading_left(layers, top_k, flop, flops, new, full)}


@reading("token-prefill-seconds-to-ms", "at the saving of 99 percent", saving=stated("saving", "token-prefill-reuse-saves-99pct"))
def prefill_stated_saving(ttft, saving):
    return {"after": ttft * (1.0 - saving)}


# The whole step


@check(
    "token-624us-lower-bound",
    attention=stated("time", "token-attention-580us"), feedforward=stated("time", "token-ffn-44us"),
    exchange=stated("time", "token-a2a-0p3us"),
)  # fmt: skip
def lower_bound(attention, feedforward, exchange):
    return {"time": attention + feedforward + exchange}


@reading("token-624us-lower-bound", "the same parts, all of them over all layers", **DEPTH)
def bound_all_layers(attention, feedforward, exchange, layers, dense_layers):
    return {"time": attention + moe_layers(deepseek(layers=layers, dense_layers=dense_layers)) * (feedforward + exchange)}


def step_bytes(a, ep, requests, element, weight, context):
    """What one rank reads from its memory in one step [B]: caches, projections, experts touched, dense blocks, output head."""
    experts = moe_layers(a) * experts_held(a, ep, requests) * expert_params(a)
    dense = 3.0 * a.hidden * a.dense_intermediate * a.dense_layers + a.hidden * a.vocab
    return requests * cache_bytes(a, element, context) + (a.layers * attention_params(a) + dense) * element + experts * weight


@reading(
    "token-624us-lower-bound", "all that a rank of EP64 reads for one request per GPU, at full bandwidth",
    **READS, context_tokens=CONTEXT, ep=EP, requests=given(1, "request", "one request per GPU"),
)  # fmt: skip
def bound_ep64(element, context_tokens, mem_bw, ep, requests):
    return {"time": step_bytes(deepseek(), ep, requests, element, element, context_tokens) / mem_bw}


@reading(
    "token-624us-lower-bound", "one request cut over the whole rack, no latency",
    **READS, context_tokens=CONTEXT, gpus=spec("gb300-nvl72.gpus"),
)  # fmt: skip
def bound_rack(element, context_tokens, mem_bw, gpus):
    a = deepseek()
    elements = kv_elements_per_token(a) * context_tokens + request.active_params(a) + a.hidden * a.vocab
    return {"time": elements * element / aggregate(gpus, mem_bw)}


RATE, PER_USER = spec("sglang_gb300_long.gb300_rate"), spec("sglang_gb300_long.gb300_interactivity")


@check("token-4p4ms-measured", context={"in_flight": "1"}, rate=RATE, per_user=PER_USER)
def time_per_token(rate, per_user):
    return {"time": 1.0 / per_user, "in_flight": rate / per_user}


@reading("token-4p4ms-measured", "the inverse of the throughput per GPU, which is no latency")
def inverse_rate(rate):
    return {"time": 1.0 / rate}


@check("token-7x-headroom", measured=stated("time", "token-4p4ms-measured"), bound=stated("time", "token-624us-lower-bound"))
def headroom(measured, bound):
    return {"ratio": measured / bound}


@reading("token-7x-headroom", "throughput over throughput: what reading the caches allows", rate=RATE, **READS, context_tokens=CONTEXT)
def headroom_throughput(rate, mem_bw, element, context_tokens):
    return {"ratio": mem_bw / cache_bytes(deepseek(), element, context_tokens) / rate}


@reading(
    "token-7x-headroom", "latency over latency: the measured step over what it reads at full bandwidth, EP16, NVFP4 experts",
    rate=RATE, per_user=PER_USER, **READS, context_tokens=CONTEXT, weight=NVFP4, ranks=given(16, "GPU", "ranks of the published test"),
)  # fmt: skip
def headroom_latency(rate, per_user, element, context_tokens, mem_bw, weight, ranks):
    return {"ratio": mem_bw / per_user / step_bytes(deepseek(), ranks, rate / per_user, element, weight, context_tokens)}
