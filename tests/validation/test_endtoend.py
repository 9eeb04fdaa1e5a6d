"""`validation.predict`: a line for every row, honest intervals, and figures that are those committed."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from nvlinklab import validation
from nvlinklab.calibration import store
from nvlinklab.calibration.serving import model as kept
from nvlinklab.calibration.serving import predict as serving
from nvlinklab.calibration.serving.calibrate import left_out
from nvlinklab.calibration.serving.parameters import PARAMETERS
from nvlinklab.cli import main
from nvlinklab.errors import DataError
from nvlinklab.io import silicon
from nvlinklab.validation import endtoend
from tests.calibration.serving.cases import DISAGGREGATED, rows

measured = pytest.mark.skipif(not silicon.available(), reason="the measurements are not installed (extra silicon)")

MANY = rows({}, {"conc": 4}, {"system": "gb300"}, {"family": "kimik2.5"}, {"family": "nothing"}, {"conc": None}, DISAGGREGATED)


@pytest.fixture(scope="module")
def predicted() -> pd.DataFrame:
    return validation.predict(MANY)


def test_every_row_has_a_line(predicted):
    assert list(predicted.columns) == list(endtoend.COLUMNS)
    assert predicted.index.equals(MANY.index)
    assert predicted["status"].tolist()[2:6] == ["extrapolated", "extrapolated", "unknown", "bound"]
    assert predicted["reason"].iloc[4].startswith("no model family is called 'nothing'")
    assert predicted["tpot_s"].isna().tolist() == [False, False, False, False, True, False, False]


def test_quantiles_are_in_order(predicted):
    known = predicted.dropna()
    for name in ("tpot_s", "ttft_s", "tput"):
        assert (known[f"{name}_q05"] < known[name]).all()
        assert (known[name] < known[f"{name}_q95"]).all()


def test_what_nobody_measured_is_less_sure(predicted):
    width = np.log(predicted["tpot_s_q95"] / predicted["tpot_s"])
    assert width[2] > width[0]
    assert width[3] > width[0]


def test_measured_columns_are_not_looked_at(predicted):
    again = validation.predict(MANY.assign(silicon_ttft_ms=1.0, silicon_tpot_ms=1.0))
    pd.testing.assert_frame_equal(again, predicted)


def test_anchors_pull_towards_what_was_measured(predicted):
    slow = rows({"conc": 16}, {"conc": 64}).assign(silicon_tpot_ms=60.0, silicon_ttft_ms=900.0)
    found = validation.predict(rows({}), anchors=slow)
    assert found["tpot_s"].iloc[0] > 1.25 * predicted["tpot_s"].iloc[0]
    same = np.log(found["tpot_s_q95"] / found["tpot_s"]).iloc[0]
    assert same < np.log(predicted["tpot_s_q95"] / predicted["tpot_s"]).iloc[0]


def test_anchors_without_measured_values_are_refused():
    with pytest.raises(DataError, match="no anchor has measured values"):
        validation.predict(rows({}), anchors=rows({"conc": 16}))


def test_errors_are_counted_right():
    table = rows({"conc": 8}, {"conc": 8}).assign(silicon_tpot_ms=[10.0, 20.0], silicon_ttft_ms=[100.0, None])
    guess = validation.predict(table).assign(tpot_s=[0.011, 0.018], tpot_s_q05=[0.0105, 0.01], tpot_s_q95=0.03)
    found = endtoend.errors(table, guess).query("output == 'tpot_s' and stratum == 'all'").iloc[0]
    assert found[["rows", "mape", "median_ape", "coverage"]].tolist() == pytest.approx([2, 0.1, 0.1, 0.5])
    assert found["bias"] == pytest.approx(0.0, abs=1e-12)


def test_command_writes_every_row(tmp_path):
    path = tmp_path / "rows.csv"
    MANY.assign(silicon_tpot_ms=15.0, silicon_ttft_ms=300.0).to_csv(path, index=False)
    result = CliRunner().invoke(main, ["validate", str(path), "--json"], catch_exceptions=False)
    report = json.loads(result.output)
    assert len(report["predictions"]) == len(MANY)
    assert {e["output"] for e in report["errors"]} == {"tpot_s", "ttft_s", "tput"}
    assert len(pd.read_csv(tmp_path / "rows.predicted.csv")) == len(MANY)
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    result = CliRunner().invoke(main, ["validate", str(tmp_path / "bad.csv")])
    assert result.exit_code != 0
    assert "lacks the column 'family'" in result.output


def test_neighbours_are_near():
    near = serving.neighbours(MANY)[0]
    assert near[0]["family"] == "dsr1"
    assert near[0]["distance"] <= near[1]["distance"] <= near[2]["distance"]


def test_the_record_says_what_it_is():
    record = store.read("serving")
    assert [p["name"] for p in record["parameters"]] == [p.name for p in PARAMETERS]
    for p in record["parameters"]:
        assert p["q05"] <= p["value"] <= p["q95"], p["name"]
    m = kept.load()
    for e in m.effects.values():
        assert np.linalg.eigvalsh(e.covariance).min() > -1e-5
        assert e.parameters < len(e.levels)
    assert np.linalg.eigvalsh(m.covariance).min() > 0.0


@measured
def test_the_record_is_of_the_rows_that_are_installed():
    from nvlinklab.calibration.serving import fitting

    table, _, _, used = fitting.training()
    assert store.read("serving")["provenance"]["sha256"] == store.checksum(table.iloc[used].drop(columns=["duplicate"]))


@measured
def test_committed_errors_meet_what_we_say():
    """The figures of README and notebook, from the committed predictions of deployments that were left out."""
    table = silicon.end_to_end().set_index("id")
    found = left_out().query("kind == 'group' and seed == 0").set_index("id")
    truth = table.loc[found.index]
    error = np.abs(found["tpot_s"] / truth["tpot"] - 1.0)
    r1 = (truth["family"] == "dsr1") & ~truth["group"].str.contains(r"mt\d")
    assert error[r1 & (truth["mode"] == "agg")].mean() < 0.13
    assert error[r1 & (truth["system"] == "gb200")].mean() < 0.12
    assert error[truth["family"] == "70b"].mean() < 0.07
    inside = truth["tpot"].between(found["tpot_s_q05"], found["tpot_s_q95"])
    assert 0.85 <= inside.mean() <= 0.95


@measured
def test_no_examination_row_was_left_out_because_none_was_there():
    ids = set(left_out()["id"])
    assert ids <= set(silicon.end_to_end()["id"])
    assert not any("gb300" in i or "kimi" in i for i in ids)
