"""Exchanges between ranks as a whole: a latency and a transfer that meet in a knee, parameters on a tree, and what sizes add.

An operator gives two closed forms, of the time of an empty message and of the time of the bytes and the work alone. Their parameters are
fitted on a tree (`nvlinklab.calibration.hierarchy`). What is left is a factor near one that depends on size, and on little else, as steps
of a library do (`nvlinklab.calibration.effects`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nvlinklab._struct import Float
from nvlinklab.calibration.effects import Term, apply_effects, fit_effects
from nvlinklab.calibration.fitting import Parameter, constrain
from nvlinklab.calibration.hierarchy import LEVELS, Form, evaluate, find, fit_tree, record, tree_of

if TYPE_CHECKING:
    import pandas as pd


class Exchange(NamedTuple):
    """What makes closed forms an exchange.

    Attributes:
        time: the whole form [s], a module-level function; parameters and columns by name
        latency, transfer: its two parts [s]
        parameters: priors of the roots
        free: parameters that may differ between chips and runs
        columns: what the forms read, numbers per row
        profile: effects on the logarithm of the factor
        most: rows of a node that a fit looks at
        steps: of the solver
    """

    time: Form
    latency: Form
    transfer: Form
    parameters: tuple[Parameter, ...]
    free: frozenset[str]
    columns: tuple[str, ...]
    profile: tuple[Term, ...]
    most: int
    steps: int = 40


def numbers(exchange: Exchange, found: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Return the columns that the forms read, by name."""
    return {c: found[c].to_numpy(float) for c in exchange.columns}


def fit_exchange(exchange: Exchange, found: "pd.DataFrame") -> dict[str, Any]:
    """Return what a record keeps of a fit.

    Args:
        exchange: what to fit
        found: one row per measurement: `time` [s], the columns of the forms and of the effects, and the label of each level of a tree
    """
    measured, columns, where = found["time"].to_numpy(float), numbers(exchange, found), found[list(LEVELS)]
    tree = fit_tree(exchange.time, exchange.parameters, columns, measured, where, exchange.free, most=exchange.most, steps=exchange.steps)
    z = find(tree, where, len(exchange.parameters)).z
    profile = fit_effects(found, np.log(measured / evaluate(exchange.time, exchange.parameters, z, columns)), exchange.profile)
    whole = record(tree, exchange.parameters)
    return {
        **whole, "effects": {"profile": profile.table}, "spreads": {"profile": profile.spreads}, "residual_sd": {"all": profile.noise},
        "effective_parameters": sum(whole["effective_parameters"].values()) + profile.effective,
    }  # fmt: skip


def times(exchange: Exchange, found: "pd.DataFrame", fitted: Mapping[str, Any]) -> np.ndarray:
    """Return the time of each row [s], NaN where nothing like it was measured.

    Args:
        exchange: as fitted
        found: the columns of the forms and of the effects, and the label of each level
        fitted: the record
    """
    z = find(tree_of(fitted, exchange.parameters), found[list(LEVELS)], len(exchange.parameters)).z
    form = evaluate(exchange.time, exchange.parameters, z, numbers(exchange, found))
    return form * np.exp(apply_effects(found, fitted["effects"]["profile"], exchange.profile))


def constants(exchange: Exchange, found: "pd.DataFrame", fitted: Mapping[str, Any]) -> "pd.DataFrame":
    """Return the numbers of the plain law `(alpha^knee + (nbytes / bandwidth)^knee)^(1 / knee)` of rows, index kept.

    Args:
        exchange: as fitted
        found: as for `times`, and `nbytes` [B]; a transfer is proportional to its tokens, so that any row of a curve gives its bandwidth
        fitted: the record

    Returns:
        `alpha` [s], `bandwidth` [B/s], `knee`.
    """
    import pandas as pd

    z = find(tree_of(fitted, exchange.parameters), found[list(LEVELS)], len(exchange.parameters)).z
    v: dict[str, Float] = {p.name: constrain(p, z[:, i]) for i, p in enumerate(exchange.parameters)}
    x = numbers(exchange, found)
    bandwidth = found["nbytes"].to_numpy(float) / np.asarray(exchange.transfer(v, x))
    return pd.DataFrame({"alpha": exchange.latency(v, x), "bandwidth": bandwidth, "knee": v["knee"]}, index=found.index)


__all__ = ["Exchange", "constants", "fit_exchange", "numbers", "times"]
