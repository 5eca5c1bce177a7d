"""How strategies' settings are written down and checked: frozen dataclasses whose fields carry their limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from search_spaces.errors import Problem, StrategyError
from search_spaces.values import real, suggestion, whole

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Settings = TypeVar("Settings", bound="DataclassInstance")


def count(default: int, *, low: int) -> Any:
    """Return a field for a whole number of at least ``low``."""
    return dataclasses.field(default=default, metadata={"expected": f"a whole number of at least {low}", "low": low})


def probability(default: float | None) -> Any:
    """Return a field for a number from 0 to 1, or null where that is the default."""
    expected = "a probability from 0 to 1" if default is not None else "a probability from 0 to 1, or null"
    return dataclasses.field(default=default, metadata={"expected": expected})


def share(default: float) -> Any:
    """Return a field for a number above 0, at most 1."""
    return dataclasses.field(default=default, metadata={"expected": "a share above 0, at most 1", "above": 0})


def inner(default: float) -> Any:
    """Return a field for a number above 0 and below 1."""
    return dataclasses.field(default=default, metadata={"expected": "a number above 0 and below 1", "above": 0, "below": 1})


def one_of(default: str, *others: str) -> Any:
    """Return a field for one of several words."""
    words = (default, *others)
    return dataclasses.field(default=default, metadata={"expected": " or ".join(map(repr, words)), "words": words})


def field_problems(settings: DataclassInstance) -> list[Problem]:
    """Return what is wrong with each field on its own."""
    problems: list[Problem] = []
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if "expected" in field.metadata and not _fits(value, field):
            remedy = suggestion(value, field.metadata["words"]) if "words" in field.metadata else "change it."
            problems.append((field.name, f"expected {field.metadata['expected']}, got {value!r}; {remedy}"))
    return problems


def _fits(value: object, field: dataclasses.Field[Any]) -> bool:
    limits = field.metadata
    if "words" in limits:
        return isinstance(value, str) and value in limits["words"]
    if "low" in limits:
        integer = whole(value)
        return integer is not None and integer >= limits["low"]
    number = real(value)
    if number is None:
        return value is None and field.default is None
    under = number < 1 if "below" in limits else number <= 1
    return under and (number > 0 if "above" in limits else number >= 0)


def read_settings(kind: type[Settings], written: Mapping[str, Any]) -> Settings:
    """Return ``written`` as ``kind``.

    Raises
    ------
    StrategyError
        With all that is wrong, named by setting.
    """
    names = [field.name for field in dataclasses.fields(kind)]
    problems: list[Problem] = [
        (str(name), f"expected a setting of this strategy, got {name!r}; {suggestion(name, names)}")
        for name in written
        if name not in names
    ]
    try:
        settings = kind(**{name: written[name] for name in names if name in written})
    except StrategyError as error:
        raise StrategyError([*problems, *error.problems]) from None
    if problems:
        raise StrategyError(problems)
    return settings
