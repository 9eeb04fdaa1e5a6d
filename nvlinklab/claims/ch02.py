"""Chapter 2: one rack as a bipartite graph of switches, ports and cables."""

import math

import jax.numpy as jnp

from nvlinklab.claims.registry import assume, check, given, reading, spec, stated
from nvlinklab.network.bandwidth import aggregate, both_ways, lane_rate, link_bandwidth
from nvlinklab.network.topology import (
    SwitchedDomain,
    aggregate_bandwidth,
    bisection_bandwidth,
    degraded,
    injection,
    links,
    stack_distance,
    switch_capacity,
    wire_pairs,
)

RACK = {"gpus": spec("gb200-nvl72.gpus"), "switches": spec("gb200-nvl72.switch_chips"), "link_bw": spec("nvlink5.link_bw")}
LANES = spec("nvlink5.lanes")


# Counting trays, chips, ports and cables


@check("form-spine-72-gpus-one-rack", trays=spec("gb200-nvl72.compute_trays"), gpus_per_tray=spec("gb200-nvl72.gpus_per_tray"))
def spine_gpus(trays, gpus_per_tray):
    return {"gpus": trays * gpus_per_tray}


@reading("form-spine-72-gpus-one-rack", "dies, two to a package", dies=spec("gb200.dies"))
def spine_dies(trays, gpus_per_tray, dies):
    return {"gpus": trays * gpus_per_tray * dies}


@check(
    "form-18-compute-trays", context={"gpus": "GPU", "dies": "die"},
    gpus=spec("gb200-nvl72.gpus"), gpus_per_tray=spec("gb200-nvl72.gpus_per_tray"),
    cpus=spec("gb200-nvl72.cpus"), dies_per_gpu=spec("gb200.dies"),
)  # fmt: skip
def compute_trays(gpus, gpus_per_tray, cpus, dies_per_gpu):
    trays = gpus / gpus_per_tray
    return {"trays": trays, "grace_per_tray": cpus / trays, "gpu_per_tray": gpus_per_tray, "gpus": gpus, "dies": gpus * dies_per_gpu}


@check(
    "form-9x2-nvswitch", context={"ports": "port", "gpu_links": "link"},
    links_per_gpu=spec("nvlink5.links"), chips_per_tray=spec("nvswitch4.chips_per_tray"),
    ports_per_chip=spec("nvswitch4.ports"), gpus=spec("gb200-nvl72.gpus"),
)  # fmt: skip
def switch_trays(links_per_gpu, chips_per_tray, ports_per_chip, gpus):
    chips = gpus * links_per_gpu / ports_per_chip
    return {
        "trays": chips / chips_per_tray,
        "chips_per_tray": chips_per_tray,
        "chips": chips,
        "ports": chips * ports_per_chip,
        "gpu_links": gpus * links_per_gpu,
    }


@check("copper-5000-cables", context={"links": "link"}, **RACK, lanes=LANES)
def cable_count(gpus, switches, link_bw, lanes):
    domain = SwitchedDomain(gpus=gpus, switches=switches, link_bw=link_bw)
    return {"cables": wire_pairs(domain, lanes), "links": links(domain)}


@reading("copper-5000-cables", "one cable for a whole link")
def cable_count_links(gpus, switches, link_bw):
    return {"cables": links(SwitchedDomain(gpus=gpus, switches=switches, link_bw=link_bw))}


@check(
    "topo-k18-72", context={"links": "link", "both_ways": "TB/s", "bisection": "TB/s", "loss_per_chip": "percent"},
    **RACK, links_per_gpu=spec("nvlink5.links"), ports_per_chip=spec("nvswitch4.ports"), failed=given(1, "chip", "one chip out"),
)  # fmt: skip
def complete_bipartite(gpus, switches, link_bw, links_per_gpu, ports_per_chip, failed):
    rack = SwitchedDomain(gpus=gpus, switches=switches, link_bw=link_bw)
    return {
        "switches": links_per_gpu,
        "gpus": ports_per_chip,
        "links": links(rack),
        "both_ways": both_ways(aggregate_bandwidth(rack)),
        "bisection": bisection_bandwidth(rack),
        "loss_per_chip": 1.0 - injection(degraded(rack, failed)) / injection(rack),
    }


@check(
    "bw-allocation-verification-missing",
    not_checkable="the check that the article announces is missing; both of its sides are computed below from published counts",
    context={"gpu_side": "TB/s", "switch_side": "TB/s", "gpu": "TB/s", "chip": "TB/s", "balance": "x"},
    **RACK,
)  # fmt: skip
def allocation(gpus, switches, link_bw):
    rack = SwitchedDomain(gpus=gpus, switches=switches, link_bw=link_bw)
    gpu_side, switch_side = aggregate(gpus, injection(rack)), aggregate(switches, switch_capacity(rack))
    return {
        "gpu_side": both_ways(gpu_side),
        "switch_side": both_ways(switch_side),
        "gpu": both_ways(injection(rack)),
        "chip": both_ways(switch_capacity(rack)),
        "balance": switch_side / gpu_side,
    }


# Rates


@check("copper-200g-serdes-spine", gpu_bw=spec("nvlink5.gpu_bw"), links_per_gpu=spec("nvlink5.links"), lanes=LANES)
def spine_lane_rate(gpu_bw, links_per_gpu, lanes):
    return {"rate": lane_rate(gpu_bw, links_per_gpu, lanes)}


@reading("copper-200g-serdes-spine", "signalling rate, line code included", raw=spec("nvlink5.link_bw_raw"))
def spine_lane_rate_raw(raw, lanes):
    return {"rate": raw / lanes}


@check(
    "bw-nvswitch-chip-14p4tbs", context={"rack_from_stated": "TB/s"},
    ports=stated("ports"), lanes=stated("lanes"), rate=stated("lane_rate"),
    stated_chip=stated("bandwidth"), chips=stated("chips", "form-9x2-nvswitch"),
)  # fmt: skip
def switch_chip(ports, lanes, rate, stated_chip, chips):
    return {"bandwidth": both_ways(ports * link_bandwidth(lanes, rate)), "rack_from_stated": aggregate(chips, stated_chip)}


@reading("bw-nvswitch-chip-14p4tbs", "the product as printed: bits to bytes, one direction")
def switch_chip_one_way(ports, lanes, rate):
    return {"bandwidth": ports * link_bandwidth(lanes, rate)}


@reading("bw-nvswitch-chip-14p4tbs", "one tray of two chips, both directions", chips_per_tray=spec("nvswitch4.chips_per_tray"))
def switch_tray(ports, lanes, rate, chips_per_tray):
    return {"bandwidth": both_ways(aggregate(chips_per_tray, ports * link_bandwidth(lanes, rate)))}


@reading("bw-nvswitch-chip-14p4tbs", "the published chip", chip_bw=spec("nvswitch4.chip_bw"))
def switch_chip_published(chip_bw):
    return {"bandwidth": both_ways(chip_bw)}


# Copper


@check("copper-length-3p2km", context={"mean": "m"}, length=spec("gb200-nvl72.cable_length"), pairs=spec("gb200-nvl72.pairs"))
def cable_length(length, pairs):
    return {"length": length, "mean": length / pairs}


@reading(
    "copper-length-3p2km", "from the heights of the trays, and 0.2 m a cable for plugs, bends and the way across",
    trays=spec("gb200-nvl72.compute_trays"), above=spec("gb200-nvl72.compute_trays_above"), middle=spec("gb200-nvl72.switch_trays"),
    pitch=given(44.45, "mm", "one rack unit (EIA-310)"), slack=assume(0.2, "m", "plugs, bends, the way across the cartridge", 0.1, 0.3),
)  # fmt: skip
def cable_length_from_heights(pairs, trays, above, middle, pitch, slack):
    return {"length": pairs * (stack_distance(above, middle, trays - above) * pitch + slack)}


@check(
    "copper-weight-1p4-tons", context={"per_metre": "kg/m", "per_metre_stated": "kg/m", "rod_stated": "mm", "rod": "mm"},
    spine_mass=spec("gb200-nvl72.cable_mass"), length=spec("gb200-nvl72.cable_length"),
    stated_mass=stated("mass"), stated_length=stated("length", "copper-length-3p2km"), density=given(8960, "kg/m^3", "copper"),
)  # fmt: skip
def cable_mass(spine_mass, length, stated_mass, stated_length, density):
    per_metre, per_metre_stated = spine_mass / length, stated_mass / stated_length
    return {
        "mass": spine_mass,
        "per_metre": per_metre,
        "per_metre_stated": per_metre_stated,
        "rod": rod_diameter(per_metre, density),
        "rod_stated": rod_diameter(per_metre_stated, density),
    }


def rod_diameter(per_metre, density):
    """Diameter of a solid rod with this mass per metre [m]."""
    return jnp.sqrt(4.0 * per_metre / (math.pi * density))


@reading("copper-weight-1p4-tons", "the spine as told at COMPUTEX 2025, 70 pounds", spine_told=spec("nvlink-spine.mass_computex"))
def cable_mass_computex(spine_told):
    return {"mass": spine_told}


@reading("copper-weight-1p4-tons", "the whole rack, 3,000 pounds", rack_mass=spec("gb200-nvl72.mass"))
def cable_mass_rack(rack_mass):
    return {"mass": rack_mass}


# The rest of the rack


@check(
    "form-48u-rack", context={"used": "U", "free": "U"},
    rack=spec("gb200-nvl72.height"), compute=spec("gb200-nvl72.compute_trays"), switch=spec("gb200-nvl72.switch_trays"),
    management=spec("gb200-nvl72.management_switches"), power=spec("gb200-nvl72.power_shelves"),
    unit=given(1, "U", "height of one tray, switch or shelf"),
)  # fmt: skip
def rack_height(rack, compute, switch, management, power, unit):
    used = (compute + switch + management + power) * unit
    return {"height": rack, "used": used, "free": rack - used}


@check(
    "form-44u-manifold", context={"stacked": "U"},
    rack=stated("height", "form-48u-rack"), compute=stated("trays", "form-18-compute-trays"), switch=stated("trays", "form-9x2-nvswitch"),
    management=stated("switches", "form-2-sn2201"), power=stated("shelves", "pwr-shelves-6-8x33kw"),
    unit=given(1, "U", "height of one tray, switch or shelf"), manifold=stated("height"),
)  # fmt: skip
def manifold_height(rack, compute, switch, management, power, unit, manifold):
    gear = (compute + switch + management + power) * unit
    return {"height": rack - gear, "stacked": gear + manifold}


@reading("form-44u-manifold", "upright at the rear, beside the trays: the whole rack is free")
def manifold_upright(rack):
    return {"height": rack}


@check("form-2-sn2201", switches=spec("gb200-nvl72.management_switches"))
def management_switches(switches):
    return {"switches": switches}
