"""Genetic search: a generation is proposed, all its scores are awaited, and the next one is bred from the better ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from search_spaces.breeding import Breeder, GeneticSettings
from search_spaces.errors import Problem, SpaceError
from search_spaces.seeds import stream
from search_spaces.space import SearchSpace
from search_spaces.strategy import Strategy
from search_spaces.values import Config

ATTEMPTS = 20
"""So often a child that was met before is bred again; then a random config takes its place."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A config of a generation. ``number`` counts in the order of proposing and breaks ties."""

    config: dict[str, Any]
    key: str
    number: int


class Genetic(Strategy):
    """Proposes ``population`` configs, then generation after generation of children, as many as leave room for the elites.

    Elites are whole trials. Members without a score do not breed; if none has one, the next generation is drawn anew. No config
    is proposed twice.
    Source: Goldberg, "Genetic Algorithms in Search, Optimization and Machine Learning" (1989).
    """

    def __init__(self, space: SearchSpace, seed: int, settings: GeneticSettings) -> None:
        """Raise SpaceError if a first config is not of this space, or is given twice."""
        super().__init__(space)
        problems = _first_config_problems(space, settings.first_configs)
        if problems:
            raise SpaceError(problems)
        self._settings = settings
        self._seed = seed
        self._generation = 0
        self._first = 0
        self._met: set[str] = set()
        self._members: list[_Member] = []
        self._queue: deque[_Member] = deque()
        given = iter([space.plain(config) for config in settings.first_configs])
        self._begin([], settings.population, lambda rng: next(given, None) or space.sample(rng))

    @property
    def size(self) -> int:
        """The first population and every later one less the elites, or all configs where there are fewer."""
        settings = self._settings
        most = settings.population + (settings.generations - 1) * (settings.population - settings.elites)
        return most if self._space.size is None else min(most, self._space.size)

    @property
    def finished(self) -> bool:
        """Whether the last generation was asked, or nothing new is left in the space."""
        return not self._queue and (self._generation == self._settings.generations or len(self._met) == self._space.size)

    def _next(self) -> dict[str, Any] | None:
        return self._queue.popleft().config if self._queue else None

    def _waited_for(self, number: int) -> int:
        given = len(self._settings.first_configs)
        return max(self._first, given if number >= given else 0)

    def _learn(self) -> None:
        if self.finished or self._queue or any(member.key not in self._scores for member in self._members):
            return
        scored = [(score, member) for member in self._members if (score := self._scores[member.key]) is not None]
        scored.sort(key=lambda pair: (-pair[0], pair[1].number))
        scores, ranked = [score for score, _ in scored], [member for _, member in scored]
        make = self._space.sample
        if ranked:
            make = Breeder(self._space, self._settings, [member.config for member in ranked], scores).child
        whole = [member for member in ranked if member.key not in self._in_part]
        self._begin(whole[: self._settings.elites], self._settings.population - self._settings.elites, make)

    def _begin(self, elites: Sequence[_Member], room: int, make: Callable[[Random], dict[str, Any]]) -> None:
        """Start the next generation: ``elites`` and ``room`` new configs. It is the last one where the space runs out."""
        self._generation += 1
        self._first = len(self._met)
        rng = stream(self._seed, "genetic", self._generation)
        self._members = list(elites)
        for _ in range(room):
            config = self._new(rng, make)
            if config is None:
                self._generation = self._settings.generations
                break
            member = _Member(config, self._space.key(config), len(self._met))
            self._met.add(member.key)
            self._members.append(member)
            self._queue.append(member)

    def _new(self, rng: Random, make: Callable[[Random], dict[str, Any]]) -> dict[str, Any] | None:
        for _ in range(ATTEMPTS):
            config = make(rng)
            if self._space.key(config) not in self._met:
                return config
        return self._space.sample_new(rng, self._met)


def _first_config_problems(space: SearchSpace, configs: Sequence[Config]) -> list[Problem]:
    problems: list[Problem] = []
    seen: set[str] = set()
    for index, config in enumerate(configs):
        path = f"first_configs.{index}"
        wrong = space.check(config, path)
        problems.extend(wrong)
        if wrong:
            continue
        if space.key(config) in seen:
            problems.append((path, f"expected every config once, got {config!r} again; take it out."))
        seen.add(space.key(config))
    return problems
