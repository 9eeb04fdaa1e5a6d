"""Estimates at random systems and workloads: whole units, slopes, directions, parts; and what happens outside feasibility."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab import units
from nvlinklab._struct import leaves, replace_path
from nvlinklab.analysis._paths import as_floats
from nvlinklab.serving import decode, memory, prefill
from nvlinklab.serving.estimate import estimate
from nvlinklab.serving.presets import deployment
from nvlinklab.serving.request import request_throughput
from nvlinklab.workload.architecture import model
from tests.serving import points as pts

R1, LLAMA = model("deepseek-v3").spec, model("llama-3-1-70b").spec
FASTER = ("system.gpu.mem_bw", "flops", "attention_flops", "format_speedup", "system.scale_up.bw", "system.scale_out.bw", "mem_efficiency",
          "flops_efficiency", "attention_efficiency", "link_efficiency", "scale_out_efficiency", "prefill_efficiency")  # fmt: skip
SLOWER = ("system.scale_up.alpha", "system.scale_out.alpha", "layer_time", "prefill_launch", "weight_bytes", "kv_bytes", "dispatch_bytes",
          "combine_bytes", "activation_bytes", "imbalance", "query_tokens")  # fmt: skip

ESTIMATED = ("ttft", "tpot", "e2e", "interactivity", "decode_throughput", "throughput_per_gpu", "power", "power_per_gpu",
             "energy_per_token", "usd_per_token")  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(pts.points())
def test_units_directions_and_finite_slopes(case):
    a, p = case
    names, inputs, y, table = pts.elasticity_table(a, p)
    assert np.isfinite(y).all(), dict(zip(names, y, strict=True))
    assert np.isfinite(table).all(), [(names[i], inputs[j]) for i, j in np.argwhere(~np.isfinite(table))]
    for dimension in ("s", "B", "FLOP", "J", "USD"):
        power = np.array([units.exponents(pts.UNITS[name]).get(dimension, 0) for name in inputs])
        for name, value, sum_ in zip(names, y, table @ power, strict=True):
            wanted = units.exponents(pts.OUTPUT_UNITS[name]).get(dimension, 0) if value else 0
            assert sum_ == pytest.approx(wanted, abs=1e-8), (name, dimension)
    column = {name: table[:, i] for i, name in enumerate(inputs)}
    for output in ("ttft", "tpot", "e2e", "gpu_time"):
        row = names.index(output)
        assert all(column[f"d.{path}"][row] <= 1e-12 for path in FASTER), output
        assert all(column[f"d.{path}"][row] >= -1e-12 for path in SLOWER), output
    assert column["d.system.gpu.mem_capacity"][names.index("largest_batch")] > 1.0
    assert column["hit_rate"][names.index("ttft")] <= 1e-12


@settings(max_examples=25, deadline=None)
@given(pts.points())
def test_parts_add_up(case):
    a, p = case
    y = pts.values(a, p)
    for whole, prefix in (("step", "decode."), ("ttft", "prefill.")):
        parts = [value for name, value in y.items() if name.startswith(prefix)]
        assert y[whole] == pytest.approx(math.fsum(parts), rel=1e-14)
        assert min(parts) >= 0.0
        assert max(parts) <= y[whole] * (1 + 1e-14)
    assert y["memory"] == pytest.approx(
        leaves(p["d"])["system.gpu.mem_capacity"] * (1 - p["d"].usable_memory) + y["weights"] + y["memory.kv"]
    )
    assert y["weights"] == pytest.approx(y["weight_bytes"], rel=1e-14)
    assert y["tpot"] * p["d"].step_tokens == pytest.approx(y["step"], rel=1e-14)
    assert y["e2e"] == pytest.approx(y["ttft"] + (p["osl"] - 1) * y["tpot"], rel=1e-14)
    assert y["power"] == pytest.approx(y["power_per_gpu"] * y["gpus"], rel=1e-14)
    assert y["energy_per_token"] * y["throughput_per_gpu"] == pytest.approx(y["power_per_gpu"], rel=1e-14)
    assert p["osl"] / y["throughput_per_gpu"] == pytest.approx(p["osl"] / y["decode_throughput"] + y["gpu_time"], rel=1e-12)
    assert y["decode_throughput"] <= p["batch"] * y["interactivity"] * (1 + 1e-14)


@settings(max_examples=25, deadline=None)
@given(pts.points(), st.integers(0, 2**31))
def test_slopes_match_central_differences(case, seed):
    """Along a random direction in all inputs but the degrees; a step of 1e-6 errs by 1e-12, and by rounding of 1e-10 times cancellation."""
    a, p = case
    names, inputs, y, table = pts.elasticity_table(a, p)
    lean = np.random.default_rng(seed).uniform(-1, 1, len(inputs))
    lean *= [name.removeprefix("d.") not in ("tp", "pp", "cp", "dp", "ep") and "gpu.flops" not in name for name in inputs]

    def at(step):
        flat, tree = jax.tree_util.tree_flatten(as_floats(p))
        moved = [x * jnp.exp(step * k) for x, k in zip(flat, lean, strict=True)]
        return np.array(list(pts.values(a, tree.unflatten(moved)).values()))

    difference = (at(1e-6) - at(-1e-6)) / 2e-6 / np.where(y == 0.0, 1.0, y)
    np.testing.assert_allclose(table @ lean, difference, rtol=1e-5, atol=1e-6, err_msg=str(names))


@pytest.mark.parametrize("side", [0.5, 0.999, 1.001, 2.0])
@pytest.mark.parametrize("kink", ["ridge of the weights", "one chunk", "domain"])
def test_slopes_on_both_sides_of_a_kink(kink, side):
    """Where weights turn from bandwidth to arithmetic, where a prompt outgrows a chunk, where ranks outgrow the domain."""
    d = replace_path(pts.plain(), {"tp": 8.0})
    p = {"d": d, "batch": 24.0, "isl": 4096.0, "osl": 512.0, "hit_rate": 0.25, "chunk": 1e5, "pue": 1.2, "usd_per_gpu_s": 1e-3}
    if kink == "ridge of the weights":
        ridge = d.flops * d.flops_efficiency / (d.system.gpu.mem_bw * d.mem_efficiency)
        moving, p["batch"] = "batch", side * ridge * d.weight_bytes / 2.0 / d.tp
    elif kink == "one chunk":
        moving, p["chunk"] = "chunk", side * 0.75 * 4096.0
    else:
        moving, p["d"] = "d.system.domain", replace_path(d, {"system.domain": 8.0 * side})
    names, inputs, y, table = pts.elasticity_table(LLAMA, p)
    index = list(inputs).index(moving)

    def at(step):
        flat, tree = jax.tree_util.tree_flatten(as_floats(p))
        flat[index] = flat[index] * np.exp(step)
        return np.array(list(pts.values(LLAMA, tree.unflatten(flat)).values()))

    difference = (at(1e-6) - at(-1e-6)) / 2e-6 / np.where(y == 0.0, 1.0, y)
    np.testing.assert_allclose(table[:, index], difference, rtol=1e-5, atol=1e-6, err_msg=str(names))


def test_outside_feasibility_values_are_nan_and_slopes_are_not():
    d = replace_path(pts.plain(), {"ep": 64.0})
    p = {"d": d, "batch": 24.0, "isl": 4096.0, "osl": 512.0, "hit_rate": 0.25, "chunk": 1e4, "pue": 1.2, "usd_per_gpu_s": 1e-3}
    assert math.isfinite(pts.values(R1, p)["tpot"])
    dense = (LLAMA, p)  # has no experts to spread over 64 ranks
    for a, q in (dense, (R1, p | {"batch": 1e6}), *((R1, p | {"d": replace_path(d, x)}) for x in ({"ep": 512.0}, {"tp": 256.0}))):
        y = pts.values(a, q)
        for name, value in y.items():
            outcome = name in ESTIMATED or name.startswith(("decode.", "prefill."))
            assert math.isnan(value) == outcome, name
        assert np.isfinite(pts.slopes(a, q)).all()
    assert not bool(estimate(R1, d, 1e6, 4096.0, 512.0).feasible)
    assert bool(estimate(R1, d, 24.0, 4096.0, 512.0).feasible)


def test_a_sweep_traces_once_and_layouts_do_not_trace_again():
    count = []

    def f(d, batch):
        count.append(1)
        e = estimate(R1, d, batch, 4096.0, 512.0)
        return e.tpot + e.ttft

    d, many = as_floats(deployment("gb200-fp8")), jnp.geomspace(0.1, 100.0, 1000)
    swept = jax.jit(jax.vmap(jax.value_and_grad(f, argnums=1), in_axes=(None, 0)))
    assert swept(d, many)[0].shape == (1000,)
    swept(as_floats(replace_path(d, {"tp": 8.0, "pp": 2.0})), many)
    assert len(count) == 1


def test_where_communication_is_free_the_rate_is_that_of_a_request():
    """`request_throughput` prices the prompt's arithmetic alone; the two agree where nothing else takes time."""
    free = {"system.scale_up.bw": 1e30, "system.scale_up.alpha": 0.0, "layer_time": 0.0, "system.gpu.mem_bw": 1e30}
    d = replace_path(deployment("gb200-fp8"), free)
    e = estimate(R1, d, 32.0, 8192.0, 1024.0)
    expected = float(request_throughput(R1, d, float(e.tpot), 8192.0, 1024.0))
    assert float(e.throughput_per_gpu) == pytest.approx(expected, rel=1e-5)  # the output head, for one token, is in this one only


def test_a_pipeline_costs_latency_and_not_throughput():
    d = replace_path(pts.plain(), {"tp": 8.0, "system.scale_up.alpha": 0.0, "system.domain": 1e6})
    one, two = (estimate(LLAMA, replace_path(d, {"pp": pp}), 8.0, 2048.0, 512.0) for pp in (1.0, 2.0))
    handed = 8.0 * 8192 * 2 / (900e9 * d.link_efficiency)
    assert float(two.tpot - one.tpot) == pytest.approx(handed, rel=1e-9)
    assert float(two.gpus) == 16.0
    assert float(memory.weights(two.memory)) == pytest.approx(0.5 * float(memory.weights(one.memory)), rel=1e-12)
    step = decode.decode_step(LLAMA, d, 8.0, 2304.0)
    assert float(one.tpot) == pytest.approx(float(decode.total(step)), rel=1e-12)
    assert float(one.ttft) == pytest.approx(float(prefill.total(prefill.prefill(LLAMA, d, 2048.0))), rel=1e-12)
