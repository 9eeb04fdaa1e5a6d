"""Widths of intervals: the promised share of errors, per kind where there are enough, and wide where nothing is known."""

import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration import spread


def errors(seed=0):
    rng = np.random.default_rng(seed)
    parts = [("ranks", "a", 0.02, 500), ("ranks", "b", 0.10, 500), ("system", "a", 0.3, 30)]
    return pd.DataFrame(
        [(n, s, e) for n, s, sd, count in parts for e in rng.normal(scale=sd, size=count)], columns=["novelty", "stratum", "error"]
    )


def test_nine_in_ten_errors_lie_inside():
    table = spread.half_widths(errors())
    fresh = errors(1)
    for stratum in "ab":
        mine = fresh[(fresh["novelty"] == "ranks") & (fresh["stratum"] == stratum)]
        assert np.mean(mine["error"].abs() <= spread.half_width(table, "ranks", stratum)) == pytest.approx(0.9, abs=0.05)


def test_few_errors_share_their_novelty_and_none_are_widened():
    table = spread.half_widths(errors())
    assert not [r for r in table if r["novelty"] == "system" and r["stratum"] == "a"]
    assert spread.half_width(table, "system", "a") == spread.half_width(table, "system", "all")
    assert spread.half_width(table, "unheard", "a") == pytest.approx(1.5 * spread.half_width(table, "system", "all"))
    assert spread.half_width([], "ranks", "a") == spread.WIDEST


def test_quantiles_lie_around_the_prediction_on_a_log_scale():
    table = spread.half_widths(errors())
    found = spread.with_quantiles(pd.DataFrame({"seconds": [1.0, np.nan], "novelty": "ranks", "stratum": "a"}), table)
    assert found["q05"][0] * found["q95"][0] == pytest.approx(1.0)
    assert found["q05"][0] < 1.0 < found["q95"][0]
    assert found[["q05", "q95"]].loc[1].isna().all()
