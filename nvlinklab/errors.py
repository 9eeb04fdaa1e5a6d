"""Errors a user can act on: what was given, what was expected, where it came from, what to try."""

import difflib
from collections.abc import Iterable


class NvlinklabError(ValueError):
    """Base of every error this package raises on purpose."""


class SpecError(NvlinklabError):
    """A parameter path, a system or a model that does not exist, or a value that cannot be."""


class DataError(NvlinklabError):
    """A row or entry in `data/` that breaks its schema; the message starts with file:line."""


class UnitError(NvlinklabError):
    """A unit outside the vocabulary, or a conversion between different dimensions."""


class ClaimError(NvlinklabError):
    """A claim whose function and record do not fit together."""


class InfeasibleError(NvlinklabError):
    """A design point that cannot exist; says why and names the nearest feasible one."""


def did_you_mean(given: str, known: Iterable[str], count: int = 3) -> str:
    """Return `"; did you mean 'a' or 'b'?"` for the names nearest to `given`, or an empty string.

    >>> did_you_mean("TFLOPS", ["TFLOP/s", "TB/s", "us"])
    "; did you mean 'TFLOP/s'?"
    """
    near = difflib.get_close_matches(given, list(known), n=count, cutoff=0.5)
    return f"; did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
