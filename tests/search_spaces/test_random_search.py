import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from search_spaces import LogUniform, RandomSearch, RandomSettings, SearchSpace, StrategyError, parse_space
from search_spaces.seeds import stream

SPACE = parse_space({"rate": {"reciprocal": [1e-4, 1e-2]}, "units": {"integer": [1, 99]}, "act": ["relu", "selu"]})


def asked(space: SearchSpace, seed: int, trials: int) -> list[dict]:
    return RandomSearch(space, seed, RandomSettings(trials=trials)).ask(trials)


@given(st.integers(), st.integers(1, 40), st.integers(0, 40))
def test_a_longer_search_begins_with_the_shorter_one(seed, short, more):
    assert asked(SPACE, seed, short + more)[:short] == asked(SPACE, seed, short)


def test_seeds_decide_the_draws():
    assert asked(SPACE, 1, 5) == asked(SPACE, 1, 5)
    assert asked(SPACE, 1, 5) != asked(SPACE, 2, 5)


def test_draws_are_independent_and_follow_their_domains():
    configs = asked(SPACE, 3, 3000)
    rates = [config["rate"] for config in configs]
    assert stats.kstest(rates, stats.reciprocal(1e-4, 1e-2).cdf).pvalue > 0.01
    assert stats.spearmanr(rates, [config["units"] for config in configs]).pvalue > 0.01
    assert stats.spearmanr(rates[1:], rates[:-1]).pvalue > 0.01


def test_a_small_space_is_searched_completely_and_then_finished():
    space = parse_space({"a": {"integer": [1, 500], "log": True}, "b": [True, False]})
    strategy = RandomSearch(space, 0, RandomSettings(trials=5000))
    assert strategy.size == 1000
    assert {space.key(config) for config in strategy.ask(5000)} == {space.key(config) for config in space.grid()}
    assert strategy.finished


def test_a_continuum_without_new_floats_ends_the_search():
    domain = LogUniform(1.0, math.nextafter(1.0, 2.0))
    strategy = RandomSearch(SearchSpace({"a": domain}), 0, RandomSettings(trials=10))
    possible = {domain.sample(stream(seed)) for seed in range(100)}
    assert {config["a"] for config in strategy.ask(10)} == possible
    assert strategy.finished
    assert strategy.size == len(possible)


@pytest.mark.parametrize("trials", [0, -1, 2.5, True, "20", None])
def test_trials_is_a_whole_number_of_at_least_one(trials):
    with pytest.raises(StrategyError, match="trials: expected a whole number of at least 1, got"):
        RandomSettings(trials=trials)
