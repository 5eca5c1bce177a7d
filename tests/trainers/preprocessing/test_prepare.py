"""Preprocessing: fitted on training rows only, of one width in every fold, and the same after it is stored and loaded."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import trainers.data.serving_code
from trainers.data.dataset import Dataset
from trainers.data.serving_code import load_preprocessor
from trainers.errors import DataError, UserCodeError
from trainers.preprocessing.prepare import Prepared, check_exportable, prepare, preprocessing_key
from trainers.settings import CvSettings, RecipeName, SweepSettings, Task, TrainerSettings
from trainers.splits.folds import make_splits
from trainers.staging import open_staged, stage

HALF = np.arange(10)


def settings(task: Task = "binary", recipe: RecipeName = "mlp", **options: Any) -> SweepSettings:
    return SweepSettings(task=task, seed=5, metrics=("accuracy",), stage="", trainer=TrainerSettings(type=recipe), **options)


def table() -> pd.DataFrame:
    """Return 20 rows: the first half is trained on."""
    return pd.DataFrame(
        {
            "age": [*range(9), np.nan, 100, np.nan, *range(8)],
            "city": pd.Series([*"abcabcabc", None, *"dabdabcabc"], dtype="str"),
            "member": pd.array([True, None, False, True, True] * 4, dtype="boolean"),
            "late": [np.nan] * 10 + [1.0] * 10,
            "constant": [3] * 20,
        }
    )


def dataset(features: Any = None, **options: Any) -> Dataset:
    features = table() if features is None else features
    return Dataset(features=features, **{"target": np.arange(len(features)) % 2, "classes": (0, 1), **options})


def prepared(features: Any = None, config: Any = None, rows: np.ndarray = HALF, **options: Any) -> Prepared:
    return prepare(dataset(features), rows, settings(**options), config or {})


# --- tables -------------------------------------------------------------------------------------------------------------------


def test_numbers_are_filled_with_the_median_and_standardised_by_the_training_rows() -> None:
    age = prepared().inputs[:, 0]
    trained = np.array([*range(9), 4.0])
    assert np.allclose(age[:10], (trained - trained.mean()) / trained.std())
    assert age[11] == pytest.approx(age[9]), "a missing value of another row is filled alike"
    assert age[10] == pytest.approx((100 - trained.mean()) / trained.std(), rel=1e-6)
    assert age.dtype == np.float32


def test_texts_become_one_column_a_category_whatever_the_fold_has_seen() -> None:
    inputs = prepared().inputs
    assert inputs.shape == (20, 3 + 1 + 4)
    cities = inputs[:, 4:]
    assert cities[:3].tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]
    assert cities[9].tolist() == [1, 0, 0, 0], "a missing text is the most frequent one"
    assert cities[10].tolist() == [0, 0, 0, 1], "the training rows know no d, but the column does"


def test_booleans_are_0_and_1_and_filled_with_the_more_frequent() -> None:
    assert prepared().inputs[:5, 3].tolist() == [1, 1, 0, 1, 1]


def test_widths_do_not_depend_on_the_fold() -> None:
    widths = {prepared(rows=rows).inputs.shape for rows in (HALF, np.arange(10, 20), np.array([9]), np.array([1, 11]))}
    assert widths == {(20, 8)}


def test_everything_is_finite_however_little_was_seen() -> None:
    for scaling in ("auto", "standard", "minmax"):
        assert np.isfinite(prepared(rows=np.array([9]), preprocessing=scaling).inputs).all()


def test_minmax_puts_training_numbers_between_0_and_1() -> None:
    inputs = prepared(preprocessing="minmax").inputs
    assert (inputs[:10, 0].min(), inputs[:10, 0].max()) == (0, 1)
    assert inputs[10, 0] == pytest.approx(12.5)


def test_none_passes_numbers_on_as_they_are() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.5] * 4, "b": [True, False, True] * 4})
    result = prepared(frame, preprocessing="none")
    assert result.inputs.tolist() == frame.to_numpy(dtype="float32").tolist()
    assert not result.preprocessor.estimators


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"a": ["x", "y"] * 6}), r"'none' passes columns on as they are; 'a' has text. Take auto, or drop it"),
        (pd.DataFrame({"a": [1.0, None] * 6}), r"'a' has 6 missing values"),
    ],
)
def test_none_refuses_what_no_net_can_take(frame: pd.DataFrame, message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepared(frame, preprocessing="none")


def test_a_text_with_too_many_values_is_refused() -> None:
    frame = pd.DataFrame({"name": [f"n{number}" for number in range(1200)]})
    with pytest.raises(
        DataError, match=r"text column 'name' must have at most 1000 different values.*Got 1200. Put it in data.drop"
    ):
        prepared(frame)


def test_raw_rows_of_a_file_become_the_same_inputs(tmp_path: Path) -> None:
    frame = table()
    result = prepare(dataset(frame, missing=("?",)), HALF, settings(), {})
    raw = frame.astype(object).where(frame.notna(), "?")
    raw[["member", "extra", "city", "late", "age", "constant"]] = raw.assign(extra=1)[
        ["member", "extra", "city", "late", "age", "constant"]
    ]
    raw.to_csv(tmp_path / "raw.csv", index=False)
    again = result.preprocessor.transform(pd.read_csv(tmp_path / "raw.csv"))
    assert np.array_equal(again, result.inputs)


def test_categories_that_look_like_numbers_are_found_again() -> None:
    frame = pd.DataFrame({"code": pd.Series(["1", "2", "10", "1"] * 5, dtype="str")})
    result = prepared(frame)
    for codes in ([1, 2, 10, 1], [1.0, 2.0, 10.0, 1.0]):
        assert np.array_equal(result.preprocessor.transform(pd.DataFrame({"code": codes})), result.inputs[:4])


def test_raw_rows_that_do_not_fit_are_refused() -> None:
    transform = prepared().preprocessor.transform
    with pytest.raises(ValueError, match=r"the rows must have the columns 'city'\. Got"):
        transform(table().drop(columns="city"))
    with pytest.raises(ValueError, match=r"column 'age' must hold a number in every row: .*old"):
        transform(table().assign(age="old"))


# --- arrays -------------------------------------------------------------------------------------------------------------------


def test_images_are_left_alone() -> None:
    images = np.random.default_rng(0).integers(0, 255, (20, 4, 4, 3), dtype=np.uint8)
    result = prepared(images)
    assert result.inputs.dtype == np.float32
    assert np.array_equal(result.inputs, images)


def test_images_are_scaled_place_by_place_if_asked() -> None:
    images = np.random.default_rng(0).integers(0, 255, (20, 4, 4), dtype=np.uint8)
    scaled = prepared(images, preprocessing="standard").inputs
    assert scaled.shape == images.shape
    assert np.allclose(scaled[:10].mean(axis=0), 0, atol=1e-6)


def test_rows_of_floats_are_numbers_and_rows_of_integers_are_codes_to_a_builder() -> None:
    rows = np.random.default_rng(0).integers(0, 9, (20, 3))
    assert np.array_equal(prepared(rows, recipe="builder").inputs, rows)
    for result in (prepared(rows, recipe="mlp"), prepared(rows.astype(float), recipe="builder")):
        assert np.allclose(result.inputs[:10].mean(axis=0), 0, atol=1e-6)


def test_missing_values_of_an_array_are_filled_or_refused() -> None:
    rows = np.random.default_rng(0).normal(size=(20, 3))
    rows[4, 1] = np.nan
    assert np.isfinite(prepared(rows).inputs).all()
    with pytest.raises(DataError, match=r"passes an array of shape \(20, 1, 3\) on as it is, and it has missing values"):
        prepared(rows[:, None, :])


def test_an_array_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the rows must have the shape \(3,\), as in training. Got \(2,\)"):
        prepared(np.ones((20, 3))).preprocessor.transform(np.ones((5, 2)))


# --- wide and deep ------------------------------------------------------------------------------------------------------------


def wide_deep(config: Any, features: Any = None) -> dict[str, np.ndarray]:
    inputs = prepared(features, config, recipe="wide_deep").inputs
    assert isinstance(inputs, dict)
    return inputs


def test_wide_and_deep_take_the_columns_that_they_name() -> None:
    inputs = wide_deep({"wide": ["city"], "deep": ["age", 4]})
    assert {name: array.shape for name, array in inputs.items()} == {"wide": (20, 4), "deep": (20, 2)}
    everything = wide_deep({})
    assert everything["wide"].shape == everything["deep"].shape == (20, 8)


def test_a_cross_has_a_place_for_each_combination() -> None:
    crossed = wide_deep({"wide": ["age"], "crosses": [["city", "member"]]})["wide"][:, 1:]
    assert crossed.shape == (20, (4 + 1) * (2 + 1)), "with a place for missing ones"
    assert (crossed.sum(axis=1) == 1).all()
    members = table()["member"].fillna(False)
    same = [row for row in range(20) if table()["city"][row] == "a" and members[row]]
    others = [row for row in range(20) if row not in same]
    place = crossed[same[0]].argmax()
    assert crossed[same, place].all()
    assert not crossed[others, place].any()


def test_numbers_are_crossed_in_intervals_of_the_training_rows() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"lat": rng.normal(size=400), "lon": rng.normal(size=400)})
    widths = [
        prepare(dataset(frame), rows, settings(recipe="wide_deep"), {"wide": ["lat"], "crosses": [["lat", "lon"]]})
        .inputs["wide"]
        .shape
        for rows in (np.arange(50), np.arange(300))
    ]
    assert widths == [(400, 1 + 11 * 11)] * 2


def test_crosses_of_many_combinations_are_hashed_evenly() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name: [f"v{n}" for n in rng.integers(0, 300, 5000)] for name in "ab"})
    crossed = wide_deep({"wide": ["a"], "crosses": [["a", "b"]]}, frame)["wide"][:, -1024:]
    assert (crossed.sum(axis=1) == 1).all()
    assert (crossed.sum(axis=0) > 0).mean() > 0.95
    assert crossed.sum(axis=0).max() < 25


def test_rows_of_an_array_are_named_by_their_index() -> None:
    inputs = wide_deep({"wide": ["0"], "deep": [1, 2]}, np.random.default_rng(0).normal(size=(20, 3)))
    assert (inputs["wide"].shape, inputs["deep"].shape) == ((20, 1), (20, 2))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"wide": ["citi"]}, r"wide: must name one of the columns .*Got 'citi'. Did you mean 'city'\?"),
        ({"crosses": [["city", 9]]}, r"crosses: must be an index from 0 to 4. Got 9"),
    ],
)
def test_a_column_that_is_not_there_is_refused(config: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        wide_deep(config)


# --- text ---------------------------------------------------------------------------------------------------------------------

TEXTS = pd.DataFrame({"note": ["Good, good day!", "bad day", None, "good dog's bad"] * 5, "n": range(20)})
CNN = {"text": "note", "max_words": 5, "length": 4}


def test_words_are_numbered_by_how_often_the_training_rows_have_them() -> None:
    result = prepared(TEXTS, CNN, np.arange(2), recipe="text_cnn")
    assert result.inputs.dtype == np.int32
    assert result.inputs[:4].tolist() == [[3, 3, 2, 0], [4, 2, 0, 0], [0, 0, 0, 0], [3, 1, 4, 0]]
    assert result.vocabulary == 5
    assert result.preprocessor.plan["words"] == ["day", "good", "bad"]


def test_the_vocabulary_is_capped_and_padded_to_the_cap() -> None:
    small = prepared(TEXTS, {**CNN, "max_words": 3, "length": 2}, recipe="text_cnn")
    assert small.inputs.shape == (20, 2)
    assert set(small.inputs.ravel()) == {0, 1, 2}
    large = prepared(TEXTS, {**CNN, "max_words": 500}, recipe="text_cnn")
    assert large.vocabulary == 500
    assert large.inputs.max() < 500


def test_words_of_rows_not_trained_on_are_unknown() -> None:
    frame = pd.DataFrame({"note": ["seen"] * 10 + ["secret"] * 10})
    result = prepared(frame, {"length": 1}, recipe="text_cnn")
    assert result.inputs.ravel().tolist() == [2] * 10 + [1] * 10


def test_integer_sequences_are_cut_or_padded() -> None:
    sequences = np.array([[5, 9, 2, 0], [1, 2, 3, 4]] * 10)
    longer = prepared(sequences, {"length": 6, "max_words": 9}, recipe="text_cnn")
    assert longer.inputs[:2].tolist() == [[5, 1, 2, 0, 0, 0], [1, 2, 3, 4, 0, 0]]
    assert longer.inputs.dtype == np.int32
    assert prepared(sequences, {"length": 2}, recipe="text_cnn").inputs[0].tolist() == [5, 9]


@pytest.mark.parametrize(
    ("features", "config", "message"),
    [
        (TEXTS, {}, r"must be told the column with the texts, one of 'note', 'n'. Got None"),
        (TEXTS, {"text": "n"}, r"column 'n' must hold text. Got numbers"),
        (TEXTS, {"text": "notes"}, r"Did you mean 'note'\?"),
        (np.ones((20, 3)), {}, r"needs texts, or token ids from 0 up in an integer array .*Got float64"),
        (np.full((20, 3), -1), {}, r"least value -1"),
    ],
)
def test_what_is_no_text_is_refused(features: Any, config: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        prepared(features, config, recipe="text_cnn")


def test_token_ids_are_not_scaled() -> None:
    with pytest.raises(DataError, match=r"takes token ids, which have no scale. Got 'minmax'. Set it to auto"):
        prepared(TEXTS, CNN, recipe="text_cnn", preprocessing="minmax")


# --- targets, weights, keys ---------------------------------------------------------------------------------------------------


def test_targets_take_the_type_of_their_task() -> None:
    assert prepared().target.dtype == np.float32
    many = prepare(dataset(target=np.arange(20) % 3, classes=("a", "b", "c")), HALF, settings("multiclass"), {})
    assert many.target.dtype == np.int32
    assert many.target.tolist() == (np.arange(20) % 3).tolist()


@pytest.mark.parametrize(
    ("recipe", "scale_target", "scaled"),
    [("mlp", None, True), ("builder", None, False), ("builder", True, True), ("mlp", False, False)],
)
def test_numbers_to_predict_are_standardised_by_the_training_rows(recipe: RecipeName, scale_target: Any, scaled: bool) -> None:
    target = np.arange(20.0) ** 2
    result = prepare(dataset(target=target, classes=None), HALF, settings("regression", recipe, scale_target=scale_target), {})
    assert (result.scaler is not None) == scaled
    if result.scaler is None:
        assert np.allclose(result.target, target)
    else:
        assert result.target[:10].mean() == pytest.approx(0, abs=1e-6)
        assert result.target[:10].std() == pytest.approx(1, abs=1e-6)
        assert np.allclose(result.scaler.unscale(result.target), target, rtol=1e-5, atol=1e-4)


def test_a_constant_target_is_only_centred() -> None:
    result = prepare(dataset(target=np.full(20, 7.0), classes=None), HALF, settings("regression"), {})
    assert result.target.tolist() == [0.0] * 20


def test_weights_are_carried_along() -> None:
    weighted = prepare(dataset(weights=np.arange(20.0)), HALF, settings(), {})
    assert weighted.weights is not None
    assert weighted.weights.dtype == np.float32
    assert prepared().weights is None


def test_configs_share_what_is_prepared_unless_they_decide_it() -> None:
    mlp = settings()
    assert preprocessing_key(mlp, {"dropout": 0.1}) == preprocessing_key(mlp, {"dropout": 0.5})
    cnn = settings(recipe="text_cnn")
    assert preprocessing_key(cnn, {"length": 5}) != preprocessing_key(cnn, {"length": 6})
    assert preprocessing_key(cnn, {"length": 5, "filters": 3}) == preprocessing_key(cnn, {"length": 5})
    assert preprocessing_key(cnn, {}) == preprocessing_key(cnn, {"length": 200, "max_words": 10_000})
    wide = settings(recipe="wide_deep")
    assert preprocessing_key(wide, {"crosses": [["a", "b"]]}) != preprocessing_key(wide, {})


# --- the user's transformer ---------------------------------------------------------------------------------------------------

OWN = """
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, TargetEncoder

def encoder():
    return make_column_transformer((TargetEncoder(smooth=1.0), ["city"]), remainder="drop")

def sparse():
    return make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["city"]))

class Ages(TransformerMixin, BaseEstimator):
    def fit(self, X, y):
        self.mean_ = float(np.nanmean(X["age"]))
        return self
    def transform(self, X):
        return np.nan_to_num(X[["age"]].to_numpy() - self.mean_)

def with_lambda():
    return FunctionTransformer(lambda X: np.zeros((len(X), 1)))

def gaps():
    return FunctionTransformer(np.asarray).set_params(func=None)

def shrinking():
    class Shrinking(Ages):
        def transform(self, X):
            return super().transform(X)[:-1]
    return Shrinking()

def failing():
    class Failing(Ages):
        def fit(self, X, y):
            raise RuntimeError("not today")
    return Failing()

def number():
    return 3

def needy(argument):
    return Ages()
"""


@pytest.fixture
def code(tmp_path: Path) -> str:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "own_steps.py").write_text(OWN, encoding="utf-8")
    return str(tmp_path / "code")


def test_a_users_transformer_meets_only_training_rows_and_their_target(code: str) -> None:
    result = prepared(preprocessing="own_steps:Ages", code=code)
    assert np.allclose(result.inputs[:9, 0], np.arange(9) - 4.0)
    assert result.inputs.dtype == np.float32


def test_training_rows_are_cross_fitted_as_in_a_pipeline_and_others_are_not(code: str) -> None:
    one, other = (prepared(preprocessing="own_steps:encoder", code=code) for _ in range(2))
    assert np.array_equal(one.inputs, other.inputs), "open random states must be seeded"
    assert not np.array_equal(one.inputs, one.preprocessor.transform(table()))
    assert np.array_equal(one.inputs[10:], one.preprocessor.transform(table())[10:])


def test_a_sparse_result_is_made_dense(code: str) -> None:
    assert prepared(preprocessing="own_steps:sparse", code=code).inputs.shape == (20, 4)


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("number", r"'own_steps:number' must return a scikit-learn transformer. Got 3"),
        ("needy", r"'own_steps:needy' failed: TypeError.*It is called without arguments"),
        ("failing", r"the transformer of 'own_steps:failing' failed: RuntimeError: not today"),
        ("shrinking", r"must give an array of 10 rows and some columns. Got shape \(9, 1\)"),
        ("gaps", r"must give numbers. Got could not convert string to float|must give finite numbers"),
        ("absent", r"must define 'absent'"),
    ],
)
def test_a_transformer_that_fails_is_the_users(factory: str, message: str, code: str) -> None:
    with pytest.raises(UserCodeError, match=message):
        prepared(preprocessing=f"own_steps:{factory}", code=code)


def test_recipes_with_their_own_preprocessing_refuse_a_transformer(code: str) -> None:
    with pytest.raises(UserCodeError, match=r"recipe 'text_cnn' has its own. Got 'own_steps:Ages'. Set preprocessing: auto"):
        prepared(TEXTS, CNN, recipe="text_cnn", preprocessing="own_steps:Ages", code=code)


@pytest.mark.parametrize("preprocessing", ["auto", "own_steps:encoder", "own_steps:Ages"])
def test_staged_data_is_prepared_as_the_loaded_data_was(preprocessing: str, code: str, tmp_path: Path) -> None:
    loaded = dataset()
    splits = make_splits(loaded, "binary", CvSettings(folds=2), test_size=0.2, monitor_split=0.2, seed=1)
    stage(loaded, splits, tmp_path / "staged")
    staged, _ = open_staged(tmp_path / "staged")
    chosen = settings(preprocessing=preprocessing, code=code)
    one = prepare(loaded, HALF, chosen, {})
    other = prepare(staged, HALF, chosen, {})
    assert np.array_equal(one.inputs, other.inputs)
    assert np.array_equal(one.target, other.target)
    assert one.preprocessor.plan == other.preprocessor.plan


# --- stored and loaded --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("features", "config", "options"),
    [
        (table(), {}, {}),
        (table(), {}, {"preprocessing": "minmax"}),
        (table(), {"wide": ["city"], "crosses": [["city", "member"], ["age", "city"]]}, {"recipe": "wide_deep"}),
        (TEXTS, CNN, {"recipe": "text_cnn"}),
        (np.arange(40).reshape(20, 2), {"length": 3}, {"recipe": "text_cnn"}),
        (np.random.default_rng(0).normal(size=(20, 3)), {}, {}),
        (np.random.default_rng(0).integers(0, 9, (20, 2, 2)), {}, {}),
        (table(), {}, {"preprocessing": "own_steps:encoder"}),
        (table(), {}, {"preprocessing": "own_steps:Ages"}),
    ],
)
def test_every_preprocessor_transforms_alike_after_it_is_stored(features: Any, config: Any, options: Any, code: str) -> None:
    result = prepared(features, config, code=code, **options)
    check_exportable(result.preprocessor, features)


def test_what_cannot_be_stored_without_pickle_is_refused(code: str) -> None:
    result = prepared(preprocessing="own_steps:with_lambda", code=code)
    with pytest.raises(UserCodeError, match=r"preprocessing: must be storable without pickle"):
        check_exportable(result.preprocessor)


def test_a_stored_transformer_of_a_foreign_type_is_not_loaded(code: str, tmp_path: Path) -> None:
    prepared(preprocessing="own_steps:Ages", code=code).preprocessor.export(tmp_path / "stored")
    shutil.rmtree(tmp_path / "stored" / "code")
    with pytest.raises(ValueError, match=r"a transformer holds \['own_steps.Ages'\], which cannot be stored without pickle"):
        load_preprocessor(tmp_path / "stored")


def test_a_stored_preprocessor_works_without_kerasweep(code: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    result = prepared(preprocessing="own_steps:Ages", code=code)
    result.preprocessor.export(folder / "preprocessor")
    for name in ("serving_code.py", "own_code.py"):
        shutil.copy(Path(str(trainers.data.serving_code.__file__)).with_name(name), folder / name)
    table().to_csv(folder / "rows.csv", index=False)
    script = (
        "import sys, pandas as pd, serving_code\n"
        "preprocessor = serving_code.load_preprocessor('preprocessor')\n"
        "print(preprocessor.transform(pd.read_csv('rows.csv'))[:, 0].tolist())\n"
        "assert not {'trainers', 'orchestrator', 'keras'} & set(sys.modules)\n"
    )
    answer = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == str(result.inputs[:, 0].tolist())


def test_nothing_stored_is_a_pickle(tmp_path: Path) -> None:
    prepared().preprocessor.export(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["preprocessor.json", "table.skops"]


# --- held once ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("features", "options", "config", "shared"),
    [
        (np.arange(1200, dtype="uint8").reshape(20, 3, 20), {"recipe": "builder"}, {}, True),
        (np.arange(100.0).reshape(20, 5), {"preprocessing": "none"}, {}, True),
        (np.arange(100.0).reshape(20, 5), {"preprocessing": "standard"}, {}, False),
        (np.arange(60).reshape(20, 3), {"recipe": "text_cnn"}, {"length": 3, "max_words": 70}, True),
    ],
)
def test_folds_hold_what_is_equal_once(
    features: np.ndarray, options: dict[str, Any], config: dict[str, Any], shared: bool
) -> None:
    data, made = dataset(features), settings(**options)
    first = prepare(data, HALF, made, config)
    second = prepare(data, HALF[1:], made, config, first)
    assert (second.inputs is first.inputs) is shared
    assert second.target is first.target
    assert second.fitted is not shared
    np.testing.assert_array_equal(second.inputs, prepare(data, HALF[1:], made, config).inputs)


def test_a_transformer_that_comes_to_the_same_for_all_folds_is_held_once(code: str) -> None:
    Path(code, "plain_steps.py").write_text(
        "import numpy as np\nfrom sklearn.preprocessing import FunctionTransformer\n"
        "def passing():\n    return FunctionTransformer(np.asarray)\n"
    )
    data = dataset(np.arange(100.0).reshape(20, 5))
    made = settings(preprocessing="plain_steps:passing", code=code)
    first = prepare(data, HALF, made, {})
    assert prepare(data, HALF[1:], made, {}, first).inputs is first.inputs


def test_large_inputs_lie_where_jax_takes_them_without_a_copy() -> None:
    large = np.arange(20 * 20_000, dtype="uint8").reshape(20, 20_000)
    inputs = prepare(dataset(large), HALF, settings(preprocessing="none"), {}).inputs
    assert inputs.ctypes.data % 64 == 0
    np.testing.assert_array_equal(inputs, large)


def test_numbers_that_are_staged_as_a_net_takes_them_stay_mapped(tmp_path: Path) -> None:
    loaded = dataset(np.arange(100, dtype="float32").reshape(20, 5))
    splits = make_splits(loaded, "binary", CvSettings(folds=2), test_size=0.2, monitor_split=0.2, seed=1)
    stage(loaded, splits, tmp_path / "staged")
    staged, _ = open_staged(tmp_path / "staged")
    inputs = prepare(staged, HALF, settings(preprocessing="none"), {}).inputs
    assert np.shares_memory(inputs, staged.features)
