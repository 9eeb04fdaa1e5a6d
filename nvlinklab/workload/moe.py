"""What a batch of tokens touches in a mixture of experts."""

from jax.typing import ArrayLike


def distinct_experts(tokens: ArrayLike, experts: ArrayLike, top_k: ArrayLike) -> ArrayLike:
    """Return the expected number of distinct experts that `tokens` tokens touch when each picks `top_k` of `experts` uniformly.

    Each expert stays untouched by a token with probability `1 - top_k/experts`; tokens choose independently. Real routers are
    uneven, which touches fewer experts and overloads some.

    Args:
        tokens: tokens routed in this step, any shape
        experts, top_k: counts
    """
    return experts * (1.0 - (1.0 - top_k / experts) ** tokens)


def remote_copies(top_k: ArrayLike, ranks: ArrayLike) -> ArrayLike:
    """Return to how many other ranks a token is sent when its `top_k` experts lie uniformly on `ranks` ranks (one copy per rank)."""
    return (ranks - 1.0) * (1.0 - (1.0 - 1.0 / ranks) ** top_k)
