"""Chapter 4: how far copper goes, what a board of 78 layers carries, and what it costs."""

import jax.numpy as jnp

from nvlinklab.claims.registry import assume, check, given, reading, spec, stated
from nvlinklab.economics.capex import assembly_yield, cost_per_good
from nvlinklab.network.bandwidth import aggregate
from nvlinklab.network.reach import Loss, delay, dielectric_loss, reach, regauged, scaled_loss
from nvlinklab.network.wiring import longest_run, pairs, pairs_bandwidth

YEAR = given(1, "yr/date", "a year of the calendar is a year of time")


# Dates and media


@check(
    "copper-abandoned-two-years-later",
    launched=spec("gb200-nvl72.announced"),
    replaced=spec("rubin-ultra-nvl576.planned"),
    year=YEAR,
)
def copper_interval(launched, replaced, year):
    return {"interval": (replaced - launched) * year}


@reading("copper-abandoned-two-years-later", "to GTC 2026, where the midplane was on show", shown=given(2026.2077, "date", "16 March 2026"))
def copper_interval_shown(launched, shown, year):
    return {"interval": (shown - launched) * year}


@check(
    "form-vera-rubin-cableless", context={"pairs": "pair", "each_way": "GB/s", "pairs_one_way": "pair"},
    gpus=spec("vr-nvl72.gpus"), gpu_bw=spec("nvlink6.gpu_bw"), pair_count=spec("gb200-nvl72.pairs"), lane=spec("nvlink6.lane_rate"),
)  # fmt: skip
def cables_of_vera_rubin(gpus, gpu_bw, pair_count, lane):
    return {"pairs": pair_count, "each_way": aggregate(gpus, gpu_bw) / pair_count, "pairs_one_way": pairs(gpus, gpu_bw, lane)}


@check("appa-4-canisters-18-nodes", context={"nodes_in_all": "node", "gpus": "GPU"},
    canisters=spec("kyber-2025.canisters"), blades=spec("kyber-2025.blades_per_canister"), gpus=spec("kyber-2025.gpus_per_blade"),
)  # fmt: skip
def canisters(canisters, blades, gpus):
    return {"canisters": canisters, "nodes": blades, "nodes_in_all": canisters * blades, "gpus": canisters * blades * gpus}


@reading(
    "appa-4-canisters-18-nodes", "as shown at GTC 2026",
    canisters_now=spec("kyber-2026.canisters"), blades_now=spec("kyber-2026.blades_per_canister"),
)  # fmt: skip
def canisters_2026(canisters_now, blades_now):
    return {"canisters": canisters_now, "nodes": blades_now}


@check(
    "appa-nvl576-hybrid-cpo",
    context={"gpus": "GPU"},
    layers=spec("nvl576-2026.layers"),
    racks=spec("nvl576-2026.racks"),
    gpus=spec("nvl576-2026.gpus_per_rack"),
)
def two_layers(layers, racks, gpus):
    return {"layers": layers, "gpus": racks * gpus}


# The board


@check("pcb-78-layers", layers=spec("rubin-ultra-nvl576.midplane_layers"))
def board_layers(layers):
    return {"layers": layers}


@reading(
    "pcb-78-layers",
    "three boards of 26, pressed into one",
    boards=spec("kyber-midplane.sub_boards"),
    sub_layers=spec("kyber-midplane.sub_layers"),
)
def board_layers_pressed(boards, sub_layers):
    return {"layers": boards * sub_layers}


@check(
    "pcb-layer-comparison", context={"over_switch": "x", "over_server": "x"},
    backplane=spec("rubin-ultra-nvl576.midplane_layers"), server=spec("server-board.layers"), switch=spec("switch-board.layers"),
)  # fmt: skip
def layer_comparison(backplane, server, switch):
    return {
        "backplane": backplane,
        "server": server,
        "switch": switch,
        "over_switch": backplane / switch,
        "over_server": backplane / server,
    }


@reading("pcb-layer-comparison", "the switch tray of GB200 NVL72 itself", tray=spec("nvswitch-tray.layers"))
def layer_comparison_tray(tray):
    return {"switch": tray}


LIGHT = given(299792458, "m/s", "speed of light")


@check(
    "pcb-m9-dk-df", context={"delay": "ns/m", "loss": "dB/m", "loss_at_bound": "dB/m"},
    df=spec("m9-laminate.df"), dk=assume(3.2, "1", "quartz glass of 3.7 in a resin of 2.5", 2.9, 3.5),
    frequency=spec("dac-200g.nyquist"), light=LIGHT, bound=stated("df"),
)  # fmt: skip
def laminate(df, dk, frequency, light, bound):
    return {
        "dk": dk,
        "df": df,
        "delay": delay(dk, light),
        "loss": dielectric_loss(dk, df, frequency, light),
        "loss_at_bound": dielectric_loss(dk, bound, frequency, light),
    }


@reading("pcb-m9-dk-df", "the grade before, M8", m8=spec("m8-laminate.df"))
def laminate_m8(m8):
    return {"df": m8}


@check(
    "pcb-5184-differential-pairs",
    context={"rack": "pair", "boards_bandwidth": "TB/s", "for_1p5_pbs": "pair", "spine": "pair"},
    blades=spec("kyber-2026.blades_per_canister"), gpus_per_blade=spec("kyber-2026.gpus_per_blade"),
    pairs_per_gpu=spec("kyber-2026.pairs_per_gpu"), boards=spec("kyber-2026.canisters"), pair_rate=spec("kyber-2026.pair_rate"),
    port=given(1, "port/GPU", "a connector for each GPU"),
    rack_total=spec("rubin-ultra-nvl576.nvlink_total_both"), spine=spec("gb200-nvl72.pairs"),
    both=given(2, "x", "a pair carries both directions at once"),
)  # fmt: skip
def midplane_pairs(blades, gpus_per_blade, pairs_per_gpu, boards, pair_rate, port, rack_total, spine, both):
    board = blades * gpus_per_blade * pairs_per_gpu
    return {
        "pairs": board,
        "nodes": blades,
        "ports": gpus_per_blade * port,
        "pairs_per_port": pairs_per_gpu / port,
        "rack": boards * board,
        "boards_bandwidth": pairs_bandwidth(boards * board, pair_rate, both),
        "for_1p5_pbs": rack_total / (pair_rate * both),
        "spine": spine,
    }


@reading("pcb-5184-differential-pairs", "both midplanes of the rack")
def midplane_pairs_rack(blades, gpus_per_blade, pairs_per_gpu, boards):
    return {"pairs": boards * blades * gpus_per_blade * pairs_per_gpu}


@reading(
    "pcb-5184-differential-pairs",
    "the whole rack with one direction a pair, which market notes call 20,000 cables",
    one=given(1, "x", "one direction"),
)
def midplane_pairs_one_way(blades, gpus_per_blade, pairs_per_gpu, boards, both, one):
    return {"pairs": both / one * boards * blades * gpus_per_blade * pairs_per_gpu}


@reading("pcb-5184-differential-pairs", "for the 1.5 PB/s of the article, both directions on a pair")
def midplane_pairs_needed(rack_total, pair_rate, both):
    return {"pairs": rack_total / (pair_rate * both)}


# What it costs


@check(
    "pcb-cost-200k-vs-30-50k", context={"per_gpu": "x"},
    board=spec("kyber-midplane.price"), tray=spec("gb200-nvl72.cartridge_price"),
    gpus_board=spec("rubin-ultra-nvl576.gpus"), gpus_tray=spec("gb200-nvl72.gpus"),
)  # fmt: skip
def board_price(board, tray, gpus_board, gpus_tray):
    return {"backplane": board, "cable_tray": tray, "ratio": board / tray, "per_gpu": board / gpus_board / (tray / gpus_tray)}


@reading("pcb-cost-200k-vs-30-50k", "the article's own two prices", own_board=stated("backplane"), own_tray=stated("cable_tray"))
def board_price_article(own_board, own_tray):
    return {"ratio": own_board / own_tray}


@reading("pcb-cost-200k-vs-30-50k", "two boards a rack, as shown at GTC 2026", boards=spec("kyber-2026.canisters"))
def board_price_two(board, tray, boards):
    return {"backplane": boards * board, "ratio": boards * board / tray}


@check(
    "pcb-yield-60-70pct", context={"sub_board": "1"}, holds_if=("bad_layers", "the share of layers that fail"),
    layers=spec("rubin-ultra-nvl576.midplane_layers"), sub_layers=spec("kyber-midplane.sub_layers"),
    bad_layers=assume(0.55, "percent", "nobody publishes it; a layer is a square metre of fine lines that must align", 0.02, 2.0),
)  # fmt: skip
def board_yield(layers, sub_layers, bad_layers):
    good = 1.0 - jnp.asarray(bad_layers)
    return {"yield": assembly_yield(good, layers), "sub_board": assembly_yield(good, sub_layers)}


@check("pcb-one-in-three-scrapped", good=stated("yield", "pcb-yield-60-70pct"))
def scrapped(good):
    return {"scrap": 1.0 - good}


@check(
    "pcb-effective-cost-280-330k",
    board=stated("backplane", "pcb-cost-200k-vs-30-50k"), good=stated("yield", "pcb-yield-60-70pct"),
)  # fmt: skip
def board_cost(board, good):
    return {"cost": cost_per_good(board, good)}


@reading(
    "pcb-effective-cost-280-330k",
    "the sum the text describes: the price and its scrap rate once more",
    scrap=stated("scrap", "pcb-one-in-three-scrapped"),
)
def board_cost_once(board, scrap):
    return {"cost": board * (1.0 + scrap)}


# How far copper goes

WIRE = {
    "known": spec("twinax-26awg.loss"), "known_at": spec("dac-25g.nyquist"), "known_wire": spec("twinax-26awg.diameter"),
    "insulation": assume(0.08, "1", "share of the insulator in the loss at 13 GHz", 0.04, 0.14),
    "wire": assume(0.32, "mm", "28 AWG; twinax cables are made of 26 to 30", 0.255, 0.405),
}  # fmt: skip
LANE = {
    "nyquist": spec("dac-200g.nyquist"), "budget": spec("dac-200g.budget"),
    "fixed": assume(22, "dB", "two packages, two boards and two plugs at 53 GHz", 17, 27),
}  # fmt: skip


def cable_loss(known, known_at, known_wire, insulation, wire, nyquist) -> Loss:
    """Loss per metre of a cable at a frequency, from one specified at another and with another wire [dB/m]."""
    of_known = Loss(skin=(1.0 - insulation) * known, dielectric=insulation * known)
    return scaled_loss(regauged(of_known, known_wire, wire), known_at, nyquist)


def fixed_loss(fixed, fixed_at, nyquist):
    """Loss of packages, boards and plugs at another frequency, half of it in conductors and half in insulators [dB]."""
    return scaled_loss(Loss(skin=0.5 * fixed, dielectric=0.5 * fixed), fixed_at, nyquist).total


@check(
    "copper-224g-reach-1-2m", context={"loss": "dB/m", "standard": "m", "mean_cable": "m"},
    standard=spec("dac-200g.reach"), length=spec("gb200-nvl72.cable_length"), pair_count=spec("gb200-nvl72.pairs"), **WIRE, **LANE,
)  # fmt: skip
def reach_224g(known, known_at, known_wire, insulation, wire, nyquist, budget, fixed, standard, length, pair_count):
    cable = cable_loss(known, known_at, known_wire, insulation, wire, nyquist)
    return {"reach": reach(cable, budget, fixed), "loss": cable.total, "standard": standard, "mean_cable": length / pair_count}


@reading("copper-224g-reach-1-2m", "what the standard asks for at least")
def reach_standard(standard):
    return {"reach": standard}


@check(
    "nvl144-224g-reach-2m",
    line_rate=spec("dac-200g.lane_rate"),
    nvlink5=spec("nvlink5.link_bw_raw"),
    lanes=spec("nvlink5.lanes"),
    **WIRE,
    **LANE,
)
def reach_200g(known, known_at, known_wire, insulation, wire, nyquist, budget, fixed, line_rate, nvlink5, lanes):
    same = nyquist * (nvlink5 / lanes) / line_rate  # what is sold as 200G signals as fast as what is sold as 224G
    ends = {"reach_224g": nyquist, "reach_200g": same}
    return {
        name: reach(cable_loss(known, known_at, known_wire, insulation, wire, f), budget, fixed_loss(fixed, nyquist, f))
        for name, f in ends.items()
    }


@reading(
    "nvl144-224g-reach-2m", "lanes of 100 Gb/s, the class before, by the same model",
    nyquist_100=spec("dac-100g.nyquist"), budget_100=spec("dac-100g.budget"),
)  # fmt: skip
def reach_100g(known, known_at, known_wire, insulation, wire, nyquist, fixed, nyquist_100, budget_100):
    cable = cable_loss(known, known_at, known_wire, insulation, wire, nyquist_100)
    return {"reach_200g": reach(cable, budget_100, fixed_loss(fixed, nyquist, nyquist_100))}


@reading("nvl144-224g-reach-2m", "lanes of 100 Gb/s, the cables that are sold", sold=spec("dac-100g.reach_split"))
def reach_100g_sold(sold):
    return {"reach_200g": sold}


@check(
    "copper-skin-effect-200g-to-224g", context={"cable_loss": "x", "skin_loss": "x"},
    rate_200=given(200, "Gb/s", "as the article names the lanes"), rate_224=given(224, "Gb/s", "as the article names the lanes"),
    line_rate=spec("dac-200g.lane_rate"), **WIRE, **LANE,
)  # fmt: skip
def reach_step(known, known_at, known_wire, insulation, wire, nyquist, budget, fixed, rate_200, rate_224, line_rate):
    f_200, f_224 = nyquist * rate_200 / line_rate, nyquist * rate_224 / line_rate
    slow, fast = (cable_loss(known, known_at, known_wire, insulation, wire, f) for f in (f_200, f_224))
    reaches = (reach(slow, budget, fixed_loss(fixed, nyquist, f_200)), reach(fast, budget, fixed_loss(fixed, nyquist, f_224)))
    return {"shorter": reaches[1] / reaches[0], "cable_loss": fast.total / slow.total, "skin_loss": fast.skin / slow.skin}


@reading(
    "copper-skin-effect-200g-to-224g", "the same lane under two names", nvlink5=spec("nvlink5.link_bw_raw"), lanes=spec("nvlink5.lanes")
)
def reach_no_step(line_rate, nvlink5, lanes):
    return {"shorter": nvlink5 / lanes / line_rate}


@check(
    "nvl144-cross-rack-0p5-1m", context={"mean": "m", "longest_in_rack": "m", "longest": "m", "reach": "m"},
    pitch_racks=assume(0.6, "m", "racks of 600 mm side by side, centre to centre", 0.6, 0.8),
    length=spec("gb200-nvl72.cable_length"), pair_count=spec("gb200-nvl72.pairs"), above=spec("gb200-nvl72.compute_trays_above"),
    middle=spec("gb200-nvl72.switch_trays"), pitch=given(44.45, "mm", "one rack unit (EIA-310)"),
    slack=assume(0.2, "m", "plugs, bends, the way across the cartridge", 0.1, 0.3), **WIRE, **LANE,
)  # fmt: skip
def second_rack(
    known, known_at, known_wire, insulation, wire, nyquist, budget, fixed, pitch_racks, length, pair_count, above, middle, pitch, slack
):  # fmt: skip
    cable = cable_loss(known, known_at, known_wire, insulation, wire, nyquist)
    longest = longest_run(above, middle, pitch, slack)
    return {
        "extra": pitch_racks,
        "mean": length / pair_count + pitch_racks,
        "longest_in_rack": longest,
        "longest": longest + pitch_racks,
        "reach": reach(cable, budget, fixed),
    }


@reading(
    "nvl144-cross-rack-0p5-1m",
    "back to back, from spine to spine",
    depth=assume(0.3, "m", "two spines at the rears of two racks", 0.2, 0.6),
)
def second_rack_back_to_back(depth):
    return {"extra": depth}
