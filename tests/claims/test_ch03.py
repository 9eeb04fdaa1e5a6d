"""Chapter 3 against numbers worked out here from literals: a constant that is off by 1 % fails."""

import pytest

from nvlinklab.claims.evaluate import computed, evaluate
from nvlinklab.claims.ledger import ledger

PF, EF = 1e15, 1e18
NVL72 = 18 * 4

EXPECTED = {
    ("form-die-count-row", "gb200"): 144,
    ("form-die-count-row", "gb300"): 144,
    ("form-die-count-row", "vera_rubin"): 144,
    ("form-die-count-row", "rubin_ultra"): 576,
    ("gen-fp4-rack-row", "gb200"): NVL72 * 10 * PF,
    ("gen-fp4-rack-row", "gb300"): NVL72 * 15 * PF,
    ("gen-fp4-rack-row", "vera_rubin"): NVL72 * 50 * PF,
    ("gen-fp4-rack-row", "rubin_ultra"): 15 * EF,
    ("gen-fp4-rack-row", "rubin_ultra_from_packages"): 14.4 * EF,
    ("gen-fp4-rack-row", "rubin_dense"): 2.52 * EF,
    ("gen-fp4-rack-row", "gb200_sparse"): 1.44 * EF,
    ("gen-fp8-gb200-360", "fp8"): 360 * PF,
    ("gen-fp8-gb300-540", "fp8"): 360 * PF,
    ("gen-fp8-gb300-540", "fp4_over_fp8"): 3,
    ("gen-fp8-rubin-2p5ef", "fp8"): 1260 * PF,
    ("gen-fp8-rubin-2p5ef", "slide"): 1200 * PF,
    ("gen-fp8-rubin-ultra-5ef", "fp8"): 5 * EF,
    ("gen-fp8-rubin-ultra-5ef", "fp4_over_fp8"): 3,
    ("form-2plus2-compute-unchanged", "dies_before"): 4,
    ("form-2plus2-compute-unchanged", "dies_after"): 2,
    ("form-2plus2-compute-unchanged", "compute"): 0.5,
    ("form-576-is-die-count", "packages"): 144,
    ("form-576-is-die-count", "dies_per_package"): 4,
    ("form-576-is-die-count", "dies"): 576,
    ("gen-compute-growth-20x", "growth"): 15000 / 720,
    ("gen-die-growth-8x", "growth"): 4,
    ("gen-die-growth-8x", "packages"): 2,
    ("gen-per-die-growth-2p6x", "growth"): 15000 / 720 / 4,
    ("form-144-vs-36-packages", "nvl576"): 144,
    ("form-144-vs-36-packages", "nvl72"): 72,
    ("form-144-vs-36-packages", "from_memory"): 20.7 / 0.288,
    ("form-144-vs-36-packages", "from_fabric"): 129.6 / 1.8,
    ("form-144-vs-36-packages", "from_compute"): 3600 / 50,
    ("form-144-vs-36-packages", "growth"): 2,
    ("gen-package-fp4-row", "blackwell"): 10 * PF,
    ("gen-package-fp4-row", "blackwell_ultra"): 15 * PF,
    ("gen-package-fp4-row", "rubin"): 50 * PF,
    ("gen-package-fp4-row", "rubin_ultra"): 15 * EF / 144,
    ("gen-die-fp4-row", "blackwell"): 5 * PF,
    ("gen-die-fp4-row", "blackwell_ultra"): 7.5 * PF,
    ("gen-die-fp4-row", "rubin"): 25 * PF,
    ("gen-die-fp4-row", "rubin_ultra"): 15 * EF / 576,
    ("gen-per-die-drop-50-to-26", "rubin"): 25 * PF,
    ("gen-per-die-drop-50-to-26", "rubin_ultra"): 15 * EF / 576,
    ("gen-per-die-drop-50-to-26", "change"): 15000 / 576 / 25,
    ("gen-per-die-blackwell-rubin-5x", "growth"): 5,
    ("gen-gpu-process-4n-4np-n3p", "per_die_gain"): 17.5 / 5,
    ("gen-gpu-process-4n-4np-n3p", "bf16_gain"): 4 / 2.5,
    ("nvl144-announced-gtc-dc-2025-10", "date"): 2025 + (2 + 17 / 30.5) / 12,
    ("nvl144-144-gpus-dual-rack", "gpus"): 72,
    ("nvl144-144-gpus-dual-rack", "racks"): 260 / 259.2,
    ("nvl144-144-gpus-dual-rack", "dies"): 144,
    ("nvl144-144-gpus-dual-rack", "bandwidth_of_144"): 518.4e12,
    ("nvl144-3p5ef", "fp4"): 3.6 * EF,
    ("nvl144-3p5ef", "two_racks"): 7.2 * EF,
    ("nvl144-75tb", "memory"): 72 * 288e9 + 36 * 1.5e12,
    ("nvl144-75tb", "two_racks"): 149.472e12,
    ("nvl144-260tbs", "bandwidth"): 259.2e12,
    ("nvl144-260tbs", "two_racks"): 518.4e12,
    ("nvl144-downgraded-to-dual-nvl72", "racks"): 260 / 259.2,
    ("nvl144-downgraded-to-dual-nvl72", "date"): 2026 + 4 / 365,
    ("nvl144-downgraded-to-dual-nvl72", "racks_by_fp4"): 3.5 / 3.6,
    ("nvl144-downgraded-to-dual-nvl72", "racks_by_memory"): 75 / 74.7,
    ("nvl144-no-option-2026-27", "share"): 0,
    ("nvl144-no-option-2026-27", "delivery"): 2028.25,
    ("appa-vr-tray-4-hbm", "hbm"): 32,
}
DATES = {"date", "delivery"}


@pytest.mark.parametrize(("claim", "name"), EXPECTED)
def test_computed(claim, name):
    expected = EXPECTED[claim, name]
    assert computed(claim, name) == pytest.approx(expected, abs=0.004 if name in DATES else 1e-12, rel=0 if name in DATES else 1e-9)


READINGS = {  # in the order of the table of readings
    "form-die-count-row": [72, 72, 72, 144],
    "gen-fp4-rack-row": [0.72 * EF, 1.08 * EF, 2.52 * EF, 1.44 * EF, 1.44 * EF, 3.6 * EF],
    "gen-fp8-gb200-360": [720 / 2 * PF],
    "gen-fp8-gb300-540": [1080 / 2 * PF, 2 * 360 * PF],
    "gen-fp8-rubin-2p5ef": [72 * 35 * PF],
    "gen-fp8-rubin-ultra-5ef": [576 * 17.5 / 2 * PF],
    "form-2plus2-compute-unchanged": [1],
    "form-576-is-die-count": [8 * 72, 2, 8 * 72 * 2],
    "gen-compute-growth-20x": [15000 / 1440, 15000 / 144 / 10],
    "gen-die-growth-8x": [8],
    "gen-per-die-growth-2p6x": [15000 / 720 / 8, 15000 / 1440 / 4],
    "form-144-vs-36-packages": [36, 36],
    "gen-package-fp4-row": [20 * PF, 30 * PF, 100 * PF, 20 * PF, 20 * PF],
    "gen-die-fp4-row": [10 * PF, 15 * PF, 50 * PF, 15 * EF / 144],
    "gen-per-die-drop-50-to-26": [50 * PF, 15 * EF / 576],
    "gen-per-die-blackwell-rubin-5x": [3.5, 2.5],
    "nvl144-announced-gtc-dc-2025-10": [2025 + (9 + 27 / 30.4) / 12],
    "nvl144-144-gpus-dual-rack": [144],
    "appa-vr-tray-4-hbm": [4],
}


@pytest.mark.parametrize("claim", ledger().chapter("ch03").claims)
def test_readings(claim):
    date = claim.startswith("nvl144-announced")
    expected = pytest.approx(READINGS.get(claim, []), abs=0.002 if date else 1e-12, rel=0 if date else 1e-9)
    assert [r["value"] for r in evaluate(claim)["readings"]] == expected


def test_nothing_is_left_out():
    for claim in ledger().chapter("ch03").claims:
        names = {t["name"] for t in evaluate(claim)["tests"] if "computed" in t} | set(evaluate(claim)["context"])
        assert names == {name for c, name in EXPECTED if c == claim}


def closing(claim: str) -> set[str]:
    """Readings in which every number they give is met."""
    outcomes: dict[str, list[str]] = {}
    for r in evaluate(claim)["readings"]:
        outcomes.setdefault(r["label"], []).append(r["outcome"])
    return {label for label, found in outcomes.items() if set(found) == {"hit"}}


@pytest.mark.parametrize(
    ("claim", "label"),
    [
        ("form-144-vs-36-packages", "superchips: one CPU and two packages"),
        ("gen-package-fp4-row", "per superchip: two packages and a CPU"),
        ("gen-per-die-drop-50-to-26", "Rubin per package, Rubin Ultra per die"),
        ("gen-die-growth-8x", "dies of the new rack over packages of the old one"),
        ("gen-per-die-growth-2p6x", "over the article's growth of the count"),
        ("gen-fp8-gb300-540", "half of the article's FP4 rate"),
        ("gen-fp8-rubin-2p5ef", "the NVFP4 training rate"),
        ("nvl144-announced-gtc-dc-2025-10", "when the hardware was first shown"),
        ("appa-vr-tray-4-hbm", "the GPU packages, under whose covers the stacks are"),
    ],
)
def test_where_the_figure_came_from(claim, label):
    assert evaluate(claim)["verdict"] == "contradicted"
    assert label in closing(claim)


def test_three_totals_find_the_same_count_without_counting():
    counts = [computed("form-144-vs-36-packages", f"from_{name}") for name in ("memory", "fabric", "compute")]
    assert all(round(c) == 72 for c in counts)


def test_the_paradox_is_a_factor_of_two():
    """Per die nothing fell: Rubin Ultra's dies are as fast as Rubin's."""
    assert 1.0 < computed("gen-per-die-drop-50-to-26", "change") < 1.05


def test_every_figure_of_the_announced_rack_is_one_rack():
    racks = [computed("nvl144-downgraded-to-dual-nvl72", n) for n in ("racks", "racks_by_fp4", "racks_by_memory")]
    assert all(r == pytest.approx(1.0, abs=0.03) for r in racks)


def test_conditions():
    compute = evaluate("form-2plus2-compute-unchanged")
    assert compute["verdict"] == "holds-if" and "at least 281 package" in compute["why"]  # 2.5 % below 288
    sale = evaluate("nvl144-no-option-2026-27")
    assert sale["verdict"] == "holds-if" and "at least 3 mo" in sale["why"]
