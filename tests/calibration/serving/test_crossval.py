"""Widths of intervals: what the factors promise, whom they apply to, and that widening afterwards is predicting with them."""

import numpy as np
import pytest

from nvlinklab.calibration.serving import crossval, deployments, fitting, predict
from nvlinklab.calibration.serving import model as kept
from tests.calibration.serving.cases import rows

COUNT = 2 * crossval.ENOUGH


@pytest.fixture(scope="module")
def world():
    """Left-out predictions of two systems, and measured times that scatter about them, three times as far on the second."""
    table = rows(*({"conc": 4 + i, "system": "b200_sxm" if i % 2 else "h200_sxm", "precision": "fp8"} for i in range(COUNT)))
    reading = deployments.read(table)
    plain = kept.load()._replace(interval={name: {"all": 1.0} for name in fitting.OUTPUTS})
    found = predict.predict(table, model=plain)
    scatter = np.random.default_rng(3).normal(0.0, 0.1, COUNT) * np.where(np.arange(COUNT) % 2, 1.0, 3.0)
    times = {name: found[f"{name}_s"].to_numpy() * np.exp(scatter) for name in fitting.OUTPUTS}
    return table, reading, plain, found, times


def test_factors_cover_nine_of_ten_rows_of_every_group(world):
    _, reading, _, found, times = world
    interval = crossval.interval_factors(found, times, reading.labels)
    wide = crossval.widened(found, interval, reading, np.arange(COUNT))
    for name in fitting.OUTPUTS:
        assert set(interval[name]) == {"all", "dsr1", "dsr1|b200_sxm", "dsr1|h200_sxm"}
        inside = (wide[f"{name}_s_q05"] <= times[name]) & (times[name] <= wide[f"{name}_s_q95"])
        assert all(inside[reading.labels["system"] == s].mean() >= 0.89 for s in ("h200_sxm", "b200_sxm"))
        assert interval[name]["dsr1|h200_sxm"] > 2.0 * interval[name]["dsr1|b200_sxm"]


def test_few_rows_have_no_factor_of_their_own(world):
    _, reading, _, found, times = world
    few = np.arange(crossval.ENOUGH - 1)
    found, labels = found.iloc[few], reading.labels.iloc[few]
    assert set(crossval.interval_factors(found, {n: t[few] for n, t in times.items()}, labels)["tpot"]) == {"all"}


def test_widening_afterwards_is_predicting_with_the_factors(world):
    table, reading, plain, found, _ = world
    interval = {name: {"all": 1.0, "dsr1": 1.5, "dsr1|h200_sxm": 2.5, "dsr1|b200_sxm": 0.5} for name in fitting.OUTPUTS}
    wide = crossval.widened(found, interval, reading, np.arange(COUNT))
    direct = predict.predict(table, model=plain._replace(interval=interval))
    for column in ("tpot_s", "ttft_s", "tput"):
        for quantile in ("", "_q05", "_q95"):
            assert wide[column + quantile].to_numpy() == pytest.approx(direct[column + quantile].to_numpy(), rel=1e-12)
    assert predict.row_factors(interval["tpot"], ["dsr1", "dsr1", "new"], ["h200_sxm", "b200_sxm", "x"]).tolist() == [2.5, 1.5, 1.0]
