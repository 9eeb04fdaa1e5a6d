"""Design questions whose answers are known in closed form, and the constraints met to 1e-6."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.analysis import design
from nvlinklab.errors import SpecError

POINT = {"a": 1.0, "b": 1.0}
BOX = {"a": (0.1, 100.0), "b": (0.1, 100.0)}


def product(p):
    return {"speed": p["a"] * p["b"], "cost": p["a"] + 2.0 * p["b"], "sum": p["a"] + p["b"]}


@settings(max_examples=15, deadline=None)
@given(st.floats(0.5, 400.0))
def test_the_optimum_of_a_product_is_the_known_one(target):
    answer = design(product, POINT, BOX, "cost", at_least={"speed": target})
    assert answer.feasible
    assert answer.objective == pytest.approx(2.0 * np.sqrt(2.0 * target), rel=1e-6)
    assert answer.outputs["speed"] >= target * (1.0 - 1e-6)
    assert answer.prices == pytest.approx({next(iter(answer.prices)): 0.5}, abs=1e-4)


def test_a_price_is_what_a_tighter_target_costs():
    targets = {"speed": 20.0, "sum": 14.0}
    answer = design(product, POINT, BOX, "cost", at_least=targets)
    assert len(answer.prices) == 2
    for label, price in answer.prices.items():
        name = label.split()[0]
        again = design(product, POINT, BOX, "cost", at_least=targets | {name: targets[name] * 1.001})
        assert np.log(again.objective / answer.objective) / np.log(1.001) == pytest.approx(price, rel=5e-3)


def test_a_bound_that_binds_has_a_price():
    answer = design(product, POINT, {"a": (0.1, 2.0), "b": (0.1, 100.0)}, "cost", at_least={"speed": 50.0})
    assert answer.inputs["a"] == pytest.approx(2.0, rel=1e-6)
    assert set(answer.binding) == {"speed >= 50", "a <= 2"}
    assert all(price > 0.0 for price in answer.prices.values())


def test_the_kink_of_a_hard_max_is_found():
    def time(p):
        return {"time": jnp.maximum(1.0 / p["a"], 4.0 / p["b"]), "cost": p["a"] + p["b"]}

    answer = design(time, POINT, BOX, "cost", at_most={"time": 0.5})
    assert answer.inputs == pytest.approx({"a": 2.0, "b": 8.0}, rel=1e-5)
    assert answer.outputs["time"] <= 0.5 * (1.0 + 1e-6)


def test_a_kink_in_the_goal_itself():
    def balanced(p):
        return {"time": jnp.maximum(1.0 / p["a"], 4.0 / p["b"]), "cost": p["a"] + p["b"]}

    answer = design(balanced, POINT, BOX, "time", at_most={"cost": 10.0})
    assert answer.objective == pytest.approx(0.5, rel=1e-5)


def test_infeasible_is_an_answer_and_names_what_binds():
    answer = design(product, POINT, {"a": (0.1, 2.0), "b": (0.1, 3.0)}, "cost", at_least={"speed": 50.0})
    assert not answer.feasible
    assert answer.binding[0] == "speed >= 50"
    assert set(answer.binding) == {"speed >= 50", "a <= 2", "b <= 3"}
    assert "held by" in answer.reason
    assert answer.outputs["speed"] == pytest.approx(6.0, rel=1e-6)


def test_two_targets_that_exclude_each_other():
    answer = design(product, POINT, BOX, "cost", at_least={"speed": 100.0}, at_most={"sum": 10.0})
    assert not answer.feasible
    assert set(answer.binding) == {"speed >= 100", "sum <= 10"}


def test_choices_are_solved_one_by_one_and_the_best_is_returned():
    def stepped(p):
        return {"speed": p["a"] * p["size"], "cost": p["a"] + 0.1 * p["size"] ** 2}

    answer = design(
        stepped, {"a": 1.0, "size": 1.0}, {"a": (0.1, 100.0)}, "cost", at_least={"speed": 30.0}, choices={"size": [1.0, 4.0, 8.0]}
    )
    assert answer.inputs["size"] == 4.0
    assert [d.inputs["size"] for d in answer.alternatives] == [1.0, 4.0, 8.0]
    assert answer.objective == min(d.objective for d in answer.alternatives)


def test_maximise():
    answer = design(product, POINT, BOX, "speed", at_most={"cost": 8.0}, maximise=True)
    assert answer.objective == pytest.approx(8.0, rel=1e-6)


def test_a_free_input_can_be_the_goal():
    answer = design(product, POINT, BOX, "a", at_least={"speed": 50.0})
    assert answer.inputs == pytest.approx({"a": 0.5, "b": 100.0}, rel=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"free": {}}, "nothing is free"),
        ({"free": {"c": (1.0, 2.0)}}, "no parameter is called 'c'"),
        ({"free": {"a": (2.0, 1.0)}}, "the lower first"),
        ({"goal": "costs"}, "did you mean 'cost'"),
        ({"at_least": {"speed": -1.0}}, "positive"),
        ({"choices": {"a": [1.0]}}, "either free or a choice"),
    ],
)
def test_wrong_questions_are_answered(changes, message):
    with pytest.raises(SpecError, match=message):
        design(product, POINT, **({"free": BOX, "goal": "cost"} | changes))
