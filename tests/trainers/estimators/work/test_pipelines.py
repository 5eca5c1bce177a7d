"""Pipelines without their net: fitted by scikit-learn itself, remembered, and put together again."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler

from trainers.estimators.work.pipelines import final_of, prefix_of, prepare, steps_of, with_final

X = np.random.default_rng(0).normal(size=(20, 3))
Y = (X[:, 0] > 0).astype(int)


class Net(LogisticRegression):  # type: ignore[misc]
    """A last step that must not be fitted."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None, X_val: Any = None) -> Net:
        raise AssertionError("fitted")


def nested(final: Any) -> Pipeline:
    inner = Pipeline([("b", MinMaxScaler()), ("off", "passthrough"), ("clf", final)])
    return Pipeline([("a", StandardScaler()), ("inner", inner)])


def test_the_net_at_the_end_is_found_however_deep() -> None:
    net = Net()
    pipeline = nested(net)
    assert final_of(pipeline) is net
    assert prefix_of(pipeline) == "inner__clf__"
    assert [name for name, _ in steps_of(pipeline)] == ["a", "inner__b", "inner__off"]
    other = with_final(pipeline, "other")
    assert final_of(other) == "other"
    assert final_of(pipeline) is net
    assert (final_of(net), prefix_of(net), list(steps_of(net))) == (net, "", [])


def test_steps_are_fitted_as_the_pipeline_fits_them_and_the_net_is_not() -> None:
    prepared = prepare(nested(Net()), X, Y, {})
    expected = nested(LogisticRegression()).fit(X, Y)
    np.testing.assert_array_equal(prepared.X, expected["inner"][:-1].transform(expected[:-1].transform(X)))
    assert prepared.y is Y
    assert prepared.params == {}
    made = prepared.ending_in(expected["inner"]["clf"])
    np.testing.assert_array_equal(made.predict_proba(X), expected.predict_proba(X))


def test_a_lone_net_is_given_the_rows_as_they_are() -> None:
    prepared = prepare(Net(), X, Y, {"sample_weight": 1})
    assert prepared.X is X
    assert prepared.params == {"sample_weight": 1}
    assert prepared.seen(X) is X
    assert prepared.ending_in("net") == "net"


def test_rows_are_transformed_once_and_other_rows_anew() -> None:
    seen: list[int] = []

    def note(rows: Any) -> Any:
        seen.append(len(rows))
        return rows + 1

    prepared = prepare(Pipeline([("note", FunctionTransformer(note)), ("clf", Net())]), X, Y, {})
    few = X[:5]
    found = prepared.seen(few)
    assert prepared.seen(few) is found
    fitted = LogisticRegression().fit(X, Y)
    for _ in range(3):
        prepared.ending_in(fitted).predict(few)
    assert seen == [20, 5]
    prepared.ending_in(fitted).predict(X[:4])
    assert seen == [20, 5, 4]


def test_rows_that_a_step_refuses_are_seen_by_nobody() -> None:
    class Refusing(BaseEstimator):  # type: ignore[misc]
        def fit(self, X: Any, y: Any = None) -> Any:
            return self

        def transform(self, X: Any) -> Any:
            if len(X) == 7:
                raise ValueError("seven")
            return X

    prepared = prepare(Pipeline([("refuse", Refusing()), ("clf", Net())]), X, Y, {})
    assert prepared.seen(X[:7]) is None
    with pytest.raises(ValueError, match="seven"):
        prepared.ending_in(LogisticRegression().fit(X, Y)).predict(X[:7])


def test_fitted_steps_can_be_copied_and_pickled_with_what_they_remember_left_out() -> None:
    prepared = prepare(Pipeline([("scale", StandardScaler()), ("clf", Net())]), X, Y, {})
    prepared.seen(X)
    whole = prepared.ending_in(LogisticRegression().fit(X, Y))
    again = pickle.loads(pickle.dumps(whole))  # noqa: S301  (made above)
    np.testing.assert_array_equal(again.predict(X), whole.predict(X))
    assert vars(again["scale"])["transform"].known == []
    assert vars(again["scale"])["transform"].step is again["scale"]
    clone(whole).fit(X, Y)


def test_weights_reach_steps_and_net_by_their_names() -> None:
    weights = np.linspace(0, 1, 20)
    prepared = prepare(
        Pipeline([("scale", StandardScaler()), ("clf", Net())]),
        X,
        Y,
        {"scale__sample_weight": weights, "clf__sample_weight": weights},
    )
    assert prepared.params == {"sample_weight": weights}
    np.testing.assert_allclose(prepared.estimator["scale"].mean_, np.average(X, axis=0, weights=weights))


def test_routed_metadata_is_transformed_where_the_pipeline_is_told_so() -> None:
    with sklearn.config_context(enable_metadata_routing=True):
        net = Net().set_fit_request(sample_weight=True, X_val=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = Pipeline([("scale", scaler), ("clf", net)], transform_input=["X_val"])
        prepared = prepare(pipeline, X, Y, {"sample_weight": Y, "X_val": X[:4]})
        np.testing.assert_allclose(prepared.params["X_val"], StandardScaler().fit(X).transform(X[:4]))
        assert prepared.params["sample_weight"] is Y
        assert prepared.seen(X) is not None
