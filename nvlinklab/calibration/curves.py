"""Families of measured curves, time against bytes: a knee for each, its two numbers shared by effects, and what protocols add to it.

A curve is `knee(alpha, nbytes / bw)` (`nvlinklab.network.knee`) times a factor that depends on size alone. `alpha` and the share of the
nominal bandwidth are fitted curve by curve, then explained by effects (`nvlinklab.calibration.effects`): operation, ranks, system,
version. The factor is near one; it holds what a knee cannot: libraries change protocol and channels at fixed message sizes, each change a
step. It is a piecewise linear function of the logarithm of the size, shared by all curves of a kind, and is told by no single curve.
"""

from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from nvlinklab._struct import Float
from nvlinklab.calibration import store
from nvlinklab.calibration.effects import Term, apply_effects, fit_effects
from nvlinklab.calibration.fitting import Parameter, curves_of, fit_each
from nvlinklab.network.knee import SHARPNESS, knee

if TYPE_CHECKING:
    import pandas as pd

NOISE = 0.04
"""Standard deviation of the log time around a curve's own knee that the first step assumes."""

ALPHA = Parameter("alpha", "s", 0.0, np.inf, 1e-5, 2.0, "time of an empty message", "messages below 64 kB")
SHARE = Parameter("share", "1", 0.0, np.inf, 0.5, 2.0, "bytes over bandwidth time, over the nominal bandwidth", "the largest messages")


PEERS = {
    "gb300": "gb200", "b300_sxm": "b200_sxm", "b200_sxm": "b300_sxm", "h200_sxm": "h100_sxm", "h100_sxm": "h200_sxm"
}  # fmt: skip
"""Sister systems: the same board and links, another GPU of the generation. One without rows is predicted with its sister's effects."""


class Family(NamedTuple):
    """Which curves there are and what they share.

    Attributes:
        curve: columns that name a curve
        alpha, share: effects on the logarithms of latency and bandwidth share
        profile: effects on the logarithm of the factor
        sharpness: exponent of the knee
    """

    curve: tuple[str, ...]
    alpha: tuple[Term, ...]
    share: tuple[Term, ...]
    profile: tuple[Term, ...] = ()
    sharpness: float = SHARPNESS


def _residuals(values: dict[str, Float], data: Mapping[str, jax.Array]) -> jax.Array:
    transfer = data["nbytes"] / (values["share"] * data["nominal"])
    return jnp.log(knee(values["alpha"], transfer, data["sharpness"]) / data["time"])


def fit_family(family: Family, frame: "pd.DataFrame") -> dict[str, Any]:
    """Fit a family.

    Args:
        family: what is shared
        frame: one row per measurement: `nbytes` [B], `nominal` (bandwidth) [B/s], `time` [s], and the columns the family names

    Returns:
        what a record keeps of it: `effects` by part (alpha, share, profile), `spreads`, `residual_sd`, `effective_parameters`, and
        `parameters`, the effects that stand alone with their 90 % intervals.
    """
    columns = {name: frame[name].to_numpy(float) for name in ("nbytes", "nominal", "time")}
    columns["sharpness"] = np.full(len(frame), family.sharpness)
    labels, data, present = curves_of(frame, family.curve, columns)
    z, covariance = fit_each(_residuals, (ALPHA, SHARE), data, present, NOISE)
    first = frame.groupby(list(family.curve), sort=True, dropna=False).nth(0)
    heads = labels.merge(frame.loc[first.index], on=list(family.curve), how="left", suffixes=("", "_first"))
    own = 1.0 / (1.0 + np.diagonal(covariance, axis1=1, axis2=2) / 0.02**2)
    alpha = fit_effects(heads, z[:, 0], family.alpha, weights=own[:, 0])
    share = fit_effects(heads, z[:, 1], family.share, weights=own[:, 1])
    effects = {"alpha": alpha.table, "share": share.table, "profile": []}
    spreads = {"alpha": alpha.spreads, "share": share.spreads}
    left = np.log(frame["time"].to_numpy(float)) - np.log(times(family, frame, effects))
    noise, effective = float(1.4826 * np.median(np.abs(left))), alpha.effective + share.effective
    if family.profile:
        profile = fit_effects(frame, left, family.profile)
        effects["profile"], spreads["profile"] = profile.table, profile.spreads
        noise, effective = profile.noise, effective + profile.effective
    return {
        "effects": effects, "spreads": spreads, "sharpness": family.sharpness, "residual_sd": {"all": noise},
        "effective_parameters": effective, "parameters": parameters(effects),
    }  # fmt: skip


def parameters(effects: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return the base level of latency and bandwidth share (the first term of each) as rows of a parameter table."""
    found = []
    for part, what in (("alpha", ALPHA), ("share", SHARE)):
        for row in effects[part]:
            if row["term"] == "base":
                value, up = np.exp(row["value"]), np.exp(1.645 * row["sd"])
                found.append(
                    {
                        "name": f"{part} {row['level']}".strip(), "value": value, "unit": what.unit, "low": what.low, "high": what.high,
                        "sd": row["sd"], "q05": value / up, "q95": value * up, "meaning": what.meaning, "identified_by": what.identified_by,
                    }
                )  # fmt: skip
    return store.tidy(found)


def times(family: Family, frame: "pd.DataFrame", effects: Mapping[str, Sequence[Mapping[str, Any]]]) -> np.ndarray:
    """Return the time of each row [s].

    Args:
        family: as fitted
        frame: `nbytes`, `nominal` and the columns the family names
        effects: of a record
    """
    alpha = np.exp(apply_effects(frame, effects["alpha"], family.alpha))
    share = np.exp(apply_effects(frame, effects["share"], family.share))
    transfer = frame["nbytes"].to_numpy(float) / (share * frame["nominal"].to_numpy(float))
    factor = np.exp(apply_effects(frame, effects["profile"], family.profile)) if effects["profile"] else 1.0
    return np.asarray(knee(jnp.asarray(alpha), jnp.asarray(transfer), family.sharpness)) * factor


def sister(system: str, have: Container[str]) -> str:
    """Return the sister of a system without rows where that has rows, else an empty text."""
    peer = PEERS.get(system, "")
    return peer if system not in have and peer in have else ""


def predicted(family: Family, frame: "pd.DataFrame", fitted: Mapping[str, Any]) -> np.ndarray:
    """Return the time of each row [s]; a system without rows has its sister's effects."""
    have = {curve[0] for curve in fitted["ranges"]["curves"]}
    stand_in = {s: sister(s, have) or s for s in frame["system"].unique()}
    return times(family, frame.assign(system=frame["system"].map(stand_in)), fitted["effects"])


def along_ranks(ranks: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return how far a rank count lies between 2 (0) and 8 (1) for latency, and for bandwidth.

    A ring's latency grows with the number of its steps, `ranks - 1`; the first coordinate is the logarithm of that law where 8 ranks take
    twice as long as 2. Its bytes per link grow as `(ranks - 1) / ranks` (Thakur et al. 2005, section 4), the second coordinate.

    Args:
        ranks: 2 or more, any shape
    """
    count = np.asarray(ranks, dtype=float)
    return np.log2(1.0 + (np.maximum(count, 2.0) - 2.0) / 6.0), (0.5 - 1.0 / np.maximum(count, 2.0)) / 0.375


__all__ = ["ALPHA", "PEERS", "SHARE", "Family", "along_ranks", "fit_family", "parameters", "predicted", "sister", "times"]
