"""How a population breeds: its settings, and the making of one child from ranked parents. Knows no generations or asking."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Any

from search_spaces.errors import Problem, StrategyError
from search_spaces.settings import count, field_problems, one_of, probability, share
from search_spaces.space import SearchSpace
from search_spaces.values import Config

STRETCH = 0.25
"""How far beyond its parents' numbers a child may lie, as a share of their distance (the alpha of BLX-alpha)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneticSettings:
    """The settings of a genetic search.

    Parameters
    ----------
    population : configs in a generation.
    generations : generations, the first one included.
    elites : the best configs that live on unchanged; they keep their scores and cost nothing.
    crossover_probability : how often a child has two parents; else it is a mutated copy of one.
    mutation_probability : how often each value mutates; null: once a child on average, 1 / number of names. Source: Mühlenbein,
        "How genetic algorithms really work: mutation and hillclimbing" (1992).
    mutation_scale : the usual size of a number's mutation, as a share of its domain's width on its own scale.
    selection : "roulette": parents are drawn in proportion to their squared rank; "tournament": each is the best of
        ``tournament_size`` drawn evenly.
    tournament_size : how many meet in a tournament.
    first_configs : configs that the first generation begins with, such as an earlier sweep's best.

    Raises
    ------
    StrategyError
        With all that is wrong, named by setting.
    """

    population: int = count(16, low=2)
    generations: int = count(8, low=1)
    elites: int = count(2, low=0)
    crossover_probability: float = probability(0.9)
    mutation_probability: float | None = probability(None)
    mutation_scale: float = share(0.1)
    selection: str = one_of("roulette", "tournament")
    tournament_size: int = count(3, low=2)
    first_configs: Sequence[Config] = ()

    def __post_init__(self) -> None:
        problems = field_problems(self)
        first = self.first_configs
        if not isinstance(first, list | tuple) or not all(isinstance(config, Mapping) for config in first):
            problems.append(("first_configs", f"expected a list of configs, got {first!r}; write one mapping for each."))
        if problems := problems or self._misfits():
            raise StrategyError(problems)

    def _misfits(self) -> list[Problem]:
        """Return which settings do not fit the population."""
        at_most = f"expected at most the population of {self.population}"
        problems: list[Problem] = []
        if self.elites >= self.population:
            problems.append(
                ("elites", f"expected fewer than the population of {self.population}, got {self.elites!r}; lower it.")
            )
        if self.selection == "tournament" and self.tournament_size > self.population:
            problems.append(("tournament_size", f"{at_most}, got {self.tournament_size!r}; lower it."))
        if len(self.first_configs) > self.population:
            problems.append(("first_configs", f"{at_most}, got {len(self.first_configs)} configs; leave some out."))
        return problems


class Breeder:
    """Makes children of parents by selection, crossover and mutation.

    Only the order of scores matters, not their unit: survival is by rank. Source: Baker, "Adaptive selection methods for genetic
    algorithms" (1985); here ranks count squared, because a sweep has few generations: with linear ranks the median
    results on the convergence test's functions are 1.1 to 1.7 times as far from the optimum.
    """

    def __init__(self, space: SearchSpace, settings: GeneticSettings, parents: Sequence[Config], scores: Sequence[float]) -> None:
        """Take ``parents``, best first, at least one, and their ``scores``; equal scores have equal chances in the roulette."""
        self._space = space
        self._settings = settings
        self._parents = parents
        ranks = [sum(other < score for other in scores) + 0.5 * scores.count(score) for score in scores]
        self._wheel = list(accumulate(rank**2 for rank in ranks))

    def child(self, rng: Random) -> dict[str, Any]:
        """Return a config: two parents crossed, or a copy of one, and each value mutated with the probability set."""
        settings = self._settings
        domains = self._space.domains
        config = self._select(rng)
        if rng.random() < settings.crossover_probability:
            other = self._select(rng)
            config = {name: domain.cross(config[name], other[name], rng, STRETCH) for name, domain in domains.items()}
        chance = 1 / len(domains) if settings.mutation_probability is None else settings.mutation_probability
        return {
            name: domain.mutate(config[name], rng, settings.mutation_scale) if rng.random() < chance else config[name]
            for name, domain in domains.items()
        }

    def _select(self, rng: Random) -> Config:
        if self._settings.selection == "tournament":
            return self._parents[min(rng.randrange(len(self._parents)) for _ in range(self._settings.tournament_size))]
        return self._parents[min(bisect(self._wheel, rng.random() * self._wheel[-1]), len(self._parents) - 1)]
