"""The ledger seen from above: where claims fail, what the articles' tags are worth, which claims clash, which numbers matter.

Everything here is counted from the committed results; nothing imports JAX.
"""

import math
import textwrap
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

from nvlinklab.claims.verdict import FAILED, VERDICTS

Result = dict[str, Any]
HOLDS = ("reproduced", "approximately")
DECIDED = (*HOLDS, *FAILED)
TAGS = ("Official", "Third-party", "Estimated", "none")
LABEL = 70  # letters
LEAST = 1e-3  # a range that moves a claim by less than 0.1 % is no doubt


class Share(NamedTuple):
    """A share of a small number of claims, with its interval.

    Attributes:
        name: of the group
        hits, total: how many of how many
        low, high: Wilson's interval at 95 % (Wilson 1927)
    """

    name: str
    hits: int
    total: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """Hits over total; NaN of nothing."""
        return self.hits / self.total if self.total else math.nan


class Weight(NamedTuple):
    """One number with a range, and what its range does to the claims that use it.

    Attributes:
        name: of the number: its path in the data, or what a claim's function calls it
        ref: where the number comes from, the same for every claim that takes it
        origin: public, article, definition or assumption
        low, high: its widest range [SI]
        unit: as shown
        moves: `{claim id: how far its range moves the claim}`, as ln of a factor, of the stated number it moves most
        rescues: claims it could make true within its range
    """

    name: str
    ref: str
    origin: str
    low: float
    high: float
    unit: str
    moves: dict[str, float]
    rescues: tuple[str, ...]

    @property
    def label(self) -> str:
        """Its name, or the first words of its reason, with the name where they do not say it."""
        if self.name == self.ref:
            return self.name
        reason = textwrap.shorten(self.ref.split(";")[0], LABEL, placeholder=" …")
        return reason if self.name in reason else f"{self.name}: {reason}"

    @property
    def total(self) -> float:
        """The sum of its moves over all claims."""
        return math.fsum(self.moves.values())

    @property
    def largest(self) -> float:
        """The factor between the two ends of its range in the claim it moves most."""
        return math.exp(max(self.moves.values()))


def tally(results: Iterable[Result], key: str) -> dict[str, dict[str, int]]:
    """Return how many claims have each verdict, by a key of the results (`document`, `chapter`, `tag`, `kind`)."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for result in results:
        counted[result[key]][result["verdict"]] += 1
    return {group: {v: counts[v] for v in VERDICTS if counts[v]} for group, counts in counted.items()}


def share(name: str, hits: int, total: int) -> Share:
    """Return a share with Wilson's interval.

    >>> s = share("Official", 8, 10); round(s.low, 3), round(s.high, 3)
    (0.49, 0.943)
    """
    if not total:
        return Share(name, 0, 0, 0.0, 1.0)
    from scipy.stats import binomtest

    interval = binomtest(hits, total).proportion_ci(method="wilson")
    return Share(name, hits, total, float(interval.low), float(interval.high))


def held_by(results: Iterable[Result], key: str, groups: Iterable[str]) -> list[Share]:
    """Return, for each group, the share of claims that hold among those that hold or fail."""
    decided = [r for r in results if r["verdict"] in DECIDED]
    made = []
    for group in groups:
        chosen = [r["verdict"] in HOLDS for r in decided if r[key] == group]
        made.append(share(group, sum(chosen), len(chosen)))
    return made


def skill(results: Iterable[Result], key: str) -> float:
    """Return how much better the group predicts whether a claim holds than the overall share does (Brier skill).

    Each claim is predicted from all others, so that a group cannot explain itself: 1 is perfect, 0 is no better than knowing
    nothing, and below 0 the group misleads. NaN where nothing varies.
    """
    decided = [(r[key], r["verdict"] in HOLDS) for r in results if r["verdict"] in DECIDED]
    hits, totals = Counter(g for g, held in decided if held), Counter(g for g, _ in decided)
    all_hits, total = sum(hits.values()), len(decided)
    by_group = by_all = 0.0
    for group, held in decided:
        overall = (all_hits - held) / (total - 1) if total > 1 else 0.5
        own = (hits[group] - held) / (totals[group] - 1) if totals[group] > 1 else overall
        by_group += (own - held) ** 2
        by_all += (overall - held) ** 2
    return 1 - by_group / by_all if by_all else math.nan


def conflicts(results: Iterable[Result]) -> list[tuple[str, str]]:
    """Return every pair of claims that cannot both be right, once, in ledger order."""
    found = list(results)
    order = {r["id"]: i for i, r in enumerate(found)}
    pairs = {tuple(sorted((r["id"], other), key=order.__getitem__)) for r in found for other in r["conflicts"] if other in order}
    return sorted(pairs, key=lambda pair: (order[pair[0]], order[pair[1]]))  # type: ignore[return-value]


def knots(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, ...]]:
    """Return the groups of claims that hang together by conflicts, the largest first; the most contested claim leads each."""
    import networkx

    graph = networkx.Graph(list(pairs))
    groups = [sorted(group, key=lambda c: (-graph.degree[c], c)) for group in networkx.connected_components(graph)]
    return [tuple(group) for group in sorted(groups, key=lambda g: (-len(g), g))]


def weights(results: Iterable[Result]) -> list[Weight]:
    """Return every number that has a range and moves a stated number, the most consequential first.

    The move of a claim is |elasticity| x ln(high / low), though never more than the whole interval of its result, and exactly that
    where the claim has no other range. Left out are dates and ranges that touch zero, which have no ratio, and the quantity a
    `holds-if` claim hangs on: there the whole range is the answer, not a doubt about it.
    """
    moves: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    about: dict[tuple[str, str], Result] = {}
    rescues: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    for result in results:
        stated = {t["name"]: t for t in result["tests"] if "evidence" not in t}
        ranges = {n: i for n, i in result["inputs"].items() if _has_ratio(i["low"], i["high"]) and i["unit"] != "date"}
        hinge = (result.get("condition") or {}).get("input") if result["verdict"] == "holds-if" else None
        alone = len([i for i in result["inputs"].values() if i["low"] != i["high"]]) == 1
        for name, entry in ranges.items():
            move = max((_move(result, number, name, entry, alone) for number in stated), default=0.0)
            if name == hinge or move < LEAST:
                continue
            key = _key(name, entry)
            moves[key][result["id"]] = max(move, moves[key].get(result["id"], 0.0))
            if key not in about or entry["high"] / entry["low"] > about[key]["high"] / about[key]["low"]:
                about[key] = entry
            if any(_rescues(test, result["break_even"].get(number, {}).get(name), entry) for number, test in stated.items()):
                rescues[key][result["id"]] = None
    made = [
        Weight(*key, i["origin"], i["low"], i["high"], i["unit"], moves[key], tuple(rescues[key])) for key, i in about.items()
    ]  # fmt: skip
    return sorted(made, key=lambda w: (-w.total, w.name, w.ref))


def _key(name: str, entry: Result) -> tuple[str, str]:
    """A number of the data goes by its path; one of our own by the name it has in the function and by its reason."""
    return (name.replace("_", " "), entry["ref"]) if entry["origin"] in ("assumption", "definition") else (entry["ref"], entry["ref"])


def _has_ratio(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and 0 < low < high


def _move(result: Result, number: str, name: str, entry: Result, alone: bool) -> float:
    slope = abs(result["elasticities"].get(number, {}).get(name) or 0.0)
    straight = slope * math.log(entry["high"] / entry["low"])
    low, high = next(t["interval"] for t in result["tests"] if t["name"] == number)
    if not _has_ratio(low, high):
        return straight if low != high else 0.0
    whole = math.log(high / low)
    return whole if alone else min(straight, whole)


def _rescues(test: Result, answer: Result | None, entry: Result) -> bool:
    if test["outcome"] == "hit" or answer is None or answer["value"] is None:
        return False
    return entry["low"] <= answer["value"] <= entry["high"]


def difference(a: Share, b: Share) -> float:
    """Return how likely two shares as different as these are if the groups do not differ (Fisher's exact test, two-sided)."""
    if not a.total or not b.total:
        return math.nan
    from scipy.stats import fisher_exact

    return float(fisher_exact([[a.hits, a.total - a.hits], [b.hits, b.total - b.hits]]).pvalue)
