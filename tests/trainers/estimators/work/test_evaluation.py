"""What a worker tells of a cohort of estimators under the keras engine, and where callbacks write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from small_works import Squaring, assert_as_scikit_learn, classifier, evaluator_of, failures, heard, net, results, table, work

from trainers.errors import TrainerError
from trainers.estimators import FITTED, KerasClassifier, load, pickled, stage_work
from trainers.estimators.work.scoring import heard as warned_of
from trainers.messages import Done, Evaluate, Event, Failed, FoldFinished, Prepare, Progress, Refit, Refitted, TrialRequest
from trainers.settings import SweepSettings, TrainerSettings
from trainers.worker import Worker

pytestmark = pytest.mark.full  # the same on the fused engine stands in tests/trainers/estimators/fused


def test_folds_have_scikit_learns_scores(tmp_path: Path) -> None:
    estimator = Pipeline([("scale", StandardScaler()), ("clf", classifier())])
    made = work(estimator, scorers=check_scoring(estimator, ["accuracy", "neg_log_loss"]), return_train_score=True)
    found = assert_as_scikit_learn(made, tmp_path, [{}, {"clf__units": 3}], engine="keras")
    assert {(result.engine, result.engine_reason, result.epochs_run) for result in found.values()} == {("keras", None, 3)}
    assert all(set(result.history) == {"loss", "mae"} and result.size > 0 for result in found.values())


def test_steps_that_work_in_place_have_scikit_learns_scores(tmp_path: Path) -> None:
    steps = {"square": Squaring(), "minmax": MinMaxScaler(copy=False)}
    made = work(Pipeline([("scale", "passthrough"), ("clf", classifier(epochs=6))]), values={"scale": steps})
    configs = [{"scale": "square"}, {"scale": "minmax"}, {"scale": "square", "clf__units": 3}]
    assert_as_scikit_learn(made, tmp_path, configs, engine="keras", objects=steps)


def test_early_stopping_is_told(tmp_path: Path) -> None:
    stopping = keras.callbacks.EarlyStopping(monitor="loss", patience=1, min_delta=10.0, restore_best_weights=True)
    _, events = heard(work(classifier(callbacks=[stopping], epochs=9)), tmp_path, [{}])
    (first, _) = results(events).values()
    assert (first.epoch, first.epochs_run, first.stopped) == (1, 2, "early_stopping")


def test_progress_is_reported_and_what_listening_raises_ends_the_cohort(tmp_path: Path) -> None:
    evaluator = evaluator_of(work(classifier()), tmp_path)
    evaluator._report_seconds = 0.0
    told: list[Event] = []
    evaluator.evaluate([TrialRequest(4, {}, (1,))], told.append)
    assert [(e.trial, e.fold, e.epoch, e.epochs) for e in told if isinstance(e, Progress)] == [(4, 1, n, 3) for n in (1, 2, 3)]

    def interrupted(event: Event) -> None:
        raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match="enough"):
        evaluator.evaluate([TrialRequest(4, {}, (1,))], interrupted)


def test_a_fold_that_raises_fails_alone_with_its_exception(tmp_path: Path) -> None:
    X, y = table()
    X[50, 0] = np.nan
    splits = [(np.arange(40), np.arange(40)), (np.arange(20, 60), np.arange(20))]
    _, events = heard(work(classifier(), X, y, splits=splits), tmp_path, [{}, {"nonsense": 1}])
    assert set(failures(events)) == {(0, 1), (1, 0), (1, 1)}
    assert set(results(events)) == {(0, 0)}
    failure = failures(events)[0, 1]
    assert failure.cause == "exception"
    assert "NaN" in failure.message
    assert "Traceback" in failure.traceback
    assert isinstance(load(failure.error), ValueError)


@pytest.mark.full
def test_relative_paths_of_callbacks_lie_below_trial_and_fold(tmp_path: Path) -> None:
    absolute = tmp_path / "kept.csv"
    callbacks = [keras.callbacks.CSVLogger("logs/epochs.csv"), keras.callbacks.CSVLogger(str(absolute))]
    made = work(classifier(callbacks=callbacks), output=str(tmp_path / "out"))
    evaluator, _ = heard(made, tmp_path / "work", [{}, {"units": 3}])
    written = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.csv")}
    assert written == {f"trial-{trial}/fold-{fold}/logs/epochs.csv" for trial in (0, 1) for fold in (0, 1)}
    assert absolute.exists()
    evaluator.refit(Refit({}, (), str(tmp_path / "refit")))
    assert (tmp_path / "out" / "logs" / "epochs.csv").exists()


def test_a_random_state_of_the_users_is_kept_and_without_one_seeds_differ_by_fold(tmp_path: Path) -> None:
    X, y = table()
    halves = [(np.arange(40), np.arange(40, 60))] * 2
    for number, (state, equal) in enumerate([(5, True), (None, False)]):
        made = work(KerasClassifier(_random, random_state=state), X, y, splits=halves)
        _, events = heard(made, tmp_path / str(number), [{}])
        first, second = results(events).values()
        assert (first.history["loss"] == second.history["loss"]) is equal


def _random() -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    return model


def test_the_refit_can_be_adopted(tmp_path: Path) -> None:
    X, y = table()
    evaluator = evaluator_of(work(classifier(), X, y, fit_params={"epochs": 2}), tmp_path / "work")
    assert evaluator.refit(Refit({"units": 3}, (), str(tmp_path / "new" / "refit"))).epochs == 2
    found = load((tmp_path / "new" / "refit" / FITTED).read_bytes())
    brought, expected = classifier(units=3), classifier(units=3).fit(X, y, epochs=2)
    brought._adopt(found["final"])
    assert found["steps"] == []
    np.testing.assert_allclose(brought.predict_proba(X), expected.predict_proba(X), atol=1e-6)
    assert brought.classes_.tolist() == ["no", "yes"]


def test_the_worker_takes_the_evaluator_of_the_recipe(tmp_path: Path) -> None:
    def failing(units: int = 2) -> keras.Model:
        if units > 2:
            raise ArithmeticError("no more than two")
        return net(units)

    stage_work(work(KerasClassifier(failing)), tmp_path)
    settings = SweepSettings(
        task="multiclass", seed=1, metrics=("test_score",), stage=str(tmp_path), trainer=TrainerSettings(type="estimator")
    )
    sent: list[Any] = []
    worker = Worker(sent.append)
    assert worker.answer(Prepare(settings)) == Done()
    assert worker.answer(Evaluate((TrialRequest(0, {}, (0, 1)),))) == Done()
    assert [type(event) for event in sent if not isinstance(event, Progress)] == [FoldFinished, FoldFinished]
    assert isinstance(worker.answer(Refit({}, (), str(tmp_path / "refit"))), Refitted)
    failed = worker.answer(Refit({"units": 3}, (), str(tmp_path / "refit")))
    assert isinstance(failed, Failed)
    assert isinstance(load(failed.error), ArithmeticError)


def test_exceptions_that_cannot_be_carried_are_told_in_words_alone() -> None:
    class TwoPartsError(Exception):
        def __init__(self, one: str, other: str) -> None:
            super().__init__(one + other)

    assert pickled(TwoPartsError("a", "b")) is None
    assert str(load(pickled(TrainerError("c")))) == "c"


def test_what_developers_are_warned_of_is_not_heard() -> None:
    import warnings

    kept: list[tuple[str, str]] = []
    with warned_of(kept):
        warnings.warn("ill-defined", RuntimeWarning, stacklevel=1)
        warnings.warn("ill-defined", RuntimeWarning, stacklevel=1)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert kept == [("builtins:RuntimeWarning", "ill-defined")]
