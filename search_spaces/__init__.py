"""Search spaces and the strategies that search them: plain data in, plain data out, only the standard library beneath."""

from search_spaces.breeding import GeneticSettings
from search_spaces.domains import Choice, Domain, Float, Integer, LogUniform, Reciprocal
from search_spaces.errors import Problem, SearchSpaceError, SpaceError, StrategyError, TellError
from search_spaces.genetic import Genetic
from search_spaces.grid import Grid, GridSettings
from search_spaces.parsing import DOMAIN_KINDS, parse_space
from search_spaces.races import RULES, Bar, FoldRace, RaceSettings, Verdict, default_rungs, judged_by, read_race
from search_spaces.random_search import RandomSearch, RandomSettings
from search_spaces.reads import EPOCH_RULES, Rung, judging_begins, make_rung
from search_spaces.registry import STRATEGIES, STRATEGY_SETTINGS, make_strategy, strategy_problems
from search_spaces.space import SearchSpace
from search_spaces.strategy import Strategy
from search_spaces.values import Config

__all__ = [
    "DOMAIN_KINDS",
    "EPOCH_RULES",
    "RULES",
    "STRATEGIES",
    "STRATEGY_SETTINGS",
    "Bar",
    "Choice",
    "Config",
    "Domain",
    "Float",
    "FoldRace",
    "Genetic",
    "GeneticSettings",
    "Grid",
    "GridSettings",
    "Integer",
    "LogUniform",
    "Problem",
    "RaceSettings",
    "RandomSearch",
    "RandomSettings",
    "Reciprocal",
    "Rung",
    "SearchSpace",
    "SearchSpaceError",
    "SpaceError",
    "Strategy",
    "StrategyError",
    "TellError",
    "Verdict",
    "default_rungs",
    "judged_by",
    "judging_begins",
    "make_rung",
    "make_strategy",
    "parse_space",
    "read_race",
    "strategy_problems",
]
