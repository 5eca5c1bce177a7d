"""A few configs on fresh folds: all of them handed out, lost workers made up for, failures kept as missing folds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from orchestrator.running.retraining import Retraining, stage_fresh_splits
from orchestrator.running.staging import stage_data
from orchestrator.search.cohorts import Cohort, CohortFinished, CohortHeard, CohortLost, LossCause, Packing
from orchestrator.spec.loading import spec_from_mapping
from trainers.errors import DataError
from trainers.messages import FoldFailed, FoldFinished, TrialRequest
from trainers.results import FoldResult
from trainers.settings import CvSettings, SweepSettings
from trainers.staging import open_staged


def conductor(requests: int, *, together: bool, workers: int = 2, timeout: float | None = None) -> Retraining:
    return Retraining(
        [TrialRequest(number, {"x": number}, (2 * number, 2 * number + 1)) for number in range(requests)],
        Packing(group=lambda request: 0, work=lambda request: 1.0, together=together),
        workers=workers,
        timeout=timeout,
        look=lambda: None,
    )


def report(one: Retraining, cohort: Cohort, *, only: Callable[[int, int], bool] = lambda number, fold: True) -> None:
    for trial in cohort.trials:
        for fold in trial.folds:
            if only(trial.number, fold):
                result = FoldResult(fold=fold, metrics={"accuracy": 0.5}, epoch=1, epochs_run=1, seconds=0.1)
                one.handle(CohortHeard(cohort.id, FoldFinished(trial.number, result)))


def take(one: Retraining) -> Cohort:
    cohort = one.next_cohort()
    assert cohort is not None
    return cohort


def numbers(cohort: Cohort) -> list[int]:
    return [trial.number for trial in cohort.trials]


def test_one_worker_gets_all_of_it_as_one_cohort_where_trials_train_together() -> None:
    one = conductor(4, together=True, workers=1, timeout=5.0)
    cohort = take(one)
    assert numbers(cohort) == [0, 1, 2, 3]
    assert cohort.seconds == 20.0
    assert one.next_cohort() is None
    report(one, cohort)
    one.handle(CohortFinished(cohort.id))
    assert one.finished
    assert {number: set(folds) for number, folds in one.results.items()} == {n: {2 * n, 2 * n + 1} for n in range(4)}


def test_requests_are_spread_over_workers() -> None:
    together, apart = conductor(4, together=True), conductor(4, together=False)
    assert [numbers(take(together)) for _ in range(2)] == [[0, 1], [2, 3]]
    assert [numbers(take(apart)) for _ in range(4)] == [[0], [1], [2], [3]]
    for one in (together, apart):
        assert one.next_cohort() is None
        assert not one.finished  # nothing is reported yet


def test_what_a_lost_worker_has_left_is_tried_again_in_halves() -> None:
    one = conductor(4, together=True, workers=1)
    cohort = take(one)
    report(one, cohort, only=lambda number, fold: number == 0 or fold == 2)
    one.handle(CohortLost(cohort.id, "crashed", "gone"))
    halves = [take(one), take(one)]
    assert [[(trial.number, trial.folds) for trial in half.trials] for half in halves] == [
        [(1, (3,)), (2, (4, 5))],
        [(3, (6, 7))],
    ]
    for half in halves:
        report(one, half)
        one.handle(CohortFinished(half.id))
    assert one.finished
    assert all(len(folds) == 2 for folds in one.results.values())


@pytest.mark.parametrize("cause", ["crashed", "timeout", "out_of_memory"])
def test_what_is_lost_alone_twice_stays_missing(cause: LossCause) -> None:
    one = conductor(1, together=False)
    for _ in range(2):
        one.handle(CohortLost(take(one).id, cause, "gone"))
    assert one.finished
    assert one.results == {0: {}}


def test_a_failed_config_is_not_tried_again() -> None:
    one = conductor(2, together=True, workers=1)
    cohort = take(one)
    report(one, cohort, only=lambda number, fold: number == 1 or fold == 0)
    one.handle(CohortHeard(cohort.id, FoldFailed(0, 1, "exception", "boom")))
    one.handle(CohortFinished(cohort.id))
    assert one.finished
    assert {number: set(folds) for number, folds in one.results.items()} == {0: {0}, 1: {2, 3}}


def test_a_worker_that_forgets_is_asked_again() -> None:
    one = conductor(1, together=False)
    cohort = take(one)
    one.handle(CohortFinished(cohort.id))
    assert not one.finished
    report(one, take(one))
    assert one.results[0].keys() == {0, 1}


def settings(stage: Path, cv: CvSettings) -> SweepSettings:
    return SweepSettings(task="binary", seed=99, metrics=("accuracy",), stage=str(stage), cv=cv)


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stage")
    spec = {"name": "s", "data": {"source": "sklearn", "name": "breast_cancer"}, "space": {"learning_rate": [0.1, 0.2]}}
    stage_data(spec_from_mapping(spec, folder), folder)
    return folder


def test_fresh_splits_are_new_cuts_of_the_same_search_rows(staged: Path, tmp_path: Path) -> None:
    fresh = stage_fresh_splits(staged, tmp_path / "fresh", settings(staged, CvSettings(folds=3, repeats=4)), 0.2)
    before, splits = open_staged(staged)
    after, cut = open_staged(tmp_path / "fresh")
    assert fresh.repeats == ((0, 1, 2), (3, 4, 5), (6, 7, 8), (9, 10, 11))
    assert fresh.folds == 12
    assert fresh.test_to_train == pytest.approx(sum(len(f.score) for f in cut.folds) / sum(len(f.train) for f in cut.folds))
    assert 0.55 < fresh.test_to_train < 0.65  # 1/3 scored, 2/3 trained on, of which 15 % are watched
    assert np.array_equal(cut.test, splits.test)
    assert np.array_equal(cut.search, splits.search)
    seen = {tuple(np.sort(fold.score)) for fold in splits.folds}
    new = {tuple(np.sort(fold.score)) for fold in cut.folds}
    assert len(new) == 12
    assert not seen & new
    assert after.fingerprint == before.fingerprint
    assert np.array_equal(after.target, before.target)
    assert np.array_equal(np.asarray(after.features), np.asarray(before.features))


def test_folds_of_known_rows_alone_are_the_same_folds_with_less_to_train_on(staged: Path, tmp_path: Path) -> None:
    dataset, _ = open_staged(staged)
    known = np.arange(dataset.rows) % 3 > 0
    fresh = stage_fresh_splits(staged, tmp_path / "fresh", settings(staged, CvSettings(folds=3, repeats=2)), 0.2, known)
    folds = open_staged(tmp_path / "fresh")[1].folds
    assert (fresh.repeats, fresh.known_repeats) == (((0, 1, 2), (3, 4, 5)), ((6, 7, 8), (9, 10, 11)))
    assert fresh.folds == 6
    for whole, less in zip(folds[:6], folds[6:], strict=True):
        assert (less.fold, less.repeat) == (whole.fold, whole.repeat)  # so it begins with the same weights
        assert np.array_equal(less.score, whole.score)
        assert np.array_equal(less.train, whole.train[known[whole.train]])
        assert np.array_equal(less.monitor, whole.monitor[known[whole.monitor]])
        assert 0 < len(less.train) < len(whole.train)


def test_rows_with_one_way_to_cut_are_refused(staged: Path, tmp_path: Path) -> None:
    one_way = settings(staged, CvSettings(repeats=2, shuffle=False))
    with pytest.raises(DataError, match="without shuffle"):
        stage_fresh_splits(staged, tmp_path / "fresh", one_way, 0.2)
