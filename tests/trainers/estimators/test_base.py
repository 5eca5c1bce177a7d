from __future__ import annotations

import copy
import pickle
import random
from typing import Any

import joblib
import keras
import numpy as np
import pandas as pd
import pytest
from estimator_nets import EAGER, L, classify, labelled, net, regress
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trainers.estimators import KerasClassifier, KerasRegressor
from trainers.estimators.inputs import Inputs

X, Y = labelled()


@pytest.fixture(scope="module")
def fitted() -> KerasClassifier:
    return KerasClassifier(classify, random_state=3, hidden=np.int64(6), epochs=2).fit(X, Y)


def weights(estimator: Any) -> list[Any]:
    return [np.asarray(value) for value in estimator.model_.get_weights()]


def equal(one: Any, other: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(weights(one), weights(other), strict=True))


def test_fit_returns_the_estimator_with_its_net_and_history(fitted: KerasClassifier) -> None:
    assert isinstance(fitted.model_, keras.Model)
    assert list(fitted.history_) == ["accuracy", "loss"]
    assert fitted.history is fitted.history_
    assert all(isinstance(value, float) for value in fitted.history["loss"])
    assert len(fitted.history["loss"]) == 2
    assert fitted.model is classify
    assert fitted.n_features_in_ == 4


def test_the_net_is_called_model_where_the_builder_came_by_the_older_name() -> None:
    estimator = KerasClassifier(build_fn=classify)
    assert estimator.model is None
    estimator.fit(X, Y)
    assert estimator.model is estimator.model_
    assert estimator.get_params()["model"] is None
    assert clone(estimator).model is None


def test_before_fit_there_is_nothing() -> None:
    estimator = KerasClassifier(classify)
    for name in ("model_", "history_", "history", "classes_"):
        assert not hasattr(estimator, name)
    with pytest.raises(NotFittedError):
        estimator.predict(X)


def test_builders_get_plain_numbers_and_parameters_keep_what_was_given(fitted: KerasClassifier) -> None:
    assert isinstance(fitted.get_params()["hidden"], np.int64)
    assert fitted.model_.layers[0].units == 6


def test_one_seed_gives_one_net() -> None:
    one, two = (KerasClassifier(classify, random_state=5).fit(X, Y) for _ in range(2))
    assert equal(one, two)
    np.random.seed(7)
    one = KerasClassifier(classify).fit(X, Y)
    np.random.seed(7)
    assert equal(one, KerasClassifier(classify).fit(X, Y))
    assert not equal(one, KerasClassifier(classify).fit(X, Y))


def test_global_random_states_are_left_alone() -> None:
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]
    KerasClassifier(classify, random_state=2).fit(X, Y).predict(X)
    assert (random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2]) == before


def test_the_second_net_has_the_names_of_the_first() -> None:
    def make() -> Any:
        return net(1, "sigmoid", "binary_crossentropy", metrics=[keras.metrics.AUC()])

    names = [list(KerasClassifier(make).fit(X, Y).history_) for _ in range(2)]
    assert names == [["auc", "loss"], ["auc", "loss"]]


def test_what_fit_is_given_holds_for_the_call(fitted: KerasClassifier) -> None:
    estimator = clone(fitted).fit(X, Y, epochs=np.int64(3), validation_data=(X[:5], Y[:5]), batch_size=40)
    assert len(estimator.history_["val_loss"]) == 3
    assert estimator.get_params()["epochs"] == 2
    assert "val_loss" not in clone(estimator).fit(X, Y).history_


def test_further_arguments_of_model_fit_come_by_prefix() -> None:
    estimator = KerasClassifier(classify, epochs=3, fit__initial_epoch=1).fit(X, Y)
    assert len(estimator.history_["loss"]) == 2


def test_fit_arguments_can_be_requested() -> None:
    with config_context(enable_metadata_routing=True):
        estimator = KerasClassifier(classify).set_fit_request(epochs=True, sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), estimator)
        pipeline.fit(X, Y, epochs=2, sample_weight=np.ones(len(Y)))
    assert len(pipeline[-1].history_["loss"]) == 2


def test_callbacks_and_optimizers_are_made_anew() -> None:
    stopping = keras.callbacks.EarlyStopping(monitor="loss", patience=0, min_delta=1e9)
    adam = keras.optimizers.Adam(0.02)
    estimator = KerasClassifier(classify, callbacks=stopping, optimizer=adam, epochs=9)
    for _ in range(2):
        assert len(estimator.fit(X, Y).history_["loss"]) == 2
    assert stopping.model is None
    assert stopping.stopped_epoch == 0
    assert not adam.built
    assert float(estimator.model_.optimizer.learning_rate) == pytest.approx(0.02)
    assert len(clone(estimator).set_params(callbacks=None).fit(X, Y, callbacks=[stopping]).history_["loss"]) == 2


def test_settings_of_the_optimizer_go_into_it() -> None:
    estimator = KerasClassifier(classify, optimizer="sgd", optimizer__momentum=0.7).fit(X, Y)
    assert estimator.model_.optimizer.momentum == 0.7
    with pytest.raises(ValueError, match="expected a setting of SGD, got 'lr'") as caught:
        estimator.set_params(optimizer__lr=0.1).fit(X, Y)
    assert "write learning_rate" in caught.value.__notes__[0]


@pytest.mark.parametrize("watched", [{"validation_split": 0.25}, {"validation_data": (X[30:], Y[30:])}])
def test_classes_weigh_in_training_alone(watched: dict[str, Any]) -> None:
    still = keras.optimizers.SGD(0.0)
    estimator = KerasClassifier(classify, optimizer=still, random_state=0, **watched)
    plain, heavy, none = (estimator.fit(X, Y, class_weight=one).history_ for one in (None, {0: 5.0}, {1: 0}))
    assert heavy["val_loss"] == pytest.approx(plain["val_loss"])
    assert none["val_loss"] == pytest.approx(plain["val_loss"])
    assert heavy["loss"] != pytest.approx(plain["loss"])
    theirs = estimator.model_.fit(X, Y, class_weight={0: 5.0, 1: 1.0}, shuffle=False, verbose=0, **watched).history
    assert heavy["loss"] == pytest.approx(theirs["loss"])
    assert heavy["val_loss"] == pytest.approx(theirs["val_loss"])


def test_rows_of_weight_0_are_left_out() -> None:
    estimator = KerasRegressor(regress, random_state=1)
    weight = (np.arange(40) % 3 > 0).astype(float)
    kept = weight > 0
    weighted = clone(estimator).fit(X, X[:, 0], sample_weight=weight)
    assert equal(weighted, estimator.fit(X[kept], X[kept, 0]))


def test_weights_count() -> None:
    y = np.array([0.0, 1.0] * 20)
    estimator = KerasRegressor(lambda: net(1, None, "mse"), epochs=8, random_state=1)
    heavy = estimator.fit(X * 0, y, sample_weight=np.where(y == 1, 1.0, 0.05)).predict(X[:1] * 0)
    assert heavy > 0.6


def test_training_goes_on() -> None:
    estimator = KerasClassifier(classify, random_state=1, warm_start=True).fit(X, Y)
    first, net_ = weights(estimator), estimator.model_
    estimator.fit(X, Y)
    assert estimator.model_ is net_
    assert len(estimator.history_["loss"]) == 2
    assert not np.array_equal(first[0], weights(estimator)[0])
    estimator.set_params(epochs=7).partial_fit(X, Y)
    assert len(estimator.history_["loss"]) == 3
    with pytest.raises(ValueError, match=r"expected labels among \[0, 1\], got \[5\]"):
        estimator.partial_fit(X[:2], [0, 5])


def test_partial_fit_knows_classes_beforehand() -> None:
    estimator = KerasClassifier(classify).partial_fit(X[:3], ["a", "a", "a"], classes=["c", "a", "b"])
    assert estimator.classes_.tolist() == ["a", "b", "c"]
    assert estimator.partial_fit(X[:2], ["b", "c"]).predict_proba(X).shape == (40, 3)
    regressor = KerasRegressor(regress).partial_fit(X, X[:, 0]).partial_fit(X, X[:, 0])
    assert len(regressor.history_["loss"]) == 2


def test_a_fit_that_fails_leaves_no_net_behind(fitted: KerasClassifier) -> None:
    estimator = copy.deepcopy(fitted)
    with pytest.raises(ValueError, match="one class"):
        estimator.fit(X, np.ones(40))
    assert not hasattr(estimator, "model_")


def test_an_answer_does_not_hang_on_its_companions(fitted: KerasClassifier) -> None:
    many = fitted.predict_proba(np.concatenate([X, X]))
    assert np.array_equal(many[:40], fitted.predict_proba(X))
    assert np.array_equal(many[7:8], fitted.predict_proba(X[7:8]))


def test_known_answers_are_given_without_the_net(fitted: KerasClassifier) -> None:
    estimator = copy.deepcopy(fitted)
    estimator._answers = [(X, np.tile([0.0, 1.0], (40, 1)))]
    assert estimator.predict(X).tolist() == [1] * 40
    assert estimator.predict(X.copy()).tolist() == [1] * 40
    assert np.array_equal(estimator.predict_proba(X[:5]), fitted.predict_proba(X[:5]))
    assert np.array_equal(pickle.loads(pickle.dumps(estimator)).predict(X), fitted.predict(X))  # noqa: S301


def test_fitted_estimators_travel(fitted: KerasClassifier, tmp_path: Any) -> None:
    expected = fitted.predict_proba(X)
    joblib.dump(fitted, tmp_path / "fitted")
    for other in (pickle.loads(pickle.dumps(fitted)), copy.deepcopy(fitted), joblib.load(tmp_path / "fitted")):  # noqa: S301
        assert np.array_equal(other.predict_proba(X), expected)
        assert other.history_ == fitted.history_


def test_what_a_fit_has_set_can_be_taken_over(fitted: KerasClassifier) -> None:
    state = pickle.loads(pickle.dumps(fitted._fitted_state()))  # noqa: S301
    other = clone(fitted)
    other._adopt(state)
    known = dict(vars(other))
    assert np.array_equal(other.predict_proba(X), fitted.predict_proba(X))
    assert vars(other) == known
    assert equal(other, fitted)
    assert other.n_features_in_ == 4


def _builder_of(notebook: dict[str, Any], kind: str) -> Any:
    """Return a builder as a notebook's cell defines it: it reads ACT and UNITS of the cell's world when it is called."""
    source = """
def build():
    return net(UNITS, ACT, "sparse_categorical_crossentropy")

class Build:
    def __call__(self):
        return build()
"""
    notebook.update({"__name__": "__main__", "net": net, "UNITS": 2, "ACT": "softmax"})
    exec(source, notebook)  # noqa: S102
    return notebook["Build"]() if kind == "object" else notebook["build"]


@pytest.mark.parametrize("kind", ["function", "object"])
def test_a_net_from_elsewhere_is_built_as_it_was_then(kind: str) -> None:
    world: dict[str, Any] = {}
    there = KerasClassifier(_builder_of(world, kind), random_state=0).fit(X, Y)
    here = clone(there)
    here._adopt(there._fitted_state())
    world.update(ACT="sigmoid", UNITS=3)
    assert np.array_equal(here.predict_proba(X), there.predict_proba(X))
    assert here.model_.layers[-1].activation is keras.activations.softmax
    assert (world["ACT"], world["UNITS"]) == ("sigmoid", 3)


def test_weights_from_elsewhere_are_put_into_a_new_net(fitted: KerasClassifier) -> None:
    other = clone(fitted)
    begun = other._begin_fit(X, Y, seed=11)
    assert (begun.epochs, begun.batch_size, begun.seed, begun.others) == (2, 32, 11, {})
    other._end_fit(begun, {"loss": [1.0]}, weights=weights(fitted))
    assert np.array_equal(other.predict_proba(X), fitted.predict_proba(X))
    assert other.model_ is not begun.model


def test_lambda_layers_can_be_fitted_but_not_pickled() -> None:
    def make() -> Any:
        model = keras.Sequential([L.Input((4,)), L.Lambda(lambda rows: rows * 2), L.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy", run_eagerly=EAGER)
        return model

    estimator = KerasClassifier(make).fit(X, Y)
    assert estimator.predict(X).shape == (40,)
    with pytest.raises(pickle.PicklingError, match="model_: expected a net that Keras can save"):
        copy.deepcopy(estimator)


def test_what_is_not_finite_is_refused_and_costs_a_search_one_score() -> None:
    estimator = KerasRegressor(regress, optimizer="sgd", optimizer__learning_rate=1e30, epochs=2)
    with pytest.raises(ValueError, match="expected finite numbers, got NaN or infinity: its training has diverged"):
        estimator.fit(X, X[:, 0]).predict(X)
    with pytest.warns(UserWarning, match="Scoring failed"):
        search = GridSearchCV(estimator, {"optimizer__learning_rate": [1e30, 1e-3]}, cv=2, error_score=-5.0).fit(X, X[:, 0])
    assert search.cv_results_["mean_test_score"][0] == -5.0
    assert search.best_params_ == {"optimizer__learning_rate": 1e-3}


def test_scikit_learns_search_over_a_pipeline() -> None:
    pipeline = make_pipeline(StandardScaler(), KerasClassifier(build_fn=classify, random_state=0))
    grid = {"kerasclassifier__hidden": np.arange(1, 3)}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, Y)
    assert search.best_estimator_[-1].model.count_params() == 5 * search.best_params_["kerasclassifier__hidden"] + 2 * (
        search.best_params_["kerasclassifier__hidden"] + 1
    )


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (KerasClassifier(), "model: expected a function that returns a compiled model, got None"),
        (KerasClassifier(classify, build_fn=classify), "model, build_fn: expected one of them, got both"),
        (KerasClassifier(lambda: None), "expected it to return a compiled keras.Model, got NoneType"),
        (KerasClassifier(keras.Sequential), "expected a compiled model, got one that is not"),
        (KerasClassifier(keras.Sequential()), "expected a function that returns a compiled model, got a model"),
        (KerasClassifier(classify, nb_epoch=3), "did you mean 'epochs'"),
        (KerasClassifier(lambda size: net(size, None, "mse")), "expects a value for 'size', got none"),
        (KerasClassifier(lambda: net(1, "sigmoid", "mse"), class_weight="even"), "class_weight: expected a dict of weights"),
        (KerasRegressor(regress, class_weight="balanced"), "class_weight: expected None for a regressor"),
        (KerasClassifier(classify, validation_data=X), r"validation_data: expected \(X, y\) or \(X, y, sample_weight\)"),
        (KerasClassifier(classify, validation_data=(X, Y + 5)), r"validation_data: expected labels among \[0, 1\]"),
        (KerasClassifier(classify, validation_data=(X[:, :2], Y)), "X has 2 features"),
        (KerasClassifier(classify, random_state="a"), "cannot be used to seed"),
    ],
)
def test_what_cannot_be_fitted_is_refused_at_fit(estimator: Any, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        estimator.fit(X, Y)


def test_unknown_names_are_refused_by_set_params_at_once() -> None:
    with pytest.raises(ValueError, match="did you mean 'hidden'"):
        KerasClassifier(classify).set_params(hiden=3)


def test_another_builder_forgets_the_defaults_of_the_old_one() -> None:
    estimator = clone(KerasClassifier(classify, optimizer="sgd"))
    estimator.set_params(model=lambda hidden=9, optimizer="adam": None)
    assert {name: estimator.get_params()[name] for name in ("hidden", "optimizer")} == {"hidden": 9, "optimizer": "sgd"}


def test_builder_parameters_may_have_any_name() -> None:
    def make(fit: int = 1, score: int = 2, predict: str = "sigmoid") -> Any:
        return net(fit, predict, "binary_crossentropy")

    estimator = KerasClassifier(make, score=3)
    assert clone(estimator).get_params()["score"] == 3
    assert 0 <= estimator.fit(X, Y).score(X, Y) <= 1


def test_what_data_give_is_passed_where_the_signature_has_it() -> None:
    seen: dict[str, Any] = {}

    def make(input_shape: Any, output_units: Any, n_classes: Any, meta: Any) -> Any:
        seen.update(locals())
        return net(1, "sigmoid", "binary_crossentropy")

    KerasClassifier(make).fit(X, Y)
    assert (seen["input_shape"], seen["output_units"], seen["n_classes"]) == ((4,), 1, 2)
    assert seen["meta"]["n_features_in_"] == 4
    assert seen["meta"]["target_type_"] == "binary"
    assert "input_shape" not in KerasClassifier(make).get_params()


def test_data_of_many_kinds(fitted: KerasClassifier) -> None:
    expected = fitted.predict(X)
    assert np.array_equal(fitted.predict(sparse.csr_array(X)), expected)
    assert np.array_equal(fitted.predict(X.tolist()), expected)
    frame = pd.DataFrame(X, columns=list("abcd"))
    named = clone(fitted).fit(frame, pd.Series(Y))
    assert named.feature_names_in_.tolist() == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        named.predict(frame.rename(columns={"a": "e"}))
    deep = np.zeros((8, 2, 3, 2))
    assert KerasRegressor(lambda: flat((2, 3, 2))).fit(deep, deep[:, 0, 0, 0]).predict(deep).shape == (8,)
    with pytest.raises(ValueError, match="expected 2 to 4 dimensions, got 5"):
        clone(fitted).fit(np.zeros((40, 1, 1, 1, 4)), Y)


def flat(shape: Any) -> Any:
    model = keras.Sequential([L.Input(shape), L.Flatten(), L.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=EAGER)
    return model


def test_integers_stay_integers() -> None:
    def make() -> Any:
        model = keras.Sequential([L.Embedding(9, 2), L.GlobalAveragePooling1D(), L.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy", run_eagerly=EAGER)
        return model

    ids = np.arange(80).reshape(40, 2) % 9
    estimator = KerasClassifier(make)
    assert estimator._begin_fit(ids, Y).inputs.dtype.kind == "i"
    assert estimator.fit(ids, Y).predict(ids).shape == (40,)


def test_inputs_by_name() -> None:
    def make(input_shape: Any) -> Any:
        parts = {name: L.Input(shape, name=name) for name, shape in input_shape.items()}
        model = keras.Model(parts, L.Dense(1)(L.Concatenate()(list(parts.values()))))
        model.compile("adam", "mse", run_eagerly=EAGER)
        return model

    named = {"left": X[:, :1], "right": X[:, 1:]}
    estimator = KerasRegressor(make, random_state=0).fit(named, X[:, 0])
    assert estimator.predict(Inputs(named)).shape == (40,)
    assert not hasattr(estimator, "n_features_in_")
    with pytest.raises(ValueError, match="expected the inputs left, right, as at fit, got a dict of left"):
        estimator.predict({"left": X[:, :1]})
    with pytest.raises(ValueError, match="expected a dict of the inputs left, right"):
        estimator.predict(X)
    with pytest.raises(ValueError, match=r"Input X\['left'\] contains NaN"):
        estimator.predict({**named, "left": X[:, :1] * np.nan})
    assert cross_val_score(estimator, Inputs(named), X[:, 0], cv=2).shape == (2,)


def test_nets_without_input_and_nets_that_are_classes() -> None:
    class Own(keras.Model):
        def __init__(self, units: int = 1) -> None:
            super().__init__()
            self.dense = L.Dense(units, "sigmoid")
            self.compile("adam", "binary_crossentropy", run_eagerly=EAGER)

        def call(self, rows: Any) -> Any:
            return self.dense(rows)

    estimator = KerasClassifier(Own, random_state=0).fit(X, Y)
    assert estimator.predict_proba(X).shape == (40, 2)
    other = clone(estimator)
    other._adopt(estimator._fitted_state())
    assert np.array_equal(other.predict_proba(X), estimator.predict_proba(X))


def test_older_habits_work() -> None:
    def make() -> Any:
        dense = L.Dense(8, input_dim=4, kernel_initializer="uniform", activation="relu")
        model = keras.Sequential([dense, L.Dense(1, kernel_initializer="normal", activation="sigmoid")])
        model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
        return model

    with pytest.warns(UserWarning, match="input_dim"):  # Keras' own word
        assert 0 <= KerasClassifier(build_fn=make, verbose=0).fit(X, Y).score(X, Y) <= 1


def test_an_older_name_that_keras_refuses_is_told_with_the_new_one() -> None:
    with pytest.raises(ValueError, match="not recognized") as caught:
        KerasClassifier(lambda: net(1, None, "mse", optimizer=keras.optimizers.Adam(lr=0.1))).fit(X, Y)
    assert caught.value.__notes__ == ["Keras 3 has no argument 'lr' here; write learning_rate."]


def test_estimators_show_themselves(fitted: KerasClassifier) -> None:
    assert "hidden=np.int64(6)" in repr(fitted)
    assert "KerasClassifier" in fitted._repr_html_()
