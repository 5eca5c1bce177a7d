"""A genetic search over what scikit-learn takes as distributions: lists, arrays and scipy's. It fits and scores nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from orchestrator.search_cv.candidates import Coding
from orchestrator.search_cv.record import domain_of
from search_spaces import Choice, Domain, Genetic, GeneticSettings, SearchSpace, parse_space


class Evolution:
    """Generations of candidates, each asked whole and told whole.

    Parameters
    ----------
    distributions : by parameter name a list, an array or a scipy distribution.
    n_iter : candidates in all; fewer where there are not so many different ones.
    population : candidates of a generation.
    seed : decides all draws.
    """

    def __init__(self, distributions: Mapping[str, Any], *, n_iter: int, population: int, seed: int) -> None:
        self._coding = Coding()
        self._originals: dict[str, dict[tuple[type, Any], Any]] = {name: {} for name in distributions}
        space = SearchSpace({name: self._domain(name, values) for name, values in distributions.items()})
        elites = min(GeneticSettings().elites, population - 1)
        children = population - elites
        generations = 1 + max(-(-(n_iter - population) // children), 0)
        settings = GeneticSettings(population=population, generations=generations, elites=elites)
        self._strategy = Genetic(space, seed, settings)
        self._left = n_iter
        self._asked: list[dict[str, Any]] = []
        self.generation = -1
        """Which generation was asked last, counted from 0."""

    def ask(self) -> list[dict[str, Any]]:
        """Return the next generation's candidates, with the very values that were given; none when it is over."""
        self._asked = [] if self._strategy.finished else self._strategy.ask(self._left)
        self._left -= len(self._asked)
        self.generation += 1
        return [{name: self._original(name, value) for name, value in config.items()} for config in self._asked]

    def tell(self, scores: Sequence[float | None]) -> None:
        """Take in the scores of what was asked last, greater for better."""
        for config, score in zip(self._asked, scores, strict=True):
            self._strategy.tell(config, score)

    def _domain(self, name: str, values: Any) -> Domain:
        if not hasattr(values, "rvs"):
            originals = self._originals[name]
            for value in values:
                plain = self._coding.plain(name, value)
                originals.setdefault((type(plain), plain), value)
            return Choice([plain for _, plain in originals])
        written = domain_of(values)
        return Drawn(values) if written is None else parse_space({name: written}).domains[name]

    def _original(self, name: str, value: Any) -> Any:
        return self._originals[name].get((type(value), value), value)


@dataclass(frozen=True, slots=True)
class Drawn(Domain):
    """What a distribution draws: a value mutates into a new draw, and a child has either parent's."""

    distribution: Any

    @property
    def size(self) -> None:
        """As a continuum: nobody knows how many values it has."""
        return None

    @property
    def grid_size(self) -> None:
        """There is no grid of it."""
        return None

    def grid_value(self, index: int) -> Any:
        """Raise: there is no grid of it."""
        raise IndexError(f"A distribution has no grid. Got index {index!r}.")

    def sample(self, rng: Random) -> Any:
        """Draw a value."""
        drawn = self.distribution.rvs(random_state=rng.getrandbits(32))
        return drawn.item() if hasattr(drawn, "item") else drawn

    def mutate(self, value: Any, rng: Random, scale: float) -> Any:
        """Draw another value."""
        return self.sample(rng)

    def cross(self, one: Any, other: Any, rng: Random, stretch: float) -> Any:
        """Return either parent's value."""
        return one if rng.random() < 0.5 else other

    def plain(self, value: Any) -> Any:
        """Return ``value``: any may be drawn."""
        return value
