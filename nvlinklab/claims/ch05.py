"""Chapter 5: ridge points and HBM."""

from nvlinklab.claims.registry import assume, check, given, reading, spec, stated
from nvlinklab.kernel.roofline import ridge_point
from nvlinklab.network.bandwidth import aggregate
from nvlinklab.workload.architecture import Architecture, attention_flop_per_token, expert_params, kv_elements_per_token, model
from nvlinklab.workload.moe import distinct_experts

HIDDEN, INTERMEDIATE = spec("deepseek-v3.hidden"), spec("deepseek-v3.moe_intermediate")
FP8 = given(1, "B", "bytes of an FP8 weight")


def expert_bytes(hidden, intermediate, weight_bytes):
    """Weights of one routed expert in one layer [B]."""
    shape = Architecture(attention="mla", layers=1.0, hidden=hidden, vocab=0.0, heads=0.0, moe_intermediate=intermediate)
    return expert_params(shape) * weight_bytes


@check(
    "hbm-capacity-row",
    gb200_gpu=spec("gb200.mem_capacity"), gb300_gpu=spec("gb300.mem_capacity"),
    rubin_gpu=spec("rubin.mem_capacity"), rubin_ultra_gpu=spec("rubin-ultra.mem_capacity"),
)  # fmt: skip
def capacity_row(gb200_gpu, gb300_gpu, rubin_gpu, rubin_ultra_gpu):
    return {"gb200": gb200_gpu, "gb300": gb300_gpu, "rubin": rubin_gpu, "rubin_ultra": rubin_ultra_gpu}


@reading(
    "hbm-capacity-row",
    "the physical stacks of GB200 instead of the usable memory",
    stacks=given(8, "1", "HBM3e stacks"),
    stack=given(24, "GB", "one stack"),
)
def capacity_physical(stacks, stack):
    return {"gb200": stacks * stack}


@check(
    "hbm-bandwidth-row",
    gb200_gpu=spec("gb200.mem_bw"), gb300_gpu=spec("gb300.mem_bw"), rubin_gpu=spec("rubin.mem_bw"),
    ultra_rack=spec("rubin-ultra-nvl576.mem_bw"), ultra_packages=spec("rubin-ultra-nvl576.gpus"),
)  # fmt: skip
def bandwidth_row(gb200_gpu, gb300_gpu, rubin_gpu, ultra_rack, ultra_packages):
    return {"gb200": gb200_gpu, "gb300": gb300_gpu, "rubin": rubin_gpu, "rubin_ultra": ultra_rack / ultra_packages}


@check("hbm4-2p75x", hbm3e=spec("gb300.mem_bw"), hbm4=spec("rubin.mem_bw"))
def hbm4_gain(hbm3e, hbm4):
    return {"ratio": hbm4 / hbm3e}


@check(
    "moe-expert-44m-params-44mb",
    context={"bytes_nvfp4": "MB"},
    hidden=HIDDEN,
    intermediate=INTERMEDIATE,
    weight_bytes=FP8,
    nvfp4=given(0.5625, "B", "bytes of an NVFP4 weight with its block scale"),
)
def expert_size(hidden, intermediate, weight_bytes, nvfp4):
    nbytes = expert_bytes(hidden, intermediate, weight_bytes)
    return {"params": nbytes / weight_bytes, "bytes": nbytes, "bytes_nvfp4": nbytes / weight_bytes * nvfp4}


@check("moe-expert-load-5p5us-hbm3e", hidden=HIDDEN, intermediate=INTERMEDIATE, weight_bytes=FP8, mem_bw=spec("gb300.mem_bw"))
def expert_load_hbm3e(hidden, intermediate, weight_bytes, mem_bw):
    return {"time": expert_bytes(hidden, intermediate, weight_bytes) / mem_bw}


@reading(
    "moe-expert-load-5p5us-hbm3e",
    "at the 80 % of peak that kernels reach",
    achieved=assume(0.8, "1", "share of peak that a large read reaches", 0.7, 0.9),
)
def expert_load_achieved(hidden, intermediate, weight_bytes, mem_bw, achieved):
    return {"time": expert_bytes(hidden, intermediate, weight_bytes) / (mem_bw * achieved)}


@check("moe-expert-load-2us-hbm4", hidden=HIDDEN, intermediate=INTERMEDIATE, weight_bytes=FP8, mem_bw=spec("rubin.mem_bw"))
def expert_load_hbm4(hidden, intermediate, weight_bytes, mem_bw):
    return {"time": expert_bytes(hidden, intermediate, weight_bytes) / mem_bw}


@check(
    "moe-gap-amplified-256x",
    context={"gap_per_layer": "us"},
    experts=spec("deepseek-v3.routed_experts"), top_k=spec("deepseek-v3.top_k"), shared=spec("deepseek-v3.shared_experts"),
    ep=assume(64, "GPU", "ranks that share 256 experts, as in the article's own EP64", 8, 72),
    tokens=assume(64, "token", "tokens per rank in one step", 1, 256),
    gap=stated("time", "moe-expert-load-5p5us-hbm3e"), gap_hbm4=stated("time", "moe-expert-load-2us-hbm4"),
)  # fmt: skip
def loading_gap(experts, top_k, shared, ep, tokens, gap, gap_hbm4):
    loads = distinct_experts(tokens * ep, experts, top_k) / ep + shared
    return {"factor": loads, "gap_per_layer": loads * (gap - gap_hbm4)}


@reading("moe-gap-amplified-256x", "one token on one GPU: the experts it picks, one after the other")
def loading_gap_one_token(top_k, shared):
    return {"factor": top_k + shared}


@reading("moe-gap-amplified-256x", "one GPU that holds all experts, at a large batch")
def loading_gap_one_gpu(experts, shared):
    return {"factor": experts + shared}


@check(
    "hbm-20p7tb-rack",
    trays=spec("vr-nvl72.compute_trays"),
    gpus_per_tray=spec("vr-nvl72.gpus_per_tray"),
    cpus_per_tray=assume(2, "CPU", "two superchips a tray, one CPU each"),
    per_gpu=spec("rubin.mem_capacity"),
)
def rack_capacity(trays, gpus_per_tray, cpus_per_tray, per_gpu):
    gpus = trays * gpus_per_tray
    return {"hbm": aggregate(gpus, per_gpu), "gpus": gpus, "cpus": trays * cpus_per_tray}


@reading("hbm-20p7tb-rack", "counting 36 packages, as the article's table of dies implies", packages=stated("cpus"))
def rack_capacity_36(packages, per_gpu):
    return {"hbm": aggregate(packages, per_gpu)}


@check(
    "roof-why-1p8-to-3p6-and-2p75",
    context={"nvlink_over_hbm_blackwell": "1", "nvlink_over_hbm_rubin": "1"},
    nvlink5=spec("nvlink5.gpu_bw"), nvlink6=spec("nvlink6.gpu_bw"), hbm3e=spec("gb200.mem_bw"), hbm4=spec("rubin.mem_bw"),
    fp4_blackwell=spec("gb200.flops_fp4"), fp4_rubin=spec("rubin.flops_fp4_headline"),
)  # fmt: skip
def growth_rates(nvlink5, nvlink6, hbm3e, hbm4, fp4_blackwell, fp4_rubin):
    return {
        "nvlink_growth": nvlink6 / nvlink5,
        "hbm_growth": hbm4 / hbm3e,
        "fp4_growth": fp4_rubin / fp4_blackwell,
        "nvlink_over_hbm_blackwell": nvlink5 / hbm3e,
        "nvlink_over_hbm_rubin": nvlink6 / hbm4,
    }


@reading(
    "roof-why-1p8-to-3p6-and-2p75", "dense NVFP4 on both sides, instead of Rubin's inference headline", dense_rubin=spec("rubin.flops_fp4")
)
def growth_dense(fp4_blackwell, dense_rubin):
    return {"fp4_growth": dense_rubin / fp4_blackwell}


RIDGES = ("h100_fp8", "gb200", "gb300", "rubin", "rubin_ultra")


@check(
    "roof-ridge-points-missing",
    not_checkable="the figure with the ridge points is missing from the article; computed below from published rates",
    context=dict.fromkeys(RIDGES, "FLOP/B"),
    h100_flops=spec("h100.flops_fp8"), h100_bw=spec("h100.mem_bw"), gb200_flops=spec("gb200.flops_fp4"), gb200_bw=spec("gb200.mem_bw"),
    gb300_flops=spec("gb300.flops_fp4"), gb300_bw=spec("gb300.mem_bw"), rubin_flops=spec("rubin.flops_fp4"), rubin_bw=spec("rubin.mem_bw"),
    ultra_flops=spec("rubin-ultra.flops_fp4_headline"), ultra_bw=spec("rubin-ultra.mem_bw"),
)  # fmt: skip
def ridge_points(h100_flops, h100_bw, gb200_flops, gb200_bw, gb300_flops, gb300_bw, rubin_flops, rubin_bw, ultra_flops, ultra_bw):
    pairs = ((h100_flops, h100_bw), (gb200_flops, gb200_bw), (gb300_flops, gb300_bw), (rubin_flops, rubin_bw), (ultra_flops, ultra_bw))
    return {name: ridge_point(flops, bw) for name, (flops, bw) in zip(RIDGES, pairs, strict=True)}


def attention_intensity(name: str, kv_bytes) -> float:
    """FLOP per byte of a model's decode attention over its cache."""
    shape = model(name).spec
    return shape.layers * attention_flop_per_token(shape, 1.0) / (kv_elements_per_token(shape) * kv_bytes)


@check(
    "roof-decode-operators-bandwidth-bound",
    context={"tokens_at_ridge": "token", "mla_intensity": "FLOP/B"},
    tokens=assume(32, "token", "tokens per expert and step", 1, 128),
    flop_per_weight=given(2, "FLOP", "a multiply and an add for each weight and token"), weight_bytes=FP8,
    kv_bytes=given(1, "B", "bytes of an FP8 cache element"),
    flop_unit=given(1, "FLOP", "one operation"), flops=spec("gb300.flops_fp8"), mem_bw=spec("gb300.mem_bw"),
)  # fmt: skip
def decode_operators(tokens, flop_per_weight, weight_bytes, kv_bytes, flop_unit, flops, mem_bw):
    ridge = ridge_point(flops, mem_bw)
    mla = attention_intensity("deepseek-v3", kv_bytes) * flop_unit
    gqa = attention_intensity("llama-3-1-70b", kv_bytes) * flop_unit
    return {
        "expert_gemm": tokens * flop_per_weight / weight_bytes / ridge,
        "gqa_attention": gqa / ridge,
        "mla_attention": mla / ridge,
        "tokens_at_ridge": ridge * weight_bytes / flop_per_weight,
        "mla_intensity": mla,
    }
