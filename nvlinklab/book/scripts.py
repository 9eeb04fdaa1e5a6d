"""A few scripts for every page, loaded after the page: what Sphinx and the theme load as a dozen, some of them before it."""

import hashlib
import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from nvlinklab.book.policy import BLOCK, runs

BUNDLE = "_static/book-{}.js"
PIECE = 32_000
"""Most characters of one file [1], unless one script alone has more: a browser paints and listens between files, not within one."""
THEME = """(() => {
  const page = document.documentElement.dataset;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  try { page.mode = localStorage.getItem("mode") || "auto"; } catch { page.mode = "auto"; }
  page.theme = page.mode === "auto" ? dark : page.mode;
})();"""
"""The one program inside a page: the colours must be known before it is painted. The page's policy names its digest."""
_FIRST = re.compile(r"dataset\.mode\s*=")
_PAGE_NAME = re.compile(r"DOCUMENTATION_OPTIONS\.pagename = '([^']*)'")
_LEFT_OUT = re.compile(r"window\.MathJax|searchInput\.focus|DOCUMENTATION_OPTIONS\.pagename")
_SOURCE = re.compile(r'\bsrc="([^"?]*)[^"]*"')
_PRELOAD = re.compile(r'\s*<link rel="preload" as="script"[^>]*>')
_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)
_THRASH = '["pre",".nboutput > .output_area",".cell_output > .output",".jp-RenderedHTMLCommon",".pst-scrollable-table-container"]'
"""What the theme measures in a loop that makes the browser lay out the page once for each; `page.js` does the same without."""
_HEADER = 'document.getElementsByClassName("bd-header")[0].getBoundingClientRect()'
_SIDEBAR = '(function(){if(!document.querySelector(".bd-docs-nav"))return;'
_BANNER = 'document.querySelector(".pst-async-banner-revealer");'
LATER = {
    _THRASH: "['[data-none]']",
    f"{_HEADER};": f"{{get bottom(){{return {_HEADER}.bottom}}}};",  # measured when the reader scrolls, not while scripts change the page
    "Bt(t)&&(this._targetLinks": "t&&(this._targetLinks",  # asks of each section whether it is visible, so that each is laid out
    f"{_BANNER}if(!e)return;": f'{_BANNER}if(!e?.querySelector(":scope > :not(.d-none)"))return;',  # measures a banner that no page has
    '"loading"!=document.readyState?e():': '"loading"!=document.readyState?setTimeout(e):',  # each preparation a task of its own
    'document.querySelectorAll(n.join(", "))': "[]",  # asks 28 times for notes in the margin, which no page has
    f"e({_SIDEBAR}": f"(0,requestAnimationFrame)({_SIDEBAR}",  # scrolls the list of chapters to this one, just before it is painted
}
"""What keeps the browser busy before the page answers, most of it layouts of an unfinished page, and what stands there instead."""
SEARCH = "_static/searchtools.js"
_READ = "new DOMParser().parseFromString(htmlString, 'text/html')"
UNSTYLED = {_READ: _READ.replace("htmlString", 'htmlString.replace(/<style>.*?<\\/style>/s, "")')}
"""The search reads pages for their words; their style sheets, which the policy of its own page does not name, are no part of that."""
_SAID = re.compile(r"\bconsole\.(?:log|info|debug)\((?=[^)])")
"""What the theme tells nobody in particular; its warnings and errors stay."""
ON_DEMAND = re.compile(r'nvlLoad\("([^"]+)"\)')
"""Where a script loads another; it then asks for the version that this book has."""
NOT_LOADED = ("fontawesome.js", "tex-chtml-full.js")


class Script(NamedTuple):
    """One script of a page: its file from the root of the book, or the program itself; and its other attributes."""

    file: str
    code: str
    attributes: str


def scripts(text: str, page: str) -> list[Script]:
    """Return the scripts of a page in the order in which they run, data apart."""
    found = []
    for match in BLOCK.finditer(text):
        source = _SOURCE.search(match[1])
        rest = re.sub(r'\s*\b(?:src="[^"]*"|defer(?:="defer")?|data-cfasync="[^"]*")', "", match[1]).strip()
        late = " defer" in match[1]
        if source:
            found.append((late, Script(resolve(page, source[1]), "", rest)))
        elif runs(match[1]):
            found.append((late, Script("", match[2].strip(), rest)))
    return [s for late in (False, True) for is_late, s in found if is_late == late]


def files(text: str, page: str) -> list[str]:
    """Return the files of the scripts of a page, from the root of the book."""
    return [script.file for script in scripts(text, page) if script.file]


def shared(html: Path, pages: dict[str, list[Script]]) -> list[Script]:
    """Return the scripts that every page has and whose files are there, in the order of the first page."""
    lists = [[s for s in each if not s.file or (html / s.file).is_file()] for each in pages.values()]
    both = [s for s in lists[0] if all(s in other for other in lists[1:])] if lists else []
    return list(dict.fromkeys(s for s in both if _wanted(s)))


def bundle(html: Path, parts: list[Script]) -> list[str]:
    """Write scripts into a few files, in their order, and return the files' addresses from the root of the book."""
    head = "DOCUMENTATION_OPTIONS.pagename = document.documentElement.dataset.page;"
    files = ["".join(f"{part.code}\n;\n" for part in parts if not part.file)]  # settings, short: they run in the task that ends the page
    for part in parts:
        if not part.file:
            continue
        text = _MAP.sub("", (html / part.file).read_text(encoding="utf-8")).strip()
        text = _SAID.sub("void(", changed(text, LATER))
        text = ON_DEMAND.sub(lambda m: f'nvlLoad("{stamped(html, f"_static/{m[1]}").removeprefix("_static/")}")', text)
        text += f"\n{head}\n;\n" if part.file.endswith("documentation_options.js") else "\n;\n"
        if len(files) > 1 and len(files[-1]) + len(text) <= PIECE:
            files[-1] += text
        else:
            files.append(text)
    for k, text in enumerate(files):
        (html / BUNDLE.format(k)).write_text(text, encoding="utf-8")
    return [stamped(html, BUNDLE.format(k)) for k in range(len(files))]


def changed(text: str, changes: dict[str, str]) -> str:
    """Return a program with other words in place of some."""
    for early, late in changes.items():
        text = text.replace(early, late)
    return text


def rewrite(html: Path, page: str, text: str, parts: list[Script], addresses: list[str]) -> str:
    """Return a page that loads the files of `bundle`, and after them what only this page has."""
    own = [s for s in scripts(text, page) if s not in parts and _wanted(s)]
    root = "../" * page.count("/")
    attributes = " ".join(s.attributes for s in parts if s.attributes)
    tags = [f'<script defer {attributes} src="{root}{address}"></script>'.replace("  ", " ") for address in addresses]
    for script in own:
        file = stamped(html, script.file) if script.file else _file(html, script.code)
        place = "" if "//" in file else root
        tags.append(f'<script defer {script.attributes} src="{place}{file}"></script>'.replace("  ", " "))
    named = _PAGE_NAME.search(text)
    text = _PRELOAD.sub("", BLOCK.sub(lambda m: "" if runs(m[1]) or _SOURCE.search(m[1]) else m[0], text))
    if named:
        text = text.replace("<html ", f'<html data-page="{named[1]}" ', 1)
    text = text.replace('data-theme="auto"', 'data-theme="light"', 1)
    first = f"<script>{THEME}</script>\n" if "<html " in text and "data-theme=" in text else ""
    return text.replace("</head>", f"{first}{chr(10).join(tags)}\n</head>", 1)


def stamped(html: Path, file: str) -> str:
    """Return the address of a file with a part of its checksum, so that no browser shows an old copy of a new one."""
    path = html / file
    return f"{file}?v={hashlib.sha256(path.read_bytes()).hexdigest()[:8]}" if path.is_file() else file


def _wanted(script: Script) -> bool:
    name = PurePosixPath(script.file).name
    return name not in NOT_LOADED and not _FIRST.search(script.code) and not _LEFT_OUT.search(script.code)


def resolve(page: str, address: str) -> str:
    """Return an address on a page as a path from the root of the book; one that names a host stays."""
    if "//" in address:
        return address
    parts: list[str] = []
    for part in (*PurePosixPath(page).parts[:-1], *PurePosixPath(address).parts):
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)


def _file(html: Path, code: str) -> str:
    """Put a program of one page into a file."""
    name = f"_static/inline/{hashlib.sha256(code.encode()).hexdigest()[:16]}.js"
    (html / name).parent.mkdir(parents=True, exist_ok=True)
    (html / name).write_text(code + "\n", encoding="utf-8")
    return name
