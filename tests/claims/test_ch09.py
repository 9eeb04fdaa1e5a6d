"""Chapter 9 against numbers worked out here from literals: a constant that is off by 1 % fails."""

import math

import pytest

from nvlinklab.claims.evaluate import computed, evaluate

EXPERT = 3 * 7168 * 2048
ALL = 58 * 257 * EXPERT
TRAY = 6400e6 * 8 * 4
CROSS = 6e-6 + 7168 * 2 / 200e9
ATTENTION = 131072 * 61 * 576 / 22e12
STEP = 256 * 8 / 22282 / 61

EXPECTED = {
    ("lpu-niche-update-2026-05-21", "date"): 2026.38672,
    ("lpu-niche-update-2026-05-21", "lpx_over_nvl72_flops"): 315 / (72 * 17.5),
    ("lpu-niche-update-2026-05-21", "lpx_over_nvl72_memory"): 128 / (72 * 288),
    ("lpu-seventh-chip", "rank"): 7,
    ("lpu-rack-256-lpus", "lpus"): 256,
    ("lpu-128gb-sram", "sram"): 128e9,
    ("lpu-128gb-sram", "per_lpu"): 0.5e9,
    ("lpu-128gb-sram", "share_of_rubin_gpu"): 128 / 288,
    ("lpu-8tb-ddr", "ddr"): 8.192e12,
    ("lpu-40pbs-sram-bandwidth", "bandwidth"): 38.4e15,
    ("lpu-power-80-100kw", "power"): 256 * 300 * 1.2,
    ("lpu-power-80-100kw", "per_flops"): 256 * 300 * 1.2 / 315e15,
    ("lpu-power-80-100kw", "nvl72_per_flops"): 210e3 / (72 * 17.5e15),
    ("lpu-c2c-112g", "rate"): 14e9,
    ("lpu-c2c-112g", "per_lpu"): 2.688e12,
    ("lpu-c2c-112g", "payload_share"): 2.5 / 2.688,
    ("lpu-150tbs-7x-hbm4", "bandwidth"): 150e12,
    ("lpu-150tbs-7x-hbm4", "ratio"): 150 / 22,
    ("lpu-150tbs-7x-hbm4", "capacity_ratio"): 576,
    ("lpu-150tbs-7x-hbm4", "time_to_read_all"): 1e-5 / 3,
    ("lpu-150tbs-7x-hbm4", "hbm4_time_to_read_all"): 288e9 / 22e12,
    ("lpu-96-links-breakdown", "links"): 96,
    ("lpu-96-links-breakdown", "in_tray"): 56,
    ("lpu-96-links-breakdown", "cross_tray"): 31,
    ("lpu-96-links-breakdown", "rest"): 5,
    ("lpu-dragonfly-full-interconnect", "lpus"): 256,
    ("lpu-dragonfly-full-interconnect", "direct_peers"): 38,
    ("lpu-dragonfly-full-interconnect", "mean_hops"): (38 + 2 * 217) / 255,
    ("lpu-dragonfly-full-interconnect", "full_mesh_links"): 255,
    ("lpu-dragonfly-full-interconnect", "uplink_over_mesh"): 31 / 56,
    ("lpu-dragonfly-full-interconnect", "bisection"): 16 * 16 * 8 * 14e9,
    ("lpu-ddr5-204p8gbs", "bandwidth"): 204.8e9,
    ("lpu-ddr5-204p8gbs", "rack"): 6.5536e12,
    ("lpu-200gbps-per-lpu", "per_lpu"): 0.8e9,
    ("lpu-expert-load-1p68us", "time"): 44e6 / TRAY,
    ("lpu-expert-load-1p68us", "bandwidth_needed"): 44 / 1.68 * 1e12,
    ("lpu-compute-2us", "time"): 8 * 2 * EXPERT / 1.23e15,
    ("lpu-compute-2us", "one_token"): 2 * EXPERT / 1.23e15,
    ("lpu-compute-2us", "read"): EXPERT / 150e12,
    ("lpu-layer-4us", "time"): 44e6 / TRAY + 2e-6,
    ("lpu-layer-4us", "sum_as_printed"): 3.68e-6,
    ("lpu-sram-ddr-sufficient-for-experts", "held"): (128e9 + 8.192e12) / ALL,
    ("lpu-sram-ddr-sufficient-for-experts", "in_time"): 4e-6 * 32 * TRAY / (8 * EXPERT),
    ("lpu-sram-ddr-sufficient-for-experts", "weights"): ALL,
    ("lpu-sram-ddr-sufficient-for-experts", "racks_in_sram"): ALL / 128e9,
    ("lpu-sram-ddr-sufficient-for-experts", "racks_in_sram_nvfp4"): ALL * 9 / 16 / 128e9,
    ("lpu-sram-ddr-sufficient-for-experts", "streamed_per_token"): 58 * 8 * EXPERT / (32 * TRAY),
    ("lpu-afd-only-10us-overhead", "overhead"): 116 * CROSS,
    ("lpu-afd-only-10us-overhead", "crossings"): 116,
    ("lpu-afd-only-10us-overhead", "per_crossing"): CROSS,
    ("lpu-afd-only-10us-overhead", "budget"): 10e-6 / 116,
    ("lpu-afd-overhead-under-2pct", "share"): 116 * CROSS / ATTENTION,
    ("lpu-afd-overhead-under-2pct", "overhead"): 116 * CROSS,
    ("lpu-afd-overhead-under-2pct", "attention"): ATTENTION,
    ("lpu-gpu-cv-0p3-0p5", "cv"): 110e-6 / (2.388 * (STEP / 2 - 170e-6)),
    ("lpu-gpu-cv-0p3-0p5", "step_per_layer"): STEP,
    ("lpu-gpu-cv-0p3-0p5", "wait"): 110e-6,
    ("lpu-gpu-cv-0p3-0p5", "stretch_at_stated"): 1 + 2.388 * 0.4,
    ("lpu-gpu-cv-0p3-0p5", "draft_gain_on_gpus"): 43 / 23,
}
READINGS = {
    ("lpu-40pbs-sram-bandwidth", "the rounded figure of the rack's data sheet"): 40e15,
    ("lpu-150tbs-7x-hbm4", "against the HBM3e of GB300, of which the second mention speaks"): 150 / 8,
    ("lpu-150tbs-7x-hbm4", "rack against rack"): 256 * 150 / (72 * 22),
    ("lpu-dragonfly-full-interconnect", "in one hop, as a full mesh would: itself and its direct peers"): 39,
    ("lpu-200gbps-per-lpu", "a tray's memory among the eight LPUs of that tray"): 25.6e9,
    ("lpu-expert-load-1p68us", "divided by 32 trays and once more by the 4 channels of each"): 44e6 / TRAY / 128,
    ("lpu-expert-load-1p68us", "cut into 32 parts, one from the memory of each tray"): 44e6 / TRAY / 32,
    ("lpu-expert-load-1p68us", "out of the SRAM of one LPU"): 44e6 / 150e12,
    ("lpu-expert-load-1p68us", "out of HBM4"): 2e-6,
    ("lpu-layer-4us", "with the load time as printed"): 3.68e-6,
    ("lpu-layer-4us", "from the memory of all 32 trays at once"): 44e6 / TRAY / 32 + 2e-6,
    ("lpu-layer-4us", "the expert stays in SRAM"): 44e6 / 150e12 + 2e-6,
    ("lpu-sram-ddr-sufficient-for-experts", "in SRAM alone, the only place fast enough"): 128e9 / ALL,
    ("lpu-afd-only-10us-overhead", "there and back in one layer only, 5 us each way"): 2 * (5e-6 + 14336 / 200e9),
    ("lpu-afd-only-10us-overhead", "the bytes alone, with no latency"): 116 * 14336 / 200e9,
    ("lpu-afd-only-10us-overhead", "10 us in each layer"): 580e-6,
    ("lpu-afd-overhead-under-2pct", "as printed: 10 us against the 580 us of GB300"): 10 / 580,
    ("lpu-afd-overhead-under-2pct", "10 us against the attention of Rubin, on which the scenario runs"): 10e-6 / ATTENTION,
    ("lpu-afd-overhead-under-2pct", "every crossing counted, at the article's 580 us"): 116 * CROSS / 580e-6,
    ("lpu-afd-overhead-under-2pct", "a GPU full of such requests, nothing hidden"): 116 * (6e-6 + 60 * 14336 / 200e9) / (60 * ATTENTION),
    (
        "lpu-afd-overhead-under-2pct",
        "the same GPU with its batch in three parts that take turns: what the network adds to a step",
    ): 0.0,
}


@pytest.mark.parametrize(("claim", "name"), EXPECTED)
def test_computed(claim, name):
    assert computed(claim, name) == pytest.approx(EXPECTED[claim, name], rel=1e-9)


@pytest.mark.parametrize(("claim", "label"), READINGS)
def test_readings(claim, label):
    values = [r["value"] for r in evaluate(claim)["readings"] if r["label"] == label]
    assert values == pytest.approx([READINGS[claim, label]], rel=1e-9, abs=1e-15)


def test_nothing_is_left_out():
    from nvlinklab.claims.ledger import ledger

    for claim in ledger().chapter("ch09").claims:
        result = evaluate(claim)
        assert {t["name"] for t in result["tests"]} | set(result["context"]) == {name for c, name in EXPECTED if c == claim}
        assert {r["label"] for r in result["readings"]} == {label for c, label in READINGS if c == claim}


def closing(claim):
    return [r["label"] for r in evaluate(claim)["readings"] if r["outcome"] == "hit"]


def test_the_origin_of_the_wrong_figures():
    assert closing("lpu-expert-load-1p68us") == ["divided by 32 trays and once more by the 4 channels of each"]
    assert closing("lpu-200gbps-per-lpu") == ["a tray's memory among the eight LPUs of that tray"]
    assert closing("lpu-afd-only-10us-overhead") == ["there and back in one layer only, 5 us each way"]


def test_conditions_are_where_the_arithmetic_says():
    power = evaluate("lpu-power-80-100kw")["condition"]
    assert power["in_part"]
    # the tolerance of half a unit of the last non-zero digit, at most 2.5 %, at both ends
    assert power["met"][0] == pytest.approx((80e3 * 0.975 / (256 * 1.2), 100e3 * 1.025 / (256 * 1.2)), rel=2e-3)
    tokens = evaluate("lpu-compute-2us")["condition"]
    assert tokens["met"][0] == pytest.approx((0.95 * 2e-6 * 1.23e15 / (2 * EXPERT), 1.05 * 2e-6 * 1.23e15 / (2 * EXPERT)), rel=5e-3)


def test_no_batch_that_fits_brings_the_crossings_below_two_percent():
    assert evaluate("lpu-afd-overhead-under-2pct")["tests"][0]["interval"][0] > 0.02


def test_the_slowest_of_72():
    """The constant of the claim by a plain Riemann sum over the density of the largest of 72 standard normal numbers."""
    step, n = 1e-3, 72
    points = [-8 + step * k for k in range(16001)]
    cdf = [0.5 * math.erfc(-z / math.sqrt(2)) for z in points]
    mean = sum(z * n * math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * c ** (n - 1) for z, c in zip(points, cdf, strict=True)) * step
    assert evaluate("lpu-gpu-cv-0p3-0p5")["inputs"]["slowest"]["value"] == pytest.approx(mean, rel=2e-3)


def test_variation_stays_below_the_stated_range_whatever_is_assumed():
    assert evaluate("lpu-gpu-cv-0p3-0p5")["tests"][0]["interval"][1] < 0.3
