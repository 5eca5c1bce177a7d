from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator

from trainers.estimators import KerasRegressor
from trainers.estimators.reading import read_inputs, rows_of, settings_of, take
from trainers.estimators.routing import FIT, FIT_BY_CONSTRUCTOR

OURS: dict[str, Any] = {
    "epochs": 1,
    "batch_size": 32,
    "callbacks": None,
    "validation_split": None,
    "validation_data": None,
    "class_weight": None,
    "shuffle": True,
    "verbose": 0,
}


def test_what_a_call_gives_goes_before_what_the_constructor_was_given() -> None:
    settings = settings_of({**OURS, "initial_epoch": 2}, {"epochs": np.int64(5), "batch_size": None, "callbacks": "one"})
    assert (settings["epochs"], type(settings["epochs"]), settings["batch_size"]) == (5, int, 32)
    assert settings["callbacks"] == ["one"]
    assert settings["validation_split"] == 0.0
    assert settings["others"] == {"initial_epoch": 2}


def test_the_constructor_has_the_settings_of_a_fit() -> None:
    assert set(FIT_BY_CONSTRUCTOR) == set(FIT) & set(KerasRegressor._get_param_names()) == set(OURS)


def test_rows_are_counted_and_taken_by_name_too() -> None:
    arrays = {"a": np.arange(3), "b": np.ones((3, 2))}
    assert rows_of(arrays) == 3
    assert take(arrays, np.array([2, 0]))["a"].tolist() == [2, 0]


@pytest.mark.parametrize("kind", [sparse.dok_array, sparse.csr_matrix, sparse.coo_array])
def test_sparse_rows_of_any_kind_become_dense(kind: Any) -> None:
    assert read_inputs(BaseEstimator(), kind(np.eye(3)), reset=True).tolist() == np.eye(3).tolist()


def test_inputs_by_name_need_as_many_rows_each() -> None:
    with pytest.raises(ValueError, match=r"X: expected as many rows in every input, got \{'a': 2, 'b': 3\}"):
        read_inputs(BaseEstimator(), {"a": np.ones(2), "b": np.ones(3)}, reset=True)
    with pytest.raises(ValueError, match="expected arrays by the names of the net's inputs, got none"):
        read_inputs(BaseEstimator(), {}, reset=True)
