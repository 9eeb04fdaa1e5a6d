"""One claim in full: what it hangs on, what would make it true, what else it might mean, and who says so."""

import math
from typing import Any

from docutils import nodes

from nvlinklab import units
from nvlinklab.bookext.context import ResultDirective, results
from nvlinklab.bookext.parts import badge, claim_link, paragraph, rich, simple_table, span
from nvlinklab.claims.page import OUTCOMES, Results, condition_text, due_text, interval_text, quantity_text, ratio_text

ORIGINS = {"public": "public source", "article": "the articles", "definition": "definition", "assumption": "our assumption"}


class ClaimDetails(ResultDirective):
    """`{claim-details} id`: a card with everything the ledger holds about one claim."""

    required_arguments = 1

    def show(self) -> list[nodes.Node]:
        """Return the card."""
        found = results(self.env)
        result = found.claim(self.arguments[0])
        card = nodes.container(classes=["nvl-card"])
        card += paragraph(
            claim_link(self.env.docname, result["id"], result["verdict"]), " ", badge(result["verdict"]), classes=["nvl-card-head"]
        )
        card += paragraph(result["statement"])
        lines = found.lines(result["id"])
        card += simple_table(
            ("Number", "Stated", "Computed", "Range", "Ratio"),
            [
                (
                    ln.name.replace("_", " "),
                    ln.stated,
                    ln.computed or "–",
                    ln.interval or "–",
                    f"{OUTCOMES.get(ln.outcome, '')} {ln.ratio}".strip() or "–",
                )
                for ln in lines
            ],
        )
        card += claim_facts(result, found, self.env.docname)
        return [card]


def setup(app: Any) -> None:
    """Register the directive and the folding part it shares with the ledger."""
    from nvlinklab.bookext import fold

    fold.setup(app)
    app.add_directive("claim-details", ClaimDetails)


def claim_facts(result: dict[str, Any], found: Results, page: str) -> list[nodes.Node]:
    """Return why the verdict, the inputs with elasticities and break-even values, other readings, notes, conflicts and evidence.

    Args:
        result: of the claim
        found: all results, for the claims it conflicts with
        page: the page that will show it
    """
    facts: list[nodes.Node] = [_labelled("Why", result["why"])]
    if result.get("condition"):
        facts.append(_labelled("Condition", condition_text(result["condition"])))
    if result.get("due"):
        facts.append(_labelled("Due", f"a forecast for {due_text(result['due'])}"))
    if result["inputs"]:
        facts.append(_input_table(result))
    if result["context"]:
        facts.append(_labelled("Also computed", "; ".join(_context_text(n, v) for n, v in result["context"].items())))
    facts += [_labelled("Read another way", _reading_text(r)) for r in result["readings"]]
    facts += [_labelled(label, result[key]) for key, label in (("settles", "What would settle it"), ("note", "Note")) if result[key]]
    if result["conflicts"]:
        facts.append(_conflicts(result["conflicts"], found, page))
    if result["evidence"]:
        facts.append(_labelled("Evidence", "; ".join(result["evidence"])))
    return facts


def _conflicts(others: list[str], found: Results, page: str) -> nodes.paragraph:
    parts: list[str | nodes.Node] = [span("Cannot be right together with: ", "nvl-label")]
    for other in others:
        verdict = found.claim(other)["verdict"]
        parts += [claim_link(page, other, verdict), f" ({verdict})", ", "]
    return paragraph(*parts[:-1], classes=["nvl-fact"])


def _labelled(label: str, text: str) -> nodes.paragraph:
    return paragraph(span(f"{label}: ", "nvl-label"), *rich(text), classes=["nvl-fact"])


def _context_text(name: str, value: dict[str, Any]) -> str:
    return f"{name.replace('_', ' ')} {quantity_text(value['value'], value['unit'])}"


def _reading_text(reading: dict[str, Any]) -> str:
    fits = {"hit": "which meets the stated number", "near": "which is near it", "miss": "which still misses"}[reading["outcome"]]
    return f"{reading['label']}, {reading['name'].replace('_', ' ')} is {quantity_text(reading['value'], reading['unit'])}, {fits}"


def _input_table(result: dict[str, Any]) -> nodes.table:
    """Rows are inputs; elasticity and break-even are those of the number that decides the verdict."""
    name = _deciding(result)
    slopes, turns = result["elasticities"].get(name, {}), result["break_even"].get(name, {})
    rows = [
        (
            n.replace("_", " "),
            _input_text(i),
            [span(ORIGINS[i["origin"]], "nvl-origin"), f" {_reference(i)}"],
            _slope_text(slopes.get(n)),
            _turn_text(turns.get(n), i["unit"]),
        )
        for n, i in result["inputs"].items()
    ]
    of = f" of {name.replace('_', ' ')}" if name else ""
    return simple_table(("Input", "Value", "From", f"Elasticity{of}", "Meets the claim at"), rows, "nvl-inputs")


def _deciding(result: dict[str, Any]) -> str:
    """The stated number furthest from the computed one, of those the claim rests on; otherwise the first computed one."""
    numbers = [t for t in result["tests"] if t.get("ratio")]
    main = [t for t in numbers if t["role"] == "claim" and t["ratio"] > 0] or numbers
    if main:
        return max(main, key=lambda t: abs(math.log(abs(t["ratio"]))))["name"]
    return next(iter(result["elasticities"]), "")


def _input_text(i: dict[str, Any]) -> str:
    text = quantity_text(i["value"], i["unit"])
    spread = interval_text([i["low"], i["high"]], i["unit"])
    return f"{text} ({spread})" if spread else text


def _reference(i: dict[str, Any]) -> str:
    sources = f" [{', '.join(i['source'])}]" if i["source"] else ""
    return f"{i['ref']}{sources}"


def _slope_text(slope: float | None) -> str:
    return "–" if slope is None else units.number_text(slope, 3).replace("-", "\N{MINUS SIGN}")


def _turn_text(turn: dict[str, Any] | None, unit: str) -> str:
    if turn is None:
        return "–"
    if turn["value"] is None:
        return "no value does"
    if math.isclose(turn["factor"], 1.0, rel_tol=1e-9):
        return "as it is"
    return f"{quantity_text(turn['value'], unit)} ({ratio_text(turn['factor'])})"
