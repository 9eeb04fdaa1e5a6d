"""One feed-forward layer as operators: dense, or a mixture of experts with its two exchanges.

All counts are those of one GPU; the routed experts are spread over `ep` of them. SwiGLU: gate, up and down projection. The element-wise
product between them is left out, being fused with its neighbours.
"""

import jax.numpy as jnp

from nvlinklab._struct import Float, nested, register_structs, struct
from nvlinklab.workload.architecture import Architecture, expert_params
from nvlinklab.workload.moe import distinct_experts, remote_copies
from nvlinklab.workload.ops import Formats, Op, matmul


@struct
class ExpertOps:
    """One mixture-of-experts layer by part, on the busiest GPU.

    Attributes:
        router: scores of all experts
        routed, shared: GEMMs of the experts a token chooses, and of those every token passes
        dispatch, combine: activations to the experts and back
    """

    router: Op = nested()
    routed: Op = nested()
    shared: Op = nested()
    dispatch: Op = nested()
    combine: Op = nested()


register_structs()


def total(ops: ExpertOps) -> Op:
    """Return the whole layer: the sum of the parts."""
    return ops.router + ops.routed + ops.shared + ops.dispatch + ops.combine


def dense(a: Architecture, tokens: Float, f: Formats) -> Op:
    """Return one dense feed-forward layer over `tokens` tokens."""
    return _swiglu(tokens, a.hidden, a.dense_intermediate, 1.0, 3.0 * a.hidden * a.dense_intermediate, f)


def head(a: Architecture, tokens: Float, f: Formats) -> Op:
    """Return the output head over `tokens` tokens; a prefill needs it for the last token of each prompt only."""
    return matmul(tokens, a.hidden, a.vocab, a.hidden * a.vocab, f)


def experts(a: Architecture, tokens: Float, f: Formats, ep: Float = 1.0, imbalance: Float = 0.0) -> ExpertOps:
    """Return one mixture-of-experts layer.

    Each GPU brings `tokens` tokens, so `tokens * ep` are routed over all experts; a GPU gets its share of the copies, and the busiest
    `1 + imbalance (1 - 1/ep)` of it. Expert weights are read for the expected number of distinct experts touched, at most all it holds.
    A token is sent once to each other GPU that holds one of its experts. Everything is zero in a model without experts.

    Args:
        a: the model
        tokens: tokens per GPU
        f: bytes per element
        ep: GPUs that share the routed experts
        imbalance: extra load of the busiest GPU over the mean, at many GPUs
    """
    uneven = 1.0 + imbalance * (1.0 - 1.0 / ep)
    touched = jnp.minimum(uneven * touched_experts(a, tokens * ep), a.routed_experts) / ep
    routed = _swiglu(tokens * a.top_k * uneven, a.hidden, a.moe_intermediate, touched, expert_params(a), f)
    shared = _swiglu(tokens * a.shared_experts, a.hidden, a.moe_intermediate, a.shared_experts, expert_params(a), f)
    sparse = a.top_k > 0.0
    copies = jnp.where(sparse, uneven * tokens * remote_copies(jnp.where(sparse, a.top_k, 1.0), ep) * a.hidden, 0.0)
    some = jnp.where(sparse, ep - 1.0, 0.0)
    return ExpertOps(
        router=matmul(tokens, a.hidden, a.routed_experts, a.hidden * a.routed_experts, f), routed=routed, shared=shared,
        dispatch=Op(sent=copies * f.dispatch, messages=some), combine=Op(sent=copies * f.combine, messages=some),
    )  # fmt: skip


def touched_experts(a: Architecture, tokens: Float) -> Float:
    """Return the expected number of distinct routed experts that `tokens` tokens touch; all where each token picks all, none without."""
    sparse = a.top_k < a.routed_experts
    some = distinct_experts(tokens, jnp.where(sparse, a.routed_experts, 2.0), jnp.where(sparse, a.top_k, 1.0))
    return jnp.where(sparse, some, a.routed_experts)


def _swiglu(rows: Float, hidden: Float, inner: Float, blocks: Float, params: Float, f: Formats) -> Op:
    """Return gate, up and down projection of `rows` rows through one block each, `blocks` blocks of `params` weights read."""
    return Op(
        flop=2.0 * f.flop * params * rows,
        read=blocks * params * f.weight + rows * (hidden + inner) * f.activation,
        written=rows * (2.0 * inner + hidden) * f.activation,
    )
