"""What turns Sphinx's pages into light ones that a strict content security policy allows, the same on every build.

In place: formulas are set, icons drawn, listings lightened, styles lifted out of the pages, scripts and style sheets made anew, and what no
page needs is removed. Scripts are a few files, the same for all; the style sheet stands in the page, because a page is not painted before
it is there and on a slow network each file to ask for costs more than its bytes, and holds what this page can use.
"""

import hashlib
import re
import shutil
from pathlib import Path, PurePosixPath

from nvlinklab.book import excerpts, formulas, icons, listings, policy, scripts, styles

OWN = ("nvl.css",)
"""Style sheets kept whole: what they style is also made by scripts that are loaded on demand."""
USELESS = (
    "_static/locales", "_static/webpack-macros.html", "_static/sbt-webpack-macros.html", "_static/scripts/fontawesome.js",
    "_static/vendor/fontawesome",
)  # fmt: skip
ICON_FONTS = re.compile(r"@font-face\s*\{[^}]*Font Awesome[^}]*\}")
_IMPORT = re.compile(r"""@import\s+(?:url\()?["']?([^"')]+)["']?\)?\s*;?""")
ICONS = "_static/scripts/fontawesome.js"
_FORWARD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="0; url={address}"><title>{title}</title><link rel="icon" href="data:,"></head>
<body><p><a href="{address}">{title}</a></p></body></html>
"""
_SHEETS = re.compile(r'\s*<link\b[^>]*?\bhref="([^"?]*\.css)[^"]*"[^>]*?\brel="stylesheet"[^>]*>|\s*<link\b[^>]*?\brel="stylesheet"[^>]*?\bhref="([^"?]*\.css)[^"]*"[^>]*>')  # fmt: skip  # noqa: E501
_NOSCRIPT = re.compile(r"<noscript>\s*<style>\s*\.pst-js-only.*?</noscript>", re.DOTALL)
_STYLE_BLOCK = re.compile(r"<style\b[^>]*>(.*?)</style>", re.DOTALL)
_STYLED = re.compile(r'<[a-zA-Z][^<>]*?\sstyle="[^"]*"[^<>]*>')
_PRINT = ' onclick="window.print()"'
_EMPTY_HEAD = re.compile(r"<th\b([^>]*)>(?:\s|<p\b[^>]*>\s*</p>)*</th>")
"""A head cell without words would be read out as a heading without a name."""
_CELL = re.compile(r"(<t[dh]\b[^<>]*>)<p>((?:[^<]|<(?!/?p\b))*)</p>\s*(</t[dh]>)")
"""A cell of one paragraph needs none: a fifth of what a page of tables consists of."""
_WORD = re.compile(r'<span class="pre">([^<]*)</span>|(?<=>)<span>([^<]*)</span>(?=</a>)')
"""Words that are marked, and look no different for it."""
_FIRST_PICTURE = re.compile(r'<img src="([^"]+)"[^>]* fetchpriority="high"')
_VIEWPORT = re.compile(r'\s*<meta name="viewport"[^>]*>')


def finish(html: Path) -> None:
    """Finish the pages in a folder that Sphinx has just written."""
    files = sorted(p for p in html.rglob("*.html") if "_static" not in p.relative_to(html).parts)
    pages = {p.relative_to(html).as_posix(): p.read_text(encoding="utf-8") for p in files}
    library = (html / ICONS).read_text(encoding="utf-8") if (html / ICONS).is_file() else ""
    colours = html / "_static" / "pygments.css"
    plain = listings.plain(colours.read_text(encoding="utf-8")) if colours.is_file() else frozenset()
    made = formulas.typeset(list(dict.fromkeys(f for text in pages.values() for f in formulas.formulas(text))))
    lifted: dict[str, str] = {}
    for name, text in pages.items():
        text = listings.lighter(formulas.fill(text, made), plain)
        text = icons.draw(text, library) if library else text
        pages[name] = _outside_scripts(text, lambda part: _lift(part, lifted))
    excerpts.write(html, pages)
    full = {name: scripts.scripts(text, name) for name, text in pages.items() if "</head>" in text}
    parts = scripts.shared(html, full)
    if (html / scripts.SEARCH).is_file():
        tool = html / scripts.SEARCH
        tool.write_text(scripts.changed(tool.read_text(encoding="utf-8"), scripts.UNSTYLED), encoding="utf-8")
    if parts:
        addresses = scripts.bundle(html, parts)
        pages |= {name: scripts.rewrite(html, name, pages[name], parts, addresses) for name in full}
    sheets = _write_sheets(html, pages, "\n".join([made.css, *sorted(lifted)]))
    pages |= _forwards(pages)
    for name, text in pages.items():
        (html / name).write_text(policy.guard(text, name, sheets.get(name, "")) if "</head>" in text else text, encoding="utf-8")
    formulas.copy_fonts(made.css, html / "_static")
    _clear(html, parts)


def _forwards(pages: dict[str, str]) -> dict[str, str]:
    """Return the pages that lead from a folder to the start page, which Jupyter Book names in the first of them."""
    found = re.search(r'http-equiv="Refresh" content="0; url=([^"]+)"', pages.get("index.html", ""))
    start = found[1] if found else ""
    if start not in pages:
        return {}
    title = re.search(r"<title>(.*?)</title>", pages[start], re.DOTALL)
    folders = {name.rpartition("/")[0] for name in pages}
    made = {}
    for folder in sorted(folders):
        address = "../" * (folder.count("/") + 1 if folder else 0) + start
        made[f"{folder}/index.html".lstrip("/")] = _FORWARD.format(address=address, title=title[1].strip() if title else start)
    return {name: text for name, text in made.items() if name == "index.html" or name not in pages}


def _outside_scripts(text: str, change) -> str:
    """Change what stands between the scripts of a page."""
    pieces, start = [], 0
    for match in policy.BLOCK.finditer(text):
        pieces += [change(text[start : match.start()]), match[0]]
        start = match.end()
    return "".join([*pieces, change(text[start:])])


def _lift(text: str, lifted: dict[str, str]) -> str:
    """Turn styles written into a page into rules: `lifted` gathers them, `{rule: ""}`."""

    def block(match: re.Match[str]) -> str:
        lifted[re.sub(r"\s+", " ", match[1]).strip()] = ""
        return ""

    def element(match: re.Match[str]) -> str:
        tag = match[0]
        style = re.search(r'\sstyle="([^"]*)"', tag)
        assert style is not None
        wanted = style[1].strip().rstrip(";")
        name = f"nvl-s{hashlib.sha256(wanted.encode()).hexdigest()[:8]}"
        lifted[f".{name}{{{wanted}}}"] = ""
        tag = tag.replace(style[0], "", 1)
        if re.search(r'\sclass="', tag):
            return re.sub(r'(\sclass=")', lambda m: f"{m[1]}{name} ", tag, count=1)
        return re.sub(r"^<[\w-]+", lambda m: f'{m[0]} class="{name}"', tag)

    text = _NOSCRIPT.sub("", text).replace(_PRINT, "")  # `page.js` does it
    text = _CELL.sub(r"\1\2\3", _EMPTY_HEAD.sub(lambda m: f"<td{m[1]}></td>", text))
    text = _WORD.sub(lambda m: m[1] or m[2] or "", text)
    text = _STYLED.sub(element, _STYLE_BLOCK.sub(block, text))
    return _VIEWPORT.sub("", text, count=text.count('name="viewport"') - 1) if text.count('name="viewport"') > 1 else text


def _write_sheets(html: Path, pages: dict[str, str], more: str) -> dict[str, str]:
    """Write into each page the style sheet it needs, of those that pages name and of more rules; ask for its first picture before.

    Returns:
        the sheet of each page that has one
    """
    named: dict[str, list[str]] = {}
    for name, text in pages.items():
        found = [scripts.resolve(name, m[1] or m[2]) for m in _SHEETS.finditer(text)]
        named[name] = [sheet for sheet in found if (html / sheet).is_file()]
    listed = list(dict.fromkeys(sheet for each in named.values() for sheet in each))
    read: set[str] = set()
    texts = [styles.moved(_read(html, sheet, read), sheet.rpartition("/")[0], "_static") for sheet in listed]
    always = {word for sheet in listed if PurePosixPath(sheet).name in OWN for word in _words_of(html / sheet)}
    known: dict[str, frozenset[str]] = {}
    words = {name: _words(html, name, text, known) | always for name, text in pages.items() if named[name]}
    content = styles.lean("\n".join([*(ICON_FONTS.sub("", css) for css in texts), more]), set().union(*words.values()))
    whole = {folder: styles.Sheet(styles.moved(content, "_static", folder)) for folder in {name.rpartition("/")[0] for name in words}}
    made = {}
    for name in words:
        made[name] = whole[name.rpartition("/")[0]].used(words[name]).replace("</", r"<\/")
        text = _SHEETS.sub(lambda m, name=name: "" if scripts.resolve(name, m[1] or m[2]) in listed else m[0], pages[name])
        first = _FIRST_PICTURE.search(text)
        early = f'<link rel="preload" as="image" href="{first[1]}" fetchpriority="high">\n' if first else ""
        pages[name] = text.replace("</title>", f"</title>\n{early}<style>{made[name]}</style>", 1)
    for sheet in read:
        (html / sheet).unlink()
    return made


def _words(html: Path, page: str, text: str, known: dict[str, frozenset[str]]) -> set[str]:
    """Every word that may be a class, an id or a variable on a page: its own and those of its scripts and excerpts, kept in `known`."""
    words = set(styles.WORD.findall(text))
    for file in (*scripts.files(text, page), *excerpts.files(text)):
        if file not in known:
            known[file] = _words_of(html / file)
        words |= known[file]
    return words


def _words_of(file: Path) -> frozenset[str]:
    return frozenset(styles.WORD.findall(file.read_text(encoding="utf-8"))) if file.is_file() else frozenset()


def _read(html: Path, sheet: str, read: set[str]) -> str:
    """Read a style sheet with those it imports in their places; note in `read` which these were."""
    folder = sheet.rpartition("/")[0]
    read.add(sheet)

    def imported(match: re.Match[str]) -> str:
        other = scripts.resolve(sheet, match[1])
        return styles.moved(_read(html, other, read), other.rpartition("/")[0], folder)

    return _IMPORT.sub(imported, (html / sheet).read_text(encoding="utf-8"))


def _clear(html: Path, parts: list[scripts.Script]) -> None:
    """Remove what no page loads."""
    for path in [*html.rglob("*.map"), html / ".buildinfo", *(html / name for name in USELESS), *(html / p.file for p in parts if p.file)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
