"""Break-even values: what would an input have to be for a result to reach a target?"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from nvlinklab import units
from nvlinklab.analysis._paths import Function, Params, flat_leaves, with_leaves

SMOOTH = 1e-6  # what is left at a root, relative to the values around it; more is a jump


class BreakEven(NamedTuple):
    """The answer to "what would it take?".

    Attributes:
        value: the break-even value of the input [SI], or None
        factor: that value over the present one, or None
        reason: why there is none, or an empty string
    """

    value: float | None
    factor: float | None
    reason: str


def break_even(fn: Function, params: Params, path: str, target: float, span: float = 1e4, points: int = 81) -> BreakEven:
    """Find the value of one input that brings a scalar function to `target`, the nearest to its present value.

    The input is scanned on a logarithmic grid from `1/span` to `span` times its present value; the nearest change of sign is refined
    by Brent's bracketing method (`scipy.optimize.brentq`), so a kink or a second root cannot mislead it; a change of sign at a pole or
    a jump is no root and is passed over. Nothing is compiled: a ledger asks thousands of tiny questions, and each would cost more to
    compile than to answer. That is why this is not `optimistix.root_find`, which traces a loop of its own for each function; the fits in
    `nvlinklab.calibration`, where one program is worth compiling, do use optimistix.

    Args:
        fn: a scalar function of the pytree, elementwise: an array for one leaf gives an array
        params: the point to start from
        path: the leaf to move
        target: the value wanted [SI]
        span: how far to look, as a factor
        points: grid points over the whole range

    Returns:
        a `BreakEven`; where no value in the range does, `reason` says what the function reaches instead.

    >>> break_even(lambda p: p["n"] / p["bw"], {"n": 44e6, "bw": 8e12}, "bw", target=2e-6).value
    22000000000000.0
    """
    present = float(flat_leaves(params)[path])
    if present == 0.0 or not np.isfinite(target):
        return BreakEven(None, None, f"{path} is {present:g}, which cannot be scaled" if present == 0.0 else "the target is not finite")

    def gap(log_factor):
        with np.errstate(all="ignore"):  # far from the present value a power may well overflow; such points are left out below
            return np.asarray(fn(with_leaves(params, {path: present * np.exp(log_factor)})), dtype=float) - target

    logs = np.linspace(-np.log(span), np.log(span), points)
    gaps = np.broadcast_to(gap(logs), logs.shape)
    finite = gaps[np.isfinite(gaps)] + target
    if finite.size == 0:
        return BreakEven(None, None, f"the result is not a number for any {path}")
    if np.isclose(finite.min(), finite.max(), rtol=1e-12, atol=0.0):
        return BreakEven(None, None, f"{path} does not move the result")
    if abs(float(gap(0.0))) <= 1e-12 * abs(target):
        return BreakEven(present, 1.0, "")
    crossings = [i for i in range(points - 1) if np.isfinite(gaps[i : i + 2]).all() and np.sign(gaps[i]) * np.sign(gaps[i + 1]) <= 0.0]
    if not crossings:
        reached = f"{units.number_text(float(finite.min()))} to {units.number_text(float(finite.max()))}"
        return BreakEven(None, None, f"no value of {path} within a factor of {span:g} does: the result stays within {reached} (SI)")
    for i in sorted(crossings, key=lambda i: min(abs(logs[i]), abs(logs[i + 1]))):
        root = float(brentq(lambda x: float(gap(x)), logs[i], logs[i + 1], xtol=1e-14))  # type: ignore[arg-type]
        if abs(float(gap(root))) <= SMOOTH * max(abs(target), abs(gaps[i]), abs(gaps[i + 1])):
            factor = float(np.exp(root))
            return BreakEven(present * factor, factor, "")
    jump = units.number_text(float(present * np.exp(root)))
    return BreakEven(None, None, f"no value of {path} within a factor of {span:g} does: the result jumps past the target at {jump} (SI)")
