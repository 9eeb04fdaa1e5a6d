"""Families of curves: limits of the form, units, the rank laws, and the gradient against finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration import curves
from nvlinklab.calibration.curves import Family, along_ranks, fit_family, sister, times
from nvlinklab.calibration.effects import Term

FAMILY = Family(("ranks",), (Term("base", (), 3.0), Term("ranks", (), 1.0, times="steps")), (Term("base", (), 3.0),))


def rows(noise=0.01):
    rng = np.random.default_rng(0)
    ranks, nbytes = (a.ravel() for a in np.meshgrid([2.0, 4.0, 8.0], 2.0 ** np.arange(10, 30)))
    frame = pd.DataFrame({"ranks": ranks, "nbytes": nbytes, "nominal": 9e11, "steps": along_ranks(ranks)[0]})
    alpha, bw = 8e-6 * 2.0 ** frame["steps"], 0.7 * 9e11
    time = (alpha**0.62 + (nbytes / bw) ** 0.62) ** (1 / 0.62)
    return frame.assign(time=time * np.exp(noise * rng.normal(size=len(frame))))


def test_a_family_recovers_latency_and_share():
    found = fit_family(FAMILY, rows())
    value = {row["name"]: row["value"] for row in found["parameters"]}
    assert value["alpha"] == pytest.approx(8e-6, rel=0.02)
    assert value["share"] == pytest.approx(0.7, rel=0.02)
    assert found["residual_sd"]["all"] < 0.02


def test_limits_are_latency_and_bandwidth_and_time_grows_with_bytes():
    found = fit_family(FAMILY, rows())
    value = {row["name"]: row["value"] for row in found["parameters"]}
    sizes = np.array([1e-12, 1e3, 1e6, 1e9, 1e18])
    frame = pd.DataFrame({"nbytes": sizes, "nominal": 9e11, "steps": 0.0, "ranks": 2.0})
    t = times(FAMILY, frame, found["effects"])
    assert (np.diff(t) > 0.0).all()
    assert t[0] == pytest.approx(value["alpha"], rel=1e-3)
    assert t[-1] == pytest.approx(1e18 / (value["share"] * 9e11), rel=1e-3)


def test_scaling_bytes_and_bandwidth_together_changes_nothing():
    found = fit_family(FAMILY, rows())
    frame = rows()
    double = frame.assign(nbytes=2 * frame["nbytes"], nominal=2 * frame["nominal"])
    assert times(FAMILY, double, found["effects"]) == pytest.approx(times(FAMILY, frame, found["effects"]), rel=1e-12)


def test_rank_coordinates_follow_the_ring():
    steps, wires = along_ranks(np.array([2.0, 4.0, 8.0]))
    assert steps[[0, 2]] == pytest.approx([0.0, 1.0])
    assert wires[[0, 2]] == pytest.approx([0.0, 1.0])
    assert 2.0 ** steps[1] == pytest.approx(1.0 + 2.0 / 6.0)  # latency is linear in the steps
    assert wires[1] == pytest.approx((3 / 4 - 1 / 2) / (7 / 8 - 1 / 2))


def test_residual_gradient_is_that_of_finite_differences():
    data = {k: jnp.asarray([v]) for k, v in (("nbytes", 1e6), ("nominal", 9e11), ("sharpness", 0.62), ("time", 2e-5))}

    def residual(log_alpha):
        return curves._residuals({"alpha": jnp.exp(log_alpha), "share": 0.6}, data)[0]

    at, step = -11.5, 1e-5
    slope = (residual(at + step) - residual(at - step)) / (2 * step)
    assert float(jax.grad(residual)(at)) == pytest.approx(float(slope), rel=1e-6)


def test_a_sister_stands_in_only_where_rows_are_missing():
    assert sister("gb300", {"gb200"}) == "gb200"
    assert sister("gb300", {"gb300", "gb200"}) == ""
    assert sister("gb300", {"h100_sxm"}) == ""
    assert sister("mi355x", {"gb200"}) == ""
