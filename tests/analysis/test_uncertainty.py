"""Uncertainty against closed forms and against SALib, an independent code."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nvlinklab.analysis import beliefs as known
from nvlinklab.analysis import uncertainty
from nvlinklab.errors import SpecError

POINT = {"a": 1.0, "b": 1.0, "c": 1.0}


def power_law(p):
    return p["a"] ** 2 * p["b"] / p["c"] ** 0.5


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(1.05, 4.0), min_size=3, max_size=3))
def test_the_delta_method_is_exact_for_a_power_law(factors):
    spread = {path: (1.0 / f, f) for path, f in zip(POINT, factors, strict=True)}
    found = uncertainty.delta(power_law, POINT, known.ranges(spread))
    sd = np.array([np.log(f) / 1.6448536269514722 for f in factors]) * [2.0, 1.0, 0.5]
    assert found.sd_log == pytest.approx(np.sqrt((sd**2).sum()), rel=1e-9)
    assert found.removed == pytest.approx(dict(zip(POINT, sd**2 / (sd**2).sum(), strict=True)), rel=1e-9)
    assert sum(found.removed.values()) == pytest.approx(1.0, rel=1e-9)


def test_monte_carlo_agrees_with_the_delta_method_where_it_is_exact():
    spread = known.ranges({"a": (0.5, 2.0), "b": (0.8, 1.25), "c": (0.3, 3.0)})
    sample = uncertainty.monte_carlo(power_law, POINT, spread, points=1 << 14)
    assert np.log(sample["value"]).std() == pytest.approx(uncertainty.delta(power_law, POINT, spread).sd_log, rel=2e-3)
    inside = np.mean((sample["a"] >= 0.5) & (sample["a"] <= 2.0))
    assert inside == pytest.approx(0.9, abs=2e-3)


def test_correlation_is_kept_and_counts():
    covariance = np.array([[0.04, -0.036], [-0.036, 0.04]])
    post = known.posterior(["a", "b"], np.log([2.0, 3.0]), covariance)
    product = lambda p: p["a"] * p["b"]  # noqa: E731
    exact = np.sqrt(0.04 + 0.04 - 2 * 0.036)
    assert uncertainty.delta(product, POINT, post).sd_log == pytest.approx(exact, rel=1e-9)
    sample = uncertainty.monte_carlo(product, POINT, post, points=1 << 14)
    assert np.log(sample["value"]).std() == pytest.approx(exact, rel=1e-2)
    assert np.corrcoef(np.log(sample["a"]), np.log(sample["b"]))[0, 1] == pytest.approx(-0.9, abs=5e-3)
    with pytest.raises(SpecError, match="correlated"):
        uncertainty.sobol(product, POINT, post)


def test_what_a_measurement_tells_of_another_input_counts():
    post = known.posterior(["a", "b"], [0.0, 0.0], [[1.0, 0.8], [0.8, 1.0]])
    only_b = lambda p: p["b"]  # noqa: E731
    assert uncertainty.delta(only_b, POINT, post).removed == pytest.approx({"b": 1.0, "a": 0.64}, abs=1e-12)
    assert uncertainty.to_measure(only_b, POINT, post) == pytest.approx({"b": 1.0, "a": 0.64}, abs=0.02)


def ishigami(p):
    return jnp.sin(p["a"]) + 7.0 * jnp.sin(p["b"]) ** 2 + 0.1 * p["c"] ** 4 * jnp.sin(p["a"])


def test_sobol_indices_agree_with_salib_and_with_the_known_answer():
    from SALib.analyze import sobol as salib_analyze
    from SALib.sample import sobol as salib_sample

    box = (-np.pi, np.pi)
    ours = uncertainty.sobol(ishigami, POINT, known.ranges(dict.fromkeys(POINT, box), "uniform"), points=1 << 13)
    problem = {"num_vars": 3, "names": list(POINT), "bounds": [box] * 3}
    sample = salib_sample.sample(problem, 1 << 13, calc_second_order=False, seed=1)
    values = np.asarray(ishigami(dict(zip(POINT, sample.T, strict=True))))
    theirs = salib_analyze.analyze(problem, values, calc_second_order=False, seed=1)
    exact = {"a": (0.3139, 0.5576), "b": (0.4424, 0.4424), "c": (0.0, 0.2437)}  # Ishigami & Homma 1990
    for i, path in enumerate(POINT):
        mine = ours[path]
        assert abs(mine.first - theirs["S1"][i]) <= mine.first_error + theirs["S1_conf"][i]
        assert abs(mine.total - theirs["ST"][i]) <= mine.total_error + theirs["ST_conf"][i]
        assert abs(mine.first - exact[path][0]) <= mine.first_error + 1e-3
        assert abs(mine.total - exact[path][1]) <= mine.total_error + 1e-3
        assert mine.first_error < 0.05


def test_on_the_real_model_sobol_agrees_with_salib():
    from SALib.analyze import sobol as salib_analyze
    from SALib.sample import sobol as salib_sample

    from nvlinklab import scenario as sc

    s = sc.build("deepseek-r1", "gb200-nvl72", 64.0).scenario
    box = {"deployment.mem_efficiency": (0.6, 0.9), "deployment.layer_time": (4e-5, 9e-5), "deployment.link_efficiency": (0.3, 0.65)}
    tpot = lambda x: sc.metric(x, "tpot")  # noqa: E731
    ours = uncertainty.sobol(tpot, s, known.ranges(box, "uniform"), points=1 << 12)
    problem = {"num_vars": 3, "names": list(box), "bounds": list(map(list, box.values()))}
    sample = salib_sample.sample(problem, 1 << 12, calc_second_order=False, seed=1)
    grid = dict(zip(box, sample.T, strict=True))
    import jax

    from nvlinklab.analysis._paths import as_floats, with_leaves

    values = np.asarray(jax.jit(jax.vmap(lambda row: tpot(with_leaves(as_floats(s), row))))({k: jnp.asarray(v) for k, v in grid.items()}))
    theirs = salib_analyze.analyze(problem, values, calc_second_order=False, seed=1)
    for i, path in enumerate(box):
        assert abs(ours[path].first - theirs["S1"][i]) <= ours[path].first_error + theirs["S1_conf"][i]
        assert abs(ours[path].total - theirs["ST"][i]) <= ours[path].total_error + theirs["ST_conf"][i]


def test_what_to_measure_next_is_the_first_order_index():
    spread = known.ranges({"a": (0.5, 2.0), "b": (0.5, 2.0), "c": (0.9, 1.1)})
    removed = uncertainty.to_measure(power_law, POINT, spread)
    assert list(removed) == ["a", "b", "c"]
    assert removed == pytest.approx(uncertainty.delta(power_law, POINT, spread).removed, abs=0.01)


def test_joined_beliefs_keep_their_own_correlation():
    both = known.joined(known.posterior(["a", "b"], [0.0, 0.0], [[1.0, 0.5], [0.5, 1.0]]), known.ranges({"c": (1.0, 2.0)}))
    assert both.correlation[0, 1] == 0.5
    assert both.correlation[0, 2] == 0.0
    assert not both.independent


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: known.ranges({"a": (2.0, 1.0)}), "the lower first"),
        (lambda: known.ranges({"a": (1.0, 2.0)}, "gaussian"), "no distribution is called 'gaussian'"),
        (lambda: known.posterior(["a"], [0.0], [[-1.0]]), "not symmetric and positive"),
        (lambda: known.posterior(["a", "b"], [0.0], [[1.0]]), "2 inputs, 1 means"),
        (lambda: known.joined(known.ranges({"a": (1.0, 2.0)}), known.ranges({"a": (1.0, 3.0)})), "described twice"),
        (lambda: uncertainty.monte_carlo(power_law, POINT, known.ranges({"a": (1.0, 2.0)}), points=1000), "power of two"),
        (lambda: uncertainty.delta(power_law, POINT, known.ranges({"d": (1.0, 2.0)})), "no parameter is called 'd'"),
        (lambda: uncertainty.sobol(lambda p: jnp.log(p["a"] - 1.0), POINT, known.ranges({"a": (0.5, 2.0)})), "not finite"),
    ],
)
def test_wrong_questions_are_answered(call, message):
    with pytest.raises(SpecError, match=message):
        call()


def test_a_range_that_touches_zero_is_uniform():
    assert known.ranges({"a": (0.0, 1.0)}).marginals["a"].kind == "uniform"
