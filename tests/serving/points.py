"""Random systems and workloads for the serving formulas, and all their outputs with all slopes from one compiled function."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st

from nvlinklab._struct import leaf_units, leaves, replace_path
from nvlinklab.analysis._paths import as_floats, flat_leaves
from nvlinklab.serving import decode, memory, prefill
from nvlinklab.serving.decode import Deployment
from nvlinklab.serving.estimate import Estimate, estimate
from nvlinklab.serving.presets import deployment
from nvlinklab.workload.architecture import model

SHAPES = {  # model, and the layouts to draw from
    "llama-3-1-8b": [{}, {"tp": 2.0}, {"tp": 16.0}],
    "llama-3-1-405b": [{"tp": 8.0}, {"tp": 8.0, "pp": 2.0}, {"tp": 4.0, "pp": 2.0, "cp": 4.0}, {"tp": 32.0, "dp": 2.0}],
    "qwen3-235b-a22b": [{"ep": 8.0}, {"tp": 4.0, "ep": 16.0}, {"tp": 8.0, "cp": 2.0, "ep": 16.0, "pp": 2.0}],
    "deepseek-v3": [{"ep": 1.0}, {"ep": 64.0}, {"tp": 8.0, "ep": 32.0}, {"tp": 2.0, "cp": 2.0, "ep": 128.0, "pp": 4.0, "dp": 32.0}],
}
"""Dense and MoE with grouped queries, MoE with a latent."""

RANGES = {  # log-uniform
    "system.gpu.mem_bw": (1e12, 3e13), "system.gpu.power": (400.0, 2000.0), "system.scale_up.alpha": (1e-6, 3e-5),
    "system.scale_up.bw": (1e11, 2e12), "system.scale_out.alpha": (1e-5, 1e-4), "system.scale_out.bw": (1e10, 9e10),
    "system.domain": (4.5, 100.0), "flops": (5e14, 2e16), "format_speedup": (0.9, 2.0), "attention_flops": (5e14, 5e15),
    "weight_bytes": (0.55, 2.0), "kv_bytes": (0.5, 2.0), "dispatch_bytes": (0.5, 2.0), "combine_bytes": (1.0, 2.0),
    "activation_bytes": (1.0, 2.0), "mem_efficiency": (0.4, 1.0), "flops_efficiency": (0.3, 1.0), "attention_efficiency": (0.3, 1.0),
    "link_efficiency": (0.3, 1.0), "scale_out_efficiency": (0.3, 1.0), "imbalance": (0.01, 0.6), "layer_time": (1e-6, 1e-4),
    "usable_memory": (0.5, 0.8), "query_tokens": (1.0, 3.0), "step_tokens": (1.0, 2.5), "prefill_efficiency": (0.2, 0.9),
    "prefill_launch": (1.0, 10.0), "flop_unit": (0.9, 1.1),
}  # fmt: skip
WORK = {
    "isl": (100.0, 1e5), "osl": (10.0, 1e4), "hit_rate": (0.01, 0.9), "chunk": (300.0, 2e4), "pue": (1.0, 1.6),
    "usd_per_gpu_s": (1e-4, 3e-3),
}  # fmt: skip
UNITS = {f"d.{path}": unit for path, unit in leaf_units(Deployment).items()} | {
    "batch": "request", "isl": "token", "osl": "token", "hit_rate": "1", "chunk": "token", "pue": "1", "usd_per_gpu_s": "USD/s",
}  # fmt: skip


def plain() -> Deployment:
    """A deployment whose unused rates are numbers and not NaN."""
    rates = {f"system.gpu.flops_{name}": 1.0 for name in ("fp4", "fp8", "bf16")}
    return replace_path(deployment("gb200-fp8", ep=1.0), rates)


@st.composite
def points(draw):
    """A model and a dict of inputs at which it fits: batch below the largest, activations within the reserve."""
    name = draw(st.sampled_from(sorted(SHAPES)))
    shares = draw(st.lists(st.floats(0.0, 1.0), min_size=len(RANGES) + len(WORK) + 2, max_size=len(RANGES) + len(WORK) + 2))
    return point(name, draw(st.sampled_from(SHAPES[name])), shares)


def point(name, degrees, shares):
    a, share = model(name).spec, iter(shares)
    drawn = {path: low * (high / low) ** next(share) for path, (low, high) in (RANGES | WORK).items()}
    d = replace_path(plain(), degrees | {path: drawn[path] for path in RANGES})
    work = {path: drawn[path] for path in WORK}
    weights = float(decode.weight_bytes_per_gpu(a, d))
    context = work["isl"] + 0.5 * work["osl"]
    passed = memory.activation_bytes(a, d, work["isl"] * (1 - work["hit_rate"]))
    capacity = 2.0 * (weights + float(passed) + float(decode.kv_bytes_per_token(a, d)) * context) * 4.0 ** next(share)
    d = replace_path(d, {"system.gpu.mem_capacity": capacity / 0.5})
    # 1 request per activation-limited GPU to the whole memory; where the batch's own activations would outgrow the reserve, fewer
    most = float(decode.largest_batch(a, d, context))
    per_request = float(memory.activation_bytes(a, d, d.query_tokens * d.tp * d.cp))
    most = min(most, 0.9 * leaves(d)["system.gpu.mem_capacity"] * (1.0 - d.usable_memory) / per_request)
    return a, {"d": d, "batch": most * 0.001 ** (1.0 - next(share)) * 0.999, **work}


def outputs(a, p):
    """Every public number of the serving formulas, by name."""
    d, batch, isl, context = p["d"], p["batch"], p["isl"], p["isl"] + 0.5 * p["osl"]
    args = (isl, p["hit_rate"], p["chunk"])
    found = flat_leaves(estimate(a, d, batch, isl, p["osl"], p["hit_rate"], p["chunk"], p["pue"], p["usd_per_gpu_s"]))
    found.pop("feasible")
    return found | {
        "weight_bytes": decode.weight_bytes_per_gpu(a, d), "kv_bytes": decode.kv_bytes_per_token(a, d),
        "largest_batch": decode.largest_batch(a, d, context), "fastest": decode.fastest(a, d, context),
        "step": decode.total(decode.decode_step(a, d, batch, context)),
        "prompt": prefill.total(prefill.prefill(a, d, *args)), "gpu_time": prefill.gpu_time(a, d, *args), "passes": prefill.chunks(*args),
        "memory": memory.total(found_memory := memory.memory(a, d, batch, context)), "weights": memory.weights(found_memory),
    }  # fmt: skip


OUTPUT_UNITS = {path: unit for path, unit in leaf_units(Estimate).items() if path != "feasible"} | {
    "weight_bytes": "B", "kv_bytes": "B", "largest_batch": "1", "fastest": "1/s", "step": "s", "prompt": "s", "gpu_time": "s",
    "passes": "1", "memory": "B", "weights": "B",
}  # fmt: skip


def _values(a, p):
    return jnp.stack([jnp.asarray(y, dtype=jnp.float64) for y in outputs(a, p).values()])


@jax.jit
def _push(a, p, towards):
    """Values and their slopes in one direction; a program of scalars compiles several times faster than a Jacobian."""
    return jax.jvp(lambda q: _values(a, q), (p,), (towards,))


def values(a, p):
    """`{output: value}`."""
    return dict(zip(OUTPUT_NAMES, np.asarray(_pushed(a, p, 1)[0][0]).tolist(), strict=True))


def slopes(a, p):
    """Derivative times input of every output (row) to every input (column)."""
    return np.stack([np.asarray(slope) for _, slope in _pushed(a, p)], axis=1)


def elasticity_table(a, p):
    """Elasticities of every output (row) to every input (column), names of both; a zero output has plain `x dy/dx`."""
    y = np.asarray(list(values(a, p).values()))
    return OUTPUT_NAMES, list(flat_leaves(p)), y, slopes(a, p) / np.where(y == 0.0, 1.0, y)[:, None]


def _pushed(a, p, most=None):
    """Values and slopes along each input, or along the first few."""
    point = as_floats(p)
    xs, tree = jax.tree_util.tree_flatten(point)
    return [_push(a, point, tree.unflatten([x if i == j else 0.0 * x for j, x in enumerate(xs)])) for i in range(most or len(xs))]


OUTPUT_NAMES: list[str] = []
_example = point("llama-3-1-8b", {}, [0.5] * (len(RANGES) + len(WORK) + 2))
jax.eval_shape(lambda a, p: OUTPUT_NAMES.extend(outputs(a, p)), *_example)
