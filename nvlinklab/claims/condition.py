"""When does a claim hold? The values of one unpublished quantity under which its numbers are met.

Some claims hang on a number nobody publishes: the share of a step spent communicating, the hit rate of a prefix cache. Such a claim is
neither right nor wrong; it is a condition in disguise. Over the range that is possible, the computed numbers are compared with the stated
ones at every point, and the boundary of the region where all are met is the condition.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nvlinklab import units
from nvlinklab.claims.ledger import Stated
from nvlinklab.errors import ClaimError

POINTS = 2001
WIDE = 100.0  # a range this wide is scanned on a logarithmic scale


class Condition(NamedTuple):
    """Where, on the possible range of one input, the numbers of a claim are met.

    Attributes:
        input: the argument of the claim's function
        phrase: what it is, in words that complete "holds if ..."
        unit: its unit
        low, high: the possible range [SI]
        met: the stretches of it where every number that the input moves is a hit, each (from, to) [SI]
        moved: names of the stated values that the input moves
    """

    input: str
    phrase: str
    unit: str
    low: float
    high: float
    met: tuple[tuple[float, float], ...]
    moved: tuple[str, ...]

    @property
    def in_part(self) -> bool:
        """The claim holds for some possible values and not for others."""
        return bool(self.met) and self.met != ((self.low, self.high),)

    @property
    def sentence(self) -> str:
        """The condition in words, without a full stop; nothing where it holds everywhere or nowhere."""
        if not self.in_part:
            return ""
        return f"holds if {self.phrase} is " + " or ".join(self._stretch(*ends) for ends in self.met)

    def _stretch(self, start: float, end: float) -> str:
        low, high = (units.with_unit(v / units.factor(self.unit), self.unit, 3) for v in (start, end))
        if end == self.high:
            return f"at least {low}"
        return f"at most {high}" if start == self.low else f"{low.split(' ')[0]} to {high}"


def find_condition(
    name: str, phrase: str, unit: str, low: float, high: float, results: Callable[[Any], dict[str, Any]], stated: list[Stated],
    hit: Callable[[Stated, float], bool],
) -> Condition:  # fmt: skip
    """Return where on `low` to `high` every stated number that the input moves is met.

    Args:
        name, phrase, unit: of the input
        low, high: its possible range [SI]
        results: the claim's numbers for an array of values of the input, elementwise
        stated: the numbers the claim rests on (names left out)
        hit: whether a computed number meets a stated one

    Raises:
        ClaimError: the range has no width, or the input moves none of the stated numbers.
    """
    if not low < high:
        raise ClaimError(f"the input {name!r} of a condition needs a range of what is possible; it has {low:g} to {high:g}")
    grid = np.geomspace(low, high, POINTS) if low > 0 and high / low >= WIDE else np.linspace(low, high, POINTS)
    grid[0], grid[-1] = low, high
    runs = {n: np.broadcast_to(np.asarray(v, float), grid.shape) for n, v in results(grid).items()}
    moved = [s for s in stated if s.name in runs and np.ptp(runs[s.name]) > 1e-12 * np.abs(runs[s.name]).max()]
    if not moved:
        raise ClaimError(f"the input {name!r} moves none of the stated numbers {', '.join(s.name for s in stated)}")
    met = np.array([all(hit(s, float(runs[s.name][i])) for s in moved) for i in range(POINTS)])

    def holds(x: float) -> bool:
        values = results(x)
        return all(hit(s, float(values[s.name])) for s in moved)

    edges = np.flatnonzero(np.diff(met.astype(int)))
    cuts = [_boundary(holds, float(grid[i]), float(grid[i + 1])) for i in edges]
    ends = [low] * bool(met[0]) + cuts + [high] * bool(met[-1])
    return Condition(name, phrase, unit, low, high, tuple(zip(ends[::2], ends[1::2], strict=True)), tuple(s.name for s in moved))


def _boundary(holds: Callable[[float], bool], a: float, b: float) -> float:
    """Bisect the change of a yes to a no between two neighbouring points."""
    at_a = holds(a)
    for _ in range(50):
        middle = 0.5 * (a + b)
        a, b = (middle, b) if holds(middle) == at_a else (a, middle)
    return 0.5 * (a + b)
