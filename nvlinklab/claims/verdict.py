"""The one rule that turns a computed number and a stated number into a verdict.

**How exact must a number be?** A stated number is taken to be right to half a unit of its last non-zero digit, though at least to
0.5 % and at most to 2.5 % (`130` to 2.5 %, `5.5` to 0.9 %, `188` to 0.5 %). Words widen or turn that:

| words | the computed number must lie |
|---|---|
| none, "implied" | within the tolerance on either side |
| "~", "about" | within 5 % on either side |
| "nearly", "almost" | up to 5 % below, and not above |
| "up to" | at the stated number within the tolerance: the best case must reach it, and it is a bound |
| "<", "<=" / ">", ">=" | below / above it, give or take the tolerance (strict signs: no tolerance) |
| a range | inside it, give or take the tolerance at each end |
| "order" | within a factor of the square root of ten |
| a name | the same name in the evidence |

**What is it called?** Each stated number is a *hit*, *near* (within 25 %) or a *miss*.

- all hits: **reproduced**. Some near, no miss: **approximately**.
- a miss in a detail (a number the claim mentions but does not rest on) counts as near.
- any other miss: **contradicted** if the computed number rests on a public source outside the articles, **inconsistent** if it follows from
  the articles' own numbers and arithmetic alone.
- a claim that hangs on one quantity nobody publishes is checked over all its possible values: met everywhere or nowhere, it gets one of the
  verdicts above; met for some of them, it is **holds-if**, with the condition computed.
- a claim that takes a number from another claim which is inconsistent or contradicted is at best **inconsistent**: its premise is gone.
- a claim of which nothing can be computed or looked up today is **not-checkable**, and says what would settle it.

*Reproduced* says that the number follows or matches its source, not that the inference drawn from it holds.
"""

import math
from typing import Literal, NamedTuple

from nvlinklab.claims.condition import Condition
from nvlinklab.claims.ledger import Stated

Outcome = Literal["hit", "near", "miss"]
Verdict = Literal["reproduced", "approximately", "holds-if", "inconsistent", "contradicted", "not-checkable", "pending"]

VERDICTS: tuple[Verdict, ...] = ("reproduced", "approximately", "holds-if", "inconsistent", "contradicted", "not-checkable", "pending")
FAILED: tuple[Verdict, ...] = ("inconsistent", "contradicted")

FINEST, COARSEST, ABOUT, NEAR = 0.005, 0.025, 0.05, 0.25


class Test(NamedTuple):
    """One stated number beside the computed one.

    Attributes:
        stated: what the article says
        computed: what we get [SI]; NaN for a name
        outcome: hit, near or miss
        public: the computed number rests on a source outside the articles
        text: the name the evidence gives, for a stated name
    """

    stated: Stated
    computed: float
    outcome: Outcome
    public: bool
    text: str = ""

    @property
    def ratio(self) -> float:
        """Computed over stated (over the nearer end of a stated range); NaN where there is none, as for names and dates."""
        if self.stated.unit == "date":
            return float("nan")
        reference = min(max(self.computed, self.stated.low), self.stated.high)
        return self.computed / reference if reference else float("nan")


def tolerance(stated: Stated) -> float:
    """Return how far, relatively, a computed number may lie from a stated one and still be the same number."""
    if stated.qualifier in ("~", "nearly"):
        return ABOUT
    return min(max(stated.step, FINEST), COARSEST)


def outcome(stated: Stated, computed: float) -> Outcome:
    """Compare one computed number [SI] with a stated one, by the table above."""
    if math.isnan(computed):
        return "miss"
    low, high, exact = stated.low, stated.high, tolerance(stated)
    if stated.unit == "date":
        slack_low = slack_high = 1 / 12
        return _band(computed, low - 1e-9, high + 1e-9, low - slack_low, high + slack_high)
    if stated.qualifier == "order":
        root = math.sqrt(10)
        return _band(computed, low / root, high * root, low / 10, high * 10)
    margin_low, margin_high = exact * abs(low), exact * abs(high)
    near_low, near_high = low - (1 - 1 / (1 + NEAR)) * abs(low), high + NEAR * abs(high)
    match stated.qualifier:
        case "nearly":
            return _band(computed, low - margin_low, high * (1 + 1e-12), near_low, near_high)
        case "<":
            return _band(computed, -math.inf, high, -math.inf, near_high)
        case "<=":
            return _band(computed, -math.inf, high + margin_high, -math.inf, near_high)
        case ">":
            return _band(computed, low, math.inf, near_low, math.inf)
        case ">=":
            return _band(computed, low - margin_low, math.inf, near_low, math.inf)
    return _band(computed, low - margin_low, high + margin_high, near_low, near_high)


def _band(x: float, low: float, high: float, near_low: float, near_high: float) -> Outcome:
    if low <= x <= high:
        return "hit"
    return "near" if near_low <= x <= near_high else "miss"


def verdict(tests: list[Test], failed_premises: list[str], condition: Condition | None = None) -> tuple[Verdict, str]:
    """Return the verdict on a claim and the reason for it in one sentence.

    Args:
        tests: every stated number of role `claim` or `detail` with its computed counterpart
        failed_premises: ids of the claims it takes numbers from that are themselves inconsistent or contradicted
        condition: where the claim hangs on one unpublished quantity, for which values of it the numbers are met
    """
    if not tests:
        return "not-checkable", "nothing that the claim states can be computed or looked up today"
    conditional = condition.moved if condition and condition.in_part else ()
    misses = [t for t in tests if t.outcome == "miss" and t.stated.role == "claim" and t.stated.name not in conditional]
    if misses:
        worst = misses[0]
        names = ", ".join(t.stated.name for t in misses)
        if any(t.public for t in misses):
            return "contradicted", f"{names}: {_says(worst)} by public sources"
        return "inconsistent", f"{names}: {_says(worst)} by the articles' own numbers"
    if failed_premises:
        return "inconsistent", f"rests on {', '.join(failed_premises)}, which does not hold"
    if condition and condition.in_part:
        return "holds-if", condition.sentence
    soft = [t for t in tests if t.outcome != "hit"]
    if soft:
        return "approximately", f"{', '.join(t.stated.name for t in soft)}: {_says(soft[0])}"
    return "reproduced", "every stated number is met within its stated precision"


def _says(test: Test) -> str:
    if test.stated.text:
        return f"'{test.text}' instead of '{test.stated.text}'"
    if test.stated.unit == "date":
        return f"{test.computed:.2f} instead of {test.stated.shown}"
    return f"{test.ratio:.3g} times the stated number"
