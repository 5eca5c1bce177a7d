import keras
import numpy as np
import pytest

from trainers.engines.targets import target_plan
from trainers.errors import UserCodeError


def model(loss, units=1, activation=None):
    made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units, activation=activation)])
    made.compile(loss=loss)
    return made


@pytest.mark.parametrize(
    ("loss", "units", "task", "encoded"),
    [
        ("binary_crossentropy", 1, "binary", [0, 1, 1]),
        ("sparse_categorical_crossentropy", 2, "binary", [0, 1, 1]),
        (keras.losses.SparseCategoricalCrossentropy(), 2, "binary", [0, 1, 1]),
        ("categorical_crossentropy", 2, "binary", [[1, 0], [0, 1], [0, 1]]),
        (keras.losses.CategoricalCrossentropy(label_smoothing=0.1), 2, "binary", [[1, 0], [0, 1], [0, 1]]),
        ("sparse_categorical_crossentropy", 3, "multiclass", [0, 1, 1]),
        (keras.losses.sparse_categorical_crossentropy, 3, "multiclass", [0, 1, 1]),
        ("categorical_crossentropy", 3, "multiclass", [[1, 0, 0], [0, 1, 0], [0, 1, 0]]),
        (["categorical_crossentropy"], 3, "multiclass", [[1, 0, 0], [0, 1, 0], [0, 1, 0]]),
        ("mse", 1, "regression", [0, 1, 1]),
    ],
)
def test_the_target_follows_the_loss_and_the_outputs_width(loss, units, task, encoded):
    plan = target_plan(model(loss, units), (None, units), task, {"binary": 2, "multiclass": 3}.get(task))

    np.testing.assert_array_equal(plan.encode(np.array([0, 1, 1], dtype="float32")), encoded)


def test_a_loss_from_logits_means_that_predictions_are_made_probabilities():
    one = target_plan(model(keras.losses.BinaryCrossentropy(from_logits=True)), (None, 1), "binary", 2)
    many = target_plan(model(keras.losses.SparseCategoricalCrossentropy(from_logits=True), 3), (None, 3), "multiclass", 3)

    np.testing.assert_allclose(one.predict(np.array([[0.0], [800.0], [-800.0]])), [0.5, 1, 0])
    np.testing.assert_allclose(many.predict(np.array([[1000.0, 1000.0, 0.0]])), [[0.5, 0.5, 0]])


def test_of_two_units_the_second_is_the_probability_of_the_second_class():
    plan = target_plan(model("categorical_crossentropy", 2), (None, 2), "binary", 2)

    np.testing.assert_allclose(plan.predict(np.array([[0.3, 0.7]])), [0.7])


def test_outputs_that_are_no_probabilities_are_told():
    plan = target_plan(model("binary_crossentropy"), (None, 1), "binary", 2)

    with pytest.raises(UserCodeError, match="from_logits=True"):
        plan.predict(np.array([[1.5]]))


def test_outputs_that_are_not_finite_are_left_for_the_engine_to_judge():
    plan = target_plan(model("binary_crossentropy"), (None, 1), "binary", 2)

    assert np.isnan(plan.predict(np.array([[np.nan]]))).all()


@pytest.mark.parametrize(
    ("shape", "task", "classes", "told"),
    [
        ((None, 5), "binary", 2, r"\(rows, 1\) or \(rows, 2\)"),
        ((None, 1), "multiclass", 3, "with 3 classes"),
        ((None, 2), "regression", None, r"\(rows, 1\)"),
        ((None, 4, 1), "regression", None, r"got \(None, 4, 1\)"),
    ],
)
def test_a_wrong_width_is_told(shape, task, classes, told):
    with pytest.raises(UserCodeError, match=told):
        target_plan(model("mse"), shape, task, classes)


@pytest.mark.parametrize(
    "loss",
    [
        "binary_crossentropy",
        "bce",
        keras.losses.binary_crossentropy,
        keras.losses.BinaryCrossentropy(from_logits=True),
        keras.losses.BinaryFocalCrossentropy(),
        ["binary_crossentropy"],
    ],
)
def test_a_binary_loss_on_two_outputs_is_refused(loss):
    told = r"model output: expected one unit for a loss of binary cross-entropy, got 2, .*sparse_categorical_crossentropy"
    with pytest.raises(UserCodeError, match=told):
        target_plan(model(loss, 2, "softmax"), (None, 2), "binary", 2)


def test_a_loss_of_the_users_own_on_two_outputs_is_left_alone():
    def my_binary_loss(y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

    assert target_plan(model(my_binary_loss, 2, "softmax"), (None, 2), "binary", 2).one_hot
