"""One style sheet for every page, with the rules that some page can use: the theme's own are ten times as many."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from urllib.parse import urlsplit

WORD = re.compile(r"[\w-]+")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_ADDRESS = re.compile(r"url\(\s*(['\"]?)([^'\")]+)\1\s*\)")
_NAME = re.compile(r"([.#])((?:[\w-]|\\.|[^\x00-\x7f])+)")
_FREE = re.compile(r":(?:not|is|where|has)\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)")  # says nothing about what must be there
_STEP = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|url\([^)'"]*\))|([{};])|(,)|([(\[])|([)\]])""")
NESTING = ("@media", "@supports", "@container", "@layer")


def moved(css: str, source: str, target: str) -> str:
    """Return a style sheet whose relative addresses are right at another place; `source` and `target` are folders."""

    def address(match: re.Match[str]) -> str:
        if urlsplit(match[2]).scheme or match[2].startswith(("/", "#")):
            return match[0]
        return f'url("{_relative(PurePosixPath(source) / match[2], target)}")'

    return _ADDRESS.sub(address, css)


def used(css: str, words: set[str]) -> str:
    """Return the rules of a style sheet whose classes and ids all occur among the words.

    >>> used(".a, .b > #c { color: red } .b:not(.a) { top: 0 } @media print { .a .x { top: 0 } }", {"b", "c"})
    '.b > #c{color: red}.b:not(.a){top: 0}'
    """
    return "".join(_used(_COMMENT.sub("", css), words))


def fonts_asked_for(css: str) -> set[str]:
    """Return the families that the rules of a style sheet name."""
    rules = re.sub(r"@font-face\s*\{[^}]*\}", "", css)
    return {m.strip("\"' ").replace("\\", "") for found in re.findall(r"font(?:-family)?:([^;}]+)", rules) for m in found.split(",")}


def _relative(path: PurePosixPath, folder: str) -> str:
    """A path, which may climb, as seen from a folder."""
    parts: list[str] = []
    for part in path.parts:
        if part == "..":
            parts.pop()
        elif part != ".":
            parts.append(part)
    base = [p for p in PurePosixPath(folder).parts if p != "."]
    same = 0
    while same < min(len(parts), len(base)) and parts[same] == base[same]:
        same += 1
    return "/".join([".."] * (len(base) - same) + parts[same:])


def _used(css: str, words: set[str]) -> Iterator[str]:
    for head, body in rules(css):
        if body is None:
            yield f"{head};"
        elif head.startswith(NESTING):
            inner = "".join(_used(body, words))
            if inner:
                yield f"{head}{{{inner}}}"
        elif head.startswith("@"):
            yield f"{head}{{{body}}}"
        else:
            kept = [s for s in split(head) if _can_match(s, words)]
            if kept:
                yield f"{', '.join(kept)}{{{body}}}"


def rules(css: str) -> Iterator[tuple[str, str | None]]:
    """Split a style sheet into what stands before braces and what stands in them; the latter is None for a statement."""
    start, depth, head, opened = 0, 0, "", 0
    for step in _STEP.finditer(css):
        if step[2] == "{":
            if depth == 0:
                head, opened = css[start : step.start()].strip(), step.end()
            depth += 1
        elif step[2] == "}":
            depth -= 1
            if depth == 0:
                yield head, css[opened : step.start()].strip()
                start = step.end()
        elif step[2] == ";" and depth == 0:
            yield css[start : step.start()].strip(), None
            start = step.end()


def split(selectors: str) -> list[str]:
    """Split a list of selectors at its commas, those in brackets apart."""
    parts, start, depth = [], 0, 0
    for step in _STEP.finditer(selectors):
        depth += bool(step[4]) - bool(step[5])
        if step[3] and depth == 0:
            parts.append(selectors[start : step.start()].strip())
            start = step.end()
    return [*parts, selectors[start:].strip()]


def _can_match(selector: str, words: set[str]) -> bool:
    names: Iterable[tuple[str, str]] = _NAME.findall(re.sub(r"\[[^\]]*\]", "", _FREE.sub("", selector)))
    return all("\\" in name or name in words for _, name in names)
