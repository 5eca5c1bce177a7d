"""The race over epochs: its rungs, who goes on at them, what a sweep file may say of it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces import StrategyError
from search_spaces.races import Bar, FoldRace, RaceSettings, read_race
from search_spaces.reads import Rung, epoch_rungs, judging_begins, make_rung

LAST = Rung(epochs=27, bound=0.7, kept=1, judges=3, bar=0.8)
VALUES = st.floats(-1, 1).map(lambda value: round(value, 1))


def race(*reading, epochs=81, folds="none", rungs=(3,), maximize=True, bar=(0.8, 0.7, 0.75), **options):
    judge = Bar(number=3, values=bar, standard_error=options.pop("standard_error", 0.0))
    return FoldRace(
        settings=RaceSettings(folds=folds, epochs="halving"), rungs=rungs, metric="accuracy", maximize=maximize, bar=judge,
        reading=reading, epochs=epochs, **options,
    )  # fmt: skip


@given(st.lists(VALUES, max_size=12), VALUES, st.integers(2, 4), st.booleans())
def test_who_goes_on_is_among_the_best_of_those_who_judge(reads, own, eta, maximize):
    sign = 1 if maximize else -1
    better = sum(sign * one > sign * own for one in reads)
    goes_on = len(reads) < eta or better < math.ceil(len(reads) / eta)
    rung = make_rung(9, reads, bar=max(reads, key=lambda one: sign * one, default=0.0), eta=eta, maximize=maximize)
    runner = race(rung, maximize=maximize)
    assert (runner.gives_up({}, {9: own}) is None) == goes_on


@given(VALUES, VALUES, st.booleans())
def test_what_is_told_is_the_bars_and_the_difference_of_their_reads_and_never_above_it(own, bar, maximize):
    sign = 1 if maximize else -1
    rung = Rung(epochs=9, bound=own + sign * 0.1, kept=1, judges=3, bar=bar)
    verdict = race(rung, maximize=maximize).verdict({}, {9: own})
    assert verdict is not None
    assert verdict.told == pytest.approx(sign * 0.75 + min(sign * (own - bar), 0))
    assert (verdict.folds, verdict.epochs) == ((), 9)


def test_the_reason_names_the_epoch_the_read_and_how_many_go_on():
    rung = make_rung(9, [0.7, 0.74, 0.8, 0.81, 0.1, 0.2, 0.3, 0.4], bar=0.81, eta=3, maximize=True)
    assert race(rung).gives_up({}, {9: 0.71}) == "epoch 9: 0.71, below 0.74: the best 3 of 8 go on"
    assert race(rung).gives_up({}, {9: 0.74}) is None


def test_reads_are_judged_one_after_another_and_before_folds():
    reading = (Rung(epochs=3), Rung(epochs=9, bound=0.5, kept=1, judges=3, bar=0.6), LAST)
    runner = race(*reading, folds="paired", rungs=(1, 3))
    assert runner.gives_up({0: 0.1, 1: 0.1, 2: 0.1}, {9: 0.1, 27: 0.1}) is None  # the first is not there
    assert runner.gives_up({0: 0.1}, {3: 0.0, 27: 0.1}) is None
    assert str(runner.gives_up({0: 0.1}, {3: 0.0, 9: 0.5, 27: 0.1})).startswith("epoch 27: ")
    assert str(runner.gives_up({0: 0.1}, {3: 0.0, 9: 0.5, 27: 0.7})).startswith("fold 0: ")
    assert runner.gives_up({}, {3: 0.0, 9: 0.5, 27: 0.7}) is None


def test_a_fit_of_fewer_epochs_is_judged_by_what_it_ended_with():
    reading = (Rung(epochs=9, bound=0.5, kept=1, judges=3, bar=0.6), LAST)
    short = race(*reading, epochs=12)
    assert short.gives_up({}, {9: 0.6}) is None
    verdict = short.verdict({0: 0.6}, {9: 0.6})
    assert verdict is not None
    assert (verdict.reason.partition(":")[0], verdict.folds, verdict.epochs) == ("epoch 12", (0,), 27)
    assert race(*reading, epochs=9).gives_up({0: 0.7}, {}) is None
    assert race(*reading, epochs=9).gives_up({0: 0.4}, {}) is not None


def test_a_read_that_is_not_finite_ends_it_whoever_judges():
    verdict = race(Rung(epochs=9)).verdict({}, {9: math.nan})
    assert verdict is not None
    assert (verdict.reason, verdict.told) == ("epoch 9: nan", None)


def test_within_the_bars_standard_error_nothing_goes_where_the_simplest_is_to_win():
    rung = Rung(epochs=9, bound=0.7, kept=1, judges=3, bar=0.8)
    assert race(rung, spare=True, standard_error=0.15).gives_up({}, {9: 0.69}) is None
    assert race(rung, spare=True, standard_error=0.05).gives_up({}, {9: 0.69}) is not None


def test_rungs_are_absolute_and_below_the_most_epochs():
    assert epoch_rungs(9, 3, 100) == (9, 27, 81)
    assert epoch_rungs(9, 3, 81) == (9, 27)
    assert [epoch_rungs(None, eta, most) for eta, most in ((3, 81), (3, 100), (2, 10), (4, 5))] == [
        (9, 27), (12, 36), (3, 6), (1, 4),
    ]  # fmt: skip


@given(st.integers(2, 5), st.integers(3, 500))
def test_the_default_has_two_rungs_wherever_there_are_enough_epochs(eta, most):
    assert (len(epoch_rungs(None, eta, most)) == 2) == (most > eta)


def test_hyperband_begins_at_another_rung_with_every_trial():
    assert [judging_begins("hyperband", number, 2) for number in range(6)] == [0, 1, 2, 0, 1, 2]
    assert {judging_begins("halving", number, 2) for number in range(6)} == {0}


def test_what_a_file_may_say():
    assert read_race({"epochs": "halving"}, 5, 100) == RaceSettings(folds="paired", epochs="halving")
    assert read_race("hyperband", 5, 100) == RaceSettings(folds="none", epochs="hyperband")
    assert read_race({"folds": "none", "epochs": "none"}, 5, 100) is None
    assert RaceSettings(folds="none", epochs="halving").fold_rungs(5) == (5,)
    assert RaceSettings(folds="paired").epoch_rungs(100) == ()


def test_a_race_over_folds_alone_is_written_down_as_it_was_before_there_were_epochs():
    assert RaceSettings(folds="paired").as_dict() == {"folds": "paired", "rungs": None, "first": 4, "p": 0.1}
    assert RaceSettings(epochs="halving").as_dict()["epochs"] == "halving"


@pytest.mark.parametrize(
    ("written", "most", "path", "told"),
    [
        ({"epochs": "halfing"}, 100, "race.epochs", "did you mean 'halving'?"),
        ({"epochs": "halving", "eta": 1}, 100, "race.eta", "a whole number of at least 2, got 1"),
        ({"epochs": "halving", "min_epochs": 0}, 100, "race.min_epochs", "a whole number of at least 1, got 0"),
        ({"epochs": "halving", "min_epochs": 100}, 100, "race.min_epochs", "expected fewer than 100, the most epochs"),
        ({"epochs": "halving", "min_epochs": 50}, 100, "race.epochs", "take min_epochs of 33 at most."),
        ({"epochs": "halving"}, 3, "race.epochs", "take more epochs, or epochs: none."),
    ],
)
def test_mistakes_say_what_is_expected(written, most, path, told):
    with pytest.raises(StrategyError) as caught:
        read_race(written, 5, most)
    assert [problem[0] for problem in caught.value.problems] == [path]
    assert told in caught.value.problems[0][1]
