"""The built pages, first as files, then in a browser. One file, so that the book is built once."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from nvlinklab.book import BuildResult
from nvlinklab.claims.ledger import ledger
from nvlinklab.claims.page import load

ROOT = Path(__file__).resolve().parents[2]
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src", "object": "data"}
RELATIONS = {"stylesheet", "icon", "preload", "modulepreload", "shortcut icon"}


class Page(HTMLParser):
    """What a page loads, and its charts.

    Attributes:
        loads: addresses of scripts, styles, images and fonts
        boxes: how many charts it has
        charts: the alternative text of each chart's still picture
        ids: every id, in order
    """

    def __init__(self, path: Path):
        super().__init__()
        self.loads: list[str] = []
        self.boxes = 0
        self.charts: list[str] = []
        self.ids: list[str] = []
        self._in_chart = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what matters of one tag."""
        given = dict(attrs)
        self.ids += [i for i in [given.get("id")] if i]
        address = given.get(LOADED.get(tag, ""))
        if address and (tag != "link" or (given.get("rel") or "") in RELATIONS):
            self.loads.append(address)
        classes = (given.get("class") or "").split()
        self.boxes += "nvl-chart" in classes
        self._in_chart = self._in_chart or "nvl-chart-view" in classes
        if self._in_chart and tag == "img":
            self._in_chart = False
            self.charts.append(given.get("alt") or "")


@pytest.fixture(scope="session")
def files(built: BuildResult, pages: list[str]) -> dict[str, Page]:
    """Every page of the book, parsed."""
    return {name: Page(built.html / f"{name}.html") for name in ["index", "genindex", "search", *pages]}


@pytest.fixture(scope="session")
def with_charts(files: dict[str, Page]) -> list[str]:
    """The pages that have a chart."""
    return [name for name, page in files.items() if page.boxes]


def test_build_has_no_warnings(built: BuildResult) -> None:
    assert built.warnings == 0


def test_every_page_of_the_table_of_contents_exists(built: BuildResult) -> None:
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    named = [toc["root"], *(c["file"] for part in toc["parts"] for c in part["chapters"])]
    missing = [n for n in named if not (built.html / f"{n}.html").is_file()]
    assert missing == []


def test_every_notebook_is_in_the_book(built: BuildResult) -> None:
    notebooks = [p.relative_to(ROOT).with_suffix("").as_posix() for p in (ROOT / "notebooks").glob("*.ipynb")]
    assert [n for n in notebooks if not (built.html / f"{n}.html").is_file()] == []


def test_nothing_is_loaded_from_elsewhere(built: BuildResult, files: dict[str, Page]) -> None:
    assert [f"{name}: {a}" for name, page in files.items() for a in page.loads if re.match(r"(https?:)?//", a)] == []
    own = built.html / "_static"
    styles = [own / "nvl.css", *(own / "styles").glob("*.css")]
    assert [s.name for s in styles if re.search(r"url\(\s*['\"]?(https?:)?//", s.read_text(encoding="utf-8"))] == []


def test_every_local_file_a_page_loads_is_there(built: BuildResult, files: dict[str, Page]) -> None:
    missing = []
    for name, page in files.items():
        for address in page.loads:
            target = (built.html / name).parent / re.split("[?#]", address)[0]
            if not address.startswith("data:") and not target.is_file():
                missing.append(f"{name}: {address}")
    assert missing == []


def test_every_chart_has_a_picture_and_words_for_it(files: dict[str, Page]) -> None:
    for name, page in files.items():
        assert len(page.charts) == page.boxes, name
        assert all(len(words) >= 20 for words in page.charts), name


def test_the_ledger_page_has_every_claim_once(files: dict[str, Page]) -> None:
    ids = files["book/ledger"].ids
    assert [c for c in ledger().claims if ids.count(c) != 1] == []


def test_links_to_claims_reach_their_rows(built: BuildResult, files: dict[str, Page]) -> None:
    ids = set(files["book/ledger"].ids)
    for path in built.html.rglob("*.html"):
        for target in re.findall(r'href="[^"#]*ledger\.html#([^"]+)"', path.read_text(encoding="utf-8")):
            assert target in ids, f"{path.name} links to {target}"


def test_the_data_can_be_downloaded(built: BuildResult) -> None:
    text = (built.html / "book" / "data.html").read_text(encoding="utf-8")
    named = re.findall(r'href="\.\./(_static/data/[^"]+)"', text)
    assert "_static/data/results/ledger.json" in named
    assert [n for n in named if not (built.html / n).is_file()] == []


@contextmanager
def opened(browser: Any, site: str, name: str, **options: Any) -> Iterator[tuple[Any, list[str]]]:
    """Open a page and collect its complaints: console errors and warnings, exceptions, failed and foreign requests."""
    context = browser.new_context(**options)
    page = context.new_page()
    trouble: list[str] = []
    page.on("console", lambda m: trouble.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: trouble.append(f"exception: {e}"))
    page.on("requestfailed", lambda r: trouble.append(f"failed: {r.url}"))
    page.on("request", lambda r: None if r.url.startswith((site, "data:", "blob:")) else trouble.append(f"elsewhere: {r.url}"))
    page.on("response", lambda r: trouble.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
    page.goto(f"{site}{name}.html", wait_until="load")
    try:
        yield page, trouble
    finally:
        context.close()


def wait_for_charts(page: Any, scheme: str = "light") -> int:
    """Wait until every chart is drawn in this colour scheme; return how many there are."""
    page.wait_for_function(
        "scheme => [...document.querySelectorAll('.nvl-chart')].every(b => b.dataset.drawn === 'failed' || b.dataset.scheme === scheme)",
        arg=scheme,
    )
    states = page.eval_on_selector_all(".nvl-chart", "boxes => boxes.map(b => b.dataset.drawn)")
    assert set(states) <= {"true"}
    return len(states)


def wait_for_formulas(page: Any) -> None:
    """Wait until the mathematics is set."""
    page.wait_for_function("!document.querySelector('.math') || (window.MathJax && MathJax.startup.promise.then(() => true))")


def test_pages_open_without_complaint(browser: Any, site: str, pages: list[str]) -> None:
    complaints = {}
    for name in pages:
        with opened(browser, site, name) as (page, trouble):
            wait_for_charts(page)
            wait_for_formulas(page)
            page.wait_for_load_state("networkidle")
            if trouble:
                complaints[name] = trouble
    assert complaints == {}


def test_charts_follow_the_theme(browser: Any, site: str, with_charts: list[str]) -> None:
    for name in with_charts:
        with opened(browser, site, name, color_scheme="light") as (page, trouble):
            assert wait_for_charts(page) > 0
            ink = "() => getComputedStyle(document.querySelector('.nvl-chart svg text')).fill"
            before = page.evaluate(ink)
            page.evaluate("document.documentElement.dataset.theme = 'dark'")
            wait_for_charts(page, "dark")
            assert page.evaluate(ink) != before, name
            assert [t for t in trouble if not t.startswith("warning")] == [], name


def test_the_theme_button_works(browser: Any, site: str) -> None:
    with opened(browser, site, "book/intro", color_scheme="light") as (page, trouble):
        button = page.locator(".theme-switch-button:visible").first
        for _ in range(3):
            if page.evaluate("document.documentElement.dataset.theme") == "dark":
                break
            button.click()
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert trouble == []


def test_phones_do_not_scroll_sideways(browser: Any, site: str, pages: list[str]) -> None:
    for name in pages:
        with opened(browser, site, name, viewport={"width": 390, "height": 844}) as (page, _):
            wait_for_charts(page)
            wait_for_formulas(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name


def test_charts_show_without_javascript(browser: Any, site: str, with_charts: list[str]) -> None:
    for name in with_charts:
        with opened(browser, site, name, java_script_enabled=False) as (page, _):
            for picture in page.locator(".nvl-chart-view img").all():
                picture.scroll_into_view_if_needed()
                box = picture.bounding_box()
                assert box is not None, name
                assert min(box["width"], box["height"]) > 50, name


@pytest.fixture
def ledger_page(browser: Any, site: str) -> Iterator[Any]:
    """The ledger, open, with its filter in place."""
    with opened(browser, site, "book/ledger") as (page, trouble):
        page.wait_for_selector("form[aria-label='Filter the claims']")
        yield page
        assert trouble == []


def visible(page: Any) -> list[str]:
    """Return the ids of the claims that show."""
    return page.eval_on_selector_all("tr.nvl-first", "rows => rows.filter(r => r.checkVisibility()).map(r => r.id)")


def test_ledger_filters_by_verdict_and_article(ledger_page: Any) -> None:
    found = load()
    ledger_page.get_by_label("Verdict").select_option(label="pending")
    assert set(visible(ledger_page)) == {r["id"] for r in found.select(["pending"])}
    ledger_page.get_by_label("Article").select_option(label="doc-000")
    assert set(visible(ledger_page)) == {r["id"] for r in found.select(["pending", "doc-000"])}
    ledger_page.get_by_role("button", name="Clear").click()
    assert set(visible(ledger_page)) == set(found.claims)


def test_ledger_filters_by_words_and_says_how_many(ledger_page: Any) -> None:
    ledger_page.get_by_label("Words").fill("bw-800x-first")
    assert visible(ledger_page) == ["bw-800x-first-generation"]
    assert ledger_page.locator("form output").inner_text() == f"1 of {len(load().claims)} claims"
    ledger_page.get_by_label("Words").fill("no such words anywhere")
    assert visible(ledger_page) == []


def test_a_link_to_a_claim_shows_it_despite_the_filter(ledger_page: Any) -> None:
    ledger_page.get_by_label("Words").fill("bw-800x-first")
    ledger_page.evaluate("location.hash = 'copper-weight-1p4-tons'")
    ledger_page.wait_for_function("document.getElementById('copper-weight-1p4-tons').checkVisibility()")


def test_the_ledger_is_whole_without_javascript(browser: Any, site: str) -> None:
    with opened(browser, site, "book/ledger", java_script_enabled=False) as (page, _):
        assert page.locator("tr.nvl-first").count() == len(load().claims)
        assert page.locator("form[aria-label='Filter the claims']").count() == 0
        first = page.locator("details.nvl-fold").first
        first.locator("summary").click()
        assert first.locator(".nvl-fact").first.is_visible()
