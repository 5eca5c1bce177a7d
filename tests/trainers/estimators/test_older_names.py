from __future__ import annotations

import keras
import pytest

from trainers.estimators.older_names import hint


@pytest.mark.parametrize(
    ("make", "write"),
    [
        (lambda: keras.optimizers.SGD(lr=0.1), "learning_rate"),
        (lambda: keras.layers.Dense(8, init="uniform"), "kernel_initializer"),
        (lambda: keras.layers.Conv2D(8, 3, border_mode="same"), "padding"),
        (lambda: keras.layers.Dense(8, W_regularizer=None), "kernel_regularizer"),
    ],
)
def test_keras_refusal_of_an_older_name_is_told_with_the_new_one(make: object, write: str) -> None:
    with pytest.raises((TypeError, ValueError)) as caught:
        make()  # type: ignore[operator]
    assert (hint(caught.value) or "").endswith(f"write {write}.")


def test_other_errors_get_no_hint() -> None:
    assert hint(ValueError("Expected 'init' to be there")) is None
    assert hint(ValueError("Unrecognized keyword arguments: {'mine': 3}")) is None
