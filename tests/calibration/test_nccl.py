"""NCCL: committed fit against the installed rows, one fold computed again, gaps that must be interpolated, and limits."""

import numpy as np
import pandas as pd
import pytest

from nvlinklab.calibration import operators
from nvlinklab.io import silicon
from tests.calibration.common import check_fold, check_record, check_refit, check_shape, committed, needs_silicon

OP = "nccl"


def grid(op="alltoall", ranks=4, system="b200_sxm", dtype="half", version="2.29.2"):
    sizes = 2 ** np.arange(8, 29)
    return pd.DataFrame(
        {"system": system, "op_name": op, "nccl_dtype": dtype, "num_gpus": ranks, "message_size": sizes, "version": version},
        index=np.arange(100, 100 + len(sizes)),
    )


@needs_silicon
def test_committed_record_is_of_these_rows():
    check_record(OP)


@needs_silicon
def test_a_refit_of_one_generation_agrees():
    rows = silicon.operators(OP)
    check_refit(OP, rows[rows["system"].isin(["h100_sxm", "h200_sxm"]) & (rows["nccl_dtype"] == "half")])


@needs_silicon
def test_four_ranks_never_seen_are_within_four_percent():
    assert check_fold(OP, "ranks=all_gather@4") < 0.04


@pytest.mark.parametrize("op", ["all_gather", "all_reduce", "alltoall", "reduce_scatter"])
def test_unmeasured_ranks_lie_between_their_neighbours(op):
    two, four, eight = (operators.predict(OP, grid(op, n))["seconds"].to_numpy() for n in (2, 4, 8))
    assert (four[:5] > two[:5]).all()
    assert (four[:5] < eight[:5]).all()
    assert np.median(four) > 0.95 * np.median(two)
    assert np.median(four) < np.median(eight)


def test_gaps_say_what_they_are():
    assert set(operators.predict(OP, grid("alltoall", 4))["status"]) == {"interpolated"}
    assert set(operators.predict(OP, grid("all_gather", 8))["status"]) == {"calibrated"}
    found = operators.predict(OP, grid("reduce_scatter", 4, "gb200"))
    assert set(found["reason"]) == {"no reduce_scatter of gb200; from its other operations"}
    found = operators.predict(OP, grid("all_gather", 72, "gb200"))
    assert set(found["status"]) == {"extrapolated"}
    check_shape(found, grid("all_gather", 72, "gb200"))


def test_an_unknown_system_has_the_wider_interval():
    wide = operators.predict(OP, grid("all_gather", 8, "vr-nvl72"))
    narrow = operators.predict(OP, grid("all_gather", 8))
    assert ((wide["q95"] / wide["q05"]) > (narrow["q95"] / narrow["q05"])).all()
    assert wide["seconds"].iloc[-1] < narrow["seconds"].iloc[-1]  # twice the NVLink


def test_gb300_is_its_sister():
    a, b = (operators.predict(OP, grid("all_gather", 4, s))["seconds"] for s in ("gb300", "gb200"))
    assert a.to_numpy() == pytest.approx(b.to_numpy())


def test_large_messages_reach_a_share_of_the_link():
    last = operators.predict(OP, grid("all_gather", 8)).iloc[-1]
    busbw = 7 / 8 * 2 * 2**28 / last["seconds"]
    assert 0.6 < busbw / 9e11 < 0.85


def test_what_cannot_be_done_says_why():
    found = operators.predict(OP, grid("broadcast"))
    assert found["seconds"].isna().all()
    assert found["reason"].str.contains("broadcast over 4 ranks is no collective").all()
    found = operators.predict(OP, grid(dtype="int3"))
    assert found["seconds"].isna().all()
    assert found["reason"].str.contains("data type is unknown").all()


def test_the_profile_is_a_correction_and_not_the_model():
    profile = [row["value"] for row in committed(OP)["effects"]["profile"] if row["term"] == "size"]
    assert np.median(np.abs(profile)) < 0.15
