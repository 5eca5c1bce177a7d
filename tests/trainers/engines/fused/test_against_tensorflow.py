"""What the engine trains, ``model.fit`` on TensorFlow trains alike, and its models load there with the same predictions."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from references import built, member, table

from trainers.engines.fused.engine import FusedEngine
from trainers.engines.fused.members import MemberResult

layers = keras.layers

ON_TENSORFLOW = """
import sys, numpy as np, keras
assert keras.backend.backend() == "tensorflow"
folder = sys.argv[1]
data = np.load(folder + "/data.npz")
model = keras.saving.load_model(folder + "/start.keras")
for order in data["orders"]:
    for begin in range(0, len(order), 16):
        rows = order[begin : begin + 16]
        model.train_on_batch(data["x"][rows], data["y"][rows])
final = keras.saving.load_model(folder + "/final.keras")
np.savez(folder + "/got.npz", *model.get_weights(), prediction=final(data["x"]).numpy())
"""


def mild() -> keras.Model:
    hidden = layers.Dense(9, "tanh", kernel_regularizer="l2")
    model = keras.Sequential([layers.Input((5,)), hidden, layers.BatchNormalization(), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


def saturated_sigmoid() -> keras.Model:
    """Rows far on the wrong side, where a clipped probability has no gradient."""
    model = keras.Sequential([layers.Input((5,)), layers.Rescaling(40.0), layers.Dense(1, "sigmoid")])
    model.compile(keras.optimizers.SGD(1e-3), "binary_crossentropy", metrics=["accuracy"])
    return model


def saturated_softmax() -> keras.Model:
    model = keras.Sequential([layers.Input((5,)), layers.Rescaling(40.0), layers.Dense(2, "softmax")])
    model.compile(keras.optimizers.SGD(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.full
@pytest.mark.parametrize(("net", "tolerance"), [(mild, 1e-5), (saturated_sigmoid, 1e-4), (saturated_softmax, 1e-4)])
def test_weights_and_predictions_on_tensorflow(tmp_path: Path, net: Callable[[], keras.Model], tolerance: float) -> None:
    rows = table()
    one = member(net, rows, 0, epochs=(3,), score=np.arange(103))
    one.model.save(tmp_path / "start.keras")
    generator = np.random.default_rng(one.seed)
    orders = [one.train[generator.permutation(len(one.train))] for _ in range(3)]
    np.savez(tmp_path / "data.npz", x=rows.inputs, y=rows.target, orders=orders)

    [result] = FusedEngine().train([one])
    assert isinstance(result, MemberResult)
    final = built(net, 5)
    final.set_weights(result.weights)
    final.save(tmp_path / "final.keras")
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    subprocess.run([sys.executable, "-c", ON_TENSORFLOW, str(tmp_path)], check=True, env=environment, timeout=200)

    got = np.load(tmp_path / "got.npz")
    np.testing.assert_allclose(got["prediction"], result.prediction, atol=tolerance)
    for index, ours in enumerate(result.weights):
        np.testing.assert_allclose(got[f"arr_{index}"], ours, rtol=1e-3, atol=1e-4)
