"""Turns mistakes in a sweep file into messages: where, what was expected, what was got, and the nearest right spelling.

It knows the models' names and types, and nothing of what the keys mean to one another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from orchestrator.wording import hint, listed, nearest, shown

Problem = tuple[str, str]
"""Path ("fit.early_stopping.patience") and message."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake that several keys make together; it counts only if none of the keys in ``needs`` is itself mistaken."""

    path: str
    message: str
    needs: tuple[str, ...] = ()


def overlaps(path: str, others: Iterable[str]) -> bool:
    """Return whether ``path`` is one of the others, above one, or below one."""
    return any(path == other or path.startswith(f"{other}.") or other.startswith(f"{path}.") for other in others)


def joined(location: Sequence[int | str]) -> str:
    """Return a location as a path: ``fit.early_stopping.patience``."""
    return ".".join(map(str, location))


def model_problems(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Return every error that pydantic found in ``model``, in our words."""
    return [(joined(detail["loc"]), _message(detail, model)) for detail in error.errors(include_url=False)]


_EXPECTED = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "tuple_type": "a list",
    "dict_type": "a mapping such as {{key: value}}",
    "model_type": "a mapping such as {{key: value}}",
    "greater_than": "a number above {gt:g}",
    "greater_than_equal": "a number of at least {ge:g}",
    "less_than": "a number below {lt:g}",
    "less_than_equal": "a number of at most {le:g}",
    "string_too_short": "some text",
    "literal_error": "{expected}",
}


def _message(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, location, got, context = detail["type"], detail["loc"], detail["input"], detail.get("ctx", {})
    if kind == "missing":
        return f"this key is missing. {_description(_field(model, location))}"
    if kind == "extra_forbidden":
        return _unknown_key(str(location[-1]), location[:-1], model)
    if kind == "value_error":
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        return f"expected letters, digits, '.', '_' and '-', beginning with a letter or digit, at most 100, got {shown(got)}."
    if kind == "literal_error":
        words = re.findall(r"'(.*?)'", context["expected"])
        return f"expected {listed(words)}, got {shown(got)}{hint(got, words)}"
    expected = _EXPECTED[kind].format(**context) if kind in _EXPECTED else detail["msg"]
    remedy = "; leave the key out to have its default." if got is None else "."
    return f"expected {expected}, got {shown(got)}{remedy}"


def _unknown_key(key: str, where: Sequence[int | str], model: type[BaseModel]) -> str:
    section = _section(model, where) or model
    near = nearest(key, section.model_fields)
    if near:
        return f"unknown key; did you mean {near!r}?"
    homes = [name for name, field in model.model_fields.items() if (inner := _model_of(field)) and key in inner.model_fields]
    if homes and not where:
        return f"unknown key here; did you mean {homes[0]}.{key}?"
    return f"unknown key; expected {listed(section.model_fields)}."


def _field(model: type[BaseModel], location: Sequence[int | str]) -> FieldInfo | None:
    section = _section(model, location[:-1])
    return section.model_fields.get(str(location[-1])) if section else None


def _description(field: FieldInfo | None) -> str:
    section = _model_of(field) if field else None
    return (field.description if field else None) or (section.__doc__ if section else None) or ""


def _section(model: type[BaseModel], location: Sequence[int | str]) -> type[BaseModel] | None:
    for name in location:
        field = model.model_fields.get(str(name))
        inner = _model_of(field) if field else None
        if inner is None:
            return None
        model = inner
    return model


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    for part in _parts(field.annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _parts(annotation: Any) -> tuple[Any, ...]:
    """Return the members of a union, or the annotation itself; a Literal is one member."""
    return get_args(annotation) if get_origin(annotation) in (UnionType, Union) else (annotation,)
