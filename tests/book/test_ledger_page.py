"""The ledger's page in a browser: search, filter, sort, links to claims, keyboard, without JavaScript."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from nvlinklab.claims.page import load
from nvlinklab.claims.verdict import VERDICTS
from tests.book.opened import opened, wait_for_charts


@contextmanager
def ledger_at(browser: Any, site: str, address: str = "", **options: Any) -> Iterator[Any]:
    """The ledger at an address, with its filter in place."""
    with opened(browser, f"{site}book/ledger.html{address}", **options) as (page, trouble):
        page.wait_for_selector("form[aria-label='Filter the claims']")
        yield page
        assert trouble == []


@pytest.fixture
def ledger_page(browser: Any, site: str) -> Iterator[Any]:
    """The ledger, open, with its filter in place."""
    with ledger_at(browser, site) as page:
        yield page


def fill(page: Any, words: str) -> None:
    """Type words and wait until they are sought in every claim."""
    page.get_by_label("Words", exact=True).fill(words)
    page.wait_for_selector("form[aria-label='Filter the claims']:not([aria-busy])")


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
    fill(ledger_page, "bw-800x-first-generation doc-0")
    assert "bw-800x-first-generation" in visible(ledger_page)
    shown = len(visible(ledger_page))
    assert ledger_page.locator("form output").inner_text() == f"{shown} of {len(load().claims)} claims"
    fill(ledger_page, "no such words anywhere")
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
        fill(page, "rack")
        page.get_by_label("Sort by", exact=True).select_option("low")
        address, shown = page.url, visible(page)
    assert "verdict=contradicted" in address
    assert "words=rack" in address
    with ledger_at(browser, site, address.partition("ledger.html")[2]) as page:
        assert page.get_by_label("Words", exact=True).input_value() == "rack"
        page.wait_for_selector("form output:has-text('claims'):not(:has-text('reading'))")
        assert visible(page) == shown
    with ledger_at(browser, site, "?verdict=nonsense&sort=nonsense") as page:
        assert visible(page) == list(load().claims)


def test_a_link_to_a_claim_shows_opens_and_marks_it_despite_the_filter(browser: Any, site: str) -> None:
    claim = "copper-weight-1p4-tons"
    with ledger_at(browser, site, f"?words=no-such-words#{claim}") as page:
        page.wait_for_selector("form output:has-text('linked to')")
        assert visible(page) == [claim]
        row = page.locator(f"tr#{claim}")
        assert "nvl-pinned" in (row.get_attribute("class") or "")
        assert page.locator("tr.nvl-pinned details").evaluate_all("all => all.length > 0 && all.every(d => d.open)")
        page.wait_for_function("id => Math.abs(document.getElementById(id).getBoundingClientRect().top) < 200", arg=claim)
        assert page.locator("form output").inner_text().endswith(", and the one linked to")
        page.evaluate("location.hash = 'bw-800x-first-generation'")
        page.wait_for_function("() => document.getElementById('bw-800x-first-generation').checkVisibility()")
        page.get_by_label("Words", exact=True).fill("")
        assert "nvl-pinned" not in (row.get_attribute("class") or "")
        assert page.url.endswith("ledger.html")


def test_the_filter_works_by_keyboard(ledger_page: Any) -> None:
    ledger_page.get_by_label("Words", exact=True).focus()
    ledger_page.keyboard.type("copper-weight")
    ledger_page.wait_for_selector("form output:has-text('claims'):not(:has-text('reading'))")
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


def test_a_row_opens_to_its_evidence(ledger_page: Any) -> None:
    claim = next(r for r in load().claims.values() if r["conflicts"] and r["inputs"])
    part = ledger_page.locator(f"tr#{claim['id']} ~ tr details.nvl-fold").first
    assert part.locator(".nvl-fact").count() == 0
    part.locator("summary").click()
    part.locator(".nvl-fact").first.wait_for()
    assert part.locator(":scope > a").count() == 0  # the excerpt took its place
    assert part.locator("table.nvl-inputs tbody tr").count() == len(claim["inputs"])
    assert all(part.get_by_text(name.replace("_", " "), exact=True).count() for name in claim["inputs"])
    before = ledger_page.url.partition("#")[0]
    part.locator(f"a[href='#{claim['conflicts'][0]}']").first.click()  # on this page, though the excerpt's own page is another
    ledger_page.wait_for_selector(f"tr#{claim['conflicts'][0]}.nvl-pinned")
    assert ledger_page.url.partition("#")[0] == before


def test_a_table_that_a_row_opens_to_is_reached_by_keyboard(browser: Any, site: str) -> None:
    claim = next(r for r in load().claims.values() if r["inputs"])
    with ledger_at(browser, site, f"#{claim['id']}", viewport={"width": 390, "height": 844}) as page:
        box = page.locator("tr.nvl-pinned .pst-scrollable-table-container").first
        box.wait_for()
        assert box.evaluate("box => box.scrollWidth > box.clientWidth")
        page.wait_for_function("() => document.querySelector('tr.nvl-pinned .pst-scrollable-table-container').tabIndex === 0")


def test_words_are_sought_in_the_evidence_too(ledger_page: Any) -> None:
    word = "elasticity"
    assert ledger_page.locator("tr.nvl-row", has_text=word).count() == 0
    fill(ledger_page, word)
    with_inputs = [r["id"] for r in load().claims.values() if r["inputs"]]
    assert set(with_inputs) <= set(visible(ledger_page))


def test_a_row_opens_from_a_disk(browser: Any, published: Any) -> None:
    with opened(browser, (published.folder / "book" / "ledger.html").as_uri()) as (page, trouble):
        page.locator("details.nvl-fold summary").first.click()
        page.locator("details.nvl-fold .nvl-fact").first.wait_for()
        assert trouble == []


def test_without_its_file_a_row_keeps_the_link(browser: Any, site: str) -> None:
    with opened(browser, f"{site}book/ledger.html") as (page, trouble):
        page.route("**/excerpts/*", lambda route: route.abort())
        part = page.locator("details.nvl-fold").first
        with page.expect_event("requestfailed"):
            part.locator("summary").click()
        assert part.locator(":scope > a").is_visible()
        page.unroute("**/excerpts/*")
        part.locator("summary").click()
        part.locator("summary").click()
        part.locator(".nvl-fact").first.wait_for()
        assert all("excerpts" in complaint or "ERR_FAILED" in complaint for complaint in trouble)


def test_the_ledger_is_whole_without_javascript(browser: Any, site: str) -> None:
    with opened(browser, f"{site}book/ledger.html", java_script_enabled=False) as (page, _):
        assert page.locator("tr.nvl-first").count() == len(load().claims)
        assert page.locator("form[aria-label='Filter the claims']").count() == 0
        first = page.locator("details.nvl-fold").first
        first.locator("summary").click()
        first.get_by_role("link").click()
        page.wait_for_url("**/evidence.html#*")
        claim = page.url.partition("#")[2]
        assert claim == next(iter(load().claims))
        assert page.locator(f"#{claim} article .nvl-fact").first.is_visible()
        assert page.locator("article.nvl-excerpt").count() == len(load().claims)
