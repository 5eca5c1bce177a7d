from __future__ import annotations

import random
from typing import Any

import keras
import numpy as np
import pytest

from trainers.estimators.randomness import draw_seed, fresh_names, seeded


def test_an_int_stands_for_itself_and_all_else_is_drawn() -> None:
    assert draw_seed(np.int64(5)) == 5
    state = np.random.RandomState(1)
    assert draw_seed(state) != draw_seed(state)
    np.random.seed(3)
    drawn = draw_seed(None)
    np.random.seed(3)
    assert draw_seed(None) == drawn
    with pytest.raises(ValueError, match="cannot be used to seed"):
        draw_seed("seven")


def test_a_seed_holds_inside_alone() -> None:
    def draws() -> list[Any]:
        return [random.random(), np.random.rand(), np.asarray(keras.random.normal((2,))).tolist()]  # noqa: S311

    random.seed(1)
    np.random.seed(1)
    before = random.getstate(), np.random.get_state()[1].tolist()
    with seeded(9):
        first = draws()
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    with seeded(9):
        assert draws() == first


def test_names_count_from_the_start_inside_alone() -> None:
    keras.layers.Dense(1)
    with fresh_names():
        assert keras.layers.Dense(1).name == "dense"
    assert keras.layers.Dense(1).name != "dense"
