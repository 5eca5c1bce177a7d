"""The fused engine gives what ``model.fit`` gives on the same backend, from the same initial weights and batch order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import pytest
from references import STOPPING, assert_equal, fit, member, table

from trainers.engines.fused.engine import FusedEngine
from trainers.engines.fused.members import Member, MemberResult, Rows, Stopping, Unfused

layers = keras.layers


@pytest.fixture(scope="module")
def engine() -> FusedEngine:
    return FusedEngine()


def train(engine: FusedEngine, members: list[Member]) -> list[MemberResult]:
    outcomes = {outcome.id: outcome for outcome in engine.train(members)}
    unfused = [outcome for outcome in outcomes.values() if not isinstance(outcome, MemberResult)]
    assert not unfused
    return [outcomes[one.id] for one in members]


def dense(
    optimizer: Callable[[], Any] = lambda: "sgd",
    hidden: Callable[[], list[Any]] = lambda: [layers.Dense(7, activation="relu")],
    **compiled: Any,
) -> Callable[[], keras.Model]:
    def build() -> keras.Model:
        model = keras.Sequential([layers.Input((5,)), *hidden(), layers.Dense(1, activation="sigmoid")])
        model.compile(optimizer=optimizer(), **{"loss": "binary_crossentropy", "metrics": ["accuracy"], **compiled})
        return model

    return build


def _quick(cases: Mapping[str, object], *names: str) -> list[Any]:
    """Return all cases, those not named left to the full suite."""
    return [name if name in names else pytest.param(name, marks=pytest.mark.full) for name in cases]


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(0.05, momentum=0.8, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "adam with clipnorm": lambda: keras.optimizers.Adam(0.01, clipnorm=0.5, beta_1=0.8),
    "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.02),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.5),
    "adagrad": lambda: keras.optimizers.Adagrad(0.1),
    "nadam": lambda: keras.optimizers.Nadam(0.01),
    "adamax": lambda: keras.optimizers.Adamax(0.01),
    "schedule": lambda: keras.optimizers.SGD(keras.optimizers.schedules.PiecewiseConstantDecay([5, 9], [0.1, 0.05, 0.01])),
}


@pytest.mark.parametrize("name", _quick(OPTIMIZERS, "nesterov", "adamw"))
def test_each_optimizer(engine: FusedEngine, name: str) -> None:
    rows = table()
    members = [member(dense(OPTIMIZERS[name]), rows, number) for number in range(3)]
    assert_equal(train(engine, members)[1], fit(members[1]))


schedules = keras.optimizers.schedules
SCHEDULES: dict[str, Callable[[int], Any]] = {
    "exponential": lambda number: schedules.ExponentialDecay(0.1 + number / 9, 5 + number, 0.9 - number / 9),
    "inverse time": lambda number: schedules.InverseTimeDecay(0.1 + number / 9, 5 + number, 0.5 + number),
    "polynomial": lambda number: schedules.PolynomialDecay(0.1 + number / 9, 9 + number, 1e-3 + number / 99, 1.0 + number),
    "cosine": lambda number: schedules.CosineDecay(0.1 + number / 9, 9 + number, alpha=0.1 + number / 9),
    "cosine with warm-up": lambda number: schedules.CosineDecay(
        1e-3 + number / 99, 9 + number, warmup_target=0.1 + number / 9, warmup_steps=2 + number
    ),
}


@pytest.mark.parametrize("name", _quick(SCHEDULES, "cosine with warm-up"))
def test_members_of_different_schedules_share_a_program(name: str) -> None:
    engine, rows = FusedEngine(), table()
    members = [
        member(dense(lambda number=number: keras.optimizers.SGD(SCHEDULES[name](number))), rows, number) for number in range(3)
    ]
    results = train(engine, members)
    assert len(engine._programs) == 1
    for one, result in zip(members, results, strict=True):
        assert_equal(result, fit(one))


def test_rows_that_are_not_shuffled_come_in_their_order(engine: FusedEngine) -> None:
    rows = table()
    members = [member(dense(), rows, number, shuffle=number != 1) for number in range(3)]
    results = train(engine, members)
    for one, result in zip(members, results, strict=True):
        assert_equal(result, fit(one))


@pytest.mark.parametrize("mode", ["min", "max"])
def test_early_stopping_goes_by_the_mode_that_is_asked_for(engine: FusedEngine, mode: str) -> None:
    stopping = Stopping(monitor="val_accuracy", patience=2, restore_best_weights=False, mode=mode)
    one = member(dense(), table(), epochs=(12,), stopping=stopping, monitor=np.arange(60, 90))
    (result,) = train(engine, [one])
    assert_equal(result, fit(one))


def test_where_nothing_is_monitored_lenient_stopping_lets_training_go_on(engine: FusedEngine) -> None:
    one = member(dense(), table(), epochs=(6,), stopping=Stopping(patience=1, lenient=True))
    (result,) = train(engine, [one])
    assert (result.epoch, result.epochs_run, result.stopped) == (6, 6, "epochs")
    strict = member(dense(), table(), epochs=(6,), stopping=Stopping(patience=1))
    assert isinstance(next(engine.train([strict])), Unfused)


HIDDEN: dict[str, Callable[[], list[Any]]] = {
    # without a bias: its gradient before a normalization is rounding noise, which Adam scales up to whole steps
    "batch normalization": lambda: [layers.Dense(7, use_bias=False), layers.BatchNormalization(), layers.Activation("relu")],
    "layer normalization": lambda: [layers.Dense(7, activation="tanh"), layers.LayerNormalization()],
    "l1 and l2": lambda: [layers.Dense(7, "relu", kernel_regularizer=keras.regularizers.L1L2(1e-2, 1e-3), bias_regularizer="l2")],
    "convolution": lambda: [layers.Reshape((5, 1)), layers.Conv1D(4, 3, activation="relu"), layers.Flatten()],
    "recurrent": lambda: [layers.Reshape((5, 1)), layers.LSTM(4)],
}


@pytest.mark.parametrize("name", _quick(HIDDEN, "batch normalization"))
def test_each_kind_of_layer(engine: FusedEngine, name: str) -> None:
    rows = table()
    monitor = np.arange(0, 103, 4)
    members = [
        member(dense(lambda: keras.optimizers.Adam(0.01), HIDDEN[name]), rows, number, monitor=monitor) for number in range(3)
    ]
    assert_equal(train(engine, members)[1], fit(members[1]), 1e-4)


@pytest.mark.full
def test_embedding_of_tokens(engine: FusedEngine) -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 20, size=(60, 6)).astype("int32")
    rows = Rows(tokens, (tokens.sum(axis=1) % 3).astype("int32"))

    def build() -> keras.Model:
        model = keras.Sequential(
            [
                layers.Input((6,), dtype="int32"),
                layers.Embedding(20, 4),
                layers.GlobalAveragePooling1D(),
                layers.Dense(3, "softmax"),
            ]
        )
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    members = [member(build, rows, number) for number in range(3)]
    assert_equal(train(engine, members)[1], fit(members[1]))


def test_several_inputs_and_outputs_with_loss_weights(engine: FusedEngine) -> None:
    base = table()
    rows = Rows({"a": base.inputs[:, :2], "b": base.inputs[:, 2:]}, {"yes": base.target, "sum": base.inputs.sum(axis=1)})

    def build() -> keras.Model:
        a, b = keras.Input((2,), name="a"), keras.Input((3,), name="b")
        x = layers.Dense(6, activation="relu")(layers.Concatenate()([a, b]))
        outputs = {"yes": layers.Dense(1, "sigmoid", name="yes")(x), "sum": layers.Dense(1, name="sum")(x)}
        model = keras.Model({"a": a, "b": b}, outputs)
        model.compile(
            "adam", {"yes": "binary_crossentropy", "sum": "mse"}, loss_weights={"yes": 1.0, "sum": 0.2}, metrics={"sum": ["mae"]}
        )
        return model

    members = [member(build, rows, number, monitor=np.arange(20)) for number in range(3)]
    assert_equal(train(engine, members)[1], fit(members[1]))


def test_class_and_sample_weights(engine: FusedEngine) -> None:
    rows = table()
    members = []
    for number in range(3):
        one = member(dense(weighted_metrics=["mse"]), rows, number)
        weights = np.random.default_rng(number).uniform(0.1, 3, len(one.train)).astype("float32")
        monitor = np.arange(30)
        members.append(
            member(
                dense(weighted_metrics=["mse"]),
                rows,
                number,
                train_weights=weights,
                monitor=monitor,
                monitor_weights=weights[:30],
            )
        )
    assert_equal(train(engine, members)[1], fit(members[1]))


@pytest.mark.parametrize(
    ("monitor", "restore"),
    [
        ("val_loss", True),
        ("val_accuracy", False),
        pytest.param("val_accuracy", True, marks=pytest.mark.full),
        pytest.param("val_loss", False, marks=pytest.mark.full),
        pytest.param("loss", True, marks=pytest.mark.full),
    ],
)
def test_early_stopping_ends_members_at_their_own_epochs(engine: FusedEngine, monitor: str, restore: bool) -> None:
    rows = table()
    stopping = Stopping(monitor=monitor, patience=2, min_delta=3e-3, restore_best_weights=restore)
    members = [
        member(
            dense(lambda rate=rate: keras.optimizers.SGD(rate)),
            rows,
            number,
            stopping=stopping,
            monitor=np.arange(number, 103, 5),
            epochs=(25,),
        )
        for number, rate in enumerate((0.003, 0.1, 1.0, 3.0, 0.5))
    ]
    results = train(engine, members)
    for one, result in zip(members, results, strict=True):
        assert_equal(result, fit(one), 1e-4)
    assert len({result.epochs_run for result in results}) > 1


@pytest.mark.full
def test_uneven_last_batches_of_rows_that_mix(engine: FusedEngine) -> None:
    rows = table(rows=100)
    build = dense(lambda: "adam", HIDDEN["batch normalization"])
    members = [
        member(build, rows, number, train=np.arange(40 + 9 * number), stopping=STOPPING, monitor=np.arange(60, 90))
        for number in range(4)
    ]
    for one, result in zip(members, train(engine, members), strict=True):
        assert_equal(result, fit(one), 1e-4)


@pytest.mark.full
def test_losses(engine: FusedEngine) -> None:
    rows = table()
    for loss in (
        "mse",
        "mae",
        "huber",
        keras.losses.BinaryCrossentropy(reduction="sum"),
        keras.losses.MeanSquaredError(reduction="mean_with_sample_weight"),
    ):
        one = member(
            dense(lambda: "adam", loss=loss, metrics=["mae", keras.metrics.AUC(num_thresholds=20)]),
            rows,
            1,
            monitor=np.arange(30),
        )
        (result,) = train(engine, [one])
        assert_equal(result, fit(one))


def within(y_true: Any, y_pred: Any) -> Any:
    return keras.ops.mean(keras.ops.cast(keras.ops.abs(y_true - y_pred) < 0.5, "float32"))


@pytest.mark.parametrize("layer", ["batch normalization", pytest.param("l1 and l2", marks=pytest.mark.full)])
def test_fewer_rows_than_a_batch_has(engine: FusedEngine, layer: str) -> None:
    build = dense(lambda: keras.optimizers.Adam(0.01), HIDDEN[layer], metrics=[within])
    wanted = {"train": np.arange(13), "monitor": np.arange(60, 69)}
    members = [member(build, table(), number, batch_size=32, **wanted) for number in range(3)]
    assert_equal(train(engine, members)[1], fit(members[1]), 1e-4)
