import json

import pytest

from search_spaces import Genetic, GeneticSettings, SearchSpace, SpaceError, StrategyError, parse_space
from search_spaces.breeding import Breeder
from search_spaces.seeds import stream

SPACE = parse_space({"x": {"uniform": [0, 1]}, "units": {"integer": [1, 99]}, "act": ["relu", "selu", "tanh"]})
BEST = {"x": 0.5, "units": 50, "act": "selu"}


def generations(strategy: Genetic, score) -> list[list[dict]]:
    """Run to the end; what each generation asked."""
    asked = []
    while configs := strategy.ask(1000):
        asked.append(configs)
        for config in configs:
            strategy.tell(config, score(config))
    return asked


def test_a_generation_has_room_for_its_elites_who_are_not_asked_again():
    strategy = Genetic(SPACE, 0, GeneticSettings(population=10, generations=4, elites=3))
    assert [len(asked) for asked in generations(strategy, lambda config: config["x"])] == [10, 7, 7, 7]
    assert strategy.size == 31


def test_it_waits_for_the_whole_generation():
    strategy = Genetic(SPACE, 0, GeneticSettings(population=4, generations=2))
    configs = strategy.ask(10)
    assert len(configs) == 4
    for config in configs[:3]:
        strategy.tell(config, config["x"])
        assert strategy.ask(1) == []
        assert not strategy.finished
    strategy.tell(configs[3], None)
    assert len(strategy.ask(10)) == 2
    assert strategy.finished


def test_the_first_generation_begins_with_the_configs_given():
    strategy = Genetic(SPACE, 0, GeneticSettings(population=4, first_configs=[BEST, {**BEST, "units": 51.0}]))
    first = strategy.ask(4)
    assert first[:2] == [BEST, {**BEST, "units": 51}]
    assert type(first[1]["units"]) is int
    assert len({SPACE.key(config) for config in first}) == 4


def test_elites_go_on_breeding_in_later_generations():
    settings = GeneticSettings(
        population=6, generations=6, elites=1, crossover_probability=0, mutation_scale=1e-6, selection="tournament",
        tournament_size=6, first_configs=[BEST],
    )  # fmt: skip
    strategy = Genetic(SPACE, 0, settings)
    *_, last = generations(strategy, lambda config: 1.0 if config == BEST else 0.0)
    changes = [sum(config[name] != BEST[name] for name in BEST) for config in last]
    assert sorted(changes)[2] <= 2
    assert any(config["x"] == pytest.approx(0.5, abs=1e-4) for config in last)


def test_what_failed_does_not_breed():
    settings = GeneticSettings(population=20, generations=2, elites=0, mutation_probability=0)

    def lives(config: dict) -> bool:
        return config["act"] == "selu" and config["x"] >= 0.5

    asked = generations(Genetic(SPACE, 0, settings), lambda config: config["x"] if lives(config) else None)
    alive = [config["x"] for config in asked[0] if lives(config)]
    assert 2 <= len(alive) < 20
    bred = [config for config in asked[1] if config["act"] == "selu" and min(alive) - 0.2 <= config["x"]]
    assert len(bred) == 20


def test_if_all_failed_the_next_generation_is_drawn_anew():
    strategy = Genetic(SPACE, 0, GeneticSettings(population=8, generations=3))
    asked = generations(strategy, lambda config: None)
    assert [len(configs) for configs in asked] == [8, 6, 6]
    assert len({config["x"] for configs in asked for config in configs}) == 20


def test_one_survivor_is_enough():
    strategy = Genetic(SPACE, 0, GeneticSettings(population=6, generations=3, first_configs=[BEST]))
    asked = generations(strategy, lambda config: 1.0 if config == BEST else None)
    assert [len(configs) for configs in asked] == [6, 4, 4]
    assert all(sum(config[name] != BEST[name] for name in BEST) < 3 for config in asked[1])


def test_a_small_space_is_searched_completely_and_nothing_twice():
    space = parse_space({"a": ["x", "y", "z"], "b": {"integer": [1, 7]}})
    strategy = Genetic(space, 0, GeneticSettings(population=6, generations=50))
    assert strategy.size == 21
    configs = [config for asked in generations(strategy, lambda config: config["b"]) for config in asked]
    assert sorted(map(json.dumps, configs)) == sorted(map(json.dumps, space.grid()))


def test_a_space_used_up_within_a_generation_is_finished_at_once():
    space = parse_space({"a": {"integer": [1, 5]}})
    strategy = Genetic(space, 0, GeneticSettings(population=16))
    assert len(strategy.ask(100)) == 5
    assert strategy.finished


def test_only_the_order_of_scores_matters():
    def run(scale) -> list[list[dict]]:
        return generations(Genetic(SPACE, 4, GeneticSettings(population=8, generations=5)), lambda config: scale(config["x"]))

    assert run(lambda x: x) == run(lambda x: 1e6 * x**3 - 7)
    assert run(lambda x: x) != run(lambda x: -x)


def selections(breeder_settings: GeneticSettings, scores: list[float], draws: int = 12_000) -> list[float]:
    """The share of children that copy each parent, when nothing else happens."""
    space = parse_space({"a": {"integer": [0, len(scores) - 1]}})
    parents = [{"a": index} for index in range(len(scores))]
    breeder = Breeder(space, breeder_settings, parents, scores)
    rng = stream(5)
    children = [breeder.child(rng)["a"] for _ in range(draws)]
    return [children.count(index) / draws for index in range(len(scores))]


def test_the_roulette_is_by_squared_rank_and_equal_scores_have_equal_chances():
    copying = GeneticSettings(crossover_probability=0, mutation_probability=0)
    assert selections(copying, [0.9, 0.8, 0.1]) == pytest.approx([25 / 35, 9 / 35, 1 / 35], abs=0.015)
    assert selections(copying, [0.9, 0.1, 0.1]) == pytest.approx([6.25 / 8.25, 1 / 8.25, 1 / 8.25], abs=0.015)
    assert selections(copying, [0.5, 0.5]) == pytest.approx([0.5, 0.5], abs=0.015)


def test_a_tournament_is_won_by_the_best_of_those_drawn():
    copying = GeneticSettings(crossover_probability=0, mutation_probability=0, selection="tournament", tournament_size=2)
    assert selections(copying, [0.9, 0.8, 0.1]) == pytest.approx([5 / 9, 3 / 9, 1 / 9], abs=0.015)


@pytest.mark.parametrize(("probability", "expected"), [(None, 1 / 3), (0.0, 0.0), (0.8, 0.8)])
def test_each_value_mutates_with_the_probability_set(probability, expected):
    settings = GeneticSettings(crossover_probability=0, mutation_probability=probability)
    breeder, rng = Breeder(SPACE, settings, [BEST], [1.0]), stream(6)
    children = [breeder.child(rng) for _ in range(3000)]
    for name in SPACE.names:
        assert sum(child[name] != BEST[name] for child in children) / 3000 == pytest.approx(expected, abs=0.03)


def test_crossover_mixes_two_parents_value_by_value():
    settings = GeneticSettings(crossover_probability=1, mutation_probability=0)
    other = {"x": 0.7, "units": 60, "act": "tanh"}
    breeder, rng = Breeder(SPACE, settings, [BEST, other], [1.0, 1.0]), stream(7)
    children = [breeder.child(rng) for _ in range(500)]
    assert {child["act"] for child in children} == {"selu", "tanh"}
    assert all(0.45 <= child["x"] <= 0.75 for child in children)
    assert all(47 <= child["units"] <= 63 for child in children)
    assert len({child["x"] for child in children}) > 200


@pytest.mark.parametrize(("settings", "name", "message"), [
    ({"population": 1}, "population", "whole number of at least 2, got 1"),
    ({"population": True}, "population", "got True"),
    ({"generations": 0}, "generations", "whole number of at least 1, got 0"),
    ({"elites": -1}, "elites", "whole number of at least 0, got -1"),
    ({"elites": 16}, "elites", "fewer than the population of 16, got 16"),
    ({"crossover_probability": 1.1}, "crossover_probability", r"probability from 0 to 1, got 1\.1"),
    ({"crossover_probability": None}, "crossover_probability", "probability from 0 to 1, got None"),
    ({"mutation_probability": "often"}, "mutation_probability", "or null, got 'often'"),
    ({"mutation_scale": 0}, "mutation_scale", "above 0, at most 1, got 0"),
    ({"selection": "roulete"}, "selection", "'roulette' or 'tournament', got 'roulete'; did you mean 'roulette'"),
    ({"selection": 3}, "selection", "got 3"),
    ({"selection": "tournament", "tournament_size": 17}, "tournament_size", "at most the population of 16, got 17"),
    ({"first_configs": "best"}, "first_configs", "a list of configs, got 'best'"),
    ({"first_configs": [3]}, "first_configs", "a list of configs"),
    ({"population": 2, "elites": 0, "first_configs": [{}] * 3}, "first_configs", "at most the population of 2, got 3"),
])  # fmt: skip
def test_settings_that_make_no_sense_are_refused(settings, name, message):
    with pytest.raises(StrategyError, match=message) as caught:
        GeneticSettings(**settings)
    assert [place for place, _ in caught.value.problems] == [name]


def test_first_configs_must_be_of_the_space_and_different():
    first = [BEST, {**BEST, "x": 2}, {**BEST, "unit": 1}, dict(BEST)]
    with pytest.raises(SpaceError) as caught:
        Genetic(SPACE, 0, GeneticSettings(first_configs=first))
    assert [path for path, _ in caught.value.problems] == ["first_configs.1.x", "first_configs.2.unit", "first_configs.3"]


def test_a_space_without_names_has_one_config():
    strategy = Genetic(SearchSpace({}), 0, GeneticSettings())
    assert strategy.ask(3) == [{}]
    assert strategy.finished
