"""`{api} network`: the public names of a part of the package, from its source: nothing is imported, so nothing has to run.

Every function and class stands with its signature and its docstring, which gives shapes, units, errors and the source of a formula.
"""

import ast
import re
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any, NamedTuple

from docutils import nodes

import nvlinklab
from nvlinklab.bookext.context import ResultDirective
from nvlinklab.bookext.parts import paragraph, prose
from nvlinklab.errors import DataError

ROOT = Path(nvlinklab.__file__).parent
SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises")
_INNER = re.compile(r"_|ch\d\d")  # private modules, and the claims' own functions, which the ledger shows
_SECTION = re.compile(rf"^({'|'.join(SECTIONS)}):\s*$")
_ITEM = re.compile(r"^ {1,4}(\*{0,2}[\w, .*`]+?)(?: \([^)]*\))?: (.*)$")


class Member(NamedTuple):
    """One public name.

    Attributes:
        name: in its module
        signature: as one would call it
        doc: its docstring, without indentation
    """

    name: str
    signature: str
    doc: str


class Api(ResultDirective):
    """`{api} network`: every module of a part of the package."""

    required_arguments = 1

    def show(self) -> list[nodes.Node]:
        """Return a section a module."""
        part = self.arguments[0]
        sections = [self._section(path) for path in modules(part)]
        if not sections:
            raise DataError(f"the package has no part called {part!r}")
        return [s for s in sections if s is not None]

    def _section(self, path: Path) -> nodes.section | None:
        self.env.note_dependency(str(path))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found = list(members(tree))
        if not found:
            return None
        name = dotted(path)
        section = nodes.section(ids=[name.replace("_", "-").replace(".", "-")], names=[name], classes=["nvl-api"])
        section += nodes.title("", "", nodes.literal("", name.partition(".")[2]))
        section += list(blocks(ast.get_docstring(tree) or ""))
        listed = nodes.definition_list(classes=["nvl-members"])
        for member in found:
            item = nodes.definition_list_item()
            item += nodes.term("", "", nodes.literal("", member.signature, classes=["nvl-signature"]), ids=[f"{name}.{member.name}"])
            item += nodes.definition("", *blocks(member.doc))
            listed += item
        section += listed
        return section


def setup(app: Any) -> None:
    """Register the directive."""
    app.add_directive("api", Api)


def modules(part: str) -> list[Path]:
    """Return the public modules of a part of the package, its own file first."""
    single, folder = ROOT / f"{part}.py", ROOT / part
    if single.is_file():
        return [single]
    return sorted(p for p in folder.rglob("*.py") if p.name == "__init__.py" or not _INNER.match(p.name))


def dotted(path: Path) -> str:
    """Return the name one would import a file by."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def members(tree: ast.Module) -> Iterator[Member]:
    """Return the public functions and classes of a module that have a docstring, and the public methods of these classes."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and _public(node):
            yield Member(node.name, _signature(node), ast.get_docstring(node) or "")
        elif isinstance(node, ast.ClassDef) and _public(node):
            yield Member(node.name, f"class {node.name}", ast.get_docstring(node) or "")
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and _public(inner):
                    yield Member(f"{node.name}.{inner.name}", f"{node.name}.{_signature(inner)}", ast.get_docstring(inner) or "")


def blocks(doc: str) -> Iterator[nodes.Node]:
    """Return a docstring as paragraphs, lists of names, and examples."""
    for kind, lines in _pieces(cleandoc(doc).splitlines()):
        if kind == "example":
            yield nodes.literal_block("\n".join(lines), "\n".join(lines), language="pycon")
        elif kind in SECTIONS:
            yield paragraph(nodes.strong("", kind.replace("Args", "Arguments")), classes=["nvl-api-head"])
            yield _items(lines)
        else:
            yield paragraph(*prose(" ".join(line.strip() for line in lines)))


def _public(node: ast.FunctionDef | ast.ClassDef) -> bool:
    return not node.name.startswith("_") and ast.get_docstring(node) is not None


def _signature(node: ast.FunctionDef) -> str:
    arguments = ast.unparse(node.args)
    arguments = re.sub(r"^self(, |$)", "", arguments)
    result = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    return f"{node.name}({arguments}){result}"


def _pieces(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Split a docstring into paragraphs, sections and examples."""
    kind, held = "", []
    for line in [*lines, ""]:
        section = _SECTION.match(line)
        inside = kind in SECTIONS and (line.startswith(" ") or not line.strip())
        ends = section or (kind in SECTIONS and not inside) or (kind not in SECTIONS and not line.strip())
        if ends and held:
            yield kind, held
            held = []
        if ends:
            kind = ""
        if section:
            kind = section[1]
        elif line.strip():
            kind = kind or ("example" if line.startswith(">>> ") else "text")
            held.append(line)
    if held:
        yield kind, held


def _items(lines: list[str]) -> nodes.Node:
    """A list of `name: text` lines, whose text may go on below; or a paragraph where there are no names."""
    items: list[tuple[str, list[str]]] = []
    for line in lines:
        found = _ITEM.match(line)
        if found:
            items.append((found[1], [found[2]]))
        elif items:
            items[-1][1].append(line.strip())
        else:
            items.append(("", [line.strip()]))
    listed = nodes.bullet_list(classes=["nvl-arguments"])
    for name, text in items:
        named = [nodes.literal("", name.strip("`")), nodes.Text(": ")] if name else []
        listed += nodes.list_item("", paragraph(*named, *prose(" ".join(text))))
    return listed
