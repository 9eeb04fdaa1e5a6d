"""Chapter 13: power, efficiency and heat flux."""

from nvlinklab.claims.registry import assume, check, given, reading, spec, stated
from nvlinklab.economics.growth import date_reached, extrapolate
from nvlinklab.economics.power import bus_current, cop_of_pue, power_per_rate, site_power, total_site
from nvlinklab.economics.thermal import (
    WATER_DENSITY,
    WATER_HEAT_CAPACITY,
    boiling_limit,
    coolant_rise,
    film_coefficient,
    heat_flux,
    power_limit,
)
from nvlinklab.network.energy import traffic_power

GB200, GB300, RUBIN, ULTRA = (spec(f"{rack}.power") for rack in ("gb200-nvl72", "gb300-nvl72", "vr-nvl72", "rubin-ultra-nvl576"))
FP4 = {
    "gb200_rate": spec("gb200-nvl72.flops_fp4"),
    "gb300_rate": spec("gb300-nvl72.flops_fp4"),
    "rubin_rate": spec("vr-nvl72.flops_fp4_headline"),
    "ultra_rate": spec("rubin-ultra-nvl576.flops_fp4_headline"),
}
FP8 = {
    "gb200_fp8": spec("gb200-nvl72.flops_fp8"),
    "gb300_fp8": spec("gb300-nvl72.flops_fp8"),
    "rubin_fp8": spec("vr-nvl72.flops_fp8"),
    "ultra_fp8": spec("rubin-ultra-nvl576.flops_fp8"),
}
ULTRA_STATED = stated("rubin_ultra", "pwr-rack-row")


@check(
    "pwr-interconnect-unlocks-efficiency",
    holds_if=("throughput_gain", "the larger domain's gain in throughput per GPU at the operating point"),
    context={"link_power": "kW", "link_share": "percent", "gain_if_links_were_free": "x"},
    throughput_gain=assume(
        3, "x", "GB200 NVL72 over B200, measured: 1/1.2 above 250 tokens/s and user, 1.17 at peak, 3 at 60, 4.39 at 125", 0.83, 4.39
    ),
    node_power=spec("dgx-b200.power"), node_gpus=given(8, "GPU", "one node"),
    rack_power=GB200, rack_gpus=spec("gb200-nvl72.gpus"), traffic=spec("gb200-nvl72.nvlink_total"),
    energy=assume(5, "pJ/b", "both ends of a copper link and a switch hop", 1.3, 20),
)  # fmt: skip
def interconnect(throughput_gain, node_power, node_gpus, rack_power, rack_gpus, traffic, energy):
    links = traffic_power(traffic, energy)
    share = links / rack_power
    return {
        "gain": throughput_gain * (node_power / node_gpus) / (rack_power / rack_gpus),
        "link_power": links,
        "link_share": share,
        "gain_if_links_were_free": 1.0 / (1.0 - share),
    }


@check(
    "pwr-gpu-row",
    context={"rubin_per_die": "W", "rubin_ultra_per_die": "W", "rubin_ultra_per_die_stated": "W"},
    gb200_gpu=spec("gb200.power"), gb300_gpu=spec("gb300.power"), rubin_gpu=spec("rubin.power"), ultra_gpu=spec("rubin-ultra.power"),
    rubin_dies=spec("rubin.dies"), ultra_dies=spec("rubin-ultra.dies"), ultra_stated=stated("rubin_ultra"),
)  # fmt: skip
def gpu_row(gb200_gpu, gb300_gpu, rubin_gpu, ultra_gpu, rubin_dies, ultra_dies, ultra_stated):
    return {
        "gb200": gb200_gpu,
        "gb300": gb300_gpu,
        "rubin": rubin_gpu,
        "rubin_ultra": ultra_gpu,
        "rubin_per_die": rubin_gpu / rubin_dies,
        "rubin_ultra_per_die": ultra_gpu / ultra_dies,
        "rubin_ultra_per_die_stated": ultra_stated / ultra_dies,
    }


@reading("pwr-gpu-row", "B200 in an air-cooled node instead of GB200 in the rack", b200=spec("b200.power"))
def gpu_row_b200(b200):
    return {"gb200": b200}


@check("pwr-rack-row", gb200_rack=GB200, gb300_rack=GB300, rubin_rack=RUBIN, ultra_rack=ULTRA)
def rack_row(gb200_rack, gb300_rack, rubin_rack, ultra_rack):
    return {"gb200": gb200_rack, "gb300": gb300_rack, "vera_rubin": rubin_rack, "rubin_ultra": ultra_rack}


@reading(
    "pwr-rack-row",
    "an analyst's later estimates",
    gb300_later=spec("trendforce.rack_power_gb300"),
    rubin_later=spec("trendforce.rack_power_rubin"),
    ultra_later=spec("trendforce.rack_power_rubin_ultra"),
)
def rack_row_later(gb300_later, rubin_later, ultra_later):
    return {"gb300": gb300_later, "vera_rubin": rubin_later, "rubin_ultra": ultra_later}


@check("pwr-growth-3p3x-vs-compute-20x", first=GB200, last=ULTRA, gb200_rate=FP4["gb200_rate"], ultra_rate=FP4["ultra_rate"])
def growth_of_both(first, last, gb200_rate, ultra_rate):
    return {"power_growth": last / first, "compute_growth": ultra_rate / gb200_rate}


@reading("pwr-growth-3p3x-vs-compute-20x", "the article's own 400 kW", own=ULTRA_STATED)
def growth_own(own, first):
    return {"power_growth": own / first}


@reading("pwr-growth-3p3x-vs-compute-20x", "FP8 on both sides", gb200_fp8=FP8["gb200_fp8"], ultra_fp8=FP8["ultra_fp8"])
def growth_fp8(gb200_fp8, ultra_fp8):
    return {"compute_growth": ultra_fp8 / gb200_fp8}


@check(
    "pwr-shelves-6-8x33kw",
    context={"needed": "shelf", "redundancy": "x"},
    count=spec("gb200-nvl72.power_shelves"), supplies=spec("gb200-nvl72.psus_per_shelf"), supply=spec("gb200-nvl72.psu_power"),
    load=spec("gb200-nvl72.power_max"),
)  # fmt: skip
def shelves(count, supplies, supply, load):
    shelf = supplies * supply
    return {"shelves": count, "shelf_power": shelf, "needed": load / shelf, "redundancy": count * shelf / load}


@reading("pwr-shelves-6-8x33kw", "as many as the load needs, and two to spare", spare=given(2, "shelf", "N+2"))
def shelves_lean(supplies, supply, load, spare):
    return {"shelves": load / (supplies * supply) + spare}


@check(
    "pwr-50v-dc-bus",
    context={"current": "kA", "current_rubin_ultra": "kA", "current_rubin_ultra_800v": "kA", "loss_ratio": "x"},
    bus=spec("gb200-nvl72.bus_voltage"), rack=GB200, ultra=ULTRA, high=spec("nvidia-800v.bus_voltage"),
)  # fmt: skip
def bus(bus, rack, ultra, high):
    now, then = bus_current(rack, bus), bus_current(ultra, bus)
    # loss goes with the square of the current, and its share of the power with the first
    return {
        "voltage": bus,
        "current": now,
        "current_rubin_ultra": then,
        "current_rubin_ultra_800v": bus_current(ultra, high),
        "loss_ratio": (then / now) ** 2,
    }


@check(
    "pwr-400kw-heat-load-water-flow",
    holds_if=("flow", "the coolant flow"),
    context={"total_flow": "L/min", "rise_at_guideline": "K"},
    load=ULTRA, flow=assume(1.0, "L/min/kW", "nobody publishes it for this rack; guidelines say 1.25 to 2", 0.3, 2.0),
    guideline=spec("ocp-oai.flow"), density=given(WATER_DENSITY, "kg/m^3", "water"),
    heat_capacity=given(WATER_HEAT_CAPACITY, "J/(kg*K)", "water"),
)  # fmt: skip
def heat_load(load, flow, guideline, density, heat_capacity):
    def rise(per_heat):
        return coolant_rise(load, density * per_heat * load, heat_capacity)

    return {"heat": load, "gradient": rise(flow), "total_flow": guideline * load, "rise_at_guideline": rise(guideline)}


@reading("pwr-400kw-heat-load-water-flow", "the flow that the open guideline asks for")
def heat_load_guideline(load, guideline, density, heat_capacity):
    return {"gradient": coolant_rise(load, density * guideline * load, heat_capacity)}


@check("pwr-5x-throughput-per-watt", launch=spec("nvidia_claims.ultra_gain_per_power_2025"))
def per_watt(launch):
    return {"ratio": launch}


@reading("pwr-5x-throughput-per-watt", "as NVIDIA words it in 2026", later=spec("nvidia_claims.ultra_gain_per_power"))
def per_watt_later(later):
    return {"ratio": later}


POWERS = {"node": spec("dgx-h100.power"), "node_gpus": given(8, "GPU", "one node"), "rack": GB300, "rack_gpus": spec("gb300-nvl72.gpus")}


@reading(
    "pwr-5x-throughput-per-watt",
    "measured at 116 tokens/s and user, FP4 against FP8",
    gain_fp4=spec("inferencex.gb300_h100_gain_fp4"),
    **POWERS,
)
def per_watt_fast(gain_fp4, node, node_gpus, rack, rack_gpus):
    return {"ratio": gain_fp4 * (node / node_gpus) / (rack / rack_gpus)}


@reading(
    "pwr-5x-throughput-per-watt",
    "measured at 116 tokens/s and user, FP8 on both",
    gain_fp8=spec("inferencex.gb300_h100_gain_fp8"),
    **POWERS,
)
def per_watt_fast_fp8(gain_fp8, node, node_gpus, rack, rack_gpus):
    return {"ratio": gain_fp8 * (node / node_gpus) / (rack / rack_gpus)}


@check(
    "pwr-kw-per-eflops-row",
    context={"blackwell_fp8": "kW/(EFLOP/s)", "rubin_ultra_fp8": "kW/(EFLOP/s)"},
    gb200=GB200, gb300=GB300, rubin=RUBIN, ultra=ULTRA, gb200_fp8=FP8["gb200_fp8"], ultra_fp8=FP8["ultra_fp8"], **FP4,
)  # fmt: skip
def per_eflops(gb200, gb300, rubin, ultra, gb200_rate, gb300_rate, rubin_rate, ultra_rate, gb200_fp8, ultra_fp8):
    return {
        "blackwell": power_per_rate(gb200, gb200_rate),
        "blackwell_ultra": power_per_rate(gb300, gb300_rate),
        "rubin": power_per_rate(rubin, rubin_rate),
        "rubin_ultra": power_per_rate(ultra, ultra_rate),
        "blackwell_fp8": power_per_rate(gb200, gb200_fp8),
        "rubin_ultra_fp8": power_per_rate(ultra, ultra_fp8),
    }


@reading(
    "pwr-kw-per-eflops-row",
    "the article's own powers, the low end where it gives a range",
    own_gb300=given(140, "kW", "low end of 140 to 150 kW"),
    own_rubin=stated("vera_rubin", "pwr-rack-row"),
    own_ultra=ULTRA_STATED,
)
def per_eflops_own(own_gb300, own_rubin, own_ultra, gb300_rate, rubin_rate, ultra_rate):
    return {
        "blackwell_ultra": power_per_rate(own_gb300, gb300_rate),
        "rubin": power_per_rate(own_rubin, rubin_rate),
        "rubin_ultra": power_per_rate(own_ultra, ultra_rate),
    }


@reading("pwr-kw-per-eflops-row", "Rubin with its dense NVFP4 rate, as the two Blackwells are counted", dense=spec("vr-nvl72.flops_fp4"))
def per_eflops_dense(rubin, dense):
    return {"rubin": power_per_rate(rubin, dense)}


@reading("pwr-kw-per-eflops-row", "FP8 on all four", **FP8)
def per_eflops_fp8(gb200, gb300, rubin, ultra, gb200_fp8, gb300_fp8, rubin_fp8, ultra_fp8):
    return {
        "blackwell": power_per_rate(gb200, gb200_fp8),
        "blackwell_ultra": power_per_rate(gb300, gb300_fp8),
        "rubin": power_per_rate(rubin, rubin_fp8),
        "rubin_ultra": power_per_rate(ultra, ultra_fp8),
    }


@check("pwr-2000w-cold-plate-limit", flux=stated("flux", "pwr-heat-flux-2p5"), area=spec("rubin.silicon_area"))
def plate_limit(flux, area):
    # the article's limit of flux, over the silicon the package has
    return {"power": flux * area}


@reading("pwr-2000w-cold-plate-limit", "the limit of flux over one die, as the article counts", dies=spec("rubin.dies"))
def plate_limit_one_die(flux, area, dies):
    return {"power": flux * area / dies}


RECORD = {"record_rise": spec("microchannel-1981.rise"), "record_flux": spec("microchannel-1981.flux")}


@reading("pwr-2000w-cold-plate-limit", "what water in microchannels carried in 1981, over two dies", **RECORD)
def plate_limit_record(area, record_rise, record_flux):
    return {"power": power_limit(area, record_rise, record_rise / record_flux)}


@reading("pwr-2000w-cold-plate-limit", "the power reported for Rubin Ultra, in a liquid-cooled rack", ultra=spec("rubin-ultra.power"))
def plate_limit_ultra(ultra):
    return {"power": ultra}


@check(
    "pwr-heat-flux-2p5",
    context={"h100": "W/mm^2", "gb300": "W/mm^2"},
    power=stated("rubin", "pwr-gpu-row"), silicon=spec("rubin.silicon_area"), h100_power=spec("h100.power"),
    h100_silicon=spec("h100.silicon_area"), gb300_power=spec("gb300.power"), gb300_silicon=spec("gb300.silicon_area"),
)  # fmt: skip
def flux(power, silicon, h100_power, h100_silicon, gb300_power, gb300_silicon):
    return {
        "flux": heat_flux(power, silicon),
        "area": silicon,
        "h100": heat_flux(h100_power, h100_silicon),
        "gb300": heat_flux(gb300_power, gb300_silicon),
    }


@reading("pwr-heat-flux-2p5", "the power of the package through the area of one of its dies", dies=spec("rubin.dies"))
def flux_one_die(power, silicon, dies):
    return {"flux": heat_flux(power, silicon / dies), "area": silicon / dies}


@reading("pwr-heat-flux-2p5", "the highest power reported for Rubin, over both dies", most=given(2300, "W", "upper end of the reports"))
def flux_most(most, silicon):
    return {"flux": heat_flux(most, silicon)}


@check(
    "pwr-microchannel-50-200um",
    holds_if=("plate_channel", "the channel width of the plate it is compared with"),
    context={"film": "W/(m^2*K)"},
    before=stated("before"), channel=stated("channel"),
    plate_channel=assume(250, "um", "skived and milled plates differ; not stated", 100, 1000),
    conductivity=given(0.6, "W/(m*K)", "water"), nusselt=given(4.36, "1", "laminar flow at constant heat flux"),
)  # fmt: skip
def microchannel(before, channel, plate_channel, conductivity, nusselt):
    new, old = (film_coefficient(width, conductivity, nusselt) for width in (channel, plate_channel))
    return {"after": before * old / new, "film": new}


@reading("pwr-microchannel-50-200um", "the share Microsoft reports for channels in the silicon", saved=spec("microfluidics.rise_saved"))
def microchannel_reported(before, saved):
    return {"after": before * (1.0 - saved)}


@check(
    "pwr-hybrid-60-40",
    holds_if=("plated", "the share of heat that arises under cold plates"),
    context={"plated_gb200": "percent", "gpu_share_gb200": "percent", "pool_limit": "W/mm^2", "pool_area": "mm^2"},
    plated=assume(0.87, "1", "as in GB200 NVL72: 115 of 132 kW; a hybrid could give plates less", 0.5, 0.95),
    liquid=spec("gb200-nvl72.power_liquid"), total=spec("gb200-nvl72.power_max"), gpus=spec("gb200-nvl72.gpus"),
    gpu_power=spec("gb200.power"), rack=GB200, package=spec("rubin.power"), immersion_stated=stated("immersion"),
    latent_heat=assume(88e3, "J/kg", "a fluoroketone that boils at 49 C"), vapour=assume(13.4, "kg/m^3", "the same fluid"),
    fluid=assume(1510, "kg/m^3", "the same fluid"), tension=assume(0.0085, "kg/s^2", "the same fluid"),
    gravity=given(9.80665, "m/s^2", "standard gravity"),
)  # fmt: skip
def hybrid(plated, liquid, total, gpus, gpu_power, rack, package, immersion_stated, latent_heat, vapour, fluid, tension, gravity):
    pool = boiling_limit(latent_heat, vapour, fluid, tension, gravity)
    return {
        "plate": plated,
        "immersion": 1.0 - plated,
        "plated_gb200": liquid / total,
        "gpu_share_gb200": gpus * gpu_power / rack,
        "pool_limit": pool,
        "pool_area": immersion_stated * package / pool,
    }


@check(
    "pwr-novec-500-per-litre",
    not_checkable="no supplier publishes a price; computed is what the stated one would mean for a rack",
    context={"fill_cost": "kUSD", "share_of_rack": "percent"},
    price=stated("price"), fill=assume(400, "L", "a tank that holds one rack's boards", 200, 800), rack_price=spec("gb200-nvl72.price"),
)  # fmt: skip
def novec(price, fill, rack_price):
    return {"fill_cost": price * fill, "share_of_rack": price * fill / rack_price}


def at_pue(it, ratio):
    """Power of a site whose PUE is given [W]."""
    return total_site(site_power(it, cop_of_pue(ratio)))


@check("pwr-pue-220kw", it=stated("it"), pue=stated("pue"))
def facility_rubin(it, pue):
    return {"facility": at_pue(it, pue)}


@reading("pwr-pue-220kw", "the middle of the published range for the rack", rack=RUBIN)
def facility_rubin_public(rack, pue):
    return {"facility": at_pue(rack, pue)}


@check("pwr-pue-440kw", it=stated("it"), pue=stated("pue"))
def facility_ultra(it, pue):
    return {"facility": at_pue(it, pue)}


@reading("pwr-pue-440kw", "the 600 kW that NVIDIA names", rack=ULTRA)
def facility_ultra_public(rack, pue):
    return {"facility": at_pue(rack, pue)}


@check("pwr-azure-64-racks-4608", published=spec("azure.gb300_gpus"), per_rack=spec("gb300-nvl72.gpus"), own_racks=stated("racks"))
def azure(published, per_rack, own_racks):
    return {"racks": published / per_rack, "gpus": own_racks * per_rack}


@check(
    "pwr-azure-9-to-13mw",
    context={"before_site": "MW", "after_site": "MW"},
    racks=stated("racks", "pwr-azure-64-racks-4608"), gb300=GB300, rubin=RUBIN, pue=stated("pue", "pwr-pue-220kw"),
)  # fmt: skip
def azure_power(racks, gb300, rubin, pue):
    return {
        "before": racks * gb300,
        "after": racks * rubin,
        "before_site": at_pue(racks * gb300, pue),
        "after_site": at_pue(racks * rubin, pue),
    }


@check("pwr-efficiency-6x", gb200=GB200, ultra=ULTRA, gb200_rate=FP4["gb200_rate"], ultra_rate=FP4["ultra_rate"])
def efficiency(gb200, ultra, gb200_rate, ultra_rate):
    return {"ratio": power_per_rate(gb200, gb200_rate) / power_per_rate(ultra, ultra_rate)}


@reading("pwr-efficiency-6x", "the article's own 400 kW", own=ULTRA_STATED)
def efficiency_own(gb200, own, gb200_rate, ultra_rate):
    return {"ratio": power_per_rate(gb200, gb200_rate) / power_per_rate(own, ultra_rate)}


@reading("pwr-efficiency-6x", "FP8 on both sides", gb200_fp8=FP8["gb200_fp8"], ultra_fp8=FP8["ultra_fp8"])
def efficiency_fp8(gb200, ultra, gb200_fp8, ultra_fp8):
    return {"ratio": power_per_rate(gb200, gb200_fp8) / power_per_rate(ultra, ultra_fp8)}


@check(
    "fc-feynman-1mw",
    first=GB200, last=ULTRA, goal=stated("power"),
    start=given(2024.96, "date", "first GB200 racks delivered at the end of 2024"),
    elapsed=assume(2.79, "yr", "from there to Rubin Ultra, planned for the second half of 2027", 2.54, 3.04),
    later=assume(0.75, "yr", "from there to Feynman, planned for 2028", 0.25, 1.25), calendar=given(1, "date/yr", "a year is a year"),
)  # fmt: skip
def feynman(first, last, goal, start, elapsed, later, calendar):
    return {
        "power": extrapolate(first, last, 0.0, elapsed, elapsed + later),
        "year": start + calendar * date_reached(first, last, 0.0, elapsed, goal),
    }


@reading("fc-feynman-1mw", "the article's own 400 kW", own=ULTRA_STATED)
def feynman_own(first, own, goal, start, elapsed, later, calendar):
    return {
        "power": extrapolate(first, own, 0.0, elapsed, elapsed + later),
        "year": start + calendar * date_reached(first, own, 0.0, elapsed, goal),
    }


@reading("fc-feynman-1mw", "an analyst's estimate for the generation after Rubin Ultra", next_rack=spec("trendforce.rack_power_next"))
def feynman_analyst(next_rack):
    return {"power": next_rack}
