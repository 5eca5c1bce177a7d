"""Rows in memory become a file that reads back as they were, and the task follows from the target."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.python_door.files import Files
from orchestrator.python_door.tables import like_training, task_of, write_rows
from trainers.data import Dataset, load
from trainers.errors import DataError
from trainers.settings import DataSettings

TABLE = pd.DataFrame(
    {
        "age": [30.5, np.nan, 51.0, 42.0] * 5,
        "rooms": [1, 2, 3, 4] * 5,
        "site": ["north", "south", None, "north"] * 5,
        "zip": pd.Categorical(["01234", "1234", "01234", "99"] * 5),
        "open": [True, False, True, True] * 5,
        "y": ["ill", "well", "well", "ill"] * 5,
    },
    index=range(100, 120),
)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "given")


def read(section: Any, task: Any) -> Dataset:
    return load(DataSettings(**section), task, None)


def test_a_table_with_its_target_is_read_as_it_was(files: Files) -> None:
    written = write_rows(TABLE, "y", files)
    data = read(written.section, written.task)
    assert (written.task, data.classes) == ("binary", ("ill", "well"))
    assert isinstance(data.features, pd.DataFrame)
    assert list(data.features.columns) == ["age", "rooms", "site", "zip", "open"]
    assert data.features["rooms"].dtype == "int64"
    assert data.features["zip"].tolist()[:2] == ["01234", "1234"]
    assert data.features["age"].isna().sum() == data.features["site"].isna().sum() == 5


def test_a_pair_is_the_same_data_as_the_table(files: Files) -> None:
    pair = write_rows((TABLE.drop(columns="y"), TABLE["y"]), None, files)
    whole = write_rows(TABLE, "y", files)
    assert pair == whole
    assert len(list(files.folder.iterdir())) == 1


@pytest.mark.parametrize("values", [TABLE["y"].to_list(), TABLE["y"].to_numpy(), TABLE[["y"]]], ids=["list", "array", "frame"])
def test_a_target_of_any_kind_goes_with_a_table(values: Any, files: Files) -> None:
    written = write_rows((TABLE.drop(columns="y"), values), None, files)
    assert read(written.section, written.task).fingerprint == read(write_rows(TABLE, "y", files).section, "binary").fingerprint


def test_a_target_without_a_name_hides_no_column(files: Files) -> None:
    written = write_rows((pd.DataFrame({"target": [1.0, 2.0] * 5}), np.arange(10) / 7), None, files)
    assert written.section["target"] == "target_"
    assert list(read(written.section, "regression").features.columns) == ["target"]  # type: ignore[union-attr]


@pytest.mark.parametrize("shape", [(20, 3), (20, 4, 4), (20, 4, 4, 1)])
def test_arrays_keep_shape_and_dtype(shape: tuple[int, ...], files: Files) -> None:
    features = np.random.default_rng(0).normal(size=shape).astype("float32")
    written = write_rows((features, np.arange(20) % 2), None, files)
    data = read(written.section, written.task)
    assert isinstance(data.features, np.ndarray)
    assert data.features.dtype == "float32"
    np.testing.assert_array_equal(data.features, features)
    assert data.classes == (0, 1)


@pytest.mark.parametrize(
    ("features", "column"),
    [
        (["a text", "another"] * 10, "text"),
        (np.array(["a text", "another"] * 10, dtype=object), "text"),
        (pd.Series(["a text", "another"] * 10, name="words"), "words"),
    ],
    ids=["list", "objects", "series"],
)
def test_texts_are_one_column(features: Any, column: str, files: Files) -> None:
    written = write_rows((features, ["no", "yes"] * 10), None, files)
    assert list(read(written.section, "binary").features.columns) == [column]  # type: ignore[union-attr]


def test_lists_of_numbers_and_texts_keep_their_numbers(files: Files) -> None:
    features = [[1.5, "a"], [2.5, "b"]] * 10
    data = read(write_rows((features, [0, 1] * 10), None, files).section, "binary").features
    assert data.dtypes.astype(str).tolist() == ["float64", "str"]  # type: ignore[union-attr]


def test_a_sparse_matrix_is_made_dense(files: Files) -> None:
    from scipy import sparse

    written = write_rows((sparse.eye(20, format="csr"), np.arange(20) % 2), None, files)
    np.testing.assert_array_equal(np.asarray(read(written.section, "binary").features), np.eye(20))


def test_equal_rows_are_written_once_and_others_beside_them(files: Files) -> None:
    features = np.ones((20, 2))
    paths = [write_rows((features * factor, np.arange(20) % 2), None, files).section["path"] for factor in (1, 1, 2)]
    assert paths[0] == paths[1] != paths[2]
    files.take_back()
    assert not files.folder.exists()


@pytest.mark.parametrize(
    ("data", "target", "message"),
    [
        (np.ones((4, 2)), None, r"data: must be a pair \(X, y\) or a pandas DataFrame. Got ndarray of shape \(4, 2\)"),
        (TABLE, None, r"data.target: must name the column of the DataFrame to predict. Got None"),
        (TABLE, "Y", r"data.target: must name one of the columns .* Got 'Y'"),
        ((np.ones((4, 2)), np.ones((4, 2))), None, r"must be one value a row, of shape \(rows,\). Got shape \(4, 2\)"),
        ((np.ones((4, 2)), np.ones(3)), None, r"must have a value for each of the 4 rows of features. Got 3"),
        (([[1], [1, 2]], [0, 1]), None, r"data: X must be a table or an array of rows. Got list. Pad sequences"),
        (({"a": np.ones(2)}, [0, 1]), None, r"data: X must be a table or an array of rows. Got dict"),
        ((np.ones((2, 2)), ["a", None]), None, r"data.target: every row needs a target. Got 1 missing"),
        ((pd.DataFrame({"odd": ["a", 1]}), [0, 1]), None, r"column 'odd' must hold values of one kind: .* Got int and str"),
        (pd.DataFrame([[1, 2]], columns=["y", "y"]), "y", r"columns must have different names. Got 'y' twice"),
    ],
    ids=["no pair", "no target", "no such target", "one-hot", "short", "ragged", "dict", "gap", "mixed", "twice"],
)
def test_what_cannot_be_data_is_told(data: Any, target: Any, message: str, files: Files) -> None:
    with pytest.raises(DataError, match=message):
        write_rows(data, target, files)
    assert not files.folder.exists()


@pytest.mark.parametrize(
    ("rows", "columns"),
    [
        (pd.DataFrame({1: ["x"], 0: [2.0]}), ["1", "0"]),
        (np.array([["x", 2.0]], dtype=object), ["1", "0"]),
        ([["x", 2.0]], ["1", "0"]),
        (["x"], ["1"]),
        (np.array(["x"]), ["1"]),
        (pd.Series(["x"]), ["1"]),
    ],
    ids=["table", "objects", "lists", "texts", "array of texts", "series"],
)
def test_rows_to_predict_may_be_what_the_training_data_was(rows: Any, columns: list[str]) -> None:
    table = like_training(rows, columns)
    assert list(table.columns) == columns
    assert table["1"].tolist() == ["x"]
    assert "0" not in columns or table["0"].dtype == "float64"


def test_rows_to_predict_of_another_width_are_refused() -> None:
    with pytest.raises(ValueError, match=r"rows: expected the 2 columns of the training data .* Got ndarray of shape \(1, 3\)"):
        like_training(np.ones((1, 3)), ["a", "b"])
    assert like_training([[1.0, 2.0]], None).shape == (1, 2)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1] * 10, "binary"),
        ([-1.0, 1.0] * 10, "binary"),
        ([True, False] * 10, "binary"),
        (["a", "b"] * 10, "binary"),
        (["a", "b", "c"] * 10, "multiclass"),
        ([1, 2, 7] * 10, "multiclass"),
        ([0.0, 1.0, 2.0] * 10, "multiclass"),
        (list(range(100)) * 5, "multiclass"),
        (list(range(3, 103)) * 5, "regression"),
        (list(range(10)), "regression"),
        ([0.5, 1.5] * 10, "regression"),
        ([25.0, 346.0, 151.0, 75.0, 141.0, 206.0, 135.0], "regression"),
        ([0.0, 1.0, np.nan] * 10, "binary"),
    ],
)
def test_the_task_follows_from_the_target(values: list[Any], task: str) -> None:
    assert task_of(pd.Series(values)) == task
