"""Sub-packages whose modules load on first use: `nl.network.collectives` works after `import nvlinklab as nl`, and costs nothing before."""

import importlib
import pkgutil
import sys
from collections.abc import Callable
from types import ModuleType

from nvlinklab.errors import did_you_mean


def submodules(package: str) -> Callable[[str], ModuleType]:
    """Return a module-level `__getattr__` that imports the modules of a package by name.

    An unknown name raises `AttributeError` with the nearest ones.
    """

    def load(name: str) -> ModuleType:
        known = [m.name for m in pkgutil.iter_modules(sys.modules[package].__path__)]
        if name in known:
            return importlib.import_module(f"{package}.{name}")
        raise AttributeError(f"{package} has no module {name!r}{did_you_mean(name, known)} It has: {', '.join(known)}")

    return load
