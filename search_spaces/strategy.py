"""What a strategy is: it proposes configs and learns from their scores. Knows no trials, workers or clocks."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from typing import Any

from search_spaces.errors import SpaceError, TellError
from search_spaces.space import SearchSpace
from search_spaces.values import Config


class Strategy(ABC):
    """Proposes each config of a space at most once, and is told their scores; larger is better, always.

    What it proposes is a function of the space, its settings, the seed and the scores told: neither the order of telling nor the
    chunks of asking matter. So it is never stored: a new one that is asked and told the same is in the same state.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._asked: dict[str, int] = {}
        self._scores: dict[str, float | None] = {}
        self._in_part: set[str] = set()
        self._settled: list[int] = []

    @property
    @abstractmethod
    def size(self) -> int:
        """How many configs it proposes at most, whatever the scores."""

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether no further config will come, whatever is told; scores may still be outstanding."""

    @abstractmethod
    def _next(self) -> dict[str, Any] | None:
        """Return the next config, never one that was returned before; None when finished or when scores are needed first."""

    @abstractmethod
    def _learn(self) -> None:
        """Take in that one more score is known."""

    def ask(self, n: int) -> list[dict[str, Any]]:
        """Return up to ``n`` new configs, the caller's to keep; fewer, or none, while scores are needed first or when finished.

        When nothing is outstanding and the strategy is not finished, there is at least one (for ``n`` of at least 1).

        Raises
        ------
        ValueError
            If ``n`` is negative.
        """
        if n < 0:
            raise ValueError(f"Strategy.ask expected n of at least 0, got {n!r}.")
        configs: list[dict[str, Any]] = []
        while len(configs) < n and (config := self._next()) is not None:
            self._settled.append(self._waited_for(len(self._asked)))
            self._asked[self._space.key(config)] = len(self._asked)
            configs.append(copy.deepcopy(config))
        return configs

    def settled(self, number: int) -> int:
        """Return how many of the first configs were to be over, or were given, before config ``number`` was asked.

        It follows from the number and the settings, never from when scores came.
        """
        return self._settled[number]

    def _waited_for(self, number: int) -> int:
        """Return what ``settled`` says of config ``number``, which is being asked; none where no score is waited for."""
        return 0

    def tell(self, config: Config, score: float | None, *, whole: bool = True) -> None:
        """Take in the score of a config that was asked.

        Parameters
        ----------
        config : as returned by ``ask``, or read back from JSON.
        score : larger is better; None, NaN or an infinity for a trial that failed or diverged.
            The same score told again changes nothing.
        whole : False for a trial that was given up before all its folds were trained; its score is an estimate.

        Raises
        ------
        TellError
            If the config was never asked, or was told with another score before.
        """
        try:
            key = self._space.key(config)
        except SpaceError:
            key = ""
        if key not in self._asked:
            raise TellError(f"Expected a config that this strategy was asked for, got {dict(config)!r}; ask before telling.")
        known = float(score) if score is not None and math.isfinite(score) else None
        if key not in self._scores:
            self._scores[key] = known
            if not whole:
                self._in_part.add(key)
            self._learn()
        elif self._scores[key] != known:
            earlier = self._scores[key]
            raise TellError(f"Expected one score for {dict(config)!r}, got {known!r} after {earlier!r}; tell each config once.")
