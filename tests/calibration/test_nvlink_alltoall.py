"""NVLink all-to-all: copies of a token, committed fit, an expert-parallel width left out, widths in between."""

import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration import operators
from nvlinklab.calibration.operators.nvlink_alltoall import copies
from nvlinklab.workload.moe import remote_copies
from tests.calibration.common import check_fold, check_record, check_shape, needs_silicon

OP = "nvlink_alltoall"
TOKENS = 2 ** np.arange(0, 17)


def grid(ranks, op="alltoall_dispatch", dtype="nvfp4", system="gb200", kernel="NVLinkTwoSided"):
    return pd.DataFrame(
        {
            "system": system, "op_name": op, "kernel_source": kernel, "moe_dtype": dtype, "num_tokens": TOKENS, "hidden_size": 7168,
            "topk": 8, "num_experts": 256, "moe_ep_size": ranks,
        }
    )  # fmt: skip


def test_even_dealing_needs_more_copies_than_chance():
    ranks = np.array([2.0, 4.0, 8.0, 16.0, 64.0])
    assert copies(8.0, ranks) == pytest.approx([1.0, 3.0, 7.0, 7.5, 7.875])
    assert (copies(8.0, ranks) >= np.asarray(remote_copies(8.0, ranks))).all()
    assert copies(8.0, 1e9) == pytest.approx(8.0)


@needs_silicon
def test_committed_record_is_of_these_rows():
    check_record(OP)


@needs_silicon
def test_a_width_never_seen_for_a_format():
    assert check_fold(OP, "ranks=16 bfloat16") < 0.03


@needs_silicon
def test_a_width_never_seen_at_all():
    """As in the examination: one width nowhere, and the widest in two formats only."""
    assert check_fold(OP, "ranks=16") < 0.03


def test_a_copy_costs_the_same_up_to_sixteen_ranks_and_more_beyond():
    many = {
        n: operators.predict(OP, grid(n, "alltoall_combine", "bfloat16"))["seconds"].to_numpy()[-1] / copies(8.0, n) for n in (8, 16, 64)
    }
    assert many[16] == pytest.approx(many[8], rel=0.05)
    assert 1.1 * many[8] < many[64] < 1.3 * many[8]


def test_two_ranks_are_limited_at_home():
    """One copy of many takes far longer than its share of seven: the memory, not the link, sets the pace of two ranks."""
    two, eight = (operators.predict(OP, grid(n, "alltoall_combine", "bfloat16"))["seconds"].to_numpy()[-1] for n in (2, 8))
    assert two > 2.0 * eight / 7.0


@pytest.mark.parametrize("op", ["alltoall_dispatch", "alltoall_combine"])
def test_a_width_in_between_takes_a_time_in_between(op):
    few, middle, many = (operators.predict(OP, grid(n, op))["seconds"].to_numpy()[8:] for n in (16, 32, 64))
    assert (few < middle).all()
    assert (middle < many).all()


def test_status_and_intervals():
    found = operators.predict(OP, grid(32))
    check_shape(found, grid(32))
    assert set(found["status"]) == {"interpolated"}
    assert set(operators.predict(OP, grid(16))["status"]) == {"calibrated"}
    far = operators.predict(OP, grid(72, system="gb300"))
    assert set(far["status"]) == {"extrapolated"}
    assert (np.diff(far["seconds"].to_numpy()[6:]) > 0.0).all()


def test_unknown_kernels_and_formats_say_why():
    found = operators.predict(OP, grid(8, dtype="fp6"))
    assert found["seconds"].isna().all()
    found = operators.predict(OP, grid(8, kernel="Carrier pigeon"))
    assert found["reason"].str.contains("by Carrier pigeon over 8 ranks is not covered; there are").all()
