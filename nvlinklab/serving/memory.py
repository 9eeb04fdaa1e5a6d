"""What fills the memory of one GPU: weights by kind, KV cache, activations, and what is kept back.

`usable_memory` of the capacity is for weights and cache; the rest holds activations, and what then remains is the reserve for the engine,
graphs and fragmentation. A capacity error is not a small error: past the edge requests wait or are evicted, which no smooth formula
says, so every breakdown comes with a flag.
"""

import jax.numpy as jnp

from nvlinklab._struct import Float, quantity, register_structs, struct
from nvlinklab.serving.decode import Deployment, kv_bytes_per_token, largest_batch, layout
from nvlinklab.workload import layout as cut
from nvlinklab.workload.architecture import Architecture


@struct
class Memory:
    """The memory of one GPU by use, the mean over pipeline stages [B].

    Attributes:
        attention, dense, shared, routed, router, embeddings: weights by kind of layer; `embeddings` with the output head
        kv: cache of all requests in flight
        activations: of the largest pass
        reserve: what is left of the share kept back; negative where the activations outgrow it
    """

    attention: Float = quantity("B")
    dense: Float = quantity("B")
    shared: Float = quantity("B")
    routed: Float = quantity("B")
    router: Float = quantity("B")
    embeddings: Float = quantity("B")
    kv: Float = quantity("B")
    activations: Float = quantity("B")
    reserve: Float = quantity("B")


register_structs()


def weights(m: Memory) -> Float:
    """Return the weights of one GPU [B]."""
    return m.attention + m.dense + m.shared + m.routed + m.router + m.embeddings


def total(m: Memory) -> Float:
    """Return what is taken or kept back [B]: the sum of the parts."""
    return weights(m) + m.kv + m.activations + m.reserve


def free(m: Memory, d: Deployment) -> Float:
    """Return what more requests could fill [B]; negative where these do not fit."""
    return d.system.gpu.mem_capacity - total(m)


def memory(a: Architecture, d: Deployment, batch: Float, context: Float, pass_tokens: Float = 0.0) -> Memory:
    """Return what fills the memory of one GPU.

    Args:
        a: the model
        d: how it runs
        batch: requests in flight per GPU
        context: cached tokens per request
        pass_tokens: prompt tokens that a replica reads in one pass (a chunk of a prompt)
    """
    held, reserved = cut.shard(a, layout(d)), d.system.gpu.mem_capacity * (1.0 - d.usable_memory)
    work = activation_bytes(a, d, jnp.maximum(batch * d.query_tokens * d.tp * d.cp, pass_tokens / d.cp))
    return Memory(
        attention=held.attention * d.weight_bytes, dense=held.dense * d.weight_bytes, shared=held.shared * d.weight_bytes,
        routed=held.routed * d.weight_bytes, router=held.router * d.weight_bytes, embeddings=held.embeddings * d.weight_bytes,
        kv=batch * context * kv_bytes_per_token(a, d), activations=work, reserve=reserved - work,
    )  # fmt: skip


def activation_bytes(a: Architecture, d: Deployment, tokens: Float) -> Float:
    """Return the activations of a pass of `tokens` tokens [B]: what one layer keeps at once, since layers reuse the space.

    The residual stream, its normalised copy and the output of a block, and the widest intermediate with its gate: of the dense block cut
    over `tp`, or of the experts a token meets on this GPU. Buffers of the exchanges are left out, so it errs low; they lie in the reserve.
    """
    mine = cut.local(a, cut.Layout(tp=d.tp))
    expert = (a.top_k + a.shared_experts) * a.moe_intermediate / (d.tp * d.cp)
    return tokens * (3.0 * a.hidden + 2.0 * jnp.maximum(mine.dense_intermediate, expert)) * d.activation_bytes


def feasible(a: Architecture, d: Deployment, batch: Float, context: Float, pass_tokens: Float = 0.0) -> Float:
    """Return whether weights, cache and activations fit: `batch` up to `largest_batch`, and a reserve that is not negative.

    Args:
        a, d, batch, context, pass_tokens: as for `memory`
    """
    return jnp.logical_and(batch <= largest_batch(a, d, context), memory(a, d, batch, context, pass_tokens).reserve >= 0.0)


def requests_that_fit(capacity: Float, held: Float, context: Float, token_bytes: Float) -> Float:
    """Return how many requests fit in a memory beside what it holds already: `largest_batch` for weights that were measured or published.

    Args:
        capacity: bytes for weights and cache [B]
        held: weights [B]
        context: cached tokens per request
        token_bytes: cache of one token [B]
    """
    return (capacity - held) / (context * token_bytes)


def context_that_fits(capacity: Float, held: Float, requests: Float, token_bytes: Float) -> Float:
    """Return the longest context with which `requests` requests fit [token]: `requests_that_fit` solved for the context."""
    return (capacity - held) / (requests * token_bytes)


__all__ = [
    "Memory",
    "activation_bytes",
    "context_that_fits",
    "feasible",
    "free",
    "largest_batch",
    "memory",
    "requests_that_fit",
    "total",
    "weights",
]
