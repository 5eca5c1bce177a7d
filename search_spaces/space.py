"""A search space: named domains, and what strategies ask of all of them together. Knows no strategy and no file."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Any

from search_spaces.domains import Domain
from search_spaces.errors import Problem, SpaceError
from search_spaces.values import Config, canonical, suggestion, thaw

REDRAWS = 200
"""So many draws in a row must be known before the rest of a finite space is walked through instead."""


@dataclass(frozen=True)
class SearchSpace:
    """Named domains, in the order in which they were written."""

    domains: Mapping[str, Domain]

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", MappingProxyType(dict(self.domains)))

    def __reduce__(self) -> tuple[type[SearchSpace], tuple[dict[str, Domain]]]:
        return SearchSpace, (dict(self.domains),)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(self.domains)

    @property
    def size(self) -> int | None:
        """How many different configs can be drawn; None where a domain is a continuum."""
        sizes = [domain.size for domain in self.domains.values()]
        return None if None in sizes else math.prod(size for size in sizes if size is not None)

    @property
    def grid_size(self) -> int:
        """How many configs the grid has, exactly; nothing is built for it.

        Raises
        ------
        SpaceError
            If a domain is a continuum without a step or points.
        """
        problems = self.grid_problems()
        if problems:
            raise SpaceError(problems)
        return math.prod(domain.grid_size or 1 for domain in self.domains.values())

    def grid_problems(self, path: str = "space") -> list[Problem]:
        """Return one problem for each domain that no grid can be laid over."""
        return [
            (f"{path}.{name}", "expected values for a grid, got a continuous range; add step or points, or list the values.")
            for name, domain in self.domains.items()
            if domain.grid_size is None
        ]

    def grid_config(self, index: int) -> dict[str, Any]:
        """Return the grid's config number ``index``, from 0: the last name varies fastest, like nested loops in written order."""
        config: dict[str, Any] = {}
        for name, domain in reversed(list(self.domains.items())):
            index, position = divmod(index, domain.grid_size or 1)
            config[name] = domain.grid_value(position)
        return {name: config[name] for name in self.domains}

    def grid(self) -> Iterator[dict[str, Any]]:
        """Iterate over the grid's configs, in the order of ``grid_config``."""
        return map(self.grid_config, range(self.grid_size))

    def sample(self, rng: Random) -> dict[str, Any]:
        """Draw a config: every domain independently."""
        return {name: domain.sample(rng) for name, domain in self.domains.items()}

    def sample_new(self, rng: Random, met: Container[str]) -> dict[str, Any] | None:
        """Draw a config whose key is not in ``met``, or return None when there is none left.

        Known configs are drawn again; when that keeps failing, a finite space is walked through from a random place.
        """
        for _ in range(REDRAWS):
            config = self.sample(rng)
            if self.key(config) not in met:
                return config
        if self.size is None:
            return None
        start = rng.randrange(self.size)
        for offset in range(self.size):
            config = self.grid_config((start + offset) % self.size)
            if self.key(config) not in met:
                return config
        return None

    def key(self, config: Config) -> str:
        """Return a text that equal configs share, however their values are spelled (1 or 1.0 in a float domain).

        Raises
        ------
        SpaceError
            If ``config`` is not of this space.
        """
        return canonical(self.plain(config))

    def plain(self, config: Config) -> dict[str, Any]:
        """Return ``config`` in this space's spelling and order, as a copy of its own.

        Raises
        ------
        SpaceError
            If it is not of this space.
        """
        plain, problems = self._read(config, "config")
        if problems:
            raise SpaceError(problems)
        return plain

    def check(self, config: Config, path: str = "config") -> list[Problem]:
        """Return all that keeps ``config`` from being one of this space: unknown, missing and impossible values."""
        return self._read(config, path)[1]

    def _read(self, config: Config, path: str) -> tuple[dict[str, Any], list[Problem]]:
        plain: dict[str, Any] = {}
        problems = [
            (f"{path}.{name}", f"expected a name of the space, got {name!r}; {suggestion(name, self.names)}")
            for name in config
            if name not in self.domains
        ]
        for name, domain in self.domains.items():
            if name not in config:
                problems.append((f"{path}.{name}", "expected a value, got none; give one."))
                continue
            try:
                plain[name] = thaw(domain.plain(config[name]))
            except ValueError as error:
                problems.append((f"{path}.{name}", str(error)))
        return plain, problems
