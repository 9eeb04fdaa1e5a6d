"""Root causes: each lists claims that exist and have something wrong with them, and says so when the file does not."""

import pytest

from nvlinklab.claims.causes import cause_of, explained, read_root_causes, root_causes
from nvlinklab.claims.ledger import ledger
from nvlinklab.claims.results import read_results
from nvlinklab.errors import DataError

GOOD = """
- {id: units, title: Bits and bytes, error: bits are taken for bytes, correct: one byte has eight bits,
   claims: [bw-rack-130tbs-s0, hbm4-2p75x]}
"""


def test_there_are_eight_and_no_claim_has_two():
    assert len(root_causes()) == 8
    listed = [claim for cause in root_causes().values() for claim in cause.claims]
    assert len(listed) == len(set(listed)) == len(cause_of())
    assert set(listed) <= set(ledger().claims)


def test_a_claim_that_holds_carries_no_error():
    verdicts = {r["id"]: r["verdict"] for r in read_results()}
    assert {i for i in cause_of() if verdicts[i] == "reproduced"} == set()


def test_every_failed_claim_is_explained_or_named():
    results = read_results()
    with_cause, alone = explained(results)
    assert len(with_cause) + len(alone) == sum(r["verdict"] in ("inconsistent", "contradicted") for r in results)
    assert not set(with_cause) & set(alone)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("hbm4-2p75x", "hbm4-2p75", "did you mean .hbm4-2p75x"),
        ("hbm4-2p75x]", "bw-rack-130tbs-s0]", "claims"),
        ("error: bits are taken for bytes", "error: bits", "error"),
        ("id: units", "name: units", "id"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path, old, new, message):
    path = tmp_path / "root_causes.yml"
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(DataError, match=message):
        read_root_causes(path)


def test_a_claim_has_one_root_cause(tmp_path):
    path = tmp_path / "root_causes.yml"
    path.write_text(GOOD + GOOD.replace("id: units", "id: other"))
    with pytest.raises(DataError, match="already"):
        read_root_causes(path)
