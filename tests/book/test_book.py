"""Building and serving: what happens when something is missing."""

import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from nvlinklab import book


def test_a_folder_without_a_book_is_refused(tmp_path: Path) -> None:
    with pytest.raises(book.BookError, match=r"holds no book/_toc\.yml"):
        book.build(tmp_path)


def test_warnings_stop_a_strict_build_and_are_shown(tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    (tmp_path / "_config.yml").write_text("title: Small\nonly_build_toc_files: true\nsphinx: {config: {html_theme: basic}}\n")
    (tmp_path / "book" / "_toc.yml").write_text("format: jb-book\nroot: book/intro\n")
    (tmp_path / "book" / "intro.md").write_text("# Small\n\nSee {doc}`nowhere`.\n")
    with pytest.raises(book.BookError, match=r"\d+ warnings?, and none is allowed:[^$]*book/intro\.md:3.*unknown document: 'nowhere'"):
        book.build(tmp_path, output=tmp_path / "out")
    result = book.build(tmp_path, strict=False, output=tmp_path / "out")
    assert result.warnings >= 1
    assert (result.html / "index.html").is_file()
    assert not (tmp_path / "_build").exists()


def test_an_unbuilt_book_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(book.BookError, match="build the book first"):
        book.server(tmp_path)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>here</p>")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(book.BookError, match=f"port {port} cannot be used .*--port {port + 1}"):
            book.server(tmp_path, port)


def test_serving(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>here</p>")
    with book.server(tmp_path, 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{running.server_port}/") as answer:
                assert answer.read() == b"<p>here</p>"
        finally:
            running.shutdown()
            thread.join()


def test_the_book_extension_needs_no_jax() -> None:
    code = "import sys, nvlinklab.bookext; sys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
