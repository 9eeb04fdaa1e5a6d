"""The strict build, in a process of its own."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from nvlinklab.book.errors import BookError
from nvlinklab.book.finish import finish

_RUN = "import gc; gc.disable(); from jupyter_book.cli.main import main; main()"
"""Pages stay in memory until they are written, so that what looks for garbage among them finds none, for a sixth of the time."""
_WARNING = re.compile(r"\b(?:WARNING|ERROR|CRITICAL): ")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
SHOWN = 20


class BuildResult(NamedTuple):
    """What a build left.

    Attributes:
        html: the folder of the pages
        warnings: how many warnings Sphinx gave
        seconds: how long it took
    """

    html: Path
    warnings: int
    seconds: float


def build(root: Path, strict: bool = True, quiet: bool = True, output: Path | None = None) -> BuildResult:
    """Build every page of the book afresh; needs no network.

    Args:
        root: the checkout, with `_config.yml` and `book/_toc.yml`
        strict: a warning is an error
        quiet: keep Sphinx's progress to itself
        output: the folder to build in; pages go to its `_build/html` (default: the checkout)

    Raises:
        BookError: no book there, Jupyter Book is not installed, or the build failed; the message ends with the complaints.
    """
    root = root.resolve()
    toc = root / "book" / "_toc.yml"
    if not toc.is_file():
        raise BookError(f"{root} holds no book/_toc.yml; run this in a checkout of the project")
    html = (output or root) / "_build" / "html"
    shutil.rmtree(html, ignore_errors=True)  # what an earlier build left there is no part of this one
    command = [sys.executable, "-c", _RUN, "build", str(root), "--toc", str(toc), "--all", "--keep-going"]
    command += ["-W", "-n"] if strict else []
    command += ["--path-output", str(output)] if output else []
    started = time.perf_counter()
    text, code = _run(command, quiet)
    complaints = [line.replace(f"{root}{os.sep}", "") for line in text.splitlines() if _WARNING.search(line)]
    if code:
        raise BookError(_why(text, complaints))
    finish(html)
    return BuildResult(html, len(complaints), time.perf_counter() - started)


def _run(command: list[str], quiet: bool) -> tuple[str, int]:
    """Run a command and return its output, uncoloured, and its exit status; show the output as it comes unless quiet."""
    environment = os.environ | {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8", "PYTHONHASHSEED": "0"}  # sets are written in their order
    lines = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment, text=True, encoding="utf-8"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(_COLOURS.sub("", line))
            if not quiet:
                sys.stdout.write(line)
    return "".join(lines), process.returncode


def _why(text: str, complaints: list[str]) -> str:
    if "No module named 'jupyter_book'" in text:
        return "Jupyter Book is not installed here; install it with: pip install 'nvlinklab[book]'"
    shown = complaints[:SHOWN] or text.strip().splitlines()[-SHOWN:]
    more = f"\n... and {len(complaints) - SHOWN} more" if len(complaints) > SHOWN else ""
    head = f"the book has {len(complaints)} warnings, and none is allowed" if complaints else "the book did not build"
    return "\n".join([f"{head}:", *shown]) + more
