"""The book's live charts: questions that begin with *what if*, each a function of the model and the inputs a reader may move.

A chart has a name and belongs to one chapter. The notebooks show `chart(name)`; the tests take every one of them and compare what the
browser computes with what JAX computes, values and slopes.
"""

from importlib import import_module
from typing import Any

from nvlinklab.errors import SpecError, did_you_mean
from nvlinklab.live import Live
from nvlinklab.whatif._registry import CHARTS

MODULES = ("links", "machines", "serving", "facility")
for _module in MODULES:
    import_module(f"nvlinklab.whatif.{_module}")


def names() -> dict[str, str]:
    """Return `{chart: notebook}` in reading order."""
    return dict(sorted(((name, entry.notebook) for name, entry in CHARTS.items()), key=lambda item: item[1]))


def prepare(name: str) -> Live:
    """Return a chart with what it was made of.

    Raises:
        SpecError: no chart has this name, with the nearest ones.
    """
    if name not in CHARTS:
        raise SpecError(f"no live chart is called {name!r}{did_you_mean(name, CHARTS)} There are: {', '.join(names())}")
    return CHARTS[name].make()


def chart(name: str) -> Any:
    """Return a chart by its name, for a notebook."""
    return prepare(name).chart


__all__ = ["chart", "names", "prepare"]
