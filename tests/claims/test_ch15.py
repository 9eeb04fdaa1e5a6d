"""Chapter 15 against numbers worked out here from literals: a constant that is off by 1 % fails."""

from math import sqrt

import pytest

from nvlinklab.claims.evaluate import computed, evaluate
from tests.claims.coverage import assert_nothing_is_left_out

HOUR, DAY = 3600.0, 86400.0
YEAR, MONTH = 365.25 * DAY, 365.25 / 12 * DAY
PER_GPU = 16384 * 54 * 24 / 419  # hours between interruptions, per GPU
TRAY = PER_GPU / 4
SHARE = 35 / 419
EXPECTED = {
    ("rel-backplane-rma-2-4-weeks", "mttr"): 20 * DAY,
    ("rel-backplane-rma-2-4-weeks", "dies_down"): 576,
    ("rel-cte-gradient-20-30c", "heat"): 600e3,
    ("rel-cte-gradient-20-30c", "years"): 1000 * 16 * DAY,
    ("rel-mttr-hours-vs-weeks", "cable_mttr"): 7 * HOUR,
    ("rel-mttr-hours-vs-weeks", "backplane_mttr"): 480 * HOUR,
    ("rel-mttr-hours-vs-weeks", "ratio"): 480 / 7,
    ("rel-availability-5-10pct-lower", "loss"): 504 / (7500 + 504) - 7 / (15000 + 7),
    ("rel-one-of-18-trays-degraded", "trays"): 18,
    ("rel-one-of-18-trays-degraded", "gpus_left"): 68,
    ("rel-one-of-18-trays-degraded", "capacity_left"): 17 / 18,
    ("rel-one-of-18-trays-degraded", "bandwidth_left"): 1,
    ("rel-one-of-18-trays-degraded", "time_degraded"): 1 - (TRAY / (TRAY + 24)) ** 18,
    ("rel-single-fault-72-vs-576", "nvl72"): 0.08 * 72 + 0.92 * 4,
    ("rel-single-fault-72-vs-576", "nvl576"): 0.08 * 576 + 0.92 * 8,
    ("rel-single-fault-72-vs-576", "nvl72_with_network_faults_only"): SHARE * 72 + (1 - SHARE) * 4,
    ("rel-single-fault-72-vs-576", "nvl576_with_network_faults_only"): SHARE * 576 + (1 - SHARE) * 8,
    ("rel-576-dies-fail-far-more-than-72", "ratio"): 4,
    ("rel-mtbf-5000-10000h", "mtbf"): PER_GPU / 144 / 0.05 * HOUR,
    ("rel-mtbf-5000-10000h", "any_interruption"): PER_GPU / 144 * HOUR,
    ("rel-mtbf-5000-10000h", "network_faults"): PER_GPU / 144 / SHARE * HOUR,
    ("rel-thousands-of-connectors", "connectors"): 576,
    ("rel-thousands-of-connectors", "backplane_ports"): 288,
    ("rel-thousands-of-connectors", "pairs"): 20736,
    ("rel-thousands-of-connectors", "ports_per_package"): 2,
    ("rel-90-events-per-month", "events"): 1000 / (8000 * HOUR),
    ("rel-90-events-per-month", "in_a_month"): 1000 * MONTH / (8000 * HOUR),
    ("rel-90-events-per-month", "spread"): sqrt(1000 * MONTH / (8000 * HOUR)),
    ("rel-90-events-per-month", "in_repair"): 1000 * 504 / 8000,
    ("rel-144-gpus-down", "gpus"): 144,
    ("rel-144-gpus-down", "dies"): 576,
}
READINGS = {
    ("rel-backplane-rma-2-4-weeks", "with a spare rack on site: the outage is the swap", "mttr"): DAY,
    ("rel-availability-5-10pct-lower", "with a pool of spare racks, swapped in a day", "loss"): 24 / 7524,
    (
        "rel-availability-5-10pct-lower",
        "the rack serves on without the slot that failed until it is exchanged",
        "loss",
    ): 504 / (7500 + 504) / 18,
    ("rel-576-dies-fail-far-more-than-72", "packages on both sides", "ratio"): 2,
    ("rel-576-dies-fail-far-more-than-72", "dies on one side and packages on the other", "ratio"): 8,
    ("rel-mtbf-5000-10000h", "the share of network faults in that training run", "mtbf"): 16384 * 54 * 24 / 35 / 144 * HOUR,
    ("rel-mtbf-5000-10000h", "any failure of a node, in a research cluster of A100", "mtbf"): 1000 / 6.5 / 18 * DAY,
    (
        "rel-90-events-per-month",
        "only the share of interruptions that the network causes in published runs",
        "events",
    ): 1000 / (8000 * HOUR) * SHARE,
}


@pytest.mark.parametrize(("claim", "name"), EXPECTED)
def test_computed(claim, name):
    assert computed(claim, name) == pytest.approx(EXPECTED[claim, name], rel=1e-9)


@pytest.mark.parametrize(("claim", "label", "name"), READINGS)
def test_readings(claim, label, name):
    values = [r["value"] for r in evaluate(claim)["readings"] if r["label"] == label and r["name"] == name]
    assert values == pytest.approx([READINGS[claim, label, name]], rel=1e-9)


def test_nothing_is_left_out():
    assert_nothing_is_left_out("ch15", EXPECTED, READINGS)


def loss_at(mtbf):
    return mtbf / (mtbf + 504) * -1 + 15000 / 15007


@pytest.mark.parametrize(
    ("claim", "low", "high"),
    [
        ("rel-backplane-rma-2-4-weeks", (14 * 0.975 - 10) * DAY, (28 * 1.025 - 10) * DAY),
        ("rel-mttr-hours-vs-weeks", (14 * 0.995 - 10) * DAY, (28 * 1.005 - 10) * DAY),
        ("rel-cte-gradient-20-30c", 16000 / (5 * 1.025 * 365.25 * DAY), 16000 / (3 * 0.975 * 365.25 * DAY)),
        ("rel-mtbf-5000-10000h", PER_GPU / 144 / 10250, PER_GPU / 144 / 4875),
        ("rel-single-fault-72-vs-576", (576 * 0.995 - 8) / 568, 1),
        ("rel-thousands-of-connectors", 1000 / sqrt(10) / 144, 31623),
    ],
)
def test_conditions(claim, low, high):
    result = evaluate(claim)
    ((start, end),) = result["condition"]["met"]
    assert result["verdict"] == "holds-if"
    assert start == pytest.approx(low, rel=6e-3)  # ends meet where the outcome turns
    assert end == pytest.approx(min(high, result["condition"]["high"]), rel=6e-3)


def test_the_loss_is_met_at_both_ends_of_its_condition():
    ((start, end),) = evaluate("rel-availability-5-10pct-lower")["condition"]["met"]
    assert loss_at(start / HOUR) == pytest.approx(0.1 * 1.025, rel=1e-6)
    assert loss_at(end / HOUR) == pytest.approx(0.05 * 0.975, rel=1e-6)


# the findings of the chapter


def test_a_larger_rack_fails_more_often_by_packages_not_by_eight():
    ratios = {r["label"]: r["value"] for r in evaluate("rel-576-dies-fail-far-more-than-72")["readings"]}
    assert ratios["packages on both sides"] < computed("rel-576-dies-fail-far-more-than-72", "ratio") < 8


def test_spares_and_degraded_operation_bring_the_loss_below_one_per_cent():
    result = evaluate("rel-availability-5-10pct-lower")
    assert all(r["value"] < 0.01 for r in result["readings"])
    assert computed("rel-availability-5-10pct-lower", "loss") > 0.05


def test_published_node_rates_give_the_published_time_of_a_large_job():
    from nvlinklab.claims.ch15 import rack_mtbf_nodes
    from nvlinklab.io.tables import value_row

    rate, per_node = (value_row(f"meta-rsc1.{q}").value for q in ("failure_rate", "gpus_per_node"))
    assert rack_mtbf_nodes(16384.0, rate, per_node)["mtbf"] / HOUR == pytest.approx(1.8, rel=0.01)
