"""Speculative decoding and multi-token prediction: propose k tokens cheaply, verify them in one step, keep those that agree.

Each draft is accepted with the same probability, independently, until the first that is not; the step yields one token more than were
accepted (Leviathan, Kalman, Matias, ICML 2023, arXiv 2211.17192). In practice later drafts are accepted less often, so a rate measured
on the first draft reads high for several (`expected_tokens_by_position` takes them one by one). Trees of drafts are left out.
"""

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from nvlinklab._math import increasing_root, mean_decay
from nvlinklab._struct import Float, quantity, register_structs, struct
from nvlinklab.errors import SpecError
from nvlinklab.kernel.roofline import KernelTime, hard_max, smooth_max

Verify = Callable[[Any], Any]
"""Time of a step [s] as a function of the tokens that each request feeds through the model: 1 without drafts, k + 1 with k."""

NEAR_ONE = 0.99
"""Acceptance from which on the geometric sum is taken as a quotient of means, which does not divide by `1 - a`."""


@struct
class SpeculativeStep:
    """One step with drafts.

    Attributes:
        draft: proposing tokens [s]
        verify: running the model over them [s]
        tokens: what the step yields for a request, on average
    """

    draft: Float = quantity("s")
    verify: Float = quantity("s")
    tokens: Float = quantity("token")

    @property
    def total(self) -> Float:
        """Sum of draft and verification [s]."""
        return self.draft + self.verify

    @property
    def tpot(self) -> Float:
        """Time per output token [s]."""
        return self.total / self.tokens


@struct
class StepRoofline:
    """A decode step of a batch by what bounds it; all requests feed the same number of tokens.

    Attributes:
        weights: reading the weights [s]
        cache: reading the cache of one request [s]
        compute: arithmetic of one token of one request [s]
        fixed: time that does not depend on the work [s]
    """

    weights: Float = quantity("s")
    cache: Float = quantity("s")
    compute: Float = quantity("s")
    fixed: Float = quantity("s", 0.0)


register_structs()


def expected_tokens(acceptance: Float, drafts: Float) -> Float:
    """Return the tokens a step yields on average: `(1 - a^(k+1)) / (1 - a)`, which is k + 1 at a = 1 (Leviathan et al. 2023, equation 1).

    Args:
        acceptance: probability that a draft is accepted if those before it were, 0 to 1
        drafts: k, tokens proposed; any number of 0 or more, so that it has a slope
    """
    a = jnp.asarray(acceptance, dtype=jnp.float64)
    count = drafts + 1.0
    near = a > NEAR_ONE
    far_a, near_a = jnp.where(near, 0.5, a), jnp.where(near, a, 1.0)
    decay = -jnp.log(near_a)
    # (1 - e^-nu) / (1 - e^-u) = n mean_decay(n u) / mean_decay(u), smooth through u = 0
    return jnp.where(near, count * mean_decay(count * decay) / mean_decay(decay), (1.0 - far_a**count) / (1.0 - far_a))


def expected_tokens_by_position(acceptances: Float) -> Float:
    """Return the tokens a step yields when each draft has its own acceptance: `1 + a1 + a1 a2 + ...`.

    Args:
        acceptances: of the first, second, ... draft, each if those before it were accepted; shape (k,)
    """
    return 1.0 + jnp.sum(jnp.cumprod(jnp.asarray(acceptances, dtype=jnp.float64)))


def acceptance_from_tokens(tokens: Float, drafts: Float) -> Float:
    """Return the acceptance that yields `tokens` a step; NaN where none does (below 1, above k + 1, or without drafts).

    Args:
        tokens: measured tokens per step
        drafts: k, above 0
    """
    target = jnp.asarray(tokens, dtype=jnp.float64) * jnp.ones_like(expected_tokens(0.5, drafts))
    found = increasing_root(lambda a: expected_tokens(a, drafts) - target, jnp.zeros_like(target), jnp.ones_like(target))
    possible = (target >= 1.0) & (target <= drafts + 1.0) & jnp.greater(drafts, 0.0)
    return jnp.where(possible, found, jnp.nan)


def verify_time(step: StepRoofline, batch: Float, fed: Float, p: float | None = None) -> Float:
    """Return the time of a step in which each request feeds `fed` tokens [s]: `fixed + max(weights + batch cache, batch fed compute)`.

    Weights and cache are read once for all tokens of a request. In a mixture of experts more tokens touch more experts, until all are
    touched: below that batch the model reads fast, and `weights` should be that of the tokens fed.

    Args:
        step: what bounds it
        batch: requests
        fed: tokens each feeds, 1 without drafts
        p: take the p-norm instead of the maximum, for optimisation
    """
    bounds = KernelTime(compute=batch * fed * step.compute, memory=step.weights + batch * step.cache)
    return step.fixed + (hard_max(bounds) if p is None else smooth_max(bounds, p))


def verifier(step: StepRoofline, batch: Float, p: float | None = None) -> Verify:
    """Return `verify_time` as a function of the tokens fed alone."""
    return lambda fed: verify_time(step, batch, fed, p)


def free_drafts(step: StepRoofline, batch: Float) -> Float:
    """Return the drafts that ride along for nothing: those that fit under the memory time of the step; 0 where it is bound by compute."""
    return jnp.maximum(0.0, (step.weights + batch * step.cache) / (batch * step.compute) - 1.0)


def speculative_step(acceptance: Float, drafts: Float, verify: Verify, draft_time: Float) -> SpeculativeStep:
    """Return a step with `drafts` proposals.

    Args:
        acceptance: probability that a draft is accepted
        drafts: k
        verify: time of a step [s] as a function of the tokens fed per request
        draft_time: proposing one token for the whole batch [s]; drafts follow one another
    """
    return SpeculativeStep(draft=drafts * draft_time, verify=verify(drafts + 1.0), tokens=expected_tokens(acceptance, drafts))


def speedup(acceptance: Float, drafts: Float, verify: Verify, draft_time: Float) -> Float:
    """Return the time per token without drafts over that with them; above 1 it pays.

    With a verification that costs as much as a plain step this is `(1 - a^(k+1)) / ((1 - a)(k c + 1))`, c the draft's share of a step
    (Leviathan et al. 2023, theorem 3.8).
    """
    return verify(1.0) / speculative_step(acceptance, drafts, verify, draft_time).tpot


def best_drafts(acceptance: Float, verify: Verify, draft_time: Float, most: int = 16) -> Float:
    """Return the number of drafts, 0 to `most`, with the least time per token; the fewest of equal ones. 0: better not at all.

    Args:
        acceptance, draft_time: scalars (use `jax.vmap` for more)
        verify: time of a step [s] as a function of the tokens fed per request
        most: largest number tried

    Raises:
        SpecError: `most` is negative or not a whole number.
    """
    if most < 0 or int(most) != most:
        raise SpecError(f"most={most}; expected a whole number, 0 or more")
    counts = jnp.asarray(np.arange(most + 1.0))
    times = jnp.stack([speculative_step(acceptance, float(k), verify, draft_time).tpot for k in range(int(most) + 1)])
    good = times <= times.min() * (1.0 + 1e-12)  # what differs by rounding is equal
    return counts[jnp.argmax(good)]


def break_even_acceptance(drafts: Float, verify: Verify, draft_time: Float) -> Float:
    """Return the acceptance above which `drafts` proposals pay: as many tokens as the step is longer. NaN where none does."""
    longer = (drafts * draft_time + verify(drafts + 1.0)) / verify(1.0)
    return acceptance_from_tokens(longer, drafts)


def break_even_batch(acceptance: Float, drafts: Float, step: StepRoofline, draft_time: Float) -> Float:
    """Return the batch above which `drafts` proposals stop paying: compute then costs more than the memory time they ride on.

    With E tokens a step, F fixed, W weights, and c, r compute and cache per request, speculation pays while either
    `E (F + W + b r) > F + k d + (k+1) c b` (the plain step is bound by memory) or `E (F + c b) > F + k d + (k+1) c b` (by compute).
    Infinite if it always pays: every draft accepted, or cache reads so long that the step stays bound by memory. 0 if even the smallest
    batch does not pay for its drafts.

    Args:
        acceptance: probability that a draft is accepted
        drafts: k
        step: what bounds the step
        draft_time: proposing one token [s], whatever the batch
    """
    tokens = expected_tokens(acceptance, drafts)
    cost, fed = drafts * draft_time, (drafts + 1.0) * step.compute
    by_memory = _crossing(tokens * (step.fixed + step.weights) - step.fixed - cost, fed - tokens * step.cache)
    by_compute = _crossing((tokens - 1.0) * step.fixed - cost, fed - tokens * step.compute)
    pays = (tokens - 1.0) * (step.fixed + step.weights) > cost
    return jnp.where(pays, jnp.maximum(by_memory, by_compute), 0.0)


def _crossing(lead: Float, loss: Float) -> Float:
    """Return where a lead is used up by a loss per request: never if there is no loss, at once if there is no lead."""
    losing = loss > 0.0
    at = jnp.maximum(0.0, lead) / jnp.where(losing, loss, 1.0)
    return jnp.where(losing, at, jnp.where(lead > 0.0, jnp.inf, 0.0))


__all__ = [
    "SpeculativeStep",
    "StepRoofline",
    "Verify",
    "acceptance_from_tokens",
    "best_drafts",
    "break_even_acceptance",
    "break_even_batch",
    "expected_tokens",
    "expected_tokens_by_position",
    "free_drafts",
    "speculative_step",
    "speedup",
    "verifier",
    "verify_time",
]
