from __future__ import annotations

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning

from trainers.estimators.labels import Labels, facts_of_labels, form_of, plan_labels, read_labels
from trainers.estimators.outputs import NetOutput

TWO = np.array(["no", "yes"])
THREE = np.array([2, 5, 9])


def plan(width: int, loss: str = "", classes: np.ndarray = TWO, *, from_logits: bool = False) -> Labels:
    return plan_labels(NetOutput("out", width, loss, from_logits), classes, None)


def test_labels_become_what_the_loss_takes() -> None:
    y = np.array(["yes", "no"])
    assert plan(1).encode(y, "y").tolist() == [1.0, 0.0]
    assert plan(1).encode(y, "y").dtype == "float32"
    assert plan(2, "sparse_categorical_crossentropy").encode(y, "y").dtype == "int32"
    assert plan(2, "binary_crossentropy").encode(y, "y").tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert plan(2, "categorical_crossentropy").encode(y, "y").tolist() == [[0.0, 1.0], [1.0, 0.0]]
    assert plan(5, "sparse", THREE).encode(np.array([9, 2]), "y").tolist() == [2, 0]
    with pytest.raises(ValueError, match=r"y: expected labels among \['no', 'yes'\], got \['maybe'\]"):
        plan(1).encode(np.array(["maybe"]), "y")


def test_probabilities_sum_to_one_and_follow_the_loss() -> None:
    assert plan(1).probabilities(np.array([[0.25]])).tolist() == [[0.75, 0.25]]
    assert plan(1, from_logits=True).probabilities(np.array([[0.0]])).tolist() == [[0.5, 0.5]]
    assert plan(2, "binary_crossentropy").probabilities(np.array([[0.2, 0.6]])) == pytest.approx(np.array([[0.25, 0.75]]))
    softmax = plan(3, "sparse", THREE, from_logits=True).probabilities(np.log([[1.0, 2.0, 5.0]]))
    assert softmax == pytest.approx(np.array([[0.125, 0.25, 0.625]]))
    assert plan(4, "sparse", THREE).probabilities(np.array([[0.2, 0.2, 0.4, 0.2]])) == pytest.approx(
        np.array([[0.25, 0.25, 0.5]])
    )
    assert plan(3, classes=THREE).probabilities(np.zeros((1, 3))) == pytest.approx(np.full((1, 3), 1 / 3))


def test_predictions_are_the_users_labels() -> None:
    assert plan(1).predict(np.array([[0.6], [0.5]])).tolist() == ["yes", "no"]
    assert plan(1, from_logits=True).predict(np.array([[0.4], [-0.4]])).tolist() == ["yes", "no"]
    assert plan(1, "hinge").predict(np.array([[0.4], [-0.4]])).tolist() == ["yes", "no"]
    assert plan(3, classes=THREE).predict(np.array([[0.1, 0.2, 0.7]])).tolist() == [9]
    assert plan(4, "sparse", THREE).predict(np.array([[0.1, 0.2, 0.1, 0.6]])).tolist() == [5]


def test_decisions_are_log_odds_that_agree_with_predictions() -> None:
    assert plan(1).decision(np.array([[0.75]])) == pytest.approx(np.log([3.0]))
    assert plan(1, from_logits=True).decision(np.array([[40.0], [-40.0]])) == pytest.approx(np.array([40.0, -40.0]))
    shares = np.array([[0.2, 0.3, 0.5], [1.0, 0.0, 0.0]])
    decision = plan(3, classes=THREE).decision(shares)
    assert decision[0] == pytest.approx(np.log(shares[0] / (1 - shares[0])))
    assert np.isfinite(decision).all()
    assert decision.argmax(axis=1).tolist() == [2, 0]
    assert plan(1, "hinge").decision(np.array([[-3.0]])).tolist() == [-3.0]


def test_outputs_that_are_no_probabilities_are_told() -> None:
    with pytest.raises(ValueError, match=r"expected probabilities in \[0, 1\], got values from -1 to 2; end in sigmoid"):
        plan(1).probabilities(np.array([[-1.0], [2.0]]))
    with pytest.raises(ValueError, match="makes it a margin; use decision_function"):
        plan(1, "hinge").probabilities(np.array([[0.3]]))


def test_one_hot_columns_are_classes() -> None:
    columns = np.eye(3)[[2, 0]]
    found = plan_labels(NetOutput("out", 3, "categorical_crossentropy"), columns, None)
    assert (found.form, found.classes.tolist()) == ("one_hot", [0, 1, 2])
    assert found.encode(columns, "y").tolist() == columns.tolist()
    assert found.truth(columns).tolist() == [2, 0]
    assert found.truth(np.array([2, 0])).tolist() == [2, 0]
    assert plan_labels(NetOutput("out", 3, "sparse"), columns, None).encode(columns, "y").tolist() == [2, 0]
    assert plan_labels(NetOutput("out", 1, ""), columns[:, [0, 2]], None).encode(columns[:, [0, 2]], "y").tolist() == [1, 0]
    with pytest.raises(ValueError, match=r"y: expected shape \(rows, 3\), a column for each class, got \(2, 2\)"):
        found.encode(columns[:, :2], "y")


def test_any_number_of_classes_may_hold() -> None:
    columns = np.array([[1, 1, 0], [0, 0, 0]])
    found = plan_labels(NetOutput("out", 3, "binary_crossentropy"), columns, None)
    assert found.form == "indicator"
    assert found.predict(np.array([[0.6, 0.2, 0.5]])).tolist() == [[1, 0, 0]]
    assert found.probabilities(np.array([[0.6, 0.2, 0.5]])).tolist() == [[0.6, 0.2, 0.5]]
    assert found.decision(np.array([[0.5, 0.5, 0.5]])).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize(
    ("width", "y", "message"),
    [
        (2, THREE, r"expected 3 units for 3 classes, got 2; change the units"),
        (3, TWO[:1], "expected two classes or more, got one class"),
        (1, THREE, "expected 3 units"),
        (4, np.eye(3), "expected 3 units for 3 classes, got 4"),
        (2, np.array([[1, 5], [2, 5]]), "got 2 columns of labels; these need a net with as many outputs"),
    ],
)
def test_units_that_do_not_suit_the_classes_are_told(width: int, y: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_labels(NetOutput("out", width), y, None)


def test_y_is_read_as_scikit_learn_reads_it() -> None:
    with pytest.warns(DataConversionWarning):
        assert read_labels(np.array([[1], [2]]), "y").tolist() == [1, 2]
    with pytest.raises(ValueError, match="continuous"):
        read_labels([0.5, 1.5], "y")
    with pytest.raises(ValueError, match="requires y to be passed"):
        read_labels(None, "y")
    assert form_of(np.array([["a", "b"]])) == "columns"


def test_a_builder_is_told_of_classes() -> None:
    assert {name: facts_of_labels(TWO, None)[name] for name in ("output_units", "n_classes")} == {
        "output_units": 1,
        "n_classes": 2,
    }
    assert facts_of_labels(TWO, THREE)["output_units"] == 3
    assert facts_of_labels(np.eye(2), None)["output_units"] == 2
    assert facts_of_labels({"a": TWO, "b": THREE}, None)["output_units"] == {"a": 1, "b": 3}
    assert facts_of_labels(np.array([[1, 5], [2, 5], [3, 6]]), None)["n_classes"] == [3, 2]
