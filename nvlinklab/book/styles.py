"""A style sheet for each page, with the rules that it can use: the theme's own are ten times as many."""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import urlsplit

WORD = re.compile(r"[\w-]+")
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_ADDRESS = re.compile(r"url\(\s*(['\"]?)([^'\")]+)\1\s*\)")
_NAME = re.compile(r"([.#])((?:[\w-]|\\.|[^\x00-\x7f])+)")
_FREE = re.compile(r":(?:not|is|where|has)\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)")  # says nothing about what must be there
_STEP = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|url\([^)'"]*\))|([{};])|(,)|([(\[])|([)\]])""")
_ASKED = re.compile(r"var\(\s*(--[\w-]+)")
_VALUE = r"""(?:url\([^)"']*\)|"[^"]*"|'[^']*'|[^;{}"'])*"""
_VARIABLE = re.compile(rf"(?<=[{{;\s])(--[\w-]+)\s*:{_VALUE}(?:;|(?=\}}))")
NESTING = ("@media", "@supports", "@container", "@layer")


def moved(css: str, source: str, target: str) -> str:
    """Return a style sheet whose relative addresses are right at another place; `source` and `target` are folders."""

    def address(match: re.Match[str]) -> str:
        if urlsplit(match[2]).scheme or match[2].startswith(("/", "#")):
            return match[0]
        return f'url("{_relative(PurePosixPath(source) / match[2], target)}")'

    return _ADDRESS.sub(address, css)


class Rule(NamedTuple):
    """A part of a style sheet.

    Attributes:
        head: what stands before the braces, or a whole statement
        body: what stands in them; None for a statement
        selectors: each with the classes and ids that it needs; empty where the rule belongs to no element
        inner: the rules in a rule that holds others
    """

    head: str
    body: str | None
    selectors: tuple[tuple[str, frozenset[str]], ...] = ()
    inner: tuple["Rule", ...] = ()


class Sheet:
    """A style sheet taken apart once, to find quickly what each of many pages can use of it."""

    def __init__(self, css: str):
        self._rules = tuple(_parsed(_COMMENT.sub("", css)))

    def used(self, words: set[str]) -> str:
        """Return the rules whose classes and ids all occur among the words.

        >>> Sheet(".a, .b > #c { color: red } .b:not(.a) { top: 0 } @media print { .a .x { top: 0 } }").used({"b", "c"})
        '.b > #c{color: red}.b:not(.a){top: 0}'
        """
        return "".join(_used(self._rules, words))


def lean(css: str, words: set[str]) -> str:
    """Return a style sheet without the variables that neither it nor, among the words, a script asks for.

    >>> lean("p{--a:1px;--b:var(--a);--c: 2;top:var(--b)} q{--d:url(data:x;y)}", {"--c"})
    'p{--a:1px;--b:var(--a);--c: 2;top:var(--b)} q{}'
    """
    while True:
        asked = {*words, *_ASKED.findall(css)}
        less = _VARIABLE.sub(lambda m: m[0] if m[1] in asked else "", css)  # noqa: B023  (used at once)
        if less == css:
            return css
        css = less


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


def _parsed(css: str) -> Iterator[Rule]:
    for head, body in rules(css):
        if body is None or (head.startswith("@") and not head.startswith(NESTING)):
            yield Rule(head, body)
        elif head.startswith("@"):
            yield Rule(head, body, inner=tuple(_parsed(body)))
        else:
            yield Rule(head, body, tuple((selector, _names(selector)) for selector in split(head)))


def _used(parts: Iterable[Rule], words: set[str]) -> Iterator[str]:
    for rule in parts:
        if rule.body is None:
            yield f"{rule.head};"
        elif rule.selectors:
            kept = [selector for selector, names in rule.selectors if names <= words]
            if kept and rule.body:
                yield f"{', '.join(kept)}{{{rule.body}}}"
        elif rule.head.startswith(NESTING):
            inner = "".join(_used(rule.inner, words))
            if inner:
                yield f"{rule.head}{{{inner}}}"
        else:
            yield f"{rule.head}{{{rule.body}}}"


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


def _names(selector: str) -> frozenset[str]:
    """The classes and ids without which a selector matches nothing; those spelled with a backslash are not asked for."""
    names = _NAME.findall(re.sub(r"\[[^\]]*\]", "", _FREE.sub("", selector)))
    return frozenset(name for _, name in names if "\\" not in name)
