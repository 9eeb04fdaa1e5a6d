"""Robust least squares: bounds, the loss, recovery of known constants, priors, and the covariance against repeated draws."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration.fitting import Parameter, constrain, curves_of, fit, fit_each, pseudo_huber, residual_scale, unconstrain
from nvlinklab.errors import DataError, SpecError

ALPHA = Parameter("alpha", "s", 0.0, math.inf, 1e-5, 2.0)
BW = Parameter("bw", "B/s", 0.0, 4.5e11, 2e11, 2.0)
SIZES = np.logspace(2, 9, 60)


def line(values, data):
    return jnp.log((values["alpha"] + data["nbytes"] / values["bw"]) / data["time"])


def sample(seed, noise=0.02, alpha=5e-6, bw=3e11):
    rng = np.random.default_rng(seed)
    return {"nbytes": SIZES, "time": (alpha + SIZES / bw) * np.exp(noise * rng.normal(size=SIZES.size))}


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (0.0, math.inf), (-math.inf, 2.0), (-math.inf, math.inf)])
def test_bounds_and_back(bounds):
    p = Parameter("x", "1", *bounds, 0.3, 1.0)
    assert float(constrain(p, unconstrain(p, 0.3))) == pytest.approx(0.3)
    far = np.asarray(constrain(p, jnp.linspace(-30.0, 30.0, 9)))
    assert (np.diff(far) != 0.0).all() and (far >= bounds[0]).all() and (far <= bounds[1]).all()


def test_loss_is_square_near_zero_and_linear_far_away():
    assert float(pseudo_huber(1e-4)) == pytest.approx(1e-4, rel=1e-8)
    assert float(pseudo_huber(1e6)) ** 2 == pytest.approx(2 * 2.0 * 1e6, rel=1e-5)
    step = 1e-6
    slope = (float(pseudo_huber(1.5 + step)) - float(pseudo_huber(1.5 - step))) / (2 * step)
    assert float(jax.grad(pseudo_huber)(1.5)) == pytest.approx(slope, rel=1e-6)


def test_known_constants_come_back_despite_outliers():
    data = sample(0)
    data["time"][::12] *= 3.0
    found = fit(line, (ALPHA, BW), data)
    assert found.converged
    assert found.values["alpha"] == pytest.approx(5e-6, rel=0.02)
    assert found.values["bw"] == pytest.approx(3e11, rel=0.02)
    assert found.effective_parameters == pytest.approx(2.0, abs=0.01)
    assert found.residual_scale < 0.05


def test_covariance_is_that_of_repeated_fits():
    fits = [fit(line, (ALPHA, BW), sample(seed), noise=0.02, threshold=50.0) for seed in range(80)]
    spread = np.std([f.unconstrained for f in fits], axis=0, ddof=1)
    assert spread == pytest.approx(np.sqrt(np.diag(fits[0].covariance)), rel=0.25)
    inside = np.mean([f.quantile(0.05)["alpha"] < 5e-6 < f.quantile(0.95)["alpha"] for f in fits])
    assert 0.8 <= inside <= 0.98


def test_without_information_the_prior_stays():
    known = Parameter("unused", "1", 0.0, 1.0, 0.7, 0.5)
    found = fit(line, (ALPHA, BW, known), sample(1), noise=0.02)
    assert found.values["unused"] == pytest.approx(0.7)
    assert found.sd()["unused"] == pytest.approx(0.5, rel=1e-6)
    assert found.effective_parameters == pytest.approx(2.0, abs=0.01)


def test_posterior_draws_agree_with_quantiles():
    found = fit(line, (ALPHA, BW), sample(2), noise=0.02)
    draws = found.sample(20_000, seed=1)["bw"]
    assert np.quantile(draws, 0.95) == pytest.approx(found.quantile(0.95)["bw"], rel=0.005)
    assert draws.max() < BW.high


def test_many_curves_at_once_are_the_single_fits():
    curves = [sample(seed, bw=bw) for seed, bw in enumerate((1e11, 2e11, 3e11))]
    data = {k: np.stack([c[k] for c in curves]) for k in ("nbytes", "time")}
    present = np.ones(data["time"].shape, dtype=bool)
    present[1, 40:] = False
    z, covariance = fit_each(line, (ALPHA, BW), data, present, noise=0.02)
    for i in (0, 1):
        alone = fit(line, (ALPHA, BW), {k: v[i][present[i]] for k, v in data.items()}, noise=0.02)
        assert z[i] == pytest.approx(alone.unconstrained, rel=1e-5)
        assert covariance[i] == pytest.approx(alone.covariance, rel=1e-3)


def test_curves_keep_every_row_once():
    frame = pd.DataFrame({"op": ["b", "a", "b", "b"], "ranks": [2, 2, 2, 4], "time": [1.0, 2.0, 3.0, 4.0]})
    labels, arrays, present = curves_of(frame, ["op", "ranks"], {"time": frame["time"]})
    assert labels.to_numpy().tolist() == [["a", 2], ["b", 2], ["b", 4]]
    assert sorted(arrays["time"][present]) == [1.0, 2.0, 3.0, 4.0]
    assert arrays["time"][1].tolist() == [1.0, 3.0]


def test_scale_ignores_a_tenth_of_outliers():
    values = np.random.default_rng(0).normal(scale=0.1, size=2000)
    values[:200] = 50.0
    assert residual_scale(values) == pytest.approx(0.1, rel=0.2)


def test_errors_say_what_is_wrong():
    with pytest.raises(SpecError, match="alpha = 2 s does not lie between its bounds 0 and 1"):
        unconstrain(Parameter("alpha", "s", 0.0, 1.0, 0.5, 1.0), 2.0)
    with pytest.raises(SpecError, match="two parameters are called 'alpha'"):
        fit(line, (ALPHA, ALPHA), sample(0))
    with pytest.raises(SpecError, match="start names 'beta'"):
        fit(line, (ALPHA, BW), sample(0), start={"beta": 1.0})
    with pytest.raises(DataError, match="1 of 60 residuals are not finite"):
        data = sample(0)
        data["time"][3] = np.nan
        fit(line, (ALPHA, BW), data)
    with pytest.raises(SpecError, match="at least one"):
        fit(line, (), sample(0))
