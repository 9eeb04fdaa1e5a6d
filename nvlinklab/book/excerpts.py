"""Excerpts of a page as scripts, so that another page can show one in place, also where the book is opened from a disk.

`nvlinklab.bookext.fold` marks them: an `<article class="nvl-excerpt">` with its name, in the group that `data-excerpts` names.
"""

import json
import re
from pathlib import Path

from nvlinklab.book.errors import BookError
from nvlinklab.book.scripts import stamped

FILE = "_static/excerpts/{}.js"
_EXCERPT = re.compile(r'<article class="nvl-excerpt[^"]*" data-excerpts="([\w-]+)" data-name="([^"]+)">(.*?)</article>', re.DOTALL)
_ASKED = re.compile(r'(<details [^>]*)data-excerpts="([\w-]+)"')
_NAMED = re.compile(r'<details [^>]*data-excerpts="([\w-]+)\.js')


def write(html: Path, pages: dict[str, str]) -> None:
    """Write one file for each group of excerpts, and its name into the folds that show them.

    Args:
        html: the folder of the pages
        pages: their texts; those with folds are changed

    Raises:
        BookError: a fold shows a group of which no page has an excerpt.
    """
    groups: dict[str, dict[str, str]] = {}
    for text in pages.values():
        for file, name, content in _EXCERPT.findall(text):
            groups.setdefault(file, {})[name] = content.strip()
    for file, parts in groups.items():
        path = html / FILE.format(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        found = json.dumps(parts, ensure_ascii=False, separators=(",", ":"))
        path.write_text(f"Object.assign(window.nvlExcerpts ??= {{}}, {found});\n", encoding="utf-8")
    names = {file: stamped(html, FILE.format(file)).rpartition("/")[2] for file in groups}

    def named(page: str, match: re.Match[str]) -> str:
        if match[2] not in names:
            raise BookError(f"{page} shows excerpts of {match[2]}, but no page has any; there are those of {', '.join(names) or 'nothing'}")
        return f'{match[1]}data-excerpts="{names[match[2]]}"'

    for page, text in pages.items():
        pages[page] = _ASKED.sub(lambda m, page=page: named(page, m), text)


def files(text: str) -> list[str]:
    """Return the files that a page with folds may load, from the root of the book."""
    return [FILE.format(name) for name in dict.fromkeys(_NAMED.findall(text))]
