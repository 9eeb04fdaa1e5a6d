"""Publishing a folder: what it adds, what it refuses, and that nothing is half done."""

import re
from pathlib import Path

import pytest

from nvlinklab import book
from nvlinklab.book.folder import checksums, lost

PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<meta property="og:title" content="A page"><meta property="og:image" content="../_static/card.png">
</head><body><p>Words.</p></body></html>"""


@pytest.fixture
def html(tmp_path: Path) -> Path:
    """A small built book."""
    folder = tmp_path / "html"
    (folder / "book").mkdir(parents=True)
    (folder / "index.html").write_text(PAGE)
    (folder / "book" / "a b.html").write_text(PAGE)
    return folder


def test_the_same_pages_give_the_same_bytes(html: Path, tmp_path: Path) -> None:
    first, second = (book.publish(html, tmp_path / name) for name in ("one", "two"))
    assert checksums(first.folder) == checksums(second.folder)
    assert (first.folder / "SHA256SUMS").read_bytes() == (second.folder / "SHA256SUMS").read_bytes()
    assert (first.pages, first.files) == (3, 5)


def test_a_folder_is_replaced_as_a_whole(html: Path, tmp_path: Path) -> None:
    book.publish(html, tmp_path / "out")
    (html / "book" / "a b.html").rename(html / "book" / "c.html")
    book.publish(html, tmp_path / "out")
    assert not (tmp_path / "out" / "book" / "a b.html").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["html", "out"]


@pytest.mark.parametrize("change", ["added", "edited", "foreign"])
def test_what_is_not_its_own_is_left_alone(html: Path, tmp_path: Path, change: str) -> None:
    out = tmp_path / "out"
    if change == "foreign":
        out.mkdir()
        (out / "notes.txt").write_text("mine")
    else:
        book.publish(html, out)
        (out / ("notes.txt" if change == "added" else "index.html")).write_text("mine")
    before = checksums(out)
    with pytest.raises(book.BookError, match=r"did not write \((notes\.txt|index\.html)\); name a new or an empty folder"):
        book.publish(html, out)
    assert checksums(out) == before


def test_a_failure_leaves_what_was_there(html: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    book.publish(html, out)
    before = checksums(out)
    monkeypatch.setattr("nvlinklab.book.folder._sitemap", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        book.publish(html, out)
    assert checksums(out) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["html", "out"]


def test_a_base_gives_whole_addresses(html: Path, tmp_path: Path) -> None:
    out = book.publish(html, tmp_path / "out", "https://example.org/lab").folder
    assert "<loc>https://example.org/lab/book/a%20b.html</loc>" in (out / "sitemap.xml").read_text()
    page = (out / "book" / "a b.html").read_text()
    assert '<link rel="canonical" href="https://example.org/lab/book/a%20b.html">' in page
    assert '"og:url" content="https://example.org/lab/book/a%20b.html"' in page
    assert '"og:image" content="https://example.org/lab/_static/card.png"' in page
    assert re.findall(r'href="(/[^"]*)"', (out / "404.html").read_text()) == ["/lab/", "/lab/book/ledger.html", "/lab/search.html"]


def test_without_a_base_no_address_starts_at_the_root() -> None:
    assert re.findall(r'href="(?!data:)([^"]*)"', lost()) == ["./", "../"]


@pytest.mark.parametrize("base", ["example.org/lab", "ftp://example.org/", "https://", "https://example.org/?a=b"])
def test_a_base_must_be_a_web_address(html: Path, tmp_path: Path, base: str) -> None:
    with pytest.raises(book.BookError, match="is no web address"):
        book.publish(html, tmp_path / "out", base)


def test_an_unbuilt_book_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(book.BookError, match="build the book first"):
        book.publish(tmp_path, tmp_path / "out")
