"""What the chapters' tests share: that no computed number and no reading escapes them, and which readings close."""

from collections.abc import Iterable

from nvlinklab.claims.evaluate import evaluate
from nvlinklab.claims.ledger import ledger


def assert_nothing_is_left_out(chapter: str, expected: Iterable[tuple[str, str]], readings: Iterable[tuple[str, str, str]]) -> None:
    """Every number a chapter computes is in `expected` as (claim, name), every reading in `readings` as (claim, label, name)."""
    expected, readings = list(expected), list(readings)
    for claim in ledger().chapter(chapter).claims:
        result = evaluate(claim)
        assert {t["name"] for t in result["tests"]} | set(result["context"]) == {name for c, name in expected if c == claim}, claim
        found = {(r["label"], r["name"]) for r in result["readings"]}
        assert found == {(label, name) for c, label, name in readings if c == claim}, claim


def closing(claim: str) -> set[str]:
    """Return the labels of the readings that give the article's number."""
    return {r["label"] for r in evaluate(claim)["readings"] if r["outcome"] == "hit"}
