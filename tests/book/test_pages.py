"""The built pages, first as files, then in a browser. One file, so that the book is built once."""

import csv
import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from nvlinklab.book import BuildResult
from nvlinklab.claims.ledger import ledger
from nvlinklab.claims.page import load
from nvlinklab.claims.verdict import VERDICTS
from tests.book import axe, links

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


def test_every_link_leads_somewhere(built: BuildResult) -> None:
    assert links.broken(built.html) == []


def test_no_place_is_named_twice(files: dict[str, Page]) -> None:
    twice = {name: sorted({i for i, n in Counter(page.ids).items() if n > 1}) for name, page in files.items()}
    assert {name: ids for name, ids in twice.items() if ids} == {}


def test_every_checked_claim_leads_to_the_cell_that_derives_it(built: BuildResult, files: dict[str, Page]) -> None:
    chapters = {c.id: c.notebook for c in ledger().chapters.values()}
    text = (built.html / "book" / "ledger.html").read_text(encoding="utf-8")
    for claim in load().select(["checked"]):
        page = chapters[claim["chapter"]]
        if page in files:
            assert f'href="../{page}.html#claim-{claim["id"]}"' in text, claim["id"]
            assert f"claim-{claim['id']}" in files[page].ids, claim["id"]


def test_the_ledger_can_be_taken_away(built: BuildResult) -> None:
    found = load().claims
    static = built.html / "_static"
    entries = json.loads((static / "claims.json").read_text(encoding="utf-8"))
    assert [e["id"] for e in entries] == list(found)
    assert all(found[e["id"]].items() <= e.items() for e in entries)
    rows = list(csv.DictReader((static / "claims.csv").read_text(encoding="utf-8").splitlines()))
    assert len(rows) == sum(len(r["stated"]) or 1 for r in found.values())
    assert {r["link"] for r in rows} == {f"book/ledger.html#{i}" for i in found}


def test_the_data_can_be_downloaded(built: BuildResult) -> None:
    text = (built.html / "book" / "data.html").read_text(encoding="utf-8")
    named = re.findall(r'href="\.\./(_static/data/[^"]+)"', text)
    assert "_static/data/results/ledger.json" in named
    assert [n for n in named if not (built.html / n).is_file()] == []


@contextmanager
def opened(browser: Any, site: str, name: str, rest: str = "", **options: Any) -> Iterator[tuple[Any, list[str]]]:
    """Open a page and collect its complaints: console errors and warnings, exceptions, failed and foreign requests."""
    context = browser.new_context(**options)
    page = context.new_page()
    trouble: list[str] = []
    page.on("console", lambda m: trouble.append(f"{m.type}: {m.text}") if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: trouble.append(f"exception: {e}"))
    page.on("requestfailed", lambda r: trouble.append(f"failed: {r.url}"))
    page.on("request", lambda r: None if r.url.startswith((site, "data:", "blob:")) else trouble.append(f"elsewhere: {r.url}"))
    page.on("response", lambda r: trouble.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
    page.goto(f"{site}{name}.html{rest}", wait_until="load")
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


class Visit(NamedTuple):
    """What one visit to a page found.

    Attributes:
        trouble: complaints while it opened
        light, dark: violations of accessibility in either theme
        inks: the colour of the first chart's text in either theme; empty without a chart
        phone: how wide the page is on a screen of 390 pixels
    """

    trouble: list[str]
    light: list[str]
    dark: list[str]
    inks: list[str]
    phone: int


@pytest.fixture(scope="session")
def visits(browser: Any, site: str, files: dict[str, Page]) -> dict[str, Visit]:
    """Every page, opened once on a phone, then widened and looked at in both themes."""
    return {name: _visit(browser, site, name) for name in files if name != "index"}  # the index only forwards


def _visit(browser: Any, site: str, name: str) -> Visit:
    ink = "() => getComputedStyle(document.querySelector('.nvl-chart svg text')).fill"
    with opened(browser, site, name, color_scheme="light", viewport={"width": 390, "height": 844}) as (page, trouble):
        charts = wait_for_charts(page)
        wait_for_formulas(page)
        phone = page.evaluate("document.documentElement.scrollWidth")
        page.set_viewport_size({"width": 1280, "height": 900})
        wait_for_charts(page)
        page.wait_for_load_state("networkidle")
        inks = [page.evaluate(ink)] if charts else []
        complaints = list(trouble)
        axe.prepare(page)
        light = axe.violations(page)
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        wait_for_charts(page, "dark")
        inks += [page.evaluate(ink)] if charts else []
        dark = axe.violations(page, axe.BY_COLOUR)
        return Visit(complaints or [t for t in trouble if not t.startswith("warning")], light, dark, inks, phone)


def test_pages_open_without_complaint(visits: dict[str, Visit]) -> None:
    assert {name: visit.trouble for name, visit in visits.items() if visit.trouble} == {}


def test_pages_are_accessible_in_both_themes(visits: dict[str, Visit]) -> None:
    found = {f"{name}, {theme}": getattr(visit, theme) for name, visit in visits.items() for theme in ("light", "dark")}
    assert {where: what for where, what in found.items() if what} == {}


def test_charts_follow_the_theme(visits: dict[str, Visit], with_charts: list[str]) -> None:
    assert set(with_charts) - {"index"} == {name for name, visit in visits.items() if visit.inks}
    assert [name for name, visit in visits.items() if visit.inks and visit.inks[0] == visit.inks[1]] == []


def test_the_theme_button_works(browser: Any, site: str) -> None:
    with opened(browser, site, "book/intro", color_scheme="light") as (page, trouble):
        button = page.locator(".theme-switch-button:visible").first
        for _ in range(3):
            if page.evaluate("document.documentElement.dataset.theme") == "dark":
                break
            button.click()
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        assert trouble == []


def test_phones_do_not_scroll_sideways(visits: dict[str, Visit]) -> None:
    assert {name: visit.phone for name, visit in visits.items() if visit.phone > 390} == {}


def test_charts_show_without_javascript(browser: Any, site: str, with_charts: list[str]) -> None:
    for name in with_charts[::4]:  # every page holds its pictures (above); that they show is the same for all
        with opened(browser, site, name, java_script_enabled=False) as (page, _):
            for picture in page.locator(".nvl-chart-view img").all():
                picture.scroll_into_view_if_needed()
                box = picture.bounding_box()
                assert box is not None, name
                assert min(box["width"], box["height"]) > 50, name


@contextmanager
def ledger_at(browser: Any, site: str, address: str = "", **options: Any) -> Iterator[Any]:
    """The ledger at an address, with its filter in place."""
    with opened(browser, site, "book/ledger", address, **options) as (page, trouble):
        page.wait_for_selector("form[aria-label='Filter the claims']")
        yield page
        assert trouble == []


@pytest.fixture
def ledger_page(browser: Any, site: str) -> Iterator[Any]:
    """The ledger, open, with its filter in place."""
    with ledger_at(browser, site) as page:
        yield page


def visible(page: Any) -> list[str]:
    """Return the ids of the claims that show, in the order in which they do."""
    return page.eval_on_selector_all("tr.nvl-first", "rows => rows.filter(r => r.checkVisibility()).map(r => r.id)")


def ids(results: list[dict[str, Any]]) -> list[str]:
    return [r["id"] for r in results]


def test_ledger_filters_by_verdict_article_chapter_and_tag(ledger_page: Any) -> None:
    found = load()
    ledger_page.get_by_label("Verdict", exact=True).select_option("contradicted")
    assert visible(ledger_page) == ids(found.select(["contradicted"]))
    ledger_page.get_by_label("Article", exact=True).select_option("doc-000")
    assert visible(ledger_page) == ids(found.select(["contradicted", "doc-000"]))
    ledger_page.get_by_role("button", name="Clear").click()
    ledger_page.get_by_label("Chapter", exact=True).select_option("ch05")
    assert visible(ledger_page) == ids(found.select(["ch05"]))
    ledger_page.get_by_label("Chapter", exact=True).select_option("")
    ledger_page.get_by_label("Tag in the article", exact=True).select_option("Official")
    assert visible(ledger_page) == [r["id"] for r in found.select() if r["tag"] == "Official"]
    ledger_page.get_by_label("Verdict", exact=True).select_option("holds")
    held = {"reproduced", "approximately"}
    assert visible(ledger_page) == [r["id"] for r in found.select() if r["tag"] == "Official" and r["verdict"] in held]
    ledger_page.get_by_role("button", name="Clear").click()
    assert visible(ledger_page) == list(found.claims)


def test_ledger_filters_by_words_and_says_how_many(ledger_page: Any) -> None:
    ledger_page.get_by_label("Words", exact=True).fill("bw-800x-first-generation doc-0")
    assert "bw-800x-first-generation" in visible(ledger_page)
    shown = len(visible(ledger_page))
    assert ledger_page.locator("form output").inner_text() == f"{shown} of {len(load().claims)} claims"
    ledger_page.get_by_label("Words", exact=True).fill("no such words anywhere")
    assert visible(ledger_page) == []


def test_ledger_sorts_by_ratio_and_verdict(ledger_page: Any) -> None:
    found = load().claims
    with_ratio = [r for r in found.values() if r["ratio"] is not None]
    order = ledger_page.get_by_label("Sort by", exact=True)
    order.select_option("high")
    by_ratio = sorted(with_ratio, key=lambda r: -r["ratio"])
    assert visible(ledger_page)[: len(by_ratio)] == ids(by_ratio)
    order.select_option("far")
    by_distance = sorted(with_ratio, key=lambda r: -abs(math.log(r["ratio"])))
    assert visible(ledger_page)[:20] == ids(by_distance)[:20]
    order.select_option("verdict")
    assert visible(ledger_page) == ids(sorted(found.values(), key=lambda r: VERDICTS.index(r["verdict"])))
    order.select_option("")
    assert visible(ledger_page) == list(found)


def test_the_address_keeps_the_filter(browser: Any, site: str) -> None:
    with ledger_at(browser, site) as page:
        page.get_by_label("Verdict", exact=True).select_option("contradicted")
        page.get_by_label("Words", exact=True).fill("rack")
        page.get_by_label("Sort by", exact=True).select_option("low")
        address, shown = page.url, visible(page)
    assert "verdict=contradicted" in address
    assert "words=rack" in address
    with ledger_at(browser, site, address.partition("ledger.html")[2]) as page:
        assert page.get_by_label("Words", exact=True).input_value() == "rack"
        assert visible(page) == shown
    with ledger_at(browser, site, "?verdict=nonsense&sort=nonsense") as page:
        assert visible(page) == list(load().claims)


def test_a_link_to_a_claim_shows_opens_and_marks_it_despite_the_filter(browser: Any, site: str) -> None:
    claim = "copper-weight-1p4-tons"
    with ledger_at(browser, site, f"?words=no-such-words#{claim}") as page:
        wait_for_charts(page)
        assert visible(page) == [claim]
        row = page.locator(f"tr#{claim}")
        assert "nvl-pinned" in (row.get_attribute("class") or "")
        assert page.locator("tr.nvl-pinned details").evaluate_all("all => all.length > 0 && all.every(d => d.open)")
        page.wait_for_function("id => Math.abs(document.getElementById(id).getBoundingClientRect().top) < 200", arg=claim)
        assert page.locator("form output").inner_text().endswith(", and the one linked to")
        page.evaluate("location.hash = 'bw-800x-first-generation'")
        page.wait_for_function("document.getElementById('bw-800x-first-generation').checkVisibility()")
        page.get_by_label("Words", exact=True).fill("")
        assert "nvl-pinned" not in (row.get_attribute("class") or "")
        assert page.url.endswith("ledger.html")


def test_the_filter_works_by_keyboard(ledger_page: Any) -> None:
    ledger_page.get_by_label("Words", exact=True).focus()
    ledger_page.keyboard.type("copper-weight")
    assert visible(ledger_page)[0].startswith("copper")
    for name in ("verdict", "article", "chapter", "tag", "sort"):
        ledger_page.keyboard.press("Tab")
        assert ledger_page.evaluate("document.activeElement.name") == name
    ledger_page.keyboard.press("Tab")
    ledger_page.keyboard.press("Enter")
    assert visible(ledger_page) == list(load().claims)


def test_a_click_in_a_chart_lists_its_claims(ledger_page: Any) -> None:
    wait_for_charts(ledger_page)
    ledger_page.locator(".nvl-chart >> nth=0 >> .mark-rect path").first.click(position={"x": 8, "y": 8})
    ledger_page.wait_for_url("**/ledger.html?article=doc-000&verdict=*#claims")


def test_the_ledger_is_whole_without_javascript(browser: Any, site: str) -> None:
    with opened(browser, site, "book/ledger", java_script_enabled=False) as (page, _):
        assert page.locator("tr.nvl-first").count() == len(load().claims)
        assert page.locator("form[aria-label='Filter the claims']").count() == 0
        first = page.locator("details.nvl-fold").first
        first.locator("summary").click()
        assert first.locator(".nvl-fact").first.is_visible()
