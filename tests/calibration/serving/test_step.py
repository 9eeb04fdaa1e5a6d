"""The serving model: what must hold whatever the fitted values are."""

import jax
import numpy as np
import pytest

from nvlinklab.calibration.fitting import constrain, unconstrain
from nvlinklab.calibration.serving import deployments, fitting, step
from nvlinklab.calibration.serving.parameters import PARAMETERS
from nvlinklab.calibration.serving.shapes import FAMILIES, shape
from nvlinklab.workload.architecture import model, routed_params, total_params
from tests.calibration.serving.cases import DISAGGREGATED, rows

PRIOR = {p.name: p.prior for p in PARAMETERS}
CENTRE = np.asarray([unconstrain(p, p.prior) for p in PARAMETERS])


def served(*changes, values=PRIOR):
    return fitting.served(values, deployments.read(rows(*changes)).cases)


@pytest.mark.parametrize("family", ["dsr1", "70b", "llama8b", "qwen32b", "qwen235b", "gptoss", "kimik2.5"])
def test_shapes_hold_the_weights_of_the_architecture(family):
    s, a = shape(family, "bf16"), model(FAMILIES[family]).spec
    weights = s.qkv + s.output + s.dense + s.shared + 2.0 * s.head + s.moe_layers * (s.experts * s.expert + s.hidden * s.experts)
    assert weights == pytest.approx(float(total_params(a)), rel=2e-3)
    assert s.moe_layers * s.experts * s.expert == pytest.approx(float(routed_params(a)), rel=1e-12) or family in (
        "70b",
        "llama8b",
        "qwen32b",
    )


def test_published_totals_of_models_without_an_architecture():
    for family, billions in {"glm5": 744, "qwen3.5": 397, "minimaxm2.5": 229}.items():
        s = shape(family, "bf16")
        total = s.qkv + s.output + s.linear + s.dense + s.shared + 2.0 * s.head + s.moe_layers * s.experts * s.expert
        assert total / 1e9 == pytest.approx(billions, rel=0.02)


def test_more_requests_are_slower_each_and_more_in_all():
    s = served(*({"conc": c} for c in (1, 4, 16, 64, 256)))
    assert (np.diff(s.tpot) > 0).all()
    assert (np.diff(s.throughput) > 0).all()
    assert (np.diff(s.ttft) > 0).all()


def test_faster_hardware_is_not_slower():
    for slow, fast in (("h100_sxm", "h200_sxm"), ("b200_sxm", "gb200")):
        s = served({"system": slow, "family": "70b"}, {"system": fast, "family": "70b"})
        assert s.tpot[1] <= s.tpot[0]


def test_a_lone_request_has_no_interference_and_memory_only_then():
    s = served({"conc": 1}, {"conc": 64})
    assert s.interference[0] == pytest.approx(0.0, abs=1e-6 * float(s.tpot[0]))
    assert s.interference[1] > 0.0
    assert served(DISAGGREGATED).interference[0] == 0.0


def test_little_closes():
    s = served({"conc": 16}, {"conc": 64})
    c = deployments.read(rows({"conc": 16}, {"conc": 64})).cases
    tokens = np.asarray(c.osl)
    tpot, ttft = np.asarray(s.tpot), np.asarray(s.ttft)
    assert np.asarray(s.running) == pytest.approx(c.concurrency * tokens * tpot / (ttft + tokens * tpot), rel=1e-2)


def test_a_declared_limit_holds_and_queues():
    s = served({"conc": 256}, {"conc": 256, "max_running": 32})
    assert s.running[1] < 32.5
    assert s.ttft[1] > 5.0 * s.ttft[0]
    assert s.tpot[1] < s.tpot[0]
    tokens = float(deployments.read(rows()).cases.osl[0])
    assert float(s.ttft[1]) == pytest.approx((256 / 32 - 1) * tokens * float(s.tpot[1]), rel=1e-3)  # Little: the others wait for a place


def test_memory_limits_what_runs():
    s = served({"family": "dsr1", "system": "h100_sxm", "precision": "fp8"}, {"system": "b300_sxm"})
    assert s.free_memory[0] < 0.0 < s.free_memory[1]
    assert s.running[1] <= s.capacity[1]


def test_every_expert_is_touched_by_many_tokens_and_top_k_by_one():
    s = shape("dsr1", "fp8")
    assert float(step.touched(s, 1.0)) == pytest.approx(s.top_k, rel=1e-9)
    assert float(step.touched(s, 1e5)) == pytest.approx(s.experts, rel=1e-9)


def test_joining_adds_at_one_and_takes_the_larger_far_above():
    assert float(step.join(1.0, 2.0, 3.0)) == pytest.approx(5.0)
    assert float(step.join(50.0, 2.0, 3.0)) == pytest.approx(3.0, rel=1e-3)
    assert float(step.join(0.6, 2.0, 3.0)) > 5.0


def test_slopes_agree_with_central_differences():
    cases = deployments.read(rows({}, {"family": "70b", "precision": "fp4", "R_ep": 1, "conc": 128}, DISAGGREGATED)).cases
    found = fitting.jacobian(CENTRE, cases)
    for i in range(0, len(PARAMETERS), 7):
        h = 1e-5
        up, down = CENTRE.copy(), CENTRE.copy()
        up[i] += h
        down[i] -= h
        high, low = fitting.log_times(up, cases), fitting.log_times(down, cases)
        for n in fitting.OUTPUTS:
            # the last Newton step makes values exact to second order, so slopes agree to what the iteration leaves
            assert found[n][:, i] == pytest.approx((high[n] - low[n]) / (2 * h), abs=2e-4), (PARAMETERS[i].name, n)


def test_parameters_stay_within_their_bounds():
    for p in PARAMETERS:
        for z in (-30.0, 0.0, 30.0):
            assert p.low <= float(constrain(p, z)) <= p.high
        if p.name.endswith("efficiency"):
            assert p.high == 1.0
        assert p.unit in ("1", "s", "token"), p.name
        assert p.meaning, p.name
        assert p.identified_by, p.name
    assert len(PARAMETERS) < 80


def test_an_efficiency_scaled_to_hopper_stays_a_share():
    case = jax.tree.map(lambda x: x[0], deployments.read(rows({"system": "h100_sxm"})).cases)
    assert float(step.on_hopper(PRIOR | {"mem_efficiency": 0.95, "mem_efficiency_hopper": 1.3}, "mem_efficiency", case)) == 1.0
