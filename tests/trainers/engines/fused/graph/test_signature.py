"""When two models have one graph."""

from __future__ import annotations

import sys
from collections.abc import Callable

import keras
import pytest
from references import built, member, table

from trainers.engines.fused.engine import FusedEngine
from trainers.engines.fused.graph.dials import find_places
from trainers.engines.fused.graph.signature import signature
from trainers.engines.fused.members import MemberResult

layers = keras.layers


def net(
    *, units: int = 4, activation: str = "relu", rate: float = 0.1, l2: float = 0.01, name: str | None = None,
    init: str = "he_normal", optimizer: Callable[[], keras.Optimizer] = keras.optimizers.Adam, loss: object = "mse",
) -> keras.Model:  # fmt: skip
    model = keras.Sequential(
        [
            layers.Input((5,)),
            layers.Dense(
                units,
                activation,
                name=name,
                kernel_initializer=init,
                kernel_regularizer=keras.regularizers.L2(l2) if l2 else None,
            ),
            layers.Dropout(rate),
            layers.Dense(1),
        ]
    )
    model.compile(optimizer=optimizer(), loss=loss)
    return model


def sign(build: Callable[[], keras.Model], seed: int = 0) -> str | None:
    model = built(build, seed)
    return signature(model, find_places(model))


@pytest.mark.parametrize(
    "other",
    [
        lambda: net(rate=0.4),
        lambda: net(l2=0.5),
        lambda: net(name="another_name"),
        lambda: net(init="zeros"),
        lambda: net(optimizer=lambda: keras.optimizers.Adam(0.5, beta_1=0.7)),
    ],
)
def test_numbers_names_and_initializers_leave_the_graph_alone(other: Callable[[], keras.Model]) -> None:
    assert sign(net) == sign(other, seed=1)


@pytest.mark.parametrize(
    "other",
    [
        lambda: net(units=5),
        lambda: net(activation="tanh"),
        lambda: net(rate=0.0),
        lambda: net(l2=0.0),
        lambda: net(optimizer=keras.optimizers.SGD),
        lambda: net(optimizer=lambda: keras.optimizers.Adam(amsgrad=True)),
        lambda: net(loss="mae"),
    ],
)
def test_what_changes_the_program_changes_the_signature(other: Callable[[], keras.Model]) -> None:
    assert sign(net) != sign(other)


def scaled(factor: float) -> Callable[[object, object], object]:
    def loss(target: object, prediction: object) -> object:
        return factor * keras.ops.mean(keras.ops.square(target - prediction), axis=-1)

    return loss


def test_closures_of_one_name_are_told_apart() -> None:
    rows = table()
    members = [
        member(lambda f=factor: net(loss=scaled(f), rate=0.0, optimizer=keras.optimizers.SGD), rows, 0, id=number)
        for number, factor in enumerate((1.0, 3.0, 1.0))
    ]
    assert sign(lambda: net(loss=scaled(1.0))) is None

    results = {result.id: result for result in FusedEngine().train(members) if isinstance(result, MemberResult)}

    assert results[0].history == results[2].history
    assert results[1].history["loss"][0] == pytest.approx(3 * results[0].history["loss"][0], rel=0.5)
    assert results[1].history != results[0].history


def test_reading_a_signature_does_not_load_tensorflow() -> None:
    loaded = "tensorflow" in sys.modules
    assert sign(net) is not None
    assert ("tensorflow" in sys.modules) == loaded
