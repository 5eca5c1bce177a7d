"""A fitted net is the same in hand, rebuilt, pickled and copied."""

from __future__ import annotations

import copy
import io
import pickle
import random
import warnings
from collections.abc import Callable
from typing import Any

import joblib
import keras
import numpy as np
import pytest

from trainers.estimators.instances import StoredModel

X = np.linspace(-1, 1, 12, dtype="float32").reshape(4, 3)


class Scale(keras.layers.Layer):
    """A layer of the user's, not registered."""

    def __init__(self, factor: float = 2.0, **others: Any) -> None:
        super().__init__(**others)
        self.factor = factor

    def call(self, inputs: Any) -> Any:
        return inputs * self.factor

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor}


def distance(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.mean(keras.ops.abs(y_true - y_pred))


def far_off(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.mean(keras.ops.cast(keras.ops.abs(y_true - y_pred) > 1, "float32"))


def small() -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, activation="relu"), keras.layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse")
    return model


def built_by_its_rows() -> keras.Model:
    model = keras.Sequential([keras.layers.Dense(2), keras.layers.BatchNormalization(), keras.layers.Dense(1)])
    model.compile(optimizer="adam", loss="mse")
    return model


def custom() -> keras.Model:
    model = keras.Sequential([keras.Input((3,)), Scale(3.0), keras.layers.Dense(1, activation=swish_like)])
    model.compile(optimizer="adam", loss=distance, metrics=[far_off])
    return model


def swish_like(x: Any) -> Any:
    return x * keras.ops.sigmoid(x)


def trained(build: Callable[[], keras.Model]) -> keras.Model:
    model = build()
    model.fit(X, X[:, :1], epochs=1, verbose=0)
    return model


def joblib_copy(value: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(value, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize("through", [copy.deepcopy, joblib_copy, lambda value: pickle.loads(pickle.dumps(value))])  # noqa: S301
@pytest.mark.parametrize("build", [small, built_by_its_rows, custom])
def test_a_copy_predicts_the_same_and_stays_compiled(build: Any, through: Any) -> None:
    model = trained(build)
    copied = through(StoredModel(model)).model
    assert copied is not model
    np.testing.assert_array_equal(copied.predict(X, verbose=0), model.predict(X, verbose=0))
    assert copied.compiled
    copied.fit(X, X[:, :1], verbose=0)


@pytest.mark.parametrize("build", [small, built_by_its_rows])
def test_builder_and_weights_give_the_net(build: Callable[[], keras.Model]) -> None:
    model = trained(build)
    stored = StoredModel(build=build, weights=model.get_weights(), example=np.zeros((1, 3), "float32"))
    assert all(np.array_equal(one, other) for one, other in zip(stored.weights, model.get_weights(), strict=True))
    np.testing.assert_array_equal(stored.model.predict(X, verbose=0), model.predict(X, verbose=0))
    assert stored.model is stored.model
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(stored)).model(X), model(X))  # noqa: S301


def test_a_builder_that_makes_another_net_by_now_is_told() -> None:
    stored = StoredModel(build=small, weights=[np.zeros((3, 4)), np.zeros(4)], example=np.zeros((1, 3), "float32"))
    with pytest.raises(ValueError, match=r"shapes \[\(3, 4\), \(4,\)\], as at fit, got .*the builder makes another net by now"):
        stored.model  # noqa: B018


def test_an_optimizer_s_state_comes_along() -> None:
    model = trained(small)
    copied = copy.deepcopy(StoredModel(model)).model
    assert int(copied.optimizer.iterations) == 1


def test_what_cannot_be_saved_says_so_when_it_is_pickled() -> None:
    model = keras.Sequential([keras.Input((3,)), keras.layers.Lambda(lambda x: x * 2)])
    stored = StoredModel(model)
    assert stored.model is model
    for through in (copy.deepcopy, pickle.dumps):
        with pytest.raises(pickle.PicklingError, match=r"model_: expected a net that Keras can save.*Lambda layers"):
            through(stored)


def test_global_random_states_are_left_alone() -> None:
    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()
    model = small()
    random.setstate(before[0])
    stored = StoredModel(build=small, weights=model.get_weights())
    pickle.loads(pickle.dumps(stored)).model  # noqa: B018, S301
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tolist() == before[1]


def test_what_a_builder_was_warned_of_when_it_was_fitted_is_not_said_again() -> None:
    def warned() -> keras.Model:
        warnings.warn("as at fit", UserWarning, stacklevel=1)
        return small()

    assert len(StoredModel(build=warned, weights=small().get_weights(), example=X[:1]).model.weights) == 4
