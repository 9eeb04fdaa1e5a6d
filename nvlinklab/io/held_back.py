"""The examination rows: measurements that are kept back to judge the model, dropped here and nowhere else.

Whatever fits or looks at measured silicon reads it through `nvlinklab.io.silicon`, which calls `drop_examination` before it returns
anything. End-to-end rows are kept back by a list of what may be used (`data/measurements/silicon/deployments.csv`); operator rows by the
curves named below.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SYSTEMS = ("gb300",)
"""Systems of which no row may be seen."""

MODELS = ("kimik2.5",)
"""Model families of which no end-to-end row may be seen."""


def is_examination(op: str, frame: "pd.DataFrame") -> "pd.Series":
    """Return which operator rows are kept back, as booleans.

    Args:
        op: an operator of `nvlinklab.io.silicon.OPERATORS`
        frame: its rows with the measuring party's columns, `system` and `engine`
    """
    held = frame["system"].isin(SYSTEMS)
    if op == "nccl":
        name, ranks = frame["op_name"], frame["num_gpus"]
        held |= (name == "alltoall") & (ranks == 4)
        held |= (name == "reduce_scatter") & (frame["system"] == "gb200")
        held |= (name == "all_gather") & (ranks == 8) & (frame["system"] == "h200_sxm")
    elif op == "custom_allreduce":
        ranks, kernel = frame["num_gpus"], frame["engine"].astype(str).str.lower()
        if "kernel_source" in frame:  # the folder of one framework also holds curves of another's kernels
            kernel = kernel.where(frame["engine"] == "vllm", kernel + " " + frame["kernel_source"].astype(str).str.lower())
        held |= kernel.str.contains("vllm") & (ranks == 4)
        held |= kernel.str.contains("trtllm") & ~kernel.str.contains("sglang_") & (ranks == 8) & (frame["system"] == "h200_sxm")
    elif op == "nvlink_alltoall":
        held |= frame["moe_ep_size"] == 32
        held |= (frame["moe_ep_size"] == 64) & (frame["moe_dtype"] == "nvfp4")
    elif op in ("deepep_ll", "deepep_normal"):
        held |= frame["node_num"] == 4
    elif op == "moe":
        held |= (frame["num_experts"] == 384) | (frame["moe_ep_size"] == 32)
    elif op in ("context_mla", "generation_mla"):
        held |= frame["num_heads"] == 64
    return held


def drop_examination(op: str, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the operator rows without those that are kept back, index renewed."""
    return frame[~is_examination(op, frame)].reset_index(drop=True)
