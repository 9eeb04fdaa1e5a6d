"""Chapter 7: the exchange of a mixture of experts, and what a switch that adds can do for it."""

from nvlinklab.claims.registry import assume, check, given, reading, spec, stated
from nvlinklab.kernel.overlap import share_for_speedup, speedup
from nvlinklab.network import collectives as flat
from nvlinklab.network import hierarchical, multicast
from nvlinklab.network.alphabeta import Link, transfer_time
from nvlinklab.network.bandwidth import bus_factor, reduction_gain
from nvlinklab.network.fabrics import Mesh, mesh_pair_bandwidth
from nvlinklab.workload.moe import distinct_ranks, remote_copies

RACK = spec("gb200-nvl72.gpus")
HIDDEN, TOP_K = spec("deepseek-v3.hidden"), spec("deepseek-v3.top_k")
OUT_BYTES = given(1, "B", "bytes of an FP8 activation on its way to an expert")
BACK_BYTES = given(2, "B", "bytes of a BF16 activation on its way back")
EP64 = given(64, "GPU", "the article's Wide-EP64, the widest exchange measured on both fabrics")
TOKENS = assume(128, "token", "tokens per GPU and step of the published measurements; decode batches are smaller, prefill larger", 1, 4096)
INFINIBAND = {"ib_alpha": spec("exchange-infiniband.alpha"), "ib_bw": spec("exchange-infiniband.bw")}
NVLINK = {"nvl_alpha": spec("exchange-nvl72.alpha"), "nvl_bw": spec("exchange-nvl72.bw")}


def expert_exchange(alpha, bw, nbytes, ranks, top_k):
    """Time of one dispatch or combine [s], experts balanced: every token to `top_k` ranks, of which 1 / n is its own."""
    return transfer_time(Link(alpha=alpha, bw=bw), top_k * flat.others(ranks) * nbytes)


def there_and_back(alpha, bw, tokens, hidden, top_k, ranks, out_bytes, back_bytes):
    """Time of a dispatch and a combine [s]."""
    out, back = (expert_exchange(alpha, bw, tokens * hidden * size, ranks, top_k) for size in (out_bytes, back_bytes))
    return out + back


# The mesh, the switch and the rack


@check(
    "moe-mesh4-switch8-domain72",
    context={"mesh_pair": "GB/s", "switch_pair": "GB/s", "per_added_gpu": "x"},
    mesh=stated("mesh"), switched=spec("hgx-b200.gpus"), rack=RACK, gpu_bw=spec("nvlink5.gpu_bw"),
    rack_rate=spec("inferencex.gb200_rate_125"), node_rate=spec("inferencex.b200_rate_125"), added=given(1, "GPU", "one more GPU"),
)  # fmt: skip
def domain_growth(mesh, switched, rack, gpu_bw, rack_rate, node_rate, added):
    import jax.numpy as jnp

    gain = rack_rate / node_rate
    return {
        "growth": jnp.log(gain) / jnp.log(rack / switched),
        "mesh_pair": mesh_pair_bandwidth(Mesh(gpus=mesh, gpu_bw=gpu_bw)),
        "switch_pair": gpu_bw,
        "per_added_gpu": jnp.power(gain, added / (rack - switched)),
    }


@reading("moe-mesh4-switch8-domain72", "throughput of the whole domain instead of one GPU's")
def domain_growth_total(switched, rack, rack_rate, node_rate):
    import jax.numpy as jnp

    return {"growth": 1.0 + jnp.log(rack_rate / node_rate) / jnp.log(rack / switched)}


@reading(
    "moe-mesh4-switch8-domain72",
    "at peak throughput instead of 125 tokens per second and user",
    peak=spec("inferencex.gb200_b200_gain_peak"),
)
def domain_growth_peak(switched, rack, peak):
    import jax.numpy as jnp

    return {"growth": jnp.log(peak) / jnp.log(rack / switched)}


# Up to ten times


@check(
    "moe-10x-from-nvlink",
    context={"link_ratio": "x", "share_needed": "1", "measured_domain_gain": "x"},
    holds_if=("share", "the exchange's share of the step time on PCIe"),
    share=assume(0.5, "1", "nobody publishes it; modelled for 64 requests per GPU in a node of 8", 0.0, 1.0),
    nvlink=spec("nvlink5.gpu_bw"), pcie=spec("pcie5-x16.bw_effective"), claimed=stated("speedup"),
    measured=spec("inferencex.gb200_b200_gain_125"),
)  # fmt: skip
def ten_times(share, nvlink, pcie, claimed, measured):
    ratio = nvlink / pcie
    return {
        "speedup": speedup(share, ratio),
        "link_ratio": ratio,
        "share_needed": share_for_speedup(claimed, ratio),
        "measured_domain_gain": measured,
    }


@reading(
    "moe-10x-from-nvlink",
    "a 400 Gb/s card between nodes instead of PCIe, nothing but the exchange",
    card=spec("connectx7.bw"),
)
def ten_times_card(nvlink, card):
    return {"speedup": nvlink / card}


@reading("moe-10x-from-nvlink", "the rack against nodes of the same generation, as measured at 125 tokens per second and user")
def ten_times_measured(measured):
    return {"speedup": measured}


@check(
    "moe-dozens-to-hundreds-of-gpus",
    context={"gain_at_300": "x", "gain_at_300_one_copy": "x"},
    domain=RACK, gain=given(2, "x", "the domain still halves the time of the exchange"),
    group=given(300, "GPU", "three hundred"), top_k=TOP_K,
)  # fmt: skip
def where_it_pays(domain, gain, group, top_k):
    return {
        "gpus": hierarchical.group_for_gain(domain, gain),
        "gain_at_300": hierarchical.all_to_all_gain(domain, group),
        "gain_at_300_one_copy": remote_copies(top_k, group) / remote_copies(top_k, group / domain),
    }


@reading("moe-dozens-to-hundreds-of-gpus", "everything inside one domain that is on sale")
def where_it_pays_domain(domain):
    return {"gpus": domain}


# How long an all-to-all takes


@check(
    "moe-a2a-10us-ib-vs-1us-nvl576",
    context={"ib_floor": "us", "nvlink_floor": "us"},
    tokens=assume(32, "token", "tokens per GPU and step; the article gives none", 1, 256), hidden=HIDDEN, top_k=TOP_K, out_bytes=OUT_BYTES,
    racks=given(2, "rack", "two racks"), rack=RACK, packages=spec("rubin-ultra-nvl576.gpus"), **INFINIBAND, **NVLINK,
)  # fmt: skip
def ten_and_one(tokens, hidden, top_k, out_bytes, racks, rack, packages, ib_alpha, ib_bw, nvl_alpha, nvl_bw):
    nbytes, ranks = tokens * hidden * out_bytes, racks * rack
    away = (ranks - rack) / (ranks - 1.0)
    return {
        "cross_ib": expert_exchange(ib_alpha, ib_bw, away * nbytes, ranks, top_k),
        "single_domain": expert_exchange(nvl_alpha, nvl_bw, nbytes, packages, top_k),
        "ib_floor": ib_alpha,
        "nvlink_floor": nvl_alpha,
    }


@reading(
    "moe-a2a-10us-ib-vs-1us-nvl576", "one megabyte at the peak of the links, no latency at all",
    megabyte=given(1, "MB", "what a rank sends"), card=spec("connectx8.bw"), link=spec("nvlink5.gpu_bw"),
)  # fmt: skip
def ten_and_one_bytes(megabyte, card, link):
    return {"cross_ib": megabyte / card, "single_domain": megabyte / link}


@reading(
    "moe-a2a-10us-ib-vs-1us-nvl576", "the wire alone, no bytes and no kernel",
    ib_wire=spec("indicative.infiniband_latency"), nvl_wire=spec("indicative.nvlink_latency"),
)  # fmt: skip
def ten_and_one_wire(ib_wire, nvl_wire):
    return {"cross_ib": ib_wire, "single_domain": nvl_wire}


@check(
    "moe-ep576-less-efficient-than-ep72x2",
    context={"copies_of_an_expert": "copy", "experts_per_gpu_72": "expert"},
    within=stated("single_domain", "moe-a2a-10us-ib-vs-1us-nvl576"), across=stated("cross_ib", "moe-a2a-10us-ib-vs-1us-nvl576"),
    dies=stated("ep_single"), gpus=stated("ep_dual"), experts=stated("experts", "moe-256-experts-over-64"),
)  # fmt: skip
def wide_against_two(within, across, dies, gpus, experts):
    return {"relative_time": within / across, "copies_of_an_expert": dies / experts, "experts_per_gpu_72": experts / gpus}


@reading(
    "moe-ep576-less-efficient-than-ep72x2", "two groups that never leave their rack, against 144 packages and one more switch",
    tokens=TOKENS, hidden=HIDDEN, top_k=TOP_K, out_bytes=OUT_BYTES, packages=spec("rubin-ultra-nvl576.gpus"),
    switch=assume(0.5, "us", "a further switch and the way to it", 0.2, 1.5), **NVLINK,
)  # fmt: skip
def wide_against_two_racks(tokens, hidden, top_k, out_bytes, packages, gpus, switch, nvl_alpha, nvl_bw):
    nbytes = tokens * hidden * out_bytes
    far = expert_exchange(nvl_alpha + switch, nvl_bw, nbytes, packages, top_k)
    return {"relative_time": far / expert_exchange(nvl_alpha, nvl_bw, nbytes, gpus, top_k)}


@check(
    "topo-inter-zone-two-hops",
    context={"cross_zone_share": "1", "mean_hops": "hop"},
    holds_if=("direct", "the share of zone pairs that are joined directly, without a spine switch between them,"),
    direct=assume(1.0, "1", "the figure with the topology is missing and nobody publishes how zones are joined", 0.0, 1.0),
    switch=given(1, "hop", "one switch"), packages=spec("rubin-ultra-nvl576.gpus"),
    zones=assume(4, "1", "four canisters, as in the article's appendix", 2, 8),
)  # fmt: skip
def zones_apart(direct, switch, packages, zones):
    inter = (3.0 - direct) * switch  # own zone's switch, the spine's where there is one, the other zone's
    across = 1.0 / hierarchical.all_to_all_gain(packages / zones, packages)
    return {
        "intra_hops": switch,
        "inter_hops": inter,
        "cross_zone_share": across,
        "mean_hops": (1.0 - across) * switch + across * inter,
    }


EXCHANGE = {"tokens": TOKENS, "hidden": HIDDEN, "top_k": TOP_K, "ranks": EP64, "out_bytes": OUT_BYTES, "back_bytes": BACK_BYTES}


@check("moe-a2a-ms-to-us", **EXCHANGE, **INFINIBAND, **NVLINK)
def milliseconds(tokens, hidden, top_k, ranks, out_bytes, back_bytes, ib_alpha, ib_bw, nvl_alpha, nvl_bw):
    work = (tokens, hidden, top_k, ranks, out_bytes, back_bytes)
    return {"ib": there_and_back(ib_alpha, ib_bw, *work), "nvlink": there_and_back(nvl_alpha, nvl_bw, *work)}


@reading(
    "moe-a2a-ms-to-us", "the wire alone, no bytes and no kernel",
    ib_wire=spec("indicative.infiniband_latency"), nvl_wire=spec("indicative.nvlink_latency"),
)  # fmt: skip
def milliseconds_wire(ib_wire, nvl_wire):
    return {"ib": ib_wire, "nvlink": nvl_wire}


@reading(
    "moe-a2a-ms-to-us", "all layers of a step instead of one", layers=spec("deepseek-v3.layers"), dense=spec("deepseek-v3.dense_layers")
)
def milliseconds_step(
    tokens, hidden, top_k, ranks, out_bytes, back_bytes, ib_alpha, ib_bw, nvl_alpha, nvl_bw, layers, dense
):  # fmt: skip
    one = milliseconds(tokens, hidden, top_k, ranks, out_bytes, back_bytes, ib_alpha, ib_bw, nvl_alpha, nvl_bw)
    return {name: (layers - dense) * time for name, time in one.items()}


@check("moe-a2a-two-orders", context={"floors": "x", "links": "x"}, **EXCHANGE, **INFINIBAND, **NVLINK)
def two_orders(tokens, hidden, top_k, ranks, out_bytes, back_bytes, ib_alpha, ib_bw, nvl_alpha, nvl_bw):
    work = (tokens, hidden, top_k, ranks, out_bytes, back_bytes)
    return {
        "factor": there_and_back(ib_alpha, ib_bw, *work) / there_and_back(nvl_alpha, nvl_bw, *work),
        "floors": ib_alpha / nvl_alpha,
        "links": nvl_bw / ib_bw,
    }


@reading("moe-a2a-two-orders", "the links at their peak", link=spec("nvlink5.gpu_bw"), card=spec("connectx7.bw"))
def two_orders_links(link, card):
    return {"factor": link / card}


@reading(
    "moe-a2a-two-orders", "its own times in section 2.5",
    across=stated("cross_ib", "moe-a2a-10us-ib-vs-1us-nvl576"), within=stated("single_domain", "moe-a2a-10us-ib-vs-1us-nvl576"),
)  # fmt: skip
def two_orders_article(across, within):
    return {"factor": across / within}


@reading(
    "moe-a2a-two-orders",
    "its own times in section 5.1",
    across=stated("ib", "moe-a2a-ms-to-us"),
    within=stated("nvlink", "moe-a2a-ms-to-us"),
)
def two_orders_other(across, within):
    return {"factor": across / within}


@check("moe-256-experts-over-64", experts=spec("deepseek-v3.routed_experts"), gpus=stated("gpus"))
def experts_per_gpu(experts, gpus):
    return {"experts": experts, "per_gpu": experts / gpus}


# Reduction in the network


@check("sharp-all-reduce-n-times", context={"measured": "x"}, gpus=RACK, plain=spec("nvl72-nvls.plain"), sharp=spec("nvl72-nvls.sharp"))
def n_times(gpus, plain, sharp):
    return {"factor": reduction_gain(gpus), "measured": sharp / plain}


@reading("sharp-all-reduce-n-times", "against everyone sending everything to everyone, upload only")
def n_times_naive(gpus):
    return {"factor": gpus - 1.0}


@check(
    "sharp-traditional-linear-in-n",
    context={"per_gpu": "1"},
    small=spec("dgx-h100.gpus"), large=RACK, gpu=given(1, "GPU", "one GPU"),
)  # fmt: skip
def linear_in_n(small, large, gpu):
    import jax.numpy as jnp

    sent = {n: bus_factor("all_reduce", gpus) for n, gpus in (("small", small), ("large", large))}
    log_size = jnp.log(large / small)
    total = jnp.log((sent["large"] * large) / (sent["small"] * small)) / log_size
    return {"growth": total, "per_gpu": jnp.log(sent["large"] / sent["small"]) / log_size * gpu}


@reading("sharp-traditional-linear-in-n", "what one GPU sends in a ring or tree")
def linear_in_n_ring(small, large):
    import jax.numpy as jnp

    return {"growth": jnp.log(bus_factor("all_reduce", large) / bus_factor("all_reduce", small)) / jnp.log(large / small)}


@reading("sharp-traditional-linear-in-n", "what one GPU sends when everyone sends everything to everyone")
def linear_in_n_naive(small, large):
    import jax.numpy as jnp

    return {"growth": jnp.log((large - 1.0) / (small - 1.0)) / jnp.log(large / small)}


@check("sharp-71-copies-vs-1", gpus=RACK)
def copies_of_the_gradient(gpus):
    ring = bus_factor("all_reduce", gpus)
    return {"without": ring, "with": ring / reduction_gain(gpus)}


@reading("sharp-71-copies-vs-1", "everyone sends everything to everyone")
def copies_naive(gpus):
    return {"without": gpus - 1.0}


@check("sharp-n-over-2", context={"measured": "x"}, gpus=RACK, plain=spec("nvl72-nvls.plain"), sharp=spec("nvl72-nvls.sharp"))
def n_over_two(gpus, plain, sharp):
    return {"factor": reduction_gain(gpus), "measured": sharp / plain}


@reading("sharp-n-over-2", "everyone to everyone, against one transfer up and one down", transfers=given(2, "transfer", "up and down"))
def n_over_two_naive(gpus, transfers):
    return {"factor": (gpus - 1.0) / transfers}


@check(
    "sharp-directly-accelerates-ep-a2a",
    context={"distinct_ranks": "GPU", "dispatch_gain": "x", "combine_gain": "x", "both_at_once": "x"},
    top_k=TOP_K, ranks=RACK, out_bytes=OUT_BYTES, back_bytes=BACK_BYTES,
)  # fmt: skip
def directly(top_k, ranks, out_bytes, back_bytes):
    copies = remote_copies(top_k, ranks)
    out = [multicast.port_bytes(multicast.dispatch(out_bytes, copies, multicast=helped)) for helped in (False, True)]
    back = [multicast.port_bytes(multicast.combine(back_bytes, copies, reduced=helped)) for helped in (False, True)]
    return {
        "distinct_ranks": distinct_ranks(top_k, ranks),
        "dispatch_gain": out[0] / out[1],
        "combine_gain": back[0] / back[1],
        "both_at_once": multicast.overlapped_gain(out_bytes, back_bytes, copies),
    }


@check("sharp-64x64-4096-transfers", gpus=stated("gpus"))
def transfers(gpus):
    return {"transfers": gpus * (gpus - 1.0)}


@reading("sharp-64x64-4096-transfers", "each GPU counted as sending to itself as well")
def transfers_with_self(gpus):
    return {"transfers": gpus * gpus}


@check("sharp-32x-for-64", gpus=EP64, context={"measured": "x"}, plain=spec("nvl72-nvls.plain"), sharp=spec("nvl72-nvls.sharp"))
def thirty_two(gpus, plain, sharp):
    return {"factor": reduction_gain(gpus), "measured": sharp / plain}


@reading("sharp-32x-for-64", "everyone to everyone, against one transfer up and one down", transfers=given(2, "transfer", "up and down"))
def thirty_two_naive(gpus, transfers):
    return {"factor": (gpus - 1.0) / transfers}


@check(
    "sharp-a2a-2-4x",
    context={"equal_formats": "x", "proposed": "x"},
    top_k=TOP_K, ranks=EP64, out_bytes=OUT_BYTES, back_bytes=BACK_BYTES, simulated=spec("dysharp.speedup"),
)  # fmt: skip
def two_to_four(top_k, ranks, out_bytes, back_bytes, simulated):
    copies = remote_copies(top_k, ranks)
    return {
        "factor": multicast.overlapped_gain(out_bytes, back_bytes, copies),
        "equal_formats": multicast.overlapped_gain(back_bytes, back_bytes, copies),
        "proposed": simulated,
    }


@reading("sharp-a2a-2-4x", "only what the token's owner sends and gets back, both added, with the sum formed in the switch")
def two_to_four_owner(top_k, out_bytes, back_bytes):
    out, back = multicast.dispatch(out_bytes, top_k), multicast.combine(back_bytes, top_k, reduced=True)
    plain = multicast.combine(back_bytes, top_k)
    return {"factor": (out.sent + plain.received) / (out.sent + back.received)}


@reading("sharp-a2a-2-4x", "the same with copies made in the switch as well")
def two_to_four_both(top_k, out_bytes, back_bytes):
    out, back = multicast.dispatch(out_bytes, top_k, multicast=True), multicast.combine(back_bytes, top_k, reduced=True)
    plain_out, plain_back = multicast.dispatch(out_bytes, top_k), multicast.combine(back_bytes, top_k)
    return {"factor": (plain_out.sent + plain_back.received) / (out.sent + back.received)}


@reading("sharp-a2a-2-4x", "dispatch and combine one after the other, at the port that sets the time")
def two_to_four_in_turn(top_k, ranks, out_bytes, back_bytes):
    copies = remote_copies(top_k, ranks)
    plain = multicast.port_bytes(multicast.dispatch(out_bytes, copies)) + multicast.port_bytes(multicast.combine(back_bytes, copies))
    out, back = multicast.dispatch(out_bytes, copies, multicast=True), multicast.combine(back_bytes, copies, reduced=True)
    return {"factor": plain / (multicast.port_bytes(out) + multicast.port_bytes(back))}
