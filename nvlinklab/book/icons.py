"""Icons drawn into the page: the theme ships two thousand of them as a script of half a megabyte, and a page uses ten."""

import re
from functools import cache

from nvlinklab.book.errors import BookError

NAMES = {"fas", "far", "fab", "fa-solid", "fa-regular", "fa-brands"}
SIZES = {"fa-lg", "fa-xl", "fa-sm", "fa-xs", "fa-fw"}
_PLACE = re.compile(r'<(i|span)\s+class="([^"]*\bfa-[^"]*)"([^>]*)></\1>')
_DRAWING = r'[,{{]"?{}"?:\[(\d+),(\d+),\[[^\]]*\],"\w+","([^"]+)"\]'
_ALIAS = r'[,{{]"?([\w-]+)"?:\[\d+,\d+,\[[^\]]*"{}"[^\]]*\],'


def draw(text: str, library: str) -> str:
    """Return a page with each icon's place filled by its drawing.

    Args:
        text: the page
        library: the icon script of the theme

    Raises:
        BookError: the library holds no icon of that name.
    """

    def drawn(match: re.Match[str]) -> str:
        words = match[2].split()
        if not NAMES & set(words):
            return match[0]
        icon = next(w for w in words if w.startswith("fa-") and w not in NAMES | SIZES)
        width, height, path = _drawing(icon.removeprefix("fa-"), library)
        kept = " ".join(["nvl-icon", *(w for w in words if w not in NAMES and w != icon)])
        rest = re.sub(r'\s+title="[^"]*"', "", match[3])
        return f'<svg class="{kept}" viewBox="0 0 {width} {height}" aria-hidden="true"{rest}><path d="{path}"/></svg>'

    return _PLACE.sub(drawn, text)


@cache
def _drawing(name: str, library: str) -> tuple[str, str, str]:
    found = re.search(_DRAWING.format(re.escape(name)), library)
    if found is None:
        alias = re.search(_ALIAS.format(re.escape(name)), library)
        found = re.search(_DRAWING.format(re.escape(alias[1])), library) if alias else None
    if found is None:
        raise BookError(f"the theme's icons hold none called {name!r}")
    return found[1], found[2], found[3]
