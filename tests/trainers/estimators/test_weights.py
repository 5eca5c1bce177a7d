from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trainers.estimators.labels import plan_labels
from trainers.estimators.outputs import NetOutput
from trainers.estimators.weights import class_weights, row_weights

LABELS = np.array(["a", "a", "a", "b"])
PLAN = plan_labels(NetOutput("first", 1), LABELS, None)
OTHER = plan_labels(NetOutput("second", 1), np.array([0, 1, 0, 1]), None)


def test_sample_weights_are_a_finite_number_a_row() -> None:
    assert row_weights(None, 3) is None
    assert row_weights([1, 1, 1], 3) is None
    assert row_weights([1, 2, 0], 3).tolist() == [1, 2, 0]
    with pytest.raises(ValueError, match="shape"):
        row_weights([1, 2], 3)
    with pytest.raises(ValueError, match="zero"):
        row_weights([0, 0], 2)


def test_classes_weigh_by_the_users_labels() -> None:
    assert class_weights({"b": 5}, [PLAN], [LABELS], None).tolist() == [1, 1, 1, 5]
    balanced = class_weights("balanced", [PLAN], [LABELS], None)
    assert balanced == pytest.approx(np.array([2 / 3, 2 / 3, 2 / 3, 2]))
    weighted = class_weights("balanced", [PLAN], [LABELS], np.array([1.0, 1.0, 1.0, 3.0]))
    assert weighted.tolist() == [1, 1, 1, 1]


def test_class_weights_of_several_outputs_are_multiplied() -> None:
    parts = [LABELS, np.array([0, 1, 0, 1])]
    assert class_weights({"second": {1: 3}}, [PLAN, OTHER], parts, None).tolist() == [1, 3, 1, 3]
    assert class_weights([{"b": 2}, {1: 3}], [PLAN, OTHER], parts, None).tolist() == [1, 3, 1, 6]
    assert class_weights("balanced", [PLAN, OTHER], parts, None) == pytest.approx(np.array([2 / 3, 2 / 3, 2 / 3, 2]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({0: 1, 1: 2}, r"class_weight: expected weights of the labels \['a', 'b'\], got \{0: 1, 1: 2\}"),
        ("even", "expected a dict of weights by label, or 'balanced', got 'even'"),
    ],
)
def test_what_is_no_weight_of_classes_is_refused(given: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        class_weights(given, [PLAN], [LABELS], None)


def test_class_weights_need_one_class_a_row_and_a_dict_for_each_output() -> None:
    many = np.array([[1, 1, 0], [0, 0, 0]])
    with pytest.raises(ValueError, match="give sample_weight"):
        class_weights("balanced", [plan_labels(NetOutput("out", 3), many, None)], [many], None)
    with pytest.raises(ValueError, match="one dict for each of the outputs first, second"):
        class_weights({"a": 2}, [PLAN, OTHER], [LABELS, LABELS], None)
