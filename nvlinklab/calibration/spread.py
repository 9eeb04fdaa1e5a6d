"""How wrong a prediction may be: quantiles of the errors that cross-validation found where the same thing was new.

A row may lie on a fitted curve, or be new by its rank count, shape, version or system. Each module says for each row what is new about it
(its *novelty*) and in which *stratum* it lies; leaving out curves gives errors for each pair, and the 90 % interval of a prediction is as
wide as those errors were (split conformal prediction: Lei et al. 2018, section 2.2, on log times).
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.90
FEWEST = 40
"""Errors a pair of novelty and stratum needs for a quantile of its own."""
WIDENING = 1.5
"""What a half-width is multiplied with where cross-validation could not imitate what is new."""
WIDEST = math.log(3.0)
"""Half-width without any error to go by: a factor of three."""


def half_widths(errors: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return rows of `novelty, stratum, rows, half_width`: the 90 % quantile of the absolute log errors, raised for small samples.

    Args:
        errors: columns `novelty`, `stratum` and `error` (log of predicted over measured). The stratum "all" pools a novelty's strata.
    """
    import numpy as np

    found = []
    named = errors[np.isfinite(errors["error"])]
    for novelty, part in named.groupby("novelty"):
        for stratum, few in [("all", part), *part.groupby("stratum")]:
            if stratum == "all" or len(few) >= FEWEST:
                level = min(1.0, LEVEL * (1.0 + 1.0 / len(few)))
                width = float(np.quantile(few["error"].abs(), level))
                found.append({"novelty": str(novelty), "stratum": str(stratum), "rows": len(few), "half_width": width})
    return found


def half_width(table: list[dict[str, Any]], novelty: str, stratum: str) -> float:
    """Return the half-width in log time for one kind of row: of its pair, else of its novelty, else the widest known, widened."""
    known: Mapping[tuple[str, str], float] = {(r["novelty"], r["stratum"]): r["half_width"] for r in table}
    for pair in ((novelty, stratum), (novelty, "all")):
        if pair in known:
            return known[pair]
    pooled = [width for (_, where), width in known.items() if where == "all"]
    return WIDENING * max(pooled) if pooled else WIDEST


def with_quantiles(predicted: "pd.DataFrame", table: list[dict[str, Any]]) -> "pd.DataFrame":
    """Return predictions with `q05` and `q95` [s] from the half-widths of their novelty and stratum."""
    import numpy as np

    pairs = list(zip(predicted["novelty"].astype(str), predicted["stratum"].astype(str), strict=True))
    widths = {pair: half_width(table, *pair) for pair in set(pairs)}
    factor = np.exp(np.array([widths[pair] for pair in pairs], dtype=float))
    return predicted.assign(q05=predicted["seconds"] / factor, q95=predicted["seconds"] * factor)
