"""What holds for every claim that has a function, whatever its chapter."""

import json
import math

import pytest

from nvlinklab.analysis.sensitivity import elasticities
from nvlinklab.claims.evaluate import evaluate, evaluate_all, to_json
from nvlinklab.claims.ledger import ledger
from nvlinklab.claims.registry import check, get_check, registered
from nvlinklab.claims.results import drift, read_results
from nvlinklab.claims.verdict import VERDICTS
from nvlinklab.errors import ClaimError
from tests.helpers import central_difference

CHECKED = registered()


def test_no_claim_is_pending():
    assert [i for i in ledger().claims if evaluate(i)["verdict"] == "pending"] == []
    assert len(CHECKED) == 309


@pytest.mark.parametrize("claim", CHECKED)
def test_elasticities_obey_the_sum_rule(claim):
    for name, residual in evaluate(claim)["sum_rule"].items():
        assert residual < 1e-9, f"{name}: a unit is lost"


@pytest.mark.parametrize("claim", CHECKED)
def test_a_claim_has_a_break_even_or_a_reason(claim):
    result = evaluate(claim)
    for test in result["tests"]:
        if "evidence" in test:
            continue
        answers = result["break_even"][test["name"]]
        assert set(answers) == set(result["inputs"])
        for answer in answers.values():
            assert (answer["value"] is None) == bool(answer["reason"])


@pytest.mark.parametrize("claim", CHECKED)
def test_a_break_even_value_makes_the_claim_true(claim):
    result, chosen = evaluate(claim), get_check(claim)
    assert chosen is not None
    for test in result["tests"]:
        if "evidence" in test:
            continue
        target = min(max(test["computed"], test["low"]), test["high"])  # the nearer end of a stated range
        for path, answer in result["break_even"][test["name"]].items():
            if answer["value"] is not None:
                point = {n: i.value for n, i in chosen.inputs.items()} | {path: answer["value"]}
                assert float(chosen.function(**point)[test["name"]]) == pytest.approx(target, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("claim", CHECKED)
def test_gradients_agree_with_central_differences(claim):
    chosen = get_check(claim)
    assert chosen is not None
    point = {n: i.value for n, i in chosen.inputs.items()}
    if not point:
        pytest.skip("the claim has no numeric input: its evidence is a name")
    exact = elasticities(lambda p: chosen.function(**p), point)
    for name, by_path in exact.items():
        for path, value in by_path.items():
            y = float(chosen.function(**point)[name])
            if y > 0:
                step = 1e-5 / max(1.0, abs(value))  # a date has an elasticity of thousands
                numeric = central_difference(lambda p, n=name: chosen.function(**p)[n], point, path, step)
                assert value == pytest.approx(numeric, rel=2e-5, abs=2e-5), f"{name} by {path}"


@pytest.mark.parametrize("claim", CHECKED)
def test_intervals_hold_the_value(claim):
    result = evaluate(claim)
    for test in result["tests"]:
        if "interval" in test:
            assert test["interval"][0] <= test["computed"] <= test["interval"][1]


def test_every_result_is_plain_json_with_a_known_verdict():
    results = json.loads(to_json(evaluate_all()))
    assert len(results) == len(ledger().claims)
    assert {r["verdict"] for r in results} <= set(VERDICTS)
    for result in results:
        if result["verdict"] == "pending":
            assert not result["tests"]
        if result["verdict"] == "not-checkable":
            assert result["settles"], f"{result['id']} does not say what would settle it"


def test_committed_results_are_what_is_computed():
    assert drift(json.loads(to_json(evaluate_all())), read_results()) == []


def test_drift_sees_a_small_change_and_a_missing_claim():
    committed = read_results()
    changed = json.loads(json.dumps(committed))
    test = next(t for r in changed for t in r["tests"] if "computed" in t)
    test["computed"] *= 1.0 + 1e-6
    assert len(drift(changed, committed)) == 1
    assert drift(committed[1:], committed) == [f"{committed[0]['id']}: committed, but no longer computed"]
    verdicts = json.loads(json.dumps(committed))
    verdicts[0]["verdict"] = "nonsense"
    assert "verdict was" in drift(verdicts, committed)[0]


def test_a_premise_that_fails_takes_its_dependants_with_it():
    for claim in CHECKED:
        result = evaluate(claim)
        if result["failed_premises"] and result["tests"]:
            assert result["verdict"] in ("inconsistent", "contradicted")


def test_a_second_function_for_a_claim_is_refused():
    with pytest.raises(ClaimError, match="two functions"):
        check(CHECKED[0])(dict)


def test_nothing_computed_is_infinite():
    for result in evaluate_all():
        for test in result["tests"]:
            assert not math.isinf(test.get("computed", 0.0))
