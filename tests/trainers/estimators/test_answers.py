from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from trainers.estimators.answers import ask, known_answer


class Doubling:
    """Answers like a net, and remembers what it was asked."""

    def __init__(self) -> None:
        self.shapes: list[Any] = []

    def predict(self, inputs: Any, batch_size: int, verbose: int) -> Any:
        first = inputs["a"] if isinstance(inputs, dict) else inputs
        self.shapes.append((first.shape, batch_size))
        return {"out": first * 2} if isinstance(inputs, dict) else first * 2


def test_batches_always_have_one_shape() -> None:
    net: Any = Doubling()
    rows = np.arange(70).reshape(35, 2)
    assert ask(net, rows).tolist() == (rows * 2).tolist()
    assert ask(net, rows[:1]).tolist() == [[0, 2]]
    assert ask(net, {"a": rows[:2]})["out"].shape == (2, 2)
    assert net.shapes == [((64, 2), 32), ((32, 2), 32), ((32, 2), 32)]


@pytest.mark.parametrize("rows", [np.ones((3, 2)), pd.DataFrame({"a": [1, 2]}), {"a": np.ones(3)}])
def test_an_answer_is_known_for_the_same_rows_and_for_equal_ones(rows: Any) -> None:
    answers = [(rows, "said")]
    assert known_answer(answers, rows) == "said"
    assert known_answer(answers, rows.copy()) == "said"
    assert known_answer(None, rows) is None
