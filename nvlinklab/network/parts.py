"""What a collective's time is made of, and the choice between algorithms."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from nvlinklab._struct import Float, nested, quantity, register_structs, struct
from nvlinklab.errors import SpecError


@struct
class Part:
    """Time on one network level.

    Attributes:
        latency: steps times the time of an empty message [s]
        transfer: bytes of the busiest port over its bandwidth [s]
    """

    latency: Float = quantity("s")
    transfer: Float = quantity("s")

    @property
    def total(self) -> Float:
        """Sum of the two [s]."""
        return self.latency + self.transfer


FREE = Part(latency=0.0, transfer=0.0)


@struct
class CollectiveTime:
    """Time of a collective over two levels.

    Attributes:
        up: inside the scale-up domain
        out: between domains, over the scale-out network
    """

    up: Part = nested()
    out: Part = nested()

    @property
    def latency(self) -> Float:
        """Latency of both levels [s]."""
        return self.up.latency + self.out.latency

    @property
    def transfer(self) -> Float:
        """Transfer time of both levels [s]."""
        return self.up.transfer + self.out.transfer

    @property
    def total(self) -> Float:
        """One level after the other [s]: the upper end of what overlap can reach."""
        return self.up.total + self.out.total

    @property
    def overlapped(self) -> Float:
        """Both levels at once [s]: the lower end, as the two use different ports."""
        return jnp.maximum(self.up.total, self.out.total)


register_structs()


def total(*parts: Any) -> Float:
    """Return the sum of the totals [s]: one after the other."""
    return sum(part.total for part in parts)


def slowest(*parts: Any) -> Float:
    """Return the largest total [s]: all at once."""
    result = parts[0].total
    for part in parts[1:]:
        result = jnp.maximum(result, part.total)
    return result


def best(options: Mapping[str, Any]) -> Any:
    """Return the option with the smallest total, element by element: a breakdown of the same kind, not only its total.

    A hard minimum, as a library's tuner makes it. At a tie the option named first is kept.

    Args:
        options: algorithm name to its breakdown; all of the same struct

    Raises:
        SpecError: there are no options.
    """
    if not options:
        raise SpecError("best() needs at least one option to choose from")
    first, *others = options.values()
    chosen = first
    for other in others:
        faster = other.total < chosen.total
        chosen = jax.tree_util.tree_map(lambda new, old, use=faster: jnp.where(use, new, old), other, chosen)
    return chosen


def fastest(options: Mapping[str, Any]) -> Float:
    """Return the position of the option that `best` takes, element by element (an index into `list(options)`)."""
    totals = jnp.broadcast_arrays(*(jnp.asarray(option.total) for option in options.values()))
    return jnp.argmin(jnp.stack(totals), axis=0)


__all__ = ["FREE", "CollectiveTime", "Part", "best", "fastest", "slowest", "total"]
