"""The ledger in pictures, drawn from the committed results while the book is built, and the same as tables and numbers."""

import math
from typing import Any

import pandas as pd
from docutils import nodes

from nvlinklab.bookext.charts import chart
from nvlinklab.bookext.context import ResultDirective, ResultRole, claims, results
from nvlinklab.bookext.details import ORIGINS
from nvlinklab.bookext.parts import badge, claim_link, paragraph, row, span, table
from nvlinklab.claims import overview
from nvlinklab.claims.ledger import DOCUMENTS, Ledger
from nvlinklab.claims.page import Results, interval_text, quantity_text, ratio_text
from nvlinklab.claims.verdict import FAILED, VERDICTS
from nvlinklab.errors import ClaimError

PAINT = {  # fill, and the ink that shows on it; distinct in lightness too
    "reproduced": ("#00735c", "#ffffff"),
    "approximately": ("#8fd3b6", "#000000"),
    "holds-if": ("#3d8fd1", "#000000"),
    "inconsistent": ("#f0a830", "#000000"),
    "contradicted": ("#a31c35", "#ffffff"),
    "not-checkable": ("#9aa3ae", "#000000"),
    "pending": ("#d5dae0", "#000000"),
}
ORIGIN_PAINT = {
    "public source": ("#0072B2", "#ffffff"),
    "the articles": ("#D55E00", "#000000"),
    "our assumption": ("#B07900", "#000000"),
    "definition": ("#7F7F7F", "#000000"),
}
TAG_NAMES = {"none": "no tag"}
SHOWN_NUMBERS, SHOWN_KNOTS = 15, 8
FEW = 4  # chapters to name
LITTLE = 0.05  # a difference less likely than this by chance is called one


class LedgerChart(ResultDirective):
    """`{ledger-chart} verdicts`, `tags`, `conflicts` or `numbers`: one chart of the whole ledger."""

    required_arguments = 1

    def show(self) -> list[nodes.Node]:
        """Return the chart."""
        from nvlinklab.plotting import theme

        name = self.arguments[0]
        if name not in CHARTS:
            raise ClaimError(f"no chart of the ledger is called {name!r}; expected {', '.join(CHARTS)}")
        theme.enable()
        made = CHARTS[name](results(self.env), claims(self.env))
        return [chart(self.env, made)] if made is not None else [paragraph("Nothing to show yet.")]


class Knots(ResultDirective):
    """`{conflict-knots}`: the largest groups of claims that hang together by conflicts."""

    def show(self) -> list[nodes.Node]:
        """Return the table."""
        found = results(self.env)
        groups = overview.knots(overview.conflicts(found.claims.values()))[:SHOWN_KNOTS]
        rows = [row(_knot_cells(group, found, self.env.docname)) for group in groups]
        return [table(("Most contested claim", "Claims", "Chapters", "Fail"), rows, "nvl-knots")]


class Numbers(ResultDirective):
    """`{consequential-numbers}`: the numbers whose doubt moves the ledger most, with the claims they move."""

    def show(self) -> list[nodes.Node]:
        """Return the table."""
        found = results(self.env)
        rows = [row(_number_cells(weight, found, self.env.docname)) for weight in _weights(found)]
        return [table(("Number", "Range", "Moves", "Claims"), rows, "nvl-weights")]


class OverviewRole(ResultRole):
    """`` {overview}`failed` ``: one number about the whole ledger."""

    takes = (1,)
    usage = "the name of a number about the ledger"

    def show(self, found: Results, *words: str) -> nodes.Node:
        """Return the number or the words."""
        if words[0] not in FACTS:
            raise ClaimError(f"nothing about the ledger is called {words[0]!r}; expected {', '.join(FACTS)}")
        return span(FACTS[words[0]](found), "nvl-fact-word")


def setup(app: Any) -> None:
    """Register the directives and the role."""
    app.add_directive("ledger-chart", LedgerChart)
    app.add_directive("conflict-knots", Knots)
    app.add_directive("consequential-numbers", Numbers)
    app.add_role("overview", OverviewRole())


def _all(found: Results) -> list[dict[str, Any]]:
    return list(found.claims.values())


def _percent(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.0%}".replace("%", "\N{NO-BREAK SPACE}%")


def _verdicts(found: Results, _ledger: Ledger) -> Any:
    from nvlinklab.plotting import counts

    by_document = overview.tally(_all(found), "document")
    frame = pd.DataFrame(
        [
            {"article": title, "verdict": v, "claims": by_document[key][v], "link": f"?article={key}&verdict={v}#claims"}
            for key, title in DOCUMENTS.items()
            for v in VERDICTS
            if v in by_document.get(key, {})
        ]
    )
    failures = frame[frame["verdict"].isin(FAILED)].groupby("article")["claims"].sum()
    decided, failed = _decided(found), int(failures.sum())
    where = f", {failures.max()} of them in the {failures.idxmax()}" if failed else ""
    return counts.shares(
        frame, name="article", part="verdict", count="claims", paint=PAINT, link="link", x_title="Share of the article's claims",
        title=f"Of {decided} claims that are decided, {failed} fail{where}",
        subtitle="verdicts by article; behind each name its number of claims; a click on a part lists those claims",
    )  # fmt: skip


def _tags(found: Results, _ledger: Ledger) -> Any:
    from nvlinklab.plotting import counts

    groups = [s for s in overview.held_by(_all(found), "tag", overview.TAGS) if s.total]
    if not groups:
        return None
    frame = pd.DataFrame(
        [
            {"tag": TAG_NAMES.get(s.name, s.name), "share": s.value, "low": s.low, "high": s.high, "label": f"{s.hits} of {s.total}"}
            for s in groups
        ]
    )
    whole = _held(found)
    return counts.intervals(
        frame, name="tag", value="share", low="low", high="high", label="label", x_title="Share of decided claims that hold",
        reference=whole.value, reference_label=f"all: {_percent(whole.value)}", title=_tag_title({s.name: s for s in groups}),
        subtitle="the articles' own credibility tags; bars are Wilson's 95 % intervals, wide where there are few claims",
    )  # fmt: skip


def _tag_title(groups: dict[str, overview.Share]) -> str:
    if not {"Official", "none"} <= set(groups):
        return "Too few tagged claims are decided to compare"
    tagged, plain = groups["Official"], groups["none"]
    chance = overview.difference(tagged, plain)
    numbers = f"{_percent(tagged.value)} of the claims tagged Official hold, {_percent(plain.value)} of those without a tag"
    return numbers if chance < LITTLE else f"{numbers}: too few to tell apart"


def _conflict_map(found: Results, ledger: Ledger) -> Any:
    from nvlinklab.plotting import counts

    pairs = overview.conflicts(_all(found))
    if not pairs:
        return None
    involved = {c for pair in pairs for c in pair}
    things = pd.DataFrame(
        [
            {
                "claim": r["id"], "chapter": ledger.chapters[r["chapter"]].title, "verdict": r["verdict"], "states": r["statement"],
                "link": f"#{r['id']}",
            }
            for r in _all(found)
            if r["id"] in involved
        ]
    )  # fmt: skip
    knot = overview.knots(pairs)[0]
    across = _across(found)
    title = f"{len(pairs)} conflicts among {len(involved)} claims; {across} of them join two chapters"
    said = (
        f"Ring of {len(involved)} claims, grouped by chapter and coloured by verdict; lines join claims that cannot both be right. "
        f"{across} of {len(pairs)} lines join two chapters. The largest knot holds {len(knot)} claims around {knot[0]}."
    )
    return counts.ring(
        things, pairs, name="claim", group="chapter", color="verdict", paint=PAINT, link="link", about=("verdict", "states"),
        title=title, alt_text=said,
        subtitle="orange lines join two chapters; a larger mark has more conflicts; a click on a mark opens its claim",
    )  # fmt: skip


def _numbers(found: Results, _ledger: Ledger) -> Any:
    from nvlinklab.plotting import counts

    heaviest = _weights(found)
    if not heaviest:
        return None
    frame = pd.DataFrame(
        [
            {"number": w.label, "weight": w.total, "from": ORIGINS[w.origin], "label": _moved(w), "link": f"#{next(iter(w.moves))}"}
            for w in heaviest
        ]
    )
    first = heaviest[0]
    return counts.ranked(
        frame, name="number", value="weight", label="label", color="from", paint=ORIGIN_PAINT, link="link",
        x_title="Doubt it brings in: sum over claims of |elasticity| × ln(high / low)",
        title=f"The widest doubt lies in {first.label}: {_moved(first)}",
        subtitle="numbers with a range; beside each bar the factor by which the range moves the claim it moves most",
    )  # fmt: skip


CHARTS = {"verdicts": _verdicts, "tags": _tags, "conflicts": _conflict_map, "numbers": _numbers}


def _weights(found: Results) -> list[overview.Weight]:
    return overview.weights(_all(found))[:SHOWN_NUMBERS]


def _moved(weight: overview.Weight) -> str:
    count = len(weight.moves)
    return f"{ratio_text(weight.largest)}, 1 claim" if count == 1 else f"up to {ratio_text(weight.largest)}, {count} claims"


def _number_cells(weight: overview.Weight, found: Results, page: str) -> list[Any]:
    linked: list[nodes.Node] = []
    for claim_id in sorted(weight.moves, key=lambda c: (-weight.moves[c], c)):
        linked += [nodes.Text(", ")] if linked else []
        linked.append(claim_link(page, claim_id, found.claim(claim_id)["verdict"]))
        linked += [nodes.Text(" (could make it true)")] if claim_id in weight.rescues else []
    spread = interval_text([weight.low, weight.high], weight.unit) or quantity_text(weight.low, weight.unit)
    reason = [span(f" ({weight.ref})", "nvl-origin")] if weight.ref != weight.name else []
    name = nodes.Text(weight.name) if reason else nodes.literal("", weight.name)
    return [[name, *reason], [nodes.Text(f"{spread}, "), span(ORIGINS[weight.origin], "nvl-origin")], _moved(weight), linked]


def _knot_cells(group: tuple[str, ...], found: Results, page: str) -> list[Any]:
    members = [found.claim(c) for c in group]
    chapters = sorted({r["chapter"].split("-")[0] for r in members})
    failed = sum(r["verdict"] in FAILED for r in members)
    first = [claim_link(page, group[0], members[0]["verdict"]), nodes.Text(" "), badge(members[0]["verdict"])]
    where = ", ".join(chapters) if len(chapters) <= FEW else f"{len(chapters)} chapters"
    return [first, f"{len(group):,}", where, f"{failed:,}"]


def _held(found: Results) -> overview.Share:
    decided = [r["verdict"] in overview.HOLDS for r in _all(found) if r["verdict"] in overview.DECIDED]
    return overview.share("all", sum(decided), len(decided))


def _decided(found: Results) -> int:
    return _held(found).total


def _across(found: Results) -> int:
    chapter = {r["id"]: r["chapter"] for r in _all(found)}
    return sum(chapter[a] != chapter[b] for a, b in overview.conflicts(_all(found)))


def _skill_words(found: Results) -> str:
    skill = overview.skill(_all(found), "tag")
    if math.isnan(skill):
        return "says nothing yet about"
    return f"improves by {_percent(skill)}" if skill > 0 else "does not improve"


FACTS = {
    "decided": lambda found: f"{_decided(found):,}",
    "held": lambda found: f"{_held(found).hits:,}",
    "failed": lambda found: f"{_held(found).total - _held(found).hits:,}",
    "held-share": lambda found: _percent(_held(found).value),
    "tag-skill": _skill_words,
    "conflicts": lambda found: f"{len(overview.conflicts(_all(found))):,}",
    "conflicts-across": lambda found: f"{_across(found):,}",
    "largest-knot": lambda found: f"{max(map(len, overview.knots(overview.conflicts(_all(found)))), default=0):,}",
    "ranged-numbers": lambda found: f"{len(overview.weights(_all(found))):,}",
}
