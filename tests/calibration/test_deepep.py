"""DeepEP: volumes by hand, committed fits, shapes and node counts left out, more SMs never slower by much."""

from math import comb

import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration import operators
from nvlinklab.calibration.operators.deepep import original, reached, volume
from nvlinklab.io import silicon
from nvlinklab.workload.moe import distinct_ranks
from tests.calibration.common import check_fold, check_record, check_shape, needs_silicon

LL, NORMAL = "deepep_ll", "deepep_normal"


def grid(nodes=1, system="h100_sxm", tokens=(1, 8, 32, 128), sms=20, version="0.5.0"):
    return pd.DataFrame(
        {
            "system": system, "version": version, "node_num": nodes, "hidden_size": 7168, "num_token": tokens,
            "num_topk": 8, "num_experts": 256, "dispatch_sms": sms, "combine_sms": sms,
        }
    )  # fmt: skip


def test_volume_by_hand():
    assert volume(LL, 128, 7168, 8, 2, "combine") == pytest.approx(128 * 7168 * 2 * 8 / 2)
    assert volume(LL, 128, 7168, 8, 4, "combine") == pytest.approx(128 * 7168 * 2 * 8 * 3 / 4)
    assert volume(LL, 1, 128, 8, 1, "dispatch") == pytest.approx((128 + 4) * 7)
    four = 4 * (1 - comb(192, 8) / comb(256, 8))  # at most four nodes hold a token's experts, and eight differ
    assert volume(NORMAL, 1, 1, 8, 4, "combine") == pytest.approx(2 * four * 3 / 4)
    assert volume(NORMAL, 1, 1, 8, 8, "combine") == pytest.approx(2 * four * 7 / 8)
    assert volume(NORMAL, 1, 1, 1, 2, "combine") == pytest.approx(2 * 0.5)
    assert volume(LL, 1, 128, 8, 1, "dispatch", node=4) == pytest.approx((128 + 4) * 6)


def test_reached_shares_by_hand():
    assert reached(2, 8, 8) == pytest.approx(2.0)  # two experts that differ lie on two ranks of one expert each
    assert reached(8, 8, 8) == pytest.approx(8.0)
    assert reached(8, 8, 256) == pytest.approx(8 * (1 - comb(224, 8) / comb(256, 8)))
    assert reached(1, 4, 16) == pytest.approx(1.0)
    assert reached(8, 8, 1e9) == pytest.approx(float(distinct_ranks(8.0, 8.0)), rel=1e-6)
    assert (reached(8, 8, np.array([8, 64, 256])) >= float(distinct_ranks(8.0, 8.0))).all()


@needs_silicon
@pytest.mark.parametrize("op", [LL, NORMAL])
def test_committed_record_is_of_these_rows(op):
    check_record(op)


@needs_silicon
def test_a_copied_table_is_not_counted_twice():
    rows = silicon.operators(LL)
    mine = (rows["engine_version"] == "0.5.6.post2") & (rows["node_num"] > 1)
    a, b = (rows[mine & (rows["system"] == s)]["time"].to_numpy() for s in ("h100_sxm", "h200_sxm"))
    assert a == pytest.approx(b)
    assert not original(rows)[mine & (rows["system"] == "h200_sxm")].any()
    assert original(rows)[mine & (rows["system"] == "h100_sxm")].all()


@needs_silicon
def test_a_tray_is_predicted_from_boards():
    """GB200 without a row of its own: half the ranks and its data sheet explain what sets it apart."""
    assert check_fold(LL, "system=gb200") < 0.04


@needs_silicon
def test_a_count_of_experts_that_leaves_processors_idle():
    assert check_fold(LL, "shape=6144 8/160") < 0.04


def test_four_nodes_lie_between_two_and_eight():
    for op, tokens in ((LL, (8, 32, 128, 256)), (NORMAL, (64, 512, 4096, 32768))):
        two, four, eight = (operators.predict(op, grid(n, tokens=tokens)) for n in (2, 4, 8))
        assert (two["seconds"] < four["seconds"]).all()
        assert (four["seconds"] < eight["seconds"]).all()
        assert set(four["status"]) == {"interpolated"}
        check_shape(four, grid(4))


def test_one_node_is_faster_than_several_and_more_tokens_take_longer():
    one, two = (operators.predict(LL, grid(n))["seconds"].to_numpy() for n in (1, 2))
    assert (one < two).all()
    assert (np.diff(two) > 0.0).all()


def test_more_processors_move_more():
    few, many = (operators.predict(NORMAL, grid(1, sms=s, tokens=(4096, 65536)))["seconds"] for s in (4, 24))
    assert (many < 0.5 * few).all()


def test_other_systems():
    sister = operators.predict(LL, grid(1, "gb300"))
    assert sister["reason"].str.contains("from its sister gb200").all()
    assert operators.predict(LL, grid(2, "gb200"))["reason"].str.contains("no rows of gb200 over several nodes; from h100_sxm").all()
    assert operators.predict(LL, grid(16))["status"].eq("extrapolated").all()


def test_another_generation_is_less_certain_than_another_board():
    board, rack = (operators.predict(LL, grid(1, s)) for s in ("gb300", "vr-nvl72"))
    assert rack["reason"].str.contains("nor of its generation").all()
    assert (rack["q95"] / rack["q05"] > 1.5 * board["q95"] / board["q05"]).all()


def test_a_copied_table_has_the_predictions_of_its_origin():
    copy, origin = (operators.predict(LL, grid(2, s).assign(engine_version="0.5.6.post2"))["seconds"] for s in ("h200_sxm", "h100_sxm"))
    assert copy.to_numpy() == pytest.approx(origin.to_numpy())
