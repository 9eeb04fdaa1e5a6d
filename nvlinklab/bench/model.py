"""Configurations per second of the DeepSeek-R1 decode estimate: value, gradient by every input, Hessian-vector product.

Two questions are asked, because the answer differs: *every* input differs from point to point (what a sample of uncertain inputs looks
like), or six do and the rest are constants the compiler folds (what a sweep looks like). The value is asked twice too: the whole estimate
with all its parts, and one number of it. A gradient is by every input; where six vary it is also taken by those six alone.

A gradient by every input has dozens of results and goes through `analysis.many`; a value goes through `jax.jit` and `jax.vmap`, as in a
sweep, and the whole estimate through both, so that a gradient can be held against either.
"""

import json
import os
import subprocess
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab import scenario as sc
from nvlinklab._struct import leaves, replace_path
from nvlinklab.analysis._paths import as_floats, flat_leaves, with_leaves
from nvlinklab.analysis.many import at_many
from nvlinklab.bench.machine import best_times
from nvlinklab.serving.decode import decode_step, total
from nvlinklab.workload.traffic import mean_context

SIX = (
    "deployment.system.scale_up.bw", "deployment.system.gpu.mem_bw", "deployment.system.domain", "deployment.layer_time", "batch", "isl",
)  # fmt: skip
"""The inputs that differ from point to point in a sweep."""


def base() -> Any:
    """Return DeepSeek-R1 on GB200 NVL72, 64 requests per GPU; numbers nobody publishes, which no result uses, are 1."""
    s = sc.build("deepseek-r1", "gb200-nvl72", 64.0).scenario
    return as_floats(replace_path(s, {path: 1.0 for path, value in leaves(s).items() if value != value}))


def everything(s: Any) -> Any:
    """The whole estimate: latency, throughput, power, cost, memory and both breakdowns, as floats."""
    return jax.tree_util.tree_map(lambda x: jnp.asarray(x, dtype=jnp.float64), sc.evaluate(s))


def cost(s: Any) -> Any:
    """One number of it that needs all of it: the cost per token."""
    return sc.evaluate(s).usd_per_token


def step(s: Any) -> Any:
    """The time of one decode step."""
    return total(decode_step(s.model, s.deployment, s.batch, mean_context(s.isl, s.osl)))


def product(s: Any) -> Any:
    """The Hessian of the decode step times a direction, here ten percent of every input."""
    direction = jax.tree_util.tree_map(lambda x: 0.1 * x, s)
    return jax.jvp(jax.grad(step), (s,), (direction,))[1]


def points(s: Any, paths: tuple[str, ...], count: int) -> dict[str, Any]:
    """Return random values within 30 % of those of a scenario, shape (count,) each."""
    random, values = np.random.default_rng(0), flat_leaves(s)
    return {path: jnp.asarray(float(values[path]) * random.uniform(0.7, 1.3, count)) for path in paths}


def compiled(fn: Any, s: Any, varied: dict[str, Any], by_those: bool = False, shared: bool = False) -> tuple[Any, float]:
    """Return a compiled function of many points, and the seconds that took.

    Args:
        fn: a function of a scenario
        s: the scenario
        varied: the points
        by_those: take the value and its gradient by what varies
        shared: compute once what several results need, as `at_many` does
    """

    def one(changes: dict[str, Any]) -> Any:
        return fn(with_leaves(s, changes))

    started, asked = time.perf_counter(), jax.value_and_grad(one) if by_those else one
    program = at_many(asked).compile(varied) if shared else jax.jit(jax.vmap(asked)).lower(varied).compile()
    return program, time.perf_counter() - started


MANY, FEW = 32840, 4104
"""Points per call; few for derivatives, whose hundreds of intermediate arrays should stay in the cache. No powers of two: arrays a power of
two apart fall into the same few places of a cache and push each other out."""

WHICH = ("every input varies", "six inputs vary")
GRADIENT = jax.value_and_grad(cost)
CASES = {
    "whole estimate": everything, "whole estimate through at_many": everything, "one number": cost,
    "one number and gradient": GRADIENT, "one number and gradient by those six": cost, "decode step": step,
    "decode step and gradient": jax.value_and_grad(step), "decode step, Hessian-vector product": product,
}  # fmt: skip
SHARED = ("whole estimate through at_many", "one number and gradient", "decode step and gradient", "decode step, Hessian-vector product")
CORE = ("whole estimate", "one number", "one number and gradient")

FUSED = "--xla_backend_extra_options=xla_cpu_use_multi_output_fusion=true"
"""Lets XLA fuse loops that have several results, as gradients do. Off by default in XLA, and in this package."""


def case(name: str, which: str, plain: bool = False) -> tuple[Any, dict[str, Any], float]:
    """Return a compiled case, its points and the seconds it took to compile; if `plain`, without `at_many`."""
    s, paths = base(), SIX if which == WHICH[1] else None
    few = "gradient" in name or "Hessian" in name
    varied = points(s, paths or tuple(flat_leaves(s)), FEW if few else MANY)
    program, seconds = compiled(CASES[name], s, varied, by_those=name.endswith("those six"), shared=not plain and name in SHARED)
    return program, varied, seconds


def measure(repeat: int = 5, names: tuple[str, ...] = tuple(CASES), plain: bool = False) -> dict[str, dict[str, float]]:
    """Return points per second, processor time per point [s], seconds to compile and points per call of every case."""
    found = {}
    for which in WHICH:
        for name in names:
            if name.endswith("those six") and which != WHICH[1]:
                continue
            program, varied, seconds = case(name, which, plain)
            jax.block_until_ready(program(varied))
            wall, used = best_times(lambda program=program, varied=varied: jax.block_until_ready(program(varied)), repeat)
            count = len(next(iter(varied.values())))
            found[f"{name}, {which}"] = {
                "points_per_s": count / wall, "cpu_ns_per_point": used / count * 1e9, "compile_s": seconds, "points_per_call": count,
            }  # fmt: skip
    return found


def measure_fused(repeat: int = 5) -> dict[str, dict[str, float]]:
    """Return the same of the whole estimate, one number and its gradient in a fresh process where XLA itself fuses loops."""
    flags = f"{os.environ.get('XLA_FLAGS', '')} {FUSED}".strip()
    command = [sys.executable, "-m", "nvlinklab.bench.model", str(repeat)]
    done = subprocess.run(command, env=os.environ | {"XLA_FLAGS": flags}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), CORE, plain=True)))
