"""Chapter 14: cost per token."""

from nvlinklab.claims.registry import assume, check, given, reading, spec, stated
from nvlinklab.economics.capex import straight_line
from nvlinklab.economics.tco import (
    CostRate,
    bound_throughput,
    electricity_cost,
    price_crossover,
    rented_token_cost,
    served_rate,
    time_value,
    token_cost,
    total,
)
from nvlinklab.network.alphabeta import Link, transfer_time
from nvlinklab.network.bandwidth import aggregate

RACKS = given(2, "rack", "two NVL72")
LIFE = spec("hyperscaler.server_life")
TARIFF = spec("us-commercial.electricity")
PAIR_RATE = spec("sglang_gb300_long.gb300_rate")
GPUS = spec("gb300-nvl72.gpus")


def yearly_cost(price, life, power, tariff):
    """What a system costs by the article's own method [USD/s]: straight line over its life, and the energy of the rack."""
    return total(CostRate(capital=straight_line(price, life), electricity=electricity_cost(power, tariff), operations=0.0))


@check(
    "tco-each-microsecond-millions",
    holds_if=("fleet", "the yearly cost of the whole fleet"),
    context={"share": "1"},
    fleet=assume(1, "GUSD/yr", "nobody says how large; from one rack to the largest operator", 0.001, 100),
    saving=stated("saving"),
    layers=spec("deepseek-v3.layers"),
    step=assume(20, "ms", "a decode step at 50 tokens per second and user", 10, 50),
)
def microsecond_saved(fleet, saving, layers, step):
    return {"value": time_value(fleet, step) * saving * layers, "share": layers * saving / step}


@reading("tco-each-microsecond-millions", "one microsecond per token, not per layer")
def microsecond_per_token(fleet, saving, step):
    return {"value": time_value(fleet, step) * saving}


@check(
    "tco-hardware-cost-row",
    holds_if=("die_price", "the price per die of Rubin Ultra, over that of Vera Rubin,"),
    context={"vera_rubin_pair": "MUSD"},
    rack=spec("gb300-nvl72.price"), racks=RACKS, vera_rubin=spec("vr-nvl72.price"), vera_rubin_dies=spec("vr-nvl72.dies"),
    dies=spec("rubin-ultra-nvl576.dies"), die_price=assume(1, "1", "no price of Rubin Ultra is public", 0.3, 1.2),
)  # fmt: skip
def hardware_prices(rack, racks, vera_rubin, vera_rubin_dies, dies, die_price):
    return {"dual_nvl72": rack * racks, "nvl576": vera_rubin / vera_rubin_dies * die_price * dies, "vera_rubin_pair": vera_rubin * racks}


@reading(
    "tco-hardware-cost-row",
    "the price per package of Vera Rubin instead of that per die",
    vera_rubin_packages=spec("vr-nvl72.gpus"),
    packages=spec("rubin-ultra-nvl576.gpus"),
)
def hardware_by_package(vera_rubin, vera_rubin_packages, packages):
    return {"nvl576": vera_rubin / vera_rubin_packages * packages}


@reading("tco-hardware-cost-row", "two GB200 racks at the price SemiAnalysis calculates with", gb200=spec("gb200-nvl72.price"))
def hardware_gb200(gb200, racks):
    return {"dual_nvl72": gb200 * racks}


@check(
    "tco-interconnect-cost-row",
    holds_if=("port_price", "the price of a switch port at 800 Gb/s, both transceivers included,"),
    tray=stated("cable_tray", "pcb-cost-200k-vs-30-50k"), racks=RACKS, gpus=GPUS,
    port_price=assume(3.8, "kUSD", "transceivers alone are reported at 0.55 to 2.2 MUSD for the 144 ports of a Vera Rubin rack", 1, 15),
    board=stated("cost", "pcb-effective-cost-280-330k"),
)  # fmt: skip
def interconnect_prices(tray, racks, gpus, port_price, board):
    return {"trays": tray * racks, "ib": racks * gpus * port_price, "backplane": board}


@check(
    "tco-compute-7x",
    context={"per_die": "x"},
    rack=spec("gb300-nvl72.flops_fp4"), racks=RACKS, rack_dies=spec("gb300-nvl72.dies"),
    ultra=spec("rubin-ultra-nvl576.flops_fp4_headline"), ultra_dies=spec("rubin-ultra-nvl576.dies"),
)  # fmt: skip
def compute_ratio(rack, racks, rack_dies, ultra, ultra_dies):
    dual = rack * racks
    return {"dual": dual, "single": ultra, "ratio": ultra / dual, "per_die": (ultra / ultra_dies) / (rack / rack_dies)}


@reading("tco-compute-7x", "headline rates on both sides", rack_headline=spec("gb300-nvl72.flops_fp4_sparse"))
def compute_ratio_headline(rack_headline, racks, ultra):
    return {"ratio": ultra / (rack_headline * racks)}


@reading("tco-compute-7x", "two Vera Rubin NVL72, the rack of the year between", vera_rubin=spec("vr-nvl72.flops_fp4_headline"))
def compute_ratio_vera_rubin(vera_rubin, racks, ultra):
    return {"ratio": ultra / (vera_rubin * racks)}


@reading("tco-compute-7x", "two dies a package, as reported in June 2026", dies_left=given(0.5, "1", "two of four dies"))
def compute_ratio_two_dies(ultra, dies_left, rack, racks):
    return {"ratio": ultra * dies_left / (rack * racks)}


@check(
    "tco-bandwidth-260-vs-1p5pbs",
    context={"largest_domain": "TB/s"},
    rack=spec("gb300-nvl72.nvlink_total_both"),
    racks=RACKS,
    ultra=spec("rubin-ultra-nvl576.nvlink_total_both"),
)
def bandwidth_sums(rack, racks, ultra):
    return {"dual": aggregate(racks, rack), "single": ultra, "largest_domain": rack}


@check(
    "tco-domain-144gpu-vs-576die",
    context={"dual_dies": "die", "single_dies": "die"},
    rack=stated("gpus", "pod-nvl72-rack-72-36"), racks=RACKS,
    packages=stated("packages", "form-576-is-die-count"), dies=stated("dies_per_package", "form-576-is-die-count"),
    rack_dies=given(2, "die", "dies of a Blackwell or Rubin package"),
)  # fmt: skip
def domain_sizes(rack, racks, packages, dies, rack_dies):
    return {"dual": rack * racks, "single": packages, "dual_dies": rack * racks * rack_dies, "single_dies": packages * dies}


@reading("tco-domain-144gpu-vs-576die", "packages on one side and dies on the other, as in the table")
def domain_sizes_mixed(rack, racks, packages, dies):
    return {"dual": rack * racks, "single": packages * dies}


@check("tco-power-row", rack=spec("gb300-nvl72.power"), racks=RACKS, ultra=spec("rubin-ultra-nvl576.power"))
def power_row(rack, racks, ultra):
    return {"dual": rack * racks, "single": ultra}


@reading("tco-power-row", "twice the article's own 140 to 150 kW", own=stated("gb300", "pwr-rack-row"))
def power_row_article(own, racks):
    return {"dual": own * racks}


@check("tco-dual-nvl72-32544-toks", rate=stated("throughput", "bench-gb300-226"), gpus=GPUS, racks=RACKS)
def pair_throughput(rate, gpus, racks):
    return {"throughput": aggregate(gpus * racks, rate)}


def crossing_share(step, layers, exchange):
    """Throughput left when each layer's dispatch and combine take `exchange` longer, nothing overlapped."""
    return step / (step + 2.0 * layers * exchange)


@check(
    "tco-dual-nvl72-25000-actual",
    context={"left": "1", "exchange": "us"},
    rate=PAIR_RATE, gpus=GPUS, racks=RACKS, one=given(1, "token", "a token a step"),
    user_rate=spec("sglang_gb300_long.gb300_interactivity"), layers=spec("deepseek-v3.layers"), dense=spec("deepseek-v3.dense_layers"),
    hidden=spec("deepseek-v3.hidden"), top_k=spec("deepseek-v3.top_k"),
    nbytes=given(1.5, "B", "FP8 there and BF16 back, mean of both"),
    crossing=given(0.5, "1", "half of the experts are in the other rack"),
    alpha=spec("exchange-infiniband.alpha"), link=spec("gb300-nvl72.scale_out_bw"),
)  # fmt: skip
def pair_crossing(rate, gpus, racks, user_rate, one, layers, dense, hidden, top_k, nbytes, crossing, alpha, link):
    requests = rate / user_rate
    exchange = transfer_time(Link(alpha=alpha, bw=link), requests * top_k * hidden * nbytes * crossing)
    left = crossing_share(one / user_rate, layers - dense, exchange)
    return {"throughput": aggregate(gpus * racks, rate) * left, "left": left, "exchange": exchange}


@reading("tco-dual-nvl72-25000-actual", "each rack serves by itself, which nobody can forbid")
def pair_apart(rate, gpus, racks):
    return {"throughput": aggregate(gpus * racks, rate)}


@reading(
    "tco-dual-nvl72-25000-actual",
    "the article's 10 us in each exchange, against its own 4.4 ms per token",
    own=stated("throughput", "bench-gb300-226"),
    own_exchange=stated("cross_ib", "moe-a2a-10us-ib-vs-1us-nvl576"),
)
def pair_crossing_article(own, gpus, racks, layers, dense, own_exchange, one):
    return {"throughput": aggregate(gpus * racks, own) * crossing_share(one / own, layers - dense, own_exchange)}


@reading(
    "tco-dual-nvl72-25000-actual",
    "the article's 10 us in each exchange, against the measured time per token",
    own_exchange=stated("cross_ib", "moe-a2a-10us-ib-vs-1us-nvl576"),
)
def pair_crossing_own_exchange(rate, gpus, racks, layers, dense, own_exchange, one, user_rate):
    return {"throughput": aggregate(gpus * racks, rate) * crossing_share(one / user_rate, layers - dense, own_exchange)}


@check(
    "tco-nvl576-120-150k-toks",
    pair=stated("throughput", "tco-dual-nvl72-32544-toks"),
    rack=spec("gb300-nvl72.mem_bw"),
    racks=RACKS,
    ultra=spec("rubin-ultra-nvl576.mem_bw"),
)
def ultra_throughput(pair, rack, racks, ultra):
    return {"throughput": bound_throughput(pair, ultra, rack * racks)}


@reading(
    "tco-nvl576-120-150k-toks",
    "scaled with arithmetic, the sevenfold compute",
    rack_flops=spec("gb300-nvl72.flops_fp4"),
    ultra_flops=spec("rubin-ultra-nvl576.flops_fp4_headline"),
)
def ultra_throughput_compute(pair, rack_flops, racks, ultra_flops):
    return {"throughput": bound_throughput(pair, ultra_flops, rack_flops * racks)}


@reading("tco-nvl576-120-150k-toks", "two dies and eight memory stacks a package, as reported in June 2026", left=given(0.5, "1", "half"))
def ultra_throughput_two_dies(pair, rack, racks, ultra, left):
    return {"throughput": bound_throughput(pair, ultra * left, rack * racks)}


PAIR_PRICE, ULTRA_PRICE = stated("dual_nvl72", "tco-hardware-cost-row"), stated("nvl576", "tco-hardware-cost-row")


@check(
    "tco-depreciation-row",
    holds_if=("life", "the time over which the racks are written off"),
    pair=PAIR_PRICE,
    ultra=ULTRA_PRICE,
    life=assume(5.5, "yr", "a choice of the owner; annual reports say five to six years, sceptics two to three", 2, 6),
)
def depreciation(pair, ultra, life):
    return {"dual": straight_line(pair, life), "single": straight_line(ultra, life)}


@check(
    "tco-electricity-row",
    rack=spec("gb300-nvl72.power"),
    racks=RACKS,
    ultra=spec("rubin-ultra-nvl576.power"),
    tariff=TARIFF,
)
def electricity(rack, racks, ultra, tariff):
    return {"dual": electricity_cost(rack * racks, tariff), "single": electricity_cost(ultra, tariff)}


@reading(
    "tco-electricity-row",
    "400 kW at the price that the other cell implies",
    own_pair=stated("dual", "tco-power-row"), own_ultra=stated("single", "tco-power-row"), own_cost=stated("dual"),
)  # fmt: skip
def electricity_article(own_pair, own_ultra, own_cost):
    return {"dual": own_cost, "single": own_cost * own_ultra / own_pair}


@reading(
    "tco-electricity-row",
    "600 kW at the price that the other cell implies",
    own_pair=stated("dual", "tco-power-row"), own_cost=stated("dual"),
)  # fmt: skip
def electricity_at_600(own_pair, own_cost, ultra):
    return {"single": own_cost * ultra / own_pair}


@reading(
    "tco-electricity-row",
    "the industrial price, cooling included",
    industrial=given(0.0872, "USD/kWh", "same table"),
    pue=given(1.1, "1", "PUE"),
)
def electricity_industrial(rack, racks, ultra, industrial, pue):
    return {"dual": electricity_cost(rack * racks, industrial, pue), "single": electricity_cost(ultra, industrial, pue)}


@check("tco-sum-3p3m", context={"electricity_share": "1"}, depreciation=stated("depreciation"), electricity=stated("electricity"))
def pair_total(depreciation, electricity):
    return {"total": depreciation + electricity, "electricity_share": electricity / (depreciation + electricity)}


@reading(
    "tco-sum-3p3m",
    "what SemiAnalysis puts on owning 144 GPUs of GB300, all costs counted",
    hourly=spec("gb300.tco"),
    gpus=GPUS,
    racks=RACKS,
)
def pair_total_ownership(hourly, gpus, racks):
    return {"total": hourly * gpus * racks}


@reading(
    "tco-sum-3p3m",
    "the published price over the published life, and the energy",
    rack=spec("gb300-nvl72.price"), racks=RACKS, life=LIFE, power=spec("gb300-nvl72.power"), tariff=TARIFF,
)  # fmt: skip
def pair_total_public(rack, racks, life, power, tariff):
    return {"total": yearly_cost(rack * racks, life, power * racks, tariff)}


@check("tco-sum-6p5m", context={"electricity_share": "1"}, depreciation=stated("depreciation"), electricity=stated("electricity"))
def ultra_total(depreciation, electricity):
    return {"total": depreciation + electricity, "electricity_share": electricity / (depreciation + electricity)}


@reading(
    "tco-sum-6p5m",
    "its own price over the published life, and the energy of 600 kW",
    price=ULTRA_PRICE, life=LIFE, power=spec("rubin-ultra-nvl576.power"), tariff=TARIFF,
)  # fmt: skip
def ultra_total_public(price, life, power, tariff):
    return {"total": yearly_cost(price, life, power, tariff)}


PAIR_TOTAL, PAIR_SERVED = stated("total", "tco-sum-3p3m"), stated("throughput", "tco-dual-nvl72-25000-actual")
ULTRA_TOTAL, ULTRA_SERVED = stated("total", "tco-sum-6p5m"), stated("throughput", "tco-nvl576-120-150k-toks")


def cost_per_token(cost, served):
    """Cost of one token [USD/token] of a system that costs so much a second."""
    return total(token_cost(CostRate(capital=cost, electricity=0.0, operations=0.0), served))


@check("tco-dual-4p2-per-mtok", cost=PAIR_TOTAL, served=PAIR_SERVED)
def pair_token(cost, served):
    return {"cost": cost_per_token(cost, served)}


@reading("tco-dual-4p2-per-mtok", "each rack serves by itself", apart=stated("throughput", "tco-dual-nvl72-32544-toks"))
def pair_token_apart(cost, apart):
    return {"cost": cost_per_token(cost, apart)}


@reading("tco-dual-4p2-per-mtok", "the cost of ownership by SemiAnalysis at the measured rate", hourly=spec("gb300.tco"), rate=PAIR_RATE)
def pair_token_owned(hourly, rate):
    return {"cost": rented_token_cost(hourly, rate)}


@reading(
    "tco-dual-4p2-per-mtok",
    "an H200 at its own operating point, to which NVIDIA gives the same figure",
    hourly=spec("h200.tco"),
    rate=spec("nv-hopper-cost.rate"),
)
def h200_token(hourly, rate):
    return {"cost": rented_token_cost(hourly, rate)}


@reading(
    "tco-dual-4p2-per-mtok",
    "GB300 with short contexts and multi-token prediction, NVIDIA's rate",
    hourly=spec("gb300.tco"),
    rate=spec("nv-gb300-cost.rate"),
)
def gb300_short_token(hourly, rate):
    return {"cost": rented_token_cost(hourly, rate)}


@reading("tco-dual-4p2-per-mtok", "busy 60 % of the time", busy=assume(0.6, "1", "mean load over a day", 0.3, 0.9))
def pair_token_busy(cost, served, busy):
    return {"cost": cost_per_token(cost, served_rate(served, busy))}


@check("tco-nvl576-1p5-per-mtok", cost=ULTRA_TOTAL, served=ULTRA_SERVED)
def ultra_token(cost, served):
    return {"cost": cost_per_token(cost, served)}


@reading(
    "tco-nvl576-1p5-per-mtok",
    "the price per die of Vera Rubin, over the published life",
    vera_rubin=spec("vr-nvl72.price"), vera_rubin_dies=spec("vr-nvl72.dies"), dies=spec("rubin-ultra-nvl576.dies"), life=LIFE,
    power=spec("rubin-ultra-nvl576.power"), tariff=TARIFF,
)  # fmt: skip
def ultra_token_by_die(vera_rubin, vera_rubin_dies, dies, life, power, tariff, served):
    return {"cost": cost_per_token(yearly_cost(vera_rubin / vera_rubin_dies * dies, life, power, tariff), served)}


@check(
    "tco-cost-ratio-35pct",
    context={"pair": "USD/Mtok", "ultra": "USD/Mtok", "price_ratio": "x", "throughput_ratio": "x"},
    pair_price=spec("gb300-nvl72.price"), racks=RACKS, ultra_price=ULTRA_PRICE, life=LIFE,
    pair_power=spec("gb300-nvl72.power"), ultra_power=spec("rubin-ultra-nvl576.power"), tariff=TARIFF,
    rate=PAIR_RATE, gpus=GPUS, left=given(1, "1", "each rack serves by itself and loses nothing"),
    pair_bw=spec("gb300-nvl72.mem_bw"), ultra_bw=spec("rubin-ultra-nvl576.mem_bw"),
)  # fmt: skip
def cost_ratio(pair_price, racks, ultra_price, life, pair_power, ultra_power, tariff, rate, gpus, left, pair_bw, ultra_bw):
    apart = aggregate(gpus * racks, rate)
    served, ultra_served = served_rate(apart, left), bound_throughput(apart, ultra_bw, pair_bw * racks)
    pair = cost_per_token(yearly_cost(pair_price * racks, life, pair_power * racks, tariff), served)
    ultra = cost_per_token(yearly_cost(ultra_price, life, ultra_power, tariff), ultra_served)
    return {
        "ratio": ultra / pair,
        "pair": pair,
        "ultra": ultra,
        "price_ratio": ultra_price / (pair_price * racks),
        "throughput_ratio": ultra_served / served,
    }


@reading("tco-cost-ratio-35pct", "the article's two costs as it computes them", a=ULTRA_TOTAL, b=ULTRA_SERVED, c=PAIR_TOTAL, d=PAIR_SERVED)
def cost_ratio_article(a, b, c, d):
    return {"ratio": cost_per_token(a, b) / cost_per_token(c, d)}


@reading(
    "tco-cost-ratio-35pct",
    "the same, with two racks that serve by themselves",
    a=ULTRA_TOTAL, b=ULTRA_SERVED, c=PAIR_TOTAL, d=stated("throughput", "tco-dual-nvl72-32544-toks"),
)  # fmt: skip
def cost_ratio_apart(a, b, c, d):
    return {"ratio": cost_per_token(a, b) / cost_per_token(c, d)}


@reading(
    "tco-cost-ratio-35pct", "with the stated loss of a quarter between the racks", kept=stated("throughput", "tco-dual-nvl72-25000-actual")
)
def cost_ratio_with_loss(
    pair_price, racks, ultra_price, life, pair_power, ultra_power, tariff, rate, gpus, left, pair_bw, ultra_bw, kept
):  # fmt: skip
    share = kept / aggregate(gpus * racks, rate) * left
    found = cost_ratio(pair_price, racks, ultra_price, life, pair_power, ultra_power, tariff, rate, gpus, share, pair_bw, ultra_bw)
    return {"ratio": found["ratio"]}


@reading(
    "tco-cost-ratio-35pct",
    "against two Vera Rubin racks at their estimated price",
    other_price=spec("vr-nvl72.price"), other_power=spec("vr-nvl72.power"), other_bw=spec("vr-nvl72.mem_bw"),
)  # fmt: skip
def cost_ratio_vera_rubin(other_price, racks, ultra_price, life, other_power, ultra_power, tariff, rate, gpus, left, other_bw, ultra_bw):
    found = cost_ratio(other_price, racks, ultra_price, life, other_power, ultra_power, tariff, rate, gpus, left, other_bw, ultra_bw)
    return {"ratio": found["ratio"]}


@reading(
    "tco-cost-ratio-35pct",
    "NVL576 at the price per die of Vera Rubin",
    other_price=spec("vr-nvl72.price"), other_dies=spec("vr-nvl72.dies"), dies=spec("rubin-ultra-nvl576.dies"),
)  # fmt: skip
def cost_ratio_by_die(
    pair_price, racks, other_price, other_dies, dies, life, pair_power, ultra_power, tariff, rate, gpus, left, pair_bw, ultra_bw
):  # fmt: skip
    price = other_price / other_dies * dies
    found = cost_ratio(pair_price, racks, price, life, pair_power, ultra_power, tariff, rate, gpus, left, pair_bw, ultra_bw)
    return {"ratio": found["ratio"]}


@check(
    "tco-availability-adjusted-1p7-40pct",
    a=ULTRA_TOTAL, b=ULTRA_SERVED, c=PAIR_TOTAL, d=PAIR_SERVED, availability=stated("availability"),
)  # fmt: skip
def available_cost(a, b, c, d, availability):
    cost = cost_per_token(a, served_rate(b, availability=availability))
    return {"cost": cost, "ratio": cost / cost_per_token(c, d)}


@reading(
    "tco-availability-adjusted-1p7-40pct",
    "with two racks that serve by themselves",
    e=stated("throughput", "tco-dual-nvl72-32544-toks"),
)
def available_cost_apart(a, b, c, e, availability):
    return {"ratio": cost_per_token(a, served_rate(b, availability=availability)) / cost_per_token(c, e)}


@check(
    "tco-backplane-doubles-hardware-cost",
    context={"backplane_share": "1", "per_die": "x"},
    pair=PAIR_PRICE, ultra=ULTRA_PRICE, board=stated("backplane", "tco-interconnect-cost-row"),
    pair_dies=given(288, "die", "dies of two NVL72"), ultra_dies=given(576, "die", "dies of NVL576"),
)  # fmt: skip
def doubling(pair, ultra, board, pair_dies, ultra_dies):
    return {"ratio": ultra / pair, "backplane_share": board / (ultra - pair), "per_die": (ultra / ultra_dies) / (pair / pair_dies)}


@reading(
    "tco-backplane-doubles-hardware-cost",
    "the low ends of both ranges",
    low_pair=given(6, "MUSD", "low end"),
    low_ultra=given(12, "MUSD", "low end"),
)
def doubling_low(low_pair, low_ultra):
    return {"ratio": low_ultra / low_pair}


@check(
    "tco-scale-advice-100-racks",
    context={"serves_as_many_as": "rack"},
    large=ULTRA_TOTAL, pair=PAIR_TOTAL, racks=RACKS, spares=assume(1, "1", "a rack that returns to the factory needs a spare", 0, 1),
    large_served=ULTRA_SERVED, pair_served=PAIR_SERVED,
)  # fmt: skip
def scale_advice(large, pair, racks, spares, large_served, pair_served):
    crossover = price_crossover(large, pair / racks, spares)
    return {"small": crossover, "large": crossover, "serves_as_many_as": large_served / (pair_served / racks)}


@reading(
    "tco-scale-advice-100-racks",
    "with published prices, life and power",
    price=spec("gb300-nvl72.price"), ultra_price=ULTRA_PRICE, life=LIFE, power=spec("gb300-nvl72.power"),
    ultra_power=spec("rubin-ultra-nvl576.power"), tariff=TARIFF,
)  # fmt: skip
def scale_advice_public(price, ultra_price, life, power, ultra_power, tariff, spares):
    crossover = price_crossover(yearly_cost(ultra_price, life, ultra_power, tariff), yearly_cost(price, life, power, tariff), spares)
    return {"small": crossover, "large": crossover}


@check(
    "tco-1-35-cost-per-token",
    context={"price_ratio": "x", "gb300_cost": "USD/Mtok", "h200_cost": "USD/Mtok"},
    gb300=spec("gb300.tco"), h200=spec("h200.tco"), gb300_rate=spec("nv-gb300-cost.rate"), h200_rate=spec("nv-hopper-cost.rate"),
)  # fmt: skip
def hopper_gain(gb300, h200, gb300_rate, h200_rate):
    old, new = rented_token_cost(h200, h200_rate), rented_token_cost(gb300, gb300_rate)
    return {"ratio": old / new, "price_ratio": gb300 / h200, "gb300_cost": new, "h200_cost": old}


@reading("tco-1-35-cost-per-token", "the 65 times of the same report over the price ratio", gain=spec("nv-gb300-cost.gain"))
def hopper_gain_stated(gain, gb300, h200):
    return {"ratio": gain * h200 / gb300}


@reading(
    "tco-1-35-cost-per-token",
    "InferenceX, tokens per dollar over H100 at 40 tokens per second and user",
    gain=spec("inferencex.tokens_per_usd_gain_40"),
)
def hopper_gain_slow(gain):
    return {"ratio": gain}


@reading(
    "tco-1-35-cost-per-token",
    "InferenceX, tokens per dollar over H100 at 116 tokens per second and user",
    gain=spec("inferencex.tokens_per_usd_gain_116"),
)
def hopper_gain_fast(gain):
    return {"ratio": gain}


@reading(
    "tco-1-35-cost-per-token",
    "GB300 without multi-token prediction",
    hopper_cost=spec("nv-hopper-cost.cost"),
    no_mtp=spec("nv-gb300-cost.cost_no_mtp"),
)
def hopper_gain_no_mtp(hopper_cost, no_mtp):
    return {"ratio": hopper_cost / no_mtp}


@check("tco-1-15-vs-mi355x", gain=spec("signal65.gb200_mi355x_gain"), price_ratio=spec("signal65.price_ratio"))
def mi355x_gain(gain, price_ratio):
    return {"ratio": gain / price_ratio}


@reading("tco-1-15-vs-mi355x", "with the cost of ownership by SemiAnalysis", gb200=spec("gb200.tco"), mi355x=spec("mi355x.tco"))
def mi355x_gain_owned(gain, gb200, mi355x):
    return {"ratio": gain * mi355x / gb200}
