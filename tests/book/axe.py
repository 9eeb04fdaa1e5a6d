"""Accessibility of an open page, by axe-core as the package axe-playwright-python carries it."""

from functools import cache
from importlib.resources import files
from typing import Any

BY_COLOUR = ["color-contrast", "link-in-text-block"]  # the rules that a theme can change
KEPT = {".nvl-ledger-chapter": 4, "tbody tr": 5, "div.highlight": 3, ".nvl-chart svg": 1}
"""How many of what repeats on a page are looked at: the cost of the contrast rule grows with the page."""
PREPARE = """
kept => {
  const still = document.createElement("style");
  still.textContent = "* { transition: none !important; animation: none !important; }";
  document.head.append(still);
  for (const part of document.querySelectorAll("details")) part.open = true;
  for (const part of document.querySelectorAll(".toggle-hidden")) part.classList.remove("toggle-hidden");
  const seen = new Map();
  for (const [what, most] of Object.entries(kept))
    for (const element of document.querySelectorAll(what)) {
      const key = what === "tbody tr" ? element.parentElement : what;
      seen.set(key, (seen.get(key) ?? 0) + 1);
      if (seen.get(key) > most) element.remove();
    }
}
"""
RUN = """
rules => axe.run(document, { resultTypes: ["violations"], preload: false, ...(rules ? { runOnly: rules } : {}) }).then(({ violations }) =>
  violations.flatMap(({ id, impact, nodes }) =>
    nodes.slice(0, 5).map((n) => `${id} (${impact}): ${n.target.join(" ")}: ${n.failureSummary.split("\\n")[1]?.trim()}`)))
"""


@cache
def _source() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def prepare(page: Any) -> None:
    """Open everything that is folded, stop all motion, thin out what repeats, and load axe."""
    page.evaluate(PREPARE, KEPT)
    page.evaluate(_source())


def violations(page: Any, rules: list[str] | None = None) -> list[str]:
    """Return one line a violation, of any impact: all rules by default, best practices too."""
    return page.evaluate(RUN, rules)
