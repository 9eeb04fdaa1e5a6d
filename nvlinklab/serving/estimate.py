"""One deployment at one load: latency, throughput, memory, power and cost, each with the parts it is made of.

Steady work without waiting: no queue before the prompt, and a prompt never stops the decode steps of others, as in pools of their own whose
sizes are balanced. `throughput_per_gpu` counts the GPUs of both: a request takes GPU time to read and to write, so rates add like resistors
in series. Sharing GPUs between both costs each user more time per token at the same throughput, see `batching`.

Outside what memory and model allow every time, rate and cost is NaN and `feasible` is false; `memory` still says what is too large.
"""

import jax
import jax.numpy as jnp

from nvlinklab._struct import Float, nested, quantity, register_structs, struct
from nvlinklab.serving import decode as decoding
from nvlinklab.serving import memory as remembering
from nvlinklab.serving import prefill as reading
from nvlinklab.serving.decode import DecodeStep, Deployment, decode_step, gpus
from nvlinklab.serving.memory import Memory
from nvlinklab.serving.prefill import Prefill
from nvlinklab.workload.architecture import Architecture
from nvlinklab.workload.traffic import mean_context


@struct
class Estimate:
    """What users and operators get.

    Attributes:
        ttft, tpot: time to the first token without queueing, time per output token [s]
        e2e: time of a whole request, `ttft + (osl - 1) tpot` [s]
        interactivity: output tokens per second and user [tok/s]
        decode_throughput: output tokens per second and GPU that decodes [tok/s]
        throughput_per_gpu: output tokens per second and GPU, those that read prompts counted [tok/s]
        gpus: GPUs of the layout
        power, power_per_gpu: of the facility, of all GPUs and of one [W]; NaN where the GPU's power is not published
        energy_per_token: facility energy per output token [J]
        usd_per_token: cost per output token [USD]
        memory: of one GPU
        decode, prefill: where `tpot` times the tokens of a step, and `ttft`, go
        feasible: whether the deployment can be
    """

    ttft: Float = quantity("s")
    tpot: Float = quantity("s")
    e2e: Float = quantity("s")
    interactivity: Float = quantity("tok/s")
    decode_throughput: Float = quantity("tok/s")
    throughput_per_gpu: Float = quantity("tok/s")
    gpus: Float = quantity("GPU")
    power: Float = quantity("W")
    power_per_gpu: Float = quantity("W")
    energy_per_token: Float = quantity("J/token")
    usd_per_token: Float = quantity("USD/token")
    memory: Memory = nested()
    decode: DecodeStep = nested()
    prefill: Prefill = nested()
    feasible: Float = quantity("1")


register_structs()


@jax.jit
def estimate(
    a: Architecture,
    d: Deployment,
    batch: Float,
    isl: Float,
    osl: Float,
    hit_rate: Float = 0.0,
    chunk: Float = jnp.inf,
    pue: Float = 1.0,
    usd_per_gpu_s: Float = 0.0,
) -> Estimate:
    """Return what a deployment does at a load.

    Power is the board's limit at all times, which errs high; hosts, switches and network are left out, which errs low.

    Args:
        a: the model
        d: how it runs
        batch: requests in flight per GPU
        isl, osl: input and output tokens of a request; decode finds `isl + osl / 2` cached on average
        hit_rate: share of the prompt found in the prefix cache, below 1
        chunk: most tokens of a prompt in one pass
        pue: facility power over that of the computers
        usd_per_gpu_s: price of a GPU with all that belongs to it [USD/s]
    """
    context = mean_context(isl, osl)
    step, work = decode_step(a, d, batch, context), reading.one_after_another(a, d, isl, hit_rate, chunk)
    prompt = reading.pipelined(a, d, work, isl, hit_rate, chunk)
    pass_tokens = (1.0 - hit_rate) * isl / reading.chunks(isl, hit_rate, chunk)
    exists = jnp.logical_and(possible(a, d), remembering.feasible(a, d, batch, context, pass_tokens))
    exists = exists & (batch > 0.0) & (osl >= 1.0) & (hit_rate < 1.0)

    def known(value: Float) -> Float:
        return jnp.where(exists, value, jnp.nan)

    tpot, ttft = decoding.total(step) / d.step_tokens, reading.total(prompt)
    rate = batch / tpot
    both = osl / (osl / rate + reading.busy_time(d, work))
    power = d.system.gpu.power * pue
    return Estimate(
        ttft=known(ttft), tpot=known(tpot), e2e=known(ttft + (osl - 1.0) * tpot), interactivity=known(1.0 / tpot),
        decode_throughput=known(rate), throughput_per_gpu=known(both),
        gpus=gpus(d), power=known(power * gpus(d)), power_per_gpu=known(power),
        energy_per_token=known(power / both), usd_per_token=known(usd_per_gpu_s / both),
        memory=remembering.memory(a, d, batch, context, pass_tokens), decode=jax.tree_util.tree_map(known, step),
        prefill=jax.tree_util.tree_map(known, prompt), feasible=exists,
    )  # fmt: skip


def possible(a: Architecture, d: Deployment) -> Float:
    """Return whether no degree exceeds what it divides: heads (tp), layers (pp), experts (ep, 1 in a dense model). For sweeps.

    That degrees are whole and divide is asked by `layouts.check`, before tracing.
    """
    return (d.tp <= a.heads) & (d.pp <= a.layers) & (d.ep <= jnp.maximum(a.routed_experts, 1.0)) & (d.cp >= 1.0)


__all__ = ["Estimate", "estimate", "possible"]
