"""What an engine would serve: rows as the measurements have them, the measured layouts, frontiers with their doubt, and ratios."""

import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration.systems import KNOWN
from nvlinklab.errors import DataError
from nvlinklab.io import silicon
from nvlinklab.io.held_back import MODELS, SYSTEMS
from nvlinklab.validation import predict, served

LOAD = {"isl": 900.0, "osl": 450.0, "concurrency": 64.0}
SHARED = served.Pool(workers=2.0, gpus=8.0, ep=8.0, dp_attention=1.0)
APART = served.Pool(workers=3.0, gpus=4.0, ep=4.0, dp_attention=0.0)


def curve(**columns) -> pd.DataFrame:
    """One layout at three loads, its slow end at 0.8 and its fast end at 1.25 of the middle."""
    middle = pd.DataFrame({"speed": [100.0, 50.0, 25.0], "tput": [100.0, 400.0, 800.0], "concurrency": [1.0, 8.0, 32.0], "deployment": "a"})
    ends = {f"{c}_{q}": f * middle[c] for c in ("speed", "tput") for q, f in (("q05", 0.8), ("q95", 1.25))}
    return middle.assign(**ends, status="calibrated").assign(**columns)


def test_a_row_has_nominal_lengths_and_counts_every_gpu():
    both = served.row("deepseek-v3", "gb200-nvl72", "nvfp4", "trtllm", **LOAD, decode=SHARED)
    assert (both["family"], both["system"], both["precision"], both["mode"]) == ("dsr1", "gb200", "fp4", "agg")
    assert (both["isl"], both["osl"]) == pytest.approx((1000.0, 500.0))
    assert (both["gpus"], both["tp"], both["ep"], both["dp_attention"]) == (16.0, 8.0, 8.0, True)
    apart = served.row("dsr1", "gb200", "fp8", "sglang", **LOAD, decode=SHARED, prefill=APART)
    assert (apart["mode"], apart["gpus"], apart["prefill_tp"], apart["decode_tp"]) == ("disagg", 28.0, 4.0, 8.0)
    assert "tp" not in apart


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"model": "mixtral-8x7b"}, "no engine was measured on mixtral-8x7b.*deepseek-v3"),
        ({"system": "gb200-nvl7"}, "no measured system.*did you mean 'gb200-nvl72'"),
        ({"weights": "fp9"}, "no number format is called 'fp9'.*did you mean"),
    ],
)
def test_a_row_that_nobody_can_answer_says_what_there_is(change, match):
    asked = {"model": "deepseek-v3", "system": "gb200-nvl72", "weights": "fp8", "engine": "trtllm"} | change
    with pytest.raises(DataError, match=match):
        served.row(**asked, **LOAD, decode=SHARED)


def test_layouts_are_those_that_were_measured_and_nothing_else():
    rows = served.measured_layouts("deepseek-v3", "gb200-nvl72", "fp8", isl=8192, osl=1024)
    kept = silicon.deployments().set_index("id").loc[rows["id"]]
    assert not kept["duplicate"].any()
    assert (kept["system"] == "gb200").all()
    assert (kept["precision"] == "fp8").all()
    assert not {"ttft", "tpot", "throughput"} & set(rows)
    assert rows["deployment"].nunique() > 1
    other = served.measured_layouts("deepseek-v3", "gb300-nvl72", "fp8", isl=8192, osl=1024, like="gb200-nvl72")
    assert set(other["system"]) == {"gb300"}
    assert set(predict(other.head(2))["status"]) == {"extrapolated"}  # the stand-in's group must not make them look measured
    with pytest.raises(DataError, match=r"no layout of dsr1 on gb300 in fp8 was measured at 8192 tokens in"):
        served.measured_layouts("deepseek-v3", "gb300-nvl72", "fp8", isl=8192, osl=1024)


def test_labels_hold_no_row_that_is_kept_back_and_agree_with_the_measurements():
    labels = silicon.deployments()
    assert not set(labels["system"]) & set(SYSTEMS)
    assert not set(labels["family"]) & set(MODELS)
    assert set(labels["system"]) <= set(KNOWN)
    if silicon.available():
        both = labels.merge(silicon.end_to_end(duplicates=True), on="id", suffixes=("", "_measured"))
        assert len(both) == len(labels)
        for column in ("system", "backend", "mode", "isl", "osl", "concurrency", "gpus"):
            assert both[column].equals(both[f"{column}_measured"]), column


def test_what_is_told_is_what_is_predicted():
    rows = served.measured_layouts("deepseek-v3", "dgx-h100", "fp8", isl=8192, osl=1024)
    told, plain = served.tell(rows), predict(rows)
    pd.testing.assert_frame_equal(told[list(plain)], plain)
    np.testing.assert_allclose(told["speed"] * told["tpot_s"], 1.0)
    assert (told["speed_q05"] < told["speed"]).all()
    assert (told["speed"] < told["speed_q95"]).all()
    both = served.tell_measured("deepseek-v3", {"old": ("dgx-h100", "fp8")}, isl=8192, osl=1024)
    np.testing.assert_allclose(both["tput"], told["tput"])
    near = served.neighbours(rows.head(1))[0]
    assert near[0]["system"] == "h100_sxm"
    assert served.nearest(rows.head(1))[0].startswith("h100_sxm fp8, trtllm, disagg")


def test_a_frontier_meets_its_points_and_is_straight_in_logarithms_between_them():
    found = served.frontier(curve(), [10.0, 25.0, 50.0, np.sqrt(50.0 * 100.0), 100.0, 101.0])
    np.testing.assert_allclose(found["value"], [800.0, 800.0, 400.0, 200.0, 100.0, np.nan])
    assert list(found["status"]) == ["calibrated"] * 5 + [""]


def test_the_ends_of_a_frontier_are_read_at_the_same_speed():
    """Both axes move with the step time: at 20 tok/s per user the slow end still runs the largest load, at 25 it cannot."""
    low, at_25, high = (served.frontier(curve(), [u]).iloc[0] for u in (20.0, 25.0, 100.0))
    assert (low["low"], low["value"], low["high"]) == pytest.approx((640.0, 800.0, 1000.0))
    assert at_25["low"] < 640.0
    assert high["low"] == 0.0  # the slow end keeps 80 at most
    assert high["high"] > 100.0 * 1.25


def test_another_layout_can_only_lift_a_frontier():
    speeds = [20.0, 40.0, 60.0, 90.0]
    alone = served.frontier(curve(), speeds)
    faster = curve(deployment="b").assign(tput=lambda f: 0.9 * f.tput, speed=lambda f: 1.3 * f.speed)
    both = served.frontier(pd.concat([curve(), faster], ignore_index=True), speeds)
    assert (both[["value", "low", "high"]] >= alone[["value", "low", "high"]]).all(axis=None)
    assert set(both["deployment"]) == {"a", "b"}


def test_measured_points_have_no_doubt():
    points = pd.DataFrame({"speed": [25.0, 50.0, 100.0], "tput": [800.0, 400.0, 100.0]})
    found = served.frontier(served.exact(points), [30.0, 60.0])
    assert found["low"].equals(found["value"])
    assert found["high"].equals(found["value"])
    np.testing.assert_allclose(found["value"], served.frontier(curve(), [30.0, 60.0])["value"])


def test_the_errors_of_a_ratio_add_in_squares():
    new = pd.DataFrame({"speed": [30.0], "value": [400.0], "low": [200.0], "high": [800.0]})
    old = pd.DataFrame({"speed": [30.0], "value": [10.0], "low": [5.0], "high": [20.0]})
    over = served.quotient(new, old).iloc[0]
    width = np.exp(np.sqrt(2.0) * np.log(2.0))
    assert (over["value"], over["low"], over["high"]) == pytest.approx((40.0, 40.0 / width, 40.0 * width))
    sure = served.quotient(new, old.assign(low=10.0, high=10.0)).iloc[0]
    assert (sure["low"], sure["high"]) == pytest.approx((20.0, 80.0))
    assert served.quotient(new, old.assign(low=0.0)).iloc[0]["high"] == np.inf
    assert served.quotient(new.assign(low=0.0), old).iloc[0]["low"] == 0.0
