"""Chapter 14 against numbers worked out here from literals: a constant that is off by 1 % fails."""

from math import ceil

import pytest

from nvlinklab.claims.evaluate import computed, evaluate

YEAR = 365.25 * 86400
HOUR = YEAR / 8766
MILLION = 1e6 / YEAR  # a million dollars a year, per second
KWH = 3.6e6
APART = 144 * 226.2
BANDWIDTH = 4600 / (2 * 576)
EXCHANGE = 28.7e-6 + 226.2 / 23 * 8 * 7168 * 3 / 2 / 2 / 100e9
LEFT = (1 / 23) / (1 / 23 + 2 * 58 * EXCHANGE)
PAIR = (7e6 / 5.5 + 2 * 136 * 8766 * 0.1282) / 1e6  # MUSD a year
ULTRA = (13.5e6 / 5.5 + 600 * 8766 * 0.1282) / 1e6

EXPECTED = {
    ("tco-each-microsecond-millions", "value"): 1e9 / YEAR * 61e-6 / 0.02,
    ("tco-each-microsecond-millions", "share"): 61e-6 / 0.02,
    ("tco-hardware-cost-row", "dual_nvl72"): 7e6,
    ("tco-hardware-cost-row", "nvl576"): 7.8e6 * 4,
    ("tco-hardware-cost-row", "vera_rubin_pair"): 15.6e6,
    ("tco-interconnect-cost-row", "trays"): 80e3,
    ("tco-interconnect-cost-row", "ib"): 144 * 3800,
    ("tco-interconnect-cost-row", "backplane"): 305e3,
    ("tco-compute-7x", "dual"): 2.16e18,
    ("tco-compute-7x", "single"): 15e18,
    ("tco-compute-7x", "ratio"): 15 / 2.16,
    ("tco-compute-7x", "per_die"): 15 / 576 / (1.08 / 144),
    ("tco-bandwidth-260-vs-1p5pbs", "dual"): 2 * 72 * 1.8e12,
    ("tco-bandwidth-260-vs-1p5pbs", "single"): 1.5e15,
    ("tco-bandwidth-260-vs-1p5pbs", "largest_domain"): 72 * 1.8e12,
    ("tco-domain-144gpu-vs-576die", "dual"): 144,
    ("tco-domain-144gpu-vs-576die", "single"): 144,
    ("tco-domain-144gpu-vs-576die", "dual_dies"): 288,
    ("tco-domain-144gpu-vs-576die", "single_dies"): 576,
    ("tco-power-row", "dual"): 272e3,
    ("tco-power-row", "single"): 600e3,
    ("tco-dual-nvl72-32544-toks", "throughput"): 32544,
    ("tco-dual-nvl72-25000-actual", "throughput"): APART * LEFT,
    ("tco-dual-nvl72-25000-actual", "left"): LEFT,
    ("tco-dual-nvl72-25000-actual", "exchange"): EXCHANGE,
    ("tco-nvl576-120-150k-toks", "throughput"): 32544 * BANDWIDTH,
    ("tco-depreciation-row", "dual"): 6.5 / 5.5 * MILLION,
    ("tco-depreciation-row", "single"): 13.5 / 5.5 * MILLION,
    ("tco-electricity-row", "dual"): 272e3 * 0.1282 / KWH,
    ("tco-electricity-row", "single"): 600e3 * 0.1282 / KWH,
    ("tco-sum-3p3m", "total"): 3.3 * MILLION,
    ("tco-sum-3p3m", "electricity_share"): 1 / 11,
    ("tco-sum-6p5m", "total"): 6.5 * MILLION,
    ("tco-sum-6p5m", "electricity_share"): 1 / 13,
    ("tco-dual-4p2-per-mtok", "cost"): 3.3 * MILLION / 25000,
    ("tco-nvl576-1p5-per-mtok", "cost"): 6.5 * MILLION / 135000,
    ("tco-cost-ratio-35pct", "ratio"): ULTRA / PAIR / BANDWIDTH,
    ("tco-cost-ratio-35pct", "pair"): PAIR * MILLION / APART,
    ("tco-cost-ratio-35pct", "ultra"): ULTRA * MILLION / APART / BANDWIDTH,
    ("tco-cost-ratio-35pct", "price_ratio"): 13.5 / 7,
    ("tco-cost-ratio-35pct", "throughput_ratio"): BANDWIDTH,
    ("tco-availability-adjusted-1p7-40pct", "cost"): 6.5 * MILLION / 135000 / 0.9,
    ("tco-availability-adjusted-1p7-40pct", "ratio"): 6.5 / 135 / 0.9 / (3.3 / 25),
    ("tco-backplane-doubles-hardware-cost", "ratio"): 13.5 / 6.5,
    ("tco-backplane-doubles-hardware-cost", "backplane_share"): 0.3 / 7,
    ("tco-backplane-doubles-hardware-cost", "per_die"): 13.5 / 13,
    ("tco-scale-advice-100-racks", "small"): 2 * 6.5 / 1.65,
    ("tco-scale-advice-100-racks", "large"): 2 * 6.5 / 1.65,
    ("tco-scale-advice-100-racks", "serves_as_many_as"): 135 / 12.5,
    ("tco-1-35-cost-per-token", "ratio"): 1.41 / 90 / (2.652 / 6000),
    ("tco-1-35-cost-per-token", "price_ratio"): 2.652 / 1.41,
    ("tco-1-35-cost-per-token", "gb300_cost"): 2.652 / 3600 / 6000,
    ("tco-1-35-cost-per-token", "h200_cost"): 1.41 / 3600 / 90,
    ("tco-1-15-vs-mi355x", "ratio"): 28 / 1.86,
}
BY_DIE = (31.2e6 / 5.5 + 600 * 8766 * 0.1282) / 1e6
VERA_RUBIN = (15.6e6 / 5.5 + 420 * 8766 * 0.1282) / 1e6
READINGS = {
    ("tco-each-microsecond-millions", "one microsecond per token, not per layer", "value"): 1e9 / YEAR * 1e-6 / 0.02,
    ("tco-hardware-cost-row", "the price per package of Vera Rubin instead of that per die", "nvl576"): 15.6e6,
    ("tco-hardware-cost-row", "two GB200 racks at the price SemiAnalysis calculates with", "dual_nvl72"): 6.6e6,
    ("tco-compute-7x", "headline rates on both sides", "ratio"): 15 / 2.88,
    ("tco-compute-7x", "two Vera Rubin NVL72, the rack of the year between", "ratio"): 15 / 7.2,
    ("tco-compute-7x", "two dies a package, as reported in June 2026", "ratio"): 7.5 / 2.16,
    ("tco-domain-144gpu-vs-576die", "packages on one side and dies on the other, as in the table", "dual"): 144,
    ("tco-domain-144gpu-vs-576die", "packages on one side and dies on the other, as in the table", "single"): 576,
    ("tco-power-row", "twice the article's own 140 to 150 kW", "dual"): 290e3,
    ("tco-dual-nvl72-25000-actual", "each rack serves by itself, which nobody can forbid", "throughput"): APART,
    ("tco-dual-nvl72-25000-actual", "the article's 10 us in each exchange, against its own 4.4 ms per token", "throughput"): 32544
    * (1 / 226)
    / (1 / 226 + 116e-5),
    ("tco-dual-nvl72-25000-actual", "the article's 10 us in each exchange, against the measured time per token", "throughput"): APART
    * (1 / 23)
    / (1 / 23 + 116e-5),
    ("tco-nvl576-120-150k-toks", "scaled with arithmetic, the sevenfold compute", "throughput"): 32544 * 15 / 2.16,
    ("tco-nvl576-120-150k-toks", "two dies and eight memory stacks a package, as reported in June 2026", "throughput"): 32544
    * BANDWIDTH
    / 2,
    ("tco-electricity-row", "400 kW at the price that the other cell implies", "dual"): 0.3 * MILLION,
    ("tco-electricity-row", "400 kW at the price that the other cell implies", "single"): 0.3 * MILLION * 400 / 290,
    ("tco-electricity-row", "600 kW at the price that the other cell implies", "single"): 0.3 * MILLION * 600 / 290,
    ("tco-electricity-row", "the industrial price, cooling included", "dual"): 272e3 * 1.1 * 0.0872 / KWH,
    ("tco-electricity-row", "the industrial price, cooling included", "single"): 600e3 * 1.1 * 0.0872 / KWH,
    ("tco-sum-3p3m", "what SemiAnalysis puts on owning 144 GPUs of GB300, all costs counted", "total"): 144 * 2.652 / HOUR,
    ("tco-sum-3p3m", "the published price over the published life, and the energy", "total"): PAIR * MILLION,
    ("tco-sum-6p5m", "its own price over the published life, and the energy of 600 kW", "total"): ULTRA * MILLION,
    ("tco-dual-4p2-per-mtok", "each rack serves by itself", "cost"): 3.3 * MILLION / 32544,
    ("tco-dual-4p2-per-mtok", "the cost of ownership by SemiAnalysis at the measured rate", "cost"): 2.652 / 3600 / 226.2,
    ("tco-dual-4p2-per-mtok", "an H200 at its own operating point, to which NVIDIA gives the same figure", "cost"): 1.41 / 3600 / 90,
    ("tco-dual-4p2-per-mtok", "GB300 with short contexts and multi-token prediction, NVIDIA's rate", "cost"): 2.652 / 3600 / 6000,
    ("tco-dual-4p2-per-mtok", "busy 60 % of the time", "cost"): 3.3 * MILLION / 15000,
    ("tco-nvl576-1p5-per-mtok", "the price per die of Vera Rubin, over the published life", "cost"): BY_DIE * MILLION / 135000,
    ("tco-cost-ratio-35pct", "the article's two costs as it computes them", "ratio"): 6.5 / 135 / (3.3 / 25),
    ("tco-cost-ratio-35pct", "the same, with two racks that serve by themselves", "ratio"): 6.5 / 135 / (3.3 / 32.544),
    ("tco-cost-ratio-35pct", "with the stated loss of a quarter between the racks", "ratio"): ULTRA / PAIR / BANDWIDTH * 25000 / APART,
    ("tco-cost-ratio-35pct", "against two Vera Rubin racks at their estimated price", "ratio"): ULTRA / VERA_RUBIN / (4.6 / 3.16),
    ("tco-cost-ratio-35pct", "NVL576 at the price per die of Vera Rubin", "ratio"): BY_DIE / PAIR / BANDWIDTH,
    ("tco-availability-adjusted-1p7-40pct", "with two racks that serve by themselves", "ratio"): 6.5 / 135 / 0.9 / (3.3 / 32.544),
    ("tco-backplane-doubles-hardware-cost", "the low ends of both ranges", "ratio"): 2,
    ("tco-scale-advice-100-racks", "with published prices, life and power", "small"): 4 * ULTRA / PAIR,
    ("tco-scale-advice-100-racks", "with published prices, life and power", "large"): 4 * ULTRA / PAIR,
    ("tco-1-35-cost-per-token", "the 65 times of the same report over the price ratio", "ratio"): 65 * 1.41 / 2.652,
    ("tco-1-35-cost-per-token", "InferenceX, tokens per dollar over H100 at 40 tokens per second and user", "ratio"): 9.7,
    ("tco-1-35-cost-per-token", "InferenceX, tokens per dollar over H100 at 116 tokens per second and user", "ratio"): 65,
    ("tco-1-35-cost-per-token", "GB300 without multi-token prediction", "ratio"): 4.2 / 2.35,
    ("tco-1-15-vs-mi355x", "with the cost of ownership by SemiAnalysis", "ratio"): 28 * 1.48 / 2.21,
}


@pytest.mark.parametrize(("claim", "name"), EXPECTED)
def test_computed(claim, name):
    assert computed(claim, name) == pytest.approx(EXPECTED[claim, name], rel=1e-9)


@pytest.mark.parametrize(("claim", "label", "name"), READINGS)
def test_readings(claim, label, name):
    values = [r["value"] for r in evaluate(claim)["readings"] if r["label"] == label and r["name"] == name]
    assert values == pytest.approx([READINGS[claim, label, name]], rel=1e-9)


def test_nothing_is_left_out():
    from nvlinklab.claims.ledger import ledger

    for claim in ledger().chapter("ch14").claims:
        result = evaluate(claim)
        numbers = {t["name"] for t in result["tests"] if "computed" in t} | set(result["context"])
        assert numbers == {name for c, name in EXPECTED if c == claim}
        assert {(r["label"], r["name"]) for r in result["readings"]} == {(label, name) for c, label, name in READINGS if c == claim}


def test_no_single_tariff_gives_both_electricity_cells():
    needed = {name: evaluate("tco-electricity-row")["break_even"][name]["tariff"]["value"] * KWH for name in ("dual", "single")}
    assert needed["single"] < 0.1 < 0.12 < needed["dual"]


def test_a_third_needs_the_loss_between_the_racks_and_the_short_memory_of_the_price_list():
    readings = {r["label"]: r["outcome"] for r in evaluate("tco-cost-ratio-35pct")["readings"]}
    assert [label for label, outcome in readings.items() if outcome == "hit"] == ["the article's two costs as it computes them"]
    low, high = next(t["interval"] for t in evaluate("tco-cost-ratio-35pct")["tests"] if t["name"] == "ratio")
    assert 0.3675 < low < 0.5 < high


def test_the_crossover_is_a_handful_of_racks_and_within_reach_of_one():
    from nvlinklab.economics.tco import whole_systems

    crossover, capacity = (computed("tco-scale-advice-100-racks", n) for n in ("small", "serves_as_many_as"))
    assert 2 < crossover < capacity < 100
    small = ceil(crossover)
    assert float(whole_systems(small * 12500.0, 135000.0, 1.0)) * 6.5 < small * 1.65
    assert float(whole_systems((small - 1) * 12500.0, 135000.0, 1.0)) * 6.5 > (small - 1) * 1.65


def test_the_conditions():
    years = evaluate("tco-depreciation-row")["condition"]["met"]
    assert [y / YEAR for y in years[0]] == pytest.approx([13.5 / 6 / 1.05, 6.5 / 3 / 0.95], rel=1e-6)
    die = evaluate("tco-hardware-cost-row")["condition"]["met"]
    assert die[0] == pytest.approx([12 * 0.975 / 31.2, 15 * 1.025 / 31.2], rel=1e-6)
