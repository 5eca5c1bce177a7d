"""Fused folds of nets with several inputs or outputs, of images, of integers and of sparse tables, beside scikit-learn's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import check_scoring
from small_works import assert_as_scikit_learn, classifier, table, work

from trainers.estimators import Inputs, KerasClassifier, KerasRegressor

layers = keras.layers


def fan(scale: float = 1.0) -> Any:
    return keras.initializers.Constant(0.3 * scale)


def fused(made: Any, folder: Path, configs: list[dict[str, Any]]) -> None:
    found = assert_as_scikit_learn(made, folder, configs, engine="fused")
    assert {(result.engine, result.engine_reason) for result in found.values()} == {("fused", None)}


def two_inputs(units: int = 3, rate: float = 0.1) -> keras.Model:
    wide, deep = keras.Input((2,), name="wide"), keras.Input((2,), name="deep")
    hidden = layers.Dense(units, "tanh", kernel_initializer=fan())(deep)
    out = layers.Dense(1, "sigmoid", kernel_initializer=fan(-1))(layers.Concatenate()([wide, hidden]))
    model = keras.Model({"wide": wide, "deep": deep}, out)
    model.compile(keras.optimizers.SGD(rate), "binary_crossentropy")
    return model


def test_several_inputs(tmp_path: Path) -> None:
    X, y = table()
    estimator = KerasClassifier(two_inputs, shuffle=False, epochs=2, validation_split=0.2)
    made = work(estimator, Inputs(wide=X[:, :2], deep=X[:, 2:]), y, scorers=check_scoring(estimator, "neg_log_loss"))
    fused(made, tmp_path, [{}, {"rate": 0.5}])


def two_outputs(rate: float = 0.1) -> keras.Model:
    inputs = keras.Input((4,))
    hidden = layers.Dense(3, "tanh", kernel_initializer=fan())(inputs)
    main = layers.Dense(1, kernel_initializer=fan(), name="main")(hidden)
    aux = layers.Dense(1, kernel_initializer=fan(-1), name="aux")(hidden)
    model = keras.Model(inputs, [main, aux])
    model.compile(keras.optimizers.SGD(rate), loss=["mse", "mse"], loss_weights=[1.0, 0.2])
    return model


def test_several_outputs(tmp_path: Path) -> None:
    X, _ = table()
    y = X @ np.random.default_rng(2).normal(size=(4, 2))
    estimator = KerasRegressor(two_outputs, shuffle=False, epochs=2)
    fused(work(estimator, X, y, scorers=check_scoring(estimator, "r2")), tmp_path, [{}, {"rate": 0.01}])


def of_images(filters: int = 2, rate: float = 0.1) -> keras.Model:
    model = keras.Sequential(
        [
            layers.Input((6, 6, 1)),
            layers.Conv2D(filters, 3, activation="relu", kernel_initializer=fan()),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1, "sigmoid", kernel_initializer=fan(-1)),
        ]
    )
    model.compile(keras.optimizers.SGD(rate), "binary_crossentropy")
    return model


@pytest.mark.full
def test_images(tmp_path: Path) -> None:
    images = np.random.default_rng(0).normal(size=(40, 6, 6, 1))
    y = (images.mean(axis=(1, 2, 3)) > 0).astype(int)
    estimator = KerasClassifier(of_images, shuffle=False, epochs=2)
    fused(work(estimator, images, y, scorers=check_scoring(estimator, "neg_log_loss")), tmp_path, [{}, {"rate": 0.5}])


def of_words(rate: float = 0.1) -> keras.Model:
    embedding = layers.Embedding(20, 3, embeddings_initializer=keras.initializers.RandomNormal(seed=1))
    model = keras.Sequential(
        [layers.Input((5,), dtype="int32"), embedding, layers.Flatten(), layers.Dense(1, "sigmoid", kernel_initializer=fan())]
    )
    model.compile(keras.optimizers.SGD(rate), "binary_crossentropy")
    return model


@pytest.mark.full
def test_integers(tmp_path: Path) -> None:
    words = np.random.default_rng(0).integers(0, 20, (40, 5))
    y = (words[:, 0] > 9).astype(int)
    estimator = KerasClassifier(of_words, shuffle=False, epochs=2)
    fused(work(estimator, words, y, scorers=check_scoring(estimator, "neg_log_loss")), tmp_path, [{}, {"rate": 0.5}])


@pytest.mark.full
def test_sparse_rows(tmp_path: Path) -> None:
    X, y = table()
    X[np.abs(X) < 0.5] = 0
    fused(work(classifier(), sparse.csr_matrix(X), y, scorers=check_scoring(classifier(), "neg_log_loss")), tmp_path, [{}])
