"""How a trial moves on, rung by rung, whoever trains it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from racing import SmallRace

from trainers.engines.course import Course
from trainers.messages import FoldFailed, FoldFinished, FoldRead, Progress, TrialRequest
from trainers.results import FoldResult

RACE = SmallRace("accuracy", (1, 2, 5), 0.5)


def finished(fold: int, value: float) -> FoldFinished:
    return FoldFinished(0, FoldResult(fold=fold, metrics={"accuracy": value}, epoch=1, epochs_run=1, seconds=0.0))


def course(**changes: Any) -> Course:
    return Course(TrialRequest(0, {}, **{"folds": (0, 1, 2, 3, 4), "race": RACE, **changes}))


def test_without_a_race_all_folds_are_open_and_one_that_raises_ends_itself_alone() -> None:
    free = course(race=None)
    assert free.open == (0, 1, 2, 3, 4)
    assert free.hear(FoldFailed(0, 1, "exception", "no"))
    assert free.hear(finished(0, math.nan))
    assert free.open == free.left == (2, 3, 4)


def test_folds_are_open_rung_by_rung() -> None:
    racing = course()
    opened = []
    while racing.open:
        opened.append(racing.open)
        for fold in racing.open:
            assert racing.hear(finished(fold, 0.6))
    assert opened == [(0,), (1,), (2, 3, 4)]
    assert [racing.rung_of(fold) for fold in range(5)] == [0, 1, 2, 2, 2]


def test_a_trial_that_is_given_up_has_no_folds_left() -> None:
    racing = course()
    racing.hear(finished(0, 0.5))
    assert (racing.standing(0), racing.standing(1), racing.standing(2)) == ("never", "now", "later")
    racing.hear(finished(1, 0.4))
    assert racing.left == racing.open == ()
    assert racing.standing(2) == "never"


def test_scores_that_it_has_count_and_folds_that_are_known_are_not_trained() -> None:
    racing = course(folds=(1, 3, 4), scores={0: 0.6, 2: 0.1})
    assert racing.open == (1,)
    racing.hear(finished(1, 0.5))
    assert racing.open == (3, 4)


def test_what_is_given_up_already_trains_nothing() -> None:
    assert course(folds=(1, 2, 3, 4), scores={0: 0.1}).left == ()


BROKEN = pytest.mark.parametrize("last", [finished(3, math.nan), FoldFailed(0, 3, "exception", "no")], ids=["nan", "raises"])


@BROKEN
def test_what_is_not_finite_or_raises_ends_it_once_the_folds_before_it_are_there(last: FoldFinished | FoldFailed) -> None:
    racing = course(folds=(2, 3, 4), scores={0: 0.6, 1: 0.6})
    assert racing.hear(last)
    assert racing.left == racing.open == (2,)
    assert not racing.hear(Progress(0, 4, 1, 3))
    assert not racing.hear(finished(4, 0.6))
    assert racing.hear(Progress(0, 2, 1, 3))
    assert racing.hear(finished(2, 0.6))
    assert racing.left == ()


@BROKEN
def test_where_the_folds_before_it_are_there_it_ends_at_once(last: FoldFinished | FoldFailed) -> None:
    racing = course(folds=(2, 3, 4), scores={0: 0.6, 1: 0.6})
    assert racing.hear(finished(2, 0.6))
    assert racing.hear(last)
    assert racing.left == ()
    assert not racing.hear(finished(4, 0.6))


def test_of_folds_after_one_that_is_known_to_be_broken_nothing_is_wanted() -> None:
    assert course(folds=(1, 2, 4), scores={0: 0.6, 3: math.nan}).left == (1, 2)


def read(epochs: int, value: float) -> FoldRead:
    return FoldRead(0, epochs, finished(0, value).result)


READ = SmallRace("accuracy", (2, 5), 0.5, ((3, 0.5), (9, 0.6)))


def test_while_the_first_fold_is_to_be_read_it_alone_is_open() -> None:
    racing = course(race=READ, reads=(3, 9))
    assert (racing.open, racing.next, racing.outstanding) == ((0,), 0, 7)
    assert racing.hear(read(3, 0.5))
    assert (racing.open, racing.reads) == ((0,), (9,))
    assert not racing.hear(read(3, 0.5))
    assert racing.hear(read(9, 0.7))
    assert racing.open == (0, 1)
    assert (racing.standing(0), racing.standing(0, 9), racing.standing(2)) == ("now", "never", "later")


def test_who_is_given_up_at_a_read_wants_no_more() -> None:
    racing = course(race=READ, reads=(3, 9))
    assert racing.standing(0, 9) == "now"
    assert racing.hear(read(3, 0.4))
    assert (racing.left, racing.reads, racing.next) == ((), (), None)
    assert racing.standing(0, 9) == racing.standing(0) == "never"
    assert not racing.hear(read(9, 0.7))


def test_a_fold_that_is_known_is_read_and_not_trained_on() -> None:
    racing = course(race=READ, reads=(9,), folds=(1, 2), scores={0: 0.7, 3: 0.7, 4: 0.7}, read_scores={3: 0.6})
    assert (racing.open, racing.next) == ((), 0)
    assert not racing.hear(Progress(0, 0, 1, 9))
    assert racing.hear(read(9, 0.7))
    assert (racing.open, racing.next) == ((1,), 1)
    failing = course(race=READ, reads=(9,), folds=(1, 2), scores={0: 0.7}, read_scores={3: 0.6})
    assert failing.hear(FoldFailed(0, 0, "exception", "no"))
    assert failing.outstanding == 0


def test_what_is_left_of_a_fold_may_be_handed_on() -> None:
    racing = course(race=READ, reads=(3, 9))
    racing.hear(read(3, 0.5))
    left = racing.request(0)
    assert (left.folds, left.reads, dict(left.read_scores)) == ((0,), (9,), {3: 0.5})
    assert (racing.request(1).folds, racing.request(1).reads) == ((1,), ())
