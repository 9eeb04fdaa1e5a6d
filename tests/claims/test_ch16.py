"""Chapter 16 against numbers worked out here from literals: a constant that is off by 1 % fails."""

import math

import pytest

from nvlinklab.claims.evaluate import computed, evaluate
from nvlinklab.claims.ledger import ledger

YEAR = 365.25 * 86400
MAY_20, MAY_21 = (2026 + 4 / 12 + (d - 0.5) / 365.25 for d in (20, 21))
JUNE_1, JUNE_5 = (2026 + 5 / 12 + (d - 0.5) / 365.25 for d in (1, 5))

EXPECTED = {
    ("fc-nvlink-678-annual", "generations"): 3,
    ("fc-nvlink-678-annual", "cadence"): YEAR,
    ("fc-nvlink-678-annual", "past_cadence"): 2 * YEAR,
    ("fc-1000-gpu-domain-before-2028", "gpus"): 576,
    ("fc-1000-gpu-domain-before-2028", "short_of_it"): 1000 / 576,
    ("fc-3-to-5-tbs-per-gpu", "bandwidth"): 3.6e12,
    ("fc-3-to-5-tbs-per-gpu", "rubin_ultra"): 10.4e12,
    ("sem-singapore-42m-mansion", "value"): 42e6,
    ("sem-marvell-2b-investment", "investment"): 2e9,
    ("sem-marvell-2b-investment", "of_a_quarter"): 2 / 81.62,
    ("sem-marvell-2b-investment", "of_networking"): 2 / 14.8,
    ("fc-marvell-ai-ran-5g-6g", "investment"): 2e9,
    ("mkt-as-of-date-2026-05-19", "date"): MAY_21,
    ("mkt-as-of-date-2026-05-19", "earnings"): MAY_20,
    ("sem-qfabric-70pct-share", "concentration"): 0.49,
    ("sem-qfabric-70pct-share", "growth_of_the_rest"): 1 / 0.3,
    ("sem-pcb-supply-tight-through-2027", "boards_started"): 1 / 0.65,
    ("cpu-tam-120b-100b", "amd"): 120e9 / YEAR,
    ("cpu-tam-120b-100b", "arm"): 100e9 / YEAR,
    ("cpu-tam-120b-100b", "year"): 2030,
    ("cpu-tam-120b-100b", "implied_2025"): 120e9 / 1.35**5 / YEAR,
    ("cpu-tam-120b-100b", "bofa_growth"): math.exp(math.log(125 / 43) / 4) - 1,
    ("fc-nvl576-2027h2", "date"): 2028.25,
    ("pod-five-rack-types", "types"): 5,
    ("pod-40-racks-20000-dies", "racks"): 40,
    ("pod-40-racks-20000-dies", "dies"): 20000,
    ("pod-40-racks-20000-dies", "gpu_racks"): 16,
    ("pod-40-racks-20000-dies", "rubin_dies"): 2304,
    ("pod-40-racks-20000-dies", "per_rack"): 500,
    ("pod-60-eflops", "compute"): 60.75e18,
    ("pod-60-eflops", "gpu_part"): 57.6e18,
    ("pod-60-eflops", "lpu_racks_implied"): 2.4 / 0.315,
    ("pod-10-pbs", "bandwidth"): (16 * 259.2 + 6400) * 1e12,
    ("pod-10-pbs", "gpu_part"): 16 * 259.2e12,
    ("pod-10-pbs", "lpu_racks_implied"): (10000 - 16 * 259.2) / 640,
    ("pod-10-pbs", "largest_domain"): 640e12,
    ("pod-1p2-trillion-transistors", "transistors"): 1.2e15,
    ("pod-1p2-trillion-transistors", "gpus_alone"): 1152 * 336e9,
    ("pod-1p2-trillion-transistors", "gpus_for_the_stated"): 1200 / 336,
    ("pod-nvl72-rack-72-36", "gpus"): 72,
    ("pod-nvl72-rack-72-36", "cpus"): 36,
    ("pod-nvl72-rack-72-36", "gpus_per_cpu"): 2,
    ("fc-copper-endgame-2028", "optical_nvlink"): 2028.5,
    ("fc-cpo-200g-spectrum-x", "rate"): 25e9,
    ("fc-feynman-2028-cpo", "year"): 2028.5,
    ("fc-backplane-lifecycle-1-2-years", "life"): 0.75 * YEAR,
    ("fc-hbm4e-1tb-per-gpu", "hbm"): 1024e9,
    ("fc-hbm4e-1tb-per-gpu", "after_the_cut"): 512e9,
    ("fc-hbm4e-1tb-per-gpu", "stacks_per_rack"): 2304,
    ("fc-nvl72-h2-2026-260tbs", "date"): 2026.79,
    ("fc-nvl72-h2-2026-260tbs", "bandwidth"): 72 * 3.6e12,
    ("mkt-q1fy27-revenue-81p6", "revenue"): 81.62e9,
    ("mkt-q1fy27-revenue-81p6", "yoy"): 81.62 / 44.06 - 1,
    ("mkt-q1fy27-revenue-81p6", "qoq"): 81.62 / 68.13 - 1,
    ("mkt-guidance-ceiling-78", "ceiling"): 79.56e9,
    ("mkt-guidance-ceiling-78", "beat"): 81.62 / 79.56 - 1,
    ("mkt-guidance-ceiling-78", "beat_of_middle"): 81.62 / 78 - 1,
    ("mkt-datacenter-75p2", "dc"): 75.2e9,
    ("mkt-datacenter-75p2", "compute"): 60.4e9,
    ("mkt-datacenter-75p2", "networking"): 14.8e9,
    ("mkt-datacenter-75p2", "yoy"): 75.2 / 39.1 - 1,
    ("mkt-datacenter-75p2", "share"): 75.2 / 81.62,
    ("mkt-networking-199pct", "growth"): 14.8 / 4.957 - 1,
    ("mkt-networking-199pct", "compute_growth"): 60.4 / (39.1 - 4.957) - 1,
    ("mkt-networking-199pct", "share"): 14.8 / 75.2,
    ("mkt-q2-guidance-91", "guidance"): 91e9,
    ("mkt-q2-guidance-91", "band"): 0.02,
    ("mkt-q2-guidance-91", "low"): 89.18e9,
    ("mkt-q2-guidance-91", "high"): 92.82e9,
    ("mkt-q2-guidance-91", "qoq"): 91 / 81.62 - 1,
    ("mkt-cpu-200b-tam", "tam"): 200e9,
    ("mkt-cpu-200b-tam", "over_amd"): 200 / 120,
    ("mkt-cpu-200b-tam", "over_ubs"): 200 / 170,
    ("mkt-cpu-20b-revenue", "revenue"): 20e9 / YEAR,
    ("mkt-cpu-20b-revenue", "of_200"): 0.1,
    ("mkt-cpu-20b-revenue", "of_market_2026"): 20 / 43,
    ("mkt-segments-38-37-6p4", "hyperscale"): 37.9e9,
    ("mkt-segments-38-37-6p4", "acie"): 37.4e9,
    ("mkt-segments-38-37-6p4", "edge"): 6.37e9,
    ("mkt-segments-38-37-6p4", "sum"): 81.67e9,
    ("mkt-segments-38-37-6p4", "data_centre"): 75.3e9,
    ("mkt-hyperscalers-half-of-dc", "share"): 37.9 / 75.2,
    ("mkt-china-licence-since-april", "since"): 2025.25 + 8.5 / 365.25,
    ("fc-computex-2026-06", "start"): JUNE_1,
    ("fc-computex-2026-06", "end"): JUNE_5,
    ("appb-credibility-table", "rows"): 12,
    ("appb-credibility-table", "high"): 3,
    ("appb-credibility-table", "medium_high"): 4,
    ("appb-credibility-table", "medium"): 3,
    ("appb-credibility-table", "medium_low"): 1,
    ("appb-credibility-table", "low"): 1,
    ("appb-credibility-table", "per_gpu_of_the_75"): 75 * 649 / 72,
    ("appb-credibility-table", "price_of_the_28"): 28 / 1.86,
}
DATES = {name for c, name in EXPECTED if isinstance(EXPECTED[c, name], float) and 2025 < EXPECTED[c, name] < 2031}
READINGS = {
    ("fc-nvlink-678-annual", "the pace of the first five generations"): 2 * YEAR,
    ("fc-1000-gpu-domain-before-2028", "packages of the same rack"): 144,
    ("fc-1000-gpu-domain-before-2028", "packages of the eight racks called NVL576 in 2026"): 576,
    ("fc-1000-gpu-domain-before-2028", "dies of those eight racks, at two a package"): 1152,
    ("fc-1000-gpu-domain-before-2028", "NVL1152 with Feynman, in 2028"): 1152,
    ("fc-3-to-5-tbs-per-gpu", "the exponential through the first and the sixth generation, at the end of 2027"): 3.6e12 * 22.5**0.2,
    ("fc-nvl576-2027h2", "NVIDIA's plan"): 2027.75,
    ("pod-60-eflops", "dense rates, as software sees them"): (16 * 2.5 + 3.15) * 1e18,
    ("pod-60-eflops", "NVIDIA's own total"): 60e18,
    ("pod-10-pbs", "scale-out of the GPUs, what the word expansion suggests"): 1152 * 2 * 200e9,
    ("pod-10-pbs", "nine LPX racks"): (16 * 259.2 + 9 * 640) * 1e12,
    ("pod-1p2-trillion-transistors", "the CPUs of the GPU racks alone, with the article's own count for one"): 16 * 36 * 227e9,
    ("mkt-guidance-ceiling-78", "the middle of the guidance"): 78e9,
    (
        "mkt-q2-guidance-91",
        "the exponential through the last five quarters, drawn through the first and the last of them",
    ): 44.06e9 * (81.62 / 44.06) ** 1.252,
}


@pytest.mark.parametrize(("claim", "name"), EXPECTED)
def test_computed(claim, name):
    tolerance = 1e-8 if name in DATES else 1e-9  # day dates are stored to five decimals
    assert computed(claim, name) == pytest.approx(EXPECTED[claim, name], rel=tolerance)


@pytest.mark.parametrize(("claim", "label"), READINGS)
def test_readings(claim, label):
    values = [r["value"] for r in evaluate(claim)["readings"] if r["label"] == label]
    assert values == pytest.approx([READINGS[claim, label]], rel=1e-9)


def test_nothing_is_left_out():
    for claim in ledger().chapter("ch16").claims:
        result = evaluate(claim)
        numbers = {t["name"] for t in result["tests"] if "computed" in t} | set(result["context"])
        assert numbers == {name for c, name in EXPECTED if c == claim}
        assert {r["label"] for r in result["readings"]} == {label for c, label in READINGS if c == claim}


def test_every_forecast_says_when_and_how_it_is_decided():
    for claim in map(ledger().claim, ledger().chapter("ch16").claims):
        if claim.kind == "forecast":
            assert claim.due and claim.settles, claim.id


def test_both_sums_of_the_pod_allow_the_same_number_of_decode_racks():
    low, high = (computed(c, "lpu_racks_implied") for c in ("pod-60-eflops", "pod-10-pbs"))
    assert 7 < low < high < 10


def test_the_conditions():
    assert evaluate("fc-nvl576-2027h2")["condition"]["met"][0] == pytest.approx([0.0, 0.25 * YEAR], rel=1e-6)
    assert evaluate("fc-backplane-lifecycle-1-2-years")["condition"]["met"][0] == pytest.approx([2027.75 + 0.975, 2029.0], rel=1e-9)
