import pytest

from search_spaces import (
    STRATEGIES,
    STRATEGY_SETTINGS,
    Genetic,
    Grid,
    RandomSearch,
    StrategyError,
    make_strategy,
    parse_space,
    strategy_problems,
)

SPACE = parse_space({"x": {"uniform": [0, 1]}, "act": ["relu", "selu"]})
FINITE = parse_space({"act": ["relu", "selu"]})


@pytest.mark.parametrize(("kind", "expected", "size"), [("grid", Grid, 2), ("random", RandomSearch, 2), ("genetic", Genetic, 2)])
def test_a_type_is_enough(kind, expected, size):
    strategy = make_strategy({"type": kind}, FINITE, 0)
    assert type(strategy) is expected is STRATEGIES[kind]
    assert strategy.size == size
    assert set(STRATEGIES) == set(STRATEGY_SETTINGS)


def test_defaults_of_the_sizes():
    assert make_strategy({"type": "random"}, SPACE, 0).size == 20
    assert make_strategy({"type": "genetic"}, SPACE, 0).size == 16 + 7 * 14


@pytest.mark.parametrize(("settings", "path", "message"), [
    (None, "strategy", "expected a mapping such as {type: random, trials: 20}, got None"),
    ("grid", "strategy", "got 'grid'"),
    ({}, "strategy.type", "expected a strategy, got None; known are: grid, random, genetic"),
    ({"type": "genetics"}, "strategy.type", "got 'genetics'; did you mean 'genetic'?"),
    ({"type": ["grid"]}, "strategy.type", "got ['grid']"),
    ({"type": "random", "trails": 3}, "strategy.trails", "got 'trails'; did you mean 'trials'?"),
    ({"type": "random", "trials": 0}, "strategy.trials", "whole number of at least 1, got 0"),
    ({"type": "genetic", "populaton": 3}, "strategy.populaton", "did you mean 'population'?"),
    ({"type": "genetic", "first_configs": [{"x": 0.5, "act": "elu"}]}, "strategy.first_configs.0.act", "got 'elu'"),
    ({"type": "grid", "trials": 3}, "strategy.trials", "got 'trials'; take it out"),
    ({"type": "grid"}, "space.x", "add step or points"),
])  # fmt: skip
def test_a_mistake_is_answered_with_its_path(settings, path, message):
    ((place, text),) = strategy_problems(settings, SPACE)
    assert place == path
    assert message in text
    with pytest.raises(StrategyError) as caught:
        make_strategy(settings, SPACE, 0)
    assert caught.value.problems == ((place, text),)


def test_all_mistakes_are_found_at_once():
    settings = {"type": "genetic", "populaton": 3, "generations": 0, "selection": "best", "first_configs": 3}
    paths = [path for path, _ in strategy_problems(settings, SPACE)]
    assert paths == ["strategy.populaton", "strategy.generations", "strategy.selection", "strategy.first_configs"]


def test_settings_are_checked_even_where_the_space_is_not_known():
    assert strategy_problems({"type": "grid"}, None) == []
    ((path, _),) = strategy_problems({"type": "random", "trials": 0}, None, path="sweep.strategy")
    assert path == "sweep.strategy.trials"


def test_nothing_is_wrong_with_what_is_right():
    assert strategy_problems({"type": "genetic", "population": 4, "mutation_probability": None}, SPACE) == []


def test_first_configs_follow_those_of_the_settings():
    settings = {"type": "genetic", "population": 4, "first_configs": [{"x": 0.25, "act": "relu"}]}
    strategy = make_strategy(settings, SPACE, 0, [{"x": 0.75, "act": "selu"}])
    assert [config["x"] for config in strategy.ask(2)] == [0.25, 0.75]


def test_too_many_or_foreign_first_configs_are_refused():
    config = {"x": 0.5, "act": "relu"}
    with pytest.raises(StrategyError, match=r"strategy\.first_configs: expected at most the population of 2, got 3"):
        make_strategy({"type": "genetic", "population": 2, "elites": 0}, SPACE, 0, [config] * 3)
    with pytest.raises(StrategyError, match=r"strategy\.type: expected 'genetic' where first configs are given"):
        make_strategy({"type": "random"}, SPACE, 0, [config])
