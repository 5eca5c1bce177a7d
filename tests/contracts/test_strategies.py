"""What every strategy promises, whichever it is: one suite over all of them."""

import inspect
import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from search_spaces import STRATEGIES, SearchSpace, Strategy, TellError, make_strategy, parse_space
from search_spaces.seeds import stream

MIXED = parse_space({
    "rate": {"reciprocal": [1e-4, 1e-1], "points": 4},
    "units": {"integer": [1, 9], "step": 2},
    "width": {"integer": [8, 64], "log": True},
    "dropout": {"uniform": [0.0, 0.5], "step": 0.25},
    "layers": [[12, 8], [4], []],
    "nothing": [None, True, 1, 1.0, "1"],
})  # fmt: skip
SMALL = parse_space({"a": {"integer": [1, 4]}, "b": ["x", "y"]})
SINGLE = parse_space({"a": ["only"]})
SETTINGS: dict[str, dict[str, Any]] = {
    "grid": {"type": "grid"},
    "random": {"type": "random", "trials": 30},
    "genetic": {"type": "genetic", "population": 6, "generations": 6},
    "genetic by tournament": {"type": "genetic", "population": 6, "generations": 4, "selection": "tournament"},
    "genetic of one generation": {"type": "genetic", "population": 12, "generations": 1},
    "genetic without elites": {"type": "genetic", "population": 5, "generations": 5, "elites": 0},
}
SPACES = {"mixed": MIXED, "small": SMALL, "single": SINGLE}
CASES = [pytest.param(kind, space, id=f"{kind}, {name} space") for kind in SETTINGS for name, space in SPACES.items()]
MOST = 60
"""So many configs are asked at most; the grid of the mixed space has more."""


def make(kind: str, space: SearchSpace, seed: int = 0) -> Strategy:
    return make_strategy(SETTINGS[kind], space, seed)


def score(config: dict[str, Any]) -> float | None:
    """A score that only the config decides; about one in six fails."""
    value = sum(map(ord, json.dumps(config))) * 2654435761 % 997
    return None if value % 6 == 0 else value / 997


def proposals(strategy: Strategy) -> list[dict[str, Any]]:
    """Ask one by one and tell each score at once."""
    configs: list[dict[str, Any]] = []
    while len(configs) < MOST and (asked := strategy.ask(1)):
        configs += asked
        strategy.tell(asked[0], score(asked[0]))
    return configs


def text(configs: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(config) for config in configs]


def test_the_suite_knows_every_strategy():
    assert {described["type"] for described in SETTINGS.values()} == set(STRATEGIES)


@pytest.mark.parametrize("strategy", STRATEGIES.values())
def test_a_strategy_is_final(strategy):
    assert not inspect.isabstract(strategy)
    assert strategy.ask is Strategy.ask
    assert strategy.tell is Strategy.tell


@pytest.mark.parametrize(("kind", "space"), CASES)
def test_proposals_are_plain_configs_of_the_space_and_never_the_same_twice(kind, space):
    configs = proposals(make(kind, space))
    assert configs
    assert all(space.check(config) == [] for config in configs)
    assert all(tuple(config) == space.names for config in configs)
    assert [json.loads(line) for line in text(configs)] == configs
    assert len({space.key(config) for config in configs}) == len(configs)


@pytest.mark.parametrize(("kind", "space"), CASES)
def test_it_proposes_at_most_its_size_and_then_is_finished(kind, space):
    strategy = make(kind, space)
    size = strategy.size
    configs = proposals(strategy)
    assert len(configs) <= size
    if len(configs) < MOST:
        assert strategy.finished
        assert strategy.ask(5) == []
    else:
        assert not strategy.finished or size == MOST


@pytest.mark.parametrize(("kind", "space"), CASES)
def test_it_proposes_its_size_exactly_whether_trials_fail_or_not(kind, space):
    for outcome in (0.5, None):
        strategy = make(kind, space)
        asked = 0
        while asked < 200 and (configs := strategy.ask(50)):
            asked += len(configs)
            for config in configs:
                strategy.tell(config, outcome)
        assert asked == min(strategy.size, 200)


@pytest.mark.parametrize(("kind", "space"), CASES)
def test_with_nothing_outstanding_there_is_a_config_or_the_end(kind, space):
    strategy = make(kind, space)
    for _ in range(MOST):
        finished = strategy.finished
        configs = strategy.ask(1)
        assert bool(configs) is not finished
        for config in configs:
            strategy.tell(config, score(config))


@pytest.mark.parametrize(("kind", "space"), CASES)
def test_once_finished_it_stays_finished_whatever_is_told(kind, space):
    strategy = make(kind, space)
    outstanding = []
    for _ in range(200):
        if strategy.finished:
            break
        asked = strategy.ask(7)
        outstanding += asked
        if not asked:
            config = outstanding.pop(0)
            strategy.tell(config, score(config))
    else:
        assert strategy.size > 200
        return
    for config in outstanding:
        strategy.tell(config, score(config))
        assert strategy.finished
        assert strategy.ask(1) == []


@pytest.mark.parametrize(("kind", "space"), CASES)
def test_the_same_scores_give_the_same_proposals(kind, space):
    assert text(proposals(make(kind, space))) == text(proposals(make(kind, space)))


@pytest.mark.parametrize("kind", [kind for kind in SETTINGS if kind != "grid"])
def test_another_seed_gives_other_proposals(kind):
    assert text(proposals(make(kind, MIXED, 1))) != text(proposals(make(kind, MIXED, 2)))


@pytest.mark.parametrize("kind", list(SETTINGS))
@pytest.mark.parametrize("workers", range(8))
def test_neither_the_order_of_telling_nor_the_chunks_of_asking_matter(kind, workers):
    chance = stream(workers)
    expected = text(proposals(make(kind, MIXED)))
    strategy = make(kind, MIXED)
    got: list[dict[str, Any]] = []
    outstanding: list[dict[str, Any]] = []
    while len(got) < len(expected):
        asked = strategy.ask(min(chance.randint(0, 2 * workers + 1), len(expected) - len(got)))
        got += asked
        outstanding += asked
        if outstanding and (not asked or chance.random() < 0.5):
            config = outstanding.pop(chance.randrange(len(outstanding)))
            strategy.tell(config, score(config))
    assert text(got) == expected


@pytest.mark.parametrize("kind", list(SETTINGS))
@pytest.mark.parametrize("finished", [0, 3, 8, 11])
def test_a_new_one_goes_on_from_what_a_ledger_knows(kind, finished):
    expected = text(proposals(make(kind, MIXED)))
    killed, ledger = make(kind, MIXED), {}
    running: list[dict[str, Any]] = []
    while len(ledger) < finished:
        running += killed.ask(4 - len(running))
        done = running.pop()
        ledger[json.dumps(done)] = score(done)
        killed.tell(done, score(done))

    resumed = make(kind, MIXED)
    got: list[dict[str, Any]] = []
    untold: list[dict[str, Any]] = []
    paid = 0
    while len(got) < len(expected):
        asked = resumed.ask(1)
        got += asked
        for config in asked:
            if json.dumps(config) in ledger:
                resumed.tell(config, ledger[json.dumps(config)])
            else:
                untold.append(config)
                paid += 1
        if not asked:
            config = untold.pop(0)
            resumed.tell(config, score(config))
    assert text(got) == expected
    assert paid == len(expected) - finished


@pytest.mark.parametrize("kind", list(SETTINGS))
def test_a_config_is_told_in_any_spelling_and_belongs_to_the_caller(kind):
    expected = text(proposals(make(kind, MIXED)))
    strategy = make(kind, MIXED)
    got = []
    while len(got) < len(expected) and (configs := strategy.ask(1)):
        got.append(json.dumps(configs[0]))
        read_back = dict(sorted(json.loads(got[-1]).items()))
        configs[0]["layers"].append(99)
        configs[0]["rate"] = 0.0
        strategy.tell(read_back, score(json.loads(got[-1])))
    assert got == expected


@pytest.mark.parametrize("kind", list(SETTINGS))
@pytest.mark.parametrize("failure", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_number_counts_as_failed(kind, failure):
    def run(failed: float | None) -> list[str]:
        strategy = make(kind, MIXED)
        configs: list[dict[str, Any]] = []
        while len(configs) < MOST and (asked := strategy.ask(1)):
            configs += asked
            strategy.tell(asked[0], failed if score(asked[0]) is None else score(asked[0]))
        return text(configs)

    assert run(failure) == run(None)


def told(*scores: float | None) -> Callable[[Strategy], None]:
    def act(strategy: Strategy) -> None:
        (config,) = strategy.ask(1)
        for value in scores:
            strategy.tell(config, value)

    return act


@pytest.mark.parametrize("kind", list(SETTINGS))
def test_the_same_score_told_again_changes_nothing(kind):
    strategy = make(kind, MIXED)
    told(0.5, 0.5)(strategy)
    told(None, math.nan, None)(strategy)
    told(0.0, 0.0)(strategy)


@pytest.mark.parametrize("kind", list(SETTINGS))
@pytest.mark.parametrize("scores", [(0.5, 0.6), (0.5, None), (None, 0.5), (0.0, None)])
def test_another_score_for_the_same_config_is_refused(kind, scores):
    with pytest.raises(TellError, match="Expected one score for"):
        told(*scores)(make(kind, MIXED))


@pytest.mark.parametrize("kind", list(SETTINGS))
def test_a_config_that_was_never_asked_is_refused(kind):
    strategy = make(kind, SMALL)
    (config,) = strategy.ask(1)
    other = next(other for other in SMALL.grid() if other != config)
    for stranger in (other, {**config, "b": "z"}, {"a": 1}, {}):
        with pytest.raises(TellError, match="asked"):
            strategy.tell(stranger, 0.5)


@pytest.mark.parametrize("kind", list(SETTINGS))
def test_who_was_waited_for_follows_from_number_and_settings_alone(kind):
    def settled(chunk: int, scored: Callable[[dict[str, Any]], float | None]) -> list[int]:
        strategy, asked = make(kind, MIXED), 0
        while asked < MOST and (configs := strategy.ask(chunk)):
            asked += len(configs)
            for config in configs:
                strategy.tell(config, scored(config))
        return [strategy.settled(number) for number in range(asked)]

    first = settled(1, score)
    other = settled(7, lambda config: (score(config) or 0) / 3)
    both = min(len(first), len(other))
    assert both > 10
    assert first[:both] == other[:both]
    assert all(0 <= over <= number for number, over in enumerate(first))


@pytest.mark.parametrize("kind", list(SETTINGS))
def test_asking_for_none_gives_none_and_for_fewer_is_refused(kind):
    strategy = make(kind, SMALL)
    assert strategy.ask(0) == []
    with pytest.raises(ValueError, match="n of at least 0, got -1"):
        strategy.ask(-1)
