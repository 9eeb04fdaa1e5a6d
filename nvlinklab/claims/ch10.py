"""Chapter 10: what the benchmark ratios compare."""

import numpy as np

from nvlinklab.claims.registry import assume, check, given, reading, spec, stated
from nvlinklab.network.bandwidth import aggregate
from nvlinklab.workload.architecture import matrix_params, model


def output_tokens(total_rate, isl, osl):
    """Return the output tokens in a rate that counts input and output tokens alike."""
    return total_rate * osl / (isl + osl)


@check(
    "bench-h100-1p2-toks",
    context={"wide_ep": "tok/s"},
    node_rate=spec("sglang_h100_96.decode_rate"), node_gpus=spec("dgx-h100.gpus"), over_tp16=spec("sglang_h100_96.tp16_ratio"),
)  # fmt: skip
def h100_baseline(node_rate, node_gpus, over_tp16):
    wide_ep = node_rate / node_gpus
    return {"throughput": wide_ep / over_tp16, "wide_ep": wide_ep}


@reading("bench-h100-1p2-toks", "InferenceX's slowest H100 point, at 68 tok/s per user", slowest=spec("ix-h100-fp8-d.throughput"))
def h100_slowest(slowest):
    return {"throughput": slowest}


@reading(
    "bench-h100-1p2-toks", "the article's 75 divided by its 65x",
    gb200=stated("throughput", "bench-gb200-75-toks"), fp8=stated("ratio", "bench-65x-fp8"),
)  # fmt: skip
def h100_divided(gb200, fp8):
    return {"throughput": gb200 / fp8}


@check(
    "bench-gb200-75-toks",
    context={"total": "tok/s"},
    total=spec("inferencex.gb200_total_75"), isl=spec("inferencex.isl_100x"), osl=spec("inferencex.osl_100x"),
)  # fmt: skip
def gb200_rate(total, isl, osl):
    return {"throughput": output_tokens(total, isl, osl), "total": total}


@reading(
    "bench-gb200-75-toks",
    "tokens per second and user: the operating point of the cited comparison",
    interactivity=spec("signal65.interactivity"),
)
def gb200_per_user(interactivity):
    return {"throughput": interactivity}


@check(
    "bench-gb300-226",
    context={"requests_in_flight": "request"},
    rate=spec("sglang_gb300_long.gb300_rate"),
    interactivity=spec("sglang_gb300_long.gb300_interactivity"),
)
def gb300_rate(rate, interactivity):
    return {"throughput": rate, "requests_in_flight": rate / interactivity}


@check("bench-188x", gb300=stated("throughput", "bench-gb300-226"), h100=stated("throughput", "bench-h100-1p2-toks"))
def gb300_over_h100(gb300, h100):
    return {"ratio": gb300 / h100}


@reading(
    "bench-188x",
    "over a H100 with TP16 as measured by SGLang, whose workload is shorter",
    node_rate=spec("sglang_h100_96.decode_rate"),
    node_gpus=spec("dgx-h100.gpus"),
    over_tp16=spec("sglang_h100_96.tp16_ratio"),
)
def gb300_over_measured_h100(gb300, node_rate, node_gpus, over_tp16):
    return {"ratio": gb300 / h100_baseline(node_rate, node_gpus, over_tp16)["throughput"]}


@check("bench-fp4-extra-2x", fp4=spec("inferencex.gb300_h100_gain_fp4"), fp8=spec("inferencex.gb300_h100_gain_fp8"))
def fp4_gain(fp4, fp8):
    return {"factor": fp4 / fp8}


@reading(
    "bench-fp4-extra-2x",
    "SGLang on GB200: experts in NVFP4 instead of FP8",
    fp4_rate=spec("sglang_gb200.decode_rate_part2"),
    fp8_rate=spec("sglang_gb200.decode_rate_fp8"),
)
def fp4_gain_sglang(fp4_rate, fp8_rate):
    return {"factor": fp4_rate / fp8_rate}


@reading(
    "bench-fp4-extra-2x",
    "bytes of a weight, block scales included",
    fp8_bytes=given(1, "B", "FP8"),
    fp4_bytes=given(0.5625, "B", "NVFP4 with its scale"),
)
def fp4_bytes_saved(fp8_bytes, fp4_bytes):
    return {"factor": fp8_bytes / fp4_bytes}


@reading("bench-fp4-extra-2x", "peak rates of GB200", peak_fp4=spec("gb200.flops_fp4"), peak_fp8=spec("gb200.flops_fp8"))
def fp4_peak_gb200(peak_fp4, peak_fp8):
    return {"factor": peak_fp4 / peak_fp8}


@reading("bench-fp4-extra-2x", "peak rates of GB300", peak_fp4=spec("gb300.flops_fp4"), peak_fp8=spec("gb300.flops_fp8"))
def fp4_peak_gb300(peak_fp4, peak_fp8):
    return {"factor": peak_fp4 / peak_fp8}


@check("bench-h100-tp16-needs-4x8-nodes", tp=stated("tp"), gpus_per_node=stated("gpus_per_node"))
def nodes_for_tp16(tp, gpus_per_node):
    return {"nodes": tp / gpus_per_node}


@reading(
    "bench-h100-tp16-needs-4x8-nodes", "16-bit weights, as its table of the H100 era has them, in a power of two of nodes",
    weight_bytes=given(2, "B", "FP16 or BF16"), memory=spec("h100.mem_capacity"),
    usable=assume(0.9, "1", "share of memory for weights and cache", 0.85, 0.95),
)  # fmt: skip
def nodes_for_16_bit_weights(gpus_per_node, weight_bytes, memory, usable):
    nodes = matrix_params(model("deepseek-v3").spec) * weight_bytes / (gpus_per_node * memory * usable)
    return {"nodes": 2.0 ** np.ceil(np.log2(nodes))}


@check("bench-16-experts-per-gpu", experts=spec("deepseek-v3.routed_experts"), gpus=stated("gpus"))
def experts_per_gpu(experts, gpus):
    return {"experts": experts / gpus}


@check("bench-nvlink-domain-9x", rack=spec("gb300-nvl72.gpus"), node=spec("dgx-h100.gpus"))
def domain_growth(rack, node):
    return {"ratio": rack / node}


@check(
    "bench-hbm-per-gpu-3p6x", h100=spec("h100_marketed.mem_capacity"), gb200=spec("gb200.mem_capacity"), gb300=spec("gb300.mem_capacity")
)
def memory_growth(h100, gb200, gb300):
    return {"h100": h100, "gb200": gb200, "gb300": gb300, "ratio": gb300 / h100}


@reading(
    "bench-hbm-per-gpu-3p6x",
    "as the drivers report it",
    h100_reported=spec("h100.mem_capacity"),
    gb200_reported=spec("gb200.mem_capacity_reported"),
    gb300_reported=spec("gb300.mem_capacity_reported"),
)
def memory_growth_reported(h100_reported, gb200_reported, gb300_reported):
    return {"h100": h100_reported, "gb200": gb200_reported, "gb300": gb300_reported, "ratio": gb300_reported / h100_reported}


@check("bench-gb200-rack-5400", rate=stated("throughput", "bench-gb200-75-toks"), gpus=spec("gb200-nvl72.gpus"))
def gb200_rack(rate, gpus):
    return {"throughput": aggregate(gpus, rate)}


@check("bench-gb300-rack-16272", rate=stated("throughput", "bench-gb300-226"), gpus=spec("gb300-nvl72.gpus"))
def gb300_rack(rate, gpus):
    return {"throughput": aggregate(gpus, rate)}


@check("bench-3x-gb200-to-gb300", gb300=spec("sglang_gb300_long.gb300_rate"), gb200=spec("sglang_gb300_long.gb200_rate"))
def gb300_over_gb200(gb300, gb200):
    return {"ratio": gb300 / gb200}


@reading(
    "bench-3x-gb200-to-gb300",
    "the article's 226 per GPU over its 75, which is per user",
    quoted=stated("throughput", "bench-gb300-226"),
    per_user=stated("throughput", "bench-gb200-75-toks"),
)
def gb300_over_gb200_quoted(quoted, per_user):
    return {"ratio": quoted / per_user}


@reading(
    "bench-3x-gb200-to-gb300",
    "InferenceX, both FP4 over the same H100 at 116 tok/s per user",
    ultra=spec("inferencex.gb300_h100_gain_fp4"),
    blackwell=spec("inferencex.gb200_h100_gain_fp4"),
)
def gb300_over_gb200_inferencex(ultra, blackwell):
    return {"ratio": ultra / blackwell}


@reading("bench-3x-gb200-to-gb300", "MLPerf v5.1 server", ultra=spec("mlperf_r1.server_v51"), blackwell=spec("mlperf_r1.gb200_server_v51"))
def gb300_over_gb200_mlperf(ultra, blackwell):
    return {"ratio": ultra / blackwell}


@reading(
    "bench-3x-gb200-to-gb300",
    "InferenceX on DeepSeek-V4-Pro, at 27 tok/s per user",
    ultra=spec("inferencex.gb300_rate_v4"),
    blackwell=spec("inferencex.gb200_rate_v4"),
)
def gb300_over_gb200_v4(ultra, blackwell):
    return {"ratio": ultra / blackwell}


@check(
    "bench-fmha-1p35x",
    context={"exponentials": "x"},
    gb200=spec("sglang_gb300_long.gb200_attention_time"), gb300=spec("sglang_gb300_long.gb300_attention_time"),
    gb200_sfu=spec("gb200.sfu_rate"), gb300_sfu=spec("gb300.sfu_rate"),
)  # fmt: skip
def attention_kernel(gb200, gb300, gb200_sfu, gb300_sfu):
    return {"factor": gb200 / gb300, "exponentials": gb300_sfu / gb200_sfu}


@check(
    "bench-fp4-native-on-ultra-only",
    context={"gb300_over_gb200": "x", "gb200_fp4_over_fp8": "x"},
    gb300_fp4=spec("gb300.flops_fp4"), gb200_fp4=spec("gb200.flops_fp4"), gb200_fp8=spec("gb200.flops_fp8"),
)  # fmt: skip
def fp4_rates(gb300_fp4, gb200_fp4, gb200_fp8):
    return {"gb300_over_gb200": gb300_fp4 / gb200_fp4, "gb200_fp4_over_fp8": gb200_fp4 / gb200_fp8}


@check("bench-mlperf-8064", context={"rack": "tok/s"}, rate=spec("mlperf_r1.server_v60"), gpus=spec("gb300-nvl72.gpus"))
def mlperf_rate(rate, gpus):
    return {"throughput": rate, "rack": aggregate(gpus, rate)}


@check("bench-mlperf-2p77x", now=spec("mlperf_r1.server_v60"), before=spec("mlperf_r1.server_v51"))
def mlperf_gain(now, before):
    return {"ratio": now / before}


@reading(
    "bench-mlperf-2p77x", "offline instead of server", offline=spec("mlperf_r1.offline_v60"), offline_before=spec("mlperf_r1.offline_v51")
)
def mlperf_gain_offline(offline, offline_before):
    return {"ratio": offline / offline_before}


def gpu_time(isl, osl, reference, context_share, prompt_cost):
    """Return the GPU time of one output token over that of a decode token at a reference context, prompts included.

    A decode token costs `1 - s + s * context / reference`: the part `s` that reads the cache grows with the context. Each output token
    also carries `isl / osl` prompt tokens, each at `prompt_cost` decode tokens.
    """
    context = isl + 0.5 * osl
    return 1 - context_share + context_share * context / reference + isl / osl * prompt_cost


@check(
    "bench-mlperf-vs-226-gap",
    holds_if=("context_share", "the share of a decode token's time that grows with the context, at MLPerf's own context,"),
    context={"context_ratio": "1"},
    short_isl=spec("mlperf_r1.isl"), short_osl=spec("mlperf_r1.osl"),
    long_isl=given(131072, "token", "128K in, SGLang's test of GB300"), long_osl=given(8192, "token", "8K out, the same test"),
    prompt_cost=assume(0.3, "1", "GPU time of a prompt token over that of a decode token at saturation", 0.05, 1.0),
    context_share=assume(0.5, "1", "nobody publishes how the time of a decode token divides", 0.0, 1.0),
)  # fmt: skip
def scenario_gap(short_isl, short_osl, long_isl, long_osl, prompt_cost, context_share):
    reference = short_isl + 0.5 * short_osl
    short, long = (gpu_time(i, o, reference, context_share, prompt_cost) for i, o in ((short_isl, short_osl), (long_isl, long_osl)))
    return {"ratio": long / short, "context_ratio": (long_isl + 0.5 * long_osl) / reference}


@check(
    "bench-30x-gtc2024",
    context={"marketed": "x"},
    measured=spec("inferencex.gb200_h100_gain_fp4"),
    marketed=spec("nvidia_claims.gb200_gain"),
)
def gtc_claim(measured, marketed):
    return {"ratio": measured, "marketed": marketed}


@reading("bench-30x-gtc2024", "at 75 tok/s per user instead of 116", at_75=spec("inferencex.gb200_h100_gain_75"))
def gtc_claim_75(at_75):
    return {"ratio": at_75}


@reading("bench-30x-gtc2024", "tokens per dollar at 40 tok/s per user", at_40=spec("inferencex.tokens_per_usd_gain_40"))
def gtc_claim_usd(at_40):
    return {"ratio": at_40}


@reading(
    "bench-30x-gtc2024",
    "peak decode rates of SGLang, FP4 over FP8",
    gb200_rate=spec("sglang_gb200.decode_rate_part2"),
    node_rate=spec("sglang_h100_96.decode_rate"),
    node_gpus=spec("dgx-h100.gpus"),
)
def gtc_claim_peak(gb200_rate, node_rate, node_gpus):
    return {"ratio": gb200_rate / (node_rate / node_gpus)}


@check("bench-100x-fp4-vs-fp8", measured=spec("inferencex.gb300_h100_gain_fp4"))
def fp4_over_h100(measured):
    return {"ratio": measured}


@check("bench-65x-fp8", measured=spec("inferencex.gb300_h100_gain_fp8"))
def fp8_over_h100(measured):
    return {"ratio": measured}


@reading(
    "bench-65x-fp8",
    "tokens per dollar at 116 tok/s per user, another number of the same article",
    per_usd=spec("inferencex.tokens_per_usd_gain_116"),
)
def fp8_per_usd(per_usd):
    return {"ratio": per_usd}


@check("bench-30x-same-dynamo", context={"dynamo_factor": "x"}, measured=spec("inferencex.gb300_h100_gain_fp8"), claimed=stated("ratio"))
def same_dynamo(measured, claimed):
    # InferenceX runs Dynamo on both sides of this ratio, so nothing is left to take out
    return {"ratio": measured, "dynamo_factor": measured / claimed}


@reading("bench-30x-same-dynamo", "NVIDIA's claim for Dynamo itself, with it over without it", dynamo=spec("nvidia_claims.dynamo_gain"))
def dynamo_itself(dynamo):
    return {"ratio": dynamo}


@reading("bench-30x-same-dynamo", "NVIDIA's claim of 2024 for GB200 NVL72", marketed=spec("nvidia_claims.gb200_gain"))
def gtc_itself(marketed):
    return {"ratio": marketed}


@check("bench-28x-vs-mi355x", measured=spec("signal65.gb200_mi355x_gain"))
def over_mi355x(measured):
    return {"ratio": measured}


@check("bench-100x-conditions", context={"osl": "token"}, isl=spec("inferencex.isl_100x"), osl=spec("inferencex.osl_100x"))
def conditions(isl, osl):
    return {"context": isl + osl, "osl": osl}


@reading("bench-100x-conditions", "the workload of the GB300 test behind 226", long_isl=given(131072, "token", "128K"))
def conditions_long(long_isl):
    return {"context": long_isl}
