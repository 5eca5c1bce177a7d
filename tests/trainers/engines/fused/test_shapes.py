"""What is slow in lanes on CPU is trained step by step: convolutions and attention, Keras' own or a user's; all else in lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pytest
from references import assert_equal, fit, member, table

import trainers.engines.fused.engine
from trainers.engines.fused.engine import FusedEngine
from trainers.engines.fused.members import MemberResult
from trainers.engines.fused.singles import Singles

layers = keras.layers


class OwnAttention(layers.Layer):
    def call(self, x: Any) -> Any:
        return keras.ops.matmul(keras.ops.softmax(keras.ops.matmul(x, keras.ops.transpose(x, (0, 2, 1)))), x)


def on_itself(attention: keras.Layer) -> Callable[[Any], Any]:
    return lambda x: attention(x, x)


def net(hidden: Callable[[], Any]) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        inputs = keras.Input((5,))
        x = layers.Dense(2)(layers.Reshape((5, 1))(inputs))
        model = keras.Model(inputs, layers.Dense(1, "sigmoid")(layers.Flatten()(hidden()(x))))
        model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
        return model

    return build


@pytest.mark.full
@pytest.mark.parametrize(
    ("hidden", "alone"),
    [
        (lambda: layers.Conv1D(2, 3), True),
        (lambda: on_itself(layers.MultiHeadAttention(2, 3)), True),
        (OwnAttention, True),
        (lambda: layers.LSTM(3), False),
        (lambda: layers.Dense(3), False),
    ],
)
def test_the_shape_is_the_faster_one(hidden: Callable[[], Any], alone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    trained_alone: list[Any] = []

    def spy(*arguments: Any) -> Singles:
        trained_alone.append(arguments)
        return Singles(*arguments)

    monkeypatch.setattr(trainers.engines.fused.engine, "Singles", spy)
    build, rows = net(hidden), table()
    (result,) = FusedEngine().train([member(build, rows)])
    assert isinstance(result, MemberResult)
    assert bool(trained_alone) == alone
    assert_equal(result, fit(member(build, rows)))
