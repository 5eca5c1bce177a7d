from __future__ import annotations

from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from estimator_nets import L, net, two_outputs

from trainers.estimators.outputs import NetOutput, Outputs, cut, net_outputs
from trainers.estimators.values import Values

ROW = np.zeros((1, 4), "float32")
HEADS: dict[str, Any] = {"a": (1, None, "mse"), "b": (2, "softmax", "sparse_categorical_crossentropy")}


@pytest.mark.parametrize("keyed", [True, False])
def test_outputs_are_read_from_the_net(keyed: bool) -> None:
    found, by_name = net_outputs(two_outputs(HEADS, keyed=keyed), ROW)
    assert by_name is keyed
    assert [(output.name, output.width) for output in found] == [("a", 1), ("b", 2)]
    assert "sparse" in found[1].loss


@pytest.mark.parametrize(
    ("loss", "logits"),
    [
        (keras.losses.BinaryCrossentropy(from_logits=True), True),
        (partial(keras.losses.binary_crossentropy, from_logits=True), True),
        (keras.losses.binary_crossentropy, False),
        ("binary_crossentropy", False),
    ],
)
def test_losses_say_whether_they_take_logits(loss: Any, logits: bool) -> None:
    [found], _ = net_outputs(net(1, None, loss), ROW)
    assert found.from_logits is logits
    assert "binary" in found.loss


def test_sequences_are_no_outputs() -> None:
    model = keras.Sequential([L.Input((3, 4)), L.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"expected \(rows,\) or \(rows, units\), got \(None, 3, 1\); end in Flatten"):
        net_outputs(model, np.zeros((1, 3, 4)))


def test_y_is_cut_by_columns_or_by_name() -> None:
    one, wide = NetOutput("a", 1), NetOutput("b", 2)
    y = np.arange(6).reshape(2, 3)
    assert [part.tolist() for part in cut(y, [one, wide], "y")] == [[0, 3], [[1, 2], [4, 5]]]
    assert [part.tolist() for part in cut(y[:, :2], [one, wide], "y")] == [[0, 3], [1, 4]]
    assert [part.tolist() for part in cut({"b": y, "a": y[:, 0]}, [one, wide], "y")] == [[0, 3], y.tolist()]
    with pytest.raises(ValueError, match=r"y: expected a column for each of the net's 2 outputs, got shape \(2,\)"):
        cut(y[:, 0], [one, wide], "y")
    with pytest.raises(ValueError, match="y: expected the net's outputs 'a', 'b', got 'a', 'c'"):
        cut({"a": y, "c": y}, [one, wide], "y")


def test_raw_outputs_are_put_in_order_and_must_be_finite() -> None:
    outputs = Outputs((Values(NetOutput("a", 1), flat=True), Values(NetOutput("b", 2), flat=False)), keyed=True)
    arrays = outputs.arrays({"b": np.ones((3, 2)), "a": np.zeros((3, 1))})
    assert [array.shape for array in arrays] == [(3, 1), (3, 2)]
    assert list(outputs.encode({"b": np.ones((3, 2)), "a": np.ones(3)}, "y")) == ["a", "b"]
    with pytest.raises(ValueError, match="the net's output 'b': expected finite numbers"):
        outputs.arrays({"b": np.full((3, 2), np.nan), "a": np.zeros((3, 1))})
