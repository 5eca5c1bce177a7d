"""Equal rows: on one side of every split, sizes and shares of the parts kept, and nothing changed where there are none."""

from __future__ import annotations

import logging
import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import KFold, StratifiedKFold

from trainers.data.dataset import Dataset
from trainers.errors import DataError
from trainers.settings import CvSettings
from trainers.splits.duplicates import keep_together
from trainers.splits.folds import make_splits
from trainers.splits.splits import Splits

FEW = settings(max_examples=40, deadline=None, derandomize=True)
ROWS_AND_SEED = {"rows": st.integers(60, 200), "seed": st.integers(0, 10_000), "classes": st.sampled_from([None, 2, 3])}


def make(values: Any, *, classes: int | None = 2, seed: int = 0, **roles: Any) -> Dataset:
    """Return rows that are equal where ``values`` are, their targets drawn at random."""
    rng = np.random.default_rng(seed)
    features = values if isinstance(values, np.ndarray) and values.ndim > 1 else pd.DataFrame({"x": values, "z": 1})
    target = rng.normal(size=len(values)) if classes is None else rng.permutation(np.arange(len(values)) % classes)
    return Dataset(features=features, target=target, classes=None if classes is None else tuple(range(classes)), **roles)


def split(dataset: Dataset, *, test_size: float = 0.2, monitor_split: float | None = 0.2, seed: int = 7, **cv: Any) -> Splits:
    task = "regression" if dataset.classes is None else "multiclass"
    return make_splits(dataset, task, CvSettings(**cv), test_size=test_size, monitor_split=monitor_split, seed=seed)


def shared(values: np.ndarray, splits: Splits) -> set[Any]:
    """Return the values that stand on both sides of some split."""
    pairs = [(splits.test, splits.search)] + [
        pair
        for fold in splits.folds
        for pair in ((fold.train, fold.monitor), (fold.train, fold.score), (fold.monitor, fold.score))
    ]
    return {value for one, other in pairs for value in set(values[one].tolist()) & set(values[other].tolist())}


@FEW
@given(**ROWS_AND_SEED, shuffle=st.booleans(), distinct=st.integers(20, 150))
def test_equal_rows_are_on_one_side_of_every_split(
    rows: int, seed: int, classes: int | None, shuffle: bool, distinct: int
) -> None:
    values = np.random.default_rng(seed).integers(0, distinct, rows)
    splits = split(make(values, classes=classes, seed=seed), seed=seed, shuffle=shuffle)
    assert shared(values, splits) == set()
    for fold in splits.folds:
        assert sorted([*fold.train, *fold.monitor, *fold.score]) == splits.search.tolist()
        assert min(map(len, (fold.train, fold.monitor, fold.score))) > 0
    assert sorted(row for fold in splits.folds for row in fold.score) == splits.search.tolist()


@FEW
@given(**ROWS_AND_SEED, shuffle=st.booleans(), folds=st.integers(2, 5))
def test_rows_that_are_all_different_are_cut_as_if_nothing_were_kept_together(
    rows: int, seed: int, classes: int | None, shuffle: bool, folds: int
) -> None:
    dataset = make(np.arange(rows) / 3, classes=classes, seed=seed)
    splits = split(dataset, seed=seed, shuffle=shuffle, folds=folds)
    assert splits.fingerprint == split(dataset, seed=seed, shuffle=shuffle, folds=folds, duplicates="apart").fingerprint
    if not shuffle:
        splitter = KFold(folds) if classes is None else StratifiedKFold(folds)
        wanted = [splits.search[score].tolist() for _, score in splitter.split(splits.search, dataset.target[splits.search])]
        assert [fold.score.tolist() for fold in splits.folds] == wanted


def test_parts_keep_their_sizes_and_the_shares_of_their_classes() -> None:
    rng = np.random.default_rng(2)
    values = np.concatenate([np.arange(2000), rng.integers(0, 300, 1000)])
    dataset = Dataset(features=pd.DataFrame({"x": values}), target=(rng.random(3000) < 0.1).astype(int), classes=(0, 1))
    ours, plain = (split(dataset, test_size=0, folds=5, duplicates=duplicates) for duplicates in ("together", "apart"))
    assert shared(values, ours) == set()
    assert shared(values, plain)
    for fold, other in zip(ours.folds, plain.folds, strict=True):
        for part in ("train", "monitor", "score"):
            counts, wanted = (np.bincount(dataset.target[getattr(one, part)], minlength=2) for one in (fold, other))
            assert np.abs(counts - wanted).max() <= 1, part


def test_a_table_of_few_different_rows_is_cut_about_evenly() -> None:
    values = np.random.default_rng(4).integers(0, 60, 3000)
    for fold in split(make(values), test_size=0, folds=5).folds:
        assert len(fold.score) == pytest.approx(600, abs=30)
        assert len(fold.monitor) == pytest.approx(480, abs=50)


def test_a_set_larger_than_a_fold_leaves_the_others_to_what_remains() -> None:
    values = np.concatenate([np.zeros(70), np.arange(1, 31)])
    sizes = sorted(len(fold.score) for fold in split(make(values, classes=None), test_size=0).folds)
    assert sizes == [15, 15, 70]


def test_no_part_is_left_empty_while_another_has_two_sets() -> None:
    part = keep_together(np.array([0] * 85 + [1] * 15), np.repeat([0, 1, 2], [33, 33, 34]), np.zeros(100, dtype=np.int64), None)
    assert sorted(np.bincount(part).tolist()) == [33, 67]


def test_every_seed_and_repeat_deals_equal_rows_anew() -> None:
    values = np.arange(300) // 2
    splits = split(make(values), test_size=0, repeats=2)
    other = split(make(values), test_size=0, repeats=2, seed=8)
    scored = [frozenset(fold.score.tolist()) for fold in (*splits.folds, *other.folds)]
    assert len(set(scored)) == 12
    assert splits.fingerprint == split(make(values), test_size=0, repeats=2).fingerprint


def test_numbers_are_equal_by_value_and_missing_ones_to_each_other() -> None:
    pairs = [(0.0, -0.0), (np.nan, float("nan")), (0.1 + 0.2, 0.1 + 0.2)]
    values = [value for pair in pairs for value in pair] + [float(number) for number in range(1, 55)]
    table = pd.DataFrame({"x": values, "t": pd.Series(["a", "a", None, None] + ["b"] * 56, dtype=object)})
    dataset = Dataset(features=table, target=np.arange(60) % 2, classes=(0, 1))
    names = np.array([0, 0, 1, 1, 2, 2, *range(3, 57)])
    for seed in range(8):
        assert shared(names, split(dataset, seed=seed)) == set()
    assert shared(names, split(dataset, duplicates="apart", seed=1))


def test_equal_images_are_on_one_side() -> None:
    images = np.random.default_rng(0).integers(0, 255, (120, 4, 4, 1), dtype=np.uint8)
    images[60:] = images[:60]
    assert shared(np.arange(120) % 60, split(make(images))) == set()
    assert shared(np.arange(120) % 60, split(make(images), duplicates="apart"))


@pytest.mark.parametrize("kind", ["group", "timeseries"])
def test_groups_and_time_keep_their_own_rule(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    rng = np.random.default_rng(3)
    groups = np.array([f"g{number}" for number in rng.integers(0, 30, 120)], dtype=object)
    dataset = make(rng.integers(0, 40, 120), groups=groups, order=np.arange(120))
    assert split(dataset, kind=kind).fingerprint == split(dataset, kind=kind, duplicates="apart").fingerprint
    assert "cv.duplicates" not in caplog.text


def test_equal_rows_of_different_ids_go_to_the_test_part_together_and_stay_as_rows_are_added() -> None:
    values = np.arange(240) % 80
    ids = np.array([str(number) for number in range(240)], dtype=object)
    splits = split(make(values, ids=ids))
    assert shared(values, splits) == set()
    assert shared(values, split(make(values, ids=ids), duplicates="apart"))
    first = split(make(np.arange(80), ids=ids[:80])).test
    assert len(first)
    assert set(splits.test.tolist()) == {row for row in range(240) if row % 80 in first}


@pytest.mark.parametrize(
    ("duplicates", "words"),
    [
        ("together", "equal rows go to one side of every split. 'apart' cuts them like others."),
        ("apart", "'apart' lets a row be scored whose twin was trained on; 'together' does not."),
    ],
)
def test_the_number_of_repeating_rows_is_said_in_one_line(duplicates: str, words: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        split(make(np.arange(200) % 163), duplicates=duplicates, repeats=2)
    (line,) = [record.getMessage() for record in caplog.records if "cv.duplicates" in record.getMessage()]
    assert line == f"cv.duplicates: 37 of 200 rows repeat the features of others; {words}"
    caplog.clear()
    split(make(np.arange(200)), duplicates=duplicates)
    assert "cv.duplicates" not in caplog.text


def test_fewer_different_rows_than_folds_are_refused() -> None:
    with pytest.raises(DataError, match=r"cv.folds: equal rows go to one fold, so 3 folds need as many different rows. Got 2 "):
        split(make(np.arange(60) % 2), test_size=0)
    assert len(split(make(np.arange(60) % 2), test_size=0, duplicates="apart").folds) == 3


def test_large_tables_are_cut_quickly() -> None:
    dataset = make(np.random.default_rng(1).integers(0, 50_000, 100_000), classes=3)
    begun = time.process_time()
    split(dataset, folds=5)
    assert time.process_time() - begun < 10
