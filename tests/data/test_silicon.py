"""Measured silicon: what is kept back stays back, units are SI, and labels fit the wheel. Without the extra only the rules are tested."""

import pandas as pd
import pytest

from nvlinklab.errors import DataError
from nvlinklab.io import silicon
from nvlinklab.io.held_back import MODELS, SYSTEMS, drop_examination, is_examination

installed = pytest.mark.skipif(not silicon.available(), reason="the measurements come with the extra `silicon` (Linux, x86-64)")


@pytest.mark.parametrize(
    ("op", "held", "kept"),
    [
        ("nccl", {"op_name": "alltoall", "num_gpus": 4, "system": "h100_sxm"}, {"num_gpus": 8}),
        ("nccl", {"op_name": "reduce_scatter", "num_gpus": 2, "system": "gb200"}, {"system": "b200_sxm"}),
        ("nccl", {"op_name": "all_gather", "num_gpus": 8, "system": "h200_sxm"}, {"num_gpus": 4}),
        ("custom_allreduce", {"engine": "vllm", "num_gpus": 4, "system": "b200_sxm"}, {"num_gpus": 2}),
        ("custom_allreduce", {"engine": "trtllm", "num_gpus": 8, "system": "h200_sxm"}, {"system": "h100_sxm"}),
        ("nvlink_alltoall", {"moe_ep_size": 32, "moe_dtype": "fp8", "system": "gb200"}, {"moe_ep_size": 16}),
        ("nvlink_alltoall", {"moe_ep_size": 64, "moe_dtype": "nvfp4", "system": "gb200"}, {"moe_dtype": "bfloat16"}),
        ("deepep_ll", {"node_num": 4, "system": "h100_sxm"}, {"node_num": 8}),
        ("deepep_normal", {"node_num": 4, "system": "h100_sxm"}, {"node_num": 2}),
        ("moe", {"num_experts": 384, "moe_ep_size": 8, "system": "b200_sxm"}, {"num_experts": 256}),
        ("moe", {"num_experts": 256, "moe_ep_size": 32, "system": "b200_sxm"}, {"moe_ep_size": 16}),
        ("generation_mla", {"num_heads": 64, "system": "b200_sxm"}, {"num_heads": 128}),
        ("context_mla", {"num_heads": 64, "system": "b200_sxm"}, {"num_heads": 32}),
        ("gemm", {"m": 8, "system": "gb300"}, {"system": "gb200"}),
    ],
)
def test_an_examination_row_is_dropped_and_its_neighbour_is_not(op, held, kept):
    frame = pd.DataFrame([held, held | kept])
    assert list(is_examination(op, frame)) == [True, False]
    assert len(drop_examination(op, frame)) == 1


@installed
@pytest.mark.parametrize("op", [op for op in silicon.OPERATORS if op not in ("gemm", "moe", "context_attention", "generation_attention")])
def test_operator_rows_are_seconds_and_hold_nothing_back(op):
    rows = silicon.operators(op)
    assert len(rows) > 500
    assert not is_examination(op, rows).any()
    assert not rows["system"].isin(SYSTEMS).any()
    assert 1e-6 < rows["time"].median() < 1e-3  # a millisecond taken for a second, or a microsecond, fails
    assert rows.attrs["licence"] == "Apache-2.0"


@installed
def test_serving_rows_fit_their_labels():
    rows = silicon.end_to_end(duplicates=True)
    assert (len(rows), len(silicon.end_to_end())) == (2648, 2048)
    assert not set(rows["family"]) & set(MODELS)
    assert not set(rows["system"]) & set(SYSTEMS)
    assert rows["tpot"].between(1e-3, 1.0).all()
    known = rows.dropna(subset=["gpus", "concurrency"]).astype({"gpus": float, "concurrency": float})
    in_flight = known["throughput"] * known["gpus"] * (known["ttft"] + (0.9 * known["osl"] - 1) * known["tpot"]) / (0.9 * known["osl"])
    pd.testing.assert_series_equal(in_flight, known["concurrency"], check_names=False)


@installed
def test_a_reader_gets_a_copy():
    first = silicon.end_to_end()
    first["tpot"] = 0.0
    assert (silicon.end_to_end()["tpot"] > 0).all()


def test_an_unknown_operator_says_what_exists():
    with pytest.raises(DataError, match="did you mean 'nccl'"):
        silicon.operators("ncll")


def test_without_the_wheel_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setattr(silicon.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(DataError, match=r"nvlinklab\[silicon\]"):
        silicon.folder()
