"""What a batch of tokens touches in a mixture of experts."""

import jax.numpy as jnp

from nvlinklab._struct import Float


def distinct_experts(tokens: Float, experts: Float, top_k: Float) -> Float:
    """Return the expected number of distinct experts that `tokens` tokens touch when each picks `top_k` of `experts` uniformly.

    Each expert stays untouched by a token with probability `1 - top_k/experts`; tokens choose independently. Real routers are
    uneven, which touches fewer experts and overloads some.

    Args:
        tokens: tokens routed in this step, any shape
        experts, top_k: counts
    """
    return experts * -jnp.expm1(tokens * jnp.log1p(-top_k / experts))


def remote_copies(top_k: Float, ranks: Float) -> Float:
    """Return to how many other ranks a token is sent when its `top_k` experts lie uniformly on `ranks` ranks (one copy per rank)."""
    return (ranks - 1.0) * (1.0 - (1.0 - 1.0 / ranks) ** top_k)


def distinct_ranks(top_k: Float, ranks: Float) -> Float:
    """Return on how many ranks, its own included, the `top_k` experts of a token lie, uniformly over `ranks` ranks.

    The same count with domains for ranks says how many domains a token touches: what must cross between them when each domain hands
    its copy on inside.
    """
    return ranks * (1.0 - (1.0 - 1.0 / ranks) ** top_k)
