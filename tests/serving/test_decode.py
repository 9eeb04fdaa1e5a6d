"""One decode step: parts, limits, monotony, units, derivatives, and DeepSeek's own closed form."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from nvlinklab import units
from nvlinklab._struct import leaf_units, leaves, replace_path
from nvlinklab.analysis.sensitivity import elasticities, exponent_sums
from nvlinklab.serving import decode
from nvlinklab.serving.presets import MODEL, PRESETS, deployment
from nvlinklab.workload.architecture import model
from tests.helpers import central_difference

R1 = model(MODEL).spec
CONTEXT, BATCH = 8704.0, 24.0
PARTS = ("attention", "experts", "dispatch", "combine", "fixed")
LLAMA = model("llama-3-1-70b").spec


def step_time(p):
    return decode.total(decode.decode_step(R1, p["d"], p["batch"], p["context"]))


def point(name="gb200-fp8", batch=BATCH, context=CONTEXT, **changes):
    # peak rates of the accelerator that the model does not use may be NaN (not published); a deployment carries the rates it uses
    d = deployment(name)
    gpu = dataclasses.replace(d.system.gpu, flops_fp4=1.0, flops_fp8=1.0, flops_bf16=1.0, power=1.0)
    d = dataclasses.replace(d, system=dataclasses.replace(d.system, gpu=gpu))
    return {"d": replace_path(d, changes), "batch": batch, "context": context}


def input_units():
    return {f"d.{path}": unit for path, unit in leaf_units(decode.Deployment).items()} | {
        "batch": "request",
        "context": "token",
        "tpot": "s",
    }


@pytest.mark.parametrize("name", PRESETS)
def test_parts_add_up(name):
    step = decode.decode_step(R1, deployment(name), BATCH, CONTEXT)
    parts = [float(getattr(step, part)) for part in PARTS]
    assert min(parts) > 0
    assert float(decode.total(step)) == pytest.approx(math.fsum(parts), rel=1e-15)


def test_against_numbers_by_hand():
    """The parts of a small example from literals, every share 1."""
    d = replace_path(
        deployment("gb200-fp8", ep=64.0),
        dict.fromkeys(("mem_efficiency", "flops_efficiency", "attention_efficiency", "link_efficiency"), 1.0) | {"imbalance": 0.0},
    )
    step = decode.decode_step(R1, d, 16.0, 8000.0)
    attention = 7168 * 1536 + 1536 * 128 * 192 + 7168 * 576 + 512 * 128 * 256 + 128 * 128 * 7168
    projections = max(61 * attention / 8e12, 2 * 61 * attention * 16 / 5e15)
    scores = max(16 * 8000 * 576 * 61 / 8e12, 61 * 2 * 128 * 1088 * 8000 * 16 / 5e15)
    assert float(step.attention) == pytest.approx(projections + scores, rel=1e-12)
    touched = 256 * (1 - (1 - 8 / 256) ** (16 * 64)) / 64 + 1
    dense = 3 * 7168 * 18432 * 3 + 129280 * 7168
    assert float(step.experts) == pytest.approx((58 * touched * 3 * 7168 * 2048 + dense) / 8e12, rel=1e-12)
    copies = 63 * (1 - (1 - 1 / 64) ** 8)
    assert float(step.dispatch) == pytest.approx(58 * (12e-6 + copies * 16 * 7168 / 900e9), rel=1e-12)
    assert float(step.combine) == pytest.approx(58 * (12e-6 + copies * 16 * 7168 * 2 / 900e9), rel=1e-12)
    assert float(step.fixed) == pytest.approx(61 * 60e-6, rel=1e-12)


def test_one_rank_exchanges_nothing():
    step = decode.decode_step(R1, deployment("gb200-fp8", ep=1.0), BATCH, CONTEXT)
    assert float(step.dispatch) == 0.0
    assert float(step.combine) == 0.0


def test_without_context_no_cache_is_read():
    d = deployment("gb200-fp8")
    with_cache, without = (decode.decode_step(R1, d, BATCH, c) for c in (CONTEXT, 0.0))
    read = BATCH * CONTEXT * 576 * 61 / (8e12 * 0.76)
    scores = BATCH * CONTEXT * 61 * 2 * 128 * 1088 / (5e15 * 0.45)
    assert float(with_cache.attention - without.attention) == pytest.approx(max(read, scores), rel=1e-12)


def test_free_messages_leave_the_bandwidth_bound():
    d = replace_path(deployment("gb200-fp8"), {"system.scale_up.alpha": 0.0})
    one, two = (float(decode.decode_step(R1, d, b, CONTEXT).dispatch) for b in (BATCH, 2 * BATCH))
    assert two == pytest.approx(2 * one, rel=1e-12)


def test_a_domain_that_holds_all_ranks_uses_no_scale_out():
    d = deployment("gb200-fp8", ep=64.0)
    slow = replace_path(d, {"system.scale_out.bw": 1.0, "system.scale_out.alpha": 1.0})
    assert float(step_time({"d": slow, "batch": BATCH, "context": CONTEXT})) == float(
        step_time({"d": d, "batch": BATCH, "context": CONTEXT})
    )


HELPS = ("system.gpu.mem_bw", "flops", "attention_flops", "system.scale_up.bw", "system.scale_out.bw", "mem_efficiency", "system.domain")
HURTS = ("system.scale_up.alpha", "system.scale_out.alpha", "layer_time", "weight_bytes", "kv_bytes", "imbalance", "dispatch_bytes")


@pytest.mark.parametrize("name", ["h100-fp8", "gb300-fp4"])
@pytest.mark.parametrize("path", HELPS + HURTS)
def test_monotone(name, path):
    d = deployment(name)
    times = [
        float(step_time({"d": replace_path(d, {path: leaves(d)[path] * f}), "batch": BATCH, "context": CONTEXT})) for f in (1, 1.1, 2, 8)
    ]
    steps = np.diff(times)
    assert (steps <= 0).all() if path in HELPS else (steps >= 0).all()


def test_more_requests_never_make_a_step_shorter():
    times = decode.total(decode.decode_step(R1, deployment("h100-fp8"), jnp.geomspace(0.01, 1e4, 200), CONTEXT))
    assert (np.diff(times) > 0).all()


@pytest.mark.parametrize("name", ["h100-fp8", "gb200-fp8", "gb300-fp4"])
@pytest.mark.parametrize("batch", [0.5, 24.0, 400.0])
def test_units_of_a_step_are_whole(name, batch):
    sums = exponent_sums(elasticities(step_time, point(name, batch=batch)), input_units())
    assert sums.pop("s") == pytest.approx(1, abs=1e-9)
    assert list(sums.values()) == pytest.approx([0.0] * len(sums), abs=1e-9)


@pytest.mark.parametrize(("name", "tpot"), [("h100-fp8", 0.05), ("h100-fp8", 0.5), ("gb300-fp4", 0.01), ("gb300-fp4", 0.2)])
def test_units_of_the_throughput_are_whole(name, tpot):
    """Below the memory cap (small tpot) and on it (large tpot)."""

    def rate(p):
        return decode.throughput_at(R1, p["d"], p["tpot"], p["context"])

    p = {"d": point(name)["d"], "tpot": tpot, "context": CONTEXT}
    sums = exponent_sums(elasticities(rate, p), input_units())
    assert sums.pop("s") == pytest.approx(-1, abs=1e-9)
    assert list(sums.values()) == pytest.approx([0.0] * len(sums), abs=1e-9)


@pytest.mark.parametrize(
    "path", ["d.system.gpu.mem_bw", "d.layer_time", "d.system.scale_out.bw", "d.weight_bytes", "tpot", "context", "d.imbalance"]
)
def test_derivative_of_the_throughput(path):
    def rate(p):
        return decode.throughput_at(R1, p["d"], p["tpot"], p["context"])

    p = {"d": point("h100-fp8")["d"], "tpot": 0.04, "context": CONTEXT}
    assert elasticities(rate, p)[path] == pytest.approx(central_difference(rate, p, path), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("path", ["batch", "context", "d.ep", "d.system.gpu.mem_bw", "d.flops", "d.system.scale_up.bw", "d.query_tokens"])
def test_derivative_of_a_step(path):
    p = point("gb200-fp8")
    p["d"] = replace_path(p["d"], {"ep": 40.0})
    assert elasticities(step_time, p)[path] == pytest.approx(central_difference(step_time, p, path), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("ep", [1.0, 8.0, 64.0, 72.0, 144.0])
@pytest.mark.parametrize("name", ["h100-fp8", "gb300-fp4"])
def test_no_gradient_is_nan(name, ep):
    """At one rank, at the edge of the domain and far beyond it; where nothing fits and where no batch is fast enough too."""
    d = replace_path(point(name)["d"], {"ep": ep})
    for tpot in (1e-4, 0.05, 1.0):
        rate, slopes = jax.value_and_grad(lambda q, t=tpot: decode.throughput_at(R1, q, t, CONTEXT))(jax.tree_util.tree_map(jnp.float64, d))
        assert np.isfinite(float(rate))
        assert all(np.isfinite(float(s)) for s in jax.tree_util.tree_leaves(slopes))


def test_memory_caps_the_batch():
    d = deployment("h100-fp8", ep=16.0)
    slow = float(decode.throughput_at(R1, d, 1e3, CONTEXT))
    batch = float(decode.largest_batch(R1, d, CONTEXT))
    assert slow == pytest.approx(batch / float(decode.total(decode.decode_step(R1, d, batch, CONTEXT))), rel=1e-12)
    weights = float(decode.weight_bytes_per_gpu(R1, d))
    assert batch * CONTEXT * 61 * 576 + weights == pytest.approx(0.91 * 80 * 2**30, rel=1e-12)


def test_weights_that_do_not_fit_serve_nobody():
    assert float(decode.largest_batch(R1, deployment("h100-fp8", ep=8.0), CONTEXT)) == 0.0
    assert float(decode.throughput_at(R1, deployment("h100-fp8", ep=8.0), 1.0, CONTEXT)) == 0.0


def test_the_time_asked_for_is_the_time_taken():
    d = deployment("gb200-fp8")
    rate = float(decode.throughput_at(R1, d, 0.02, CONTEXT))
    assert float(decode.total(decode.decode_step(R1, d, rate * 0.02, CONTEXT))) == pytest.approx(0.02, rel=1e-9)


def test_nothing_is_faster_than_the_fastest():
    d = deployment("h100-fp8", drafts=1.0)
    edge = float(decode.fastest(R1, d, CONTEXT))
    assert float(decode.throughput_at(R1, d, 1.001 / edge, CONTEXT)) > 0.0
    assert float(decode.throughput_at(R1, d, 0.999 / edge, CONTEXT)) == 0.0


def test_vectorised_over_time_per_token():
    d, tpot = deployment("gb200-fp8"), np.array([0.01, 0.02, 0.05])
    rates = decode.throughput_at(R1, d, tpot, CONTEXT)
    assert rates.tolist() == pytest.approx([float(decode.throughput_at(R1, d, t, CONTEXT)) for t in tpot], rel=1e-12)


def test_a_sweep_compiles_once():
    decode.throughput_at.clear_cache()
    rates = jax.jit(jax.vmap(lambda t: decode.throughput_at(R1, deployment("gb200-fp8"), t, CONTEXT)))(jnp.geomspace(0.008, 0.2, 1000))
    assert rates.shape == (1000,)
    assert decode.throughput_at._cache_size() <= 1


def test_deepseeks_closed_form():
    """Zhao et al., ISCA 2025: 32 tokens x 9 copies x 7000 x (1 + 2 bytes) over 50 GB/s is 120.96 us a layer, 6.72 us over 900 GB/s.

    The paper sends to 8 routed experts and the shared one, every copy over the network and without latency; with many more ranks than
    experts a token needs as many copies as it has experts.
    """
    layer = 120.96e-6
    for bw, time in ((50e9, layer), (900e9, 6.72e-6)):
        d = replace_path(
            deployment("gb200-fp8", ep=1e9),
            {"system.domain": 1e9, "system.scale_up.alpha": 0.0, "system.scale_up.bw": bw, "link_efficiency": 1.0},
        )
        both = sum(float(decode.exchange_time(d, 32 * 7000.0 * size, 9.0)) for size in (1.0, 2.0))
        assert both == pytest.approx(time, rel=1e-6)
    assert units.to_si(120.96, "us") == pytest.approx(layer)


def test_drafts_cost_and_yield():
    plain, drafted = deployment("gb200-fp8"), deployment("gb200-fp8", drafts=1.0)
    assert float(step_time({"d": drafted, "batch": BATCH, "context": CONTEXT})) > float(
        step_time({"d": plain, "batch": BATCH, "context": CONTEXT})
    )
    assert float(decode.fastest(R1, drafted, CONTEXT)) == pytest.approx(1.8 * float(decode.fastest(R1, plain, CONTEXT)), rel=0.01)


def cut(a=LLAMA, batch=BATCH, context=CONTEXT, ep=1.0, **degrees):
    return decode.decode_step(a, replace_path(deployment("gb200-fp8", ep=ep), degrees), batch, context)


def test_a_dense_model_by_hand():
    d = replace_path(
        deployment("gb200-fp8", ep=1.0),
        {"tp": 8.0} | dict.fromkeys(("mem_efficiency", "flops_efficiency", "attention_efficiency", "link_efficiency"), 1.0),
    )
    step = decode.decode_step(LLAMA, d, 2.0, 4000.0)
    attention, block = 2 * 8192 * 8192 + 2 * 8192 * 1024, 3 * 8192 * 28672
    cache, scores = 2 * 4000 * 80 * 2048 / 8e12, 2 * 4000 * 80 * 2 * 64 * 256 / 5e15
    assert float(step.attention) == pytest.approx(80 * attention / 8 / 8e12 + max(cache, scores), rel=1e-12)
    assert float(step.experts) == pytest.approx((80 * block + 128256 * 8192) / 8 / 8e12, rel=1e-12)
    sums = min(12e-6 * 1 + 7 * 16 * 8192 * 2 / 900e9, 12e-6 * 2 + 1.75 * 16 * 8192 * 2 / 900e9)
    assert float(step.all_reduce) == pytest.approx(160 * sums, rel=1e-12)
    assert float(step.dispatch) == float(step.combine) == float(step.pipeline) == 0.0


def test_one_rank_sums_and_hands_over_nothing():
    for a, ep in ((LLAMA, 1.0), (R1, 64.0)):
        step = cut(a, ep=ep)
        assert float(step.all_reduce) == float(step.pipeline) == 0.0
    assert float(cut(tp=2.0).all_reduce) > 0.0
    assert float(cut(cp=2.0).all_reduce) > 0.0
    assert float(cut(pp=2.0).pipeline) > 0.0


def test_stages_change_nothing_but_the_handovers():
    one, four = cut(tp=8.0), cut(tp=8.0, pp=4.0)
    assert [float(getattr(one, p)) for p in (*PARTS, "all_reduce")] == [float(getattr(four, p)) for p in (*PARTS, "all_reduce")]
    d = deployment("h100-fp8", ep=1.0)  # a stage fills the domain of 8, so each of three handovers leaves it
    crossed = decode.handover_time(replace_path(d, {"tp": 8.0, "pp": 4.0}), 1e6)
    assert float(crossed) == pytest.approx(3 * (28.7e-6 + 1e6 / (50e9 * d.scale_out_efficiency)), rel=1e-12)
    inside = decode.handover_time(replace_path(d, {"tp": 2.0, "pp": 4.0}), 1e6)
    assert float(inside) == pytest.approx(3 * (13.2e-6 + 1e6 / (450e9 * d.link_efficiency)), rel=1e-12)


def test_ranks_share_weights_until_heads_run_out():
    """For one user the weights count: each rank reads its part, the latent of MLA and eight key-value heads are the floor."""
    one, eight = (cut(tp=tp, batch=1.0 / tp, context=0.0) for tp in (1.0, 8.0))
    assert float(eight.attention) == pytest.approx(float(one.attention) / 8, rel=1e-12)
    assert float(eight.experts) == pytest.approx(float(one.experts) / 8, rel=1e-12)
    latent = [float(cut(R1, tp=tp, batch=1.0 / tp, context=0.0).attention) for tp in (1.0, 8.0)]
    assert latent[0] / 8 < latent[1] < latent[0]


def test_a_shared_context_is_read_in_parts():
    """Eight ranks hold one long request: each reads an eighth of the cache, and of the latent too, which tp would copy."""

    def cache_time(n, **degrees):
        long, none = (float(cut(R1, batch=1.0 / n, context=c, **degrees).attention) for c in (1e6, 0.0))
        return long - none

    assert cache_time(8, cp=8.0) == pytest.approx(cache_time(1) / 8, rel=1e-12)
    assert cache_time(8, tp=8.0) > 4 * cache_time(8, cp=8.0)
    assert cache_time(8, tp=8.0) <= cache_time(1)


def test_more_data_parallel_replicas_are_more_gpus_and_nothing_else():
    assert float(decode.total(cut(tp=2.0))) == float(decode.total(cut(tp=2.0, dp=4.0)))
    d = replace_path(deployment("gb200-fp8", ep=64.0), {"tp": 4.0, "pp": 2.0})
    assert float(decode.gpus(d)) == 128.0
    assert float(decode.layout(d).dp) == 16.0
    assert float(decode.gpus(replace_path(d, {"dp": 32.0}))) == 256.0


def test_sums_beyond_the_domain_use_the_scale_out_network():
    d = replace_path(deployment("h100-fp8", ep=1.0), {"tp": 16.0})
    slower = replace_path(d, {"system.scale_out.alpha": 1e-3})
    assert float(decode.all_reduce_time(slower, 1e6, 16.0)) > float(decode.all_reduce_time(d, 1e6, 16.0))
    assert float(decode.all_reduce_time(slower, 1e6, 8.0)) == float(decode.all_reduce_time(d, 1e6, 8.0))
    assert float(decode.all_reduce_time(d, 1e6, 2.0, apart=8.0)) > float(decode.all_reduce_time(d, 1e6, 2.0))
