"""Chapter 12: disaggregated serving with Dynamo."""

import dataclasses
from functools import cache

from nvlinklab.claims.registry import assume, check, given, reading, spec, stated
from nvlinklab.serving import disagg, presets, request
from nvlinklab.workload import traffic
from nvlinklab.workload.architecture import Architecture, model

FP8, NVFP4 = given(1, "B", "bytes of an FP8 weight"), given(0.5625, "B", "bytes of an NVFP4 weight with its block scale")
FLOP = given(1, "FLOP", "one operation")
NODE, RACK = spec("dgx-h100.gpus"), spec("gb200-nvl72.gpus")


@cache
def _published() -> Architecture:
    return model("deepseek-v3").spec


def whole(x):
    """The next whole number."""
    return -(-x // 1.0)


@cache
def _fp8_deployment():
    return presets.deployment("gb300-fp8")


# What there was, and when


@check(
    "sw-gb200-era-no-disaggregation",
    context={"dynamo_launched": "date", "distserve_published": "date"},
    dynamo=spec("dynamo.launched"), distserve=spec("distserve.published"),
)  # fmt: skip
def no_disaggregation(dynamo, distserve):
    return {"dynamo_launched": dynamo, "distserve_published": distserve}


@check(
    "sw-era-years-row",
    h100=spec("trtllm.released"), gb200=spec("gb200-nvl72.announced"),
    gb300=spec("gb300-nvl72.first_deployed"), vera_rubin=spec("vr-nvl72.shipments"),
)  # fmt: skip
def era_years(h100, gb200, gb300, vera_rubin):
    return {"h100": h100, "gb200": gb200, "gb300": gb300, "vera_rubin": vera_rubin}


@check("sw-dynamo-1p0-has-afd", rubin_ultra=stated("rubin_ultra", "gen-launch-dates-row"))
def afd_start(rubin_ultra):
    # section 1 lists AFD with Rubin Ultra, whose date is another row of the same section
    return {"afd": rubin_ultra}


@check("sw-triton-2018", released=spec("triton.released"))
def triton(released):
    return {"year": released}


# What is put on how many GPUs


@check(
    "sw-parallelism-tp8-vs-tp16",
    context={"nodes_filled": "node"},
    node=NODE, params=spec("deepseek-v3.params_counted"), weight=FP8, memory=spec("h100_marketed.mem_capacity"),
)  # fmt: skip
def tensor_parallel(node, params, weight, memory):
    nodes = params * weight / (node * memory)
    return {"tp_table": node, "tp_bench": node * whole(nodes), "nodes_filled": nodes}


@check("sw-h100-precision-fp16-vs-fp8", context={"rate": "x"}, fp8=spec("h100.flops_fp8"), bf16=spec("h100.flops_bf16"))
def precision(fp8, bf16):
    return {"rate": fp8 / bf16}


@check(
    "sw-671b-over-72-gpus",
    context={"fp8_per_gpu": "GB", "nvfp4_per_gpu": "GB", "nvfp4_share": "1"},
    params=spec("deepseek-v3.params_counted"), gpus=RACK, weight=FP8, nvfp4=NVFP4, memory=spec("gb300.mem_capacity"),
)  # fmt: skip
def spread(params, gpus, weight, nvfp4, memory):
    each = params / gpus
    return {
        "params": params, "gpus": gpus,
        "fp8_per_gpu": each * weight, "nvfp4_per_gpu": each * nvfp4, "nvfp4_share": each * nvfp4 / memory,
    }  # fmt: skip


@check(
    "sw-wide-ep-not-feasible-8card",
    context={"h100_ep": "GPU"},
    online=spec("deepseek_online.ep_decode"), h100=assume(72, "GPU", "decode ranks of the run on 96 H100 in nodes of eight", 72, 72),
)  # fmt: skip
def wide_ep(online, h100):
    return {"ep_max": online, "h100_ep": h100}


@reading("sw-wide-ep-not-feasible-8card", "without leaving the node", node=NODE)
def wide_ep_node(node):
    return {"ep_max": node}


@check(
    "sw-ep72-on-vera-rubin",
    context={"experts_per_gpu": "expert", "redundant": "expert"},
    experts=spec("deepseek-v3.routed_experts"), gpus=spec("vr-nvl72.gpus"),
)  # fmt: skip
def ep72(experts, gpus):
    held = whole(experts / gpus)
    return {"ep": experts / held, "experts_per_gpu": experts / gpus, "redundant": gpus * held - experts}


@reading("sw-ep72-on-vera-rubin", "with 32 experts held twice, as DeepSeek itself does", redundant=given(32, "expert", "held twice"))
def ep72_redundant(experts, gpus, redundant):
    return {"ep": (experts + redundant) / whole((experts + redundant) / gpus)}


@check(
    "sw-router-necessity-8-72-576",
    node=NODE, rack=RACK, vr=spec("vr-nvl72.gpus"), dies=spec("rubin.dies"),
)  # fmt: skip
def router_scales(node, rack, vr, dies):
    return {"small": node, "medium": rack, "large": vr * dies}


@reading("sw-router-necessity-8-72-576", "the dies of the Rubin Ultra rack, one column further", ultra=spec("rubin-ultra-nvl576.dies"))
def router_ultra(ultra):
    return {"large": ultra}


# Planner: how the GPUs are divided


@check(
    "sw-planner-50-50-split",
    context={"prefill_work": "s", "decode_work": "s", "best_prefill_share": "1", "rate_lost": "1"},
    isl=stated("isl"), osl=stated("osl"), split=stated("split"), flop=FLOP, flops=spec("gb300.flops_fp8"),
    share=spec("serving-blackwell.prefill_efficiency"), decode_rate=spec("sglang_gb300_long.gb300_rate"), gpus=RACK,
)  # fmt: skip
def even_split(isl, osl, split, flop, flops, share, decode_rate, gpus):
    machine = dataclasses.replace(_fp8_deployment(), flop_unit=flop, flops=flops, attention_flops=flops, prefill_efficiency=share)
    work = disagg.Work(prefill=request.prefill_gpu_time(_published(), machine, isl), decode=(osl - 1.0) / decode_rate)
    pools = disagg.Pools(prefill=gpus * split, decode=gpus * (1.0 - split))
    rates = disagg.pool_rates(work, pools)
    return {
        "decode_load": rates.prefill / rates.decode,
        "prefill_work": work.prefill,
        "decode_work": work.decode,
        "best_prefill_share": disagg.best_pools(work, gpus).prefill / gpus,
        "rate_lost": 1.0 - disagg.balance(work, pools),
    }


@reading(
    "sw-planner-50-50-split", "the tenth turn of a conversation, of which 4,000 tokens are new",
    new=stated("incremental", "token-prefill-reuse-saves-99pct"),
)  # fmt: skip
def even_split_reused(isl, new, osl, split, flop, flops, share, decode_rate, gpus):
    machine = dataclasses.replace(_fp8_deployment(), flop_unit=flop, flops=flops, attention_flops=flops, prefill_efficiency=share)
    a = _published()
    prefill = request.prefill_gpu_time(a, machine, isl) - request.prefill_gpu_time(a, machine, isl - new)
    work = disagg.Work(prefill=prefill, decode=(osl - 1.0) / decode_rate)
    rates = disagg.pool_rates(work, disagg.Pools(prefill=gpus * split, decode=gpus * (1.0 - split)))
    return {"decode_load": rates.prefill / rates.decode}


@check(
    "sw-isl-2k-threshold",
    context={"gain_at_stated": "x", "decode_work": "s"},
    holds_if=("split", "the share of the best rate that the division into whole workers reaches"),
    stated_isl=stated("isl"), osl=stated("osl", "sw-planner-50-50-split"),
    prefill_rate=spec("sglang_gb200.prefill_rate_part2"), decode_rate=spec("sglang_gb200.decode_rate_part2"),
    fixed=assume(0.3, "1", "fixed share of the 50 ms the Planner aims at by default; the model has 0.31 on B200 in FP4", 0.1, 0.6),
    split=assume(0.9, "1", "hangs on lengths, load and the size of a worker", 0.72, 1.0),
)  # fmt: skip
def two_thousand(stated_isl, osl, prefill_rate, decode_rate, fixed, split):
    work = disagg.request_work(prefill_rate, decode_rate, stated_isl, osl)
    return {
        "isl": disagg.break_even_prefill(work.decode, fixed, split) * prefill_rate,
        "gain_at_stated": disagg.interference_gain(work, fixed) * split,
        "decode_work": work.decode,
    }


@check(
    "sw-planner-dozens-decisions",
    context={"slow_loop": "1/s"},
    interval=spec("dynamo-planner.load_interval"), slow=spec("dynamo-planner.throughput_interval"),
)  # fmt: skip
def planner_rate(interval, slow):
    return {"rate": 1.0 / interval, "slow_loop": 1.0 / slow}


@reading("sw-planner-dozens-decisions", "at the shortest interval it accepts, one second", shortest=given(1, "s", "whole seconds above 0"))
def planner_fastest(shortest):
    return {"rate": 1.0 / shortest}


@reading(
    "sw-planner-dozens-decisions", "requests that the router of one GB200 rack places, one decision each",
    tokens=spec("inferencex.gb200_total_75"), gpus=RACK, isl=spec("inferencex.isl_100x"), osl=spec("inferencex.osl_100x"),
)  # fmt: skip
def router_rate(tokens, gpus, isl, osl):
    return {"rate": tokens * gpus / (isl + osl)}


@check(
    "sw-smart-router-test",
    context={"published_ttft_gain": "x", "published_latency_gain": "x"},
    holds_if=("workers", "the number of workers the 16 GPUs form"),
    nodes=spec("dynamo-router-test.nodes"), node=NODE, requests=spec("dynamo-router-test.requests"), isl=spec("dynamo-router-test.isl"),
    osl=spec("dynamo-router-test.osl"), turns=given(10, "1", "uses of a prefix, from the article's conversation of ten rounds"),
    workers=assume(4, "1", "not stated: two nodes of one worker each to eight workers of two GPUs", 2, 8),
    ttft=spec("dynamo-router-test.ttft_gain"), latency=spec("dynamo-router-test.latency_gain"),
)  # fmt: skip
def router_test(nodes, node, requests, isl, osl, turns, workers, ttft, latency):
    return {
        "gpus": nodes * node, "requests": requests, "isl": isl, "osl": osl,
        "improvement": traffic.prefix_hit_rate(1.0, turns) / traffic.scattered_hit_rate(1.0, turns, workers),
        "published_ttft_gain": ttft, "published_latency_gain": latency,
    }  # fmt: skip


# What Dynamo is said to gain


@check(
    "sw-dynamo-2x-llama70b",
    context={"router_throughput": "x"},
    published=spec("nvidia_claims.dynamo_llama70b_gain"), baseten=spec("dynamo-router-baseten.throughput_gain"),
)  # fmt: skip
def llama_gain(published, baseten):
    return {"ratio": published, "router_throughput": baseten}


FIXED = assume(0.8, "1", "share of the token time that a step takes whatever its batch; the model has 0.3 to 0.86 on B200", 0.1, 0.9)


@check(
    "sw-dynamo-30x-gb200",
    context={"split_alone": "x", "fixed_share_needed": "1"},
    published=spec("nvidia_claims.dynamo_gain"), fixed=FIXED,
)  # fmt: skip
def dynamo_gain(published, fixed):
    # with prompts that take all of the GPU time the gain of separate pools is 1 / (1 - f)
    return {
        "ratio": published,
        "split_alone": disagg.interference_gain(disagg.Work(prefill=1.0, decode=0.0), fixed),
        "fixed_share_needed": 1.0 - 1.0 / published,
    }


@reading(
    "sw-dynamo-30x-gb200", "what the article's own factors leave for separate pools",
    dynamo=stated("dynamo", "decomp-100x-factors"),
)  # fmt: skip
def dynamo_gain_factors(dynamo):
    return {"ratio": dynamo}


@reading(
    "sw-dynamo-30x-gb200",
    "separate against shared GPUs in measured rows, the same chip, engine and speed per user, at best",
    measured=spec("serving-split.best_gain"),
)
def dynamo_gain_measured(measured):
    return {"ratio": measured}


@check(
    "sw-pd-effect-3x-over-gb200",
    total=stated("total", "bench-3x-factor-list"), fp4=stated("fp4", "bench-3x-factor-list"), fmha=stated("fmha", "bench-3x-factor-list"),
)  # fmt: skip
def pd_effect(total, fp4, fmha):
    return {"ratio": total / (fp4 * fmha)}


@reading(
    "sw-pd-effect-3x-over-gb200", "the whole step from GB200 to GB300",
    rate=stated("throughput", "bench-gb300-226"), old=stated("throughput", "bench-gb200-75-toks"),
)  # fmt: skip
def pd_effect_whole(rate, old):
    return {"ratio": rate / old}


@reading(
    "sw-pd-effect-3x-over-gb200", "measured, both racks with the same software and both split",
    gb300=spec("sglang_gb300_long.gb300_rate"), gb200=spec("sglang_gb300_long.gb200_rate"),
)  # fmt: skip
def pd_effect_measured(gb300, gb200):
    return {"ratio": gb300 / gb200}


@check(
    "sw-dynamo-30x-on-gb300",
    gb200=stated("ratio", "sw-dynamo-30x-gb200"), fp4=stated("fp4", "bench-3x-factor-list"),
)  # fmt: skip
def dynamo_on_gb300(gb200, fp4):
    # its table gives GB300 the same gain and twice that for FP4
    return {"ratio": gb200 * fp4}


@reading("sw-dynamo-30x-on-gb300", "the figure of GB200, under the name of the newer rack")
def dynamo_on_gb200(gb200):
    return {"ratio": gb200}


@check(
    "sw-open-source-80pct",
    context={"cost_at_stated": "x", "licence_per_hour": "USD/h"},
    holds_if=("gpu", "the price of a GPU hour without the licence"),
    gpu=assume(3, "USD/h", "from owned Hopper to rented Blackwell", 1, 12),
    licence=spec("ai-enterprise.licence"), printed=stated("threshold"),
)  # fmt: skip
def open_source(gpu, licence, printed):
    # free software at share r of the speed costs as much per token as licensed software where r = gpu / (gpu + licence)
    return {"threshold": gpu / (gpu + licence), "cost_at_stated": 1.0 / printed, "licence_per_hour": licence}
