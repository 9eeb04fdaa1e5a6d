"""How fast the decode step is evaluated with all its derivatives: compile time and run time, apart.

    .venv/bin/python benchmarks/decode.py [--json] [--points N] [--repeat N] [--estimate]

One program, `jit(vmap(value_and_grad))` of the step time over random batches, contexts and layouts; the gradient is that of every input.
Times on a shared machine are noisy: run time is the best of several, and the plain value is timed beside it for a ratio that carries over.
"""

import argparse
import json
import os
import platform
import time

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab._struct import replace_path
from nvlinklab.serving.decode import decode_step, total
from nvlinklab.serving.estimate import estimate
from nvlinklab.serving.presets import deployment
from nvlinklab.workload.architecture import model

MODELS = ("deepseek-v3", "llama-3-1-70b")


def inputs(points: int):
    """Random points, one set for every model: arrays of shape (points,) for what varies, one number for the rest."""
    random = np.random.default_rng(0)
    degrees = {"tp": 2.0 ** random.integers(0, 4, points), "pp": 2.0 ** random.integers(0, 3, points)}
    varied = degrees | {"system.gpu.mem_bw": random.uniform(3e12, 2e13, points), "layer_time": random.uniform(1e-6, 1e-4, points)}
    varied |= {"batch": 10.0 ** random.uniform(-1, 3, points), "context": 10.0 ** random.uniform(2, 5, points)}
    return {name: jnp.asarray(values) for name, values in varied.items()}


def measure(function, points: int, repeat: int) -> dict[str, float]:
    varied = inputs(points)
    started = time.perf_counter()
    compiled = jax.jit(jax.vmap(function)).lower(varied).compile()
    compile_time = time.perf_counter() - started
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        jax.block_until_ready(compiled(varied))
        times.append(time.perf_counter() - started)
    return {"compile_s": round(compile_time, 3), "run_s": round(min(times), 4), "points_per_s": round(points / min(times))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--points", type=int, default=100_000, help="points per run (default 100,000)")
    parser.add_argument("--repeat", type=int, default=5, help="runs, the best counts (default 5)")
    parser.add_argument("--estimate", action="store_true", help="also the whole estimate, its rate per GPU and the slopes of that")
    options = parser.parse_args()
    rows = {}
    for name in MODELS:
        a = model(name).spec
        base = replace_path(deployment("gb200-fp8", ep=64.0 if a.routed_experts else 1.0), {"system.gpu.flops_fp4": 1.0})

        def step(p, d, a=a):
            changes = {path: p[path] for path in p if path not in ("batch", "context")}
            return total(decode_step(a, replace_path(d, changes), p["batch"], p["context"]))

        def rate(p, d, a=a):
            changes = {path: p[path] for path in p if path not in ("batch", "context")}
            return estimate(a, replace_path(d, changes), p["batch"], p["context"], 512.0).throughput_per_gpu

        start = jax.tree_util.tree_map(jnp.float64, base)
        rows[f"step, {name}"] = measure(lambda p, f=step, d=start: f(p, d), options.points, options.repeat)
        both = jax.value_and_grad(step, argnums=(0, 1))
        rows[f"step and gradient, {name}"] = measure(lambda p, f=both, d=start: f(p, d), options.points, options.repeat)
        if options.estimate:
            both = jax.value_and_grad(rate, argnums=(0, 1))
            rows[f"estimate and gradient, {name}"] = measure(lambda p, f=both, d=start: f(p, d), options.points, options.repeat)
    machine = {"cores": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version(), "jax": jax.__version__}
    if options.json:
        print(json.dumps({"machine": machine, "points": options.points, "results": rows}, indent=1))
        return
    print(f"{options.points:,} points, {machine['cores']} cores, {machine['machine']}, JAX {machine['jax']}\n")
    print("| what | compile, s | run, s | points/s |\n|---|---|---|---|")
    for name, row in rows.items():
        print(f"| {name} | {row['compile_s']:.2f} | {row['run_s']:.3f} | {row['points_per_s']:,} |")


if __name__ == "__main__":
    main()
