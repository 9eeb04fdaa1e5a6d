"""The frontier: the same numbers as single estimates, infeasible points kept and marked, nothing on it beaten."""

import numpy as np
import pytest

from nvlinklab.errors import SpecError
from nvlinklab.serving import frontier as front
from nvlinklab.serving.estimate import estimate
from nvlinklab.serving.layouts import candidates, with_degrees
from nvlinklab.serving.presets import deployment
from nvlinklab.workload.architecture import model

LLAMA = model("llama-3-1-70b").spec
D = deployment("h200-fp8", ep=1.0)
BATCHES = [0.125, 1.0, 8.0, 64.0, 512.0]


@pytest.fixture(scope="module")
def dataset():
    layouts = [*candidates(LLAMA, D, 8), {"tp": 6.0}]
    return front.frontier(LLAMA, D, layouts, BATCHES, 4096.0, 512.0, ttft_limit=2.0, tpot_limit=0.04, usd_per_gpu_s=1e-3, pue=1.2)


def test_points_are_single_estimates(dataset):
    point = dataset.sel(layout="TP4 DP2", batch=8.0)
    alone = estimate(LLAMA, with_degrees(D, {"tp": 4.0, "dp": 2.0}), 8.0, 4096.0, 512.0, pue=1.2, usd_per_gpu_s=1e-3)
    for name, attribute in (("tpot", "tpot"), ("ttft", "ttft"), ("throughput", "throughput_per_gpu"), ("usd_per_token", "usd_per_token")):
        assert float(point[name]) == pytest.approx(float(getattr(alone, attribute)), rel=1e-12)
    assert float(point["gpus"]) == 8.0


def test_what_cannot_be_is_nan_and_says_why(dataset):
    assert not dataset["feasible"].sel(layout="TP6").any()
    assert "does not divide 64 heads" in str(dataset["reason"].sel(layout="TP6").values)
    assert not dataset["feasible"].sel(batch=512.0).any()
    for name in front.OUTPUTS:
        assert np.array_equal(np.isnan(dataset[name].values), ~dataset["feasible"].values), name
    assert dataset["feasible"].any()


def test_limits_hold_and_nothing_on_the_frontier_is_beaten(dataset):
    meets, best = dataset["meets"].values, dataset["pareto"].values
    assert (dataset["tpot"].values[meets] <= 0.04).all()
    assert (dataset["ttft"].values[meets] <= 2.0).all()
    assert best.any()
    assert not (best & ~meets).any()
    x, y = dataset["interactivity"].values, dataset["throughput"].values
    for i in np.argwhere(meets):
        beaten = meets & (x >= x[tuple(i)]) & (y >= y[tuple(i)]) & ((x > x[tuple(i)]) | (y > y[tuple(i)]))
        assert best[tuple(i)] == (not beaten.any())


def test_variables_are_labelled(dataset):
    assert dataset["tpot"].attrs == {"units": "s", "long_name": "Time per output token"}
    assert dataset["batch"].attrs["units"] == "request"
    assert set(front.OUTPUTS) | {"feasible", "meets", "pareto"} == set(dataset.data_vars)


def test_another_system_compiles_nothing():
    front.grid.clear_cache()
    for name in ("h200-fp8", "gb200-fp8"):
        front.frontier(LLAMA, deployment(name, ep=1.0), [{"tp": 8.0}, {"tp": 4.0}], [1.0, 2.0], 1000.0, 100.0)
    assert front.grid._cache_size() == 1


def test_equal_points_are_all_kept():
    x, y = np.array([1.0, 1.0, 2.0, 0.5, np.nan]), np.array([3.0, 3.0, 1.0, 2.0, np.nan])
    assert front.pareto(x, y, ~np.isnan(x)).tolist() == [True, True, True, False, False]
    assert not front.pareto(x, y, np.zeros(5, dtype=bool)).any()


def test_nothing_to_choose_from():
    with pytest.raises(SpecError, match="at least one layout"):
        front.frontier(LLAMA, D, [], [1.0], 1000.0, 100.0)
