"""How a model is cut over GPUs: parallel degrees, what each GPU holds, and cuts that cannot be.

Attention and dense blocks run on `dp` replicas of `tp * cp` GPUs in each of `pp` stages; the routed experts of a stage are spread over `ep`
of its `tp * cp * dp` GPUs (experts fold over the attention ranks, as in Megatron Core and SGLang), `tp * cp * dp / ep` copies in all.
"""

import dataclasses

import jax.numpy as jnp

from nvlinklab._struct import Float, leaves, nested, quantity, register_structs, struct
from nvlinklab.errors import InfeasibleError, SpecError
from nvlinklab.workload import attention, feedforward
from nvlinklab.workload.architecture import Architecture, attention_params, expert_params, kv_elements_per_token, moe_layers
from nvlinklab.workload.ops import Formats, Op, all_reduce


@struct
class Layout:
    """Parallel degrees: whole numbers at the edge, floats inside.

    Attributes:
        tp: tensor parallel, ranks that share each attention and dense layer
        pp: pipeline parallel, stages of layers
        ep: expert parallel, ranks that share the routed experts
        dp: data parallel, replicas of the attention that hold their own requests
        cp: context parallel, ranks that share the tokens of one request
        redundant: extra copies of busy experts, per layer; they make the slots a multiple of `ep`
    """

    tp: Float = quantity("GPU", 1.0)
    pp: Float = quantity("GPU", 1.0)
    ep: Float = quantity("GPU", 1.0)
    dp: Float = quantity("GPU", 1.0)
    cp: Float = quantity("GPU", 1.0)
    redundant: Float = quantity("expert", 0.0)


@struct
class Shard:
    """Weights that one GPU holds, the mean over pipeline stages [parameters].

    Attributes:
        attention, dense, shared, routed, router: by kind of layer
        embeddings: input embedding and output head
    """

    attention: Float = quantity("parameter")
    dense: Float = quantity("parameter")
    shared: Float = quantity("parameter")
    routed: Float = quantity("parameter")
    router: Float = quantity("parameter")
    embeddings: Float = quantity("parameter")


@struct
class Pass:
    """What one GPU does when tokens go through the model once, the mean over pipeline stages.

    Attributes:
        attention, dense, experts, head: operators by kind of layer; `experts` on the busiest GPU, its two exchanges included
        reduce: sums over the tensor-parallel ranks
        pipeline: activations to the next stage
    """

    attention: Op = nested()
    dense: Op = nested()
    experts: Op = nested()
    head: Op = nested()
    reduce: Op = nested()
    pipeline: Op = nested()


register_structs()


def gpus(layout: Layout) -> Float:
    """Return the GPUs a layout needs: `tp * cp * dp * pp`; expert parallelism reuses them."""
    return layout.tp * layout.cp * layout.dp * layout.pp


def local(a: Architecture, layout: Layout) -> Architecture:
    """Return the architecture one GPU computes: heads, dense width and vocabulary over `tp`, layers over `pp`.

    Key-value heads are never split: with more ranks than heads each rank keeps one. The latent of MLA, routers and shared experts are kept
    whole on every rank. Routed experts are left as they are, since `ep` spreads them.
    """
    tp, pp = layout.tp, layout.pp
    return dataclasses.replace(
        a, heads=a.heads / tp, kv_heads=jnp.maximum(a.kv_heads / tp, jnp.minimum(a.kv_heads, 1.0)),
        dense_intermediate=a.dense_intermediate / tp, vocab=a.vocab / tp,
        layers=a.layers / pp, dense_layers=a.dense_layers / pp,
    )  # fmt: skip


def shard(a: Architecture, layout: Layout) -> Shard:
    """Return the weights one GPU holds, by kind; over all GPUs they add up to the model's, plus replicas."""
    mine = local(a, layout)
    sparse = moe_layers(mine)
    return Shard(
        attention=mine.layers * attention_params(mine),
        dense=mine.dense_layers * 3.0 * mine.hidden * mine.dense_intermediate,
        shared=sparse * mine.shared_experts * expert_params(mine),
        routed=sparse * (mine.routed_experts + layout.redundant) / layout.ep * expert_params(mine),
        router=sparse * mine.hidden * mine.routed_experts,
        embeddings=2.0 * mine.vocab * mine.hidden / layout.pp,
    )


def total(s: Shard) -> Float:
    """Return all weights one GPU holds: the sum of the parts."""
    return s.attention + s.dense + s.shared + s.routed + s.router + s.embeddings


def kv_elements_per_gpu(a: Architecture, layout: Layout) -> Float:
    """Return the cached elements one GPU holds per token of a request: layers over `pp`, heads over `tp`, tokens over `cp`."""
    return kv_elements_per_token(local(a, layout)) / layout.cp


def decode_pass(a: Architecture, layout: Layout, batch: Float, context: Float, f: Formats, imbalance: Float = 0.0) -> Pass:
    """Return what one GPU does in one decode step: one token for each of `batch` requests of its replica.

    The partial sums that context-parallel ranks exchange are left out: they are as small as the query.

    Args:
        a: the model
        layout: how it is cut
        batch: requests per data-parallel replica
        context: cached tokens per request
        f: bytes per element
        imbalance: extra load of the busiest expert rank, see `feedforward.experts`
    """
    mine = local(a, layout)
    layer = attention.decode(mine, batch, context / layout.cp, f)
    return _pass(mine, layout, batch, batch, batch / layout.cp, layer, f, imbalance)


def prefill_pass(
    a: Architecture, layout: Layout, prompts: Float, isl: Float, f: Formats, reused: Float = 0.0, imbalance: Float = 0.0
) -> Pass:
    """Return what one GPU does when its replica reads `prompts` prompts; each ends in one output token.

    The keys and values that context-parallel ranks exchange are left out.

    Args:
        a: the model
        layout: how it is cut
        prompts: per data-parallel replica
        isl: tokens of a prompt
        f: bytes per element
        reused: tokens of it that are cached already
        imbalance: extra load of the busiest expert rank
    """
    mine = local(a, layout)
    tokens = prompts * (isl - reused) / layout.cp
    layer = attention.AttentionOps(
        projections=attention.projections(mine, tokens, f, absorbed=False),
        core=attention.prefill(mine, prompts, isl, f, reused).core * (1.0 / layout.cp),
    )
    return _pass(mine, layout, tokens, prompts, tokens, layer, f, imbalance)


def _pass(
    mine: Architecture, layout: Layout, tokens: Float, outputs: Float, routed: Float, layer: attention.AttentionOps, f: Formats,
    imbalance: Float,
) -> Pass:  # fmt: skip
    """Return a pass of `tokens` tokens through a GPU's own layers; `routed` of them are shared out over the ranks of a tensor group."""
    expert = feedforward.total(feedforward.experts(mine, routed / layout.tp, f, layout.ep, imbalance))
    residual = tokens * mine.hidden * f.activation
    return Pass(
        attention=attention.total(layer) * mine.layers,
        dense=feedforward.dense(mine, tokens, f) * mine.dense_layers,
        experts=expert * moe_layers(mine),
        head=feedforward.head(mine, outputs, f) * (1.0 / layout.pp),
        reduce=all_reduce(residual, layout.tp) * (mine.layers + mine.dense_layers),
        pipeline=Op(sent=residual / layout.tp, messages=1.0) * (1.0 - 1.0 / layout.pp),
    )


def pass_total(p: Pass) -> Op:
    """Return the whole pass: the sum of the parts."""
    return p.attention + p.dense + p.experts + p.head + p.reduce + p.pipeline


def check(a: Architecture, layout: Layout, domain: float | None = None, spill: str | None = None) -> None:
    """Raise unless the model can be cut this way; call it with plain numbers, before tracing.

    Args:
        a: the model
        layout: its degrees
        domain: GPUs in the scale-up domain (None: do not ask)
        spill: `"scale_out"` allows groups larger than the domain, whose extra hops are then priced

    Raises:
        SpecError: a degree that is not a positive whole number, or an unknown `spill`.
        InfeasibleError: the cut cannot be, why, and the nearest that can.

    >>> from nvlinklab.workload.architecture import model
    >>> check(model("kimi-k2").spec, Layout(tp=6.0))
    Traceback (most recent call last):
    nvlinklab.errors.InfeasibleError: tp=6 does not divide 64 heads; nearest: 4 or 8
    """
    if spill not in (None, "scale_out"):
        raise SpecError(f'spill={spill!r}; expected None or "scale_out"')
    for name, degree in leaves(layout).items():
        if not degree >= (name != "redundant") or int(degree) != degree:
            raise SpecError(f"{name}={degree:g}; expected a whole number, {'0' if name == 'redundant' else '1'} or more")
    tp, pp, ep, ranks = int(layout.tp), int(layout.pp), int(layout.ep), int(layout.tp * layout.cp * layout.dp)
    for name, group in (("ep", ep), ("tp*cp", int(layout.tp * layout.cp))):
        if domain is not None and group > domain and spill is None:
            raise InfeasibleError(
                f"{name}={group} exceeds the scale-up domain of {domain:g} GPUs; use {name}<={domain:g}, "
                'or spill="scale_out" to price the extra hops'
            )
    _divides("tp", tp, int(a.heads), "heads")
    if a.kv_heads and a.kv_heads % tp and tp % a.kv_heads:
        near = " or ".join(f"{n}" for n in _around(tp, [n for n in _divisors(int(a.heads)) if a.kv_heads % n == 0 or n % a.kv_heads == 0]))
        raise InfeasibleError(f"tp={tp} neither divides {a.kv_heads:g} key-value heads nor is a multiple of them; nearest: {near}")
    if a.dense_layers:
        _divides("tp", tp, int(a.dense_intermediate), "columns of the dense feed-forward block")
    if pp > a.layers:
        raise InfeasibleError(f"pp={pp} exceeds the {a.layers:g} layers; use pp<={a.layers:g}")
    _check_experts(a, ep, ranks, int(layout.redundant))


def _check_experts(a: Architecture, ep: int, ranks: int, redundant: int) -> None:
    if not a.routed_experts:
        if ep > 1 or redundant:
            raise InfeasibleError(f"ep={ep}, redundant={redundant}, but the model has no routed experts; use ep=1, redundant=0")
        return
    slots = int(a.routed_experts) + redundant
    if slots % ep:
        more = redundant + -slots % ep
        kind = "experts" if not redundant else f"expert slots ({a.routed_experts:g} and {redundant} redundant)"
        near = " or ".join(map(str, _around(ep, _divisors(slots))))
        raise InfeasibleError(
            f"ep={ep} does not divide {slots} {kind}; nearest: {near}; or redundant={more} for {slots + -slots % ep} slots"
        )
    _divides("ep", ep, ranks, "GPUs of a stage (tp*cp*dp)")


def _divides(name: str, degree: int, whole: int, what: str) -> None:
    if whole % degree:
        near = " or ".join(map(str, _around(degree, _divisors(whole))))
        raise InfeasibleError(f"{name}={degree} does not divide {whole} {what}; nearest: {near}")


def _divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


def _around(value: int, choices: list[int]) -> list[int]:
    below, above = [c for c in choices if c < value], [c for c in choices if c > value]
    return [*below[-1:], *above[:1]]
