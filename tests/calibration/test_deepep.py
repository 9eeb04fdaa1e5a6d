"""DeepEP: volumes by hand, committed fits, shapes and node counts left out, more SMs never slower by much."""

import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration import operators
from nvlinklab.calibration.operators.deepep import original, volume
from nvlinklab.io import silicon
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
    four = 4 * (1 - 0.75**8)  # at most four nodes hold a token's experts
    assert volume(NORMAL, 1, 1, 8, 4, "combine") == pytest.approx(2 * four * 3 / 4)
    assert volume(NORMAL, 1, 1, 8, 8, "combine") == pytest.approx(2 * four * 7 / 8)
    assert volume(NORMAL, 1, 1, 1, 2, "combine") == pytest.approx(2 * 0.5)


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
def test_a_shape_never_seen():
    assert check_fold(LL, "shape=7168 8/384") < 0.04


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
