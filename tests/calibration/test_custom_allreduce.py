"""The engines' all-reduce kernels: committed fit, a rank count left out, captured against eager calls."""

import numpy as np
import pandas as pd

from nvlinklab.calibration import operators
from nvlinklab.calibration.operators.custom_allreduce import usable
from nvlinklab.io import silicon
from tests.calibration.common import check_fold, check_record, check_shape, needs_silicon

OP = "custom_allreduce"
SOURCES = {"vllm": "vLLM_custom_graph", "trtllm": "TRTLLM", "sglang": "SGLang_CustomAllReduce_graph"}


def grid(ranks=4, engine="vllm", system="h100_sxm", source=None):
    return pd.DataFrame(
        {
            "system": system, "engine": engine, "engine_version": "new", "kernel_source": source or SOURCES[engine],
            "allreduce_dtype": "bfloat16", "num_gpus": ranks, "message_size": 2 ** np.arange(7, 30),
        }
    )  # fmt: skip


@needs_silicon
def test_committed_record_is_of_these_rows():
    check_record(OP)


@needs_silicon
def test_eight_ranks_never_seen_on_a_system():
    assert check_fold(OP, "ranks=vllm@8 h100_sxm") < 0.10


def test_gaps_are_interpolated_and_new_versions_are_no_obstacle():
    found = operators.predict(OP, grid(4))
    check_shape(found, grid(4))
    assert set(found["status"]) == {"interpolated"}
    two, eight = (operators.predict(OP, grid(n))["seconds"].to_numpy() for n in (2, 8))
    four = found["seconds"].to_numpy()
    assert (four[-4:] > two[-4:]).all()
    assert np.median(four / two) > 1.0
    assert set(operators.predict(OP, grid(8, "trtllm", "h200_sxm"))["reason"]) == {"no trtllm graph at 8 ranks of h200_sxm"}
    assert np.median(eight) > np.median(two)


def test_eager_calls_pay_the_launch():
    graph = operators.predict(OP, grid(8))["seconds"]
    eager = operators.predict(OP, grid(8, source="vLLM_custom_eager"))["seconds"]
    assert (eager[:8] > 1.5 * graph[:8]).all()


def test_unknown_engines_and_systems_are_bounded_widely():
    known = operators.predict(OP, grid(8).assign(engine_version="0.24.0"))
    other = operators.predict(OP, grid(8, "vllm", source="somebody's kernel").assign(engine="other"))
    assert other["seconds"].notna().all()
    assert ((other["q95"] / other["q05"]) > (known["q95"] / known["q05"])).all()
    check_shape(operators.predict(OP, grid(8, system="gb300")), grid(8))


@needs_silicon
def test_copied_tables_do_not_enter():
    rows = silicon.operators(OP)
    kept = rows[usable(rows)]
    assert not (kept["kernel_source"].str.startswith("TRTLLM") & (kept["engine"] != "trtllm")).any()
    assert not ((kept["system"] == "h200_sxm") & kept["kernel_source"].eq("TRTLLM") & (kept["num_gpus"] == 8)).any()
