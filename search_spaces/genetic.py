"""Genetic search: generations bred from the better configs of the last one, by crossover and mutation."""

from __future__ import annotations

from bisect import bisect
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Any

from search_spaces.errors import Problem, SpaceError, StrategyError
from search_spaces.seeds import stream
from search_spaces.settings import count, field_problems, one_of, share
from search_spaces.space import SearchSpace
from search_spaces.strategy import Strategy
from search_spaces.values import Config

STRETCH = 0.5
"""How far beyond its parents' numbers a child may lie, as a share of their distance: BLX-0.5 keeps the spread of a population."""

ATTEMPTS = 20
"""So often a child that was met before is bred again; then a random config takes its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneticSettings:
    """How a population breeds.

    Parameters
    ----------
    population : configs in a generation.
    generations : generations, the first one included.
    elites : the best configs that live on unchanged; they keep their scores and cost nothing.
    crossover_probability : how often a child has two parents; else it is a mutated copy of one.
    mutation_probability : how often each value mutates; null: once a child on average, 1 / number of names. Source: Muehlenbein,
        "How genetic algorithms really work" (1992).
    mutation_scale : the usual size of a number's mutation, as a share of its domain's width on its own scale.
    selection : "roulette": parents are drawn in proportion to their rank; "tournament": each is the best of
        ``tournament_size`` drawn evenly.
    tournament_size : how many meet in a tournament.
    first_configs : configs that the first generation begins with, such as an earlier sweep's best.
    """

    population: int = count(16, low=2)
    generations: int = count(8, low=1)
    elites: int = count(2, low=0)
    crossover_probability: float = share(0.9, expected="a probability from 0 to 1")
    mutation_probability: float | None = share(None, expected="a probability from 0 to 1, or null for 1 / number of names")
    mutation_scale: float = share(0.1, expected="a share of a domain's width, from 0 to 1")
    selection: str = one_of("roulette", "tournament")
    tournament_size: int = count(3, low=2)
    first_configs: Sequence[Config] = ()

    def __post_init__(self) -> None:
        problems = field_problems(self) or self._misfits()
        if problems:
            raise StrategyError(problems)

    def _misfits(self) -> list[Problem]:
        problems: list[Problem] = []
        at_most = f"expected at most the population of {self.population}"
        if self.elites >= self.population:
            problems.append(("elites", f"expected fewer than the population of {self.population}, got {self.elites!r}; lower it"))
        if self.selection == "tournament" and self.tournament_size > self.population:
            problems.append(("tournament_size", f"{at_most}, got {self.tournament_size!r}; lower it"))
        if not isinstance(self.first_configs, list | tuple) or not all(isinstance(config, dict) for config in self.first_configs):
            problems.append(("first_configs", f"expected a list of configs, got {self.first_configs!r}; write mappings"))
        elif len(self.first_configs) > self.population:
            problems.append(("first_configs", f"{at_most}, got {len(self.first_configs)} configs; leave some out"))
        return problems


@dataclass(frozen=True, slots=True)
class _Member:
    """A config of a generation. ``number`` counts in the order of proposing and breaks ties."""

    config: dict[str, Any]
    key: str
    number: int


class Genetic(Strategy):
    """Proposes a generation, waits for all its scores, breeds the next.

    Survival is by rank, so only the order of scores matters, not their unit. Those without a score do not breed; if nobody has
    one, the next generation is drawn anew. No config is proposed twice.

    Source of the scheme: Goldberg, "Genetic Algorithms in Search, Optimization and Machine Learning" (1989); of rank selection:
    Baker, "Adaptive selection methods for genetic algorithms" (1985).
    """

    def __init__(self, space: SearchSpace, seed: int, settings: GeneticSettings) -> None:
        """Raise SpaceError if a first config is not of this space."""
        super().__init__(space)
        self._settings = settings
        self._seed = seed
        self._generation = 0
        self._met: set[str] = set()
        self._members: list[_Member] = []
        self._queue: deque[_Member] = deque()
        problems = first_config_problems(space, settings.first_configs)
        if problems:
            raise SpaceError(problems)
        first = [space.plain(config) for config in settings.first_configs]
        self._begin([], lambda rng, index: first[index] if index < len(first) else space.sample(rng))

    @property
    def size(self) -> int:
        """The first population and every later one less its elites, or all configs where there are fewer."""
        settings = self._settings
        most = settings.population + (settings.generations - 1) * (settings.population - settings.elites)
        return most if self._space.size is None else min(most, self._space.size)

    @property
    def finished(self) -> bool:
        """Whether the last generation was asked, or nothing new is left in the space."""
        return not self._queue and (self._generation == self._settings.generations or len(self._met) == self._space.size)

    def _next(self) -> dict[str, Any] | None:
        return self._queue.popleft().config if self._queue else None

    def _learn(self) -> None:
        if self.finished or self._queue or any(member.key not in self._scores for member in self._members):
            return
        ranked = self._ranked()
        if ranked:
            breeder = _Breeder(self._space, self._settings, ranked, self._weights(ranked))
            self._begin(ranked[: self._settings.elites], breeder.child)
        else:
            self._begin([], lambda rng, index: self._space.sample(rng))

    def _ranked(self) -> list[_Member]:
        """Return the members with a score, best first, ties in the order of proposing."""
        alive = [member for member in self._members if self._scores[member.key] is not None]
        return sorted(alive, key=lambda member: (-(self._scores[member.key] or 0.0), member.number))

    def _weights(self, ranked: Sequence[_Member]) -> list[float]:
        """Return each one's chance to breed, unscaled: linear in rank, the worst near 0; equal scores have equal chances."""
        scores = [self._scores[member.key] or 0.0 for member in ranked]
        return [sum(other < score for other in scores) + 0.5 * scores.count(score) for score in scores]

    def _begin(self, elites: Sequence[_Member], make: Callable[[Random, int], dict[str, Any]]) -> None:
        """Start the next generation: the elites, and new configs from ``make``. It is the last one where the space runs out."""
        self._generation += 1
        rng = stream(self._seed, "genetic", self._generation)
        members = list(elites)
        for index in range(self._settings.population - len(elites)):
            config = self._new(rng, index, make)
            if config is None:
                self._generation = self._settings.generations
                break
            member = _Member(config, self._space.key(config), len(self._met))
            self._met.add(member.key)
            members.append(member)
            self._queue.append(member)
        self._members = members

    def _new(self, rng: Random, index: int, make: Callable[[Random, int], dict[str, Any]]) -> dict[str, Any] | None:
        for _ in range(ATTEMPTS):
            config = make(rng, index)
            if self._space.key(config) not in self._met:
                return config
        return self._space.sample_new(rng, self._met)


@dataclass(frozen=True, slots=True)
class _Breeder:
    """Makes children of ranked parents (best first); ``weights`` are their chances in the roulette."""

    space: SearchSpace
    settings: GeneticSettings
    ranked: Sequence[_Member]
    weights: Sequence[float]

    def child(self, rng: Random, _index: int) -> dict[str, Any]:
        """Return a new config: crossover or a copy, then mutation."""
        settings = self.settings
        config = self._select(rng).config
        if rng.random() < settings.crossover_probability:
            other = self._select(rng).config
            config = {name: domain.cross(config[name], other[name], rng, STRETCH) for name, domain in self.space.domains.items()}
        chance = settings.mutation_probability if settings.mutation_probability is not None else 1 / len(config)
        return {
            name: domain.mutate(config[name], rng, settings.mutation_scale) if rng.random() < chance else config[name]
            for name, domain in self.space.domains.items()
        }

    def _select(self, rng: Random) -> _Member:
        if self.settings.selection == "tournament":
            return self.ranked[min(rng.randrange(len(self.ranked)) for _ in range(self.settings.tournament_size))]
        sums = list(accumulate(self.weights))
        return self.ranked[min(bisect(sums, rng.random() * sums[-1]), len(sums) - 1)]


def first_config_problems(space: SearchSpace, configs: Sequence[Config]) -> list[Problem]:
    """Return what keeps configs from being a first generation's: not of the space, or given twice."""
    problems: list[Problem] = []
    seen: set[str] = set()
    for index, config in enumerate(configs):
        path = f"first_configs.{index}"
        wrong = space.check(config, path)
        problems.extend(wrong)
        if not wrong:
            key = space.key(config)
            if key in seen:
                problems.append((path, f"expected every config once, got {config!r} again; take it out"))
            seen.add(key)
    return problems
