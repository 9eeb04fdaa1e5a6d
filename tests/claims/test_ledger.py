"""The ledger's data: complete, and malformed entries fail with file, line and what was expected."""

import shutil

import pytest

from nvlinklab.claims.ledger import ledger, read_ledger
from nvlinklab.errors import ClaimError, DataError
from nvlinklab.io.paths import data_dir

CLAIMS, CHAPTERS = 309, 16


def test_every_claim_is_there_once():
    book = ledger()
    assert len(book.claims) == CLAIMS
    assert len(book.chapters) == CHAPTERS
    assert sum(len(c.claims) for c in book.chapters.values()) == CLAIMS
    assert all(book.claims[i].chapter == c.id for c in book.chapters.values() for i in c.claims)


def test_conflicts_are_mutual():
    book = ledger()
    for claim in book.claims.values():
        for other in claim.conflicts:
            assert claim.id in book.claims[other].conflicts, f"{other} does not mention {claim.id}"


def test_unknown_names_suggest():
    with pytest.raises(ClaimError, match="bw-800x-first-generation"):
        ledger().claim("bw-800x-first-gen")
    with pytest.raises(ClaimError, match="ch05"):
        ledger().chapter("ch99")


CLAIM = """
- id: some-claim
  statement: A statement that is long enough.
  source: {document: doc-003, locator: '1'}
  kind: spec
  tag: none
  values:
  - {name: speed, value: 3, unit: TB/s}
"""
HEAD = """chapter:
  id: ch99-test
  title: A test chapter
  question: Does a wrong entry fail?
  model: none at all
claims:
"""


@pytest.fixture
def read(tmp_path):
    def read_text(text, name="ch99-test.yml"):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return read_ledger(tmp_path)

    return read_text


def test_a_good_file_reads(read):
    claim = read(HEAD + CLAIM).claims["some-claim"]
    assert claim.stated("speed").value == 3e12
    assert claim.stated("speed").shown == "3 TB/s"


@pytest.mark.parametrize(
    ("old", "new", "line", "expected"),
    [
        ("unit: TB/s", "unit: TBps", 14, "did you mean 'TB/s'"),
        ("value: 3", "value: fast", 14, "expected: number"),
        ("value: 3, ", "", 14, "'value'"),
        ("doc-003", "doc-777", 10, "did you mean"),
        ("kind: spec", "kind: specs", 11, "did you mean 'spec'"),
        ("  tag: none\n", "", 8, "missing 'tag'"),
        ("tag: none", "tag: none\n  colour: red", 8, "unknown field 'colour'"),
        ("id: some-claim", "id: Some Claim", 8, "does not look like some-claim-id"),
        ("statement: A statement that is long enough.", "statement: 7", 9, "expected string"),
        ("value: 3", "value: [4, 2]", 14, "runs backwards"),
        ("tag: none", "tag: none\n  conflicts: [nobody]", 13, "does not exist"),
        ("id: ch99-test", "id: ch98-other", 2, "expected ch98-other.yml"),
        ("kind: spec", "kind: spec\n  kind: model", 12, "given twice"),
        ("- {name: speed", "- [name: speed", 14, "YAML"),
    ],
)
def test_a_malformed_entry_says_file_line_and_what_was_expected(read, old, new, line, expected):
    text = HEAD + CLAIM
    assert old in text
    with pytest.raises(DataError) as caught:
        read(text.replace(old, new, 1))
    message = str(caught.value)
    assert f"ch99-test.yml:{line}:" in message
    assert expected in message


def test_a_duplicate_id_names_both_places(read):
    with pytest.raises(DataError, match=r"ch99-test\.yml:16: claim 'some-claim' is given twice; first in .*ch99-test\.yml:8"):
        read(HEAD + CLAIM + CLAIM)


def test_a_claim_in_no_chapter_fails(read):
    with pytest.raises(DataError, match=r"ch99-test\.yml:1: the file: missing 'chapter'"):
        read("claims:" + CLAIM)


def test_a_stated_name_twice_fails(read):
    with pytest.raises(DataError, match="states speed twice"):
        read(HEAD + CLAIM + "  - {name: speed, value: 4, unit: TB/s}\n")


def test_evidence_must_speak_of_a_stated_name(read):
    text = CLAIM.replace("  tag: none", "  tag: none\n  evidence:\n  - {where: a page, says: {name: x}}")
    with pytest.raises(DataError, match="evidence speaks of 'name'"):
        read(HEAD + text)


def test_the_real_files_are_what_is_read(tmp_path):
    folder = tmp_path / "claims"
    shutil.copytree(data_dir() / "claims", folder)
    assert read_ledger(folder).claims.keys() == ledger().claims.keys()
