import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from search_spaces import StrategyError, make_strategy, parse_space
from search_spaces.races import Bar, FoldRace, RaceSettings, default_rungs, judged_by, read_race, signed_rank_p

VALUES = st.floats(-1, 1).map(lambda value: round(value, 2))


def race(rule="paired", bar=(0.8, 0.7, 0.75, 0.9, 0.85), *, rungs=(1, 2, 5), maximize=True, **options):
    settings = RaceSettings(folds=rule, **({"p": options.pop("p")} if "p" in options else {}))
    judge = None if bar is None else Bar(number=3, values=tuple(bar), standard_error=options.pop("standard_error", 0.0))
    return FoldRace(settings=settings, rungs=rungs, metric="accuracy", maximize=maximize, bar=judge, **options)


def scores(*values):
    return dict(enumerate(values))


# --- the rules ----------------------------------------------------------------------------------------------------------------


@given(st.lists(VALUES, min_size=5, max_size=5), st.lists(VALUES, min_size=1, max_size=5), st.booleans())
def test_paired_and_forgiving_are_what_their_definitions_say(bar, values, maximize):
    sign = 1 if maximize else -1
    out = {"paired": False, "forgiving": False}
    judge = sign * np.array(bar)
    for rung in (1, 2):
        if len(values) < rung:
            break
        mean = np.mean(sign * np.array(values[:rung]))
        here = np.mean(judge[:rung])
        if mean >= here:
            continue
        edge = 1e-9  # the two sides add up in another order
        out["paired"] = out["paired"] or here - mean > judge.mean() - judge.min() + edge
        out["forgiving"] = out["forgiving"] or mean < judge.min() - edge
    for rule, expected in out.items():
        given_up = race(rule, bar, maximize=maximize).gives_up(scores(*values)) is not None
        assert given_up or not expected
        if given_up and not expected:  # within rounding of the edge only
            shifted = [value + sign * 1e-9 for value in values]
            assert race(rule, bar, maximize=maximize).gives_up(scores(*shifted)) is None


def test_the_reason_names_the_fold_both_means_and_the_judge():
    assert race(bar=(0.8, 0.7, 0.75)).gives_up(scores(0.6)) == "fold 0: 0.6, below 0.8 of trial 3"
    assert race(bar=(0.2, 0.3, 0.25), maximize=False).gives_up(scores(0.9)) == "fold 0: 0.9, above 0.2 of trial 3"


def test_equal_goes_on():
    bar = (0.5, 0.5, 0.5)
    for rule in ("paired", "forgiving", "wilcoxon"):
        assert race(rule, bar, rungs=(1, 2, 3), p=0.5).gives_up(scores(0.5, 0.5)) is None


def test_only_complete_rungs_are_looked_at():
    runner = race(rungs=(2, 5))
    assert runner.gives_up({0: 0.1}) is None
    assert runner.gives_up({0: 0.1, 2: 0.1, 3: 0.1, 4: 0.1}) is None
    assert runner.gives_up({0: 0.1, 1: 0.1}) is not None
    assert race(rungs=(5,)).gives_up(scores(0, 0, 0, 0, 0)) is None


def test_a_config_that_was_given_up_stays_so_though_all_its_folds_are_known():
    verdicts = [race().verdict(scores(*values)) for values in ((0.1,), (0.1, 0.9), (0.1, 0.9, 1.0, 1.0, 1.0))]
    assert verdicts[0] is not None
    assert verdicts == [verdicts[0]] * 3


def test_a_value_that_is_not_finite_ends_it_once_the_race_gets_there():
    assert race(bar=None).gives_up({0: math.nan}) == "fold 0: nan"
    assert race(bar=None, rungs=(1, 5)).gives_up({3: math.inf}) is None
    several = {0: 0.8, 1: 0.8, 2: 0.8, 3: math.inf, 4: math.nan}
    assert race(bar=None, rungs=(1, 5)).gives_up({**several, 2: math.nan}) == "fold 2: nan"
    verdict = race(rungs=(1, 5)).verdict(several)
    assert verdict is not None
    assert (verdict.reason, verdict.folds, verdict.told) == ("fold 3: inf", (0, 1, 2, 3), None)
    del several[1]
    assert race(rungs=(1, 5)).verdict(several) is None


def test_within_the_bars_standard_error_nothing_goes_where_the_simplest_is_to_win():
    assert race(bar=(0.8, 0.8, 0.8), rungs=(1, 3)).gives_up(scores(0.75)) is not None
    assert race(bar=(0.8, 0.8, 0.8), rungs=(1, 3), spare=True, standard_error=0.1).gives_up(scores(0.75)) is None
    assert race(bar=(0.8, 0.8, 0.8), rungs=(1, 3), spare=True, standard_error=0.1).gives_up(scores(0.6)) is not None


@given(st.lists(VALUES, min_size=3, max_size=3), st.lists(VALUES, min_size=1, max_size=1), st.booleans())
def test_what_is_told_of_it_is_never_above_the_bar(bar, values, maximize):
    runner = race(bar=bar, rungs=(1, 3), maximize=maximize)
    verdict = runner.verdict(scores(*values))
    if verdict is not None:
        sign = 1 if maximize else -1
        assert verdict.told is not None
        assert verdict.told == pytest.approx(sign * (np.mean(bar) + values[0] - bar[0]))
        assert verdict.told <= sign * np.mean(bar)
        assert verdict.folds == (0,)


# --- the signed-rank test -----------------------------------------------------------------------------------------------------


def by_all_signs(differences):
    """The definition: every way to sign the ranks; zeros keep half to either side."""
    ranks = rankdata(np.abs(differences))
    found = sum(rank for rank, one in zip(ranks, differences, strict=True) if one > 0)
    moving = [rank for rank, one in zip(ranks, differences, strict=True) if one != 0]
    totals = [np.dot(moving, signs) for signs in product((0, 1), repeat=len(moving))]
    return np.mean([total <= found + 1e-9 for total in totals])


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
def test_the_signed_rank_test_is_exact_with_ties_and_zeros(differences):
    assert signed_rank_p(differences) == pytest.approx(by_all_signs(np.array(differences, dtype=float)))


@pytest.mark.parametrize("seed", range(20))
def test_without_ties_it_is_scipys(seed):
    from scipy.stats import wilcoxon

    differences = np.random.default_rng(seed).normal(-0.3, 1, 7)
    assert signed_rank_p(differences.tolist()) == pytest.approx(wilcoxon(differences, alternative="less", method="exact").pvalue)


def test_wilcoxon_gives_up_who_is_worse_in_every_of_enough_folds():
    bar = tuple(0.8 + 0.01 * fold for fold in range(10))
    runner = race("wilcoxon", bar, rungs=(1, 2, 4, 10))
    worse = [value - 0.001 * (fold + 1) for fold, value in enumerate(bar)]
    assert runner.gives_up(scores(*worse[:2])) is None
    assert "trial 3" in (runner.gives_up(scores(*worse[:4])) or "")


# --- who is judged by whom ----------------------------------------------------------------------------------------------------


def test_trials_are_judged_by_the_first_four_eight_sixteen():
    bases = [judged_by(number, 4, 0) for number in range(34)]
    assert bases == [0] * 8 + [4] * 8 + [8] * 16 + [16] * 2
    assert judged_by(9, 4, 7) == 7
    assert judged_by(20, 4, 7) == 8
    assert [judged_by(number, 1, 0) for number in range(6)] == [0, 0, 1, 1, 2, 2]


@given(st.integers(0, 2000), st.integers(1, 9))
def test_who_is_judged_is_always_later_than_its_judges(number, first):
    base = judged_by(number, first, 0)
    assert base <= number / 2
    assert base == 0 or base % first == 0


def test_a_genetic_search_says_which_generation_it_waited_for():
    space = parse_space({"x": {"uniform": [0.0, 1.0]}})
    strategy = make_strategy(
        {"type": "genetic", "population": 4, "generations": 3, "elites": 1}, space, 1, [{"x": 0.5}, {"x": 0.25}]
    )
    for _ in range(10):
        for config in strategy.ask(1):
            strategy.tell(config, config["x"])
    assert [strategy.settled(number) for number in range(10)] == [0, 0, 2, 2, 4, 4, 4, 7, 7, 7]


def test_a_random_search_waits_for_nothing():
    strategy = make_strategy({"type": "random", "trials": 3}, parse_space({"x": {"uniform": [0.0, 1.0]}}), 1)
    for _ in range(3):
        strategy.tell(strategy.ask(1)[0], 0.5)
    assert [strategy.settled(number) for number in range(3)] == [0, 0, 0]


def test_elites_are_whole_trials():
    space = parse_space({"x": {"uniform": [0.0, 1.0]}})

    def second_generation(whole):
        strategy = make_strategy({"type": "genetic", "population": 4, "generations": 3, "elites": 1}, space, 1)
        first = strategy.ask(4)
        for config in first:
            strategy.tell(config, config["x"], whole=whole(config, first))
        second = strategy.ask(9)
        for config in second:
            strategy.tell(config, 0.0)
        return first, second, strategy.ask(9)

    def best_is_not(config, first):
        return config["x"] != max(one["x"] for one in first)

    assert second_generation(lambda config, first: True)[1] == second_generation(best_is_not)[1]
    assert second_generation(lambda config, first: True)[2] != second_generation(best_is_not)[2]


# --- what a sweep file says ---------------------------------------------------------------------------------------------------


def test_the_default_rungs_double_up_to_half():
    assert [default_rungs(folds) for folds in (1, 2, 3, 4, 5, 10)] == [(1,), (1, 2), (1, 3), (1, 2, 4), (1, 2, 5), (1, 2, 4, 10)]


@pytest.mark.parametrize("written", [None, "none", {"folds": "none"}])
def test_no_race(written):
    assert read_race(written, 5) is None


def test_a_rule_alone_is_enough():
    assert read_race("forgiving", 5) == RaceSettings(folds="forgiving")
    assert read_race({"folds": "paired", "rungs": [2, 5], "first": 8}, 5) == RaceSettings(folds="paired", rungs=[2, 5], first=8)


@pytest.mark.parametrize(
    ("written", "path", "told"),
    [
        ("pared", "race.folds", "did you mean 'paired'?"),
        (3, "race", "expected a rule, none, or a mapping such as {folds: paired}, got 3."),
        ({"rule": "paired"}, "race.rule", "expected a setting"),
        ({"folds": "paired", "first": 0}, "race.first", "a whole number of at least 1"),
        ({"folds": "wilcoxon", "p": 1}, "race.p", "a number above 0 and below 1"),
        ({"folds": "paired", "rungs": [2, 1, 5]}, "race.rungs", "rising numbers of folds"),
        ({"folds": "paired", "rungs": [1, 2, 4]}, "race.rungs", "expected 5, all folds of all repeats, as the last rung, got 4"),
        ("wilcoxon", "race.rungs", "from 4 folds on at p 0.1, got [1, 2, 5]; take rungs: [4, 5]."),
        ({"folds": "wilcoxon", "p": 0.01}, "race.rungs", "from 7 folds on at p 0.01, got [1, 2, 5]; take paired, or more folds."),
    ],
)
def test_mistakes_say_what_is_expected(written, path, told):
    with pytest.raises(StrategyError) as caught:
        read_race(written, 5)
    assert [problem[0] for problem in caught.value.problems] == [path]
    assert told in caught.value.problems[0][1]
