"""Predictions for tables of measurements, and their error: what the model is examined with."""

from typing import TYPE_CHECKING, Any

from nvlinklab._lazy import submodules

if TYPE_CHECKING:
    from nvlinklab.validation.endtoend import predict
    from nvlinklab.validation.operators import predict_operator

_HOMES = {"predict": "endtoend", "predict_operator": "operators"}
_load = submodules(__name__)

__all__ = ["predict", "predict_operator"]


def __getattr__(name: str) -> Any:
    return getattr(_load(_HOMES[name]), name) if name in _HOMES else _load(name)
