"""Every link of the built book, followed: to a file that is there and to a place in it. Nothing is fetched."""

import json
import re
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

ADDRESSES = {"href", "src", "srcset", "poster", "data", "action", "data-src"}
ELSEWHERE = re.compile(r"(?:[a-z][a-z0-9+.-]*:|//)", re.IGNORECASE)


class Link(NamedTuple):
    """One address on a page: the line it is on, the tag that carries it, and the address."""

    line: int
    tag: str
    address: str


class Anchors(HTMLParser):
    """The links of a page and the places in it that links may name.

    Attributes:
        links: every address
        specs: the name of each chart's specification, and the line it is on
        ids: every id, and the names of old-style anchors
    """

    def __init__(self, text: str):
        super().__init__()
        self.links: list[Link] = []
        self.ids: set[str] = set()
        self.specs: list[tuple[int, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the ids and addresses of one tag."""
        given = dict(attrs)
        self.ids.update(filter(None, [given.get("id"), given.get("name") if tag == "a" else None]))
        for name, value in attrs:
            if name in ADDRESSES and value is not None and not (tag == "object" and name == "data" and not value):
                self.links += [Link(self.getpos()[0], tag, a) for a in (_set(value) if name == "srcset" else [value.strip()])]
        if tag == "meta" and (given.get("http-equiv") or "").lower() == "refresh":
            self.links.append(Link(self.getpos()[0], tag, (given.get("content") or "").partition("url=")[2]))
        if given.get("data-spec"):
            self.specs.append((self.getpos()[0], given["data-spec"] or ""))


def broken(html: Path) -> list[str]:
    """Return one line for each link that leads nowhere: `page.html:line: <tag> address: why`."""
    html = html.resolve()

    @cache
    def page(path: Path) -> Anchors:
        return Anchors(path.read_text(encoding="utf-8"))

    complaints = []
    for path in sorted(html.rglob("*.html")):
        if "_static" in path.relative_to(html).parts:
            continue  # the theme's templates
        where = path.relative_to(html).as_posix()
        for link in dict.fromkeys([*page(path).links, *_opened_by_charts(html, page(path).specs)]):
            why = _why(link.address, path, html, page)
            if why:
                complaints.append(f"{where}:{link.line}: <{link.tag}> {link.address}: {why}")
    for path in sorted((html / "_static").glob("*.css")):
        for address in re.findall(r"url\(\s*['\"]?([^'\")]+)", path.read_text(encoding="utf-8")):
            why = _why(address, path, html, page)
            if why:
                complaints.append(f"{path.relative_to(html).as_posix()}: url({address}): {why}")
    return complaints


def _why(address: str, path: Path, html: Path, page) -> str:
    """Why an address leads nowhere, or an empty string."""
    if not address:
        return "" if path.suffix == ".css" else "empty"
    if address == "#" or ELSEWHERE.match(address):
        return ""
    parts = urlsplit(address)
    if parts.path.startswith("/"):
        return "starts at the root of the site, which may not be the book's"
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_relative_to(html):
        return "lies outside the book"
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return "no such file"
    place = unquote(parts.fragment)
    if place and target.suffix == ".html" and place not in page(target).ids:
        return f"{target.relative_to(html).as_posix()} has no place called {place!r}"
    return ""


def _set(value: str) -> list[str]:
    return [part.split()[0] for part in value.split(",") if part.strip()]


def _opened_by_charts(html: Path, specs: list[tuple[int, str]]) -> list[Link]:
    """The links in the charts of a page; they are as seen from the page."""
    found = []
    for line, name in specs:
        _, _, text = (html / "_static" / "charts" / f"chart-{name}.js").read_text(encoding="utf-8").partition("] = ")
        found += [Link(line, "chart", address) for address in _opened(json.loads(text.rstrip(";\n")))]
    return found


def _opened(spec: dict) -> list[str]:
    """The addresses in a chart's data that it opens on a click."""
    fields = set(re.findall(r'"href":\s*\{[^}]*"field":\s*"([^"]+)"', json.dumps(spec)))
    rows = [row for table in spec.get("datasets", {}).values() for row in table]
    return list(dict.fromkeys(row[f] for row in rows for f in fields if isinstance(row, dict) and row.get(f)))
