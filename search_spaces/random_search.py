"""Random search: independent draws, none twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from search_spaces.errors import StrategyError
from search_spaces.seeds import stream
from search_spaces.settings import count, field_problems
from search_spaces.space import SearchSpace
from search_spaces.strategy import Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSettings:
    """How many configs to draw.

    The best of 20 draws is among the best 5 % of the space with probability 0.64, of 60 with 0.95: Bergstra and Bengio,
    "Random Search for Hyper-Parameter Optimization", JMLR 13 (2012).
    """

    trials: int = count(20, low=1)

    def __post_init__(self) -> None:
        if problems := field_problems(self):
            raise StrategyError(problems)


class RandomSearch(Strategy):
    """Draws ``trials`` configs one after another, so that a longer search begins with the draws of a shorter one.

    A config that was drawn before is drawn again; a space smaller than ``trials`` is searched completely.
    """

    def __init__(self, space: SearchSpace, seed: int, settings: RandomSettings) -> None:
        super().__init__(space)
        self._size = settings.trials if space.size is None else min(settings.trials, space.size)
        self._rng = stream(seed, "random")

    @property
    def size(self) -> int:
        """The number of trials, or of all configs where there are fewer."""
        return self._size

    @property
    def finished(self) -> bool:
        """Whether all draws were asked."""
        return len(self._asked) >= self._size

    def _next(self) -> dict[str, Any] | None:
        if self.finished:
            return None
        config = self._space.sample_new(self._rng, self._asked)
        if config is None:  # a continuum so narrow that its floats have run out
            self._size = len(self._asked)
        return config

    def _learn(self) -> None:
        """Draws are independent of scores."""
