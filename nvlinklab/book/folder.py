"""The folder that a static host serves: the pages, and what hosts, search engines and readers of a wrong address look for."""

import hashlib
import html as markup
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from nvlinklab.book.errors import BookError
from nvlinklab.book.policy import policy
from nvlinklab.book.serve import MISSING

SUMS = "SHA256SUMS"
SITEMAP = "sitemap.xml"
UNLISTED = {"search.html", "genindex.html", MISSING}
_IMAGE = re.compile(r'(<meta (?:property|name)="(?:og|twitter):image" content=")(?:\.\./)*([^"]*)"')
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)
_STYLE = "body{font:1.1rem/1.6 system-ui,sans-serif;max-width:38rem;margin:18vh auto 0;padding:0 1.5rem}:root{color-scheme:light dark}"
_LOST = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">{policy}<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>No such page</title><link rel="icon" href="data:,"><style>{style}</style></head>
<body><main><h1>No such page</h1><p>Nothing is published at this address. It may have moved.</p><ul>{links}</ul></main></body></html>
"""


class Published(NamedTuple):
    """What was published.

    Attributes:
        folder: where
        base: the address it is made for, or an empty string
        pages: how many pages
        files: how many files, the list of checksums apart
        size: all of them [B]
    """

    folder: Path
    base: str
    pages: int
    files: int
    size: int


def publish(html: Path, folder: Path, base: str = "") -> Published:
    """Write a folder that any static host can serve, under any path.

    It holds the finished pages, `404.html`, `sitemap.xml`, `.nojekyll` and, in `SHA256SUMS`, the checksum of every file. All of it is
    made beside the target and put in its place at the end; the same pages give the same bytes.

    Args:
        html: the finished pages (`nvlinklab.book.build`)
        folder: where to; it is new, empty, or was published before and not touched since
        base: the address the folder will have, such as `https://example.org/lab/`. Search engines and link previews ask for whole
            addresses: without it, those in the sitemap and of the preview picture are relative, and pages name no canonical address.

    Raises:
        BookError: the book is not built, the base is no web address, or the folder holds something else.
    """
    if not (html / "index.html").is_file():
        raise BookError(f"{html} holds no index.html; build the book first with: nvlinklab book build")
    base = _checked(base)
    folder = Path(os.path.abspath(folder))
    _refuse_foreign(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        shutil.copytree(html, made, dirs_exist_ok=True)
        made.chmod(0o755)
        pages = sorted(p.relative_to(made).as_posix() for p in made.rglob("*.html") if "_static" not in p.relative_to(made).parts)
        for name in pages if base else ():
            page = made / name
            page.write_text(_addressed(page.read_text(encoding="utf-8"), name, base), encoding="utf-8")
        (made / ".nojekyll").touch()
        (made / MISSING).write_text(lost(base), encoding="utf-8")
        (made / SITEMAP).write_text(_sitemap([p for p in pages if p not in UNLISTED], base), encoding="utf-8")
        sums = checksums(made)
        (made / SUMS).write_text("".join(f"{value}  {name}\n" for name, value in sums.items()), encoding="utf-8")
        size = sum((made / name).stat().st_size for name in sums)
        _put(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return Published(folder, base, len(pages) + 1, len(sums), size)


def checksums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file under a folder by its path, in order; the list of checksums itself apart."""
    files = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() or p.is_symlink())
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files if name != SUMS}


def lost(base: str = "") -> str:
    """Return the page for wrong addresses. It is shown at any depth, so it loads nothing, and without a base only offers the way up."""
    if base:
        root = urlsplit(base).path
        ways = {root: "Start page", f"{root}book/ledger.html": "The ledger of all claims", f"{root}search.html": "Search"}
    else:
        ways = {"./": "The start of this folder", "../": "One level up"}
    links = "".join(f'<li><a href="{markup.escape(address)}">{words}</a></li>' for address, words in ways.items())
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy(styles=[_STYLE])}">'
    return _LOST.format(policy=meta, style=_STYLE, links=links)


def _checked(base: str) -> str:
    if not base:
        return ""
    parts = urlsplit(base)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise BookError(f"the base {base!r} is no web address; expected one like https://example.org/lab/")
    return base if base.endswith("/") else f"{base}/"


def _refuse_foreign(folder: Path) -> None:
    """Raise unless nothing would be lost."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise BookError(f"{folder} is a file; expected a folder")
    present = checksums(folder)
    if not present and not any(folder.iterdir()):
        return
    listed = {}
    if (folder / SUMS).is_file():
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
        listed = {name: value for value, _, name in (line.partition("  ") for line in lines)}
    foreign = [name for name, value in present.items() if listed.get(name) != value]
    if foreign or not listed:
        shown = ", ".join(foreign[:3]) + (" ..." if len(foreign) > 3 else "")
        raise BookError(f"{folder} holds what `book publish` did not write ({shown}); name a new or an empty folder, or remove this one")


def _addressed(text: str, name: str, base: str) -> str:
    """Put whole addresses where a page is spoken of elsewhere."""
    text = _IMAGE.sub(lambda m: f'{m[1]}{base}{m[2]}"', text)
    if name in UNLISTED:
        return text
    address = f"{base}{quote(name)}"
    canonical = f'<link rel="canonical" href="{address}">'
    if 'property="og:title"' in text:
        canonical += f'<meta property="og:url" content="{address}">'
    return _TITLE.sub(lambda m: f"{m[0]}{canonical}", text, count=1)


def _sitemap(pages: list[str], base: str) -> str:
    places = "".join(f"<url><loc>{markup.escape(base + quote(name))}</loc></url>\n" for name in pages if not name.endswith("index.html"))
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{places}</urlset>\n'


def _put(made: Path, folder: Path) -> None:
    """Rename a folder to its place, and what was there away; put it back should that fail."""
    if not folder.exists():
        made.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}-old-", dir=folder.parent))
    folder.rename(old / folder.name)
    try:
        made.rename(folder)
    except OSError:
        (old / folder.name).rename(folder)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
