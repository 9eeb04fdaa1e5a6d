"""The ledger: every quantified claim of the five articles, read from `data/claims/*.yml` and checked against its schema."""

import math
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from nvlinklab import units
from nvlinklab.errors import ClaimError, DataError, UnitError, did_you_mean
from nvlinklab.io import provenance
from nvlinklab.io.paths import data_dir
from nvlinklab.io.yaml import Document, read_yaml

DOCUMENTS = {
    "doc-000": "NVLink Fusion overview",
    "doc-001": "news brief on NVLink and MoE",
    "doc-002": "news brief on the NVLink Spine",
    "doc-003": "technical essay from NVL72 to NVL576",
    "doc-004": "opinion piece on NVIDIA and Marvell",
}


class Stated(NamedTuple):
    """One number (or name) a claim states.

    Attributes:
        name: what it is, unique within the claim
        low, high: the stated number or range [SI]; both NaN for a name
        text: the stated name, or an empty string
        unit: as the article writes it
        per, direction: what it counts per, and which direction
        qualifier: `~`, `nearly`, `up to`, `<`, `>`, `order`, `implied`, or an empty string
        role: `claim`, `detail` (mentioned, not what the claim rests on) or `given` (a condition)
        step: half a unit of the last non-zero digit, relative to the number
        reading: how we read words that are no number
    """

    name: str
    low: float
    high: float
    text: str
    unit: str
    per: str
    direction: str
    qualifier: str
    role: str
    step: float
    reading: str

    @property
    def value(self) -> float:
        """The middle of the stated range [SI]."""
        return 0.5 * (self.low + self.high)

    @property
    def shown(self) -> str:
        """The stated value as a reader would write it."""
        if self.text:
            return self.text
        mark = {"~": "~", "nearly": "nearly ", "up to": "up to ", "order": "order of "}.get(self.qualifier, self.qualifier)
        mark = "" if mark == "implied" else mark
        f = units.factor(self.unit)
        if self.unit == "date":
            return f"{mark}{_date_text(self.low, self.high)}"
        if self.low == self.high:
            return f"{mark}{units.with_unit(self.low / f, self.unit, 6)}"
        return f"{mark}{units.number_text(self.low / f, 6)} to {units.with_unit(self.high / f, self.unit, 6)}"


class Claim(NamedTuple):
    """One claim: our paraphrase, what it states, and where it stands in its article.

    `due` is the date a forecast speaks of, `settles` the observation that would decide a claim nobody can check today.
    """

    id: str
    chapter: str
    statement: str
    document: str
    locator: str
    kind: str
    tag: str
    values: tuple[Stated, ...]
    conflicts: tuple[str, ...]
    evidence: tuple[str, ...]
    says: dict[str, str]
    note: str
    settles: str
    due: str
    figure_missing: bool
    where: str

    def stated(self, name: str) -> Stated:
        """Return one stated value by name; an unknown one raises `ClaimError`."""
        for value in self.values:
            if value.name == name:
                return value
        names = [v.name for v in self.values]
        raise ClaimError(f"{self.where}: claim {self.id} states no {name!r}{did_you_mean(name, names)}; it states {', '.join(names)}")


class Chapter(NamedTuple):
    """One chapter: a question, the model that answers it, and its claims in order."""

    id: str
    title: str
    question: str
    model: str
    notebook: str
    claims: tuple[str, ...]


class Ledger(NamedTuple):
    """All chapters and claims."""

    chapters: dict[str, Chapter]
    claims: dict[str, Claim]

    def claim(self, claim_id: str) -> Claim:
        """Return one claim; an unknown id raises `ClaimError` with the nearest ones."""
        if claim_id not in self.claims:
            raise ClaimError(f"no claim is called {claim_id!r}{did_you_mean(claim_id, self.claims)}")
        return self.claims[claim_id]

    def chapter(self, name: str) -> Chapter:
        """Return one chapter by id or by its prefix (`ch05`)."""
        for chapter in self.chapters.values():
            if chapter.id == name or chapter.id.split("-")[0] == name:
                return chapter
        raise ClaimError(f"no chapter is called {name!r}; there are {', '.join(c.split('-')[0] for c in self.chapters)}")


@cache
def ledger() -> Ledger:
    """Read and validate every claims file of `data/claims/`."""
    return read_ledger(data_dir() / "claims")


def read_ledger(folder: Path) -> Ledger:
    """Read and validate the claims files of a folder.

    Raises:
        DataError: a field the schema refuses, a duplicate id, an unknown unit, document or chapter, or a conflict with a claim
            that does not exist; the message starts with file:line.
    """
    chapters: dict[str, Chapter] = {}
    claims: dict[str, Claim] = {}
    documents: list[tuple[Document, int, Claim]] = []
    for path in sorted(folder.glob("*.yml")):
        document = read_yaml(path, "claims")
        head = document.data["chapter"]
        if path.stem != head["id"]:
            raise DataError(
                f"{document.where('chapter', 'id')}: chapter {head['id']!r} is in a file called {path.name}; expected {head['id']}.yml"
            )
        ids = []
        for index, entry in enumerate(document.data["claims"]):
            claim = _claim(document, index, entry, head["id"])
            if claim.id in claims:
                raise DataError(f"{claim.where}: claim {claim.id!r} is given twice; first in {claims[claim.id].where}")
            claims[claim.id] = claim
            ids.append(claim.id)
            documents.append((document, index, claim))
        chapters[head["id"]] = Chapter(head["id"], head["title"], head["question"], head["model"], head.get("notebook", ""), tuple(ids))
    for document, index, claim in documents:
        for other in claim.conflicts:
            if other not in claims:
                where = document.where("claims", index, "conflicts")
                raise DataError(f"{where}: claim {claim.id} conflicts with {other!r}, which does not exist{did_you_mean(other, claims)}")
    return Ledger(chapters, claims)


def _claim(document: Document, index: int, entry: dict[str, Any], chapter: str) -> Claim:
    where = document.where("claims", index)
    source = entry["source"]["document"]
    provenance.require([source], document.where("claims", index, "source"))
    if source not in DOCUMENTS:
        raise DataError(f"{where}: document {source!r} is not one of the articles: {', '.join(DOCUMENTS)}")
    values = []
    for number, value in enumerate(entry["values"]):
        place = document.where("claims", index, "values", number)
        values.append(_stated(value, place))
    names = [v.name for v in values]
    if len(set(names)) < len(names):
        raise DataError(f"{where}: claim {entry['id']} states {', '.join(sorted({n for n in names if names.count(n) > 1}))} twice")
    says: dict[str, str] = {}
    evidence = []
    for item in entry.get("evidence", []):
        if isinstance(item, str):
            evidence.append(item)
        else:
            evidence.append(item["where"])
            says |= item["says"]
    for name in says:
        if name not in names:
            raise DataError(f"{where}: evidence speaks of {name!r}, which the claim does not state; it states {', '.join(names)}")
    return Claim(
        id=entry["id"], chapter=chapter, statement=entry["statement"], document=source, locator=entry["source"]["locator"],
        kind=entry["kind"], tag=entry["tag"], values=tuple(values), conflicts=tuple(entry.get("conflicts", ())), evidence=tuple(evidence),
        says=says, note=entry.get("note", ""), settles=entry.get("settles", ""), due=str(entry.get("due", "")),
        figure_missing=entry.get("figure_missing", False), where=where,
    )  # fmt: skip


def _stated(entry: dict[str, Any], where: str) -> Stated:
    try:
        unit = units.check_vocabulary(entry["unit"])
    except UnitError as exc:
        raise DataError(f"{where}: {exc}") from None
    low = high = float("nan")
    step = 0.0
    given = entry.get("value")
    if isinstance(given, str):
        low, high = _date_range(given, where)
    elif isinstance(given, list):
        low, high = (units.to_si(float(v), unit) for v in given)
        step = min(_step(float(v)) for v in given)
        if low > high:
            raise DataError(f"{where}: the range {given[0]} to {given[1]} runs backwards")
    elif given is not None:
        low = high = units.to_si(float(given), unit)
        step = _step(float(given))
    return Stated(
        name=entry["name"], low=low, high=high, text=entry.get("text", ""), unit=unit, per=entry.get("per", ""),
        direction=entry.get("direction", ""), qualifier=entry.get("qualifier", ""), role=entry.get("role", "claim"), step=step,
        reading=entry.get("reading", ""),
    )  # fmt: skip


def _step(number: float) -> float:
    """Half a unit of the last non-zero digit, relative to the number.

    >>> _step(1.8), _step(72.0), round(_step(130.0), 4)
    (0.02777777777777778, 0.006944444444444444, 0.0385)
    """
    if number == 0:
        return 0.0
    digits = f"{abs(number):.12g}"
    mantissa, _, exponent = digits.partition("e")
    whole, _, decimals = mantissa.partition(".")
    decimals = decimals.rstrip("0")
    place = -len(decimals) if decimals else len(whole) - len(whole.rstrip("0"))
    return 0.5 * 10.0 ** (place + int(exponent or 0)) / abs(number)


def _date_range(text: str, where: str) -> tuple[float, float]:
    """Return a stated date as a range of calendar years: a month, a half-year, a quarter, a day or a year.

    >>> _date_range("2027H2", ""), _date_range("2024", "")
    ((2027.5, 2028.0), (2024.0, 2025.0))
    """
    match = re.fullmatch(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?(?:/(\d{2}))?|H([12])|Q([1-4]))?", text)
    if match is None:
        raise DataError(f"{where}: {text!r} is not a date; write 2024, 2024-03, 2026-01/03, 2024-03-18, 2027H2 or 2027Q3")
    year, month, day, until, half, quarter = (int(g) if g else None for g in match.groups())
    assert year is not None
    if half:
        return year + 0.5 * (half - 1), year + 0.5 * half
    if quarter:
        return year + 0.25 * (quarter - 1), year + 0.25 * quarter
    if month is None:
        return float(year), year + 1.0
    if day is not None:
        start = year + (month - 1) / 12 + (day - 1) / 365.25
        return start, start + 1 / 365.25
    return year + (month - 1) / 12, year + (until or month) / 12


def _date_text(low: float, high: float) -> str:
    """Write a stated range of calendar years as a reader would.

    >>> _date_text(2027.5, 2028.0), _date_text(2026.0, 2026.25), _date_text(2024.0, 2025.0), _date_text(2020.0, 2024.0)
    ('2027H2', '2026-01/03', '2024', '2020 to 2023')
    >>> _date_text(*_date_range("2026-05-19", ""))
    '2026-05'
    """
    first, last = math.floor(low * 12 + 1e-6), math.ceil(high * 12 - 1e-6) - 1
    (year, month), (last_year, last_month) = divmod(first, 12), divmod(last, 12)
    if month == 0 and last_month == 11:
        return str(year) if year == last_year else f"{year} to {last_year}"
    if year == last_year and (month, last_month) in ((0, 5), (6, 11)):
        return f"{year}H{1 if month == 0 else 2}"
    start = f"{year}-{month + 1:02d}"
    if last <= first:
        return start
    return f"{start}/{last_month + 1:02d}" if year == last_year else f"{start} to {last_year}-{last_month + 1:02d}"
