"""What fills a GPU, the largest batch, and deployments that are refused with a reason."""

import jax
import numpy as np
import pytest

from nvlinklab._struct import replace_path
from nvlinklab.analysis._paths import as_floats
from nvlinklab.errors import InfeasibleError, SpecError
from nvlinklab.serving import layouts, memory
from nvlinklab.serving.decode import gpus
from nvlinklab.serving.layouts import check, why_not, with_degrees
from nvlinklab.serving.presets import deployment
from nvlinklab.workload.architecture import matrix_params, model
from tests.serving import points as pts

R1, LLAMA = model("deepseek-v3").spec, model("llama-3-1-70b").spec
H200, GB200 = deployment("h200-fp8", ep=1.0), deployment("gb200-fp8", ep=64.0)


def test_one_gpu_holds_all_weights():
    m = memory.memory(LLAMA, H200, 4.0, 1000.0)
    assert float(memory.weights(m)) == pytest.approx(float(matrix_params(LLAMA)), rel=1e-12)
    assert float(m.kv) == 4.0 * 1000.0 * 80 * 2 * 8 * 128
    assert float(memory.free(m, H200)) == pytest.approx(141e9 * 0.91 - float(memory.weights(m)) - float(m.kv), rel=1e-9)
    assert float(m.activations) == pytest.approx(4.0 * (3 * 8192 + 2 * 28672) * 2.0)
    prompt = memory.memory(LLAMA, H200, 4.0, 1000.0, pass_tokens=8192.0)
    assert float(prompt.activations) == pytest.approx(8192.0 * (3 * 8192 + 2 * 28672) * 2.0)
    assert float(memory.total(prompt)) == pytest.approx(float(memory.total(m)), rel=1e-12)


@pytest.mark.parametrize(("tp", "copies"), [(1.0, 1.0), (2.0, 1.0), (8.0, 1.0), (16.0, 2.0), (64.0, 8.0)])
def test_heads_are_split_and_then_copied(tp, copies):
    one, cut = (float(memory.memory(LLAMA, with_degrees(H200, {"tp": n}), 4.0, 1000.0).kv) for n in (1.0, tp))
    assert cut == pytest.approx(copies * one)  # per GPU, with as many requests per GPU


def test_a_latent_is_copied_and_a_context_split():
    def kv(**degrees):
        return float(memory.memory(R1, with_degrees(GB200, degrees), 4.0, 1000.0).kv)

    assert kv(tp=8.0, ep=64.0) == pytest.approx(8.0 * kv(ep=64.0))
    assert kv(cp=8.0, ep=64.0) == pytest.approx(kv(ep=64.0))
    assert kv(pp=2.0, ep=64.0) == pytest.approx(kv(ep=64.0))


@pytest.mark.parametrize("degrees", [{"ep": 64.0}, {"tp": 8.0, "ep": 32.0}, {"cp": 2.0, "pp": 4.0, "ep": 64.0}])
def test_the_largest_batch_fills_the_memory(degrees):
    d = with_degrees(GB200, degrees)
    most = float(memory.largest_batch(R1, d, 8192.0))
    assert abs(float(memory.free(memory.memory(R1, d, most, 8192.0), d))) < 1e-9 * 186e9
    assert bool(memory.feasible(R1, d, 0.999 * most, 8192.0))
    assert not bool(memory.feasible(R1, d, 1.001 * most, 8192.0))
    assert not bool(memory.feasible(R1, d, 1.0, 8192.0, pass_tokens=1e8))


def test_slopes_are_finite_at_the_edges():
    """Without experts, without context or cache, and where the weights alone are too large."""
    slope = jax.jit(
        jax.grad(lambda a, d, b, c: memory.total(memory.memory(a, d, b, c)) + memory.largest_batch(a, d, c + 1.0), argnums=(1, 2, 3))
    )
    for a, d in ((LLAMA, pts.plain()), (R1, pts.plain()), (R1, with_degrees(pts.plain(), {"ep": 64.0}))):
        for leaf in jax.tree_util.tree_leaves(slope(a, as_floats(d), 0.0, 0.0)):
            assert np.isfinite(float(leaf))


@pytest.mark.parametrize(
    ("a", "degrees", "options", "message"),
    [
        (LLAMA, {"tp": 6.0}, {}, "tp=6 does not divide 64 heads; nearest: 4 or 8"),
        (LLAMA, {"ep": 8.0}, {}, "no routed experts"),
        (LLAMA, {"pp": 96.0}, {}, "pp=96 exceeds the 80 layers"),
        (R1, {"ep": 512.0}, {}, "exceeds the 256 routed experts: some GPUs would hold none; use ep<=256"),
        (R1, {"ep": 128.0}, {}, 'exceeds the scale-up domain of 72 GPUs; use ep<=72, or spill="scale_out"'),
        (R1, {"tp": 4.0, "ep": 6.0}, {}, "no multiple of the tp.cp=4 GPUs of an attention replica; nearest: ep=4 or 8"),
        (R1, {"ep": 64.0, "pp": 2.0}, {"available": 72.0}, "need 128 GPUs, but there are 72"),
        (R1, {"ep": 1.0}, {}, "the weights do not fit: 671 GB on each GPU"),
    ],
)
def test_what_cannot_be_says_why_and_what_can(a, degrees, options, message):
    with pytest.raises(InfeasibleError, match=message):
        check(a, with_degrees(GB200, degrees), **options)


def test_a_batch_too_large_names_the_largest():
    d = with_degrees(deployment("gb200-fp8"), {"ep": 4.0})
    d = replace_path(d, {"system.gpu.mem_capacity": 192e9, "usable_memory": 1.0, "weight_bytes": 0.8})
    most = int(float(memory.largest_batch(R1, d, 32768.0)) * 4)
    with pytest.raises(InfeasibleError, match=rf"batch={4 * most} .* > 4 x 192 GB x 1.00 = 768 GB; the largest batch is {most} "):
        check(R1, d, batch=float(most), context=32768.0)
    check(R1, d, batch=most / 4.0, context=32768.0)


def test_mistakes_are_not_called_infeasible():
    for change, message in (({"tp": 1.5}, "tp=1.5; expected a whole number"), ({"dp": 0.0}, "dp=0")):
        with pytest.raises(SpecError, match=message):
            check(LLAMA, replace_path(H200, change))
    with pytest.raises(SpecError, match="without context"):
        check(LLAMA, H200, batch=1.0)
    with pytest.raises(SpecError, match="mode: no parallel degree"):
        with_degrees(H200, {"mode": 2.0})


@pytest.mark.parametrize(("a", "d", "available"), [(LLAMA, H200, 8), (R1, GB200, 72), (R1, GB200, 16)])
def test_candidates_can_be_and_use_every_gpu(a, d, available):
    found = layouts.candidates(a, d, available, cp=True)
    assert len(found) > 3
    for degrees in found:
        cut = with_degrees(d, degrees)
        assert float(gpus(cut)) == available
        assert why_not(a, cut, available=available) == ""


def test_requests_and_contexts_beside_measured_weights():
    fit = memory.requests_that_fit(262e9, 40e9, 128000.0, 35136.0)
    assert fit == pytest.approx(222e9 / (128000 * 35136), rel=1e-12)
    assert memory.context_that_fits(262e9, 40e9, fit, 35136.0) == pytest.approx(128000.0, rel=1e-12)
    d = with_degrees(GB200, {"ep": 64.0})
    held, capacity = float(memory.weights(memory.memory(R1, d, 1.0, 8192.0))), 186e9 * d.usable_memory
    assert memory.requests_that_fit(capacity, held, 8192.0, 61 * 576.0) == pytest.approx(
        float(memory.largest_batch(R1, d, 8192.0)), rel=1e-9
    )
