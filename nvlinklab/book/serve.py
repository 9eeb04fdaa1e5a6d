"""A small server of the built pages, on this machine only."""

import functools
import http.server
import webbrowser
from http import HTTPStatus
from pathlib import Path
from typing import Any

from nvlinklab.book.errors import BookError

MISSING = "404.html"


class Handler(http.server.SimpleHTTPRequestHandler):
    """Serve files without a line in the terminal for each; answer a wrong address with the book's own page, as static hosts do."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the name it has in the standard library)
        """Say nothing."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send the folder's 404 page where there is one."""
        page = Path(self.directory) / MISSING
        if code != HTTPStatus.NOT_FOUND or not page.is_file():
            super().send_error(code, message, explain)
            return
        content = page.read_bytes()
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def require(html: Path) -> None:
    """Raise unless a folder holds the built pages.

    Raises:
        BookError: it does not.
    """
    if not (html / "index.html").is_file():
        raise BookError(f"{html} holds no index.html; build the book first with: nvlinklab book build")


def server(html: Path, port: int = 8000, handler: Any = Handler) -> http.server.ThreadingHTTPServer:
    """Return a server of the built pages on this machine only; port 0 takes a free one.

    Raises:
        BookError: the book is not built, or the port is taken.
    """
    require(html)
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), functools.partial(handler, directory=str(html)))
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
