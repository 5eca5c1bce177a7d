from __future__ import annotations

import numpy as np
import pytest

from trainers.estimators.outputs import NetOutput
from trainers.estimators.values import facts_of_values, plan_values, read_values


def test_values_keep_the_shape_of_y() -> None:
    flat = plan_values(NetOutput("out", 1), np.zeros(3))
    assert flat.encode(np.arange(3), "y").dtype == "float32"
    assert flat.predict(np.ones((3, 1))).shape == (3,)
    wide = plan_values(NetOutput("out", 2), np.zeros((3, 2)))
    assert wide.predict(np.ones((3, 2))).shape == (3, 2)


def test_a_unit_is_needed_for_each_column() -> None:
    with pytest.raises(ValueError, match="expected 2 units for the 2 columns of y, got 1; change the units"):
        plan_values(NetOutput("out", 1), np.zeros((3, 2)))


def test_y_must_be_numbers() -> None:
    assert read_values([[1, 2]], "y").shape == (1, 2)
    with pytest.raises(ValueError, match="contains NaN"):
        read_values([np.nan, 1], "y")
    with pytest.raises(ValueError, match="requires y to be passed"):
        read_values(None, "y")


def test_a_builder_is_told_of_columns() -> None:
    assert facts_of_values(np.zeros(3))["output_units"] == 1
    assert facts_of_values(np.zeros((3, 2)))["output_units"] == 2
    assert facts_of_values({"a": np.zeros(3), "b": np.zeros((3, 2))})["output_units"] == {"a": 1, "b": 2}
