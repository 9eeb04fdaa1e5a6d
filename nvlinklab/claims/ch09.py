"""Chapter 9: LPX, SRAM and attention-FFN disaggregation."""

import dataclasses
from functools import cache

from nvlinklab.claims.registry import assume, check, given, reading, spec, stated
from nvlinklab.network import dragonfly
from nvlinklab.network.alphabeta import Link
from nvlinklab.network.bandwidth import aggregate, both_ways
from nvlinklab.serving import afd, kv_transfer
from nvlinklab.workload.architecture import Architecture, expert_params, model, routed_params

TRAYS, LPUS_PER_TRAY, LPUS = spec("groq3-lpx.trays"), spec("groq3-lpx.lpus_per_tray"), spec("groq3-lpx.lpus")
LAYERS, DENSE_LAYERS = spec("deepseek-v3.layers"), spec("deepseek-v3.dense_layers")
HIDDEN, INTERMEDIATE = spec("deepseek-v3.hidden"), spec("deepseek-v3.moe_intermediate")
FP8, BF16 = given(1, "B", "bytes of an FP8 element"), given(2, "B", "bytes of a BF16 element")
NVFP4 = given(0.5625, "B", "bytes of an NVFP4 weight with its block scale")
CONTEXT = given(131072, "token", "128 x 1024 tokens, as long-context tests count")


@cache
def _published() -> Architecture:
    return model("deepseek-v3").spec


def deepseek(**changes) -> Architecture:
    """The published shape, with some of its numbers as inputs of a claim."""
    return dataclasses.replace(_published(), **changes)


def stored_experts(a, element):
    """Weights of all experts of all layers, shared ones included [B]."""
    return routed_params(a) * (1.0 + a.shared_experts / a.routed_experts) * element


# What it is


@check(
    "lpu-niche-update-2026-05-21",
    context={"lpx_over_nvl72_flops": "x", "lpx_over_nvl72_memory": "x"},
    call=spec("nvda-fy27q1.reported"),
    lpx_flops=spec("groq3-lpx.flops_fp8"), lpx_memory=spec("groq3-lpx.sram_capacity"),
    gpus=spec("vr-nvl72.gpus"), gpu_flops=spec("rubin.flops_fp8"), gpu_memory=spec("rubin.mem_capacity"),
)  # fmt: skip
def niche(call, lpx_flops, lpx_memory, gpus, gpu_flops, gpu_memory):
    return {
        "date": call,
        "lpx_over_nvl72_flops": lpx_flops / aggregate(gpus, gpu_flops),
        "lpx_over_nvl72_memory": lpx_memory / aggregate(gpus, gpu_memory),
    }


@check("lpu-seventh-chip", chips=spec("vr-platform.chips"))
def seventh_chip(chips):
    return {"rank": chips}


@check("lpu-rack-256-lpus", trays=TRAYS, per_tray=LPUS_PER_TRAY)
def rack_lpus(trays, per_tray):
    return {"lpus": trays * per_tray}


@check(
    "lpu-128gb-sram", context={"share_of_rubin_gpu": "1"}, lpus=LPUS, per_lpu=spec("lpu-3.sram_capacity"), rubin=spec("rubin.mem_capacity")
)
def sram(lpus, per_lpu, rubin):
    return {"sram": aggregate(lpus, per_lpu), "per_lpu": per_lpu, "share_of_rubin_gpu": aggregate(lpus, per_lpu) / rubin}


@check("lpu-8tb-ddr", trays=TRAYS, per_tray=stated("per_tray"))
def ddr(trays, per_tray):
    return {"ddr": aggregate(trays, per_tray)}


@check("lpu-40pbs-sram-bandwidth", lpus=LPUS, per_lpu=spec("lpu-3.sram_bw"))
def sram_bandwidth(lpus, per_lpu):
    return {"bandwidth": aggregate(lpus, per_lpu)}


@reading("lpu-40pbs-sram-bandwidth", "the rounded figure of the rack's data sheet", rack=spec("groq3-lpx.sram_bw"))
def sram_bandwidth_rack(rack):
    return {"bandwidth": rack}


@check(
    "lpu-power-80-100kw",
    context={"per_flops": "kW/(PFLOP/s)", "nvl72_per_flops": "kW/(PFLOP/s)"},
    holds_if=("chip_power", "the power of one LPU"),
    lpus=LPUS, chip_power=spec("lpx-power.chip"), other=spec("lpx-power.other"), flops=spec("groq3-lpx.flops_fp8"),
    nvl72=spec("vr-nvl72.power"), gpus=spec("vr-nvl72.gpus"), gpu_flops=spec("rubin.flops_fp8"),
)  # fmt: skip
def rack_power(lpus, chip_power, other, flops, nvl72, gpus, gpu_flops):
    power = aggregate(lpus, chip_power) * (1.0 + other)
    return {"power": power, "per_flops": power / flops, "nvl72_per_flops": nvl72 / aggregate(gpus, gpu_flops)}


@check(
    "lpu-c2c-112g",
    context={"per_lpu": "TB/s", "payload_share": "1"},
    rate=spec("lpu-3.link_rate"), links=spec("lpu-3.links"), published=spec("lpu-3.chip_bw_both"),
)  # fmt: skip
def c2c(rate, links, published):
    raw = both_ways(aggregate(links, rate))
    return {"rate": rate, "per_lpu": raw, "payload_share": published / raw}


@check(
    "lpu-150tbs-7x-hbm4",
    context={"capacity_ratio": "x", "time_to_read_all": "us", "hbm4_time_to_read_all": "ms"},
    sram_bw=spec("lpu-3.sram_bw"), hbm4=spec("rubin.mem_bw"), sram_size=spec("lpu-3.sram_capacity"), hbm_size=spec("rubin.mem_capacity"),
)  # fmt: skip
def sram_over_hbm(sram_bw, hbm4, sram_size, hbm_size):
    return {
        "bandwidth": sram_bw, "ratio": sram_bw / hbm4, "capacity_ratio": hbm_size / sram_size,
        "time_to_read_all": sram_size / sram_bw, "hbm4_time_to_read_all": hbm_size / hbm4,
    }  # fmt: skip


@reading("lpu-150tbs-7x-hbm4", "against the HBM3e of GB300, of which the second mention speaks", hbm3e=spec("gb300.mem_bw"))
def sram_over_hbm3e(sram_bw, hbm3e):
    return {"ratio": sram_bw / hbm3e}


@reading("lpu-150tbs-7x-hbm4", "rack against rack", lpus=LPUS, gpus=spec("vr-nvl72.gpus"))
def sram_over_hbm_racks(sram_bw, lpus, hbm4, gpus):
    return {"ratio": aggregate(lpus, sram_bw) / aggregate(gpus, hbm4)}


# How it is wired


def lpx_fabric(trays, per_tray, local_links, rate):
    """The rack as a Dragonfly of trays with one link from each LPU to each other tray."""
    return dragonfly.Dragonfly(groups=trays, group_size=per_tray, local_links=local_links, global_links=trays - 1.0, link_bw=rate)


FABRIC = {
    "trays": TRAYS, "per_tray": LPUS_PER_TRAY, "rate": spec("lpu-3.link_rate"),
    "local_links": given(8, "link", "links to each peer in the tray: the whole number next to the stated 56 over 7 peers"),
}  # fmt: skip


@check("lpu-96-links-breakdown", **FABRIC, links=spec("lpu-3.links"), fpga=stated("fpga"))
def link_breakdown(trays, per_tray, local_links, rate, links, fpga):
    d = lpx_fabric(trays, per_tray, local_links, rate)
    return {
        "links": links, "in_tray": (d.group_size - 1.0) * d.local_links, "cross_tray": d.global_links,
        "rest": links - dragonfly.links_used(d) - fpga,
    }  # fmt: skip


@check(
    "lpu-dragonfly-full-interconnect",
    context={"direct_peers": "LPU", "mean_hops": "hop", "full_mesh_links": "link", "uplink_over_mesh": "1", "bisection": "TB/s"},
    **FABRIC,
)  # fmt: skip
def full_interconnect(trays, per_tray, local_links, rate):
    d = lpx_fabric(trays, per_tray, local_links, rate)
    return {
        "lpus": dragonfly.reach(d), "direct_peers": dragonfly.direct_peers(d), "mean_hops": dragonfly.mean_hops(d),
        "full_mesh_links": dragonfly.devices(d) - 1.0, "uplink_over_mesh": dragonfly.taper(d), "bisection": dragonfly.bisection(d),
    }  # fmt: skip


@reading("lpu-dragonfly-full-interconnect", "in one hop, as a full mesh would: itself and its direct peers")
def full_mesh(trays, per_tray, local_links, rate):
    return {"lpus": 1.0 + dragonfly.direct_peers(lpx_fabric(trays, per_tray, local_links, rate))}


# Experts from DDR


@check(
    "lpu-ddr5-204p8gbs",
    context={"rack": "TB/s"},
    transfers=given(6400, "MT/s", "DDR5-6400"), width=given(8, "B", "a channel of 64 bits"),
    channels=given(4, "1", "four channels"), trays=TRAYS,
)  # fmt: skip
def ddr_bandwidth(transfers, width, channels, trays):
    tray = aggregate(channels, transfers * width)
    return {"bandwidth": tray, "rack": aggregate(trays, tray)}


TRAY_DDR = stated("bandwidth", "lpu-ddr5-204p8gbs")
EXPERT = stated("bytes", "moe-expert-44m-params-44mb")


@check("lpu-200gbps-per-lpu", tray=TRAY_DDR, sharers=stated("lpus", "lpu-rack-256-lpus"))
def ddr_per_lpu(tray, sharers):
    return {"per_lpu": tray / sharers}


@reading("lpu-200gbps-per-lpu", "a tray's memory among the eight LPUs of that tray", own=LPUS_PER_TRAY)
def ddr_per_lpu_tray(tray, own):
    return {"per_lpu": tray / own}


@check(
    "lpu-expert-load-1p68us",
    context={"bandwidth_needed": "TB/s"},
    nbytes=EXPERT, tray=TRAY_DDR, printed=stated("time"),
)  # fmt: skip
def expert_load(nbytes, tray, printed):
    return {"time": nbytes / tray, "bandwidth_needed": nbytes / printed}


CHANNELS = given(4, "1", "channels, already counted in the bandwidth of a tray")


@reading("lpu-expert-load-1p68us", "divided by 32 trays and once more by the 4 channels of each", trays=TRAYS, channels=CHANNELS)
def expert_load_channels(nbytes, tray, trays, channels):
    return {"time": nbytes / (aggregate(trays, tray) * channels)}


@reading("lpu-expert-load-1p68us", "cut into 32 parts, one from the memory of each tray", trays=TRAYS)
def expert_load_rack(nbytes, tray, trays):
    return {"time": nbytes / aggregate(trays, tray)}


@reading("lpu-expert-load-1p68us", "out of the SRAM of one LPU", sram_bw=spec("lpu-3.sram_bw"))
def expert_load_sram(nbytes, sram_bw):
    return {"time": nbytes / sram_bw}


@reading("lpu-expert-load-1p68us", "out of HBM4", hbm4=spec("rubin.mem_bw"))
def expert_load_hbm(nbytes, hbm4):
    return {"time": nbytes / hbm4}


LPU_FLOPS, FLOP_PER_WEIGHT = spec("lpu-3.flops_fp8"), given(2, "FLOP", "a multiply and an add for each weight and token")


@check(
    "lpu-compute-2us",
    context={"one_token": "us", "read": "us"},
    holds_if=("tokens", "the number of tokens that one expert on one LPU works on at once"),
    hidden=HIDDEN, intermediate=INTERMEDIATE, tokens=assume(8, "token", "not stated: one user to a full decode batch", 1, 256),
    flop=FLOP_PER_WEIGHT, flops=LPU_FLOPS, weight=FP8, sram_bw=spec("lpu-3.sram_bw"),
)  # fmt: skip
def expert_compute(hidden, intermediate, tokens, flop, flops, weight, sram_bw):
    params = expert_params(deepseek(hidden=hidden, moe_intermediate=intermediate))
    return {"time": tokens * params * flop / flops, "one_token": params * flop / flops, "read": params * weight / sram_bw}


@check(
    "lpu-layer-4us",
    context={"sum_as_printed": "us"},
    nbytes=EXPERT, tray=TRAY_DDR, compute=stated("time", "lpu-compute-2us"), printed=stated("time", "lpu-expert-load-1p68us"),
)  # fmt: skip
def expert_layer(nbytes, tray, compute, printed):
    return {"time": nbytes / tray + compute, "sum_as_printed": printed + compute}


@reading("lpu-layer-4us", "with the load time as printed")
def expert_layer_printed(printed, compute):
    return {"time": printed + compute}


@reading("lpu-layer-4us", "from the memory of all 32 trays at once", trays=TRAYS)
def expert_layer_rack(nbytes, tray, compute, trays):
    return {"time": nbytes / aggregate(trays, tray) + compute}


@reading("lpu-layer-4us", "the expert stays in SRAM", sram_bw=spec("lpu-3.sram_bw"))
def expert_layer_sram(nbytes, sram_bw, compute):
    return {"time": nbytes / sram_bw + compute}


@check(
    "lpu-sram-ddr-sufficient-for-experts",
    context={"weights": "GB", "racks_in_sram": "rack", "racks_in_sram_nvfp4": "rack", "streamed_per_token": "ms"},
    layers=LAYERS, dense_layers=DENSE_LAYERS, hidden=HIDDEN, intermediate=INTERMEDIATE,
    experts=spec("deepseek-v3.routed_experts"), top_k=spec("deepseek-v3.top_k"), weight=FP8, nvfp4=NVFP4,
    lpus=LPUS, sram=stated("sram"), trays=TRAYS, ddr=stated("ddr"), tray_bw=TRAY_DDR, layer_time=stated("time", "lpu-layer-4us"),
)  # fmt: skip
def sufficient(
    layers, dense_layers, hidden, intermediate, experts, top_k, weight, nvfp4, lpus, sram, trays, ddr, tray_bw, layer_time
):  # fmt: skip
    a = deepseek(
        layers=layers, dense_layers=dense_layers, hidden=hidden, moe_intermediate=intermediate, routed_experts=experts, top_k=top_k
    )
    weights, rack = stored_experts(a, weight), aggregate(lpus, sram)
    per_layer = top_k * expert_params(a) * weight / aggregate(trays, tray_bw)
    return {
        "held": (rack + aggregate(trays, ddr)) / weights,
        "in_time": layer_time / per_layer,
        "weights": weights,
        "racks_in_sram": afd.holding_devices(weights, rack),
        "racks_in_sram_nvfp4": afd.holding_devices(stored_experts(a, nvfp4), rack),
        "streamed_per_token": (layers - dense_layers) * per_layer,
    }


@reading("lpu-sram-ddr-sufficient-for-experts", "in SRAM alone, the only place fast enough")
def sufficient_sram(layers, dense_layers, hidden, intermediate, experts, weight, lpus, sram):
    a = deepseek(layers=layers, dense_layers=dense_layers, hidden=hidden, moe_intermediate=intermediate, routed_experts=experts)
    return {"held": aggregate(lpus, sram) / stored_experts(a, weight)}


# Crossing between the pools


ROCE = spec("indicative.roce_latency")
CROSSING = {
    "layers": LAYERS, "dense_layers": DENSE_LAYERS, "hidden": HIDDEN, "element": BF16, "alpha": ROCE,
    "bw": spec("connectx9.bw"), "batch": assume(1, "request", "requests of one GPU in a step; one, as in the article's 580 us", 1, 60),
}  # fmt: skip


@check(
    "lpu-afd-only-10us-overhead",
    context={"crossings": "1", "per_crossing": "us", "budget": "us"},
    **CROSSING, printed=stated("overhead"),
)  # fmt: skip
def afd_overhead(layers, dense_layers, hidden, element, alpha, bw, batch, printed):
    split, link = layers - dense_layers, Link(alpha=alpha, bw=bw)
    total = afd.crossing_total(split, link, afd.crossing_bytes(batch, hidden, element))
    return {
        "overhead": total,
        "crossings": afd.crossings(split),
        "per_crossing": total / afd.crossings(split),
        "budget": afd.crossing_budget(printed, split),
    }


@reading("lpu-afd-only-10us-overhead", "there and back in one layer only, 5 us each way", each=spec("aiconfigurator.inter_rack_time"))
def afd_overhead_once(hidden, element, each, bw, batch):
    return {"overhead": afd.crossing_total(1.0, Link(alpha=each, bw=bw), afd.crossing_bytes(batch, hidden, element))}


@reading("lpu-afd-only-10us-overhead", "the bytes alone, with no latency")
def afd_overhead_bytes(layers, dense_layers, hidden, element, bw, batch):
    return {"overhead": afd.crossing_total(layers - dense_layers, Link(alpha=0.0, bw=bw), afd.crossing_bytes(batch, hidden, element))}


@reading("lpu-afd-only-10us-overhead", "10 us in each layer", printed=stated("overhead"))
def afd_overhead_each(layers, dense_layers, printed):
    return {"overhead": (layers - dense_layers) * printed}


@check(
    "lpu-afd-overhead-under-2pct",
    context={"overhead": "us", "attention": "us"},
    **CROSSING, context_tokens=CONTEXT, cache_element=FP8, mem_bw=spec("rubin.mem_bw"),
)  # fmt: skip
def afd_share(layers, dense_layers, hidden, element, alpha, bw, batch, context_tokens, cache_element, mem_bw):
    split, link = layers - dense_layers, Link(alpha=alpha, bw=bw)
    overhead = afd.crossing_total(split, link, afd.crossing_bytes(batch, hidden, element))
    attention = batch * kv_transfer.kv_bytes(deepseek(layers=layers), context_tokens, cache_element) / mem_bw
    return {
        "share": overhead / attention,
        "overhead": overhead,
        "attention": attention,
    }


ATTENTION = stated("time", "token-attention-580us")


@reading(
    "lpu-afd-overhead-under-2pct", "as printed: 10 us against the 580 us of GB300",
    overhead=stated("overhead", "lpu-afd-only-10us-overhead"), printed=ATTENTION,
)  # fmt: skip
def afd_share_printed(overhead, printed):
    return {"share": overhead / printed}


@reading(
    "lpu-afd-overhead-under-2pct", "10 us against the attention of Rubin, on which the scenario runs",
    overhead=stated("overhead", "lpu-afd-only-10us-overhead"),
)  # fmt: skip
def afd_share_rubin(overhead, layers, context_tokens, cache_element, mem_bw):
    return {"share": overhead * mem_bw / kv_transfer.kv_bytes(deepseek(layers=layers), context_tokens, cache_element)}


@reading("lpu-afd-overhead-under-2pct", "every crossing counted, at the article's 580 us", printed=ATTENTION)
def afd_share_all(layers, dense_layers, hidden, element, alpha, bw, printed):
    return {
        "share": afd.crossing_total(layers - dense_layers, Link(alpha=alpha, bw=bw), afd.crossing_bytes(1.0, hidden, element)) / printed
    }


FULL = given(60, "request", "requests of 128K that fit beside the weights of one GPU")


@reading("lpu-afd-overhead-under-2pct", "a GPU full of such requests, nothing hidden", full=FULL)
def afd_share_full(layers, dense_layers, hidden, element, alpha, bw, full, context_tokens, cache_element, mem_bw):
    overhead = afd.crossing_total(layers - dense_layers, Link(alpha=alpha, bw=bw), afd.crossing_bytes(full, hidden, element))
    return {"share": overhead * mem_bw / (full * kv_transfer.kv_bytes(deepseek(layers=layers), context_tokens, cache_element))}


@reading(
    "lpu-afd-overhead-under-2pct", "the same GPU with its batch in three parts that take turns: what the network adds to a step",
    full=FULL, parts=spec("afd-baidu.micro_batches"), ffn=stated("time", "lpu-layer-4us"),
)  # fmt: skip
def afd_share_hidden(layers, hidden, element, alpha, bw, full, context_tokens, cache_element, mem_bw, parts, ffn):
    attention = full * kv_transfer.kv_bytes(deepseek(layers=layers), context_tokens, cache_element) / mem_bw / layers
    way = afd.crossing(Link(alpha=alpha, bw=bw), afd.crossing_bytes(full, hidden, element))
    layer = afd.SplitLayer(attention=afd.StageCost(batch=attention), dispatch=way, ffn=afd.StageCost(fixed=ffn), combine=way)
    added = afd.layer_time(layer, parts) - afd.layer_time(afd.without_network(layer), parts)
    return {"share": added / attention}


# Variation


@check(
    "lpu-gpu-cv-0p3-0p5",
    context={"step_per_layer": "us", "wait": "us", "stretch_at_stated": "x", "draft_gain_on_gpus": "x"},
    batch=spec("sglang_h100_96.decode_batch"), rate=spec("sglang_h100_96.decode_rate"), gpus=spec("dgx-h100.gpus"), layers=LAYERS,
    exchanges=assume(2, "1", "exchanges a layer is cut by: dispatch and combine, of two half batches at most", 1, 4),
    in_place=spec("sglang_h100_96.dispatch_time"), alone=spec("sglang_h100_96.dispatch_time_alone"),
    slowest=given(2.388, "1", "expected largest of 72 standard normal numbers"), cv_stated=stated("cv"),
    mtp=spec("sglang_gb300_long.gb300_interactivity_mtp"), plain=spec("sglang_gb300_long.gb300_interactivity"),
)  # fmt: skip
def variation(batch, rate, gpus, layers, exchanges, in_place, alone, slowest, cv_stated, mtp, plain):
    per_layer = batch * gpus / rate / layers
    wait, work = in_place - alone, per_layer / exchanges - in_place
    return {
        "cv": wait / (slowest * work),
        "step_per_layer": per_layer,
        "wait": wait,
        "stretch_at_stated": 1.0 + slowest * cv_stated,
        "draft_gain_on_gpus": mtp / plain,
    }
