"""Chapter 1: NVLink generations and bandwidth bookkeeping."""

import jax.numpy as jnp

from nvlinklab.claims.registry import check, given, reading, spec, stated
from nvlinklab.network.bandwidth import DIRECTIONS, aggregate, both_ways, gpu_bandwidth, lane_rate, link_bandwidth, split_rate
from nvlinklab.network.topology import crossing_share

GPUS, GPU_BW5, GPU_BW6 = spec("gb200-nvl72.gpus"), spec("nvlink5.gpu_bw"), spec("nvlink6.gpu_bw")
LANES5 = {"links": spec("nvlink5.links"), "lanes": spec("nvlink5.lanes"), "rate": spec("nvlink5.lane_rate")}
LANES6 = {"links": spec("nvlink6.links"), "lanes": spec("nvlink6.lanes"), "rate": spec("nvlink6.lane_rate")}
X16 = given(16, "lane", "lanes of a full slot")


# Model sizes


@check(
    "gen-params-tens-of-millions-to-trillions", context={"doubling_time": "mo"},
    start=spec("transformer-base.params"), end=spec("kimi-k2.params_counted"),
    published=spec("transformer-base.published"), released=spec("kimi-k2.released"),
    year=given(1, "yr/date", "a year of the calendar is a year of time"),
)  # fmt: skip
def model_growth(start, end, published, released, year):
    span = (released - published) * year
    return {"params_start": start, "params_end": end, "span": span, "doubling_time": span / jnp.log2(end / start)}


@reading(
    "gen-params-tens-of-millions-to-trillions", "what one token uses, instead of all experts", active=spec("kimi-k2.params_active_counted")
)
def model_growth_active(active):
    return {"params_end": active}


# Generations and dates


@check(
    "gen-nvlink1-2016-vs-pcie3",
    introduced=spec("nvlink1.year"), links=spec("nvlink1.links"), lanes=spec("nvlink1.lanes"), rate=spec("nvlink1.lane_rate"),
    slot_lanes=spec("pcie3-x16.lanes"), slot_rate=spec("pcie3-x16.lane_rate"),
    payload=given(128 / 130, "1", "payload share of the 128b/130b line code"),
)  # fmt: skip
def first_nvlink(introduced, links, lanes, rate, slot_lanes, slot_rate, payload):
    return {"year": introduced, "advantage": gpu_bandwidth(links, lanes, rate) / (link_bandwidth(slot_lanes, slot_rate) * payload)}


@reading("gen-nvlink1-2016-vs-pcie3", "one link of four, as between two given GPUs of a DGX-1")
def first_nvlink_pair(lanes, rate, slot_lanes, slot_rate, payload):
    return {"advantage": link_bandwidth(lanes, rate) / (link_bandwidth(slot_lanes, slot_rate) * payload)}


@check(
    "gen-nvswitch-2018-300gbs-8gpu",
    links=spec("nvlink2.links"), lanes=spec("nvlink2.lanes"), rate=spec("nvlink2.lane_rate"),
    domain=spec("dgx-2.gpus"), introduced=spec("nvswitch1.year"),
)  # fmt: skip
def first_switch(links, lanes, rate, domain, introduced):
    return {"bandwidth": both_ways(gpu_bandwidth(links, lanes, rate)), "gpus": domain, "year": introduced}


@reading("gen-nvswitch-2018-300gbs-8gpu", "one board of the two in a DGX-2, the topology NVIDIA words", boards=given(2, "1", "boards"))
def first_switch_board(domain, boards):
    return {"gpus": domain / boards}


@check("gen-sharp-with-nvlink3-and-4", arrived=spec("nvlink-sharp.year"), first_with=spec("nvlink-sharp.generation"))
def sharp_arrival(arrived, first_with):
    return {"years": arrived, "generation": first_with}


@reading("gen-sharp-with-nvlink3-and-4", "generations of the switch instead of the link", third_switch=given(3, "generation", "NVSwitch 3"))
def sharp_switch_generation(third_switch):
    return {"generation": third_switch}


@check("gen-nvl300-rack-name", gpus=spec("gb300-nvl72.gpus"))
def rack_name(gpus):
    return {"rack_gpus": gpus}


@reading("gen-nvl300-rack-name", "the number of the chip's name, GB300, taken for a count", chip_name=given(300, "GPU", "a name, no count"))
def rack_name_from_chip(chip_name):
    return {"rack_gpus": chip_name}


@check("gen-spine-unveiled-computex-2025", shown=spec("nvlink-spine.shown"))
def spine_first_shown(shown):
    return {"year": shown}


@reading("gen-spine-unveiled-computex-2025", "the show of the piece itself on stage", shown_again=spec("nvlink-spine.shown_computex"))
def spine_shown_again(shown_again):
    return {"year": shown_again}


@check("gen-gb200-nvl72-launch-2024-03", announced=spec("gb200-nvl72.announced"))
def gb200_launch(announced):
    return {"date": announced}


@check(
    "gen-launch-dates-row",
    gb200_announced=spec("gb200-nvl72.announced"), gb300_deployed=spec("gb300-nvl72.first_deployed"),
    gb300_on_stage=spec("gb300-nvl72.announced"),
    vr_announced=spec("vr-nvl72.announced"), ultra_planned=spec("rubin-ultra-nvl576.planned"),
)  # fmt: skip
def launch_dates(gb200_announced, gb300_deployed, gb300_on_stage, vr_announced, ultra_planned):
    return {
        "gb200": gb200_announced,
        "gb300": gb300_deployed,
        "gb300_announced": gb300_on_stage,
        "vera_rubin": vr_announced,
        "rubin_ultra": ultra_planned,
    }


@check(
    "gen-rubin-ultra-nvlink6", context={"over_nvlink6": "x"},
    rack_bw=spec("rubin-ultra-nvl576.nvlink_total"), packages=spec("rubin-ultra-nvl576.gpus"), gpu_bw=GPU_BW6,
)  # fmt: skip
def ultra_generation(rack_bw, packages, gpu_bw):
    return {"over_nvlink6": rack_bw / packages / gpu_bw}


# Bandwidth per GPU and per rack


@check(
    "bw-nvlink5-1p8tbs-72gpu-s0",
    **LANES5, trays=spec("gb200-nvl72.compute_trays"), gpus_per_tray=spec("gb200-nvl72.gpus_per_tray"), introduced=spec("nvlink5.year"),
)  # fmt: skip
def nvlink5_domain(links, lanes, rate, trays, gpus_per_tray, introduced):
    return {"bandwidth": both_ways(gpu_bandwidth(links, lanes, rate)), "gpus": trays * gpus_per_tray, "year": introduced}


@reading("bw-nvlink5-1p8tbs-72gpu-s0", "one direction")
def nvlink5_one_way(links, lanes, rate):
    return {"bandwidth": gpu_bandwidth(links, lanes, rate)}


def rack_both_ways(gpus, gpu_bw):
    return {"bandwidth": both_ways(aggregate(gpus, gpu_bw))}


def rack_one_way(gpus, gpu_bw):
    return {"bandwidth": aggregate(gpus, gpu_bw)}


for _claim in ("bw-rack-130tbs-s0", "bw-spine-130tbs"):
    check(_claim, gpus=GPUS, gpu_bw=GPU_BW5)(rack_both_ways)
    reading(_claim, "one direction: every byte counted once")(rack_one_way)


@reading("bw-rack-130tbs-s0", "what crosses the middle of the rack, one direction", halves=given(2, "1", "halves of the rack"))
def rack_bisection(gpus, gpu_bw, halves):
    return {"bandwidth": aggregate(gpus / halves, gpu_bw)}


@check("bw-rack-130tbs-bidirectional-s3", gpus=GPUS, **LANES5)
def rack_from_lanes(gpus, links, lanes, rate):
    return {"bandwidth": both_ways(aggregate(gpus, gpu_bandwidth(links, lanes, rate)))}


@reading("bw-rack-130tbs-bidirectional-s3", "one direction: every byte counted once")
def rack_from_lanes_one_way(gpus, links, lanes, rate):
    return {"bandwidth": aggregate(gpus, gpu_bandwidth(links, lanes, rate))}


@check("bw-800x-first-generation", gpus=GPUS, gpu_bw=GPU_BW5, first_gpu_bw=spec("nvlink1.gpu_bw"))
def over_first_generation(gpus, gpu_bw, first_gpu_bw):
    return {"ratio": aggregate(gpus, gpu_bw) / first_gpu_bw}


@reading("bw-800x-first-generation", "the rounded 130 TB/s over one GPU of 2016", rack=stated("bandwidth", "bw-rack-130tbs-s0"))
def over_first_generation_rounded(rack, first_gpu_bw):
    return {"ratio": rack / both_ways(first_gpu_bw)}


@reading("bw-800x-first-generation", "GPU against GPU")
def over_first_generation_per_gpu(gpu_bw, first_gpu_bw):
    return {"ratio": gpu_bw / first_gpu_bw}


@reading("bw-800x-first-generation", "domain against domain: 72 GPUs over the 8 of a DGX-1", first_gpus=given(8, "GPU", "P100 in a DGX-1"))
def over_first_generation_domains(gpus, gpu_bw, first_gpus, first_gpu_bw):
    return {"ratio": aggregate(gpus, gpu_bw) / aggregate(first_gpus, first_gpu_bw)}


@check("bw-nvlink5-up-to-576-coherent-gpus", context={"racks": "rack"}, addressable=spec("nvlink5.max_domain"), rack_gpus=GPUS)
def largest_domain(addressable, rack_gpus):
    return {"max_domain": addressable, "racks": addressable / rack_gpus}


@reading("bw-nvlink5-up-to-576-coherent-gpus", "the largest domain that was sold")
def largest_sold(rack_gpus):
    return {"max_domain": rack_gpus}


@check(
    "gen-72gpu-coherent-single-entity",
    not_checkable="a statement about programming; how uniform the memory of the 72 GPUs is can be computed, see below",
    context={"own_over_remote": "x", "own_over_remote_rubin": "x"},
    mem_bw=spec("gb200.mem_bw"), gpu_bw=GPU_BW5, mem_bw_rubin=spec("rubin.mem_bw"), gpu_bw_rubin=GPU_BW6,
)  # fmt: skip
def memory_uniformity(mem_bw, gpu_bw, mem_bw_rubin, gpu_bw_rubin):
    return {"own_over_remote": mem_bw / gpu_bw, "own_over_remote_rubin": mem_bw_rubin / gpu_bw_rubin}


@check("bw-900gbs-latest-generation", gpu_bw=GPU_BW5)
def latest_generation(gpu_bw):
    return {"bandwidth": both_ways(gpu_bw)}


@reading("bw-900gbs-latest-generation", "NVLink 5 in one direction")
def latest_generation_one_way(gpu_bw):
    return {"bandwidth": gpu_bw}


@reading("bw-900gbs-latest-generation", "NVLink 4 of 2022, both directions", gpu_bw4=spec("nvlink4.gpu_bw"))
def latest_generation_nvlink4(gpu_bw4):
    return {"bandwidth": both_ways(gpu_bw4)}


@reading("bw-900gbs-latest-generation", "NVLink 6, announced a month before the article, both directions", gpu_bw6=GPU_BW6)
def latest_generation_nvlink6(gpu_bw6):
    return {"bandwidth": both_ways(gpu_bw6)}


@check("bw-spine-vs-internet-900tbps", gpus=GPUS, gpu_bw=GPU_BW5, traffic=spec("internet.traffic"))
def spine_against_internet(gpus, gpu_bw, traffic):
    one_way = aggregate(gpus, gpu_bw)
    return {"spine": both_ways(one_way), "internet": traffic, "ratio": both_ways(one_way) / traffic, "delivered": one_way / traffic}


@reading("bw-spine-vs-internet-900tbps", "bytes compared with bits as printed", spine_as_printed=given(130, "Tb/s", "130 without its unit"))
def spine_against_internet_as_printed(spine_as_printed, traffic):
    return {"ratio": spine_as_printed / traffic}


@reading("bw-spine-vs-internet-900tbps", "against the capacity of international lines", capacity=spec("internet.international_capacity"))
def spine_against_capacity(gpus, gpu_bw, capacity):
    return {"ratio": both_ways(aggregate(gpus, gpu_bw)) / capacity, "delivered": aggregate(gpus, gpu_bw) / capacity}


@check(
    "bw-nvlink-per-gpu-row",
    nvlink5=GPU_BW5, nvlink6=GPU_BW6, ultra_rack=spec("rubin-ultra-nvl576.nvlink_total"), packages=spec("rubin-ultra-nvl576.gpus"),
)  # fmt: skip
def per_gpu_row(nvlink5, nvlink6, ultra_rack, packages):
    return {
        "gb200": both_ways(nvlink5),
        "gb300": both_ways(nvlink5),
        "rubin": both_ways(nvlink6),
        "rubin_ultra": both_ways(ultra_rack / packages),
    }


@reading("bw-nvlink-per-gpu-row", "per die instead of per package", dies=spec("rubin-ultra-nvl576.dies"))
def per_gpu_row_dies(ultra_rack, dies):
    return {"rubin_ultra": both_ways(ultra_rack / dies)}


@reading("bw-nvlink-per-gpu-row", "NVLink 6 kept, as the same row says")
def per_gpu_row_nvlink6(nvlink6):
    return {"rubin_ultra": both_ways(nvlink6)}


@check("bw-rack-260tbs-row", gpus=spec("vr-nvl72.gpus"), gpu_bw=GPU_BW6)
def rubin_rack(gpus, gpu_bw):
    return rack_both_ways(gpus, gpu_bw)


@reading("bw-rack-260tbs-row", "36 packages, as the article counts elsewhere", packages=given(36, "GPU", "72 dies of 36 packages"))
def rubin_rack_36(packages, gpu_bw):
    return rack_both_ways(packages, gpu_bw)


@check(
    "bw-rack-1p5pbs-nvl576",
    context={"over_gb300": "x"},
    rack_bw=spec("rubin-ultra-nvl576.nvlink_total"),
    gb300_rack=spec("gb300-nvl72.nvlink_total"),
)
def ultra_rack(rack_bw, gb300_rack):
    return {"bandwidth": both_ways(rack_bw), "over_gb300": rack_bw / gb300_rack}


@reading(
    "bw-rack-1p5pbs-nvl576", "144 packages at the 3.6 TB/s of the same column",
    packages=spec("rubin-ultra-nvl576.gpus"), per_gpu=stated("rubin_ultra", "bw-nvlink-per-gpu-row"),
)  # fmt: skip
def ultra_rack_packages(packages, per_gpu):
    return {"bandwidth": aggregate(packages, per_gpu)}


@reading(
    "bw-rack-1p5pbs-nvl576", "576 dies at the 3.6 TB/s of the same column",
    dies=spec("rubin-ultra-nvl576.dies"), per_gpu=stated("rubin_ultra", "bw-nvlink-per-gpu-row"),
)  # fmt: skip
def ultra_rack_dies(dies, per_gpu):
    return {"bandwidth": aggregate(dies, per_gpu)}


@check(
    "bw-259p2-check",
    context={"one_way": "TB/s"},
    gpus=spec("vr-nvl72.gpus"),
    gpu_bw=stated("bandwidth", "bw-nvlink6-3p6tbs"),
    halving=given(2, "1", "the division by two"),
)
def halved_and_doubled(gpus, gpu_bw, halving):
    one_way = aggregate(gpus, gpu_bw) / halving
    return {"bandwidth": both_ways(one_way), "one_way": one_way}


# Lanes and links


@check(
    "serdes-nvlink5-100g-to-200g",
    gpu_bw4=spec("nvlink4.gpu_bw"), links4=spec("nvlink4.links"), lanes4=spec("nvlink4.lanes"),
    gpu_bw5=GPU_BW5, links5=spec("nvlink5.links"), lanes5=spec("nvlink5.lanes"),
)  # fmt: skip
def lane_rates(gpu_bw4, links4, lanes4, gpu_bw5, links5, lanes5):
    return {"nvlink4": lane_rate(gpu_bw4, links4, lanes4), "nvlink5": lane_rate(gpu_bw5, links5, lanes5)}


@reading(
    "serdes-nvlink5-100g-to-200g", "signalling rate, line code included", raw4=spec("nvlink4.link_bw_raw"), raw5=spec("nvlink5.link_bw_raw")
)
def lane_rates_raw(raw4, lanes4, raw5, lanes5):
    return {"nvlink4": raw4 / lanes4, "nvlink5": raw5 / lanes5}


@check("bw-nvlink5-18x100gbs", **LANES5)
def nvlink5_links(links, lanes, rate):
    return {"links": links, "link_bw": both_ways(link_bandwidth(lanes, rate)), "gpu_bw": both_ways(gpu_bandwidth(links, lanes, rate))}


@check(
    "serdes-nvlink6-224g-plus-12pct", context={"gpu_bw_implied": "TB/s"},
    gpu_bw5=GPU_BW5, links5=spec("nvlink5.links"), lanes5=spec("nvlink5.lanes"),
    gpu_bw6=GPU_BW6, links6=spec("nvlink6.links"), lanes6=spec("nvlink6.lanes"),
    article_old=stated("old"), article_new=stated("new"), channels=given(2, "1", "the doubled channel count of the article"),
)  # fmt: skip
def nvlink6_lanes(gpu_bw5, links5, lanes5, gpu_bw6, links6, lanes6, article_old, article_new, channels):
    old, new = lane_rate(gpu_bw5, links5, lanes5), lane_rate(gpu_bw6, links6, lanes6)
    return {"old": old, "new": new, "gain": new / old - 1.0, "gpu_bw_implied": both_ways(gpu_bw5) * channels * article_new / article_old}


@reading("serdes-nvlink6-224g-plus-12pct", "payload before, class of the wire after", pair_rate=spec("nvlink6.pair_rate"))
def nvlink6_lanes_mixed(gpu_bw5, links5, lanes5, pair_rate):
    old, new = lane_rate(gpu_bw5, links5, lanes5), pair_rate / DIRECTIONS
    return {"old": old, "new": new, "gain": new / old - 1.0}


@reading(
    "serdes-nvlink6-224g-plus-12pct",
    "signalling rate before, class of the wire after",
    raw5=spec("nvlink5.link_bw_raw"),
    pair_rate=spec("nvlink6.pair_rate"),
)
def nvlink6_lanes_raw(raw5, lanes5, pair_rate):
    old, new = raw5 / lanes5, pair_rate / DIRECTIONS
    return {"old": old, "new": new, "gain": new / old - 1.0}


@check("bw-nvlink6-3p6tbs", **LANES6)
def nvlink6_gpu(links, lanes, rate):
    return {"bandwidth": both_ways(gpu_bandwidth(links, lanes, rate))}


@reading("bw-nvlink6-3p6tbs", "one direction")
def nvlink6_gpu_one_way(links, lanes, rate):
    return {"bandwidth": gpu_bandwidth(links, lanes, rate)}


# Other buses


@check("bw-pcie6-256gbs", lanes=spec("pcie6-x16.lanes"), rate=spec("pcie6-x16.lane_rate"))
def pcie6(lanes, rate):
    return {"bandwidth": both_ways(link_bandwidth(lanes, rate))}


@reading("bw-pcie6-256gbs", "one direction")
def pcie6_one_way(lanes, rate):
    return {"bandwidth": link_bandwidth(lanes, rate)}


@reading("bw-pcie6-256gbs", "after flits and error correction, both directions", effective=spec("pcie6-x16.bw_effective"))
def pcie6_effective(effective):
    return {"bandwidth": both_ways(effective)}


@check("bw-cxl3-512gbs", lanes=X16, rate=spec("cxl3-x16.lane_rate"))
def cxl3(lanes, rate):
    return {"bandwidth": both_ways(link_bandwidth(lanes, rate))}


@reading("bw-cxl3-512gbs", "one direction")
def cxl3_one_way(lanes, rate):
    return {"bandwidth": link_bandwidth(lanes, rate)}


@reading("bw-cxl3-512gbs", "CXL 4.0 of November 2025, both directions", rate4=spec("cxl4-x16.lane_rate"))
def cxl4(lanes, rate4):
    return {"bandwidth": both_ways(link_bandwidth(lanes, rate4))}


@check(
    "bw-faq-nvlink5-vs-pcie6", context={"over_pcie5": "x"},
    **LANES5, slot_lanes=spec("pcie6-x16.lanes"), slot_rate=spec("pcie6-x16.lane_rate"), slot_rate5=spec("pcie5-x16.lane_rate"),
)  # fmt: skip
def nvlink5_over_pcie6(links, lanes, rate, slot_lanes, slot_rate, slot_rate5):
    gpu, slot = gpu_bandwidth(links, lanes, rate), link_bandwidth(slot_lanes, slot_rate)
    return {
        "nvlink": both_ways(gpu),
        "pcie6": both_ways(slot),
        "ratio": gpu / slot,
        "over_pcie5": gpu / link_bandwidth(slot_lanes, slot_rate5),
    }


@check("bw-infinity-fabric-800gbs", links=spec("xgmi-mi300x.links"), link_bw=spec("xgmi-mi300x.link_bw"))
def infinity_fabric(links, link_bw):
    return {"bandwidth": both_ways(aggregate(links, link_bw))}


@reading(
    "bw-infinity-fabric-800gbs", "MI200, the generation before", links200=spec("xgmi-mi200.links"), link_bw200=spec("xgmi-mi200.link_bw")
)
def infinity_fabric_mi200(links200, link_bw200):
    return {"bandwidth": both_ways(aggregate(links200, link_bw200))}


@reading("bw-infinity-fabric-800gbs", "one direction")
def infinity_fabric_one_way(links, link_bw):
    return {"bandwidth": aggregate(links, link_bw)}


@reading("bw-infinity-fabric-800gbs", "to one peer, both directions: the mesh has one link per pair")
def infinity_fabric_pair(link_bw):
    return {"bandwidth": both_ways(link_bw)}


# Scale-out


@check(
    "bw-scaleout-row", context={"nvlink_over_cx7": "x", "nvlink_over_cx8": "x", "nvlink_over_cx9": "x"},
    nic7=spec("connectx7.bw"), nic8=spec("connectx8.bw"), nic9=spec("connectx9.bw"), nvlink5=GPU_BW5, nvlink6=GPU_BW6,
)  # fmt: skip
def scale_out_row(nic7, nic8, nic9, nvlink5, nvlink6):
    return {
        "cx7": nic7, "cx8": nic8, "cx9": nic9,
        "nvlink_over_cx7": nvlink5 / nic7, "nvlink_over_cx8": nvlink5 / nic8, "nvlink_over_cx9": nvlink6 / nic9,
    }  # fmt: skip


@reading("bw-scaleout-row", "one ConnectX-9 adapter; a Rubin GPU has two", adapters=given(2, "1", "adapters per GPU"))
def scale_out_one_adapter(nic9, adapters):
    return {"cx9": nic9 / adapters}


@check("nvl144-cx9-28p8tbps", gpus=stated("gpus", "nvl144-144-gpus-dual-rack"), nic=stated("cx9", "bw-scaleout-row"))
def nvl144_scale_out(gpus, nic):
    return {"bandwidth": aggregate(gpus, nic)}


@reading("nvl144-cx9-28p8tbps", "72 packages, one direction", packages=spec("vr-nvl72.gpus"))
def nvl144_scale_out_packages(packages, nic):
    return {"bandwidth": aggregate(packages, nic)}


@reading("nvl144-cx9-28p8tbps", "the announced 28.8 TB/s, both directions", announced=spec("vr-nvl144.scale_out_both"))
def nvl144_scale_out_announced(announced):
    return {"bandwidth": announced}


@reading("nvl144-cx9-28p8tbps", "one GPU's worth of adapters per compute tray", trays=spec("vr-nvl72.compute_trays"))
def nvl144_scale_out_trays(trays, nic):
    return {"bandwidth": aggregate(trays, nic)}


@check(
    "nvl144-cx9-nearly-equivalent",
    nic=stated("nic"), gpu_bw=stated("bandwidth", "bw-nvlink6-3p6tbs"), directions=given(2, "1", "directions in the NVLink figure"),
)  # fmt: skip
def dual_rack(nic, gpu_bw, directions):
    return {"equivalence": nic / (gpu_bw / directions)}


@reading(
    "nvl144-cx9-nearly-equivalent", "a uniform all-to-all of 144 GPUs, where half of the bytes stay in their rack",
    gpus=stated("gpus", "nvl144-144-gpus-dual-rack"), racks=stated("racks", "nvl144-144-gpus-dual-rack"),
)  # fmt: skip
def dual_rack_all_to_all(nic, gpu_bw, directions, gpus, racks):
    inside = gpu_bw / directions
    return {"equivalence": split_rate(inside, nic, crossing_share(gpus, gpus / racks)) / inside}


@reading("nvl144-cx9-nearly-equivalent", "two replicas that never talk to each other", alone=given(1, "x", "no traffic between the racks"))
def dual_rack_replicas(alone):
    return {"equivalence": alone}
