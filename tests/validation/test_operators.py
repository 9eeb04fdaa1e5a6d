"""`predict_operator`: the wheel's own columns in, every row answered in its place, clear errors."""

import numpy as np
import pandas as pd
import pytest

from nvlinklab.errors import DataError, SpecError
from nvlinklab.validation import predict_operator
from nvlinklab.validation.operators import RESULT, prepared

NCCL = pd.DataFrame(
    {
        "framework": "TRTLLM", "version": "2.29.2", "op_name": ["alltoall", "all_gather", "reduce_scatter"], "nccl_dtype": "half",
        "num_gpus": [4, 8, 2], "message_size": [1024, 2**20, 2**26], "system": ["h100_sxm", "h200_sxm", "gb200"],
    },
    index=["c", "a", "b"],
)  # fmt: skip


def test_index_and_columns_are_kept():
    found = predict_operator("nccl", NCCL)
    assert list(found.index) == ["c", "a", "b"]
    assert list(found.columns) == RESULT
    assert (found["q05"] < found["seconds"]).all()
    assert (found["seconds"] < found["q95"]).all()
    assert (found["seconds"] > 0.0).all()


def test_rows_do_not_depend_on_their_neighbours():
    alone = pd.concat([predict_operator("nccl", NCCL.loc[[label]]) for label in NCCL.index])
    pd.testing.assert_frame_equal(alone, predict_operator("nccl", NCCL))


def test_framework_and_version_may_be_missing():
    bare = predict_operator("nccl", NCCL.drop(columns=["framework", "version"]))
    assert bare["seconds"].notna().all()
    full = predict_operator("nccl", NCCL)
    assert np.allclose(bare["seconds"], full["seconds"], rtol=0.3)


def test_measured_times_are_not_looked_at():
    told = predict_operator("nccl", NCCL.assign(latency=1e9, time=1e9))
    pd.testing.assert_frame_equal(told, predict_operator("nccl", NCCL))


def test_the_folder_of_the_engine_is_found_from_its_spelling():
    rows = prepared("nccl", NCCL.assign(framework=["SGLang", None, "vLLM"]))
    assert rows["engine"].tolist()[::2] == ["sglang", "vllm"]
    assert rows["engine_version"].tolist() == ["2.29.2"] * 3


def test_no_rows_give_no_rows():
    assert list(predict_operator("nccl", NCCL.iloc[:0]).columns) == RESULT


def test_errors():
    with pytest.raises(SpecError, match="no operator is called 'ncl'; did you mean 'nccl'"):
        predict_operator("ncl", NCCL)
    with pytest.raises(DataError, match="num_gpus is missing; did you mean 'num_gpu'"):
        predict_operator("nccl", NCCL.rename(columns={"num_gpus": "num_gpu"}))
    with pytest.raises(DataError, match="the index label 'a' occurs twice"):
        predict_operator("nccl", NCCL.set_axis(["a", "a", "b"]))
    with pytest.raises(DataError, match="1 rows name no system"):
        predict_operator("nccl", NCCL.assign(system=["gb200", None, "gb200"]))
