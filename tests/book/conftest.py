"""The strict book, built once for the tests of its pages, a local server for it, and a browser where one is installed."""

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nvlinklab import book

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> book.BuildResult:
    """The book, built strictly outside the checkout."""
    return book.build(ROOT, output=tmp_path_factory.mktemp("book"))


@pytest.fixture(scope="session")
def pages(built: book.BuildResult) -> list[str]:
    """Every page by its path without a suffix, as the table of contents and Sphinx name it."""
    skipped = {"index", "genindex", "search"}
    names = (p.relative_to(built.html).with_suffix("").as_posix() for p in built.html.rglob("*.html"))
    return sorted(n for n in names if n not in skipped and not n.startswith("_"))


@pytest.fixture(scope="session")
def site(built: book.BuildResult) -> Iterator[str]:
    """The address of the served book."""
    with book.server(built.html, 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/"
        running.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A browser found on this machine; the test is skipped where there is none."""
    candidates = [os.environ.get("NVLINKLAB_CHROMIUM", ""), *filter(None, map(shutil.which, BROWSERS))]
    path = next((c for c in candidates if c), "")
    if not path:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on PATH and NVLINKLAB_CHROMIUM is not set")
    from playwright.sync_api import sync_playwright

    root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"] if root else [])
        yield running
        running.close()
