"""YAML with line numbers, validated by JSON Schema: every complaint says file, line, what was given, what was expected."""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from nvlinklab.errors import DataError, did_you_mean
from nvlinklab.io.paths import data_dir, shown

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Document:
    """A parsed YAML file that still knows the line of each entry.

    Attributes:
        path: the file
        data: plain dicts and lists
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
            loader = _Loader(text)
            self._node = loader.get_single_node()
            self.data: Any = None if self._node is None else loader.construct_document(self._node)
        except FileNotFoundError as exc:
            raise DataError(f"{shown(path)}: no such file") from exc
        except yaml.YAMLError as exc:
            mark = getattr(exc, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            raise DataError(f"{shown(path)}:{line}: not valid YAML: {getattr(exc, 'problem', exc)}") from exc

    def line(self, keys: Iterable[Any]) -> int:
        """Return the line (from 1) of the entry reached by following `keys`, or of its nearest existing parent."""
        node = self._node
        line = 1
        for key in keys:
            if isinstance(node, yaml.MappingNode):
                pair = next((p for p in node.value if p[0].value == str(key)), None)
                if pair is None:
                    break
                line, node = pair[0].start_mark.line + 1, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
                node = node.value[key]
                line = node.start_mark.line + 1
            else:
                break
        return line

    def where(self, *keys: Any) -> str:
        """Return `file:line` for messages."""
        return f"{shown(self.path)}:{self.line(keys)}"

    def validate(self, schema: str) -> "Document":
        """Check against `data/schema/<schema>.json`; raises `DataError` with every complaint, one a line."""
        complaints = [
            f"{self.where(*error.absolute_path)}: {_explain(error)}"
            for error in sorted(_validator(schema).iter_errors(self.data), key=lambda e: list(map(str, e.absolute_path)))
        ]
        if complaints:
            raise DataError("\n".join(complaints))
        self._no_duplicate_keys(self._node)
        return self

    def _no_duplicate_keys(self, node: Any) -> None:
        if isinstance(node, yaml.MappingNode):
            seen: dict[str, int] = {}
            for key, value in node.value:
                line = key.start_mark.line + 1
                if key.value in seen:
                    raise DataError(f"{shown(self.path)}:{line}: {key.value!r} is given twice; first on line {seen[key.value]}")
                seen[key.value] = line
                self._no_duplicate_keys(value)
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self._no_duplicate_keys(item)


def _explain(error: Any) -> str:
    name = ".".join(str(p) for p in error.absolute_path) or "the file"
    given = error.instance
    match error.validator:
        case "required":
            missing = [k for k in error.validator_value if k not in given]
            return f"{name}: missing {', '.join(map(repr, missing))}; expected {', '.join(error.validator_value)}"
        case "additionalProperties":
            known = error.schema.get("properties", {})
            extra = [k for k in given if k not in known]
            return f"{name}: unknown field {extra[0]!r}{did_you_mean(str(extra[0]), known)}; expected {', '.join(known)}"
        case "enum":
            options = [str(v) for v in error.validator_value]
            return f"{name}: {given!r} is not one of {', '.join(options)}{did_you_mean(str(given), options)}"
        case "type":
            return f"{name}: {given!r} is a {type(given).__name__}, expected {error.validator_value}"
        case "pattern":
            return f"{name}: {given!r} does not look like {error.schema.get('title', error.validator_value)}"
        case "oneOf" | "anyOf":
            options = "; or ".join(_describe(option) for option in error.validator_value)
            return f"{name}: {given!r} fits none of what is expected: {options}"
        case _:
            return f"{name}: {error.message}"


def _describe(option: dict[str, Any]) -> str:
    if "required" in option and "type" not in option:
        return f"a field {' and '.join(map(repr, option['required']))}"
    kind = option.get("title") or option.get("type", "a value")
    return f"{kind} like {option['pattern']}" if "pattern" in option and "title" not in option else str(kind)


@cache
def _validator(schema: str) -> Any:
    import jsonschema

    path = data_dir() / "schema" / f"{schema}.json"
    return jsonschema.Draft202012Validator(json.loads(path.read_text(encoding="utf-8")))


def read_yaml(path: Path, schema: str) -> Document:
    """Read and validate one YAML file against `data/schema/<schema>.json`.

    Raises:
        DataError: a missing file, broken YAML, a duplicate key, or a field the schema refuses; starts with file:line.
    """
    return Document(path).validate(schema)
