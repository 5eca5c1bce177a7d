"""Work as it is staged and opened: data mapped, objects carried whole, classes of the user's too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from trainers.errors import DataError
from trainers.estimators import Inputs, Work, open_work, params_of, stage_work

ROOT = Path(__file__).parents[4]
SPLITS = [(np.arange(2), np.arange(2, 4)), (np.arange(2, 4), np.arange(2))]


def carried(folder: Path, **changes: Any) -> Work:
    given: dict[str, Any] = {"estimator": LogisticRegression(), "X": np.ones((4, 2)), "y": np.arange(4), "splits": SPLITS}
    stage_work(Work(**{**given, "scorers": len, **changes}), folder)
    return open_work(folder)


def test_arrays_are_mapped_and_read_only(tmp_path: Path) -> None:
    found = carried(tmp_path, fit_params={"sample_weight": np.ones(4)})
    for array in (found.X, found.y, found.splits[0][0], found.fit_params["sample_weight"]):
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable


@pytest.mark.parametrize(
    "X",
    [
        pd.DataFrame({"a": [1.0, 2, 3, 4], "b": ["x", "y", "x", "z"]}),
        pd.DataFrame({"a": pd.Series([1, "x", None, 4.0], dtype="object")}),
        sparse.csr_matrix(np.eye(4)),
        Inputs(a=np.ones((4, 2)), b=np.zeros((4, 3))),
        ["a", "b", "c", "d"],
        np.array(["a", None, 3, 4.5], dtype=object),
    ],
    ids=lambda X: type(X).__name__,
)
def test_rows_of_any_kind(tmp_path: Path, X: Any) -> None:
    found = carried(tmp_path, X=X).X
    assert type(found).__name__ in (type(X).__name__, "memmap")
    if sparse.issparse(X):
        assert (found != X).nnz == 0
    elif isinstance(X, pd.DataFrame):
        pd.testing.assert_frame_equal(found, X)
    elif isinstance(X, Inputs):
        assert all(np.array_equal(found[name], X[name]) for name in X)
    else:
        assert list(found) == list(X)


def test_objects_of_classes_that_only_this_process_knows(tmp_path: Path) -> None:
    class Odd:
        value = 7

    found = carried(tmp_path, fit_params={"callbacks": [Odd()]}, values={"a": {"Odd#1": Odd}}, error_score=-1.0, output="there")
    assert found.fit_params["callbacks"][0].value == 7
    assert found.values["a"]["Odd#1"].value == 7
    assert (found.error_score, found.output, found.return_train_score) == (-1.0, "there", False)


def test_how_scikit_learn_is_set_travels(tmp_path: Path) -> None:
    with sklearn.config_context(enable_metadata_routing=True, transform_output="pandas"):
        found = carried(tmp_path)
    assert found.sklearn_config["enable_metadata_routing"]
    assert found.sklearn_config["transform_output"] == "pandas"


def test_modules_are_found_where_the_search_finds_them_last_and_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    stage_work(Work(estimator=None, X=None, y=None, splits=(), scorers=None), tmp_path / "work")
    code = "import sys; from trainers.estimators import open_work; (tmp := sys.argv[1]) in sys.path and exit(2)\n"
    code += "for value in (1, 22):\n  open(tmp + '/beside.py', 'w').write(f'value = {value}'); open_work(tmp + '/work')\n"
    code += "  import beside; print(beside.value, sys.path[0] != tmp)"
    found = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, cwd=ROOT)
    assert found.stdout.split() == ["1", "True", "22", "True"]


def test_a_folder_without_work_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must hold what a search has staged"):
        open_work(tmp_path / "nothing")


def test_labels_stand_for_their_objects_under_their_own_name_alone() -> None:
    values = {"layers": {"(1, 2)": (1, 2)}}
    config = {"layers": "(1, 2)", "name": "(1, 2)", "rate": 0.1, "none": None}
    assert params_of(config, values) == {"layers": (1, 2), "name": "(1, 2)", "rate": 0.1, "none": None}
