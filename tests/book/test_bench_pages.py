"""What `nvlinklab bench --pages` measures, on the built book and on reports as Lighthouse writes them. No time is held to a limit."""

import gzip
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nvlinklab.bench import pages
from nvlinklab.book import BookError
from nvlinklab.cli import main
from tests.book.conftest import Site


def report(performance: float, paint: float = 900.0) -> dict[str, Any]:
    audits = {"first-contentful-paint": {"numericValue": paint}, "total-blocking-time": {"numericValue": 100.0}}
    shares = {"performance": performance, "accessibility": 1.0, "best-practices": 0.96}
    return {"categories": {name: {"score": s} for name, s in shares.items()}, "audits": audits, "environment": {"benchmarkIndex": 1500.4}}


def test_the_pages_that_are_measured_exist(published: Site) -> None:
    assert [page for page in pages.PAGES if not (published.folder / page).is_file()] == []


def test_a_chart_is_waited_for_until_its_picture_is_there(browser: Any, published: Site) -> None:
    quick = {"latency": 0.0, "downloadThroughput": -1.0, "uploadThroughput": -1.0}
    slow = quick | {"latency": 400.0}
    with pages._served(published.folder) as site:
        with urllib.request.urlopen(f"{site}book/ledger.html") as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert gzip.decompress(answer.read()) == (published.folder / "book" / "ledger.html").read_bytes()
        first = pages.first_chart(browser, f"{site}book/ledger.html", quick)
        late = pages.first_chart(browser, f"{site}book/ledger.html", slow)
        assert first is not None and late is not None
        assert late > 2 * 0.4  # the page, then the picture, which the page asks for
        assert pages.first_chart(browser, f"{site}book/calculator.html", quick) is None


def test_medians_count() -> None:
    found = pages.scores([report(0.9, 800.0), report(0.99), report(0.96, 1000.0)])
    assert found == {
        "performance": 96.0, "least": 90, "largest": 99, "accessibility": 100.0, "best-practices": 96.0, "first paint, ms": 900,
        "blocked, ms": 100, "benchmark index": 1500,
    }  # fmt: skip


def test_what_misses_its_limit_is_bold() -> None:
    row = pages.scores([report(0.94)]) | {"page, kB": 80.5}
    machine = {"processor": "x", "cores": 2, "system": "s", "load": 0}
    text = pages.table({"machine": machine, "repeat": 3, "lighthouse": "12.8.2", "pages": {"a.html": row, "b.html": {"page, kB": 700.0}}})
    assert "| a.html | 80.5 | **94** | 100 | **96** | 94 | 94 | 900 | 100 | 1500 |" in text
    assert "| b.html | **700** | – |" in text
    assert "Lighthouse 12.8.2" in text


def test_without_a_book_or_a_browser_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BookError, match="build the book first"):
        pages.run(tmp_path)
    (tmp_path / "index.html").touch()
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("NVLINKLAB_CHROMIUM", raising=False)
    with pytest.raises(Exception, match="no browser: none of chromium, chromium-browser, google-chrome is on PATH"):
        pages.run(tmp_path)


def test_the_command_prints_and_writes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = {"processor": "x", "cores": 2, "system": "s", "load": 0}
    found = {"machine": machine, "repeat": 3, "lighthouse": "", "pages": {"a.html": {"page, kB": 80.5, "first chart, s": 1.6}}}
    monkeypatch.setattr(pages, "run", lambda *_: found)
    monkeypatch.setattr("nvlinklab.io.paths.project_dir", lambda: tmp_path)
    (tmp_path / "benchmarks").mkdir()
    ran = CliRunner().invoke(main, ["bench", "--pages", "--write"])
    assert ran.exit_code == 0, ran.output
    assert "| a.html | **1.6** | 80.5 |" in ran.output
    assert (tmp_path / "benchmarks" / "pages.md").read_text() in ran.output
    assert json.loads((tmp_path / "benchmarks" / "pages.json").read_text()) == found
