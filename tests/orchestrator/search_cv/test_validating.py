"""cross_validate and cross_val_score beside scikit-learn's own over a stub."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import sklearn
import sklearn.model_selection as theirs
from search_parity import assert_equal_results
from sklearn.datasets import load_iris
from sklearn.exceptions import FitFailedWarning, UnsetMetadataPassedError
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from stub_estimators import StubClassifier

from orchestrator.search_cv import cross_val_score, cross_validate

pytestmark = pytest.mark.usefixtures("stub_workers")
X, Y = load_iris(return_X_y=True)
WEIGHTS = np.linspace(0.1, 1.0, 150)


def right_and_wrong(estimator: Any, X: Any, y: Any) -> dict[str, float]:
    return {"right": float((estimator.predict(X) == y).mean()), "wrong": float((estimator.predict(X) != y).mean())}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"cv": 3, "scoring": "neg_log_loss", "return_train_score": True},
        {"cv": 3, "scoring": ["accuracy", "f1_macro"], "return_indices": True},
        {"cv": 3, "scoring": right_and_wrong, "return_train_score": True},
        {"cv": GroupKFold(3), "groups": np.arange(150) % 5},
        {"cv": 3, "params": {"sample_weight": WEIGHTS}},
        {"cv": [(np.arange(100), np.arange(100, 150))]},
    ],
    ids=["nothing", "name", "list", "callable", "groups", "weights", "splits"],
)
@pytest.mark.parametrize(
    "estimator", [StubClassifier(), make_pipeline(StandardScaler(), StubClassifier(2.0))], ids=["alone", "last"]
)
def test_it_is_scikit_learns(estimator: Any, options: dict[str, Any]) -> None:
    if "params" in options and not isinstance(estimator, StubClassifier):
        options = {**options, "params": {"stubclassifier__sample_weight": WEIGHTS}}
    ours = cross_validate(estimator, X, Y, **options)
    assert_equal_results(ours, theirs.cross_validate(estimator, X, Y, **options), tolerance=1e-12)


def test_metadata_routing() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        estimator = StubClassifier().set_fit_request(sample_weight=True)
        options = {
            "cv": GroupKFold(3),
            "scoring": make_scorer(accuracy_score).set_score_request(sample_weight=True),
            "params": {"groups": np.arange(150) % 5, "sample_weight": WEIGHTS},
        }
        ours = cross_validate(estimator, X, Y, **options)
        assert_equal_results(ours, theirs.cross_validate(estimator, X, Y, **options), tolerance=1e-12)
        with pytest.raises(UnsetMetadataPassedError, match="cross_validate"):
            cross_validate(StubClassifier(), X, Y, params={"sample_weight": WEIGHTS})


def test_one_score() -> None:
    expected = theirs.cross_val_score(StubClassifier(), X, Y, cv=10, scoring="f1_macro")
    np.testing.assert_allclose(cross_val_score(StubClassifier(), X, Y, cv=10, scoring="f1_macro"), expected, atol=1e-12)


def test_failures() -> None:
    splits = [(np.arange(90), np.arange(90, 150)), (np.arange(10, 150), np.arange(10))]
    with pytest.warns(FitFailedWarning, match="1 fits failed out of a total of 2"):
        assert np.isnan(cross_val_score(StubClassifier(deed=("fail", 90)), X, Y, cv=splits)).tolist() == [True, False]
    with pytest.raises(ArithmeticError, match="as it was told"):
        cross_val_score(StubClassifier(deed="fail"), X, Y, error_score="raise")
    with pytest.raises(ValueError, match="All the 5 fits failed"):
        cross_val_score(StubClassifier(deed="fail"), X, Y)


def test_what_only_this_process_can_do_is_scikit_learns_own() -> None:
    with pytest.warns(UserWarning, match="done by scikit-learn.*return_estimator"):
        found = cross_validate(StubClassifier(), X, Y, cv=2, return_estimator=True)
    assert [type(one) for one in found["estimator"]] == [StubClassifier] * 2
    with pytest.warns(UserWarning, match="done by scikit-learn.*LinearRegression") as said:
        scores = cross_val_score(LinearRegression(), X, Y, cv=3)
    assert len(said) == 1
    assert scores.tolist() == theirs.cross_val_score(LinearRegression(), X, Y, cv=3).tolist()


def test_arguments_are_checked_as_scikit_learn_does() -> None:
    with warnings.catch_warnings(), pytest.raises(ValueError, match="The 'error_score' parameter of cross_validate"):
        cross_validate(StubClassifier(), X, Y, error_score="no")
    with pytest.raises(ValueError, match="The 'engine' parameter of cross_val_score"):
        cross_val_score(StubClassifier(), X, Y, engine="fast")
