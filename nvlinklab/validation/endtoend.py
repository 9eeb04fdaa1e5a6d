"""End-to-end rows: predictions, and how far they are from what was measured."""

from typing import TYPE_CHECKING

import numpy as np

from nvlinklab.calibration.serving import fitting
from nvlinklab.calibration.serving import predict as serving

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("ttft_s", "ttft_s_q05", "ttft_s_q95", "tpot_s", "tpot_s_q05", "tpot_s_q95", "tput", "tput_q05", "tput_q95", "status", "reason")

NOISE_FLOOR = {"tpot_s": 0.12, "ttft_s": 0.06, "tput": 0.12}
"""Median difference of two runs of one configuration whose software version is not stated: another image moves TPOT by 12 %; TTFT repeats
to 3 to 6 % on one image, and nothing is known of it between images."""

STRATA = ("family", "system", "mode", "precision")
LARGE = 40
"""Rows from which a stratum's coverage means something."""


def predict(df: "pd.DataFrame", anchors: "pd.DataFrame | None" = None) -> "pd.DataFrame":
    """Predict TTFT, TPOT and throughput of every row of a table of deployments.

    Args:
        df: columns `family, system, backend, precision, mode, isl, osl`, the concurrency (`conc`), `gpus` and the layout (`R_tp, R_ep,
            R_dpa`, or `R_p_*` and `R_d_*`); optionally `image`, `group` and `max_running`, a declared limit on running sequences.
            Measured columns are not looked at.
        anchors: a few measured rows of your own deployments to condition on, with `silicon_ttft_ms` and `silicon_tpot_ms`

    Returns:
        a table with the index of `df`: `ttft_s`, `tpot_s` [s] and `tput` [output tok/s per GPU], each with its 5 % and 95 % quantile
        (`_q05`, `_q95`), `status` (calibrated, interpolated, extrapolated, bound, unknown) and `reason`. Every row has a line; one of
        which nothing can be said has NaN and says why.

    Raises:
        DataError: a required column is absent, or no row can be read.
    """
    return serving.predict(df, anchors)[list(COLUMNS)]


def measured(df: "pd.DataFrame") -> "pd.DataFrame":
    """Return what was measured, in the units of `predict`: `ttft_s`, `tpot_s`, `tput`; NaN where nothing was."""
    import pandas as pd

    from nvlinklab.calibration.serving import deployments

    times = fitting.measured(df)
    c = deployments.read(df).cases
    tokens = np.maximum(np.asarray(c.osl) - 1.0, 0.0)
    tput = np.asarray(c.concurrency * c.osl) / (times["ttft"] + tokens * times["tpot"]) / np.asarray(c.gpus)
    return pd.DataFrame({"ttft_s": times["ttft"], "tpot_s": times["tpot"], "tput": tput}, index=df.index)


def errors(df: "pd.DataFrame", predictions: "pd.DataFrame") -> "pd.DataFrame":
    """Return the error of predictions by stratum, for rows that have measured values.

    Returns:
        one row per output and stratum (`all`, each family, and family x system x mode x precision): `output, stratum, rows, mape,
        median_ape, bias` (median of the signed relative error), `coverage` of the 90 % intervals and `noise_floor`, as ratios. No rows
        where nothing was measured.
    """
    import pandas as pd

    truth = measured(df)
    labels = df[list(STRATA)].astype(str)
    strata = {"all": pd.Series(True, index=df.index)}
    strata |= {str(f): labels["family"] == f for f in sorted(set(labels["family"]))}
    joined = labels.agg(" ".join, axis=1)
    strata |= {str(s): joined == s for s in sorted(set(joined))}
    lines = []
    for output in ("tpot_s", "ttft_s", "tput"):
        value = predictions[output].to_numpy(float)
        known = truth[output].to_numpy(float)
        usable = (known > 0) & (value > 0)
        relative = np.where(usable, value / np.where(usable, known, 1.0) - 1.0, np.nan)
        inside = (known >= predictions[f"{output}_q05"].to_numpy(float)) & (known <= predictions[f"{output}_q95"].to_numpy(float))
        for name, members in strata.items():
            m = usable & members.to_numpy()
            if m.any():
                r = relative[m]
                figures = {"mape": np.abs(r).mean(), "median_ape": np.median(np.abs(r)), "bias": np.median(r), "coverage": inside[m].mean()}
                lines.append({"output": output, "stratum": name, "rows": int(m.sum()), **figures, "noise_floor": NOISE_FLOOR[output]})
    return pd.DataFrame(lines, columns=["output", "stratum", "rows", "mape", "median_ape", "bias", "coverage", "noise_floor"])
