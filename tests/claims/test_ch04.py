"""Chapter 4 against numbers worked out here from literals: a constant that is off by 1 % fails."""

from math import pi, sqrt

import pytest

from nvlinklab.claims.evaluate import computed, evaluate
from nvlinklab.claims.ledger import ledger

C = 299792458.0
NYQUIST, KNOWN = 53.125, 12.890625
SKIN, INSULATOR = 0.92 * 4.016 * 0.405 / 0.32, 0.08 * 4.016  # dB/m at 12.89 GHz, 28 AWG instead of 26


def loss(ghz: float) -> float:
    return SKIN * sqrt(ghz / KNOWN) + INSULATOR * ghz / KNOWN


def fixed(ghz: float) -> float:
    return 11.0 * sqrt(ghz / NYQUIST) + 11.0 * ghz / NYQUIST


def reach(ghz: float, budget: float = 40.0) -> float:
    return (budget - fixed(ghz)) / loss(ghz)


def dielectric(dk: float, df: float) -> float:
    return 8.685889638 * pi * NYQUIST * 1e9 * sqrt(dk) * df / C


YEAR = 365.25 * 86400.0
EXPECTED = {
    ("copper-abandoned-two-years-later", "interval"): (2027.75 - 2024.2132) * YEAR,
    ("pcb-78-layers", "layers"): 3 * 26,
    ("form-vera-rubin-cableless", "pairs"): 72 * 18 * 4,
    ("form-vera-rubin-cableless", "each_way"): 25e9,
    ("form-vera-rubin-cableless", "pairs_one_way"): 72 * 144,
    ("pcb-layer-comparison", "backplane"): 78,
    ("pcb-layer-comparison", "server"): 16,
    ("pcb-layer-comparison", "switch"): 40,
    ("pcb-layer-comparison", "over_switch"): 1.95,
    ("pcb-layer-comparison", "over_server"): 4.875,
    ("pcb-m9-dk-df", "dk"): 3.2,
    ("pcb-m9-dk-df", "df"): 0.0007,
    ("pcb-m9-dk-df", "delay"): sqrt(3.2) / C,
    ("pcb-m9-dk-df", "loss"): dielectric(3.2, 0.0007),
    ("pcb-m9-dk-df", "loss_at_bound"): dielectric(3.2, 0.002),
    ("pcb-5184-differential-pairs", "pairs"): 5184,
    ("pcb-5184-differential-pairs", "nodes"): 18,
    ("pcb-5184-differential-pairs", "ports"): 4,
    ("pcb-5184-differential-pairs", "pairs_per_port"): 72,
    ("pcb-5184-differential-pairs", "rack"): 144 * 72,
    ("pcb-5184-differential-pairs", "boards_bandwidth"): 144 * 3.6e12,
    ("pcb-5184-differential-pairs", "for_1p5_pbs"): 1.5e15 / 50e9,
    ("pcb-5184-differential-pairs", "spine"): 5184,
    ("pcb-cost-200k-vs-30-50k", "backplane"): 200e3,
    ("pcb-cost-200k-vs-30-50k", "cable_tray"): 43e3,
    ("pcb-cost-200k-vs-30-50k", "ratio"): 200 / 43,
    ("pcb-cost-200k-vs-30-50k", "per_gpu"): 100 / 43,
    ("copper-224g-reach-1-2m", "reach"): reach(NYQUIST),
    ("copper-224g-reach-1-2m", "loss"): loss(NYQUIST),
    ("copper-224g-reach-1-2m", "standard"): 1,
    ("copper-224g-reach-1-2m", "mean_cable"): 3200 / 5184,
    ("copper-skin-effect-200g-to-224g", "shorter"): reach(56.0) / reach(50.0),
    ("copper-skin-effect-200g-to-224g", "cable_loss"): loss(56.0) / loss(50.0),
    ("copper-skin-effect-200g-to-224g", "skin_loss"): sqrt(1.12),
    ("pcb-yield-60-70pct", "yield"): 0.9945**78,
    ("pcb-yield-60-70pct", "sub_board"): 0.9945**26,
    ("pcb-one-in-three-scrapped", "scrap"): 0.35,
    ("pcb-effective-cost-280-330k", "cost"): 200e3 / 0.65,
    ("nvl144-224g-reach-2m", "reach_224g"): reach(NYQUIST),
    ("nvl144-224g-reach-2m", "reach_200g"): reach(NYQUIST),
    ("nvl144-cross-rack-0p5-1m", "extra"): 0.6,
    ("nvl144-cross-rack-0p5-1m", "mean"): 3200 / 5184 + 0.6,
    ("nvl144-cross-rack-0p5-1m", "longest_in_rack"): 18 * 0.04445 + 0.2,
    ("nvl144-cross-rack-0p5-1m", "longest"): 18 * 0.04445 + 0.8,
    ("nvl144-cross-rack-0p5-1m", "reach"): reach(NYQUIST),
    ("appa-4-canisters-18-nodes", "canisters"): 4,
    ("appa-4-canisters-18-nodes", "nodes"): 18,
    ("appa-4-canisters-18-nodes", "nodes_in_all"): 72,
    ("appa-4-canisters-18-nodes", "gpus"): 144,
    ("appa-nvl576-hybrid-cpo", "layers"): 2,
    ("appa-nvl576-hybrid-cpo", "gpus"): 576,
}


@pytest.mark.parametrize(("claim", "name"), EXPECTED)
def test_computed(claim, name):
    assert computed(claim, name) == pytest.approx(EXPECTED[claim, name], rel=1e-9)


READINGS = {  # in the order of the table of readings
    "copper-abandoned-two-years-later": [(2026.2077 - 2024.2132) * YEAR],
    "pcb-78-layers": [78],
    "pcb-layer-comparison": [22],
    "pcb-m9-dk-df": [0.001],
    "pcb-5184-differential-pairs": [10368, 20736, 30000],
    "pcb-cost-200k-vs-30-50k": [200 / 40, 400e3, 400 / 43],
    "copper-224g-reach-1-2m": [1],
    "copper-skin-effect-200g-to-224g": [1],
    "pcb-effective-cost-280-330k": [200e3 * 1.333],
    "nvl144-224g-reach-2m": [reach(26.5625, 35.0), 3],
    "nvl144-cross-rack-0p5-1m": [0.3],
    "appa-4-canisters-18-nodes": [2, 18],
}


@pytest.mark.parametrize("claim", ledger().chapter("ch04").claims)
def test_readings(claim):
    assert [r["value"] for r in evaluate(claim)["readings"]] == pytest.approx(READINGS.get(claim, []), rel=1e-9)


def test_nothing_is_left_out():
    for claim in ledger().chapter("ch04").claims:
        names = {t["name"] for t in evaluate(claim)["tests"] if "computed" in t} | set(evaluate(claim)["context"])
        assert names == {name for c, name in EXPECTED if c == claim}


def test_every_published_reach_lies_below_the_thicker_cable_and_the_model_spans_them():
    """The standards promise what a thin cable and a poor host still reach."""
    low, high = (evaluate("copper-224g-reach-1-2m")["tests"][0]["interval"][i] for i in (0, 1))
    assert low < 1.0 < high < 3.0


def test_two_to_three_metres_is_the_class_before():
    found = {r["label"]: r for r in evaluate("nvl144-224g-reach-2m")["readings"]}
    assert {r["outcome"] for r in found.values()} == {"hit"}
    assert found["lanes of 100 Gb/s, the class before, by the same model"]["value"] == pytest.approx(reach(26.5625, 35.0), rel=1e-9)


def test_the_stated_pairs_are_one_of_two_boards_and_a_spine():
    assert computed("pcb-5184-differential-pairs", "pairs") == computed("pcb-5184-differential-pairs", "spine")
    assert computed("pcb-5184-differential-pairs", "rack") == 2 * 5184
    assert computed("pcb-5184-differential-pairs", "for_1p5_pbs") > 2.5 * computed("pcb-5184-differential-pairs", "rack")


def test_the_condition_on_the_yield():
    result = evaluate("pcb-yield-60-70pct")
    assert result["verdict"] == "holds-if"
    ends = [1 - (0.7 * 1.025) ** (1 / 78), 1 - (0.6 * 0.975) ** (1 / 78)]
    assert all(f"{100 * e:.3f}" in result["why"] for e in ends)


def test_two_years_is_the_way_to_the_stage():
    [shown] = evaluate("copper-abandoned-two-years-later")["readings"]
    assert shown["outcome"] == "hit" and evaluate("copper-abandoned-two-years-later")["verdict"] == "contradicted"
