"""Whole requests and named deployments."""

import math

import pytest

from nvlinklab._struct import leaves
from nvlinklab.analysis.attribution import shapley
from nvlinklab.analysis.sensitivity import elasticities, exponent_sums
from nvlinklab.errors import SpecError
from nvlinklab.serving import presets, request
from nvlinklab.serving.decode import throughput_at
from nvlinklab.serving.presets import MODEL, deployment
from nvlinklab.workload.architecture import model
from tests.serving.test_decode import input_units, point

R1 = model(MODEL).spec


def test_active_params():
    attention = 7168 * 1536 + 1536 * 128 * 192 + 7168 * 576 + 512 * 128 * 256 + 128 * 128 * 7168
    assert float(request.active_params(R1)) == 61 * attention + 3 * 3 * 7168 * 18432 + 58 * 9 * 3 * 7168 * 2048


def test_prefill_of_a_prompt_by_hand():
    linear = 2 * float(request.active_params(R1)) * 4096 / (1978e12 * 0.28)
    attention = 61 * 2 * 128 * (128 + 64 + 128) * 4096**2 / 2 / (1978e12 * 0.28)
    assert float(request.prefill_gpu_time(R1, deployment("h100-fp8"), 4096.0)) == pytest.approx(linear + attention, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "isl", "gpu_time"),
    [
        ("h100-fp8", 4096, 4096 / 6287.75),  # SGLang, 50,302 tok/s on 8 GPUs
        ("gb200-fp8", 2048, 2048 / 18471),  # SGLang, BF16 attention
        ("gb200-fp4", 2048, 2048 / 26156),  # SGLang, NVFP4 experts
        ("gb300-fp4", 131072, 4 * 8.6),  # SGLang, 8.6 s on a pipeline of 4
    ],
)
def test_prefill_meets_what_was_measured(name, isl, gpu_time):
    """The one achieved share was read off the first two rows; the others are 25 % from it at most."""
    assert float(request.prefill_gpu_time(R1, deployment(name), float(isl))) == pytest.approx(gpu_time, rel=0.26)


def test_rates_add_like_resistors():
    d = deployment("gb200-fp8")
    whole = float(request.request_throughput(R1, d, 0.02, 8192.0, 1024.0))
    decode_rate = float(throughput_at(R1, d, 0.02, 8704.0))
    assert 1024 / whole == pytest.approx(1024 / decode_rate + float(request.prefill_gpu_time(R1, d, 8192.0)), rel=1e-12)
    assert float(request.request_throughput(R1, d, 1e-4, 8192.0, 1024.0)) == 0.0


def test_units_are_whole():
    def rate(p):
        return request.request_throughput(R1, p["d"], p["tpot"], p["isl"], p["osl"])

    p = {"d": point("gb300-fp4")["d"], "tpot": 0.02, "isl": 8192.0, "osl": 1024.0}
    sums = exponent_sums(elasticities(rate, p), input_units() | {"isl": "token", "osl": "token"})
    assert sums.pop("s") == pytest.approx(-1, abs=1e-9)
    assert list(sums.values()) == pytest.approx([0.0] * len(sums), abs=1e-9)


def test_the_best_layout_is_one_of_them():
    rates = [float(request.request_throughput(R1, deployment("h100-fp8", ep=e), 0.03, 8192.0, 1024.0)) for e in request.EXPERT_RANKS]
    assert float(request.best_throughput(R1, deployment("h100-fp8"), 0.03, 8192.0, 1024.0)) == pytest.approx(max(rates), rel=1e-12)


def test_unknown_names_and_drafts():
    with pytest.raises(SpecError, match="did you mean 'gb300-fp8' or 'gb300-fp4'"):
        deployment("gb300-fp5")
    with pytest.raises(SpecError, match="expected 0 or 1"):
        deployment("gb300-fp4", drafts=3.0)


def test_formats():
    eight, four = leaves(deployment("gb300-fp8")), leaves(deployment("gb300-fp4"))
    assert {p for p in eight if eight[p] != four[p] and eight[p] == eight[p]} == {"weight_bytes", "format_speedup"}
    assert four["format_speedup"] == pytest.approx(3 * 0.59)


def test_every_assumption_has_a_range():
    table = presets.assumptions()
    assert len(table) == 9 + 10 + 1
    assert (table["low"] != table["high"]).all()


def test_toggles_turn_one_into_the_other_and_add_up():
    base, new = deployment("h100-fp8", ep=16.0), deployment("gb300-fp4", drafts=1.0)
    settings = presets.toggles(base, new)
    assert set(settings) == set(presets.TOGGLES)

    def rate(d):
        return request.request_throughput(R1, d, 0.02, 8192.0, 1024.0)

    shares = shapley(rate, base, settings)
    assert math.fsum(shares.values()) == pytest.approx(math.log(float(rate(new)) / float(rate(base))), abs=1e-9)


def test_a_leaf_without_a_toggle_is_refused():
    from nvlinklab._struct import replace_path

    base = deployment("h100-fp8")
    with pytest.raises(SpecError, match="usable_memory differ"):
        presets.toggles(base, replace_path(base, {"usable_memory": 0.5}))


def test_without_takes_a_toggle_back():
    base, new = deployment("h100-fp8"), deployment("gb300-fp4")
    assert leaves(presets.without(base, new, "HBM bandwidth"))["system.gpu.mem_bw"] == leaves(base)["system.gpu.mem_bw"]


def test_published_points():
    points = presets.published_points()
    assert len(points) == 17 + 6
    assert all(p.interactivity > 0 and p.throughput > 0 and p.preset in presets.PRESETS for p in points)
    by_name = {p.name: p for p in points}
    assert by_name["DeepSeek online (H800)"].throughput == pytest.approx(14800 / 8)
    assert by_name["MLPerf v6.0 GB300"].interactivity == pytest.approx(12.5)


def test_peak_points_are_met_within_a_factor_of_two():
    """What the uncalibrated model is good for: saturated batches. In the knee of the curve it is too fast by up to ten, and says so."""
    names = ("SGLang H100", "DeepSeek profile (H800)", "DeepSeek online (H800)", "SGLang GB200", "SGLang GB300, 128K", "MLPerf v6.0 GB300")
    for p in presets.published_points():
        if p.name in names:
            assert 0.5 < presets.predicted(p) / p.throughput < 2.0, p.name


def test_active_feedforward_params():
    assert float(request.active_feedforward_params(R1)) == 3 * 3 * 7168 * 18432 + 58 * 9 * 3 * 7168 * 2048


def test_an_answer_and_the_share_of_its_tools():
    answer = request.answer_time(0.04, 501.0, ttft=2.0)
    assert answer == pytest.approx(22.0)
    assert request.tool_share(22.0, answer) == 0.5
    assert request.tool_share(0.0, answer) == 0.0
