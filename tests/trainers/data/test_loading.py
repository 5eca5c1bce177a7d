"""Loading, describing and staging data: every source, and every mistake that a user can make with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from trainers.data.dataset import Dataset
from trainers.data.loading import describe, load
from trainers.errors import DataError, UserCodeError
from trainers.settings import CvSettings, DataSettings, Task
from trainers.splits.folds import make_splits
from trainers.staging import open_staged, stage

TABLE = """age,city,member,when,who,amount,label
31, Oslo,True,2024-01-01,7,1.5,yes
?,Bergen,False,2024-01-02,8,2.5,no
45,,True,2024-01-03,7,3.5,yes
28,Oslo,,2024-01-04,9,0,no
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return write(tmp_path / "table.csv", TABLE)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def csv(path: Path, **options: Any) -> DataSettings:
    return DataSettings(source="csv", path=str(path), **{"target": "label", "missing": ("?",), **options})


def from_table(features: Any, target: Any, tmp_path: Path, task: Task = "binary", **options: Any) -> Dataset:
    """Load ``features`` and ``target`` through the source callable."""
    np.savez(tmp_path / "stored.npz", target=np.asarray(target))
    pd.to_pickle(features, tmp_path / "features.pkl")
    write(
        tmp_path / "given.py",
        "import numpy as np, pandas as pd, pathlib\n"
        "here = pathlib.Path(__file__).parent\n"
        "def rows():\n"
        "    return pd.read_pickle(here / 'features.pkl'), np.load(here / 'stored.npz')['target']\n",
    )
    return load(DataSettings(source="callable", callable="given:rows", **options), task, str(tmp_path))


# --- sources ------------------------------------------------------------------------------------------------------------------


def test_a_csv_file_becomes_numbers_booleans_and_text(table: Path) -> None:
    dataset = load(csv(table, drop=("when", 4)), "binary", None)
    assert list(dataset.features.columns) == ["age", "city", "member", "amount"]
    assert dataset.features["age"].isna().tolist() == [False, True, False, False]
    assert dataset.features["city"].tolist()[:2] == ["Oslo", "Bergen"]
    assert dataset.features["member"].dtype == "boolean"
    assert dataset.classes == ("no", "yes")
    assert dataset.target.tolist() == [1, 0, 1, 0]
    assert dataset.target.dtype == np.int64


def test_columns_with_roles_are_no_features(table: Path) -> None:
    settings = csv(table, groups="city", order="when", weights="amount", id="who", missing=())
    with pytest.raises(DataError, match=r"data.groups: every row needs a value. Got 1 missing, first in row 2"):
        load(settings, "binary", None)
    dataset = load(csv(table, groups="who", order="when", weights="amount", id="who", missing=("?",)), "binary", None)
    assert list(dataset.features.columns) == ["age", "city", "member"]
    assert dataset.groups.tolist() == dataset.ids.tolist() == ["7", "8", "7", "9"]
    assert (np.diff(dataset.order) == 86_400 * 10**9).all()
    assert dataset.weights.tolist() == [1.5, 2.5, 3.5, 0]


def test_a_csv_file_without_header_has_numbered_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "plain.csv", "1,2,0\n3,4,1\n5,6,0\n")
    dataset = load(csv(path, header=False, target=2), "binary", None)
    assert list(dataset.features.columns) == ["0", "1"]
    assert dataset.classes == (0, 1)


def test_a_parquet_file_gives_the_same_data_as_a_csv_file(table: Path, tmp_path: Path) -> None:
    frame = pd.read_csv(table, skipinitialspace=True, na_values="?")
    frame.to_parquet(tmp_path / "table.parquet")
    settings = DataSettings(source="parquet", path=str(tmp_path / "table.parquet"), target=6, order="when")
    assert load(settings, "binary", None).fingerprint == load(csv(table, order="when"), "binary", None).fingerprint


def test_a_parquet_files_own_types_are_understood(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "size": pd.Categorical(["s", "m", "s", None]),
            "count": pd.array([1, None, 3, 4], dtype="Int64"),
            "flag": [True, False, True, True],
            "at": pd.date_range("2024-01-01", periods=4, tz="Europe/Oslo"),
            "y": [0, 1, 0, 1],
        }
    )
    frame.to_parquet(tmp_path / "typed.parquet")
    dataset = load(DataSettings(source="parquet", path=str(tmp_path / "typed.parquet"), target="y", order="at"), "binary", None)
    assert [column["kind"] for column in describe(dataset)["columns"]] == ["text", "number", "boolean"]
    assert dataset.features["count"].isna().tolist() == [False, True, False, False]
    assert np.diff(dataset.order).min() > 0


def test_an_npz_file_holds_X_and_y_or_named_arrays(tmp_path: Path) -> None:
    images = np.arange(4 * 3 * 3, dtype=np.uint8).reshape(4, 3, 3)
    np.savez(tmp_path / "plain.npz", X=images, y=[0, 1, 0, 1])
    np.savez(tmp_path / "named.npz", pictures=images, digit=[0, 1, 0, 1], person=["a", "a", "b", "b"], notes=[1, 2, 3, 4])
    plain = load(DataSettings(source="npz", path=str(tmp_path / "plain.npz")), "binary", None)
    assert plain.features.shape == (4, 3, 3)
    assert plain.features.dtype == np.uint8
    named = load(
        DataSettings(source="npz", path=str(tmp_path / "named.npz"), target="digit", groups="person", drop=("notes",)),
        "binary",
        None,
    )
    assert named.features.tolist() == plain.features.tolist()
    assert named.groups.tolist() == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    ("name", "task", "shape", "classes"),
    [
        ("breast_cancer", "binary", (569, 30), (0, 1)),
        ("digits", "multiclass", (1797, 64), tuple(range(10))),
        ("wine", "multiclass", (178, 13), (0, 1, 2)),
        ("iris", "multiclass", (150, 4), (0, 1, 2)),
        ("diabetes", "regression", (442, 10), None),
    ],
)
def test_scikit_learns_sets_are_tables(name: str, task: Task, shape: tuple[int, int], classes: tuple[int, ...] | None) -> None:
    dataset = load(DataSettings(source="sklearn", name=name), task, None)
    assert isinstance(dataset.features, pd.DataFrame)
    assert dataset.features.shape == shape
    assert dataset.classes == classes


def test_a_download_that_fails_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nothing listens there
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DataError, match=r"data.name: 'california_housing' is downloaded when first used, and that failed"):
        load(DataSettings(source="sklearn", name="california_housing"), "regression", None)


def test_a_callable_returns_X_and_y(tmp_path: Path) -> None:
    texts = load_callable(tmp_path, "return ['good', 'bad', 'good'], ['+', '-', '+']")
    assert texts.features["text"].tolist() == ["good", "bad", "good"]
    arrays = load_callable(tmp_path, "import numpy as np; return np.ones((3, 2)), np.array([[0], [1], [0]])")
    assert isinstance(arrays.features, np.ndarray)
    assert arrays.target.tolist() == [0, 1, 0]
    tables = load_callable(
        tmp_path, "import pandas as pd; return pd.DataFrame({'a': [1, 2, 3], 'g': [1, 1, 2]}), [0, 1, 0]", groups="g"
    )
    assert list(tables.features.columns) == ["a"]
    assert tables.groups.tolist() == ["1", "1", "2"]


def load_callable(folder: Path, body: str, **options: Any) -> Dataset:
    name = f"rows_{len(list(folder.glob('rows_*.py')))}"
    write(folder / f"{name}.py", f"def rows():\n    {body}\n")
    return load(DataSettings(source="callable", callable=f"{name}:rows", **options), "binary", str(folder))


# --- values -------------------------------------------------------------------------------------------------------------------


def test_missing_spellings_count_in_every_source(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": [1, -9, 3, 4], "b": ["x", "none", "y", "x"]})
    dataset = from_table(frame, [0, 1, 0, 1], tmp_path, missing=("none", "-9"))
    assert dataset.features.isna().sum().to_dict() == {"a": 1, "b": 1}


def test_a_column_with_nothing_in_it_is_a_column_of_missing_numbers(tmp_path: Path) -> None:
    dataset = from_table(pd.DataFrame({"a": [None] * 4, "b": [1, 2, 3, 4]}), [0, 1, 0, 1], tmp_path)
    assert dataset.features["a"].isna().all()
    assert describe(dataset)["columns"][0] == {"name": "a", "kind": "number", "missing": 4, "different": 0}


def test_whole_numbers_stored_as_floats_are_classes(tmp_path: Path) -> None:
    path = write(tmp_path / "floats.csv", "x,label\n1,0.0\n2,1.0\n3,0.0\n4,1.0\n")
    assert load(csv(path), "binary", None).classes == (0, 1)


def test_labels_are_plain_python_values(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [1.0, 2, 3, 4]})
    for target in ([True, False, True, False], np.array([2, 1, 2, 1], dtype=np.int8), ["b", "a", "b", "a"]):
        dataset = from_table(frame, target, tmp_path)
        assert json.loads(json.dumps(dataset.classes)) == list(dataset.classes)
        assert dataset.target.tolist() == [1, 0, 1, 0]


# --- fingerprint --------------------------------------------------------------------------------------------------------------


def test_the_fingerprint_follows_content_columns_and_target_and_not_the_path(table: Path, tmp_path: Path) -> None:
    base = load(csv(table), "binary", None).fingerprint
    elsewhere = write(tmp_path / "other.csv", TABLE)
    assert load(csv(elsewhere), "binary", None).fingerprint == base
    changed = write(tmp_path / "changed.csv", TABLE.replace("3.5", "3.6"))
    renamed = write(tmp_path / "renamed.csv", TABLE.replace("city", "town"))
    relabelled = write(tmp_path / "relabelled.csv", TABLE.replace("yes", "aye"))
    others = [load(csv(path), "binary", None).fingerprint for path in (changed, renamed, relabelled)]
    others += [load(csv(table, **options), "binary", None).fingerprint for options in ({"drop": ("age",)}, {"groups": "who"})]
    assert len({base, *others}) == 6


def test_a_fingerprint_does_not_change_between_versions(table: Path) -> None:
    assert load(csv(table, order="when"), "binary", None).fingerprint.startswith("68a0618608c6")


# --- description and staging --------------------------------------------------------------------------------------------------


def test_a_description_is_json(table: Path) -> None:
    description = json.loads(json.dumps(describe(load(csv(table, groups="who", drop=("when",)), "binary", None))))
    assert description["rows"] == 4
    assert description["shape"] == [4, 4]
    assert description["columns"][1] == {"name": "city", "kind": "text", "missing": 1, "different": 2}
    assert description["classes"] == [{"label": "no", "rows": 2}, {"label": "yes", "rows": 2}]
    assert description["groups"] == 3
    numbers = describe(load(DataSettings(source="sklearn", name="diabetes"), "regression", None))
    assert numbers["classes"] is None
    assert numbers["target"]["max"] == 346.0


def test_staged_data_comes_back_as_it_was(table: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "long.csv", TABLE + "\n".join(TABLE.splitlines()[1:] * 10))
    settings = csv(path, groups="who", order="when", weights="amount", missing=("?",))
    dataset = load(settings, "binary", None)
    splits = make_splits(dataset, "binary", CvSettings(folds=2, kind="kfold"), test_size=0, monitor_split=0.3, seed=1)
    stage(dataset, splits, tmp_path / "staged")
    again, splits_again = open_staged(tmp_path / "staged")
    pd.testing.assert_frame_equal(again.features, dataset.features)
    for name in ("target", "groups", "order", "weights"):
        assert np.array_equal(getattr(again, name), getattr(dataset, name))
        assert getattr(again, name).dtype == getattr(dataset, name).dtype
    assert (again.classes, again.fingerprint, again.missing) == (dataset.classes, dataset.fingerprint, dataset.missing)
    assert splits_again.fingerprint == splits.fingerprint
    assert [(fold.index, fold.fold, fold.repeat) for fold in splits_again.folds] == [(0, 0, 0), (1, 1, 0)]


def test_staged_numbers_are_mapped_and_not_copied(tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(50, 2, 2)).astype(np.float32)
    dataset = Dataset(features=features, target=np.arange(50) % 2, classes=(0, 1))
    splits = make_splits(dataset, "binary", CvSettings(), test_size=0.2, monitor_split=None, seed=1)
    stage(dataset, splits, tmp_path)
    again, splits_again = open_staged(tmp_path)
    assert isinstance(again.features, np.memmap)
    assert isinstance(splits_again.folds[0].train, np.memmap)
    assert not again.target.flags.owndata
    assert np.array_equal(again.features, features)


def test_nothing_staged_is_pickled(table: Path, tmp_path: Path) -> None:
    dataset = load(csv(table, id="who", drop=("when",)), "binary", None)
    splits = make_splits(dataset, "binary", CvSettings(folds=2), test_size=0, monitor_split=None, seed=1)
    stage(dataset, splits, tmp_path / "staged")
    assert {path.suffix for path in (tmp_path / "staged").iterdir()} == {".json", ".arrow", ".npy"}
    assert np.load(tmp_path / "staged" / "indices.npy", allow_pickle=False).dtype == np.int64


def test_a_folder_without_staged_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must hold a staged data set"):
        open_staged(tmp_path)


# --- mistakes -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "lable"}, r"data.target: must name one of the columns .*Got 'lable'. Did you mean 'label'\?"),
        ({"target": 9}, "data.target: must be an index from 0 to 6. Got 9"),
        ({"target": None}, "data.target: must name the column to predict"),
        ({"drop": ("agee",)}, r"data.drop: must name one of the columns .*Did you mean 'age'\?"),
        ({"groups": "grp"}, "data.groups: must name one of the columns"),
        ({"order": "city"}, "data.order: every row needs a value"),
        ({"weights": "label"}, "data.weights: must hold numbers"),
        ({"target": "age"}, "data.target: every row needs a target. Got 1 missing, first in row 1"),
        ({"target": "when"}, "task 'binary' needs exactly two classes. Got 4.*Set task: multiclass"),
        ({"target": "amount"}, "task 'binary' needs classes. Got the number 1.5. Set task: regression"),
        ({"drop": ("age", "city", "member", "when", "who", "amount")}, "must have rows and feature columns. Got 4 rows and 0"),
    ],
)
def test_a_mistake_in_the_settings_is_told(table: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(csv(table, **options), "binary", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a CSV file"),
        ("a,b,label\n1,2,3,4\n5,6,7,8\n", "must be a CSV file in UTF-8 whose rows all have as many values as its first"),
        ("a,b,label\n1,2,3\n1,2,3,4\n", "must be a CSV file in UTF-8 whose rows all have as many values as its first"),
        ("a,a,label\n1,2,0\n1,2,1\n", r"must have different names. Got 'a' twice"),
        ("a,label\n1,0\ninf,1\n2,0\n3,1\n", "column 'a' holds infinity"),
        ("a,label\n1,0\n2,0\n3,0\n", "needs exactly two classes. Got 1"),
        ("a,label\n", "must have rows and feature columns. Got 0 rows"),
    ],
)
def test_a_broken_csv_file_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load(csv(write(tmp_path / "broken.csv", text)), "binary", None)


@pytest.mark.parametrize("source", ["csv", "parquet", "npz"])
def test_a_file_that_is_absent_a_folder_or_something_else_is_refused(tmp_path: Path, source: Any) -> None:
    settings = {"source": source, "target": "y"}
    with pytest.raises(DataError, match=r"data.path: must be a file. Got '.*none', which is not there"):
        load(DataSettings(path=str(tmp_path / "none"), **settings), "binary", None)
    with pytest.raises(DataError, match=r"which is a folder"):
        load(DataSettings(path=str(tmp_path), **settings), "binary", None)
    (tmp_path / "bytes").write_bytes(bytes(range(128, 256)) * 4)
    with pytest.raises(DataError, match=r"data.path: must be an? .* file"):
        load(DataSettings(path=str(tmp_path / "bytes"), **settings), "binary", None)


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", X=np.array([[1, "a"], [2, "b"]], dtype=object), y=[0, 1])
    with pytest.raises(DataError, match=r"texts saved with a fixed width, not as objects"):
        load(DataSettings(source="npz", path=str(tmp_path / "objects.npz")), "binary", None)


def test_an_npz_file_with_several_arrays_left_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "many.npz", a=np.ones((4, 2)), b=np.ones((4, 2)), y=[0, 1, 0, 1])
    with pytest.raises(DataError, match=r"must be the array 'X', or the one left over. Got 'a', 'b'\. Name"):
        load(DataSettings(source="npz", path=str(tmp_path / "many.npz")), "binary", None)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (pd.DataFrame({"d": pd.date_range("2024", periods=4)}), "column 'd' must hold numbers, booleans or text. Got datetime64"),
        (pd.DataFrame({"d": [[1], [2], [3], [4]]}), "column 'd' must hold numbers, booleans or text. Got mixed"),
        (pd.DataFrame({"d": [1j, 2j, 3j, 4j]}), "column 'd' must hold real numbers"),
        (np.array([1.0, 2, 3, 4]), r"an array of features must hold numbers in \(rows, columns\).*Got float64 of shape \(4,\)"),
        (np.array([[1.0], [2], [np.inf], [4]]), "holds infinity"),
        (np.ones((3, 2)), "must have a value for each of the 3 rows of features. Got 4"),
    ],
)
def test_features_that_no_net_can_take_are_refused(features: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        from_table(features, [0, 1, 0, 1], tmp_path)


@pytest.mark.parametrize(
    ("target", "task", "message"),
    [
        (["a", "b", "a", "b"], "regression", "task 'regression' needs numbers. Got 'a'"),
        ([1.0, np.inf, 2.0, 3.0], "regression", "needs finite numbers. Got .*inf"),
        ([True, False, True, False], "regression", "task 'regression' needs numbers. Got True"),
        ([[1, 0], [0, 1], [1, 0], [0, 1]], "binary", "must be one value a row.*Undo any one-hot coding"),
        ([1, 2, 3, 4], "multiclass", "needs several rows of a class. Got 4 different values in 4 rows"),
    ],
)
def test_a_target_that_does_not_suit_the_task_is_refused(target: Any, task: Task, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        from_table(pd.DataFrame({"x": [1.0, 2, 3, 4]}), target, tmp_path, task)


@pytest.mark.parametrize(
    ("weights", "message"),
    [([1, -1, 1, 1], "Got -1.0"), ([0, 0, 0, 0], "Got 'zero in every row'"), ([1, None, 1, 1], "Got 1 missing")],
)
def test_weights_that_are_none_are_refused(weights: list[Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"data.weights: .*{message}"):
        from_table(pd.DataFrame({"x": [1.0, 2, 3, 4], "w": weights}), [0, 1, 0, 1], tmp_path, weights="w")


def test_an_order_of_no_dates_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data.order: must hold numbers or dates as 2024-12-31"):
        from_table(pd.DataFrame({"x": [1.0, 2, 3, 4], "t": ["1/2/24", "soon", "b", "c"]}), [0, 1, 0, 1], tmp_path, order="t")


def test_columns_of_an_array_have_no_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data.groups: needs columns with names. Got X as ndarray"):
        from_table(np.ones((4, 2)), [0, 1, 0, 1], tmp_path, groups=0)


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        ("return 3", DataError, "must return a pair, X and y. Got int"),
        ("return [[1, 2], [3]], [0, 1]", DataError, "pad sequences to one length"),
        ("raise RuntimeError('no rows today')", UserCodeError, "failed: RuntimeError: no rows today"),
    ],
)
def test_a_callable_that_gives_no_data_is_refused(body: str, error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        load_callable(tmp_path, body)


def test_an_unknown_set_of_scikit_learn_is_refused() -> None:
    with pytest.raises(DataError, match=r"data.name: must be one of breast_cancer.*Got 'irsi'. Did you mean 'iris'\?"):
        load(DataSettings(source="sklearn", name="irsi"), "multiclass", None)
