"""Chapter 16: the POD, market figures and forecasts."""

from nvlinklab.claims.registry import assume, check, given, reading, spec, stated
from nvlinklab.economics.growth import extrapolate
from nvlinklab.hardware.pod import Pod, pod_total, racks_implied
from nvlinklab.network.bandwidth import aggregate

YEAR, DATE = given(1, "yr", "a year as a length of time"), given(1, "date", "a year of the calendar")


def interval(since, until, year, date):
    """Time between two dates [s]."""
    return (until - since) / date * year


def grown(new, old):
    """Growth of a figure over an earlier one."""
    return new / old - 1.0


@check(
    "fc-nvlink-678-annual",
    context={"past_cadence": "yr"},
    announced=given(3, "generation", "NVLink 6, 7 and 8 on the roadmap of March 2026"),
    sixth=spec("nvlink6.year"), eighth=spec("nvlink8.year"), steps=given(2, "1", "steps from the sixth to the eighth"),
    first=spec("nvlink1.year"), fifth=spec("nvlink5.year"), past_steps=given(4, "1", "steps from the first to the fifth"),
    year=YEAR, date=DATE,
)  # fmt: skip
def nvlink_generations(announced, sixth, eighth, steps, first, fifth, past_steps, year, date):
    return {
        "generations": announced,
        "cadence": interval(sixth, eighth, year, date) / steps,
        "past_cadence": interval(first, fifth, year, date) / past_steps,
    }


@reading("fc-nvlink-678-annual", "the pace of the first five generations")
def nvlink_pace(first, fifth, past_steps, year, date):
    return {"cadence": interval(first, fifth, year, date) / past_steps}


@check(
    "fc-1000-gpu-domain-before-2028", context={"short_of_it": "x"}, largest=stated("dies", "form-576-is-die-count"), wanted=stated("gpus")
)
def thousand_gpus(largest, wanted):
    return {"gpus": largest, "short_of_it": wanted / largest}


@reading("fc-1000-gpu-domain-before-2028", "packages of the same rack", packages=stated("packages", "form-576-is-die-count"))
def thousand_packages(packages):
    return {"gpus": packages}


@reading("fc-1000-gpu-domain-before-2028", "packages of the eight racks called NVL576 in 2026", racks=spec("nvl576-racks.packages"))
def thousand_in_eight_racks(racks):
    return {"gpus": racks}


@reading(
    "fc-1000-gpu-domain-before-2028",
    "dies of those eight racks, at two a package",
    racks=spec("nvl576-racks.packages"),
    dies=spec("rubin-ultra-cut.dies"),
)
def thousand_dies(racks, dies):
    return {"gpus": racks * dies}


@reading("fc-1000-gpu-domain-before-2028", "NVL1152 with Feynman, in 2028", planned=spec("feynman-nvl1152.gpus"))
def thousand_with_feynman(planned):
    return {"gpus": planned}


@check(
    "fc-3-to-5-tbs-per-gpu",
    context={"rubin_ultra": "TB/s"},
    nvlink6=spec("nvlink6.gpu_bw_both"),
    ultra=spec("rubin-ultra-nvl576.gpu_bw_both"),
)
def gpu_bandwidth_forecast(nvlink6, ultra):
    return {"bandwidth": nvlink6, "rubin_ultra": ultra}


@reading(
    "fc-3-to-5-tbs-per-gpu",
    "the exponential through the first and the sixth generation, at the end of 2027",
    first=spec("nvlink1.gpu_bw_both"), since=spec("nvlink1.year"), until=spec("nvlink6.year"), then=given(2028, "date", "end of 2027"),
)  # fmt: skip
def gpu_bandwidth_trend(first, nvlink6, since, until, then):
    return {"bandwidth": extrapolate(first, nvlink6, since, until, then)}


@check("sem-singapore-42m-mansion", value=spec("sg-mansion.value"))
def mansion(value):
    return {"value": value}


@check(
    "sem-marvell-2b-investment",
    context={"of_a_quarter": "1", "of_networking": "1"},
    investment=spec("nvidia-marvell.investment"), revenue=spec("nvda-fy27q1.revenue"), networking=spec("nvda-fy27q1.networking"),
)  # fmt: skip
def marvell(investment, revenue, networking):
    return {"investment": investment, "of_a_quarter": investment / revenue, "of_networking": investment / networking}


@check("fc-marvell-ai-ran-5g-6g", context={"investment": "GUSD"}, investment=spec("nvidia-marvell.investment"))
def marvell_radio(investment):
    return {"investment": investment}


@check(
    "mkt-as-of-date-2026-05-19",
    context={"earnings": "date"},
    latest=stated("date", "lpu-niche-update-2026-05-21"),
    reported=spec("nvda-fy27q1.reported"),
)
def as_of(latest, reported):
    return {"date": latest, "earnings": reported}


@check(
    "sem-qfabric-70pct-share",
    context={"concentration": "1", "growth_of_the_rest": "x"},
    not_checkable="an analyst's estimate; no study of the market for quartz fabric is public",
    share=stated("share"),
)
def quartz_fabric(share):
    # the Herfindahl index is at least the square of the largest share; without that supplier the others would have to grow so much
    return {"concentration": share * share, "growth_of_the_rest": 1.0 / (1.0 - share)}


@check(
    "sem-pcb-supply-tight-through-2027",
    context={"boards_started": "1"},
    not_checkable="a forecast for the end of 2027; the boards to be started for each rack are computed beside it",
    good=stated("yield", "pcb-yield-60-70pct"),
)
def backplane_supply(good):
    return {"boards_started": 1.0 / good}


@check(
    "cpu-tam-120b-100b",
    context={"implied_2025": "GUSD/yr", "bofa_growth": "percent"},
    amd=spec("amd-cpu.market"), arm=spec("arm-cpu.market"), year=spec("amd-cpu.market_year"), growth=spec("amd-cpu.growth"),
    bofa=spec("bofa-cpu.market_2026"), bofa_later=spec("bofa-cpu.market_2030"),
)  # fmt: skip
def cpu_projections(amd, arm, year, growth, bofa, bofa_later):
    # five years of AMD's growth lie between 2025 and 2030, four of Bank of America's between 2026 and 2030
    return {
        "amd": amd,
        "arm": arm,
        "year": year,
        "implied_2025": amd / growth**5,
        "bofa_growth": (bofa_later / bofa) ** 0.25 - 1.0,
    }


@check(
    "fc-nvl576-2027h2",
    holds_if=("slip", "the slip of the Kyber rack against the plan of 2025"),
    planned=spec("rubin-ultra-nvl576.planned"),
    slip=assume(0.5, "yr", "a report of July 2026 puts the rack into 2028, NVIDIA denies it", 0, 1),
    year=YEAR, date=DATE,
)  # fmt: skip
def kyber_date(planned, slip, year, date):
    return {"date": planned + slip / year * date}


@reading("fc-nvl576-2027h2", "NVIDIA's plan")
def kyber_plan(planned):
    return {"date": planned}


@check("pod-five-rack-types", types=spec("vr-pod.rack_types"))
def rack_types(types):
    return {"types": types}


GPU_RACKS = {"gpus": spec("vr-pod.gpus"), "per_rack": spec("vr-nvl72.gpus")}
LPU_RACKS = assume(10, "rack", "NVIDIA does not say how many of the 40; 9 and 10 fit both published sums", 9, 10)


@check(
    "pod-40-racks-20000-dies",
    context={"gpu_racks": "rack", "rubin_dies": "die", "per_rack": "die"},
    racks=spec("vr-pod.racks"), dies=spec("vr-pod.dies"), gpus=GPU_RACKS["gpus"], per=GPU_RACKS["per_rack"], gpu_dies=spec("rubin.dies"),
)  # fmt: skip
def pod_size(racks, dies, gpus, per, gpu_dies):
    return {"racks": racks, "dies": dies, "gpu_racks": gpus / per, "rubin_dies": gpus * gpu_dies, "per_rack": dies / racks}


@check(
    "pod-60-eflops",
    context={"gpu_part": "EFLOP/s", "lpu_racks_implied": "rack"},
    **GPU_RACKS, lpu_racks=LPU_RACKS, gpu_rack=spec("vr-nvl72.flops_fp4_headline"), lpu_rack=spec("groq3-lpx.flops_fp8"),
    published=spec("vr-pod.flops_headline"),
)  # fmt: skip
def pod_compute(gpus, per_rack, lpu_racks, gpu_rack, lpu_rack, published):
    racks = gpus / per_rack
    return {
        "compute": pod_total(Pod(gpu_racks=racks, lpu_racks=lpu_racks), gpu_rack, lpu_rack),
        "gpu_part": racks * gpu_rack,
        "lpu_racks_implied": racks_implied(published, racks, gpu_rack, lpu_rack),
    }


@reading("pod-60-eflops", "dense rates, as software sees them", gpu_rack_dense=spec("vr-nvl72.flops_fp4"))
def pod_compute_dense(gpus, per_rack, lpu_racks, gpu_rack_dense, lpu_rack):
    return {"compute": pod_total(Pod(gpu_racks=gpus / per_rack, lpu_racks=lpu_racks), gpu_rack_dense, lpu_rack)}


@reading("pod-60-eflops", "NVIDIA's own total")
def pod_compute_published(published):
    return {"compute": published}


@check(
    "pod-10-pbs",
    context={"gpu_part": "PB/s", "lpu_racks_implied": "rack", "largest_domain": "PB/s"},
    **GPU_RACKS, lpu_racks=LPU_RACKS, gpu_rack=spec("vr-nvl72.nvlink_total_both"), lpu_rack=spec("groq3-lpx.scale_up_bw_both"),
    published=spec("vr-pod.scale_up_bw_both"),
)  # fmt: skip
def pod_bandwidth(gpus, per_rack, lpu_racks, gpu_rack, lpu_rack, published):
    racks = gpus / per_rack
    return {
        "bandwidth": pod_total(Pod(gpu_racks=racks, lpu_racks=lpu_racks), gpu_rack, lpu_rack),
        "gpu_part": racks * gpu_rack,
        "lpu_racks_implied": racks_implied(published, racks, gpu_rack, lpu_rack),
        "largest_domain": lpu_rack,
    }


@reading(
    "pod-10-pbs",
    "scale-out of the GPUs, what the word expansion suggests",
    nic=spec("vr-nvl72.scale_out_bw"),
    both=given(2, "1", "directions"),
)
def pod_scale_out(gpus, nic, both):
    return {"bandwidth": aggregate(gpus, nic) * both}


@reading("pod-10-pbs", "nine LPX racks", nine=given(9, "rack", "instead of ten"))
def pod_bandwidth_nine(gpus, per_rack, nine, gpu_rack, lpu_rack):
    return {"bandwidth": pod_total(Pod(gpu_racks=gpus / per_rack, lpu_racks=nine), gpu_rack, lpu_rack)}


@check(
    "pod-1p2-trillion-transistors",
    context={"gpus_alone": "transistor", "gpus_for_the_stated": "GPU"},
    published=spec("vr-pod.transistors"), gpus=GPU_RACKS["gpus"], per_gpu=spec("rubin.transistors"), claimed=stated("transistors"),
)  # fmt: skip
def pod_transistors(published, gpus, per_gpu, claimed):
    return {"transistors": published, "gpus_alone": gpus * per_gpu, "gpus_for_the_stated": claimed / per_gpu}


@reading(
    "pod-1p2-trillion-transistors",
    "the CPUs of the GPU racks alone, with the article's own count for one",
    per_cpu=stated("transistors", "cpu-vera-227b-transistors"), per=GPU_RACKS["per_rack"], cpus=stated("cpus", "pod-nvl72-rack-72-36"),
)  # fmt: skip
def pod_cpu_transistors(gpus, per, cpus, per_cpu):
    return {"transistors": gpus / per * cpus * per_cpu}


@check(
    "pod-nvl72-rack-72-36",
    context={"gpus_per_cpu": "x"},
    gpus_in=spec("vr-nvl72.gpus"), memory=spec("vr-nvl72.lpddr_capacity"), cpu_memory=spec("vera.mem_capacity"),
)  # fmt: skip
def compute_rack(gpus_in, memory, cpu_memory):
    return {"gpus": gpus_in, "cpus": memory / cpu_memory, "gpus_per_cpu": gpus_in * cpu_memory / memory}


@check(
    "fc-copper-endgame-2028",
    context={"optical_nvlink": "date"},
    not_checkable="a forecast for 2028; that it is Intel's could not be verified",
    feynman=spec("feynman.planned"),
)
def copper_endgame(feynman):
    return {"optical_nvlink": feynman}


@check("fc-cpo-200g-spectrum-x", lane=spec("spectrum-x-photonics.lane_rate"))
def photonics_lane(lane):
    return {"rate": lane}


@check("fc-feynman-2028-cpo", feynman=spec("feynman.planned"))
def feynman_optics(feynman):
    return {"year": feynman}


@check(
    "fc-backplane-lifecycle-1-2-years",
    holds_if=("feynman", "the date of Feynman"),
    start=stated("date", "fc-nvl576-2027h2"),
    feynman=assume(2028.5, "date", "the roadmap says 2028 and no more", 2028, 2029),
    year=YEAR, date=DATE,
)  # fmt: skip
def backplane_life(start, feynman, year, date):
    return {"life": interval(start, feynman, year, date)}


@check(
    "fc-hbm4e-1tb-per-gpu",
    context={"after_the_cut": "GB", "stacks_per_rack": "1"},
    stacks=spec("rubin-ultra-plan.stacks"), stack=spec("hbm4e.stack_capacity"), left=spec("rubin-ultra-cut.stacks"),
    packages=spec("rubin-ultra-nvl576.gpus"),
)  # fmt: skip
def ultra_memory(stacks, stack, left, packages):
    return {"hbm": stacks * stack, "after_the_cut": left * stack, "stacks_per_rack": stacks * packages}


@check("fc-nvl72-h2-2026-260tbs", ships=spec("vr-nvl72.shipments"), rack=spec("vr-nvl72.nvlink_total_both"))
def vera_rubin_date(ships, rack):
    return {"date": ships, "bandwidth": rack}


REVENUE = spec("nvda-fy27q1.revenue")


@check("mkt-q1fy27-revenue-81p6", now=REVENUE, year_ago=spec("nvda-fy26q1.revenue"), quarter_ago=spec("nvda-fy26q4.revenue"))
def revenue(now, year_ago, quarter_ago):
    return {"revenue": now, "yoy": grown(now, year_ago), "qoq": grown(now, quarter_ago)}


@check(
    "mkt-guidance-ceiling-78",
    context={"beat": "percent", "beat_of_middle": "percent"},
    middle=spec("nvda-fy27q1.guidance"), band=spec("nvda-fy27q1.guidance_band"), result=REVENUE, one=given(1, "1", "whole"),
)  # fmt: skip
def guidance_ceiling(middle, band, result, one):
    ceiling = middle * (one + band)
    return {"ceiling": ceiling, "beat": grown(result, ceiling), "beat_of_middle": grown(result, middle)}


@reading("mkt-guidance-ceiling-78", "the middle of the guidance")
def guidance_middle(middle):
    return {"ceiling": middle}


@check(
    "mkt-datacenter-75p2",
    context={"share": "1"},
    compute=spec("nvda-fy27q1.compute"), networking=spec("nvda-fy27q1.networking"), year_ago=spec("nvda-fy26q1.data_centre"), whole=REVENUE,
)  # fmt: skip
def data_centre(compute, networking, year_ago, whole):
    both = compute + networking
    return {"dc": both, "compute": compute, "networking": networking, "yoy": grown(both, year_ago), "share": both / whole}


@check(
    "mkt-networking-199pct",
    context={"compute_growth": "percent", "share": "1"},
    now=spec("nvda-fy27q1.networking"), then=spec("nvda-fy26q1.networking"),
    compute=spec("nvda-fy27q1.compute"), data_centre_then=spec("nvda-fy26q1.data_centre"), data_centre_now=spec("nvda-fy27q1.data_centre"),
)  # fmt: skip
def networking(now, then, compute, data_centre_then, data_centre_now):
    return {"growth": grown(now, then), "compute_growth": grown(compute, data_centre_then - then), "share": now / data_centre_now}


@check(
    "mkt-q2-guidance-91",
    context={"low": "GUSD", "high": "GUSD", "qoq": "percent"},
    middle=spec("nvda-fy27q2.guidance"), width=spec("nvda-fy27q2.guidance_band"), one=given(1, "1", "whole"), now=REVENUE,
)  # fmt: skip
def next_guidance(middle, width, one, now):
    return {"guidance": middle, "band": width, "low": middle * (one - width), "high": middle * (one + width), "qoq": grown(middle, now)}


@reading(
    "mkt-q2-guidance-91",
    "the exponential through the last five quarters, drawn through the first and the last of them",
    first=spec("nvda-fy26q1.revenue"), since=spec("nvda-fy26q1.ended"), until=spec("nvda-fy27q1.ended"), then=spec("nvda-fy27q2.ended"),
)  # fmt: skip
def guidance_trend(first, now, since, until, then):
    return {"guidance": extrapolate(first, now, since, until, then)}


@check(
    "mkt-cpu-200b-tam",
    context={"over_amd": "x", "over_ubs": "x"},
    market=spec("nvda-cpu.market"), amd=spec("amd-cpu.market"), ubs=spec("ubs-cpu.market_2030"), year=YEAR,
)  # fmt: skip
def cpu_market(market, amd, ubs, year):
    return {"tam": market, "over_amd": market / (amd * year), "over_ubs": market / (ubs * year)}


@check(
    "mkt-cpu-20b-revenue",
    context={"of_200": "1", "of_market_2026": "1"},
    target=spec("nvda-cpu.revenue"), market=spec("nvda-cpu.market"), now=spec("bofa-cpu.market_2026"), year=YEAR,
)  # fmt: skip
def cpu_revenue(target, market, now, year):
    return {"revenue": target, "of_200": target * year / market, "of_market_2026": target / now}


@check(
    "mkt-segments-38-37-6p4",
    context={"sum": "GUSD", "data_centre": "GUSD"},
    hyperscalers=spec("nvda-fy27q1.hyperscale"), others=spec("nvda-fy27q1.acie"), edge_part=spec("nvda-fy27q1.edge"),
)  # fmt: skip
def segments(hyperscalers, others, edge_part):
    return {
        "hyperscale": hyperscalers,
        "acie": others,
        "edge": edge_part,
        "sum": hyperscalers + others + edge_part,
        "data_centre": hyperscalers + others,
    }


@check("mkt-hyperscalers-half-of-dc", hyperscalers=spec("nvda-fy27q1.hyperscale"), whole=spec("nvda-fy27q1.data_centre"))
def hyperscaler_share(hyperscalers, whole):
    return {"share": hyperscalers / whole}


@check("mkt-china-licence-since-april", licence=spec("h20-licence.since"))
def china_licence(licence):
    return {"since": licence}


@check("fc-computex-2026-06", opens=spec("computex26.start"), closes=spec("computex26.end"))
def computex(opens, closes):
    return {"start": opens, "end": closes}


@check(
    "appb-credibility-table",
    context={"per_gpu_of_the_75": "tok/s", "price_of_the_28": "x"},
    n_high=given(3, "row", "130 TB/s, 78 layers, 8,064"), n_medium_high=given(4, "row", "75, 226, 100x, 28x"),
    n_medium=given(3, "row", "30x, 2+2, yield"), n_medium_low=given(1, "row", "400 kW"), n_low=given(1, "row", "MTBF"),
    gb200=stated("throughput", "bench-gb200-75-toks"), users=spec("inferencex.gb200_concurrency_75"), rack=spec("gb200-nvl72.gpus"),
    mi355x=stated("ratio", "bench-28x-vs-mi355x"), prices=spec("signal65.price_ratio"),
)  # fmt: skip
def credibility(n_high, n_medium_high, n_medium, n_medium_low, n_low, gb200, users, rack, mi355x, prices):
    return {
        "rows": n_high + n_medium_high + n_medium + n_medium_low + n_low,
        "high": n_high,
        "medium_high": n_medium_high,
        "medium": n_medium,
        "medium_low": n_medium_low,
        "low": n_low,
        "per_gpu_of_the_75": gb200 * users / rack,
        "price_of_the_28": mi355x / prices,
    }
