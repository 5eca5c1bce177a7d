"""Strict YAML: the 1.2 core schema, one document, no duplicate keys, aliases, tags or merge keys. It knows nothing of sweeps.

PyYAML reads YAML 1.1, in which ``1e-4`` is text, ``no`` is False, ``010`` is 8, ``12:30:00`` is 45000 and the last of two equal
keys wins. Here every one of these is what its writer meant, or an error that names its line and column.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import yaml
from yaml.events import AliasEvent, NodeEvent, ScalarEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from yaml.reader import ReaderError

MAX_DEPTH = 20
"""Lists and mappings within one another, counted from the document's own mapping."""

_TAG = "tag:yaml.org,2002:"


class StrictYamlError(ValueError):
    """The text is no strict YAML; the message begins with its line and column."""


def load_yaml(text: str) -> Any:
    """Return the plain value (dict, list, str, int, float, bool, None) of one strict YAML document; None when it is empty.

    Raises
    ------
    StrictYamlError
        When the text cannot be read, or could be read in two ways.
    """
    try:
        loader = _StrictLoader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except ReaderError as error:
        line, column = text.count("\n", 0, error.position), error.position - text.rfind("\n", 0, error.position)
        message = f"line {line + 1}, column {column}: character {chr(error.character)!r} is not allowed in YAML; remove it."
        raise StrictYamlError(message) from None
    except yaml.MarkedYAMLError as error:
        raise StrictYamlError(_explain(error, text)) from None


class _StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader with the 1.2 core schema and without the features that make a document ambiguous."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  (PyYAML's own class attribute)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, AliasEvent):
            _fail(event, f"alias '*{event.anchor}' is not allowed; write the value out.")
        if isinstance(event, NodeEvent) and event.anchor is not None:
            _fail(event, f"anchor '&{event.anchor}' is not allowed; write the value out where it is needed.")
        if getattr(event, "tag", None) is not None:
            _fail(event, f"tag '{event.tag.replace(_TAG, '!!')}' is not allowed; write the plain value.")
        self._depth += not isinstance(event, ScalarEvent)
        if self._depth > MAX_DEPTH:
            _fail(event, f"lists and mappings are nested more than {MAX_DEPTH} deep.")
        node = super().compose_node(parent, index)
        self._depth -= not isinstance(event, ScalarEvent)
        return node

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: dict[str, int] = {}
        mapping: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if isinstance(key_node, ScalarNode) and key_node.value == "<<" and key_node.style is None:
                _fail(key_node, "merge key '<<' is not allowed; write the keys out.")
            if isinstance(key, bool) or not isinstance(key, str | int):
                shown = "a list or mapping" if isinstance(key_node, SequenceNode | MappingNode) else repr(key)
                _fail(key_node, f"a key must be text or a whole number, got {shown}; put it in quotes.")
            if str(key) in seen:
                _fail(key_node, f"duplicate key {str(key)!r}; it already stands in line {seen[str(key)]}. Keep one of them.")
            seen[str(key)] = line
            mapping[key] = self.construct_object(value_node, deep=True)
        return mapping


def _construct_int(loader: _StrictLoader, node: ScalarNode) -> int:
    text = node.value
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    try:
        return int(text, base)
    except ValueError:
        _fail(node, f"the number {text[:20]}... has too many digits.")


def _construct_float(loader: _StrictLoader, node: ScalarNode) -> float:
    text = node.value.lower()
    if text.endswith((".inf", ".nan")):
        return float(text.replace(".", ""))
    value = float(text)
    if value in (float("inf"), float("-inf")):
        _fail(node, f"the number {node.value} is too large.")
    return value


def _construct_bool(loader: _StrictLoader, node: ScalarNode) -> bool:
    return str(node.value).lower() == "true"


def _fail(where: Any, message: str) -> NoReturn:
    raise yaml.MarkedYAMLError(problem=message, problem_mark=where.start_mark)


_TAB = "a tab is used for indentation; use spaces."
_ADVICE = {
    "found character '\\t' that cannot start any token": _TAB,
    "mapping values are not allowed here": "a ':' is not expected here; indent the line under its key, or quote the text.",
    "could not find expected ':'": "expected 'key: value'; a ':' is missing, or this line is indented wrongly.",
    "but found another document": "a second document begins here; keep one document in a file.",
}


def _explain(error: yaml.MarkedYAMLError, text: str) -> str:
    problem = error.problem or "this cannot be read."
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return problem
    lines = text.splitlines()
    indent = re.match(r"\s*", lines[mark.line] if mark.line < len(lines) else "")
    if indent and "\t" in indent[0]:
        problem = _TAB
    elif problem in _ADVICE:
        problem = _ADVICE[problem]
    elif problem.endswith("cannot start any token"):
        problem = f"{problem}; put the text in quotes."
    elif error.context and error.context_mark:
        problem = f"{problem} {error.context} that began in line {error.context_mark.line + 1}."
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"


_FLOAT = r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
for _kind, _pattern, _first in (
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
):
    _StrictLoader.add_implicit_resolver(_TAG + _kind, re.compile(rf"(?:{_pattern})\Z"), _first)
_StrictLoader.add_constructor(_TAG + "int", _construct_int)
_StrictLoader.add_constructor(_TAG + "float", _construct_float)
_StrictLoader.add_constructor(_TAG + "bool", _construct_bool)
