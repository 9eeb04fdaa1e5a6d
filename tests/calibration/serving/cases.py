"""Small tables of deployments for the tests; no measured value is in them."""

import pandas as pd

BASE = {
    "family": "dsr1", "system": "b200_sxm", "backend": "trtllm", "precision": "fp8", "mode": "agg", "isl": 1024, "osl": 1024, "conc": 32,
    "gpus": 8, "R_tp": 8, "R_ep": 8, "R_dpa": False,
}  # fmt: skip


def rows(*changes: dict) -> pd.DataFrame:
    """Return one row per change of the base deployment."""
    return pd.DataFrame([BASE | change for change in changes or ({},)])


DISAGGREGATED = {
    "mode": "disagg", "system": "gb200", "gpus": 40, "R_tp": None, "R_ep": None, "R_p_nw": 2, "R_p_tp": 4, "R_p_ep": 4, "R_p_dpa": True,
    "R_d_nw": 1, "R_d_tp": 32, "R_d_ep": 32, "R_d_dpa": True, "conc": 512,
}  # fmt: skip
