"""What a user says of columns and targets: kinds that override their looks, rows without a target, and what is said of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from trainers.data.loading import describe, load
from trainers.errors import DataError
from trainers.settings import CvSettings, DataSettings
from trainers.splits.folds import make_splits
from trainers.staging import open_staged, stage

TABLE = """code,zip,age,label
1,01234,31,yes
2,00100,?,no
1,01234,45,yes
3,20095,28,no
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.csv"
    path.write_text(TABLE)
    return path


def csv(path: Path, **options: Any) -> DataSettings:
    return DataSettings(source="csv", path=str(path), **{"target": "label", **options})


def test_a_column_is_read_as_the_file_says(table: Path) -> None:
    plain = load(csv(table, missing=("?",)), "binary", None)
    told = load(csv(table, missing=("?",), columns={"code": "categorical", "zip": "text", "age": "number"}), "binary", None)
    assert [column["kind"] for column in describe(plain)["columns"]] == ["number", "number", "number"]
    assert [column["kind"] for column in describe(told)["columns"]] == ["text", "text", "number"]
    assert told.features["zip"].tolist() == ["01234", "00100", "01234", "20095"]
    assert told.features["code"].tolist() == ["1", "2", "1", "3"]
    assert told.features["age"].isna().tolist() == [False, True, False, False]
    assert told.fingerprint != plain.fingerprint, "the trial key must tell them apart"


def test_saying_what_is_so_anyway_changes_nothing(table: Path) -> None:
    plain = load(csv(table, missing=("?",)), "binary", None)
    assert load(csv(table, missing=("?",), columns={"age": "number"}), "binary", None).fingerprint == plain.fingerprint


def test_a_column_of_a_headless_file_is_told_by_its_index(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text(TABLE.partition("\n")[2])
    told = load(csv(path, header=False, target=-1, columns={"1": "text"}, missing=("?",)), "binary", None)
    assert told.features["1"].tolist() == ["01234", "00100", "01234", "20095"]
    assert told.classes == ("no", "yes")


def test_columns_of_other_sources_are_told_too(tmp_path: Path) -> None:
    frame = pd.DataFrame({"code": [1, 2, None, 1], "old": ["3", "4", None, "5"], "flag": [True, False, True, True]})
    frame.assign(y=[0, 1, 0, 1]).to_parquet(tmp_path / "t.parquet")
    settings = DataSettings(
        source="parquet",
        path=str(tmp_path / "t.parquet"),
        target="y",
        columns={"code": "categorical", "old": "number", "flag": "number"},
    )
    features: Any = load(settings, "binary", None).features
    assert features["code"].tolist()[:2] == ["1", "2"]
    assert features["code"].isna().tolist() == [False, False, True, False]
    assert features["old"].tolist()[:2] == [3.0, 4.0]
    assert features["flag"].tolist() == [1.0, 0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"cod": "text"}, r"data\.columns: must name one of the columns 'code', 'zip', 'age', 'label'. Got 'cod'"),
        ({"label": "text"}, r"data\.columns: must name feature columns\. Got 'label'"),
        (
            {"age": "number"},
            r"data\.columns: column 'age' must hold a number in every row: .*'\?' at position 1\.",
        ),
    ],
)
def test_what_cannot_be_is_told(table: Path, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(csv(table, columns=columns), "binary", None)


def test_an_array_has_no_columns_to_tell_of(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("import numpy as np\ndef rows():\n    return np.eye(4), [0, 1, 0, 1]\n")
    settings = DataSettings(source="callable", callable="own:rows", columns={"0": "categorical"})
    with pytest.raises(DataError, match=r"data\.columns: needs columns with names"):
        load(settings, "binary", str(tmp_path))


# --- rows without a target ----------------------------------------------------------------------------------------------------


def test_rows_without_a_target_are_left_out_where_told_so(tmp_path: Path) -> None:
    path = tmp_path / "gaps.csv"
    path.write_text(
        "x,who,w,day,label\n1,a,1,2024-01-01,yes\n2,b,2,2024-01-02,\n3,c,3,2024-01-03,no\n4,d,4,2024-01-04,?\n5,e,5,2024-01-05,no\n"
    )
    options: dict[str, Any] = {"groups": "who", "weights": "w", "order": "day", "missing": ("?",)}
    with pytest.raises(DataError, match=r"Got 2 missing, first in row 1 .*or say data\.drop_missing_target: true"):
        load(csv(path, **options), "binary", None)
    dataset = load(csv(path, **options, drop_missing_target=True), "binary", None)
    assert dataset.features["x"].tolist() == [1, 3, 5]
    assert dataset.target.tolist() == [1, 0, 0]
    assert dataset.groups is not None
    assert dataset.weights is not None
    assert dataset.groups.tolist() == ["a", "c", "e"]
    assert dataset.weights.tolist() == [1, 3, 5]
    assert dataset.notes == ("rows left out, since they have no target (data.drop_missing_target): 2",)
    whole = tmp_path / "whole.csv"
    whole.write_text("x,who,w,day,label\n1,a,1,2024-01-01,yes\n3,c,3,2024-01-03,no\n5,e,5,2024-01-05,no\n")
    assert load(csv(whole, **options), "binary", None).fingerprint == dataset.fingerprint, "as if they were not in the file"


def test_an_arrays_rows_without_a_target_are_left_out_too(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.arange(8.0).reshape(4, 2), y=[0.5, np.nan, 1.5, 2.5])
    settings = DataSettings(source="npz", path=str(tmp_path / "a.npz"), drop_missing_target=True)
    dataset = load(settings, "regression", None)
    assert np.asarray(dataset.features).tolist() == [[0, 1], [4, 5], [6, 7]]


def test_rows_left_out_of_a_table_with_every_kind_of_column(tmp_path: Path) -> None:
    path = tmp_path / "kinds.csv"
    path.write_text("n,t,b,none,label\n1,a,True,,\n2,b,False,,yes\n3,c,True,,no\n")
    features: Any = load(csv(path, drop_missing_target=True), "binary", None).features
    assert features[["n", "t", "b"]].to_numpy().tolist() == [[2, "b", False], [3, "c", True]]


def test_a_target_of_nothing_is_another_mistake(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    path.write_text("x,label\n1,\n2,\n")
    with pytest.raises(DataError, match=r"data\.target: some rows need a target\. Got 2 rows, all without"):
        load(csv(path, drop_missing_target=True), "binary", None)


# --- what is said of it -------------------------------------------------------------------------------------------------------


def test_whole_numbers_of_few_values_are_named_with_the_key(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "code": random.integers(1, 5, 200),
            "my class": random.choice([1.0, 2.0, 3.0, np.nan], 200),
            "sex": random.integers(0, 2, 200),
            "half": random.choice([0.5, 1, 2], 200),
            "age": random.integers(1, 90, 200),
            "city": random.choice(["a", "b", "c"], 200),
            "label": random.choice(["no", "yes"], 200),
        }
    )
    path = tmp_path / "codes.csv"
    frame.to_csv(path, index=False)
    (note,) = load(csv(path), "binary", None).notes
    assert note == (
        "read as numbers, though whole and of few values: 'code', 'my class'; where these name things, say data.columns: "
        "{code: categorical}"
    )
    told = load(csv(path, columns={"code": "number", "my class": "categorical"}), "binary", None)
    assert told.notes == ()
    (note,) = load(csv(path, columns={"code": "number"}), "binary", None).notes
    assert note.endswith('{"my class": categorical}')


def test_the_layout_of_a_headless_file_reaches_the_workers(tmp_path: Path) -> None:
    path = tmp_path / "plain.csv"
    path.write_text("".join(f"{label},{i},{i % 7},{i % 3}.5\n" for i, label in enumerate("ab" * 20)))
    dataset = load(csv(path, header=False, target=0, drop=(2,)), "binary", None)
    assert dataset.layout == ("1", "2", "3")
    stage(dataset, make_splits(dataset, "binary", CvSettings(), test_size=0, monitor_split=None, seed=0), tmp_path / "stage")
    assert open_staged(tmp_path / "stage")[0].layout == ("1", "2", "3")
