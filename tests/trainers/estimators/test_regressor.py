from __future__ import annotations

from typing import Any

import pytest
from estimator_nets import labelled, regress, two_outputs
from sklearn.metrics import r2_score

from trainers.estimators import KerasRegressor

X, _ = labelled()


def test_one_value_or_several_columns() -> None:
    estimator = KerasRegressor(regress, random_state=0)
    assert estimator.fit(X, X[:, 0]).predict(X).shape == (40,)
    said = estimator.fit(X, X[:, :3]).predict(X)
    assert said.shape == (40, 3)
    assert said.dtype == "float64"
    assert estimator.score(X, X[:, :3]) == pytest.approx(r2_score(X[:, :3], said))
    assert not hasattr(estimator, "predict_proba")


def test_values_stay_in_the_unit_of_y() -> None:
    begun = KerasRegressor(regress)._begin_fit(X, 300 * X[:, 0] - 1)
    assert begun.target.tolist() == (300 * X[:, :1] - 1).tolist()  # a column, as the net's output is


@pytest.mark.parametrize("keyed", [True, False])
def test_several_outputs(keyed: bool) -> None:
    heads: Any = {"one": (1, None, "mse"), "two": (2, None, "mae")}
    estimator = KerasRegressor(lambda: two_outputs(heads, keyed=keyed), random_state=0).fit(X, X[:, :3])
    said = estimator.predict(X)
    assert said.shape == (40, 3)
    expected = (r2_score(X[:, 0], said[:, 0]) + r2_score(X[:, 1:3], said[:, 1:])) / 2
    assert estimator.score(X, X[:, :3]) == pytest.approx(expected)
    named = {"one": X[:, 0], "two": X[:, 1:3]}
    assert estimator.fit(X, named).score(X, named) == pytest.approx(expected)
