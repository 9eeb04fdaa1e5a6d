"""Scenarios by name: what they assume, what overrides do, and what wrong input is answered."""

import math

import jax
import pytest

from nvlinklab import scenario as sc
from nvlinklab._struct import leaf_units, leaves
from nvlinklab.analysis.attribution import shapley
from nvlinklab.analysis.sensitivity import sum_rule_residual
from nvlinklab.errors import DataError, InfeasibleError, SpecError, UnitError
from nvlinklab.hardware.catalog import systems
from nvlinklab.hardware.custom import EXAMPLE as SYSTEM_EXAMPLE
from nvlinklab.hardware.custom import read_system
from nvlinklab.workload.architecture import models
from nvlinklab.workload.custom import EXAMPLE as MODEL_EXAMPLE
from nvlinklab.workload.custom import read_model


@pytest.fixture(scope="module")
def r1():
    return sc.build("deepseek-r1", "gb200-nvl72", batch=64.0, degrees={"ep": 64.0}).scenario


@pytest.mark.parametrize("model", [*models(), "deepseek-r1", "llama-3.1-70b"])
def test_every_model_runs_somewhere_by_default(model):
    named = sc.build(model, "gb300-nvl72", isl=1024.0, osl=256.0)
    sc.check(named.scenario)
    e = sc.evaluate(named.scenario)
    assert bool(e.feasible)
    assert 0.0 < float(e.tpot) < float(e.e2e)
    assert named.notes


@pytest.mark.parametrize("system", systems())
def test_every_system_serves_a_small_model(system):
    named = sc.build("llama-3.1-8b", system, batch=8.0, isl=1024.0, osl=256.0)
    sc.check(named.scenario)
    assert bool(sc.evaluate(named.scenario).feasible)


@pytest.mark.parametrize("metric", [m for m in sc.METRICS if m != "usd_per_token"])
def test_the_metric_is_the_estimate(r1, metric):
    e = sc.evaluate(r1)
    expected = {"tpot": e.tpot, "ttft": e.ttft, "throughput": e.throughput_per_gpu}[metric]
    assert float(sc.metric(r1, metric)) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("metric", sc.METRICS)
def test_every_metric_is_dimensionally_whole_in_every_leaf(r1, metric):
    floats = jax.tree_util.tree_map(lambda leaf: jax.numpy.asarray(leaf, dtype=float), r1)
    value, slopes = jax.value_and_grad(lambda s: sc.metric(s, metric))(floats)
    point, slope = leaves(r1), leaves(slopes)
    found = {p: float(slope[p]) * float(point[p]) / float(value) for p in point if point[p] == point[p]}
    assert all(math.isfinite(e) for e in found.values())
    assert sum_rule_residual(found, leaf_units(r1), sc.METRICS[metric][0]) < 1e-8


def test_an_override_changes_one_leaf_and_has_units(r1):
    faster = sc.override(r1, ["scale_up.link_bw=1.2 TB/s"])
    changed = {p for p, v in leaves(faster).items() if v != leaves(r1)[p] and v == v}
    assert changed == {"deployment.system.scale_up.bw"}
    assert float(sc.metric(faster, "tpot")) < float(sc.metric(r1, "tpot"))


@pytest.mark.parametrize(
    ("setting", "error", "message"),
    [
        ("scale_up.bandwidth=1 TB/s", SpecError, "scale_up.link_bw"),
        ("scale_up.link_bw=5 us", UnitError, "not a kind of B/s"),
        ("scale_up.link_bw", SpecError, "write path=value"),
        ("gpu.mem_bw=fast", UnitError, "does not start with a number"),
    ],
)
def test_wrong_overrides_are_answered(r1, setting, error, message):
    with pytest.raises(error, match=message):
        sc.override(r1, [setting])


def test_short_names_are_unique_and_come_back():
    names = sc.paths()
    assert len(names) == len(set(names.values()))
    assert all(sc.resolve(short) == sc.resolve(full) == full for short, full in names.items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"degrees": {"ep": 512.0}}, "exceeds the 256 routed experts"),
        ({"degrees": {"ep": 64.0}, "batch": 5000.0}, "the largest batch is"),
        ({"degrees": {"ep": 1.0}, "batch": 1.0}, "the weights do not fit"),
        ({"model": "llama-3.1-70b", "degrees": {"tp": 6.0}, "batch": 1.0}, "nearest: 4 or 8"),
    ],
)
def test_what_cannot_be_says_why(changes, message):
    with pytest.raises(InfeasibleError, match=message):
        sc.check(sc.build(**changes).scenario)


@pytest.mark.parametrize("kwargs", [{"model": "deepseek-r9"}, {"system": "gb20"}, {"weights": "fp5"}])
def test_unknown_names_suggest(kwargs):
    with pytest.raises(SpecError, match="did you mean"):
        sc.build(**kwargs)


def test_a_comparison_adds_up_exactly():
    one = sc.build("deepseek-r1", "dgx-h100", 16.0, degrees={"ep": 64.0}).scenario
    two = sc.build("deepseek-r1", "gb200-nvl72", 16.0, degrees={"ep": 64.0}, weights="nvfp4").scenario
    shares = shapley(lambda s: sc.metric(s, "throughput"), one, sc.changed_groups(one, two))
    # price differs, memory capacity differs, NaN rates of a chip without FP4 do not count: every other leaf is owned by a factor
    expected = math.log(float(sc.metric(two, "throughput")) / float(sc.metric(one, "throughput")))
    assert sum(shares.values()) == pytest.approx(expected, abs=1e-9)
    assert shares["scale-up domain and links"] > 0.1


def test_two_kinds_of_attention_cannot_be_compared(r1):
    with pytest.raises(SpecError, match="attention cannot be compared"):
        sc.changed_groups(r1, sc.build("llama-3.1-70b", batch=1.0).scenario)


def test_the_examples_of_init_work(tmp_path):
    system, model = tmp_path / "mine.yml", tmp_path / "mine-model.yml"
    system.write_text(SYSTEM_EXAMPLE, encoding="utf-8")
    model.write_text(MODEL_EXAMPLE, encoding="utf-8")
    named = sc.build(str(model), str(system))
    assert float(named.scenario.deployment.system.domain) == 144.0
    assert float(named.scenario.model.routed_experts) == 384.0
    sc.check(named.scenario)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("1.8 TB/s", "1.8 TBs", 7, "did you mean 'TB/s'"),
        ("1.8 TB/s", "1.8 us", 7, "not a kind of B/s"),
        ("scale_up.link_bw", "scale_up.speed", 7, "no parameter is called 'scale_up.speed'"),
        ("144 GPU", "-4", 6, "expected a positive number"),
        ("gb200-nvl72\n", "gb2000\n", 4, "'gb200-nvl72'"),
        ("kind: system", "kind: model", 3, "expected a system"),
        ("kind: system\n", "", 1, "missing 'kind'"),
    ],
)
def test_a_malformed_system_says_file_and_line(tmp_path, old, new, line, message):
    path = tmp_path / "mine.yml"
    path.write_text(SYSTEM_EXAMPLE.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_system(path)
    assert f"mine.yml:{line}:" in str(caught.value)
    assert message in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_model(tmp_path / "none.yml")
