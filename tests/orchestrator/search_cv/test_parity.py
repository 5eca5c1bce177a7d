"""Searches over nets beside scikit-learn's own on the same backend: from equal initial weights, in the same batch order.

What arguments do, whatever is fitted, is in test_searches.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sklearn
from reference_searches import Reference, reference
from scipy import stats
from search_parity import assert_equal_results, assert_equal_searches
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score, make_scorer, r2_score
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from orchestrator.search_cv import GridSearchCV, NotFusedWarning, RandomizedSearchCV, cross_val_score, cross_validate
from trainers.estimators import KerasClassifier, KerasRegressor

pytestmark = [
    pytest.mark.filterwarnings("ignore:One or more of the:UserWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning"),
]
X, Y = load_iris(return_X_y=True)
WEIGHTS = np.linspace(0.2, 1.0, 150)


@pytest.fixture(scope="module")
def theirs() -> Iterator[Reference]:
    with reference("jax") as kept:
        yield kept


def ramp(shape: Any, dtype: Any = None) -> Any:
    """Initial weights that no backend draws."""
    size = int(np.prod(shape))
    return np.linspace(-0.7, 0.7, size, dtype="float32")[(np.arange(size) * 7) % size].reshape(shape)


def net(units: int = 6, rate: float = 0.05, activation: str = "tanh", fails: int = 0, n_classes: int = 0) -> Any:
    """A small net; its last layer and loss go by the number of classes, 0 for a regression."""
    import keras

    if fails:
        raise ArithmeticError("as it was told")
    first = keras.layers.Dense(units, activation=activation, kernel_initializer=ramp)
    last = keras.layers.Dense(n_classes or 1, activation="softmax" if n_classes else None, kernel_initializer=ramp)
    model = keras.Sequential([first, last])
    loss = "sparse_categorical_crossentropy" if n_classes else "mse"
    model.compile(optimizer=keras.optimizers.SGD(rate, momentum=0.9), loss=loss)
    return model


def classifier(**params: Any) -> KerasClassifier:
    return KerasClassifier(net, **{"epochs": 3, "batch_size": 16, "shuffle": False, **params})


def both(
    theirs: Reference,
    kind: Any,
    *given: Any,
    rows: Any = (X, Y),
    params: Any = None,
    ours: Any = None,
    tolerance: float = 1e-5,
    asked: bool = False,
    **options: Any,
) -> Any:
    """Fit ours and theirs, compare results and, if it is ``asked``, the refitted estimator's answers; return ours."""
    expected = theirs.fit(kind.__name__, *given, rows=rows, params=params, **options)
    found = kind(*given, **options, **(ours or {})).fit(*rows, **(params or {}))
    assert_equal_searches(found, expected, tolerance)
    if asked:
        np.testing.assert_allclose(found.predict_proba(rows[0]), expected.probabilities, atol=10 * tolerance)
    return found


# --- the forms ----------------------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_a_pipeline_with_scorings_weights_and_train_scores(theirs: Reference) -> None:
    pipeline = make_pipeline(StandardScaler(), PCA(2), classifier())
    found = both(
        theirs,
        GridSearchCV,
        pipeline,
        [{"kerasclassifier__epochs": [2, 4]}, {"kerasclassifier__rate": [0.01], "pca": ["passthrough"]}],
        cv=2,
        asked=True,
        scoring=["accuracy", "neg_log_loss"],
        refit="neg_log_loss",
        return_train_score=True,
        params={"kerasclassifier__sample_weight": WEIGHTS},
    )
    assert found.cv_results_["mean_train_neg_log_loss"].shape == (3,)


@pytest.mark.full
def test_one_hot_targets_that_accuracy_cannot_compare_with_labels(theirs: Reference) -> None:
    rows, options = (X, np.eye(3)[Y]), {"cv": 2, "scoring": {"by name": "accuracy"}, "refit": False}
    with pytest.warns(UserWarning, match=r"(?s)Scoring failed.*mix of multilabel-indicator and"):
        found = both(theirs, GridSearchCV, classifier(), {"rate": [0.1]}, rows=rows, **options)
    assert np.isnan(found.cv_results_["mean_test_by name"]).all()
    both(theirs, GridSearchCV, classifier(), {"rate": [0.1]}, rows=rows, cv=2)


@pytest.mark.full
def test_groups_a_failing_candidate_and_early_stopping(theirs: Reference) -> None:
    import keras

    stopping = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True, monitor="val_loss")
    estimator = classifier(callbacks=[stopping], validation_split=0.3, epochs=6)
    found = both(
        theirs,
        GridSearchCV,
        estimator,
        {"rate": [0.2, 0.02], "fails": [0, 1]},
        cv=GroupKFold(2),
        params={"groups": np.arange(150) % 5},
    )
    assert np.isnan(found.cv_results_["mean_test_score"]).sum() == 2


def test_metadata_routing_validation_data_and_a_regression(theirs: Reference) -> None:
    rows = load_diabetes(return_X_y=True)
    y = (rows[1] - 150) / 75
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = KerasRegressor(net, epochs=3, shuffle=False, batch_size=32).set_fit_request(
            sample_weight=True, validation_data=True
        )
        scorer = make_scorer(accuracy_score_of_signs).set_score_request(sample_weight=True)
        found = both(
            theirs,
            GridSearchCV,
            estimator,
            [{"units": [4]}, {"activation": ["relu"], "batch_size": [64]}],
            rows=(rows[0], y),
            cv=2,
            scoring={"signs": scorer, "r2": make_scorer(r2_score).set_score_request(sample_weight=False)},
            refit="r2",
            params={"sample_weight": np.linspace(0.5, 1, len(y)), "validation_data": (rows[0][:40], y[:40])},
        )
    assert "val_loss" in found.best_estimator_.history_


def accuracy_score_of_signs(y: Any, predicted: Any, sample_weight: Any = None) -> float:
    return float(accuracy_score(y > 0, predicted > 0, sample_weight=sample_weight))


def test_cross_validation(theirs: Reference) -> None:
    options = {"cv": 3, "scoring": ["accuracy", "neg_log_loss"], "return_train_score": True, "return_indices": True}
    expected = theirs.call("cross_validate", classifier(), X, Y, **options)
    assert_equal_results(cross_validate(classifier(), X, Y, **options), expected, tolerance=1e-5)
    scores = cross_val_score(classifier(), X, Y, cv=3, scoring="neg_log_loss")
    np.testing.assert_allclose(scores, expected["test_neg_log_loss"], atol=1e-5)


# --- what is not fused --------------------------------------------------------------------------------------------------------


class Halving:
    """Stands for a callback that only ``model.fit`` can call."""

    @staticmethod
    def made() -> Any:
        import keras

        return keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / (1 + epoch))


def test_what_is_left_to_fit_is_equal_too_and_said_once(theirs: Reference) -> None:
    with pytest.warns(NotFusedWarning, match="LearningRateScheduler") as said:
        both(theirs, GridSearchCV, classifier(callbacks=[Halving.made()]), {"rate": [0.1, 0.02]}, cv=2)
    assert len([one for one in said if one.category is NotFusedWarning]) == 1


def test_the_fused_engine_can_be_insisted_on() -> None:
    with pytest.raises(ValueError, match=r"engine=.fused. cannot train this model: .*LearningRateScheduler"):
        GridSearchCV(classifier(callbacks=[Halving.made()]), {"rate": [0.1]}, cv=2, engine="fused").fit(X, Y)
    with pytest.raises(ValueError, match=r"engine=.fused. cannot train this model: .*LearningRateScheduler"):
        GridSearchCV(classifier(), {"callbacks": [None, [Halving.made()]]}, cv=2, engine="fused").fit(X, Y)
    assert GridSearchCV(classifier(), {"rate": [0.1]}, cv=2, engine="fused").fit(X, Y).best_score_ > 0


# --- where it runs ------------------------------------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.parametrize("n_jobs", [1, 3])
def test_one_worker_or_three(theirs: Reference, n_jobs: int) -> None:
    space = {"rate": stats.reciprocal(1e-2, 2e-1), "units": stats.randint(3, 9), "epochs": [1, 3]}
    both(theirs, RandomizedSearchCV, classifier(), space, n_iter=6, cv=3, random_state=3, ours={"n_jobs": n_jobs})


@pytest.mark.full
def test_on_a_ray(theirs: Reference) -> None:
    from shared_ray import our_ray

    with our_ray():
        found = both(theirs, GridSearchCV, classifier(), {"rate": [0.1, 0.02]}, cv=2, ours={"ray_address": "auto", "n_jobs": 2})
    assert found.best_estimator_.model_.count_params() > 0


@pytest.mark.full
def test_beside_scikit_learn_on_tensorflow() -> None:
    with reference("tensorflow") as theirs:
        pipeline = make_pipeline(StandardScaler(), classifier())
        grid = {"kerasclassifier__rate": [0.05, 0.01], "kerasclassifier__units": [4, 6]}
        both(theirs, GridSearchCV, pipeline, grid, cv=3, scoring=["accuracy", "neg_log_loss"], refit="accuracy", tolerance=1e-3)
        both(theirs, GridSearchCV, pipeline, grid, cv=3, ours={"engine": "keras"})


@pytest.mark.full
def test_with_chance_means_are_within_two_standard_errors(theirs: Reference) -> None:
    """Initial weights, batches and dropout are drawn: over 10 seeds the means agree."""
    options = {"cv": 3, "scoring": "neg_log_loss", "refit": False}
    mine, other = [], []
    for seed in range(10):
        estimator = KerasClassifier(drawn, epochs=15, batch_size=8, random_state=seed)
        mine.append(GridSearchCV(estimator, {"rate": [0.05]}, **options).fit(X, Y).cv_results_["mean_test_score"][0])
        expected = theirs.fit("GridSearchCV", estimator, {"rate": [0.05]}, rows=(X, Y), **options)
        other.append(expected.cv_results_["mean_test_score"][0])
    error = np.hypot(np.std(mine, ddof=1), np.std(other, ddof=1)) / np.sqrt(10)
    assert abs(np.mean(mine) - np.mean(other)) < 2 * error


def drawn(rate: float = 0.05) -> Any:
    import keras

    model = keras.Sequential([keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.2), keras.layers.Dense(3, "softmax")])
    model.compile(optimizer=keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy")
    return model


# --- seeds --------------------------------------------------------------------------------------------------------------------


def test_numpys_seed_holds_and_an_int_more() -> None:
    def scores(seed: int | None, **params: Any) -> list[float]:
        if seed is not None:
            np.random.seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = cross_val_score(KerasClassifier(drawn, epochs=2, **params), X, Y, cv=3, scoring="neg_log_loss")
        return [float(score) for score in found]

    assert scores(7) == scores(7)
    assert scores(7) != scores(8)
    assert scores(1, random_state=3) == scores(2, random_state=3)
