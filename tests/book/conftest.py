"""The strict book, built and published once for all workers, served from a sub-path."""

import fcntl
import json
import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from nvlinklab import book
from tests.book import pages as parsed

ROOT = Path(__file__).resolve().parents[2]
BELOW = "some/where"
"""The site is not at the root of its host."""


class Site(NamedTuple):
    """The published book.

    Attributes:
        folder: where it is
        warnings: how many warnings its build gave
    """

    folder: Path
    warnings: int


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The book, built strictly outside the checkout and published; the first worker to ask builds, the others wait for it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, note = base / "site" / BELOW, base / "site.json"
    with (base / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not note.is_file():
            built = book.build(ROOT, output=base / "book")
            book.publish(built.html, folder)
            note.write_text(json.dumps(built.warnings))
    return Site(folder, json.loads(note.read_text()))


@pytest.fixture(scope="session")
def files(published: Site) -> dict[str, parsed.Page]:
    """Every page of the book by its path without a suffix, parsed; those that only forward are left out."""
    names = (p.relative_to(published.folder).with_suffix("").as_posix() for p in published.folder.rglob("*.html"))
    kept = sorted(n for n in names if n == "genindex" or not (n.startswith("_") or n.endswith("index")))
    return {name: parsed.Page(published.folder / f"{name}.html") for name in kept if name != "404"}


@pytest.fixture(scope="session")
def site(published: Site) -> Iterator[str]:
    """The address of the served book."""
    root = published.folder.parents[BELOW.count("/")]
    (root / "index.html").touch()
    shutil.copy(published.folder / "404.html", root)  # what the host answers to a wrong address
    with book.server(root, 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/{BELOW}/"
        running.shutdown()
        thread.join()
