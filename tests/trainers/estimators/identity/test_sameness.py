"""What makes two values the same."""

from __future__ import annotations

import numpy as np

from trainers.estimators.identity.sameness import same


def test_sameness_is_of_value_and_type() -> None:
    assert same([1, np.arange(3)], [1, np.arange(3)])
    assert not same([1], [True])
    assert not same(np.arange(3), np.arange(4))
    assert not same({"a": 1}, {"b": 1})
