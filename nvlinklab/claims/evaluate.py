"""From a claim and its function to everything the ledger shows, with no further code per claim."""

import itertools
import json
import math
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from nvlinklab import units
from nvlinklab.analysis.inverse import break_even
from nvlinklab.analysis.sensitivity import elasticities, sum_rule_residual
from nvlinklab.claims.condition import Condition, find_condition
from nvlinklab.claims.ledger import Claim, ledger
from nvlinklab.claims.registry import Check, Input, get_check
from nvlinklab.claims.verdict import FAILED, Test, outcome, verdict
from nvlinklab.errors import ClaimError

MAX_CORNERS = 2**8
SCAN = 81


@cache
def evaluate(claim_id: str) -> dict[str, Any]:
    """Return everything computed about one claim, as plain data ready for JSON.

    Keys: `id, chapter, document, tag, kind, statement, verdict, why, condition, ratio, tests, context, readings, inputs, elasticities,
    sum_rule, break_even, note, settles, due`. Numbers are SI beside their unit. `tests` holds, for each stated number, the computed one,
    its interval under the inputs' ranges, the ratio and whether it is a hit, near or a miss. A claim without a function has verdict
    `pending` and nothing computed.

    Raises:
        ClaimError: an unknown id, a function that does not return what the claim states, or premises that run in a circle.
    """
    return _evaluate(claim_id, ())


def evaluate_all(ids: list[str] | None = None) -> list[dict[str, Any]]:
    """Return `evaluate` of the given claims, of all of them by default, in ledger order."""
    return [evaluate(i) for i in (ids or ledger().claims)]


def computed(claim_id: str, name: str) -> float:
    """Return the computed counterpart of one stated value [SI]."""
    for test in evaluate(claim_id)["tests"]:
        if test["name"] == name:
            return test["computed"]
    context = evaluate(claim_id)["context"]
    if name in context:
        return context[name]["value"]
    raise ClaimError(f"claim {claim_id} computes no {name!r}")


def _evaluate(claim_id: str, above: tuple[str, ...]) -> dict[str, Any]:
    if claim_id in above:
        raise ClaimError(f"premises run in a circle: {' -> '.join((*above, claim_id))}")
    claim = ledger().claim(claim_id)
    check = get_check(claim_id)
    head = {
        "id": claim.id, "chapter": claim.chapter, "document": claim.document, "locator": claim.locator, "tag": claim.tag,
        "kind": claim.kind, "statement": claim.statement,
        "stated": {v.name: v.shown for v in claim.values}, "note": claim.note, "settles": claim.settles, "due": claim.due,
        "conflicts": list(claim.conflicts), "evidence": list(claim.evidence),
    }  # fmt: skip
    if check is None:
        return head | {"verdict": "pending", "why": "no function yet", "condition": None, "ratio": None, "tests": [], "context": {}} | {
            "readings": [], "inputs": {}, "elasticities": {}, "sum_rule": {}, "break_even": {}, "failed_premises": [],
        }  # fmt: skip
    point = {name: i.value for name, i in check.inputs.items()}
    values = {name: float(v) for name, v in check.function(**point).items()}
    output_units = _output_units(claim, check, values)
    tests = _tests(claim, check, values)
    failed = _failed_premises(check, (*above, claim_id))
    condition = _condition(claim, check, point)
    word, why = verdict(tests, failed, condition) if not check.not_checkable else ("not-checkable", check.not_checkable)
    derivatives = elasticities(lambda p: check.function(**p), point) if point else {name: {} for name in values}
    input_units = {name: i.unit for name, i in check.inputs.items()}
    intervals = _intervals(check, values)
    tested = {t.stated.name: t for t in tests}
    return head | {
        "verdict": word,
        "why": why,
        "condition": condition and {**condition._asdict(), "in_part": condition.in_part, "sentence": condition.sentence},
        "ratio": _headline_ratio(tests),
        "tests": [_test_entry(t, intervals) for t in tests],
        "context": {n: {"value": v, "unit": output_units[n], "interval": intervals[n]} for n, v in values.items() if n not in tested},
        "readings": [entry for r in check.readings for entry in _reading_entries(claim, r.label, r.function, r.inputs)],
        "inputs": {name: _input_entry(i) for name, i in check.inputs.items()},
        "elasticities": derivatives,
        "sum_rule": {
            n: sum_rule_residual(e, input_units, output_units[n]) for n, e in derivatives.items() if not any(map(math.isnan, e.values()))
        },
        "break_even": {t.stated.name: _break_evens(check, t) for t in tests if not t.stated.text},
        "failed_premises": failed,
    }


def _output_units(claim: Claim, check: Check, values: dict[str, float]) -> dict[str, str]:
    stated_units = {v.name: v.unit for v in claim.values}
    found = {}
    for name in values:
        if name in stated_units:
            found[name] = stated_units[name]
        elif name in check.context_units:
            found[name] = check.context_units[name]
        else:
            raise ClaimError(f"claim {claim.id}: the function returns {name!r}, which is neither stated nor declared in context=")
    return found


def _tests(claim: Claim, check: Check, values: dict[str, float]) -> list[Test]:
    public = any(i.origin == "public" for i in check.inputs.values())
    tests = []
    for stated in claim.values:
        if stated.role == "given":
            continue
        if stated.text:
            if stated.name in claim.says:
                said = claim.says[stated.name]
                tests.append(Test(stated, float("nan"), "hit" if said == stated.text else "miss", True, said))
        elif stated.name in values:
            tests.append(Test(stated, values[stated.name], outcome(stated, values[stated.name]), public))
    unmet = [v.name for v in claim.values if v.role != "given" and v.name not in {t.stated.name for t in tests}]
    if unmet and not check.not_checkable:
        raise ClaimError(f"claim {claim.id}: nothing computes {', '.join(unmet)}; return it, mark it `role: given`, or say not_checkable=")
    return [] if check.not_checkable else tests


def _condition(claim: Claim, check: Check, point: dict[str, float]) -> Condition | None:
    if check.holds_if is None:
        return None
    name, phrase = check.holds_if
    hinge = check.inputs[name]
    numbers = [v for v in claim.values if v.role == "claim" and not v.text]
    try:
        return find_condition(
            name, phrase, hinge.unit, hinge.low, hinge.high, lambda x: check.function(**{**point, name: x}), numbers,
            lambda stated, value: outcome(stated, value) == "hit",
        )  # fmt: skip
    except ClaimError as exc:
        raise ClaimError(f"claim {claim.id}: {exc}") from None


def _failed_premises(check: Check, above: tuple[str, ...]) -> list[str]:
    premises = dict.fromkeys(i.premise for i in check.inputs.values() if i.premise)
    return [p for p in premises if _evaluate_premise(p, above)["verdict"] in FAILED]


def _evaluate_premise(claim_id: str, above: tuple[str, ...]) -> dict[str, Any]:
    if claim_id in above:
        raise ClaimError(f"premises run in a circle: {' -> '.join((*above, claim_id))}")
    return evaluate(claim_id)


def _headline_ratio(tests: list[Test]) -> float | None:
    """The ratio of the number that decides the verdict: the claim's own numbers first, the one furthest from one."""
    numeric = [t for t in tests if not t.stated.text and t.ratio > 0]
    main = [t for t in numeric if t.stated.role == "claim"] or numeric
    return max((t.ratio for t in main), key=lambda r: abs(math.log(r)), default=None)


def _test_entry(test: Test, intervals: dict[str, list[float]]) -> dict[str, Any]:
    stated = test.stated
    entry: dict[str, Any] = {"name": stated.name, "stated": stated.shown, "unit": stated.unit, "outcome": test.outcome, "role": stated.role}
    if stated.text:
        return entry | {"evidence": test.text}
    ratio = test.ratio
    return entry | {
        "low": stated.low, "high": stated.high, "computed": test.computed, "interval": intervals[stated.name],
        "ratio": None if math.isnan(ratio) or math.isinf(ratio) else ratio,
    }  # fmt: skip


def _reading_entries(claim: Claim, label: str, function: Any, inputs: dict[str, Input]) -> list[dict[str, Any]]:
    values = function(**{name: i.value for name, i in inputs.items()})
    entries = []
    for name, raw in values.items():
        stated = claim.stated(name)
        value = float(raw)
        match = Test(stated, value, outcome(stated, value), False)
        entries.append({"label": label, "name": name, "value": value, "unit": stated.unit, "outcome": match.outcome, "ratio": match.ratio})
    return entries


def _input_entry(i: Input) -> dict[str, Any]:
    return {
        "value": i.value, "low": i.low, "high": i.high, "unit": i.unit, "origin": i.origin, "ref": i.ref, "premise": i.premise,
        "source": list(i.source),
    }  # fmt: skip


def _intervals(check: Check, values: dict[str, float]) -> dict[str, list[float]]:
    """The range of each result over all corners of the inputs' ranges (exact where the function is monotone in each input)."""
    wide = [name for name, i in check.inputs.items() if i.low < i.high]
    if not wide:
        return {name: [v, v] for name, v in values.items()}
    if 2 ** len(wide) > MAX_CORNERS:
        raise ClaimError(f"claim {check.claim}: {len(wide)} inputs have ranges; at most {int(math.log2(MAX_CORNERS))} are supported")
    corners = np.array(list(itertools.product(*[(check.inputs[n].low, check.inputs[n].high) for n in wide])))
    corners = np.resize(corners, (max(len(corners), SCAN), len(wide)))  # repeated to the length of a scan: one array shape compiles once
    fixed = {n: i.value for n, i in check.inputs.items() if n not in wide}
    runs = check.function(**fixed, **{n: corners[:, k] for k, n in enumerate(wide)})
    return {name: [min(float(np.min(runs[name])), v), max(float(np.max(runs[name])), v)] for name, v in values.items()}


def _break_evens(check: Check, test: Test) -> dict[str, dict[str, Any]]:
    """For each input, the value that would make the claim true (the nearer end of a stated range)."""
    target = min(max(test.computed, test.stated.low), test.stated.high)
    if test.outcome == "hit" and test.stated.low == test.stated.high:
        target = test.stated.low
    name = test.stated.name
    point = {n: i.value for n, i in check.inputs.items()}
    answers = {}
    for path in point:
        answer = break_even(lambda p: check.function(**p)[name], point, path, target)
        answers[path] = {"value": answer.value, "factor": answer.factor, "reason": answer.reason}
    return answers


def to_json(results: list[dict[str, Any]]) -> str:
    """Write results as JSON with a stable layout; numbers to 12 significant digits, NaN as null."""
    return json.dumps(_clean(results), indent=1, ensure_ascii=False) + "\n"


def _clean(item: Any) -> Any:
    if isinstance(item, dict):
        return {k: _clean(v) for k, v in item.items()}
    if isinstance(item, list | tuple):
        return [_clean(v) for v in item]
    if isinstance(item, float):
        return None if math.isnan(item) or math.isinf(item) else float(f"{item:.12g}")
    return item


def counts(results: list[dict[str, Any]]) -> dict[str, int]:
    """Return the number of claims per verdict, every verdict named, pending included."""
    from nvlinklab.claims.verdict import VERDICTS

    return {word: sum(r["verdict"] == word for r in results) for word in VERDICTS}


def explain(claim_id: str) -> str:
    """Return one claim as readable text: what is stated, what comes out, why the verdict, what it hangs on."""
    r = evaluate(claim_id)
    lines = [f"{r['id']}: {r['verdict']} ({r['why']})", f"  {r['statement']}"]
    for t in r["tests"]:
        got = t.get("evidence") or units.with_unit(t["computed"] / units.factor(t["unit"]), t["unit"])
        lines.append(f"  {t['name']}: stated {t['stated']}, computed {got} ({t['outcome']})")
    for a in r["readings"]:
        lines.append(f"  read as {a['label']}: {a['name']} = {units.with_unit(a['value'] / units.factor(a['unit']), a['unit'])}")
    return "\n".join(lines)


def write_results(path: Path) -> None:
    """Evaluate everything and write it to `path` in one step, so that a crash leaves the old file whole."""
    text = to_json(evaluate_all())
    temporary = path.with_suffix(".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
