"""Predictions for operator rows: the wheel's columns in, seconds with a 90 % interval out."""

from typing import TYPE_CHECKING

from nvlinklab.calibration import operators
from nvlinklab.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

ENGINES = {"TRTLLM": "trtllm", "SGLang": "sglang", "vLLM": "vllm"}
"""The wheel's spelling of `framework`, and the name of the folder the rows lie in, which is what the fits use."""

RESULT = ["seconds", "q05", "q95", "status", "reason"]


def prepared(op: str, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return operator rows as the fits know them: with `engine` and `engine_version`, from `framework` and `version` where missing.

    Raises:
        SpecError: no such operator.
        DataError: a column is missing, or an index label occurs twice.
    """
    needed = ["system", *operators.module(op).COLUMNS[op]]
    if missing := [c for c in needed if c not in frame]:
        hint = did_you_mean(missing[0], frame.columns)
        raise DataError(f"rows of {op} need the columns {', '.join(needed)}; {', '.join(missing)} is missing{hint}")
    if not frame.index.is_unique:
        twice = frame.index[frame.index.duplicated()][0]
        raise DataError(f"the index label {twice!r} occurs twice; predictions are returned by index, so reset it first")
    if int(frame["system"].isna().sum()):
        raise DataError(f"{int(frame['system'].isna().sum())} rows name no system")
    rows = frame.copy()
    if "engine" not in rows:
        rows["engine"] = rows["framework"].map(lambda f: ENGINES.get(f, str(f).lower())) if "framework" in rows else "unknown"
    if "engine_version" not in rows:
        rows["engine_version"] = rows.get("version", "unknown")
    for column in ("engine", "engine_version"):
        rows[column] = rows[column].astype(object).where(rows[column].notna(), "unknown").astype(str)
    return rows


def predict_operator(op: str, frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the predicted time of each operator row, with its 90 % interval.

    Args:
        op: nccl, custom_allreduce, nvlink_alltoall, deepep_ll, deepep_normal, gemm, moe, context_mla, generation_mla, context_attention or
            generation_attention
        frame: the wheel's columns (times are not looked at) and `system`; `engine` and `engine_version`, or the wheel's `framework` and
            `version`, may be missing or new: such rows have wider intervals. NCCL's `message_size` is in elements.

    Returns:
        one row per row given, same index: `seconds`, `q05` and `q95` [s], `status` (calibrated, interpolated, extrapolated or bound) and
        `reason` (empty where calibrated). A row that cannot be predicted has NaN and its reason.

    Raises:
        SpecError: no such operator.
        DataError: a column is missing, or the index is not unique.
    """
    rows = prepared(op, frame)
    if rows.empty:
        return rows.reindex(columns=RESULT)
    return operators.predict(op, rows)[RESULT]
