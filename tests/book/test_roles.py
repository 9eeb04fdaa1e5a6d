"""Roles and directives, in a book about three claims that is built once, each case a page of its own."""

import json
import re
import shutil
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

DATA = Path(__file__).resolve().parents[2] / "data"
CONFIG = "extensions = ['myst_nb', 'nvlinklab.bookext']\nnb_execution_mode = 'off'\nnitpicky = True\n"
CHAPTER = """
chapter: {id: ch05-test, title: A chapter, question: Is it so or not?, model: arithmetic}
claims:
- id: expert-load
  statement: An expert loads in 5.5 <b>us</b>.
  source: {document: doc-003, locator: '4.1'}
  kind: arithmetic
  tag: none
  values: [{name: time, value: 5.5, unit: us}]
- id: named
  statement: An expert loads in 5.5 <b>us</b>.
  source: {document: doc-003, locator: '4.1'}
  kind: arithmetic
  tag: none
  values: [{name: bound, text: bandwidth, unit: '1'}]
- id: waiting
  statement: An expert loads in 5.5 <b>us</b>.
  source: {document: doc-003, locator: '4.1'}
  kind: arithmetic
  tag: none
  values: [{name: time, value: 2, unit: us}]
"""


def result(claim_id: str, verdict: str, **more: Any) -> dict[str, Any]:
    """Return one entry of the results file."""
    return {
        "id": claim_id, "chapter": "ch05-test", "document": "doc-003", "locator": "4.1", "tag": "none", "kind": "arithmetic",
        "statement": "An expert loads in 5.5 <b>us</b>.", "stated": {"time": "5.5 us"}, "note": "", "settles": "", "conflicts": [],
        "evidence": [], "verdict": verdict, "why": "so", "ratio": None, "tests": [], "context": {}, "readings": [], "inputs": {},
        "elasticities": {}, "sum_rule": {}, "break_even": {}, "failed_premises": [],
    } | more  # fmt: skip


RESULTS = [
    result(
        "expert-load", "reproduced", ratio=1.001,
        tests=[{"name": "time", "stated": "5.5 us", "unit": "us", "outcome": "hit", "role": "claim", "low": 5.5e-6, "high": 5.5e-6,
                "computed": 5.505e-6, "interval": [5.0e-6, 6.0e-6], "ratio": 1.001}],
        context={"nbytes": {"value": 44.04e6, "unit": "MB", "interval": [44.04e6, 44.04e6]}},
        readings=[{"label": "at 80 % of peak", "name": "time", "value": 6.9e-6, "unit": "us", "outcome": "miss", "ratio": 1.25}],
        inputs={"mem_bw": {"value": 8e12, "low": 7e12, "high": 8e12, "unit": "TB/s", "origin": "public", "ref": "gb300.mem_bw",
                           "premise": "", "source": ["maker"]}},
        elasticities={"time": {"mem_bw": -1.0}}, break_even={"time": {"mem_bw": {"value": 8.007e12, "factor": 1.0009, "reason": ""}}},
    ),
    result(
        "named", "contradicted", stated={"bound": "bandwidth"},
        tests=[{"name": "bound", "stated": "bandwidth", "unit": "1", "outcome": "miss", "role": "claim", "evidence": "compute"}],
    ),
    result("waiting", "pending", stated={"time": "2 us"}),
]  # fmt: skip


COMPLAINTS = {
    "{claim}`expert-lode`": "no claim is called 'expert-lode'; did you mean 'expert-load'",
    "{claim-value}`expert-load tim`": "computes no 'tim'; did you mean 'time'",
    "{claim-value}`waiting time`": "claim waiting is pending: nothing is computed",
    "{claim-stated}`expert-load size`": "states no 'size'; did you mean 'time'?",
    "{claim-range}`named`": "which has no range",
    "{ratio}`waiting`": "has no ratio; it is pending",
    "{verdict}`expert-lode`": "no claim is called 'expert-lode'",
    "{count}`reproducd`": "cannot be counted; did you mean 'reproduced'",
    "{rule}`nearly`": "expected finest, coarsest, about, near",
    "{claim-value}`a b c`": "expected id name",
    "{overview}`faild`": "nothing about the ledger is called 'faild'",
    "```{ledger-chart} pie\n```": "no chart of the ledger is called 'pie'",
    "```{claim-details} expert-lode\n```": "no claim is called 'expert-lode'",
    "```{ledger-table}\n:chapter: ch99\n```": "no chapter is called 'ch99'",
}
CONTENTS = {
    "{verdict-counts}": "technical essay",
    "{chapter-status}": "A chapter",
    "{verdict-meanings}": "every stated number is a hit",
    "{sources-list}": 'href="https://example.org/sheet"',
    "{data-tables}": 'href="_static/data/results/ledger.json"',
    "{versions}": "jupyter-book",
    "{notebook-times}": "No running times are recorded yet",
    "{quantities-table}": "Memory bandwidth",
    "{ledger-table}": 'href="evidence.html#expert-load"',
    "{ledger-evidence}": 'data-excerpts="ch05" data-name="expert-load"',
    "{ledger-downloads}": 'href="_static/claims.csv"',
    "{ledger-chart} verdicts": 'src="_static/charts/chart-',
    "{conflict-knots}": "Most contested claim",
    "{consequential-numbers}": "Range",
}
TEXTS = {
    "numbers": "{claim-value}`expert-load time` of {claim-value}`expert-load nbytes`, {claim-range}`expert-load`, "
    "said {claim-stated}`expert-load`, {ratio}`expert-load`, {claim-value}`named`, "
    "{rule}`near`, {count}`total`, {count}`pending`, {count}`ch05 checked`",
    "verdicts": "{verdict}`expert-load` {verdict}`pending`",
    "links": "{claim}`expert-load` and {claim}`the load <expert-load>`",
    "details": "```{claim-details} expert-load\n```",
    "ledger": "```{ledger-table}\n```",
    "evidence": "```{ledger-evidence}\n```",
    **{f"complaint-{k}": text for k, text in enumerate(COMPLAINTS)},
    **{f"content-{k}": f"```{directive}\n```" for k, directive in enumerate(CONTENTS)},
}


class Built(NamedTuple):
    """One built page: its HTML and the warnings about it."""

    html: str
    warnings: str


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Built]:
    """Return a function that returns a page of `TEXTS` by its name, all of them built in one book."""
    folder = tmp_path_factory.mktemp("book")
    data, source, out = folder / "data", folder / "source", folder / "out"
    shutil.copytree(DATA / "schema", data / "schema")
    (data / "claims").mkdir()
    (data / "claims" / "ch05-test.yml").write_text(CHAPTER, encoding="utf-8")
    (data / "results").mkdir()
    (data / "results" / "ledger.json").write_text(json.dumps(RESULTS), encoding="utf-8")
    (data / "sources.yml").write_text("maker: {title: Data sheet, location: 'example.org/sheet, p. 3', date: '2024', kind: primary}\n")
    (source / "_static").mkdir(parents=True)
    pages = "nvl_ledger_page = 'ledger'\nnvl_evidence_page = 'evidence'\n"
    (source / "conf.py").write_text(f"{CONFIG}nvl_data = {str(data)!r}\n{pages}html_static_path = []\n")
    (source / "index.md").write_text("\n".join(["# Pages", "", "```{toctree}", *TEXTS, "```", ""]), encoding="utf-8")
    for name, text in TEXTS.items():
        (source / f"{name}.md").write_text(f"# Page {name}\n\n{text}\n", encoding="utf-8")
    from sphinx.application import Sphinx
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    warned = StringIO()
    with patch_docutils(str(source)), docutils_namespace():
        Sphinx(source, source, out, folder / "trees", "html", status=None, warning=warned, freshenv=True).build(force_all=True)
    lines = warned.getvalue().splitlines()
    assert all(re.search(r"/[\w-]+\.md", line) for line in lines), lines
    return lambda name: Built(
        (out / f"{name}.html").read_text(encoding="utf-8"), "\n".join(line for line in lines if f"/{name}.md" in line)
    )


pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::PendingDeprecationWarning")  # Sphinx 7 itself


def test_roles_print_what_was_computed(page: Any) -> None:
    built = page("numbers")
    assert built.warnings == ""
    for text in ("5.505\xa0µs", "44.04\xa0MB", "5 to 6\xa0µs", "5.5\xa0µs", "1×", "compute", "25\xa0%", ">3<", ">1<", ">2<"):
        assert text in built.html, text


def test_verdict_says_it_in_sign_word_and_class(page: Any) -> None:
    built = page("verdicts")
    assert built.warnings == ""
    assert "nvl-v-reproduced" in built.html
    assert "✓" in built.html
    assert "</span>reproduced</span>" in built.html
    assert "nvl-v-pending" in built.html


def test_claim_links_to_its_row(page: Any) -> None:
    built = page("links")
    assert built.warnings == ""
    assert built.html.count('href="ledger.html#expert-load"') == 2
    assert 'title="reproduced"' in built.html
    assert "the load" in built.html


@pytest.mark.parametrize("text", COMPLAINTS)
def test_what_does_not_exist_is_a_warning(page: Any, text: str) -> None:
    assert COMPLAINTS[text] in page(f"complaint-{list(COMPLAINTS).index(text)}").warnings


def test_details_hold_everything_and_escape_it(page: Any) -> None:
    for name in ("details", "evidence"):
        built = page(name)
        assert built.warnings == ""
        assert "&lt;b&gt;us&lt;/b&gt;" in built.html
        for text in ("8\xa0TB/s", "7 to 8\xa0TB/s", "gb300.mem_bw", "\N{MINUS SIGN}1", "8.007\xa0TB/s", "at 80 % of peak", "44.04\xa0MB"):
            assert text in built.html, text


@pytest.mark.parametrize("directive", CONTENTS)
def test_directives_show_their_content(page: Any, directive: str) -> None:
    built = page(f"content-{list(CONTENTS).index(directive)}")
    assert CONTENTS[directive] in built.html
    assert built.warnings == ""
