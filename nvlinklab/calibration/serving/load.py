"""A closed loop of requests on a deployment: how many run, what their prefills cost the others, how long a prompt waits.

`concurrency` requests are always in flight and all start at once. By Little's law the running ones are the share of a request's life that
is decode; that life depends on the step, which depends on how many run: a fixed point, found by damped iteration and differentiated by one
exact Newton step at the end.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from nvlinklab._struct import Float
from nvlinklab.calibration.serving.deployments import Case
from nvlinklab.calibration.serving.step import Values, by_engine, decode_step, join, prefill_fixed, prefill_pass, touched

ITERATIONS = 8
LIMIT_EXPONENT = 4.0
LEAST_RUNNING = 0.3
NO_LIMIT = 1e12


class Served(NamedTuple):
    """What users see, and what stands behind it.

    Attributes:
        tpot, ttft: means over requests [s]
        throughput: output tokens per second and GPU, all GPUs counted
        running: sequences in decode per worker
        capacity: sequences whose cache fits beside the weights of a worker
        prefill_limit: sequences per worker that the prefill pool can keep running
        step: decode step alone [s]
        interference: what prefills of others add to a token [s]; 0 where prefill has GPUs of its own
        wait: for prompts that arrived before [s]
        free_memory: share of a GPU's memory beside its weights; below 0 they do not fit
    """

    tpot: Float
    ttft: Float
    throughput: Float
    running: Float
    capacity: Float
    prefill_limit: Float
    step: Float
    interference: Float
    wait: Float
    free_memory: Float


def memory(q: Values, c: Case) -> tuple[Float, Float]:
    """Return how many sequences a decode worker's memory holds, and the share of a GPU's memory beside the weights."""
    s, pool = c.shape, c.decode
    parallel = pool.dp_attention > 0
    dense = s.qkv * s.qkv_bytes + s.output * s.output_bytes + s.linear * s.linear_bytes + s.dense * s.dense_bytes
    dense = dense + s.shared * s.shared_bytes + 2.0 * s.head * s.head_bytes
    routed = jnp.where(s.top_k > 0, s.moe_layers * s.experts * s.expert * s.expert_bytes, 0.0)
    weights = jnp.where(parallel, dense, dense / pool.gpus) + routed / pool.gpus
    free = c.gpu.mem_capacity * q["usable_memory"] - weights
    sequence = s.full_layers * (s.cached * s.kv_bytes + s.index_cached) * (c.isl + 0.6 * c.osl) + s.state
    shards = jnp.minimum(jnp.where(parallel, 1.0, pool.gpus), jnp.maximum(s.kv_heads, 1.0))
    held = jnp.maximum(free, 0.01 * c.gpu.mem_capacity) / (sequence / shards) * jnp.where(parallel, pool.gpus, 1.0)
    return jnp.maximum(held, 1.0), free / c.gpu.mem_capacity


def _tokens(c: Case) -> Float:
    return jnp.maximum(c.osl - 1.0, 0.0)


def _round(q: Values, c: Case, running: Float) -> tuple[Float, Served]:
    """Return how many sequences run if `running` of them did, and what is served then."""
    shared = c.aggregated > 0
    pool = jax.tree.map(lambda a, b: jnp.where(shared, a, b), c.decode, c.prefill)
    each = c.concurrency / c.decode.workers
    waiting = c.concurrency / pool.workers
    side = jnp.where(pool.dp_attention > 0, jnp.minimum(pool.gpus, jnp.maximum(waiting, 1.0)), 1.0)
    fixed = prefill_fixed(q, c)
    capacity, free = memory(q, c)

    step = decode_step(q, c, running)
    beside = prefill_pass(q, c, pool, side, jnp.where(shared, touched(c.shape, running), 0.0))
    alone = prefill_pass(q, c, pool, side)
    together = jnp.clip(jnp.minimum(q["chunk"] / c.isl, running / 8.0), 1.0, 64.0)
    prompt = beside + fixed / together
    ranks = jnp.where(c.decode.dp_attention > 0, side * (1.0 - q["rank_stall"]) + q["rank_stall"], 1.0)
    interference = jnp.where(shared, jnp.maximum(running - 1.0, 0.0) / c.osl * prompt / ranks, 0.0)
    tpot = step + interference

    passes = jnp.maximum(c.isl / q["chunk"], 1.0)
    own = (alone + fixed) * by_engine(q, "pool_time", c)
    service = jnp.where(shared, prompt / ranks + step * c.isl / q["chunk"], own / side)
    wait = q["burst"] * service * waiting
    first = jnp.where(shared, alone + fixed + step * (0.5 * passes + 1.0), own + step + by_engine(q, "handover_time", c))
    unlimited = first + by_engine(q, "request_time", c) + wait
    life = unlimited + c.osl * tpot

    limit = jnp.where(shared, NO_LIMIT, pool.workers * side / own / c.decode.workers * c.osl * tpot)
    declared = jnp.minimum(c.max_running, NO_LIMIT)
    free_running = each * c.osl * tpot / life
    runs = jnp.minimum(1.0 / join(LIMIT_EXPONENT, 1.0 / free_running, 1.0 / limit, 1.0 / capacity), declared)
    queue = (each / runs - 1.0) * c.osl * tpot
    ttft = join(LIMIT_EXPONENT, unlimited, jnp.maximum(queue, 0.0))
    throughput = c.concurrency * c.osl / (ttft + _tokens(c) * tpot) / c.gpus
    served = Served(tpot, ttft, throughput, running, capacity, limit, step, interference, wait, free)
    return jnp.maximum(runs, LEAST_RUNNING), served


def serve(q: Values, c: Case) -> Served:
    """Return what one deployment serves under its load. Differentiable in the parameters; for many cases use `jax.vmap`."""
    capacity, _ = memory(q, c)
    start = jnp.log(jnp.minimum(jnp.minimum(c.concurrency / c.decode.workers, capacity), c.max_running))
    held = {name: jax.lax.stop_gradient(value) for name, value in q.items()}

    def damped(_: int, log_running: Float) -> Float:
        return 0.5 * log_running + 0.5 * jnp.log(_round(held, c, jnp.exp(log_running))[0])

    point = jax.lax.stop_gradient(jax.lax.fori_loop(0, ITERATIONS, damped, start))
    value, slope = jax.jvp(lambda x: jnp.log(_round(q, c, jnp.exp(x))[0]), (point,), (jnp.ones_like(point),))
    point = point + (value - point) / (1.0 - jax.lax.stop_gradient(slope))
    return _round(q, c, jnp.exp(point))[1]
