from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from estimator_nets import labelled, net, two_outputs

from trainers.estimators import KerasClassifier

X, Y = labelled()
X3, Y3 = labelled(60, classes=3)
NAMES = np.array(["ash", "birch", "cedar"])


@pytest.mark.parametrize(
    ("make", "y", "classes"),
    [
        (lambda: net(1, "sigmoid", "binary_crossentropy"), NAMES[Y], ["ash", "birch"]),
        (lambda: net(1, None, keras.losses.BinaryCrossentropy(from_logits=True)), Y * 2 - 1, [-1, 1]),
        (lambda: net(2, "softmax", "binary_crossentropy"), Y, [0, 1]),
        (lambda: net(2, "softmax", "sparse_categorical_crossentropy"), Y == 1, [False, True]),
        (lambda: net(2, "softmax", "categorical_crossentropy", metrics=["accuracy"]), np.eye(2)[Y], [0, 1]),
        (lambda: net(1, "tanh", "hinge"), pd.Series(NAMES[Y]).astype("category"), ["ash", "birch"]),
    ],
)
def test_two_classes_however_the_net_says_them(make: Any, y: Any, classes: list[Any]) -> None:
    estimator = KerasClassifier(make, epochs=4, batch_size=20, random_state=1).fit(X, y)
    assert estimator.classes_.tolist() == classes
    assert estimator.n_classes_ == 2
    assert estimator.score(X, y) > 0.6
    assert np.array_equal(estimator.decision_function(X) > 0, estimator.predict(X) == classes[1])


@pytest.mark.parametrize(
    "make",
    [
        lambda: net(3, "softmax", "sparse_categorical_crossentropy"),
        lambda: net(3, "softmax", keras.losses.CategoricalCrossentropy()),
        lambda: net(3, None, keras.losses.SparseCategoricalCrossentropy(from_logits=True)),
        lambda: net(3, "sigmoid", "binary_crossentropy"),
    ],
)
def test_three_classes_however_the_net_says_them(make: Any) -> None:
    estimator = KerasClassifier(make, epochs=3, random_state=1).fit(X3, NAMES[Y3])
    assert estimator.score(X3, NAMES[Y3]) > 0.4
    shares = estimator.predict_proba(X3)
    assert shares.sum(axis=1) == pytest.approx(np.ones(60))
    assert estimator.decision_function(X3).shape == (60, 3)
    assert np.array_equal(NAMES[shares.argmax(axis=1)], estimator.predict(X3))


def test_weights_of_classes_pull() -> None:
    flat = X * 0
    estimator = KerasClassifier(lambda: net(1, "sigmoid", "binary_crossentropy"), epochs=8, random_state=0, batch_size=40)
    shares = [
        estimator.set_params(class_weight=one).fit(flat, NAMES[Y]).predict_proba(flat)[0, 1] for one in (None, {"birch": 9})
    ]
    assert shares[0] == pytest.approx(0.5, abs=0.1)
    assert shares[1] > 0.65
    assert estimator.fit(flat, NAMES[Y], class_weight={"birch": 0}).classes_.tolist() == ["ash", "birch"]


def test_the_score_is_accuracy_whatever_the_metrics_are() -> None:
    estimator = KerasClassifier(lambda: net(1, "sigmoid", "mse", metrics=["mae"])).fit(X, Y)
    assert estimator.score(X, Y) == np.mean(estimator.predict(X) == Y)
    assert estimator.score(X, Y, sample_weight=Y) == np.mean(estimator.predict(X[Y == 1]) == 1)


@pytest.mark.parametrize("keyed", [True, False])
def test_several_outputs(keyed: bool) -> None:
    heads: Any = {"tree": (3, "softmax", "sparse_categorical_crossentropy"), "tall": (1, "sigmoid", "binary_crossentropy")}
    estimator = KerasClassifier(
        lambda: two_outputs(heads, keyed=keyed, loss_weights={"tree": 0.8, "tall": 0.2}),
        random_state=0,
        class_weight="balanced",
        validation_split=0.25,
    )
    y = {"tree": NAMES[Y3], "tall": Y3 > 0}
    estimator.fit(X3, y, sample_weight=np.linspace(0.5, 1, 60))
    assert [classes.tolist() for classes in estimator.classes_] == [NAMES.tolist(), [False, True]]
    assert [shares.shape for shares in estimator.predict_proba(X3)] == [(60, 3), (60, 2)]
    said = estimator.predict(X3)
    assert said.shape == (60, 2)
    assert estimator.score(X3, y) == pytest.approx((np.mean(said[:, 0] == y["tree"]) + np.mean(said[:, 1] == y["tall"])) / 2)
    columns = np.column_stack([Y3, Y3 > 0])
    history = estimator.fit(X3, columns, validation_data=(X3, columns)).history_
    assert {"val_tree_loss", "val_tall_loss"} <= set(history)
    assert history["loss"][0] == pytest.approx(0.8 * history["tree_loss"][0] + 0.2 * history["tall_loss"][0], rel=1e-3)


def test_columns_of_labels_need_as_many_outputs() -> None:
    with pytest.raises(ValueError, match="3 columns of labels; these need a net with as many outputs"):
        KerasClassifier(lambda: net(1, "sigmoid", "mse")).fit(X, np.column_stack([Y, Y, Y + 4]))
