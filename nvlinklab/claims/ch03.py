"""Chapter 3: dies, packages, superchips and racks, counted from the trays down."""

from nvlinklab.claims.registry import assume, check, given, reading, spec, stated
from nvlinklab.hardware.counting import Rack, dies, growth_per_unit, implied_count, packages
from nvlinklab.network.bandwidth import aggregate, both_ways

TRAYS, PER_TRAY = spec("gb200-nvl72.compute_trays"), spec("gb200-nvl72.gpus_per_tray")
VR_TRAYS, VR_PER_TRAY = spec("vr-nvl72.compute_trays"), spec("vr-nvl72.gpus_per_tray")
ULTRA_PACKAGES = spec("rubin-ultra-nvl576.gpus")
PER_SUPERCHIP = given(2, "package", "a superchip is one CPU with two packages")


# How many dies, how many packages


@check(
    "form-die-count-row",
    trays=TRAYS, per_tray=PER_TRAY, dies_gb200=spec("gb200.dies"), dies_gb300=spec("gb300.dies"), dies_rubin=spec("rubin.dies"),
    ultra_packages=ULTRA_PACKAGES, dies_ultra=spec("rubin-ultra.dies"),
)  # fmt: skip
def die_count(trays, per_tray, dies_gb200, dies_gb300, dies_rubin, ultra_packages, dies_ultra):
    racks = {"gb200": dies_gb200, "gb300": dies_gb300, "vera_rubin": dies_rubin}
    counted = {name: dies(Rack(trays=trays, packages_per_tray=per_tray, dies_per_package=d)) for name, d in racks.items()}
    return counted | {"rubin_ultra": ultra_packages * dies_ultra}


@reading("form-die-count-row", "packages")
def die_count_packages(trays, per_tray, ultra_packages):
    return dict.fromkeys(("gb200", "gb300", "vera_rubin"), trays * per_tray) | {"rubin_ultra": ultra_packages}


@check(
    "form-576-is-die-count",
    ultra_packages=ULTRA_PACKAGES,
    ultra_dies=spec("rubin-ultra.dies"),
)
def ultra_count(ultra_packages, ultra_dies):
    return {"packages": ultra_packages, "dies_per_package": ultra_dies, "dies": ultra_packages * ultra_dies}


@reading(
    "form-576-is-die-count",
    "as named at GTC 2026: packages in eight racks of 72, two dies each",
    racks=spec("nvl576-2026.racks"),
    per_rack=spec("nvl576-2026.gpus_per_rack"),
    dies_now=spec("rubin-ultra.dies_revised"),
)
def ultra_count_2026(racks, per_rack, dies_now):
    return {"packages": racks * per_rack, "dies_per_package": dies_now, "dies": racks * per_rack * dies_now}


@check(
    "form-144-vs-36-packages",
    context={"from_memory": "package", "from_fabric": "package", "from_compute": "package", "growth": "x"},
    trays=VR_TRAYS, per_tray=VR_PER_TRAY, ultra_packages=ULTRA_PACKAGES,
    rack_memory=spec("vr-nvl72.mem_capacity"), memory=spec("rubin.mem_capacity"),
    rack_fabric=spec("vr-nvl72.nvlink_total_both"), fabric=spec("nvlink6.gpu_bw_both"),
    rack_fp4=spec("vr-nvl72.flops_fp4_headline"), fp4=spec("rubin.flops_fp4_headline"),
)  # fmt: skip
def package_count(trays, per_tray, ultra_packages, rack_memory, memory, rack_fabric, fabric, rack_fp4, fp4):
    counted = trays * per_tray
    return {
        "nvl576": ultra_packages,
        "nvl72": counted,
        "from_memory": implied_count(rack_memory, memory),
        "from_fabric": implied_count(rack_fabric, fabric),
        "from_compute": implied_count(rack_fp4, fp4),
        "growth": ultra_packages / counted,
    }


@reading("form-144-vs-36-packages", "superchips: one CPU and two packages", per_cpu=PER_SUPERCHIP)
def package_count_superchips(trays, per_tray, per_cpu):
    return {"nvl72": trays * per_tray / per_cpu}


@reading(
    "form-144-vs-36-packages",
    "the article's 72 dies, two to a package",
    row=stated("gb200", "form-die-count-row"),
    die=given(2, "die", "two dies"),
)
def package_count_from_dies(row, die):
    return {"nvl72": row / die}


@check(
    "form-2plus2-compute-unchanged",
    holds_if=("packages_after", "the number of packages in the rack after the change"),
    before=spec("rubin-ultra.dies"), after=spec("rubin-ultra.dies_revised"), packages_before=ULTRA_PACKAGES,
    packages_after=assume(144, "package", "144 if the rack keeps its sockets, 288 if two packages take the place of one", 144, 288),
    die_rate=assume(1, "x", "the same die at the same clock", 1, 1),
)  # fmt: skip
def two_plus_two(before, after, packages_before, packages_after, die_rate):
    compute = growth_per_unit(packages_after * after * die_rate, packages_before * before)
    return {"dies_before": before, "dies_after": after, "compute": compute}


@reading(
    "form-2plus2-compute-unchanged", "two packages on a board for each old one, as one side reports", twice=given(2, "x", "two for one")
)
def two_plus_two_doubled(before, after, packages_before, die_rate, twice):
    return {"compute": growth_per_unit(twice * packages_before * after * die_rate, packages_before * before)}


@check("appa-vr-tray-4-hbm", gpus=VR_PER_TRAY, stacks=spec("rubin.hbm_stacks"))
def tray_memory(gpus, stacks):
    return {"hbm": gpus * stacks}


@reading("appa-vr-tray-4-hbm", "the GPU packages, under whose covers the stacks are")
def tray_packages(gpus):
    return {"hbm": gpus}


# Rates of racks


@check(
    "gen-fp4-rack-row", context={"rubin_ultra_from_packages": "PFLOP/s", "rubin_dense": "PFLOP/s", "gb200_sparse": "PFLOP/s"},
    trays=TRAYS, per_tray=PER_TRAY, fp4_gb200=spec("gb200.flops_fp4"), fp4_gb300=spec("gb300.flops_fp4"),
    fp4_rubin=spec("rubin.flops_fp4_headline"), rack_ultra=spec("rubin-ultra-nvl576.flops_fp4_headline"),
    ultra_packages=ULTRA_PACKAGES, fp4_ultra=spec("rubin-ultra.flops_fp4_headline"),
    dense_rubin=spec("rubin.flops_fp4"), sparse_gb200=spec("gb200.flops_fp4_sparse"),
)  # fmt: skip
def rack_fp4(trays, per_tray, fp4_gb200, fp4_gb300, fp4_rubin, rack_ultra, ultra_packages, fp4_ultra, dense_rubin, sparse_gb200):
    gpus = trays * per_tray
    return {
        "gb200": aggregate(gpus, fp4_gb200),
        "gb300": aggregate(gpus, fp4_gb300),
        "vera_rubin": aggregate(gpus, fp4_rubin),
        "rubin_ultra": rack_ultra,
        "rubin_ultra_from_packages": aggregate(ultra_packages, fp4_ultra),
        "rubin_dense": aggregate(gpus, dense_rubin),
        "gb200_sparse": aggregate(gpus, sparse_gb200),
    }


@reading("gen-fp4-rack-row", "one kind of rate all along: dense, where it is published")
def rack_fp4_dense(trays, per_tray, fp4_gb200, fp4_gb300, dense_rubin):
    gpus = trays * per_tray
    return {"gb200": aggregate(gpus, fp4_gb200), "gb300": aggregate(gpus, fp4_gb300), "vera_rubin": aggregate(gpus, dense_rubin)}


@reading("gen-fp4-rack-row", "the headline of each generation: sparse, sparse, inference", sparse_gb300=spec("gb300.flops_fp4_sparse"))
def rack_fp4_headline(trays, per_tray, sparse_gb200, sparse_gb300, fp4_rubin):
    gpus = trays * per_tray
    return {"gb200": aggregate(gpus, sparse_gb200), "gb300": aggregate(gpus, sparse_gb300), "vera_rubin": aggregate(gpus, fp4_rubin)}


@check("gen-fp8-gb200-360", trays=TRAYS, per_tray=PER_TRAY, fp8=spec("gb200.flops_fp8"))
def fp8_gb200(trays, per_tray, fp8):
    return {"fp8": aggregate(trays * per_tray, fp8)}


@reading(
    "gen-fp8-gb200-360", "half of the article's FP4 rate", fp4=stated("gb200", "gen-fp4-rack-row"), half=given(0.5, "1", "twice the bits")
)
def fp8_gb200_halved(fp4, half):
    return {"fp8": half * fp4}


@check(
    "gen-fp8-gb300-540",
    context={"fp4_over_fp8": "x"},
    trays=TRAYS,
    per_tray=PER_TRAY,
    fp8=spec("gb300.flops_fp8"),
    fp4=spec("gb300.flops_fp4"),
)
def fp8_gb300(trays, per_tray, fp8, fp4):
    return {"fp8": aggregate(trays * per_tray, fp8), "fp4_over_fp8": fp4 / fp8}


@reading(
    "gen-fp8-gb300-540", "half of the article's FP4 rate", rack=stated("gb300", "gen-fp4-rack-row"), half=given(0.5, "1", "twice the bits")
)
def fp8_gb300_halved(rack, half):
    return {"fp8": half * rack}


@reading("gen-fp8-gb300-540", "with 2:4 sparsity", sparsity=given(2, "x", "two of four weights are zero"))
def fp8_gb300_sparse(trays, per_tray, fp8, sparsity):
    return {"fp8": sparsity * aggregate(trays * per_tray, fp8)}


@check(
    "gen-fp8-rubin-2p5ef", context={"slide": "PFLOP/s"},
    trays=VR_TRAYS, per_tray=VR_PER_TRAY, fp8=spec("rubin.flops_fp8"), rack=spec("vr-nvl72.flops_fp8"),
)  # fmt: skip
def fp8_rubin(trays, per_tray, fp8, rack):
    return {"fp8": aggregate(trays * per_tray, fp8), "slide": rack}


@reading("gen-fp8-rubin-2p5ef", "the NVFP4 training rate", fp4=spec("rubin.flops_fp4"))
def fp8_rubin_nvfp4(trays, per_tray, fp4):
    return {"fp8": aggregate(trays * per_tray, fp4)}


@check(
    "gen-fp8-rubin-ultra-5ef", context={"fp4_over_fp8": "x"},
    rack=spec("rubin-ultra-nvl576.flops_fp8"), fp4=spec("rubin-ultra-nvl576.flops_fp4_headline"),
)  # fmt: skip
def fp8_ultra(rack, fp4):
    return {"fp8": rack, "fp4_over_fp8": fp4 / rack}


@reading(
    "gen-fp8-rubin-ultra-5ef", "from below: every die as fast as one of Rubin", fp8=spec("rubin.flops_fp8"), rubin_dies=spec("rubin.dies"),
    all_dies=spec("rubin-ultra-nvl576.dies"),
)  # fmt: skip
def fp8_ultra_from_dies(fp8, rubin_dies, all_dies):
    return {"fp8": aggregate(all_dies, fp8 / rubin_dies)}


@check("gen-compute-growth-20x", first=spec("gb200-nvl72.flops_fp4"), last=spec("rubin-ultra-nvl576.flops_fp4_headline"))
def compute_growth(first, last):
    return {"growth": last / first}


@reading("gen-compute-growth-20x", "headline over headline: GB200 with sparsity", sparse=spec("gb200-nvl72.flops_fp4_sparse"))
def compute_growth_headline(sparse, last):
    return {"growth": last / sparse}


@reading("gen-compute-growth-20x", "per package", packages_first=spec("gb200-nvl72.gpus"), packages_last=ULTRA_PACKAGES)
def compute_growth_package(first, last, packages_first, packages_last):
    return {"growth": growth_per_unit(last / first, packages_last / packages_first)}


# Growth and rates of a die


@check(
    "gen-die-growth-8x", context={"packages": "x"},
    first=spec("gb200-nvl72.dies"), last=spec("rubin-ultra-nvl576.dies"),
    packages_first=spec("gb200-nvl72.gpus"), packages_last=ULTRA_PACKAGES,
)  # fmt: skip
def die_growth(first, last, packages_first, packages_last):
    return {"growth": last / first, "packages": packages_last / packages_first}


@reading("gen-die-growth-8x", "dies of the new rack over packages of the old one")
def die_growth_mixed(last, packages_first):
    return {"growth": last / packages_first}


GROWTH = {
    "first_fp4": spec("gb200-nvl72.flops_fp4"), "last_fp4": spec("rubin-ultra-nvl576.flops_fp4_headline"),
    "first_dies": spec("gb200-nvl72.dies"), "last_dies": spec("rubin-ultra-nvl576.dies"),
}  # fmt: skip


@check("gen-per-die-growth-2p6x", **GROWTH)
def per_die_growth(first_fp4, last_fp4, first_dies, last_dies):
    return {"growth": growth_per_unit(last_fp4 / first_fp4, last_dies / first_dies)}


@reading("gen-per-die-growth-2p6x", "over the article's growth of the count", count=stated("growth", "gen-die-growth-8x"))
def per_die_growth_article(first_fp4, last_fp4, count):
    return {"growth": growth_per_unit(last_fp4 / first_fp4, count)}


@reading("gen-per-die-growth-2p6x", "headline over headline: GB200 with sparsity", sparse=spec("gb200-nvl72.flops_fp4_sparse"))
def per_die_growth_headline(sparse, last_fp4, first_dies, last_dies):
    return {"growth": growth_per_unit(last_fp4 / sparse, last_dies / first_dies)}


@check(
    "gen-package-fp4-row",
    fp4_gb200=spec("gb200.flops_fp4"), fp4_gb300=spec("gb300.flops_fp4"), fp4_rubin=spec("rubin.flops_fp4_headline"),
    rack_ultra=spec("rubin-ultra-nvl576.flops_fp4_headline"), ultra_packages=ULTRA_PACKAGES,
)  # fmt: skip
def package_fp4(fp4_gb200, fp4_gb300, fp4_rubin, rack_ultra, ultra_packages):
    return {"blackwell": fp4_gb200, "blackwell_ultra": fp4_gb300, "rubin": fp4_rubin, "rubin_ultra": rack_ultra / ultra_packages}


@reading("gen-package-fp4-row", "per superchip: two packages and a CPU", per_cpu=PER_SUPERCHIP)
def package_fp4_superchip(fp4_gb200, fp4_gb300, fp4_rubin, per_cpu):
    return {"blackwell": per_cpu * fp4_gb200, "blackwell_ultra": per_cpu * fp4_gb300, "rubin": per_cpu * fp4_rubin}


@reading(
    "gen-package-fp4-row", "sparse headlines", sparse_gb200=spec("gb200.flops_fp4_sparse"), sparse_gb300=spec("gb300.flops_fp4_sparse")
)
def package_fp4_sparse(sparse_gb200, sparse_gb300):
    return {"blackwell": sparse_gb200, "blackwell_ultra": sparse_gb300}


DIE_RATES = {
    "fp4_gb200": spec("gb200.flops_fp4"), "dies_gb200": spec("gb200.dies"),
    "fp4_gb300": spec("gb300.flops_fp4"), "dies_gb300": spec("gb300.dies"),
    "fp4_rubin": spec("rubin.flops_fp4_headline"), "dies_rubin": spec("rubin.dies"),
    "rack_ultra": spec("rubin-ultra-nvl576.flops_fp4_headline"), "dies_ultra": spec("rubin-ultra-nvl576.dies"),
}  # fmt: skip


@check("gen-die-fp4-row", **DIE_RATES)
def die_fp4(fp4_gb200, dies_gb200, fp4_gb300, dies_gb300, fp4_rubin, dies_rubin, rack_ultra, dies_ultra):
    return {
        "blackwell": fp4_gb200 / dies_gb200,
        "blackwell_ultra": fp4_gb300 / dies_gb300,
        "rubin": fp4_rubin / dies_rubin,
        "rubin_ultra": rack_ultra / dies_ultra,
    }


@reading("gen-die-fp4-row", "packages taken for dies", ultra_packages=ULTRA_PACKAGES)
def die_fp4_packages(fp4_gb200, fp4_gb300, fp4_rubin, rack_ultra, ultra_packages):
    return {"blackwell": fp4_gb200, "blackwell_ultra": fp4_gb300, "rubin": fp4_rubin, "rubin_ultra": rack_ultra / ultra_packages}


@check(
    "gen-per-die-drop-50-to-26", context={"change": "x"},
    **{name: DIE_RATES[name] for name in ("fp4_rubin", "dies_rubin", "rack_ultra", "dies_ultra")},
)  # fmt: skip
def die_drop(fp4_rubin, dies_rubin, rack_ultra, dies_ultra):
    rubin, ultra = fp4_rubin / dies_rubin, rack_ultra / dies_ultra
    return {"rubin": rubin, "rubin_ultra": ultra, "change": ultra / rubin}


@reading("gen-per-die-drop-50-to-26", "Rubin per package, Rubin Ultra per die")
def die_drop_mixed(fp4_rubin, rack_ultra, dies_ultra):
    return {"rubin": fp4_rubin, "rubin_ultra": rack_ultra / dies_ultra}


@check(
    "gen-per-die-blackwell-rubin-5x",
    **{name: DIE_RATES[name] for name in ("fp4_gb200", "dies_gb200", "fp4_rubin", "dies_rubin")},
)
def die_step(fp4_gb200, dies_gb200, fp4_rubin, dies_rubin):
    return {"growth": growth_per_unit(fp4_rubin / fp4_gb200, dies_rubin / dies_gb200)}


@reading("gen-per-die-blackwell-rubin-5x", "dense over dense", dense=spec("rubin.flops_fp4"))
def die_step_dense(fp4_gb200, dies_gb200, dense, dies_rubin):
    return {"growth": growth_per_unit(dense / fp4_gb200, dies_rubin / dies_gb200)}


@reading("gen-per-die-blackwell-rubin-5x", "headline over headline: Blackwell with sparsity", sparse=spec("gb200.flops_fp4_sparse"))
def die_step_headline(sparse, dies_gb200, fp4_rubin, dies_rubin):
    return {"growth": growth_per_unit(fp4_rubin / sparse, dies_rubin / dies_gb200)}


@check(
    "gen-gpu-process-4n-4np-n3p", context={"per_die_gain": "x", "bf16_gain": "x"},
    gb200=spec("gb200.flops_fp8"), rubin=spec("rubin.flops_fp8"), bf16_gb200=spec("gb200.flops_bf16"), bf16_rubin=spec("rubin.flops_bf16"),
)  # fmt: skip
def processes(gb200, rubin, bf16_gb200, bf16_rubin):
    return {"per_die_gain": rubin / gb200, "bf16_gain": bf16_rubin / bf16_gb200}


# The rack that was renamed


@check("nvl144-announced-gtc-dc-2025-10", announced=spec("vr-nvl144.announced"))
def nvl144_announced(announced):
    return {"date": announced}


@reading("nvl144-announced-gtc-dc-2025-10", "when the hardware was first shown", shown=spec("vr-nvl144.shown"))
def nvl144_shown(shown):
    return {"date": shown}


@check(
    "nvl144-144-gpus-dual-rack", context={"dies": "die", "bandwidth_of_144": "TB/s"},
    trays=VR_TRAYS, per_tray=VR_PER_TRAY, per_package=spec("rubin.dies"),
    rack_bw=spec("vr-nvl72.nvlink_total"), gpu_bw=spec("nvlink6.gpu_bw"),
    stated_bw=stated("bandwidth", "nvl144-260tbs"), stated_gpus=stated("gpus"),
)  # fmt: skip
def nvl144_size(trays, per_tray, per_package, rack_bw, gpu_bw, stated_bw, stated_gpus):
    rack = Rack(trays=trays, packages_per_tray=per_tray, dies_per_package=per_package)
    return {
        "gpus": packages(rack),
        "racks": implied_count(stated_bw, both_ways(rack_bw)),  # what the article says of the pair is one rack's
        "dies": dies(rack),
        "bandwidth_of_144": both_ways(aggregate(stated_gpus, gpu_bw)),
    }


@reading("nvl144-144-gpus-dual-rack", "dies, as the name counted them in 2025", one=given(1, "GPU/die", "a die counted as a GPU"))
def nvl144_dies(trays, per_tray, per_package, one):
    return {"gpus": trays * per_tray * per_package * one}


@check(
    "nvl144-3p5ef",
    context={"two_racks": "EFLOP/s"},
    trays=VR_TRAYS,
    per_tray=VR_PER_TRAY,
    fp4=spec("rubin.flops_fp4_headline"),
    two=given(2, "rack", "two racks"),
)
def nvl144_fp4(trays, per_tray, fp4, two):
    rack = aggregate(trays * per_tray, fp4)
    return {"fp4": rack, "two_racks": two * rack}


@check(
    "nvl144-75tb", context={"two_racks": "TB"},
    trays=VR_TRAYS, per_tray=VR_PER_TRAY, hbm=spec("rubin.mem_capacity"), lpddr=spec("vera.mem_capacity"), per_cpu=PER_SUPERCHIP,
    two=given(2, "rack", "two racks"),
)  # fmt: skip
def nvl144_memory(trays, per_tray, hbm, lpddr, per_cpu, two):
    gpus = trays * per_tray
    rack = aggregate(gpus, hbm) + aggregate(gpus / per_cpu, lpddr)
    return {"memory": rack, "two_racks": two * rack}


@check(
    "nvl144-260tbs", context={"two_racks": "TB/s"},
    trays=VR_TRAYS, per_tray=VR_PER_TRAY, gpu_bw=spec("nvlink6.gpu_bw"), two=given(2, "rack", "two racks"),
)  # fmt: skip
def nvl144_bandwidth(trays, per_tray, gpu_bw, two):
    rack = both_ways(aggregate(trays * per_tray, gpu_bw))
    return {"bandwidth": rack, "two_racks": two * rack}


@check(
    "nvl144-downgraded-to-dual-nvl72", context={"racks_by_fp4": "rack", "racks_by_memory": "rack"},
    renamed=spec("vr-nvl72.announced"), stated_bw=stated("bandwidth", "nvl144-260tbs"), rack_bw=spec("vr-nvl72.nvlink_total"),
    stated_fp4=stated("fp4", "nvl144-3p5ef"), rack_fp4=spec("vr-nvl72.flops_fp4_headline"),
    stated_memory=stated("memory", "nvl144-75tb"), rack_hbm=spec("vr-nvl72.mem_capacity"), rack_lpddr=spec("vr-nvl72.lpddr_capacity"),
)  # fmt: skip
def nvl144_successor(renamed, stated_bw, rack_bw, stated_fp4, rack_fp4, stated_memory, rack_hbm, rack_lpddr):
    return {
        "racks": implied_count(stated_bw, both_ways(rack_bw)),
        "date": renamed,
        "racks_by_fp4": implied_count(stated_fp4, rack_fp4),
        "racks_by_memory": implied_count(stated_memory, rack_hbm + rack_lpddr),
    }


@check(
    "nvl144-no-option-2026-27", context={"delivery": "date"},
    holds_if=("slip", "the slip of the Kyber rack behind the middle of its planned half-year"),
    planned=spec("rubin-ultra-nvl576.planned"), start=given(2026, "date", "begin of 2026"), end=given(2028, "date", "end of 2027"),
    slip=assume(6, "mo", "NVIDIA calls its roadmap intact, one report says more than twelve months", 0, 18),
    year=given(1, "yr/date", "a year of the calendar is a year of time"),
)  # fmt: skip
def nvl144_on_sale(planned, start, end, slip, year):
    delivery = planned + slip / year
    left = end - delivery
    return {"share": 0.5 * (left + abs(left)) / (end - start), "delivery": delivery}
