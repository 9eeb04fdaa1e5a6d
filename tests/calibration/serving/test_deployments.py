"""Reading tables: both spellings, what is assumed, and what is said of rows that cannot be read."""

import pandas as pd
import pytest

from nvlinklab.calibration.serving import deployments
from nvlinklab.errors import DataError
from tests.calibration.serving.cases import BASE, DISAGGREGATED, rows


def test_lengths_are_those_drawn():
    c = deployments.read(rows()).cases
    assert (c.isl[0], c.osl[0]) == pytest.approx((921.6, 921.6))


def test_our_own_spelling_reads_the_same():
    ours = rows().rename(columns={"conc": "concurrency", "R_tp": "tp", "R_ep": "ep", "R_dpa": "dp_attention"})
    a, b = deployments.read(rows()), deployments.read(ours)
    assert a.cases.decode.gpus[0] == b.cases.decode.gpus[0] == 8.0
    assert a.labels.equals(b.labels)


def test_pools_of_disaggregated_rows():
    c = deployments.read(rows(DISAGGREGATED)).cases
    assert [float(x[0]) for x in c.prefill] == [2.0, 4.0, 4.0, 1.0]
    assert [float(x[0]) for x in c.decode] == [1.0, 32.0, 32.0, 1.0]


def test_the_group_gives_a_layout_that_is_missing():
    found = deployments.read(rows({"R_tp": None, "R_ep": None, "gpus": 4, "group": "x|y|z|fp8|agg|tp1.0mt4.0me1.0"}))
    assert float(found.cases.decode.gpus[0]) == 4.0
    assert float(found.cases.decode.dp_attention[0]) == 1.0


def test_a_row_that_cannot_be_read_says_why_and_leaves_the_others():
    found = deployments.read(rows({}, {"family": "dsr2"}, {"system": "b2000"}, {"isl": -1}, {"conc": 0}, {"R_tp": None, "gpus": None}))
    assert found.readable.tolist() == [True, False, False, False, False, False]
    assert "dsr1" in found.reasons[1]
    assert "b200_sxm" in found.reasons[2]
    assert "isl=-1" in found.reasons[3]
    assert "concurrency is 0" in found.reasons[4]
    assert "layout" in found.reasons[5]


def test_what_is_missing_makes_a_bound():
    found = deployments.read(rows({"conc": None}, {"R_tp": None, "R_ep": None}))
    assert found.bound.tolist() == [True, True]
    assert "lower bounds" in found.reasons[0]
    assert "tensor parallelism over all GPUs" in found.reasons[1]


def test_an_unknown_engine_is_the_mean_of_the_known():
    found = deployments.read(rows({"backend": "another"}))
    c = found.cases
    assert float(c.sglang[0]) == float(c.vllm[0]) == pytest.approx(1.0 / 3.0)
    assert "another" in found.reasons[0]


def test_tables_without_what_is_needed_are_refused():
    with pytest.raises(DataError, match="lacks the column 'family'"):
        deployments.read(pd.DataFrame([{k: v for k, v in BASE.items() if k != "family"}]))
    with pytest.raises(DataError, match="no row of the table can be read"):
        deployments.read(rows({"family": "dsr2"}))


@pytest.mark.parametrize(("each", "limit"), [(4301, 4096), (1.25, 1), (5, 4), (21, 16), (563, 512)])
def test_a_load_slightly_above_a_power_of_two_gives_a_limit_away(each, limit):
    assert deployments.implied_limit("trtllm", False, each) == limit
    found = deployments.read(rows(DISAGGREGATED | {"backend": "trtllm", "conc": each}))
    assert float(found.cases.max_running[0]) == limit
    assert f"limit of {limit}" in found.reasons[0]


def test_no_limit_is_read_from_other_loads_engines_and_layouts():
    for each in (0.5, 1, 2, 4096, 3, 6, 1536, float("nan")):
        assert deployments.implied_limit("trtllm", False, each) == float("inf")
    assert deployments.implied_limit("sglang", False, 4301) == float("inf")
    assert deployments.implied_limit("trtllm", True, 4301) == float("inf")
    declared = deployments.read(rows(DISAGGREGATED | {"backend": "trtllm", "conc": 4301, "max_running": 5000}))
    assert float(declared.cases.max_running[0]) == 5000.0
    assert "read from the load" not in declared.reasons[0]


def test_an_image_that_names_a_run_is_known_by_its_day():
    day = "2026-01-01"
    cases = (("v1", day), ("workflow_run_id=7", day), (None, day), (None, None))
    images = [deployments.read(rows({"image": image, "measured": on})).labels["image"].iloc[0] for image, on in cases]
    assert images[0] == "v1"
    assert images[1] == images[2] == "unnamed:2026-01-01"
    assert images[3] not in images[:3]
