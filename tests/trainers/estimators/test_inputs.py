"""X as Keras takes it, and several inputs that scikit-learn can cut."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, StratifiedKFold, TimeSeriesSplit, train_test_split
from sklearn.utils import _safe_indexing, indexable, resample, shuffle

from trainers.estimators.inputs import Inputs, as_inputs

ROWS = 12


@pytest.fixture
def inputs() -> Inputs:
    table = pd.DataFrame({"a": np.arange(ROWS), "b": np.arange(ROWS) / 2})
    return Inputs(
        ids=np.arange(ROWS * 3).reshape(ROWS, 3), table=table, many=sparse.csr_matrix(np.eye(ROWS)), list=list(range(ROWS))
    )


def test_it_is_a_dict_with_rows(inputs: Inputs) -> None:
    assert isinstance(inputs, dict)
    assert (len(inputs), inputs.shape, list(inputs)) == (ROWS, (ROWS,), ["ids", "table", "many", "list"])
    assert inputs["ids"].shape == (ROWS, 3)
    assert repr(inputs) == "Inputs(12 rows of ids, table, many, list)"
    assert list(Inputs(a=[1, 2])) == ["a"]
    assert type(dict(inputs)) is dict
    assert len(dict(inputs)) == 4


@pytest.mark.parametrize("rows", [np.array([3, 1]), [3, 1], slice(1, 4), np.arange(ROWS) % 2 == 0])
def test_rows_are_cut_from_every_array(inputs: Inputs, rows: Any) -> None:
    cut = inputs[rows]
    expected = np.arange(ROWS)[rows].tolist()
    assert cut["table"]["a"].tolist() == expected
    assert (cut["ids"][:, 0] // 3).tolist() == expected
    assert cut["many"].toarray().argmax(axis=1).tolist() == expected
    assert cut["list"] == expected
    assert (len(cut), type(cut)) == (len(expected), Inputs)
    assert _safe_indexing(inputs, rows)["list"] == expected


@pytest.mark.parametrize("splitter", [KFold(3), StratifiedKFold(3), ShuffleSplit(2), TimeSeriesSplit(2), GroupKFold(3)])
def test_every_splitter_takes_it(inputs: Inputs, splitter: Any) -> None:
    y, groups = np.arange(ROWS) % 2, np.arange(ROWS) % 3
    inputs, y, groups = indexable(inputs, y, groups)
    for train, test in splitter.split(inputs, y, groups if isinstance(splitter, GroupKFold) else None):
        assert len(_safe_indexing(inputs, train)) == len(train)
        assert len(_safe_indexing(inputs, test)) == len(test)


def test_scikit_learn_s_helpers_take_it(inputs: Inputs) -> None:
    train, test, y_train, _y_test = train_test_split(inputs, np.arange(ROWS), random_state=0)
    assert (len(train), len(test)) == (9, 3)
    assert train["list"] == y_train.tolist()
    assert len(shuffle(inputs, random_state=0)) == ROWS
    assert len(resample(inputs, n_samples=5, random_state=0)) == 5


def test_copies_are_inputs_too(inputs: Inputs) -> None:
    file = io.BytesIO()
    joblib.dump(inputs, file)
    file.seek(0)
    for copied in (copy.deepcopy(inputs), pickle.loads(pickle.dumps(inputs)), joblib.load(file)):  # noqa: S301
        assert type(copied) is Inputs
        assert (len(copied), copied["list"]) == (ROWS, inputs["list"])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": [1, 2], "b": [1]}, r"expected as many rows in every array, got \{'a': 2, 'b': 1\}"),
        ({}, "expected arrays by the names of the model's inputs, got none"),
        ({0: [1]}, r"names of the model's inputs, got \[0\]"),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(arrays: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Inputs(arrays)


@pytest.mark.parametrize(
    ("X", "dtype"),
    [
        (np.ones((2, 3)), "float32"),
        (np.ones((2, 3), "float16"), "float32"),
        (np.ones((2, 3), "int64"), "int64"),
        (np.ones((2, 4, 4, 3), "uint8"), "uint8"),
        (np.ones((2, 3), bool), "float32"),
        ([[1, 2], [3, 4]], "int64"),
        (np.array([[1, 2.5]], dtype=object), "float32"),
        (np.array([["a text"]], dtype=object), "object"),
        (np.array([["a text"]]), "<U6"),
        (pd.DataFrame({"a": [1, 2], "b": [0.5, 1]}), "float32"),
        (pd.DataFrame({"a": [1, 2]}), "int64"),
        (pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}), "float32"),
        (pd.DataFrame({"a": pd.Categorical([1, 2])}), "int64"),
        (sparse.csr_matrix(np.eye(3)), "float32"),
        (sparse.coo_array(np.eye(3, dtype="int32")), "int32"),
    ],
)
def test_arrays_are_what_keras_takes(X: Any, dtype: str) -> None:
    found = as_inputs(X)
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.dtype(dtype)
    assert found.shape == np.shape(X.toarray() if sparse.issparse(X) else X)


def test_missing_values_become_nan() -> None:
    found = as_inputs(pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}))
    np.testing.assert_array_equal(found, np.array([[1], [np.nan]], "float32"))


def test_inputs_become_a_plain_dict_of_arrays(inputs: Inputs) -> None:
    found = as_inputs(inputs)
    assert type(found) is dict
    assert {name: (array.shape, str(array.dtype)) for name, array in found.items()} == {
        "ids": ((ROWS, 3), "int64"),
        "table": ((ROWS, 2), "float32"),
        "many": ((ROWS, ROWS), "float32"),
        "list": ((ROWS,), "int64"),
    }


def test_floats_are_keras_float_type() -> None:
    import keras

    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    try:
        assert as_inputs(np.ones((2, 3), "float32")).dtype == "float64"  # type: ignore[union-attr]
    finally:
        keras.config.set_floatx(before)


def test_keras_is_not_imported_for_it() -> None:
    code = "import sys; from trainers.estimators.inputs import as_inputs; as_inputs([[1.5]]); assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
