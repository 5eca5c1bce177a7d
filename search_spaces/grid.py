"""Grid search: every config of the grid, in order, built only when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from search_spaces.space import SearchSpace
from search_spaces.strategy import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSettings:
    """A grid has no settings: the space says everything."""


class Grid(Strategy):
    """Every config once, the last name of the space varying fastest."""

    def __init__(self, space: SearchSpace) -> None:
        """Raise SpaceError if a domain is a continuum without a step or points."""
        super().__init__(space)
        self._size = space.grid_size
        self._position = 0

    @property
    def size(self) -> int:
        """The product of the domains' grid sizes."""
        return self._size

    @property
    def finished(self) -> bool:
        """Whether the last config was asked."""
        return self._position >= self._size

    def _next(self) -> dict[str, Any] | None:
        if self.finished:
            return None
        self._position += 1
        return self._space.grid_config(self._position - 1)

    def _learn(self) -> None:
        """A grid learns nothing."""
