"""Root causes: the few errors from which most wrong numbers of the articles follow, read from `data/root_causes.yml`."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from nvlinklab.claims.ledger import ledger
from nvlinklab.claims.verdict import FAILED
from nvlinklab.errors import DataError, did_you_mean
from nvlinklab.io.paths import data_dir
from nvlinklab.io.yaml import read_yaml


class RootCause(NamedTuple):
    """One error and the claims that follow from it.

    Attributes:
        id: short name
        title: what was confused, as a heading
        error: what the articles do
        correct: what would be right
        claims: ids of the claims whose numbers carry the error
    """

    id: str
    title: str
    error: str
    correct: str
    claims: tuple[str, ...]


@cache
def root_causes() -> dict[str, RootCause]:
    """Return the root causes by id, in the order of the file."""
    return read_root_causes(data_dir() / "root_causes.yml")


def read_root_causes(path: Path) -> dict[str, RootCause]:
    """Read and validate a file of root causes.

    Raises:
        DataError: a field the schema refuses, an id given twice, a claim that does not exist, or one that has two root causes.
    """
    document = read_yaml(path, "root_causes")
    causes: dict[str, RootCause] = {}
    owner: dict[str, str] = {}
    for index, entry in enumerate(document.data):
        cause = RootCause(entry["id"], entry["title"], entry["error"], entry["correct"], tuple(entry["claims"]))
        if cause.id in causes:
            raise DataError(f"{document.where(index)}: the root cause {cause.id!r} is given twice")
        for number, claim in enumerate(cause.claims):
            where = document.where(index, "claims", number)
            if claim not in ledger().claims:
                raise DataError(f"{where}: no claim is called {claim!r}{did_you_mean(claim, ledger().claims)}")
            if claim in owner:
                raise DataError(f"{where}: claim {claim} follows from {owner[claim]!r} already; a claim has one root cause")
            owner[claim] = cause.id
        causes[cause.id] = cause
    return causes


def cause_of() -> dict[str, str]:
    """Return `{claim: root cause}` for every claim that has one."""
    return {claim: cause.id for cause in root_causes().values() for claim in cause.claims}


def explained(results: Iterable[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Split the failed claims (inconsistent or contradicted) into those with a root cause and those that are wrong on their own.

    Args:
        results: entries as `nvlinklab.claims.evaluate.evaluate` returns them
    """
    failed = [r["id"] for r in results if r["verdict"] in FAILED]
    causes = cause_of()
    return [i for i in failed if i in causes], [i for i in failed if i not in causes]
