"""Calibration files: what is written is read, floats are rounded once, and a broken file says how to get a new one."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration import store
from nvlinklab.errors import DataError

ROW = {"name": "alpha", "value": 1.23456789e-6, "unit": "s", "low": 0.0, "high": math.inf}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "folder", lambda: tmp_path)
    store.read.cache_clear()
    yield tmp_path
    store.read.cache_clear()


@pytest.mark.usefixtures("place")
def test_round_trip_keeps_six_digits_and_a_second_write_changes_nothing():
    path = store.write({"name": "toy", "parameters": [ROW], "provenance": {"rows": np.int64(3)}, "z": np.eye(2)})
    first = path.read_text()
    found = store.read("toy")
    assert found["parameters"][0]["value"] == 1.23457e-6
    assert found["parameters"][0]["high"] is None
    assert found["z"] == [[1.0, 0.0], [0.0, 1.0]]
    assert store.values(found) == {"alpha": 1.23457e-6}
    assert store.write(found).read_text() == first
    assert json.loads(first) == found


def test_checksum_sees_values_and_not_their_order():
    frame = pd.DataFrame({"b": [1.0, 2.0], "a": ["x", "y"]})
    assert store.checksum(frame) == store.checksum(frame.iloc[::-1][["a", "b"]])
    assert store.checksum(frame) != store.checksum(frame.assign(b=[1.0, 2.0 + 1e-12]))
    assert store.checksum(frame) != store.checksum(frame.rename(columns={"b": "c"}))


def test_errors_name_the_file_and_the_command(place):
    with pytest.raises(DataError, match="the keys name, parameters, provenance; provenance is missing"):
        store.write({"name": "toy", "parameters": []})
    store.write({"name": "toy", "parameters": [], "provenance": {}})
    with pytest.raises(DataError, match=r"toi.json does not exist; did you mean 'toy'.*nvlinklab calibrate"):
        store.read("toi")
    (place / "broken.json").write_text("{\n 1}")
    with pytest.raises(DataError, match=r"broken.json:2: .*nvlinklab calibrate"):
        store.read("broken")
    (place / "other.json").write_text((place / "toy.json").read_text())
    with pytest.raises(DataError, match="is no calibration of 'other'"):
        store.read("other")
