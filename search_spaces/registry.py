"""The strategies by name, and how the settings of a sweep become one of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from search_spaces.breeding import GeneticSettings
from search_spaces.errors import Problem, SpaceError, StrategyError
from search_spaces.genetic import Genetic
from search_spaces.grid import Grid, GridSettings
from search_spaces.random_search import RandomSearch, RandomSettings
from search_spaces.settings import read_settings
from search_spaces.space import SearchSpace
from search_spaces.strategy import Strategy
from search_spaces.values import Config, suggestion

AnySettings = GridSettings | RandomSettings | GeneticSettings

STRATEGIES: dict[str, type[Strategy]] = {"grid": Grid, "random": RandomSearch, "genetic": Genetic}
STRATEGY_SETTINGS: dict[str, type[AnySettings]] = {"grid": GridSettings, "random": RandomSettings, "genetic": GeneticSettings}


def make_strategy(
    settings: object, space: SearchSpace, seed: int, first_configs: Sequence[Config] = (), *, path: str = "strategy"
) -> Strategy:
    """Return the strategy that ``settings`` describe.

    Parameters
    ----------
    settings : a mapping with ``type`` (grid, random or genetic) and that strategy's own settings.
    space : what to search.
    seed : decides all draws.
    first_configs : configs that a genetic search begins with, after those that its settings name.
    path : what problems call the settings.

    Raises
    ------
    StrategyError
        With all that is wrong with the settings, or keeps them from this space.
    """
    read = _read(settings, path)
    if first_configs:
        read = _with_first(read, first_configs, path)
    try:
        if isinstance(read, GeneticSettings):
            return Genetic(space, seed, read)
        if isinstance(read, RandomSettings):
            return RandomSearch(space, seed, read)
        return Grid(space)
    except SpaceError as error:
        problems = error.problems if isinstance(read, GridSettings) else _below(path, error.problems)
        raise StrategyError(problems) from None


def strategy_problems(settings: object, space: SearchSpace | None, *, path: str = "strategy") -> list[Problem]:
    """Return all that is wrong with ``settings``, and all that keeps them from ``space`` (None: not known)."""
    try:
        if space is None:
            _read(settings, path)
        else:
            make_strategy(settings, space, 0, path=path)
    except StrategyError as error:
        return list(error.problems)
    return []


def _read(settings: object, path: str) -> AnySettings:
    if not isinstance(settings, Mapping):
        raise StrategyError([(path, f"expected a mapping such as {{type: random, trials: 20}}, got {settings!r}.")])
    kind = settings.get("type")
    if not isinstance(kind, str) or kind not in STRATEGY_SETTINGS:
        raise StrategyError([(f"{path}.type", f"expected a strategy, got {kind!r}; {suggestion(kind, STRATEGIES)}")])
    try:
        return read_settings(STRATEGY_SETTINGS[kind], {name: value for name, value in settings.items() if name != "type"})
    except StrategyError as error:
        raise StrategyError(_below(path, error.problems)) from None


def _with_first(settings: AnySettings, configs: Sequence[Config], path: str) -> AnySettings:
    if not isinstance(settings, GeneticSettings):
        raise StrategyError([(f"{path}.type", "expected 'genetic' where first configs are given; only it begins with them.")])
    try:
        return dataclasses.replace(settings, first_configs=[*settings.first_configs, *(dict(config) for config in configs)])
    except StrategyError as error:
        raise StrategyError(_below(path, error.problems)) from None


def _below(path: str, problems: Sequence[Problem]) -> list[Problem]:
    return [(f"{path}.{name}", message) for name, message in problems]
