"""Fused folds have the scores of ``clone(estimator).set_params(**params).fit(...)`` on the same backend, by scikit-learn's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.metrics import check_scoring, make_scorer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from small_works import Squaring, assert_as_scikit_learn, classifier, net, table, work

from trainers.estimators import KerasRegressor

SCORERS = ["accuracy", "neg_log_loss"]


def fused(made: Any, folder: Path, configs: list[dict[str, Any]], **objects: Any) -> dict[tuple[int, int], Any]:
    found = assert_as_scikit_learn(made, folder, configs, engine="fused", objects=objects)
    assert {(result.engine, result.engine_reason) for result in found.values()} == {("fused", None)}
    return found


def some(cases: dict[str, Any], *names: str) -> list[Any]:
    """Return all cases, those not named left to the full suite."""
    return [name if name in names else pytest.param(name, marks=pytest.mark.full) for name in cases]


def scorers(estimator: Any, names: Any = SCORERS) -> Any:
    return check_scoring(estimator, names)


def test_a_grid_of_nets(tmp_path: Path) -> None:
    made = work(classifier(), scorers=scorers(classifier(), [*SCORERS, "roc_auc"]), return_train_score=True)
    configs = [{"learning_rate": 0.1}, {"learning_rate": 0.5, "units": 3}, {"learning_rate": 0.5, "batch_size": 16}]
    found = fused(made, tmp_path, configs)
    assert all(np.isfinite(result.metrics["score_time"]) and result.seconds > 0 for result in found.values())


def test_epochs_alone_are_one_run_read_several_times(tmp_path: Path) -> None:
    made = work(classifier(), scorers=scorers(classifier()))
    configs = [{"epochs": epochs, "learning_rate": rate} for rate in (0.1, 0.5) for epochs in (1, 4, 2)]
    found = fused(made, tmp_path, configs)
    assert [found[number, 0].epochs_run for number in range(6)] == [1, 4, 2, 1, 4, 2]
    assert found[0, 0].history["loss"] == found[1, 0].history["loss"][:1]


@pytest.mark.parametrize(
    ("params", "given"), [({}, {"epochs": 2}), ({"fit__epochs": 2}, {}), pytest.param({}, {}, marks=pytest.mark.full)]
)
def test_epochs_of_a_config_give_way_to_fits_own(tmp_path: Path, params: dict[str, Any], given: dict[str, Any]) -> None:
    made = work(classifier(**params), scorers=scorers(classifier()), fit_params=given)
    found = fused(made, tmp_path, [{"epochs": 2}, {"epochs": 5}])
    assert found[1, 0].epochs_run == (2 if params or given else 5)


def pipe(*steps: Any, **params: Any) -> Pipeline:
    return Pipeline([*steps, ("clf", classifier(**params))])


PIPELINES: dict[str, Any] = {
    "a scaler": (lambda: pipe(("scale", StandardScaler())), [{"clf__epochs": 2}, {"scale__with_mean": False, "clf__units": 3}]),
    "steps as values": (
        lambda: pipe(("scale", StandardScaler())), [{"scale": "passthrough"}, {"scale": "minmax"}, {"clf__learning_rate": 0.3}]
    ),
    "nested": (
        lambda: Pipeline([("a", StandardScaler()), ("inner", pipe(("b", MinMaxScaler()), ("none", "passthrough")))]),
        [{"inner__clf__units": 3}, {"inner__b__feature_range": "range"}],
    ),
    "a pipeline as step": (
        lambda: pipe(("both", make_pipeline(StandardScaler(), MinMaxScaler())), ("none", None)),
        [{"both__standardscaler__with_std": False}, {"clf__epochs": 1}],
    ),
    "the net as value": (lambda: pipe(("scale", StandardScaler())), [{"clf": "other"}, {"clf__epochs": 2}]),
    "pandas between": (lambda: pipe(("scale", StandardScaler())).set_output(transform="pandas"), [{}]),
}  # fmt: skip


@pytest.mark.parametrize("name", some(PIPELINES, "nested"))
def test_pipelines(tmp_path: Path, name: str) -> None:
    make, configs = PIPELINES[name]
    objects = {"minmax": MinMaxScaler(), "range": (-1, 2), "other": classifier(epochs=1, units=2)}
    values = {config: {label: objects[label]} for one in configs for config, label in one.items() if label in objects}
    fused(work(make(), scorers=scorers(make()), values=values, return_train_score=True), tmp_path, configs, **objects)


def test_steps_that_work_in_place(tmp_path: Path) -> None:
    steps = {"square": Squaring(), "minmax": MinMaxScaler(copy=False)}
    made = work(pipe(("scale", "passthrough")), scorers=scorers(pipe(), ["neg_log_loss"]), values={"scale": steps})
    fused(made, tmp_path, [{"scale": "square"}, {"scale": "minmax"}], **steps)


@pytest.mark.full
def test_a_table_of_mixed_columns(tmp_path: Path) -> None:
    import pandas as pd

    X, y = table()
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "c": np.where(X[:, 2] > 0, "red", "blue")})
    encoded = ColumnTransformer([("numbers", StandardScaler(), ["a", "b"]), ("words", OneHotEncoder(), ["c"])])
    made = work(pipe(("encode", encoded)), frame, y, scorers=scorers(pipe(("encode", encoded))))
    fused(made, tmp_path, [{}, {"clf__learning_rate": 0.4}])


def test_weights_of_rows_and_classes(tmp_path: Path) -> None:
    weights = np.random.default_rng(1).uniform(0.1, 3, 60)
    weights[::7] = 0
    made = work(classifier(class_weight="balanced"), scorers=scorers(classifier()), fit_params={"sample_weight": weights})
    fused(made, tmp_path, [{}, {"units": 3}])


@pytest.mark.full
def test_weights_go_where_routing_sends_them(tmp_path: Path) -> None:
    weights = np.random.default_rng(1).uniform(0.1, 3, 60)
    with sklearn.config_context(enable_metadata_routing=True):
        clf = classifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        estimator = Pipeline([("scale", StandardScaler().set_fit_request(sample_weight=True)), ("clf", clf)])
        params = {"fit_params": {"sample_weight": weights}, "score_params": {"sample_weight": weights}}
        fused(work(estimator, scorers=scorers(estimator, None), **params), tmp_path, [{}, {"clf__learning_rate": 0.5}])


@pytest.mark.full
def test_weights_by_the_names_of_steps(tmp_path: Path) -> None:
    weights = np.random.default_rng(1).uniform(0.1, 3, 60)
    estimator = pipe(("scale", StandardScaler()))
    params = {"clf__sample_weight": weights, "scale__sample_weight": weights, "clf__epochs": 2}
    fused(work(estimator, scorers=scorers(estimator), fit_params=params), tmp_path, [{}, {"clf__epochs": 5}])


def stopping(**params: Any) -> list[Any]:
    return [keras.callbacks.EarlyStopping(**params)]


STOPPING: dict[str, dict[str, Any]] = {
    "validation_split": {"validation_split": 0.3},
    "stopped": {"validation_split": 0.3, "callbacks": stopping(patience=1, min_delta=0.02), "epochs": 30},
    "restored": {
        "validation_split": 0.3, "callbacks": stopping(patience=2, restore_best_weights=True), "epochs": 20, "learning_rate": 3.0
    },
    "silent": {"callbacks": stopping(patience=1), "epochs": 4},
    "of the loss": {"callbacks": stopping(monitor="loss", patience=1, min_delta=0.05), "epochs": 20},
    "by mode": {"callbacks": stopping(monitor="val_mae", patience=1, mode="max"), "validation_split": 0.2, "epochs": 9},
    "validation_data": {"validation_data": table(30, seed=9), "callbacks": stopping(patience=1, min_delta=0.02), "epochs": 30},
    "validation_data with weights": {
        "validation_data": (*table(30, seed=9), np.linspace(0.1, 2, 30)),
        "callbacks": stopping(patience=1, min_delta=0.02),
        "epochs": 30,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", some(STOPPING, "silent", "restored"))
def test_what_is_watched_and_when_it_stops(tmp_path: Path, name: str) -> None:
    estimator = classifier(**STOPPING[name])
    found = fused(work(estimator, scorers=scorers(estimator)), tmp_path, [{}, {"units": 3}])
    if name in ("stopped", "of the loss", "by mode", "validation_data"):
        assert all(result.epochs_run < estimator.epochs for result in found.values())


def test_validation_data_reaches_the_net_past_the_steps(tmp_path: Path) -> None:
    estimator = pipe(("scale", StandardScaler()), validation_data=table(30, seed=9), callbacks=stopping(patience=1), epochs=9)
    fused(work(estimator, scorers=scorers(estimator)), tmp_path, [{}])


@pytest.mark.full
def test_what_transform_input_names_is_watched_as_the_steps_leave_it(tmp_path: Path) -> None:
    (X, y), stopped = table(30, seed=9), stopping(patience=1)
    with sklearn.config_context(enable_metadata_routing=True):
        net = classifier(callbacks=stopped, epochs=9).set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline([("scale", StandardScaler()), ("clf", net)], transform_input=["X_val"])
        params = {"X_val": 9 * X, "y_val": y}
        fused(work(pipeline, scorers=scorers(pipeline), fit_params=params), tmp_path, [{}])
        fitted = pipeline.fit(*table(), **params)
    scaled = fitted["scale"].transform(9 * X)
    alone = classifier(callbacks=stopped, epochs=9).fit(fitted["scale"].transform(table()[0]), table()[1], X_val=scaled, y_val=y)
    assert fitted["clf"].history_ == alone.history_
    assert set(alone.history_) > {"val_loss"}


@pytest.mark.full
def test_weights_and_a_validation_split(tmp_path: Path) -> None:
    weights = np.random.default_rng(1).uniform(0.1, 3, 60)
    estimator = classifier(validation_split=0.3, callbacks=stopping(patience=1, min_delta=0.01), epochs=30)
    fused(work(estimator, scorers=scorers(estimator), fit_params={"sample_weight": weights}), tmp_path, [{}, {"units": 2}])


@pytest.mark.full
def test_weights_of_classes_and_a_validation_split(tmp_path: Path) -> None:
    callbacks = stopping(patience=1, min_delta=0.01)
    estimator = classifier(validation_split=0.3, class_weight={"yes": 3, "no": 0.5}, callbacks=callbacks, epochs=30)
    fused(work(estimator, scorers=scorers(estimator)), tmp_path, [{}, {"class_weight": None, "units": 2}])


@pytest.mark.full
def test_a_regression_of_several_columns(tmp_path: Path) -> None:
    X, _ = table()
    y = X @ np.random.default_rng(2).normal(size=(4, 2))
    estimator = KerasRegressor(net, loss="mse", outputs=2, shuffle=False, epochs=3, learning_rate=0.01)
    fused(work(estimator, X, y, scorers=scorers(estimator, ["r2", "neg_mean_squared_error"])), tmp_path, [{}, {"units": 3}])


@pytest.mark.full
def test_three_classes(tmp_path: Path) -> None:
    X, _ = table()
    y = np.digitize(X[:, 0], [-0.4, 0.4]) * 10
    estimator = classifier(loss="sparse_categorical_crossentropy", outputs=3)
    fused(work(estimator, X, y, scorers=scorers(estimator)), tmp_path, [{}, {"units": 3}])


@pytest.mark.full
def test_a_fold_that_lacks_a_class_trains_as_scikit_learn_trains_it(tmp_path: Path) -> None:
    X, _ = table()
    y = np.repeat(["a", "b", "c"], 20)
    splits = [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]
    estimator = classifier(loss="sparse_categorical_crossentropy", outputs=3)
    fused(work(estimator, X, y, splits=splits, scorers=scorers(estimator, ["accuracy"])), tmp_path, [{}, {"units": 3}])


@pytest.mark.full
def test_splits_of_any_kind(tmp_path: Path) -> None:
    mask = np.arange(60) % 3 == 0
    splits = [(~mask, mask), (np.arange(-40, 0), np.arange(15)), (np.arange(50), np.arange(20, 60))]
    fused(work(classifier(), splits=splits, scorers=scorers(classifier())), tmp_path, [{}, {"learning_rate": 0.4}])


def test_a_scorer_that_asks_for_more_has_the_net(tmp_path: Path) -> None:
    def weight(estimator: Any, X: Any, y: Any) -> dict[str, float]:
        elsewhere = estimator.predict_proba(np.asarray(X)[:5] + 1.0)
        return {"weight": float(np.abs(estimator.model_.get_weights()[0]).sum()), "elsewhere": float(elsewhere.std())}

    fused(work(classifier(), scorers=weight), tmp_path, [{}, {"learning_rate": 0.5}])


@pytest.mark.full
def test_make_scorer_with_settings(tmp_path: Path) -> None:
    from sklearn.metrics import fbeta_score

    made = work(classifier(), scorers=make_scorer(fbeta_score, beta=2, pos_label="yes"))
    fused(made, tmp_path, [{}, {"units": 3}])
