"""An estimator through what people do with one: parameters into nets, grids over builders, copies, chance, predictions."""

from __future__ import annotations

import copy
import pickle
import random
import warnings
from functools import partial
from typing import Any

import joblib
import keras
import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score

from trainers.estimators import KerasClassifier, KerasRegressor, digest_of

pytestmark = pytest.mark.full

X = np.random.default_rng(0).normal(size=(40, 3))
Y = (X.sum(axis=1) > 0).astype(int)


def net(units: int = 4, optimizer: Any = "sgd", activation: str = "relu") -> keras.Model:
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(units, activation=activation), keras.layers.Dense(1, "sigmoid")]
    )
    model.compile(optimizer, "binary_crossentropy", metrics=["accuracy"])
    return model


def deeper(units: int = 8, depth: int = 2) -> keras.Model:
    hidden = [keras.layers.Dense(units) for _ in range(depth)]
    model = keras.Sequential([keras.Input((3,)), *hidden, keras.layers.Dense(1, "sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    return model


def fitted(**params: Any) -> KerasClassifier:
    return KerasClassifier(net, random_state=1, **params).fit(X, Y)


def widths(estimator: Any) -> list[int]:
    return [layer.units for layer in estimator.model_.layers]


class Factory:
    def __init__(self, units: int = 5) -> None:
        self.units = units

    def make(self, activation: str = "relu") -> keras.Model:
        return net(self.units, activation=activation)

    def __call__(self) -> keras.Model:
        return net(self.units)


class OwnNet(keras.Model):
    def __init__(self, units: int = 5, **others: Any) -> None:
        super().__init__(**others)
        self.dense, self.out = keras.layers.Dense(units), keras.layers.Dense(1, "sigmoid")
        self.compile("sgd", "binary_crossentropy")

    def call(self, inputs: Any) -> Any:
        return self.out(self.dense(inputs))


@pytest.mark.parametrize(
    "builder",
    [net, lambda units=5: net(units), partial(net, units=5), Factory().make, Factory(), OwnNet, partial(net, 5)],
    ids=["function", "lambda", "partial", "bound method", "object", "class", "partial by position"],
)
@pytest.mark.parametrize("name", ["model", "build_fn"])
def test_every_kind_of_builder_is_fitted_and_copied(builder: Any, name: str) -> None:
    estimator = clone(KerasClassifier(**{name: builder})).fit(X, Y)
    copied = copy.deepcopy(estimator)
    np.testing.assert_array_equal(copied.predict_proba(X), estimator.predict_proba(X))
    assert set(estimator.predict(X)) <= {0, 1}


def test_parameters_reach_the_builder_the_fit_and_the_optimizer() -> None:
    estimator = fitted(model__units=np.int64(6), fit__epochs=2, optimizer__learning_rate=0.5, optimizer=keras.optimizers.SGD())
    assert widths(estimator) == [6, 1]
    assert len(estimator.history_["loss"]) == 2
    assert float(estimator.model_.optimizer.learning_rate) == 0.5
    assert estimator.get_params()["units"] == 6


def test_scikit_learn_s_grid_goes_over_builders_and_their_own_parameters() -> None:
    grid = [{"model": [net], "units": [2, 3]}, {"model": [deeper], "model__depth": [1]}, {"model": [deeper]}]
    search = GridSearchCV(KerasClassifier(net), grid, cv=2, refit=False).fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_grid_s_later_builder_has_its_own_defaults() -> None:
    estimator = clone(clone(KerasClassifier(net))).set_params(model=deeper).fit(X, Y)
    assert widths(estimator) == [8, 8, 1]


class Focal(keras.losses.Loss):
    """A loss of the user's: not registered with Keras, and without a config."""

    def __init__(self, gamma: float = 2.0) -> None:
        super().__init__()
        self.gamma = gamma

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.abs(keras.ops.reshape(y_true, (-1, 1)) - y_pred) ** self.gamma)


def with_loss(loss: Any = "mse") -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", loss)
    return model


def test_a_clone_has_the_user_s_losses_and_optimizers_anew() -> None:
    loss, random_state = Focal(3.0), random.getstate()
    estimator = KerasRegressor(with_loss, loss=loss, callbacks=[keras.callbacks.EarlyStopping("loss", patience=2)])
    with config_context(enable_metadata_routing=True):
        cloned = clone(estimator.set_fit_request(sample_weight=True))
    assert random.getstate() == random_state
    assert cloned.get_params()["loss"] is not loss
    assert cloned.get_params()["loss"].gamma == 3.0
    assert cloned.callbacks[0] is not estimator.callbacks[0]
    assert cloned.get_metadata_routing().fit.requests["sample_weight"] is True
    assert cross_val_score(estimator, X, X[:, 0], cv=2).shape == (2,)


def test_repr_names_what_was_chosen() -> None:
    assert "units=9" in repr(KerasClassifier(net, units=9))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"nb_epoch": 3}, "did you mean 'epochs'"),
        ({"model__unit": 3}, "did you mean 'model__units'"),
        ({"loss": "mse"}, "compile with it"),
        ({"model": None}, "got None"),
        ({"build_fn": net}, "got both"),
    ],
)
def test_what_cannot_be_is_refused_at_fit(params: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        KerasClassifier(**{"model": net, **params}).fit(X, Y)


def test_a_model_and_an_uncompiled_one_are_refused_at_fit() -> None:
    with pytest.raises(ValueError, match="got a model; each fit needs a new one"):
        KerasClassifier(net()).fit(X, Y)
    with pytest.raises(ValueError, match="expected a compiled model"):
        KerasClassifier(lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])).fit(X, Y)


def test_what_the_user_gave_stays_untouched() -> None:
    optimizer, stopping = keras.optimizers.Adam(0.1), keras.callbacks.EarlyStopping("loss", patience=1)
    estimator = fitted(optimizer=optimizer, callbacks=[stopping], epochs=3)
    assert not optimizer.built
    assert (stopping.model, vars(stopping).get("best_weights")) == (None, None)
    assert estimator.model_.optimizer is not optimizer
    estimator.fit(X, Y)


@pytest.mark.parametrize("through", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))], ids=["deepcopy", "pickle"])  # noqa: S301
def test_a_fitted_estimator_travels_and_goes_on(through: Any, tmp_path: Any) -> None:
    estimator = fitted(warm_start=True)
    copied = through(estimator)
    joblib.dump(estimator, tmp_path / "e.joblib")
    for other in (copied, joblib.load(tmp_path / "e.joblib")):
        state = dict(vars(other))
        np.testing.assert_array_equal(other.predict_proba(X), estimator.predict_proba(X))
        assert vars(other) == state
        other.fit(X, Y)
        assert len(other.history_["loss"]) == 2


def test_a_net_from_a_worker_is_rebuilt_from_its_weights() -> None:
    estimator = fitted(epochs=2)
    other = clone(estimator)
    other._adopt(pickle.loads(pickle.dumps(estimator._fitted_state())))  # noqa: S301
    before = dict(vars(other))
    np.testing.assert_array_equal(other.predict_proba(X), estimator.predict_proba(X))
    assert vars(other) == before
    assert other.history_ == estimator.history_
    np.testing.assert_array_equal(copy.deepcopy(other).predict(X), estimator.predict(X))


def test_a_fitted_estimator_has_a_digest_of_what_it_learnt() -> None:
    estimator = fitted()
    assert digest_of(estimator) == digest_of(copy.deepcopy(estimator)) is not None
    assert digest_of(estimator) != digest_of(fitted(epochs=2))


def test_a_lambda_layer_fits_and_is_refused_where_it_is_pickled() -> None:
    def build() -> keras.Model:
        model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x * 2), keras.layers.Dense(1, "sigmoid")])
        model.compile("sgd", "binary_crossentropy")
        return model

    estimator = KerasClassifier(build).fit(X, Y)
    with pytest.raises(pickle.PicklingError, match="Lambda layers"):
        copy.deepcopy(estimator)


def test_numpy_s_seed_decides_and_the_global_states_move_by_one_draw_alone() -> None:
    def one(state: Any = None) -> list[float]:
        np.random.seed(7)
        found: list[float] = KerasClassifier(net, random_state=state).fit(X, Y).history_["loss"]
        return found

    assert one() == one()
    random.seed(3)
    np.random.seed(3)
    before = random.getstate(), np.random.get_state()[1].tolist()
    fitted().predict(X)
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before


def test_a_row_s_answer_does_not_hang_on_its_companions() -> None:
    estimator = fitted()
    together = estimator.predict_proba(X)
    for rows in (slice(0, 1), slice(5, 12), slice(3, 40)):
        np.testing.assert_array_equal(estimator.predict_proba(X[rows]), together[rows])


def test_rows_of_weight_zero_are_left_out() -> None:
    weights = np.repeat([1.0, 0.0], 20)
    one = KerasClassifier(net, random_state=1).fit(X, Y, sample_weight=weights)
    other = KerasClassifier(net, random_state=1).fit(X[:20], Y[:20])
    np.testing.assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_outputs_that_are_not_finite_score_error_score() -> None:
    def build(rate: float = 0.1) -> keras.Model:
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(rate), "mse")
        return model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        diverged = KerasRegressor(build, rate=1e30, epochs=9).fit(X, X[:, 0])
        with pytest.raises(ValueError, match="finite"):
            diverged.predict(X)
        scores = cross_val_score(KerasRegressor(build, rate=1e30, epochs=9), X, X[:, 0], cv=2, error_score=-5)
    assert scores.tolist() == [-5, -5]


def test_a_net_that_was_watched_is_evaluated_and_trained_on_by_whoever_asks_for_it() -> None:
    estimator = KerasClassifier(build_fn=net, epochs=2).fit(X, Y, validation_data=(X, Y))
    loss, accuracy = estimator.model.evaluate(X, Y, verbose=0)
    assert np.isfinite(loss)
    assert accuracy == pytest.approx(estimator.score(X, Y))
    assert len(estimator.model.fit(X, Y, epochs=1, verbose=0).history["loss"]) == 1


def test_tutorials_ends_work() -> None:
    search = GridSearchCV(KerasClassifier(build_fn=net, verbose=0), {"units": np.arange(2, 4), "epochs": [1]}, cv=2).fit(X, Y)
    loss, accuracy = search.best_estimator_.model.evaluate(X, Y, verbose=0)
    assert 0 <= accuracy <= 1
    assert loss > 0
    assert isinstance(search.best_estimator_.history["loss"], list)
    assert search.best_params_["units"].dtype == np.arange(2).dtype


def test_a_builder_that_names_fit_s_parameters_gets_them_too() -> None:
    seen: list[Any] = []

    def build(epochs: int, random_state: Any, input_shape: Any, n_classes: int, meta: Any) -> keras.Model:
        seen.append((epochs, random_state, input_shape, n_classes, meta["n_features_in_"]))
        return net()

    KerasClassifier(build, epochs=2, random_state=5).fit(X, Y)
    assert seen[0] == (2, 5, (3,), 2, 3)


def test_partial_fit_goes_on() -> None:
    estimator = KerasClassifier(net, random_state=1)
    for _ in range(3):
        estimator.partial_fit(X[:10], Y[:10], classes=[0, 1])
    assert len(estimator.history_["loss"]) == 3
