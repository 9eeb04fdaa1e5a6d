"""Directives that show the ledger: every claim in one table, and how the verdicts are spread."""

import json
from collections import Counter
from typing import Any

from docutils import nodes

from nvlinklab.bookext.context import ResultDirective, claims, results
from nvlinklab.bookext.details import claim_facts
from nvlinklab.bookext.fold import excerpt, fold
from nvlinklab.bookext.parts import anchor, badge, claim_link, entry, evidence_link, page_link, paragraph, row, span, table
from nvlinklab.bookext.places import place_link
from nvlinklab.bookext.verdicts import PREFIX
from nvlinklab.claims.ledger import DOCUMENTS, Chapter, Ledger
from nvlinklab.claims.overview import TAGS
from nvlinklab.claims.page import MEANINGS, OUTCOMES, Line, Results
from nvlinklab.claims.verdict import VERDICTS

HEAD = ("Number", "Stated", "Computed", "Ratio")


class LedgerTable(ResultDirective):
    """`{ledger-table}`: every claim with stated and computed numbers; `:chapter: ch05` for one chapter."""

    def show(self) -> list[nodes.Node]:
        """Return one section a chapter after the place of the filter, or the table of one chapter."""
        found, ledger = results(self.env), claims(self.env)
        if "chapter" in self.options:
            return [self._table(ledger.chapter(self.options["chapter"]), found)]
        place = nodes.container(classes=["nvl-ledger-filter"])
        place += nodes.raw("", _facets(ledger, found), format="html")
        return [place, *(self._section(chapter, found) for chapter in ledger.chapters.values())]

    def _section(self, chapter: Chapter, found: Results) -> nodes.section:
        section = nodes.section(ids=[chapter.id], names=[chapter.id], classes=["nvl-ledger-chapter"])
        section += nodes.title("", chapter.title)
        section += paragraph(chapter.question, classes=["nvl-question"])
        if chapter.notebook in self.env.found_docs:
            section += paragraph("Derived in ", page_link(self.env, chapter.title, chapter.notebook), ".")
        section += self._table(chapter, found)
        return section

    def _table(self, chapter: Chapter, found: Results) -> nodes.table:
        derived = chapter.title if chapter.notebook in self.env.found_docs else ""
        rows = [one for claim_id in chapter.claims for one in _claim_rows(claim_id, found, self.env.docname, derived)]
        return table(HEAD, rows, "nvl-ledger", stub=False)


class LedgerEvidence(ResultDirective):
    """`{ledger-evidence}`: what stands behind the verdict on each claim, a section a chapter; the ledger's rows open to these parts."""

    def show(self) -> list[nodes.Node]:
        """Return the sections."""
        found, ledger = results(self.env), claims(self.env)
        return [self._section(chapter, found) for chapter in ledger.chapters.values()]

    def _section(self, chapter: Chapter, found: Results) -> nodes.section:
        section = nodes.section(ids=[chapter.id], names=[chapter.id])
        section += nodes.title("", chapter.title)
        for result in map(found.claim, chapter.claims):
            verdict = result["verdict"]
            card = nodes.container(ids=[result["id"]], classes=["nvl-card"])
            card += paragraph(claim_link(self.env.docname, result["id"], verdict), " ", badge(verdict), classes=["nvl-card-head"])
            card += paragraph(result["statement"])
            card += excerpt(result["id"], _file(result), *claim_facts(result, found, self.env.docname))
            section += card
        return section


class VerdictCounts(ResultDirective):
    """`{verdict-counts}`: verdicts by article, pending included."""

    def show(self) -> list[nodes.Node]:
        """Return the table."""
        found = list(results(self.env).claims.values())
        rows = [
            _count_row([span(name, "nvl-id"), f" {title}"], [r["verdict"] for r in found if r["document"] == name])
            for name, title in DOCUMENTS.items()
        ]
        rows.append(_count_row(["All articles"], [r["verdict"] for r in found], "nvl-total"))
        return [table(("Article", *map(badge, VERDICTS), "All"), rows, "nvl-counts")]


class VerdictMeanings(ResultDirective):
    """`{verdict-meanings}`: what each verdict says."""

    def show(self) -> list[nodes.Node]:
        """Return the table."""
        rows = [row([badge(v), MEANINGS[v]], ids=[f"{PREFIX}{v}"]) for v in VERDICTS]
        return [table(("Verdict", "When"), rows, "nvl-meanings")]


class ChapterStatus(ResultDirective):
    """`{chapter-status}`: verdicts by chapter, with a link to the notebook where there is one."""

    def show(self) -> list[nodes.Node]:
        """Return the table."""
        found, ledger = results(self.env), claims(self.env)
        rows = []
        for chapter in ledger.chapters.values():
            number = span(chapter.id.split("-")[0], "nvl-id")
            name = page_link(self.env, chapter.title, chapter.notebook)
            rows.append(_count_row([number, " ", name], [found.claim(c)["verdict"] for c in chapter.claims]))
        rows.append(_count_row(["All chapters"], [r["verdict"] for r in found.claims.values()], "nvl-total"))
        return [table(("Chapter", *map(badge, VERDICTS), "All"), rows, "nvl-counts")]


def setup(app: Any) -> None:
    """Register the directives."""
    app.add_directive("ledger-table", LedgerTable)
    app.add_directive("ledger-evidence", LedgerEvidence)
    app.add_directive("verdict-counts", VerdictCounts)
    app.add_directive("verdict-meanings", VerdictMeanings)
    app.add_directive("chapter-status", ChapterStatus)


def _count_row(name: list[str | nodes.Node], verdicts: list[str], *classes: str) -> nodes.row:
    counted = Counter(verdicts)
    cells = [entry(f"{counted[v]:,}" if counted[v] else "·", "nvl-count") for v in VERDICTS]
    return row([entry(name), *cells, entry(f"{len(verdicts):,}", "nvl-count", "nvl-sum")], *classes)


def _facets(ledger: Ledger, found: Results) -> str:
    """What the page's script filters and sorts by, as a data block: the choices with their names, and the values of each claim."""
    tags = [t for t in TAGS if any(r["tag"] == t for r in found.claims.values())]
    data = {
        "verdict": {v: v for v in VERDICTS if any(r["verdict"] == v for r in found.claims.values())},
        "article": {name: f"{name}: {title}" for name, title in DOCUMENTS.items()},
        "chapter": {c.id.split("-")[0]: c.title for c in ledger.chapters.values()},
        "tag": {t: "no tag" if t == "none" else t for t in tags},
        "claims": {
            r["id"]: {
                "verdict": r["verdict"], "article": r["document"], "chapter": r["chapter"].split("-")[0], "tag": r["tag"],
                "ratio": r["ratio"],
            }
            for r in found.claims.values()
        },
    }  # fmt: skip
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return f'<script type="application/json">{text}</script>'


def _claim_rows(claim_id: str, found: Results, page: str, derived: str) -> list[nodes.row]:
    """One row for the claim and its verdict, one for each stated number, one for the facts behind the verdict."""
    result = found.claim(claim_id)
    where: list[str | nodes.Node] = [f"{result['document']}, {result['locator']}"]
    where += [] if result["tag"] == "none" else [f" · tagged {result['tag']}"]
    where += [" · derived in ", place_link(page, claim_id, derived)] if derived and result["verdict"] != "pending" else []
    claim = [
        paragraph(anchor(claim_id), " ", badge(result["verdict"]), classes=["nvl-claim-head"]),
        paragraph(result["statement"]),
        paragraph(*where, classes=["nvl-where"]),
    ]
    title = "What is known" if result["verdict"] == "pending" else "How this verdict comes about"
    link = evidence_link(page, claim_id, "Its inputs, where each comes from, and what would make the claim true")
    facts = fold(title, link, _file(result))
    return [
        row([_wide(claim, "nvl-cell-claim")], "nvl-row", "nvl-first", ids=[claim_id]),
        *(row(_line_cells(line), "nvl-row", "nvl-line") for line in found.lines(claim_id)),
        row([_wide([facts], "nvl-cell-facts")], "nvl-row"),
    ]


def _file(result: dict[str, Any]) -> str:
    """The group of excerpts that a claim's evidence belongs to: a chapter's is loaded together."""
    return result["chapter"].split("-")[0]


def _wide(cell: list[nodes.Node], *classes: str) -> nodes.entry:
    return entry(cell, *classes, morecols=len(HEAD) - 1)


def _line_cells(line: Line) -> list[nodes.entry]:
    name = line.name.replace("_", " ") + {"detail": " (detail)", "given": " (given)"}.get(line.role, "")
    computed: list[nodes.Node] = [nodes.Text(line.computed or "–")]
    if line.interval:
        computed += [span(f" {line.interval}", "nvl-interval")]
    mark = f"{OUTCOMES[line.outcome]} " if line.outcome else ""
    return [
        entry(name, "nvl-cell-name"),
        entry(line.stated),
        entry(computed),
        entry(f"{mark}{line.ratio}".strip() or "–", *([f"nvl-o-{line.outcome}"] if line.outcome else [])),
    ]
