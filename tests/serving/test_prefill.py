"""Reading a prompt: numbers by hand, limits, chunks, prefixes, layouts."""

import math

import numpy as np
import pytest

from nvlinklab._struct import leaves, replace_path
from nvlinklab.serving import prefill
from nvlinklab.serving.layouts import with_degrees
from nvlinklab.serving.presets import PRESETS, deployment
from nvlinklab.serving.request import prefill_gpu_time
from nvlinklab.workload.architecture import model

R1, LLAMA = model("deepseek-v3").spec, model("llama-3-1-70b").spec
D = replace_path(deployment("gb200-fp8", ep=1.0), {"prefill_efficiency": 1.0, "mem_efficiency": 1.0, "link_efficiency": 1.0})
QUICK = {"system.scale_up.alpha": 0.0, "system.scale_up.bw": 1e30, "system.scale_out.alpha": 0.0, "system.scale_out.bw": 1e30}


def test_by_hand():
    p = prefill.prefill(LLAMA, D, 4096.0)
    attention, block = 2 * 8192 * 64 * 128 + 2 * 8192 * 8 * 128, 3 * 8192 * 28672
    assert float(p.projections) == pytest.approx(2 * 80 * attention * 4096 / 5e15, rel=1e-12)
    assert float(p.experts) == pytest.approx(2 * 80 * block * 4096 / 5e15, rel=1e-12)
    assert float(p.attention) == pytest.approx(80 * 2 * 64 * 256 * 4096**2 / 2 / 5e15, rel=1e-12)
    assert float(p.head) == pytest.approx(128256 * 8192 / 8e12, rel=1e-12)
    assert float(p.communication) == 0.0
    assert float(p.fixed) == pytest.approx(80 * 60e-6, rel=1e-12)


@pytest.mark.parametrize("name", PRESETS)
def test_its_arithmetic_is_that_of_a_request(name):
    d = replace_path(deployment(name), QUICK | {"system.gpu.mem_bw": 1e30})
    p = prefill.prefill(R1, d, 8192.0)
    assert float(p.projections + p.attention + p.experts) == pytest.approx(float(prefill_gpu_time(R1, d, 8192.0)), rel=1e-12)


@pytest.mark.parametrize("degrees", [{"tp": 8.0}, {"cp": 4.0}, {"tp": 4.0, "cp": 2.0}, {"pp": 4.0}])
def test_more_gpus_share_the_arithmetic(degrees):
    """Without communication and memory time a dense prompt takes the same GPU time on any layout, and less time."""
    d = replace_path(D, QUICK | {"system.gpu.mem_bw": 1e30, "layer_time": 0.0})
    cut = with_degrees(d, degrees)
    alone, shared = (prefill.prefill(LLAMA, x, 8192.0, chunk=1024.0) for x in (d, cut))
    ranks = degrees.get("tp", 1.0) * degrees.get("cp", 1.0)
    chunks, pp = 8.0, degrees.get("pp", 1.0)
    for part in ("projections", "attention", "experts"):
        expected = float(getattr(alone, part)) / ranks * (chunks + pp - 1) / (chunks * pp)
        assert float(getattr(shared, part)) == pytest.approx(expected, rel=1e-12)
    head = float(alone.head) * degrees.get("cp", 1.0)  # every context-parallel rank repeats the head
    whole = float(prefill.gpu_time(LLAMA, d, 8192.0)) - float(alone.head) + head
    assert float(prefill.gpu_time(LLAMA, cut, 8192.0)) == pytest.approx(whole, rel=1e-6)


def test_chunks_read_weights_again():
    d = replace_path(D, {"flops": 1e30, "attention_flops": 1e30})
    whole, four = (prefill.prefill(LLAMA, d, 4096.0, chunk=c) for c in (4096.0, 1024.0))
    assert float(four.projections) == pytest.approx(4 * float(whole.projections), rel=1e-12)
    assert float(four.fixed) == pytest.approx(4 * float(whole.fixed), rel=1e-12)
    assert float(four.attention) == pytest.approx(2.5 * float(whole.attention), rel=1e-12)  # 1 + 2 + 3 + 4 quarters
    assert float(four.head) == float(whole.head)


def test_a_reused_prefix_is_read_and_not_computed():
    none, half = (prefill.prefill(LLAMA, D, 8192.0, hit_rate=h) for h in (0.0, 0.5))
    assert float(half.projections) == pytest.approx(0.5 * float(none.projections), rel=1e-12)
    assert float(half.attention) == pytest.approx(0.75 * float(none.attention), rel=1e-12)  # the second half sees the first
    nearly = prefill.prefill(LLAMA, D, 8192.0, hit_rate=1.0 - 1.0 / 8192.0)
    assert float(nearly.attention) == pytest.approx(8192.0 * 80 * 2048 / 8e12, rel=1e-3)


def test_one_rank_communicates_nothing_and_more_do():
    assert float(prefill.prefill(R1, D, 4096.0).communication) == 0.0
    for degrees in ({"tp": 2.0}, {"cp": 2.0}, {"pp": 2.0}, {"ep": 2.0}):
        assert float(prefill.prefill(R1, with_degrees(D, degrees), 4096.0).communication) > 0.0
    assert float(prefill.prefill(LLAMA, with_degrees(D, {"cp": 2.0}), 4096.0).communication) == pytest.approx(
        80 * 12e-6 + 0.5 * 4096 * 80 * 2048 / 900e9, rel=1e-12
    )


def test_longer_prompts_take_longer_and_smaller_chunks_too():
    times = [float(prefill.total(prefill.prefill(R1, D, isl))) for isl in (1.0, 100.0, 4096.0, 1e5)]
    assert (np.diff(times) > 0).all()
    times = [float(prefill.total(prefill.prefill(R1, D, 8192.0, chunk=c))) for c in (math.inf, 8192.0, 4096.0, 512.0)]
    assert (np.diff(times) >= 0).all()


def test_parts_add_up():
    p = prefill.prefill(R1, with_degrees(D, {"tp": 4.0, "ep": 16.0, "pp": 2.0}), 5000.0, 0.3, 1000.0)
    parts = [float(x) for x in leaves(p).values()]
    assert min(parts) > 0.0
    assert float(prefill.total(p)) == pytest.approx(math.fsum(parts), rel=1e-15)
