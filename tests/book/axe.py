"""Accessibility of an open page, by axe-core as the package axe-playwright-python carries it."""

import os
from functools import cache
from importlib.resources import files
from typing import Any

BY_COLOUR = ["color-contrast", "link-in-text-block"]  # the rules that a theme can change
KEPT = {
    ".nvl-ledger-chapter": 3, ".nvl-card": 3, "tbody tr": 4, "div.highlight": 2, ".nvl-figure:not(:has([data-moves]))": 1,
    ".nvl-figure:has([data-moves])": 1, ".nvl-api": 3, "dl.nvl-members > *": 6,
}  # fmt: skip
"""How many of what repeats on a page are looked at, because the cost of the contrast rule grows with the page. Where the variable
`NVLINKLAB_AXE` says `whole` nothing is left out, for some ten minutes more."""
SAME = ["#pst-primary-sidebar", ".bd-header-article", ".bd-footer-content"]
"""What is the same on every page, and looked at on a few."""
PREPARE = """
async kept => {
  const rest = () => new Promise(requestAnimationFrame);
  for (const part of document.querySelectorAll(".toggle-hidden")) part.classList.remove("toggle-hidden");
  const seen = new Map();
  for (const [what, most] of Object.entries(kept))
    for (const element of document.querySelectorAll(what)) {
      const key = what === "tbody tr" || what.includes(">") ? element.parentElement : what;
      seen.set(key, (seen.get(key) ?? 0) + 1);
      if (seen.get(key) > most) element.remove();
    }
  for (const part of document.querySelectorAll("details")) part.open = true;
  while (document.querySelector("details[data-excerpts] > a")) await rest(); // until every excerpt stands in its place
  for (const part of document.querySelectorAll(".bd-article section")) part.style.contentVisibility = "visible"; // as if all were on screen
  for (let frame = 0; frame < 4; frame += 1) await rest(); // what is opened is laid out in one frame and measured in the next
}
"""
RUN = """
async ([rules, exclude]) => {
  const options = { resultTypes: ["violations"], preload: false, ...(rules ? { runOnly: rules } : {}) };
  const { violations } = await axe.run({ exclude }, options);
  return violations.flatMap(({ id, impact, nodes }) =>
    nodes.slice(0, 5).map((n) => `${id} (${impact}): ${n.target.join(" ")}: ${n.failureSummary.split("\\n")[1]?.trim()}`));
}
"""


@cache
def _source() -> str:
    return (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def prepare(page: Any) -> None:
    """Open everything that is folded, thin out what repeats, and load axe."""
    page.evaluate(PREPARE, {} if os.environ.get("NVLINKLAB_AXE") == "whole" else KEPT)
    page.evaluate(_source())


def violations(page: Any, whole: bool = True, rules: list[str] | None = None) -> list[str]:
    """Return one line a violation, of any impact: all rules by default, best practices too."""
    return page.evaluate(RUN, [rules, [] if whole else SAME])
