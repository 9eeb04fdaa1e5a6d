"""What a reader does on the site, besides reading: theme, keyboard, search, print, a wrong address, no script, no server."""

import re
from typing import Any

from tests.book.conftest import Site
from tests.book.opened import opened, wait_for_charts
from tests.book.pages import Page


def theme(page: Any) -> str:
    return page.evaluate("document.documentElement.dataset.theme")


def test_the_start_of_every_folder_leads_to_the_start_page(browser: Any, site: str) -> None:
    for place in ("", "book/", "notebooks/", "book/api/"):
        with opened(browser, f"{site}{place}") as (page, trouble):
            page.wait_for_url(f"{site}book/intro.html")
            assert trouble == []


def test_the_theme_is_the_systems_at_once_and_the_button_changes_it(browser: Any, site: str) -> None:
    with opened(browser, f"{site}book/intro.html", color_scheme="dark") as (page, trouble):
        assert theme(page) == "dark"
        button = page.locator(".theme-switch-button:visible").first
        for _ in range(3):
            if theme(page) == "light":
                break
            button.click()
        assert theme(page) == "light"
        page.reload()
        assert theme(page) == "light"
        assert trouble == []


def test_the_landing_page_shows_the_ledger_without_scrolling(browser: Any, site: str) -> None:
    for size in ({"width": 1280, "height": 720}, {"width": 390, "height": 844}):
        with opened(browser, f"{site}book/intro.html", viewport=size) as (page, _):
            box = page.locator("ul.nvl-headline").bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < size["height"]
            parts = page.locator(".nvl-scale span").evaluate_all("all => all.map(e => e.getBoundingClientRect().width)")
            counts = page.locator("ul.nvl-headline strong").evaluate_all("all => all.map(e => Number(e.textContent.replace(',', '')))")
            shares = [n / sum(counts) for n in counts]
            assert max(abs(w / sum(parts) - s) for w, s in zip(parts, shares, strict=True)) < 0.01


def test_everything_is_reached_by_keyboard(browser: Any, site: str) -> None:
    with opened(browser, f"{site}book/findings.html", viewport={"width": 1280, "height": 900}) as (page, trouble):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent").strip() == "Skip to main content"
        page.keyboard.press("Enter")
        page.wait_for_url("**#main-content")
        page.locator(".theme-switch-button:visible").first.focus()
        before = theme(page)
        for _ in range(2):
            page.keyboard.press("Enter")
        assert theme(page) != before
        page.keyboard.press("Control+k")
        assert page.evaluate("document.activeElement.type") == "search"
        page.keyboard.type("copper")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search.html?q=copper")
        page.wait_for_selector("ul.search li a")
        assert trouble == []


def test_search_finds_words_of_every_kind_of_page(browser: Any, site: str) -> None:
    with opened(browser, f"{site}search.html?q=elasticity") as (page, trouble):
        page.wait_for_function("() => /found/.test(document.querySelector('p.search-summary')?.textContent)")
        found = " ".join(page.eval_on_selector_all("ul.search li > a", "all => all.map(a => a.href)"))
        for place in ("notebooks/", "book/glossary", "book/api/"):
            assert place in found
        assert trouble == []


def test_previous_and_next_lead_through_the_book(browser: Any, site: str) -> None:
    with opened(browser, f"{site}book/findings.html") as (page, trouble):
        page.locator("a.right-next").click()
        page.wait_for_url("**/book/verdicts.html")
        page.locator("a.left-prev").click()
        page.wait_for_url("**/book/findings.html")
        assert trouble == []


def test_a_wrong_address_is_answered_at_any_depth(browser: Any, site: str) -> None:
    for place in ("no.html", "book/no.html", "book/api/no.html"):
        with opened(browser, f"{site}{place}") as (page, trouble):
            assert page.locator("h1").inner_text() == "No such page"
            assert [t for t in trouble if not t.startswith("404: ") and "status of 404" not in t] == []
            page.locator("a").first.click()
            page.wait_for_url("**/book/intro.html")


def test_print_leaves_out_what_only_a_screen_can_use(browser: Any, site: str) -> None:
    with opened(browser, f"{site}notebooks/01_nvlink_generations.html") as (page, _):
        page.emulate_media(media="print")
        for hidden in ("#pst-primary-sidebar", ".prev-next-area", "p.nvl-chart-links"):
            assert not page.locator(hidden).first.is_visible(), hidden
        assert page.locator(".nvl-chart-view").first.is_visible()


def test_the_link_under_a_chart_leads_to_its_cell(browser: Any, site: str) -> None:
    with opened(browser, f"{site}notebooks/05_ridge_points_and_hbm.html") as (page, trouble):
        page.get_by_role("link", name="Made by this cell").first.click()
        target = page.evaluate("decodeURIComponent(location.hash.slice(1))")
        assert target.startswith("cell-")
        assert page.locator(f"#{target} pre").first.is_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name=re.compile("CSV")).first.click()
        assert download.value.suggested_filename.endswith(".csv")
        assert trouble == []


def test_charts_wait_for_the_reader(browser: Any, site: str) -> None:
    with opened(browser, f"{site}notebooks/10_benchmarks.html") as (page, trouble):
        loaded = "performance.getEntriesByType('resource').filter(e => e.name.includes('vega-bundle.js')).length"
        assert page.evaluate(loaded) == 0
        assert wait_for_charts(page) > 3
        assert page.evaluate(loaded) == 1
        assert trouble == []


def test_pages_show_without_javascript(browser: Any, site: str, files: dict[str, Page]) -> None:
    with_charts = [name for name, page in files.items() if page.boxes]
    for name in with_charts[::5]:  # every page holds its pictures (test_files.py); that they show is the same for all
        with opened(browser, f"{site}{name}.html", java_script_enabled=False) as (page, trouble):
            for picture in page.locator(".nvl-chart-view img").all():
                picture.scroll_into_view_if_needed()
                box = picture.bounding_box()
                assert box is not None, name
                assert min(box["width"], box["height"]) > 50, name
            assert not page.locator(".pst-js-only").first.is_visible()
            assert trouble == []


def test_pages_open_from_disk(browser: Any, published: Site) -> None:
    with opened(browser, (published.folder / "notebooks" / "10_benchmarks.html").as_uri()) as (page, trouble):
        assert wait_for_charts(page) > 3
        page.locator(".theme-switch-button:visible").first.click()
        assert trouble == []
