"""The ledger as files to take away: one JSON document, and a CSV table with one row a stated number."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from nvlinklab import units
from nvlinklab.claims.page import Results

COLUMNS = (
    "id", "chapter", "article", "locator", "tag", "kind", "statement", "verdict", "why", "claim_ratio", "number", "role", "stated", "unit",
    "stated_low", "stated_high", "computed", "computed_low", "computed_high", "ratio", "outcome", "due", "settles", "conflicts", "link",
    "derivation",
)  # fmt: skip
DIGITS = 9


def to_json(found: Results, links: Mapping[str, tuple[str, str]]) -> str:
    """Return every result as JSON, numbers in SI beside their unit, with the claim's place in the book.

    Args:
        found: the results
        links: `{claim id: (its row on the ledger page, the cell that derives it)}`
    """
    entries = [entry | dict(zip(("link", "derivation"), links.get(key, ("", "")), strict=True)) for key, entry in found.claims.items()]
    return json.dumps(entries, indent=1, ensure_ascii=False) + "\n"


def to_csv(found: Results, links: Mapping[str, tuple[str, str]]) -> str:
    """Return one row a stated number, numbers in the unit the article uses; a claim without numbers has one row."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for key, result in found.claims.items():
        link, derivation = links.get(key, ("", ""))
        head = {
            "id": key, "chapter": result["chapter"], "article": result["document"], "claim_ratio": _number(result["ratio"]),
            "due": result.get("due", ""), "conflicts": " ".join(result["conflicts"]), "link": link, "derivation": derivation,
        } | {c: result[c] for c in ("locator", "tag", "kind", "statement", "verdict", "why", "settles")}  # fmt: skip
        tests = {t["name"]: t for t in result["tests"]}
        for name, stated in (result["stated"] or {"": ""}).items():
            writer.writerow(head | {"number": name, "stated": stated} | _test(tests.get(name)))
    return out.getvalue()


def _test(test: dict[str, Any] | None) -> dict[str, Any]:
    if test is None:
        return {}
    row = {"role": test["role"], "unit": test["unit"], "outcome": test["outcome"]}
    if "evidence" in test:
        return row | {"computed": test["evidence"]}
    factor = units.factor(test["unit"])
    numbers = {
        "stated_low": test["low"], "stated_high": test["high"], "computed": test["computed"],
        "computed_low": test["interval"][0], "computed_high": test["interval"][1],
    }  # fmt: skip
    shown = {column: _number(None if value is None else value / factor) for column, value in numbers.items()}
    return row | shown | {"ratio": _number(test["ratio"])}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.{DIGITS}g}"
