"""`{ledger-headline}`: the whole ledger in one bar, in HTML alone, each part a link to its claims."""

import html
from collections import Counter
from typing import Any

from docutils import nodes

from nvlinklab.bookext.context import ResultDirective, results
from nvlinklab.claims.page import MEANINGS, SIGNS
from nvlinklab.claims.verdict import VERDICTS


class Headline(ResultDirective):
    """`{ledger-headline}`: how many claims came out how."""

    def show(self) -> list[nodes.Node]:
        """Return the bar."""
        counted = Counter(r["verdict"] for r in results(self.env).claims.values())
        page = self.config.nvl_ledger_page
        address = "../" * self.env.docname.count("/") + page + ".html"
        shown = [v for v in VERDICTS if counted.get(v)]
        scale = "".join(f'<span class="nvl-v-{v}" style="flex-grow:{counted[v]}"></span>' for v in shown)
        parts = "".join(_part(v, counted[v], address) for v in shown)
        bar = f'<div class="nvl-scale" aria-hidden="true">{scale}</div>'
        return [nodes.raw("", f'{bar}<ul class="nvl-headline" aria-label="Verdicts on all claims">{parts}</ul>', format="html")]


def setup(app: Any) -> None:
    """Register the directive."""
    app.add_directive("ledger-headline", Headline)


def _part(verdict: str, count: int, address: str) -> str:
    return (
        f'<li class="nvl-v-{verdict}"><a href="{address}?verdict={verdict}#claims" '
        f'title="{html.escape(MEANINGS[verdict])}"><strong>{count:,}</strong> <span>'
        f'<span class="nvl-sign">{SIGNS[verdict]}</span> {verdict}</span></a></li>'
    )
