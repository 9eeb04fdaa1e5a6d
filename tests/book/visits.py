"""One visit to a page that looks at everything: complaints, width on a phone, accessibility and charts in both themes."""

from pathlib import Path
from typing import Any

import yaml

from tests.book import axe
from tests.book.opened import opened, wait_for_charts

ROOT = Path(__file__).resolve().parents[2]
PHONE = {"width": 390, "height": 844}
INK = "() => getComputedStyle(document.querySelector('.nvl-chart svg text')).fill"


def names(half: int) -> list[str]:
    """Return every other page of the table of contents and of those that Sphinx and `book publish` add."""
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    listed = [toc["root"]]
    for part in toc["parts"]:
        for chapter in part["chapters"]:
            listed += [chapter["file"], *(section["file"] for section in chapter.get("sections", ()))]
    return [*listed, "genindex", "search", "404"][half::2]


def visit(browser: Any, address: str, whole: bool) -> dict[str, Any]:
    """Return what is wrong with a page, by what was looked at; nothing is wrong when it is empty.

    Args:
        browser: to open it in
        address: of the page
        whole: look at the parts that are the same on every page too
    """
    wrong: dict[str, Any] = {}
    with opened(browser, address, color_scheme="light", viewport=PHONE) as (page, trouble):
        charts = wait_for_charts(page)
        width = page.evaluate("document.documentElement.scrollWidth")
        if width > PHONE["width"]:
            wrong["width on a phone"] = width
        page.set_viewport_size({"width": 1280, "height": 900})
        axe.prepare(page)
        inks = [page.evaluate(INK)] if charts else []
        wrong["light"] = axe.violations(page, whole)
        page.evaluate("document.documentElement.dataset.theme = 'dark'")
        if charts:
            wait_for_charts(page, "dark")
            inks.append(page.evaluate(INK))
            if inks[0] == inks[1]:
                wrong["ink in both themes"] = inks[0]
        if page.locator("html[data-theme]").count():
            wrong["dark"] = axe.violations(page, whole, axe.BY_COLOUR)
        wrong["complaints"] = trouble
    return {what: found for what, found in wrong.items() if found}
