"""What the tests of several operators need."""

import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration import crossval_operators, operators, store
from nvlinklab.io import silicon

needs_silicon = pytest.mark.skipif(not silicon.available(), reason="the measured silicon (extra `silicon`) is not installed")


def committed(op):
    return store.read(op)


def check_record(op):
    """The committed file belongs to the rows that are installed, and its parameters lie in their intervals."""
    record = committed(op)
    assert record["provenance"]["sha256"] == store.checksum(silicon.operators(op))
    assert record["parameters"]
    for row in record["parameters"]:
        assert row["q05"] <= row["value"] <= row["q95"]
        assert row["value"] > row["low"]


def check_refit(op, rows):
    """The form, fitted again to some of the rows, agrees with the committed fit on them."""
    again = operators.predict(op, rows, operators.fit(op, rows))["seconds"]
    whole = operators.predict(op, rows)["seconds"]
    assert np.median(np.abs(np.log(again / whole))) < 0.03


def check_fold(op, name, slack=0.003):
    """One fold of the committed cross-validation, computed again."""
    rows = silicon.operators(op)
    held = dict(operators.module(op).folds(rows, op))[name]
    found = operators.module(op).predict(rows[held], operators.fit(op, rows[~held]), op)
    error = np.median(np.abs(found["seconds"] / rows["time"][held] - 1.0))
    table = crossval_operators.read()
    line = table[(table["op"] == op) & (table["fold"] == name)]
    assert error == pytest.approx(line["median_ape"].iloc[0], abs=slack)
    return error


def check_shape(found: pd.DataFrame, rows: pd.DataFrame):
    """Every prediction keeps its row's label, and its interval surrounds it."""
    assert found.index.equals(rows.index)
    assert (found["q05"] < found["seconds"]).all()
    assert (found["seconds"] < found["q95"]).all()
    assert set(found["status"]) <= set(operators.STATUSES)
