"""Building the book and serving it: the strict build in a process of its own, and a small local server."""

import functools
import http.server
import os
import re
import subprocess
import sys
import time
import webbrowser
from pathlib import Path
from typing import NamedTuple

from nvlinklab.errors import NvlinklabError

_RUN = "from jupyter_book.cli.main import main; main()"
_WARNING = re.compile(r"\b(?:WARNING|ERROR|CRITICAL): ")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
SHOWN = 20


class BookError(NvlinklabError):
    """The book cannot be built or served; says why and what to do."""


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
    command = [sys.executable, "-c", _RUN, "build", str(root), "--toc", str(toc), "--all", "--keep-going"]
    command += ["-W", "-n"] if strict else []
    command += ["--path-output", str(output)] if output else []
    started = time.perf_counter()
    text, code = _run(command, quiet)
    complaints = [line.replace(f"{root}{os.sep}", "") for line in text.splitlines() if _WARNING.search(line)]
    if code:
        raise BookError(_why(text, complaints))
    return BuildResult((output or root) / "_build" / "html", len(complaints), time.perf_counter() - started)


def _run(command: list[str], quiet: bool) -> tuple[str, int]:
    """Run a command and return its output, uncoloured, and its exit status; show the output as it comes unless quiet."""
    environment = os.environ | {"NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
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


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serve files without a line in the terminal for each."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name it has in the standard library)
        """Say nothing."""


def server(html: Path, port: int = 8000) -> http.server.ThreadingHTTPServer:
    """Return a server of the built pages on this machine only; port 0 takes a free one.

    Raises:
        BookError: the book is not built, or the port is taken.
    """
    if not (html / "index.html").is_file():
        raise BookError(f"{html} holds no index.html; build the book first with: nvlinklab book build")
    handler = functools.partial(_Handler, directory=str(html))
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as exc:
        raise BookError(f"port {port} cannot be used ({exc.strerror}); try another: nvlinklab book serve --port {port + 1}") from exc


def serve(html: Path, port: int = 8000, open_browser: bool = False) -> None:
    """Serve the built pages until interrupted.

    Raises:
        BookError: the book is not built, or the port is taken.
    """
    with server(html, port) as running:
        address = f"http://127.0.0.1:{running.server_port}/"
        print(f"the book is at {address}  (stop with Ctrl+C)", flush=True)
        if open_browser:
            webbrowser.open(address)
        try:
            running.serve_forever()
        except KeyboardInterrupt:
            print()
