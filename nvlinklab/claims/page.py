"""The results as a page shows them: read from `data/results/ledger.json`, written as text, never computed here.

Nothing below imports JAX, so the book builds in seconds and shows exactly what was committed.
"""

import math
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from nvlinklab import units
from nvlinklab.claims.condition import Condition
from nvlinklab.claims.ledger import DOCUMENTS
from nvlinklab.claims.results import read_results
from nvlinklab.claims.verdict import VERDICTS
from nvlinklab.errors import ClaimError, did_you_mean
from nvlinklab.io.paths import data_dir

RESULTS = "results/ledger.json"
SIGNS = {
    "reproduced": "✓", "approximately": "≈", "holds-if": "⇒", "inconsistent": "≠", "contradicted": "✗", "not-checkable": "?",
    "pending": "…",
}  # fmt: skip
MEANINGS = {
    "reproduced": "every stated number is a hit",
    "approximately": "no miss, but some are only near; or a miss in a detail that the claim does not rest on",
    "holds-if": "met for some possible values of one quantity nobody publishes, and not for others; the condition is computed",
    "inconsistent": "a miss, and the articles' own numbers are enough to show it; or a claim it rests on has failed",
    "contradicted": "a miss, and a public source outside the articles shows it",
    "not-checkable": "nothing it states can be computed or looked up today; its entry says what would settle it",
    "pending": "no function checks it yet",
}
OUTCOMES = {"hit": "✓", "near": "≈", "miss": "✗"}
NBSP = "\N{NO-BREAK SPACE}"
_UNCHANGED = {"1", "x", "U", "tok", "generation"}
_IRREGULAR = {"switch": "switches", "copy": "copies"}


class Line(NamedTuple):
    """One stated number of a claim beside the computed one, as text.

    Attributes:
        name: what it is
        stated, computed: the two numbers with units; an empty `computed` where there is none
        interval: the range of the computed number under its inputs' ranges, or an empty string
        ratio: computed over stated, or an empty string
        outcome: hit, near, miss, or an empty string
        role: claim, detail, given, or an empty string while pending
    """

    name: str
    stated: str
    computed: str
    interval: str
    ratio: str
    outcome: str
    role: str


class Results:
    """Every claim's result, by id.

    Attributes:
        claims: `{id: result}` as `nvlinklab.claims.evaluate.evaluate` returns them
    """

    def __init__(self, entries: Iterable[dict[str, Any]]):
        self.claims = {entry["id"]: entry for entry in entries}

    def claim(self, claim_id: str) -> dict[str, Any]:
        """Return one result; an unknown id raises `ClaimError` with the nearest ones."""
        if claim_id not in self.claims:
            raise ClaimError(f"no claim is called {claim_id!r}{did_you_mean(claim_id, self.claims)}")
        return self.claims[claim_id]

    def number(self, claim_id: str, name: str = "") -> dict[str, Any]:
        """Return the entry of one computed number: a stated value's counterpart, or a context value.

        Raises:
            ClaimError: nothing is computed, no such name, or no name where there are several.
        """
        result = self.claim(claim_id)
        numbers = {t["name"]: t for t in result["tests"]} | {
            n: {"name": n, "computed": v["value"]} | v for n, v in result["context"].items()
        }
        if not numbers:
            raise ClaimError(f"claim {claim_id} is {result['verdict']}: nothing is computed")
        if not name and len(result["tests"]) == 1:
            name = result["tests"][0]["name"]
        if name not in numbers:
            hint = did_you_mean(name, numbers) or f"; it computes {', '.join(numbers)}"
            raise ClaimError(f"claim {claim_id} computes no {name!r}{hint}")
        return numbers[name]

    def value_text(self, claim_id: str, name: str = "") -> str:
        """Return one computed number with its unit."""
        entry = self.number(claim_id, name)
        return entry["evidence"] if "evidence" in entry else quantity_text(entry["computed"], entry["unit"])

    def range_text(self, claim_id: str, name: str = "") -> str:
        """Return the range of one computed number under the ranges of its inputs."""
        entry = self.number(claim_id, name)
        if "evidence" in entry:
            raise ClaimError(f"claim {claim_id} states {entry['name']} as a name, which has no range")
        return interval_text(entry["interval"], entry["unit"]) or quantity_text(entry["computed"], entry["unit"])

    def stated_text(self, claim_id: str, name: str = "") -> str:
        """Return one number as the article states it."""
        stated = self.claim(claim_id)["stated"]
        if not name and len(stated) == 1:
            name = next(iter(stated))
        if name not in stated:
            hint = did_you_mean(name, stated) or f"; it states {', '.join(stated)}"
            raise ClaimError(f"claim {claim_id} states no {name!r}{hint}")
        return typographic(stated[name])

    def ratio_text(self, claim_id: str, name: str = "") -> str:
        """Return computed over stated: of one number, or of the one that decides the verdict."""
        ratio = self.number(claim_id, name).get("ratio") if name else self.claim(claim_id)["ratio"]
        if ratio is None:
            raise ClaimError(f"claim {claim_id} has no ratio{f' for {name!r}' if name else ''}; it is {self.claim(claim_id)['verdict']}")
        return ratio_text(ratio)

    def select(self, words: Iterable[str] = ()) -> list[dict[str, Any]]:
        """Return the results that match every word: a verdict, `checked`, `total`, an article (`doc-003`) or a chapter (`ch05`).

        Raises:
            ClaimError: a word that is none of these.
        """
        chosen = list(self.claims.values())
        chapters = {c["chapter"].split("-")[0] for c in chosen}
        for word in words:
            if word in VERDICTS:
                chosen = [r for r in chosen if r["verdict"] == word]
            elif word == "checked":
                chosen = [r for r in chosen if r["verdict"] != "pending"]
            elif word in DOCUMENTS:
                chosen = [r for r in chosen if r["document"] == word]
            elif word in chapters:
                chosen = [r for r in chosen if r["chapter"].split("-")[0] == word]
            elif word != "total":
                known = [*VERDICTS, "checked", "total", *DOCUMENTS, *sorted(chapters)]
                raise ClaimError(
                    f"{word!r} cannot be counted{did_you_mean(word, known)}; expected a verdict, checked, total, doc-000 or ch01"
                )
        return chosen

    def lines(self, claim_id: str) -> list[Line]:
        """Return the stated numbers of a claim beside the computed ones, in the order of the record."""
        result = self.claim(claim_id)
        tests = {t["name"]: t for t in result["tests"]}
        return [_line(name, text, tests.get(name), result["verdict"]) for name, text in result["stated"].items()]


def load(folder: Path | None = None) -> Results:
    """Read the committed results of a data folder.

    Raises:
        ClaimError: they have not been written yet, or the file is broken.
    """
    path = (folder or data_dir()) / RESULTS
    return _read(path, path.stat().st_mtime_ns if path.is_file() else 0)


@cache
def _read(path: Path, _changed: int) -> Results:
    return Results(read_results(path))


def quantity_text(value: float | None, unit: str, digits: int = 4) -> str:
    """Write an SI number in the unit the article uses.

    >>> quantity_text(1.296e14, "TB/s"), quantity_text(5.5e-6, "us"), quantity_text(90.0, "x"), quantity_text(72.0, "GPU")
    ('129.6\\xa0TB/s', '5.5\\xa0µs', '90×', '72\\xa0GPUs')
    """
    if value is None or math.isnan(value):
        return "n/a"
    if unit == "date":
        return units.date_text(value)
    return typographic(units.with_unit(value / units.factor(unit), unit, digits))


def interval_text(interval: list[float] | None, unit: str, digits: int = 3) -> str:
    """Write a range, or nothing where it has no width."""
    if not interval or None in interval or math.isclose(interval[0], interval[1], rel_tol=1e-9):
        return ""
    low, high = (quantity_text(v, unit, digits) for v in interval)
    return f"{low.split(NBSP)[0]} to {high}"


def ratio_text(ratio: float) -> str:
    """Write computed over stated.

    >>> ratio_text(0.126562), ratio_text(1.0)
    ('0.127×', '1×')
    """
    return f"{units.number_text(ratio, 3)}×"


def condition_text(found: dict[str, Any]) -> str:
    """Write under which possible values of the one unpublished quantity a claim's numbers are met.

    >>> share = {"input": "f", "phrase": "the share of a step spent communicating", "unit": "1", "low": 0.0, "high": 1.0, "moved": ["gain"]}
    >>> condition_text(share | {"met": [[0.95, 1.0]]})
    'Holds if the share of a step spent communicating is at least 0.95. What is possible runs from 0 to 1.'
    >>> condition_text(share | {"met": []})
    'Met for no possible value of the share of a step spent communicating, from 0 to 1.'
    """
    where = Condition(
        found["input"], found["phrase"], found["unit"], found["low"], found["high"], tuple((a, b) for a, b in found["met"]),
        tuple(found["moved"]),
    )  # fmt: skip
    possible = interval_text([where.low, where.high], where.unit)
    if where.in_part:
        sentence = typographic(where.sentence)
        return f"{sentence[0].upper()}{sentence[1:]}. What is possible runs from {possible}."
    return f"Met for {'every' if where.met else 'no'} possible value of {where.phrase}, from {possible}."


def due_text(due: str) -> str:
    """Write the date a forecast speaks of.

    >>> due_text("2027-12"), due_text("2028"), due_text("2027H2")
    ('December 2027', '2028', 'the second half of 2027')
    """
    if match := re.fullmatch(r"(\d{4})-(\d{2})(?:-(\d{2}))?", due):
        year, month, day = match.groups()
        return f"{int(day)} {_MONTHS[int(month) - 1]} {year}" if day else f"{_MONTHS[int(month) - 1]} {year}"
    if match := re.fullmatch(r"(\d{4})H([12])", due):
        return f"the {'first' if match[2] == '1' else 'second'} half of {match[1]}"
    return due


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def typographic(text: str) -> str:
    """Set units as print does: a fixed space, µs, mm², ×, and a plural for counted things.

    >>> typographic("nearly 800x"), typographic("~5,000 cable"), typographic("1 rack"), typographic("2.5 W/mm^2")
    ('nearly 800×', '~5,000\\xa0cables', '1\\xa0rack', '2.5\\xa0W/mm²')
    >>> typographic("1.026e+12 parameter")
    '1.026×10¹²\\xa0parameters'
    """
    text = re.sub(r"(?<=\d)e([+-]\d+)", lambda m: "×10" + str(int(m[1])).translate(_RAISED), text)
    text = re.sub(r"(?<=\d)x\b(?!/)", "×", text)
    text = re.sub(r"(?<=[\d⁰¹²³⁴⁵⁶⁷⁸⁹]) (?!to )(?=\S+$)", NBSP, text)
    text = re.sub(rf"(?<={NBSP})u(?=[smg]$)", "µ", text)
    for plain, printed in (("^2", "²"), ("^3", "³"), (">=", "≥"), ("<=", "≤")):
        text = text.replace(plain, printed)
    number, _, unit = text.rpartition(NBSP)
    if (
        unit in units.VOCABULARY
        and unit.isalpha()
        and not units.exponents(unit)
        and unit not in _UNCHANGED
        and not re.search(r"(?<![\d.,])1$", number)
    ):
        return f"{number}{NBSP}{_IRREGULAR.get(unit, unit + 's')}" if number else text
    return text


def _power(match: re.Match[str]) -> str:
    digits = str(int(match[2])).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"10{digits}" if match[1] == "1" else f"{match[1]}·10{digits}"


def _line(name: str, stated: str, test: dict[str, Any] | None, verdict: str) -> Line:
    if test is None:
        return Line(name, typographic(stated), "", "", "", "", "given" if verdict not in ("pending", "not-checkable") else "")
    if "evidence" in test:
        return Line(name, typographic(stated), test["evidence"], "", "", test["outcome"], test["role"])
    ratio = "" if test["ratio"] is None else ratio_text(test["ratio"])
    computed = quantity_text(test["computed"], test["unit"])
    return Line(name, typographic(stated), computed, interval_text(test["interval"], test["unit"]), ratio, test["outcome"], test["role"])
