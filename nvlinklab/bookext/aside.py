"""Work for a second process while Sphinx reads and writes pages: what draws charts holds the interpreter as long as it draws.

Only functions of an installed package go there, so that the process loads nothing else. It is Sphinx's own process's: where Sphinx itself
reads or writes in several processes, those do the work on the spot.
"""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any


class Aside:
    """One process, started with the first work, and what it was given by name."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._given: dict[str, Future[Any]] = {}

    def begin(self, name: str, function: Callable[..., Any], *arguments: Any, **more: Any) -> None:
        """Start some work, unless it is started already."""
        if multiprocessing.parent_process() is not None or name in self._given:
            return
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        self._given[name] = self._pool.submit(function, *arguments, **more)

    def result(self, name: str, function: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        """Return what the function gives, or raise what it raises: begun before or not."""
        self.begin(name, function, *arguments, **more)
        return self._given[name].result() if multiprocessing.parent_process() is None else function(*arguments, **more)

    def end(self) -> None:
        """Stop the process; what it has not begun is not done."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._pool, self._given = None, {}


def setup(app: Any) -> None:
    """Give the application its second process; end it last."""
    app.nvl_aside = Aside()
    app.connect("build-finished", _end, priority=900)


def _end(app: Any, _error: Exception | None) -> None:
    app.nvl_aside.end()
