"""Roles: a computed number, a stated one, a ratio, a count, a verdict, a link to a claim, inside a sentence."""

import re
from typing import Any

from docutils import nodes
from sphinx.util.nodes import make_refnode

from nvlinklab.bookext.context import ResultRole
from nvlinklab.bookext.parts import badge, claim_link, span
from nvlinklab.claims.page import Results, quantity_text
from nvlinklab.claims.verdict import ABOUT, COARSEST, FINEST, NEAR, VERDICTS
from nvlinklab.errors import ClaimError

RULE = {"finest": FINEST, "coarsest": COARSEST, "about": ABOUT, "near": NEAR}


class ClaimRole(ResultRole):
    """`` {claim}`id` `` or `` {claim}`words <id>` ``: a link to the claim's row on the ledger page; its title is the verdict."""

    takes = (1,)
    usage = "id, or words <id>"

    def words(self) -> list[str]:
        """Return the id alone; the words before it are the link's text."""
        matched = re.fullmatch(r"(.+?)\s*<(\S+)>", self.text, re.DOTALL)
        self.shown = matched[1] if matched else ""
        return [matched[2]] if matched else super().words()

    def show(self, found: Results, *words: str) -> nodes.Node:
        """Return the link."""
        return claim_link(self.env.docname, words[0], found.claim(words[0])["verdict"], self.shown)


class ValueRole(ResultRole):
    """`` {claim-value}`id name` ``: the computed number."""

    def show(self, found: Results, *words: str) -> nodes.Node:
        """Return the number with its unit."""
        return self.about(words[0], span(found.value_text(*words), "nvl-number", "nvl-computed"))


class RangeRole(ResultRole):
    """`` {claim-range}`id name` ``: the range of the computed number under the ranges of its inputs."""

    def show(self, found: Results, *words: str) -> nodes.Node:
        """Return the range with its unit."""
        return self.about(words[0], span(found.range_text(*words), "nvl-number", "nvl-computed"))


class StatedRole(ResultRole):
    """`` {claim-stated}`id name` ``: the number as the article states it."""

    def show(self, found: Results, *words: str) -> nodes.Node:
        """Return the number with its unit."""
        return span(found.stated_text(*words), "nvl-number", "nvl-stated-number")


class RatioRole(ResultRole):
    """`` {ratio}`id` `` or `` {ratio}`id name` ``: computed over stated."""

    usage = "id, or id name"

    def show(self, found: Results, *words: str) -> nodes.Node:
        """Return the ratio."""
        return self.about(words[0], span(found.ratio_text(*words), "nvl-number"))


class VerdictRole(ResultRole):
    """`` {verdict}`id` ``: the verdict on a claim; `` {verdict}`reproduced` ``: how that verdict looks."""

    takes = (1,)
    usage = "id, or a verdict"

    def show(self, found: Results, *words: str) -> nodes.Node:
        """Return the badge."""
        return self.about(words[0], badge(words[0] if words[0] in VERDICTS else found.claim(words[0])["verdict"]))


class RuleRole(ResultRole):
    """`` {rule}`near` ``: one of the percentages of the verdict rule."""

    takes = (1,)
    usage = ", ".join(RULE)

    def show(self, _found: Results, *words: str) -> nodes.Node:
        """Return the percentage."""
        if words[0] not in RULE:
            raise ClaimError(f"expected {self.usage}")
        return span(quantity_text(RULE[words[0]], "percent"), "nvl-number")


class CountRole(ResultRole):
    """`` {count}`pending` ``, `` {count}`ch05 reproduced` ``, `` {count}`doc-003 total` ``: how many claims."""

    takes = (1, 2, 3)
    usage = "pending, or ch05 reproduced, or doc-003 total"

    def show(self, found: Results, *words: str) -> nodes.Node:
        """Return the count."""
        return span(f"{len(found.select(words)):,}", "nvl-number")


ROLES = {
    "claim": ClaimRole,
    "claim-value": ValueRole,
    "claim-range": RangeRole,
    "claim-stated": StatedRole,
    "ratio": RatioRole,
    "verdict": VerdictRole,
    "rule": RuleRole,
    "count": CountRole,
}


def setup(app: Any) -> None:
    """Register the roles and the resolver of claim links."""
    for name, role in ROLES.items():
        app.add_role(name, role())
    app.connect("missing-reference", _resolve)


def _resolve(app: Any, env: Any, node: Any, content: nodes.Node) -> nodes.Node | None:
    """Point a claim link at the ledger page, or at the page of its evidence."""
    pages = {"nvl-claim": app.config.nvl_ledger_page, "nvl-evidence": app.config.nvl_evidence_page}
    page = pages.get(node.get("reftype"))
    if page is None:
        return None
    if page not in env.found_docs:
        return content
    return make_refnode(app.builder, node["refdoc"], page, node["reftarget"], content, node["nvl_title"] or None)
