"""``model.fit`` in the fused engine's batch order, and small data: what the engine is held against."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jax
import keras
import numpy as np

from trainers.engines.fused.members import Indices, Member, MemberResult, Rows, Stopping
from trainers.recipes.initial_weights import numpy_initializers

NONE = np.zeros(0, dtype="int64")


def _batches(member: Member) -> Iterator[tuple[Any, ...]]:
    """Yield a member's batches, epoch after epoch, in the order that the engine draws."""
    generator = np.random.default_rng(member.seed)
    while True:
        order = generator.permutation(len(member.train)) if member.shuffle else np.arange(len(member.train))
        for begin in range(0, len(order), member.batch_size):
            places = order[begin : begin + member.batch_size]
            rows = member.train[places]
            batch = (take(member.rows.inputs, rows), take(member.rows.target, rows))
            yield batch if member.train_weights is None else (*batch, member.train_weights[places])


@dataclass(frozen=True)
class Reference:
    """What ``fit`` gave."""

    epoch: int
    epochs_run: int
    history: dict[str, list[float]]
    prediction: Any
    weights: list[np.ndarray]


def take(arrays: Any, rows: Indices) -> Any:
    return jax.tree.map(lambda array: array[rows], arrays)


def fit(member: Member) -> Reference:
    """Train a member's model in place by ``model.fit`` and Keras' own callbacks."""
    model = member.model
    callbacks = []
    if member.stopping is not None:
        callbacks.append(
            keras.callbacks.EarlyStopping(
                monitor=member.stopping.monitor,
                mode=member.stopping.mode,
                patience=member.stopping.patience,
                min_delta=member.stopping.min_delta,
                restore_best_weights=member.stopping.restore_best_weights,
            )
        )
    validation = None
    if len(member.monitor):
        validation = (take(member.rows.inputs, member.monitor), take(member.rows.target, member.monitor))
        if member.monitor_weights is not None:
            validation = (*validation, member.monitor_weights)
    history = model.fit(
        _batches(member), steps_per_epoch=-(-len(member.train) // member.batch_size),
        epochs=member.epochs[-1], validation_data=validation,
        validation_batch_size=member.batch_size, shuffle=False, callbacks=callbacks, verbose=0,
    ).history  # fmt: skip
    run = len(history["loss"])
    epoch = callbacks[0].best_epoch + 1 if callbacks and member.stopping.restore_best_weights else run
    prediction = jax.tree.map(np.asarray, model(take(member.rows.inputs, member.score), training=False))
    return Reference(epoch, run, history, prediction, model.get_weights())


def assert_equal(result: MemberResult, reference: Reference, tolerance: float = 2e-5) -> None:
    """Hold a result against ``fit``: epochs exactly, numbers within float32 tolerance."""
    assert result.epochs_run == reference.epochs_run
    assert result.epoch == reference.epoch
    assert set(result.history) == set(reference.history)
    for name, values in reference.history.items():
        np.testing.assert_allclose(result.history[name], values, rtol=tolerance * 10, atol=tolerance, err_msg=name)
    for ours, theirs in zip(result.weights, reference.weights, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance * 10, atol=tolerance)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=tolerance * 10, atol=tolerance),
        result.prediction,
        reference.prediction,
    )


def built(build: Callable[[], keras.Model], seed: int) -> keras.Model:
    """Return a model built under its own seed and with fresh names."""
    keras.utils.clear_session(free_memory=False)
    random.seed(seed)
    with numpy_initializers():
        return build()


def table(rows: int = 103, columns: int = 5, seed: int = 0, classes: int = 2) -> Rows:
    """Return a small table whose target follows from its columns."""
    rng = np.random.default_rng(seed)
    inputs = rng.normal(size=(rows, columns)).astype("float32")
    value = inputs @ rng.normal(size=columns) + 0.3 * rng.normal(size=rows)
    target = np.digitize(value, np.quantile(value, np.arange(1, classes) / classes))
    return Rows(inputs, target.astype("float32" if classes == 2 else "int32"))


def member(build: Callable[[], keras.Model], rows: Rows, number: int = 0, **changes: Any) -> Member:
    """Return a member on fold ``number`` of three uneven ones, unless told otherwise."""
    total = len(jax.tree.leaves(rows.inputs)[0])
    order = np.random.default_rng(7).permutation(total)
    score = np.sort(order[number % 3 :: 3])
    train = np.setdiff1d(np.arange(total), score)
    settings: dict[str, Any] = {
        "id": number, "rows": rows, "train": train, "monitor": NONE, "score": score,
        "epochs": (3,), "batch_size": 16, "seed": 100 + number,
    }  # fmt: skip
    settings.update(changes)
    return Member(model=built(build, 1000 + number), **settings)


STOPPING = Stopping(monitor="val_loss", patience=2, min_delta=1e-3)
