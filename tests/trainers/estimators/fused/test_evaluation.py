"""What the evaluator tells of a cohort under the fused engine: what is left to fit, what fails, and the refit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from small_works import classifier, evaluator_of, failures, heard, net, results, table, work

from trainers.estimators import FITTED, KerasClassifier, load
from trainers.messages import Event, Progress, Refit, TrialRequest


def test_what_model_fit_alone_can_do_is_left_to_it_with_the_reason(tmp_path: Path) -> None:
    made = work(classifier(callbacks=[keras.callbacks.TerminateOnNaN()]))
    _, events = heard(made, tmp_path / "a", [{}], engine="fused")
    assert {(r.engine, r.engine_reason) for r in results(events).values()} == {
        ("keras", "left to model.fit: the fit has a callback TerminateOnNaN")
    }
    for number, (params, reason) in enumerate(
        [
            ({"fit__steps_per_epoch": 2}, "fit is given steps_per_epoch"),
            ({"validation_split": 0.999}, "leaves no rows on one side"),
            ({"callbacks": keras.callbacks.EarlyStopping(baseline=0.1)}, "EarlyStopping has a baseline or start_from_epoch"),
        ]
    ):
        checked = evaluator_of(work(classifier(**params)), tmp_path / str(number), engine="fused").check({})
        assert not checked.fusable
        assert reason in str(checked.reason)


def test_a_check_tells_whether_a_search_is_fused(tmp_path: Path) -> None:
    checked = evaluator_of(work(classifier()), tmp_path, engine="fused").check({"units": 3})
    assert checked.fusable
    assert checked.versions["backend"] == "jax"


def _fragile(units: int = 3, learning_rate: float = 0.1) -> keras.Model:
    if units == 4:
        raise ArithmeticError("four units")
    return net(units, learning_rate)


def test_a_failure_stays_with_its_candidate(tmp_path: Path) -> None:
    made = work(KerasClassifier(_fragile, random_state=0, epochs=2))
    _, events = heard(made, tmp_path, [{"units": 4}, {"units": 3}], engine="fused")
    assert set(failures(events)) == {(0, 0), (0, 1)}
    assert set(results(events)) == {(1, 0), (1, 1)}
    failure = failures(events)[0, 0]
    assert "ArithmeticError: four units" in failure.message
    assert isinstance(load(failure.error), ArithmeticError)
    assert not failure.scoring


def test_candidates_of_which_one_has_a_wrong_number_of_epochs_fail_alone(tmp_path: Path) -> None:
    _, events = heard(work(classifier()), tmp_path, [{"epochs": 2}, {"epochs": "two"}], engine="fused")
    assert {trial for trial, _ in failures(events)} == {1}
    assert {trial for trial, _ in results(events)} == {0}


def _of_tensorflow(target: Any, prediction: Any) -> Any:
    import jax.numpy

    return jax.numpy.dot(prediction, prediction)  # raises in the backend, as TensorFlow's functions do on JAX's values


def test_what_the_backend_refuses_says_how_to_take_the_other(tmp_path: Path) -> None:
    made = work(classifier(loss=_of_tensorflow))
    _, events = heard(made, tmp_path, [{}], engine="fused")
    assert {"engine='keras'" in failure.traceback for failure in failures(events).values()} == {True}


class Refusing(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Refuses rows of the first half."""

    def fit(self, X: Any, y: Any = None) -> Refusing:
        if (np.asarray(X)[:, 0] > 100).any():
            raise ValueError("too much")
        return self

    def transform(self, X: Any) -> Any:
        return X


def test_a_failure_stays_with_its_fold(tmp_path: Path) -> None:
    X, y = table()
    X[50, 0] = 1000.0
    splits = [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]
    estimator = Pipeline([("refuse", Refusing()), ("clf", classifier())])
    _, events = heard(work(estimator, X, y, splits=splits), tmp_path, [{}], engine="fused")
    assert set(failures(events)) == {(0, 1)}
    assert set(results(events)) == {(0, 0)}


def test_a_net_that_diverges_scores_error_score_with_scikit_learns_warning(tmp_path: Path) -> None:
    made = work(classifier(loss="mse", learning_rate=1e30, epochs=4), error_score=-7.0)
    _, events = heard(made, tmp_path, [{}, {"learning_rate": 0.1}], engine="fused")
    found = results(events)
    assert [found[number, 0].metrics["test_score"] == -7.0 for number in range(2)] == [True, False]
    assert found[0, 0].stopped == "diverged"
    told = [event.warnings for event in events if getattr(event, "warnings", ()) and event.trial == 0]
    assert len(told) == 2
    assert all(category == "builtins:UserWarning" and text.startswith("Scoring failed.") for ((category, text),) in told)


def test_where_errors_are_to_be_raised_one_in_scoring_is_a_failure_of_scoring(tmp_path: Path) -> None:
    def odd(estimator: Any, X: Any, y: Any) -> float:
        raise LookupError("no such score")

    _, events = heard(work(classifier(), scorers=odd, error_score="raise"), tmp_path, [{}], engine="fused")
    assert {failure.scoring for failure in failures(events).values()} == {True}
    assert isinstance(load(failures(events)[0, 0].error), LookupError)


def test_steps_are_fitted_once_for_all_nets_and_rows_transformed_once(tmp_path: Path) -> None:
    log = tmp_path / "log"

    class Counting(StandardScaler):  # type: ignore[misc]
        def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Any:
            with log.open("a") as file:
                file.write("f")
            return super().fit(X, y)

        def transform(self, X: Any, copy: bool | None = None) -> Any:
            with log.open("a") as file:
                file.write("t")
            return super().transform(X)

    estimator = Pipeline([("count", Counting()), ("clf", classifier())])
    made = work(estimator, scorers=check_scoring(estimator, ["accuracy", "roc_auc"]), return_train_score=True)
    _, events = heard(made, tmp_path / "work", [{"clf__learning_rate": rate} for rate in (0.1, 0.2, 0.3)], engine="fused")
    assert not failures(events)
    assert log.read_text().count("f") == 2  # folds
    assert log.read_text().count("t") == 2 * 3  # fit_transform, the rows scored, the rows trained on


def test_a_nets_seed_follows_from_config_and_fold_alone(tmp_path: Path) -> None:
    made = work(KerasClassifier(_random, epochs=2), scorers=check_scoring(classifier(), "neg_log_loss"))
    configs = [{"units": 3}, {"units": 4}, {"units": 3, "epochs": 1}]
    _, events = heard(made, tmp_path / "together", configs, engine="fused")
    together = results(events)
    alone: list[Event] = []
    evaluator_of(made, tmp_path / "alone", engine="fused").evaluate([TrialRequest(1, configs[1], (1,))], alone.append)
    assert results(alone)[1, 1].metrics["test_score"] == together[1, 1].metrics["test_score"]
    assert together[0, 0].metrics["test_score"] != together[0, 1].metrics["test_score"]
    assert together[2, 0].history["loss"] == together[0, 0].history["loss"][:1]
    _, other = heard(made, tmp_path / "other", configs[:1], engine="fused", seed=4)
    assert results(other)[0, 0].history != together[0, 0].history


def _random(units: int = 3) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(units, "relu"), keras.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    return model


def test_progress_is_told_of_every_candidate(tmp_path: Path) -> None:
    _, events = heard(work(classifier()), tmp_path, [{"epochs": 2}, {"epochs": 6}], engine="fused")
    told = {(event.trial, event.fold, event.epochs) for event in events if isinstance(event, Progress)}
    assert told == {(0, 0, 2), (0, 1, 2), (1, 0, 6), (1, 1, 6)}


def test_the_refit_is_the_pipeline_fitted_on_all_rows(tmp_path: Path) -> None:
    X, y = table()
    estimator = Pipeline([("scale", StandardScaler()), ("inner", Pipeline([("clf", classifier())]))])
    evaluator = evaluator_of(work(estimator, X, y), tmp_path / "work", engine="fused")
    reply = evaluator.refit(Refit({"inner__clf__units": 3}, (), str(tmp_path / "refit")))
    assert reply.epochs == 3
    found = load((tmp_path / "refit" / FITTED).read_bytes())
    expected = estimator.set_params(inner__clf__units=3).fit(X, y)
    ((name, scaler),) = found["steps"]
    assert name == "scale"
    np.testing.assert_array_equal(scaler.mean_, expected["scale"].mean_)
    assert "transform" not in vars(scaler)
    brought = classifier(units=3)
    brought._adopt(found["final"])
    np.testing.assert_allclose(brought.predict_proba(scaler.transform(X)), expected.predict_proba(X), atol=1e-5)
    assert found["seconds"] > 0
