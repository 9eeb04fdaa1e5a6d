"""Chapter 13 against numbers worked out here from literals: a constant that is off by 1 % fails."""

from math import log

import pytest

from nvlinklab.claims.evaluate import computed, evaluate
from tests.claims.coverage import assert_nothing_is_left_out

PF = 1e15
KW_PER_EF = 1e3 / 1e18
WATER = 997 * 4186  # heat of a cubic metre and kelvin
FLOW = 1e-3 / 60 / 1e3  # one L/min per kW in m3/J
POOL = 0.131 * 88e3 * 13.4**0.5 * (0.0085 * 9.80665 * (1510 - 13.4)) ** 0.25
TREND = log(600 / 120) / 2.79
EXPECTED = {
    ("pwr-interconnect-unlocks-efficiency", "gain"): 3 * (14.3 / 8) / (120 / 72),
    ("pwr-interconnect-unlocks-efficiency", "link_power"): 64.8e12 * 8 * 5e-12,
    ("pwr-interconnect-unlocks-efficiency", "link_share"): 2592 / 120e3,
    ("pwr-interconnect-unlocks-efficiency", "gain_if_links_were_free"): 120e3 / (120e3 - 2592),
    ("pwr-gpu-row", "gb200"): 1200,
    ("pwr-gpu-row", "gb300"): 1400,
    ("pwr-gpu-row", "rubin"): 1800,
    ("pwr-gpu-row", "rubin_ultra"): 3600,
    ("pwr-gpu-row", "rubin_per_die"): 900,
    ("pwr-gpu-row", "rubin_ultra_per_die"): 900,
    ("pwr-gpu-row", "rubin_ultra_per_die_stated"): 500,
    ("pwr-rack-row", "gb200"): 120e3,
    ("pwr-rack-row", "gb300"): 136e3,
    ("pwr-rack-row", "vera_rubin"): 210e3,
    ("pwr-rack-row", "rubin_ultra"): 600e3,
    ("pwr-growth-3p3x-vs-compute-20x", "power_growth"): 5,
    ("pwr-growth-3p3x-vs-compute-20x", "compute_growth"): 15000 / 720,
    ("pwr-shelves-6-8x33kw", "shelves"): 8,
    ("pwr-shelves-6-8x33kw", "shelf_power"): 33e3,
    ("pwr-shelves-6-8x33kw", "needed"): 4,
    ("pwr-shelves-6-8x33kw", "redundancy"): 2,
    ("pwr-50v-dc-bus", "voltage"): 50,
    ("pwr-50v-dc-bus", "current"): 2400,
    ("pwr-50v-dc-bus", "current_rubin_ultra"): 12000,
    ("pwr-50v-dc-bus", "current_rubin_ultra_800v"): 750,
    ("pwr-50v-dc-bus", "loss_ratio"): 25,
    ("pwr-400kw-heat-load-water-flow", "heat"): 600e3,
    ("pwr-400kw-heat-load-water-flow", "gradient"): 1 / (WATER * FLOW),
    ("pwr-400kw-heat-load-water-flow", "total_flow"): 900e-3 / 60,
    ("pwr-400kw-heat-load-water-flow", "rise_at_guideline"): 1 / (WATER * 1.5 * FLOW),
    ("pwr-5x-throughput-per-watt", "ratio"): 5,
    ("pwr-kw-per-eflops-row", "blackwell"): 120 / 0.72 * KW_PER_EF,
    ("pwr-kw-per-eflops-row", "blackwell_ultra"): 136 / 1.08 * KW_PER_EF,
    ("pwr-kw-per-eflops-row", "rubin"): 210 / 3.6 * KW_PER_EF,
    ("pwr-kw-per-eflops-row", "rubin_ultra"): 40 * KW_PER_EF,
    ("pwr-kw-per-eflops-row", "blackwell_fp8"): 120 / 0.36 * KW_PER_EF,
    ("pwr-kw-per-eflops-row", "rubin_ultra_fp8"): 120 * KW_PER_EF,
    ("pwr-2000w-cold-plate-limit", "power"): 4000,
    ("pwr-heat-flux-2p5", "flux"): 2000 / 1600 * 1e6,
    ("pwr-heat-flux-2p5", "area"): 1600e-6,
    ("pwr-heat-flux-2p5", "h100"): 700 / 814 * 1e6,
    ("pwr-heat-flux-2p5", "gb300"): 1400 / 1600 * 1e6,
    ("pwr-microchannel-50-200um", "after"): 12.5 * 125 / 250,
    ("pwr-microchannel-50-200um", "film"): 4.36 * 0.6 / 125e-6,
    ("pwr-hybrid-60-40", "plate"): 0.87,
    ("pwr-hybrid-60-40", "immersion"): 0.13,
    ("pwr-hybrid-60-40", "plated_gb200"): 115 / 132,
    ("pwr-hybrid-60-40", "gpu_share_gb200"): 72 * 1.2 / 120,
    ("pwr-hybrid-60-40", "pool_limit"): POOL,
    ("pwr-hybrid-60-40", "pool_area"): 0.4 * 1800 / POOL,
    ("pwr-novec-500-per-litre", "fill_cost"): 500e3 * 0.4,
    ("pwr-novec-500-per-litre", "share_of_rack"): 0.2 / 3.3,
    ("pwr-pue-220kw", "facility"): 220e3,
    ("pwr-pue-440kw", "facility"): 440e3,
    ("pwr-azure-64-racks-4608", "racks"): 64,
    ("pwr-azure-64-racks-4608", "gpus"): 4608,
    ("pwr-azure-9-to-13mw", "before"): 64 * 136e3,
    ("pwr-azure-9-to-13mw", "after"): 64 * 210e3,
    ("pwr-azure-9-to-13mw", "before_site"): 64 * 136e3 * 1.1,
    ("pwr-azure-9-to-13mw", "after_site"): 64 * 210e3 * 1.1,
    ("pwr-efficiency-6x", "ratio"): 120 / 0.72 / 40,
    ("fc-feynman-1mw", "power"): 600e3 * 5 ** (0.75 / 2.79),
    ("fc-feynman-1mw", "year"): 2024.96 + log(1000 / 120) / TREND,
}
OWN = "the article's own 400 kW"
OWN_TREND = log(400 / 120) / 2.79
READINGS = {
    ("pwr-gpu-row", "B200 in an air-cooled node instead of GB200 in the rack", "gb200"): 1000,
    ("pwr-rack-row", "an analyst's later estimates", "gb300"): 150e3,
    ("pwr-rack-row", "an analyst's later estimates", "vera_rubin"): 225e3,
    ("pwr-rack-row", "an analyst's later estimates", "rubin_ultra"): 660e3,
    ("pwr-growth-3p3x-vs-compute-20x", OWN, "power_growth"): 10 / 3,
    ("pwr-growth-3p3x-vs-compute-20x", "FP8 on both sides", "compute_growth"): 5000 / 360,
    ("pwr-shelves-6-8x33kw", "as many as the load needs, and two to spare", "shelves"): 6,
    ("pwr-400kw-heat-load-water-flow", "the flow that the open guideline asks for", "gradient"): 1 / (WATER * 1.5 * FLOW),
    ("pwr-5x-throughput-per-watt", "as NVIDIA words it in 2026", "ratio"): 50,
    ("pwr-5x-throughput-per-watt", "measured at 116 tokens/s and user, FP4 against FP8", "ratio"): 100 * 1.275 / (136 / 72),
    ("pwr-5x-throughput-per-watt", "measured at 116 tokens/s and user, FP8 on both", "ratio"): 65 * 1.275 / (136 / 72),
    ("pwr-kw-per-eflops-row", "the article's own powers, the low end where it gives a range", "blackwell_ultra"): 140 / 1.08 * KW_PER_EF,
    ("pwr-kw-per-eflops-row", "the article's own powers, the low end where it gives a range", "rubin"): 200 / 3.6 * KW_PER_EF,
    ("pwr-kw-per-eflops-row", "the article's own powers, the low end where it gives a range", "rubin_ultra"): 400 / 15 * KW_PER_EF,
    ("pwr-kw-per-eflops-row", "Rubin with its dense NVFP4 rate, as the two Blackwells are counted", "rubin"): 210 / 2.5 * KW_PER_EF,
    ("pwr-kw-per-eflops-row", "FP8 on all four", "blackwell"): 120 / 0.36 * KW_PER_EF,
    ("pwr-kw-per-eflops-row", "FP8 on all four", "blackwell_ultra"): 136 / 0.36 * KW_PER_EF,
    ("pwr-kw-per-eflops-row", "FP8 on all four", "rubin"): 210 / 1.2 * KW_PER_EF,
    ("pwr-kw-per-eflops-row", "FP8 on all four", "rubin_ultra"): 600 / 5 * KW_PER_EF,
    ("pwr-2000w-cold-plate-limit", "the limit of flux over one die, as the article counts", "power"): 2000,
    ("pwr-2000w-cold-plate-limit", "what water in microchannels carried in 1981, over two dies", "power"): 7.9 * 1600,
    ("pwr-2000w-cold-plate-limit", "the power reported for Rubin Ultra, in a liquid-cooled rack", "power"): 3600,
    ("pwr-heat-flux-2p5", "the power of the package through the area of one of its dies", "flux"): 2.5e6,
    ("pwr-heat-flux-2p5", "the power of the package through the area of one of its dies", "area"): 800e-6,
    ("pwr-heat-flux-2p5", "the highest power reported for Rubin, over both dies", "flux"): 2300 / 1600 * 1e6,
    ("pwr-microchannel-50-200um", "the share Microsoft reports for channels in the silicon", "after"): 12.5 * 0.35,
    ("pwr-pue-220kw", "the middle of the published range for the rack", "facility"): 231e3,
    ("pwr-pue-440kw", "the 600 kW that NVIDIA names", "facility"): 660e3,
    ("pwr-efficiency-6x", OWN, "ratio"): 120 / 0.72 / (400 / 15),
    ("pwr-efficiency-6x", "FP8 on both sides", "ratio"): 120 / 0.36 / 120,
    ("fc-feynman-1mw", OWN, "power"): 400e3 * (10 / 3) ** (0.75 / 2.79),
    ("fc-feynman-1mw", OWN, "year"): 2024.96 + log(1000 / 120) / OWN_TREND,
    ("fc-feynman-1mw", "an analyst's estimate for the generation after Rubin Ultra", "power"): 1.25e6,
}


@pytest.mark.parametrize(("claim", "name"), EXPECTED)
def test_computed(claim, name):
    assert computed(claim, name) == pytest.approx(EXPECTED[claim, name], rel=1e-9)


@pytest.mark.parametrize(("claim", "label", "name"), READINGS)
def test_readings(claim, label, name):
    values = [r["value"] for r in evaluate(claim)["readings"] if r["label"] == label and r["name"] == name]
    assert values == pytest.approx([READINGS[claim, label, name]], rel=1e-9)


def test_nothing_is_left_out():
    assert_nothing_is_left_out("ch13", EXPECTED, READINGS)


@pytest.mark.parametrize(
    ("claim", "low", "high"),
    [
        ("pwr-interconnect-unlocks-efficiency", 2 * 0.975 / 1.0725, 4.39),  # twice, less 2.5 %, over the ratio of the powers per GPU
        ("pwr-400kw-heat-load-water-flow", 1 / (WATER * 30 * 1.025), 1 / (WATER * 20 * 0.975)),
        ("pwr-microchannel-50-200um", 12.5 * 125e-6 / 5, 1e-3),
        ("pwr-hybrid-60-40", 0.6 - 0.4 * 0.025, 0.6 + 0.4 * 0.025),
    ],
)
def test_conditions(claim, low, high):
    ((start, end),) = evaluate(claim)["condition"]["met"]
    assert evaluate(claim)["verdict"] == "holds-if"
    assert (start, end) == pytest.approx((low, high), rel=1e-4)


# the findings of the chapter


def test_one_root_cause_shifts_four_claims_by_the_same_factor():
    for claim, label, name, power in (
        ("pwr-growth-3p3x-vs-compute-20x", OWN, "power_growth", 1),
        ("pwr-kw-per-eflops-row", "the article's own powers, the low end where it gives a range", "rubin_ultra", 1),
        ("pwr-efficiency-6x", OWN, "ratio", -1),
        ("pwr-pue-440kw", "the 600 kW that NVIDIA names", "facility", -1),
    ):
        (own,) = [r["value"] for r in evaluate(claim)["readings"] if r["label"] == label and r["name"] == name]
        assert (computed(claim, name) / own) ** power == pytest.approx(600 / 400)


def test_the_flux_of_rubin_is_half_of_the_stated_one_and_above_that_of_gb300():
    found = computed("pwr-heat-flux-2p5", "flux")
    assert 2 * found == pytest.approx(2.5e6)
    assert computed("pwr-heat-flux-2p5", "gb300") < found


def test_a_megawatt_in_2028_needs_the_higher_power():
    within = {r["label"]: r["outcome"] for r in evaluate("fc-feynman-1mw")["readings"] if r["name"] == "year"}
    assert within[OWN] != "hit"
    assert [t["outcome"] for t in evaluate("fc-feynman-1mw")["tests"] if t["name"] == "year"] == ["hit"]
