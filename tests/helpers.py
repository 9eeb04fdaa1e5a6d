"""Small tools shared by the tests."""

from collections.abc import Callable
from typing import Any

import numpy as np

from nvlinklab.analysis._paths import flat_leaves, with_leaves


def central_difference(fn: Callable[[Any], Any], params: Any, path: str, step: float = 1e-5) -> float:
    """d ln y / d ln x by a central difference in log space; its error is of order step squared."""
    x = float(flat_leaves(params)[path])
    up, down = (float(fn(with_leaves(params, {path: x * np.exp(s)}))) for s in (step, -step))
    return (np.log(up) - np.log(down)) / (2 * step)
