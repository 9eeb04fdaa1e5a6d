"""Pages in a browser: open one and gather its complaints, wait for its charts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

DRAWN = """
async scheme => {
  for (const box of document.querySelectorAll(".nvl-chart")) box.scrollIntoView({ behavior: "instant" });
  window.dispatchEvent(new Event("pointermove"));
  for (const box of document.querySelectorAll(".nvl-chart")) {
    const done = () => box.dataset.drawn === "failed" || box.dataset.scheme === scheme;
    box.scrollIntoView({ behavior: "instant" });
    while (!done()) await new Promise(requestAnimationFrame);
  }
  scrollTo({ top: 0, behavior: "instant" });
  return [...document.querySelectorAll(".nvl-chart")].map(b => b.dataset.drawn);
}
"""


@contextmanager
def opened(browser: Any, address: str, **options: Any) -> Iterator[tuple[Any, list[str]]]:
    """Open a page and collect its complaints: console messages of any kind (a violated policy is one), exceptions, wrong requests."""
    context = browser.new_context(reduced_motion="reduce", **options)
    page = context.new_page()
    trouble: list[str] = []
    own = ("/".join([*address.split("/")[:3], ""]), "data:", "blob:")
    page.on("console", lambda m: trouble.append(f"{m.type}: {m.text}"))
    page.on("pageerror", lambda e: trouble.append(f"exception: {e}"))
    page.on("requestfailed", lambda r: trouble.append(f"failed: {r.url}"))
    page.on("request", lambda r: None if r.url.startswith(own) else trouble.append(f"elsewhere: {r.url}"))
    page.on("response", lambda r: trouble.append(f"{r.status}: {r.url}") if r.status >= 400 else None)
    page.goto(address, wait_until="load")
    try:
        yield page, trouble
    finally:
        context.close()


def wait_for_charts(page: Any, scheme: str = "light") -> int:
    """Look at every chart until it is drawn in this colour scheme; return how many there are."""
    states = page.evaluate(DRAWN, scheme)
    assert set(states) <= {"true"}
    return len(states)
