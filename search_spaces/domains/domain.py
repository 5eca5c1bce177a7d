"""What a domain is, and the one without numbers: a choice. Knows nothing of names, spaces or strategies."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from search_spaces.errors import Problem, SpaceError
from search_spaces.values import canonical, freeze, thaw


class Domain(ABC):
    """The values that one hyperparameter may take. All values are plain Python data."""

    __slots__ = ()

    @property
    @abstractmethod
    def size(self) -> int | None:
        """How many different values can be drawn; None for a continuum."""

    @property
    @abstractmethod
    def grid_size(self) -> int | None:
        """How many values a grid takes; None where it needs to be told (a continuum without points)."""

    @abstractmethod
    def grid_value(self, index: int) -> Any:
        """Return the grid's value number ``index``, from 0; only where ``grid_size`` is not None."""

    @abstractmethod
    def sample(self, rng: Random) -> Any:
        """Draw a value."""

    @abstractmethod
    def mutate(self, value: Any, rng: Random, scale: float) -> Any:
        """Return another value, usually near ``value``; ``scale`` is the usual distance as a share of the domain's width."""

    @abstractmethod
    def cross(self, one: Any, other: Any, rng: Random, stretch: float) -> Any:
        """Return a child of two values; ``stretch`` says how far beyond two numbers it may lie, as a share of their distance."""

    @abstractmethod
    def plain(self, value: Any) -> Any:
        """Return ``value`` in the one spelling that this domain's values have (an int as a float, say), frozen.

        Raises
        ------
        ValueError
            If the domain has no such value; the message says what was expected.
        """


@dataclass(frozen=True, slots=True)
class Choice(Domain):
    """One of ``options``, all equally likely. An option is None, a bool, a number, a text or a list of these.

    Raises
    ------
    SpaceError
        For no options, an option that is not plain data, or one that stands there twice.
    """

    options: Sequence[Any]
    _by_text: Mapping[str, Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.options, list | tuple) or not self.options:
            raise SpaceError([("", f"expected a list of at least one value, got {self.options!r}; list the values.")])
        problems: list[Problem] = []
        frozen: dict[str, Any] = {}
        for index, option in enumerate(self.options):
            try:
                value = freeze(option)
            except ValueError as error:
                problems.append((str(index), str(error)))
                continue
            if canonical(value) in frozen:
                problems.append((str(index), f"expected every value once, got {option!r} again; take it out."))
            frozen[canonical(value)] = value
        if problems:
            raise SpaceError(problems)
        object.__setattr__(self, "options", tuple(frozen.values()))
        object.__setattr__(self, "_by_text", frozen)

    @property
    def size(self) -> int:
        """How many options there are."""
        return len(self.options)

    @property
    def grid_size(self) -> int:
        """How many options there are."""
        return len(self.options)

    def grid_value(self, index: int) -> Any:
        """Return option number ``index``."""
        return thaw(self.options[index])

    def sample(self, rng: Random) -> Any:
        """Draw an option."""
        return thaw(self.options[rng.randrange(len(self.options))])

    def mutate(self, value: Any, rng: Random, scale: float) -> Any:
        """Return another option, or ``value`` where there is no other; options have no distance, so ``scale`` plays no part."""
        own = canonical(value)
        others = [option for text, option in self._by_text.items() if text != own]
        return thaw(others[rng.randrange(len(others))]) if others else value

    def cross(self, one: Any, other: Any, rng: Random, stretch: float) -> Any:
        """Return either parent's option (uniform crossover)."""
        return one if rng.random() < 0.5 else other

    def plain(self, value: Any) -> Any:
        """Return the option that equals ``value``; 1, 1.0 and true differ."""
        frozen = freeze(value)
        if canonical(frozen) not in self._by_text:
            raise ValueError(f"expected one of {[thaw(option) for option in self.options]!r}, got {value!r}; take one of them.")
        return frozen
