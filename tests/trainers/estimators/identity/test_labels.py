"""Labels are short, readable and as unique as digests."""

from __future__ import annotations

import functools
import re
import threading
from typing import Any

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from trainers.estimators.identity import digest_of, label_of


def make_model(units: int = 3) -> int:
    return units


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (make_model, "make_model"),
        (lambda: 3, "<lambda>"),
        (StandardScaler, "StandardScaler"),
        (StandardScaler(with_std=False), "StandardScaler(with_std=False)"),
        (functools.partial(make_model, units=5), "partial(make_model, units=5)"),
        (functools.partial(make_model, units="x" * 60), "partial(make_model)"),
        (np.arange(3), "array([0, 1, 2])"),
        (np.zeros((9, 9)), "ndarray"),
    ],
)
def test_a_label_is_a_word_and_the_digest_s_beginning(value: Any, word: str) -> None:
    assert label_of(value) == f"{word}#{str(digest_of(value))[:8]}"


def test_what_has_no_digest_is_known_by_its_address() -> None:
    one, other = threading.Lock(), threading.Lock()
    assert re.fullmatch(r"lock#\?[0-9a-f]+", label_of(one))
    assert label_of(one) == label_of(one) != label_of(other)


def test_a_keras_object_is_its_class() -> None:
    import keras

    assert label_of(keras.optimizers.Adam(0.5)).startswith("Adam#")
