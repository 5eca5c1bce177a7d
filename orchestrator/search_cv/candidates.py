"""scikit-learn's candidates as configs: plain data that the ledger keeps, and the objects that they name. It trains nothing."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

import numpy as np

from orchestrator.search import Packing, work_of
from search_spaces import Strategy
from trainers.estimators import label_of
from trainers.recipes import structural_key
from trainers.settings import Config, TrainerSettings

LONGEST_LABEL = 60
"""Containers whose repr is longer are named by its beginning and a digest."""


class Coding:
    """Between candidates (parameter names and whatever values) and configs (the same names and plain values).

    None, booleans, finite numbers and texts stand for themselves, NumPy's scalars as Python's. All else, members of an ``Enum``
    of texts too, has a label, a text, and stands in ``values`` under the parameter's name and that label.
    """

    def __init__(self) -> None:
        self.values: dict[str, dict[str, Any]] = {}
        self._texts: dict[str, dict[str, Any]] = {}

    def config_of(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the config of a candidate; new labels are added to ``values``."""
        return {name: self.plain(name, value) for name, value in params.items()}

    def plain(self, name: str, value: Any) -> Any:
        """Return what stands for the value of one parameter."""
        found = simple(value)
        if found is not _NOT_SIMPLE and not isinstance(found, str):
            return found
        if isinstance(found, str):
            return self._label(name, found, found, repr(found))
        label = _short(value)
        return self._label(name, value, label, label)

    def _label(self, name: str, value: Any, label: str, otherwise: str) -> str:
        """Return a label under which ``name`` has no other value; a text is its own label unless that is taken."""
        texts = self._texts.setdefault(name, {})
        if label in texts and not _same(texts[label], value):
            label = otherwise
            while label in texts and not _same(texts[label], value):
                label += "'"
        texts.setdefault(label, value)
        if not isinstance(value, str) or label != value:
            self.values.setdefault(name, {}).setdefault(label, value)
        return label


_NOT_SIMPLE = object()


def simple(value: Any) -> Any:
    """Return ``value`` as plain Python data if it is None, a boolean, a finite number or a text, else ``_NOT_SIMPLE``."""
    if isinstance(value, Enum):
        return _NOT_SIMPLE
    if value is None or isinstance(value, bool | str):
        return str.__str__(value) if isinstance(value, str) else value
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real) and math.isfinite(value):
        return float(value)
    return _NOT_SIMPLE


def is_simple(value: Any) -> bool:
    """Whether ``value`` stands for itself in a config."""
    return simple(value) is not _NOT_SIMPLE


def _short(value: Any) -> str:
    if _is_plain(value) and len(text := repr(value)) <= LONGEST_LABEL:
        return text
    return label_of(value)


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(_is_plain(one) for pair in value.items() for one in pair)
    return (isinstance(value, float) and not isinstance(value, Enum)) or is_simple(value)


def _same(one: Any, other: Any) -> bool:
    """Whether two values of equal labels are the same thing: labels of objects hold a digest, so only texts can differ."""
    return isinstance(one, str) == isinstance(other, str)


class Listed(Strategy):
    """Proposes given configs in their order, and learns nothing; equal ones may stand among them."""

    def __init__(self, configs: Sequence[Config]) -> None:
        self._configs = [dict(config) for config in configs]
        self._position = 0

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self._configs)

    @property
    def finished(self) -> bool:
        """Whether the last one was asked."""
        return self._position >= len(self._configs)

    def ask(self, n: int) -> list[dict[str, Any]]:
        """Return the next ``n``, or what is left."""
        asked = self._configs[self._position : self._position + n]
        self._position += len(asked)
        return [dict(config) for config in asked]

    def tell(self, config: Config, score: float | None, *, whole: bool = True) -> None:
        """Take no note of a score."""

    def _next(self) -> dict[str, Any] | None:
        return next(iter(self.ask(1)), None)

    def _learn(self) -> None:
        """It learns nothing."""


def values_seen(configs: Iterable[Config]) -> dict[str, list[Any]]:
    """Return the different values of each name, in the order in which they come: the space as a list of choices."""
    seen: dict[str, dict[tuple[type, Any], Any]] = {}
    for config in configs:
        for name, value in config.items():
            seen.setdefault(name, {}).setdefault((type(value), value), value)
    return {name: list(values.values()) for name, values in seen.items()}


def packing_of(epochs: int, batch_size: int, train_rows: int, *, together: bool) -> Packing:
    """Return how trials go together, guessed at by their parameters' names.

    Parameters
    ----------
    epochs, batch_size : of a config that names none.
    train_rows : rows that a fold trains on.
    together : as in ``Packing``.
    """

    def effective(config: Config) -> dict[str, Any]:
        values: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size}
        for name, value in config.items():
            last = name.rpartition("__")[2]
            if last not in values:
                values[name] = value
            elif isinstance(value, int) and value > 0:
                values[last] = value
        return values

    return Packing(
        group=lambda trial: structural_key(TrainerSettings(type="estimator"), effective(trial.config)),
        work=work_of(train_rows, effective),
        together=together,
    )
