"""Splits: who is trained on, watched, scored and tested, for every kind, by properties that hold on any data."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainers.data.dataset import Dataset
from trainers.errors import DataError
from trainers.settings import CvSettings
from trainers.splits.folds import make_splits
from trainers.splits.monitoring import monitor_rows
from trainers.splits.splits import Splits

FEW = settings(max_examples=40, deadline=None, derandomize=True)
KINDS = ("kfold", "stratified", "group", "timeseries")


def make(rows: int = 120, *, classes: int | None = 3, seed: int = 0, **roles: Any) -> Dataset:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=rows) if classes is None else np.arange(rows) % classes
    names = None if classes is None else tuple("abcdefgh"[:classes])
    features = pd.DataFrame({"x": rng.normal(size=rows), "z": rng.integers(0, 50, rows)})
    return Dataset(features=features, target=rng.permutation(target), classes=names, **roles)


def with_roles(rows: int, seed: int, classes: int | None = 3) -> Dataset:
    rng = np.random.default_rng(seed + 1)
    groups = np.array([f"g{number}" for number in rng.integers(0, max(rows // 4, 8), rows)], dtype=object)
    return make(rows, classes=classes, seed=seed, groups=groups, order=rng.integers(0, rows, rows))


def split(dataset: Dataset, **options: Any) -> Splits:
    task = "regression" if dataset.classes is None else "multiclass"
    cv = CvSettings(**{name: options.pop(name) for name in ("folds", "kind", "shuffle", "repeats") if name in options})
    return make_splits(dataset, task, cv, **{"test_size": 0.2, "monitor_split": 0.2, "seed": 7, **options})


rows_and_seed = {"rows": st.integers(60, 200), "seed": st.integers(0, 10_000)}


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(**rows_and_seed, folds=st.integers(2, 5), share=st.sampled_from([0.1, 0.25, 0.5]))
def test_parts_are_disjoint_and_cover_the_search_rows(kind: str, rows: int, seed: int, folds: int, share: float) -> None:
    dataset = with_roles(rows, seed)
    splits = split(dataset, kind=kind, folds=folds, monitor_split=share, seed=seed)
    assert sorted([*splits.test, *splits.search]) == list(range(rows))
    for fold in splits.folds:
        parts = [set(fold.train), set(fold.monitor), set(fold.score)]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts)), "a row stands in two parts"
        assert set.union(*parts) <= set(splits.search)
        if kind != "timeseries":
            assert set.union(*parts) == set(splits.search)
    scored = [row for fold in splits.folds for row in fold.score]
    assert len(scored) == len(set(scored)), "a row is scored in two folds"
    if kind != "timeseries":
        assert set(scored) == set(splits.search)


@FEW
@given(**rows_and_seed, classes=st.sampled_from([None, 2, 3]))
def test_groups_stay_whole_in_every_part(rows: int, seed: int, classes: int | None) -> None:
    dataset = with_roles(rows, seed, classes)
    splits = split(dataset, kind="auto", seed=seed)
    assert splits.kind == ("group" if classes is None else "stratified_group")
    parts = [(splits.test, splits.search)] + [
        pair
        for fold in splits.folds
        for pair in ((fold.train, fold.monitor), (fold.train, fold.score), (fold.monitor, fold.score))
    ]
    for one, other in parts:
        assert not set(dataset.groups[one]) & set(dataset.groups[other])


@FEW
@given(**rows_and_seed, folds=st.integers(2, 5))
def test_time_runs_from_training_over_monitor_and_score_to_test(rows: int, seed: int, folds: int) -> None:
    dataset = with_roles(rows, seed)
    splits = split(dataset, kind="timeseries", folds=folds, seed=seed)
    order = dataset.order
    for fold in splits.folds:
        assert order[fold.train].max() < order[fold.monitor].min()
        assert order[fold.monitor].max() < order[fold.score].min()
    assert order[splits.search].max() < order[splits.test].min()
    for earlier, later in zip(splits.folds[:-1], splits.folds[1:], strict=True):
        assert order[earlier.score].max() < order[later.score].min()


@pytest.mark.parametrize("kind", ["kfold", "stratified", "group"])
@FEW
@given(seed=st.integers(0, 10_000), rows=st.integers(60, 120), more=st.integers(1, 120), by_id=st.booleans())
def test_rows_stay_where_they_are_as_the_data_grows(kind: str, seed: int, rows: int, more: int, by_id: bool) -> None:
    whole = with_roles(rows + more, seed)
    ids = np.array([str(number) for number in range(rows + more)], dtype=object) if by_id else None
    grown = Dataset(features=whole.features, target=whole.target, classes=whole.classes, groups=whole.groups, ids=ids)
    kept = np.random.default_rng(seed).permutation(rows + more)[:rows]
    small = Dataset(
        features=whole.features.iloc[kept].reset_index(drop=True),
        target=whole.target[kept],
        classes=whole.classes,
        groups=whole.groups[kept],
        ids=None if ids is None else ids[kept],
    )
    before = {int(kept[row]) for row in split(small, kind=kind, seed=seed).test}
    after = set(split(grown, kind=kind, seed=seed + 1).test.tolist())
    assert before == after & set(kept.tolist())


def test_exact_duplicates_land_on_one_side_of_the_test_part() -> None:
    features = pd.DataFrame({"x": np.repeat(np.arange(40.0), 5), "t": np.repeat([f"t{n}" for n in range(40)], 5)})
    dataset = Dataset(features=features, target=np.arange(200) % 2, classes=(0, 1))
    splits = split(dataset)
    assert len(splits.test)
    assert not set(features["x"].iloc[splits.test]) & set(features["x"].iloc[splits.search])


def test_the_test_part_does_not_depend_on_how_columns_are_typed_or_placed() -> None:
    dataset = make(200)
    other = Dataset(
        features=dataset.features[["z", "x"]].astype({"z": "float64"}), target=dataset.target, classes=dataset.classes
    )
    assert split(dataset).test.tolist() == split(other).test.tolist()


def test_every_class_is_tested_with_the_same_probability() -> None:
    dataset = make(20_000, classes=3)
    shares = np.bincount(dataset.target[split(dataset, monitor_split=None).test]) / np.bincount(dataset.target)
    assert np.allclose(shares, 0.2, atol=0.02)


def test_no_test_part_is_made_when_none_is_wanted() -> None:
    splits = split(make(50), test_size=0)
    assert splits.test.size == 0
    assert splits.search.tolist() == list(range(50))


def test_splits_are_a_function_of_the_seed() -> None:
    dataset = make()
    assert split(dataset, seed=1).fingerprint == split(dataset, seed=1).fingerprint
    assert split(dataset, seed=1).fingerprint != split(dataset, seed=2).fingerprint
    assert split(dataset, seed=1).test.tolist() == split(dataset, seed=2).test.tolist()


def test_repeats_are_shuffled_anew() -> None:
    splits = split(make(), repeats=2)
    assert [(fold.index, fold.repeat, fold.fold) for fold in splits.folds] == [
        (index, index // 3, index % 3) for index in range(6)
    ]
    first, second = splits.folds[0], splits.folds[3]
    assert set(first.score) != set(second.score)


def test_stratified_parts_keep_the_shares_of_the_classes() -> None:
    rng = np.random.default_rng(3)
    dataset = Dataset(
        features=pd.DataFrame({"x": rng.normal(size=400)}), target=(rng.random(400) < 0.1).astype(int), classes=(0, 1)
    )
    splits = split(dataset, test_size=0, monitor_split=0.25)
    wanted = dataset.target.mean()
    for fold in splits.folds:
        for part in (fold.train, fold.monitor, fold.score):
            assert dataset.target[part].mean() == pytest.approx(wanted, abs=0.02)


def test_stratified_groups_keep_the_classes_in_the_monitor_split_nearly_alike() -> None:
    rng = np.random.default_rng(5)
    groups = np.array([f"g{n}" for n in np.arange(600) // 5], dtype=object)
    target = np.repeat((rng.random(120) < 0.3).astype(int), 5)
    dataset = Dataset(features=pd.DataFrame({"x": rng.normal(size=600)}), target=target, classes=(0, 1), groups=groups)
    for fold in split(dataset, monitor_split=0.2).folds:
        assert len(fold.monitor) / (len(fold.monitor) + len(fold.train)) == pytest.approx(0.2, abs=0.03)
        assert target[fold.monitor].mean() == pytest.approx(target[fold.train].mean(), abs=0.06)


def test_a_split_of_0_watches_the_scoring_rows_and_says_so() -> None:
    splits = split(make(), monitor_split=0)
    assert splits.leaky
    assert all(fold.monitor.tolist() == fold.score.tolist() for fold in splits.folds)
    assert not split(make()).leaky


def test_nothing_is_watched_without_early_stopping() -> None:
    assert all(fold.monitor.size == 0 for fold in split(make(), monitor_split=None).folds)


def test_without_shuffling_folds_are_blocks_in_the_order_of_the_rows() -> None:
    dataset = make(90, classes=None)
    splits = split(dataset, shuffle=False, test_size=0, monitor_split=0.1)
    assert [fold.score.tolist() for fold in splits.folds] == [list(range(n, n + 30)) for n in (0, 30, 60)]
    assert splits.folds[0].monitor.tolist() == list(range(84, 90))


@pytest.mark.parametrize(
    ("roles", "classes", "kind"),
    [
        ({}, 3, "stratified"),
        ({}, None, "kfold"),
        ({"groups"}, 3, "stratified_group"),
        ({"groups"}, None, "group"),
        ({"order"}, 3, "timeseries"),
        ({"groups", "order"}, 3, "stratified_group"),
    ],
)
def test_auto_takes_the_kind_that_the_data_asks_for(roles: set[str], classes: int | None, kind: str) -> None:
    full = with_roles(100, 0, classes)
    dataset = Dataset(
        features=full.features, target=full.target, classes=full.classes, **{role: getattr(full, role) for role in roles}
    )
    assert split(dataset).kind == kind


def test_a_time_series_ignores_shuffling() -> None:
    dataset = with_roles(100, 0)
    shuffled, plain = (split(dataset, kind="timeseries", shuffle=shuffle, seed=3 + shuffle) for shuffle in (True, False))
    assert shuffled.fingerprint == plain.fingerprint


def test_a_small_class_is_warned_of_and_an_impossible_one_refused(caplog: pytest.LogCaptureFixture) -> None:
    target = np.zeros(60, dtype=np.int64)
    target[:2] = 1
    dataset = Dataset(features=pd.DataFrame({"x": np.arange(60.0)}), target=target, classes=("no", "yes"))
    with caplog.at_level(logging.WARNING):
        split(dataset, test_size=0)
    assert "class 'yes' has 2 rows for 3 folds" in caplog.text
    with pytest.raises(DataError, match=r"two classes outside the test part. Got {'no': 60, 'yes': 0}"):
        split(Dataset(features=dataset.features, target=np.zeros(60, dtype=np.int64), classes=("no", "yes")), test_size=0)


def test_a_class_of_one_training_row_is_trained_on_and_not_watched(caplog: pytest.LogCaptureFixture) -> None:
    target = np.array([0] * 20 + [1])
    dataset = Dataset(features=pd.DataFrame({"x": np.arange(21.0)}), target=target, classes=(0, 1))
    train, monitor = monitor_rows(dataset, np.arange(21), kind="stratified", share=0.3, shuffle=True, seed=1)
    assert 20 in train
    assert len(monitor) == 6
    assert "class [1] has one training row" in caplog.text


def test_groups_and_an_order_that_the_kind_does_not_heed_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    dataset = with_roles(100, 0)
    split(dataset, kind="kfold")
    assert "'kfold' lets rows of one group be trained on and scored; 'group' keeps groups whole" in caplog.text
    assert "'kfold' lets later rows be trained on and earlier ones scored; 'timeseries' does not" in caplog.text
    caplog.clear()
    split(dataset, kind="timeseries")
    assert "'timeseries' lets rows of one group be trained on and scored" in caplog.text
    assert "later rows" not in caplog.text


def test_a_test_part_far_from_its_size_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    groups = np.array([f"g{n % 4}" for n in range(80)], dtype=object)
    dataset = make(80, groups=groups)
    split(dataset, test_size=0.01, folds=2)
    assert "the test part holds 0.000 of the rows where 0.010 was asked" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "group"}, "cv.kind: 'group' needs the column that tells the groups. Got data.groups None"),
        ({"kind": "timeseries"}, "cv.kind: 'timeseries' needs the column that orders rows. Got data.order None"),
        ({"folds": 500}, "cv.folds: must be from 2 to the number of search rows"),
        ({"repeats": 2, "shuffle": False}, "cv.repeats: 2 repeats without shuffle would all be the same"),
        ({"folds": 45, "test_size": 0}, "stratified folds need a class of as many rows. Got 45 folds, 40 rows"),
    ],
)
def test_what_cannot_be_cut_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        split(make(), **options)


def test_repeats_of_a_time_series_are_refused() -> None:
    with pytest.raises(DataError, match=r"cv.repeats: time has one order, so 'timeseries' takes 1 repeat. Got 2"):
        split(with_roles(100, 0), kind="timeseries", repeats=2)


def test_stratified_folds_of_numbers_are_refused() -> None:
    with pytest.raises(DataError, match=r"'stratified' needs classes. Got task 'regression'. Take 'kfold'"):
        split(make(classes=None), kind="stratified")


def test_too_few_groups_or_times_are_refused() -> None:
    groups = np.array([f"g{n % 2}" for n in range(60)], dtype=object)
    with pytest.raises(DataError, match=r"cv.folds: needs a group for each of the 3 folds. Got 2 groups"):
        split(make(60, groups=groups), test_size=0)
    with pytest.raises(DataError, match=r"the training part needs two groups, one of them to watch. Got 1"):
        split(make(60, groups=groups), test_size=0, folds=2)
    with pytest.raises(DataError, match=r"needs 4 different times in data.order. Got 3 in 60 rows"):
        split(make(60, order=np.arange(60) % 3), test_size=0)


def test_a_test_part_of_everything_is_refused() -> None:
    dataset = Dataset(features=pd.DataFrame({"x": [1.0] * 30}), target=np.arange(30) % 2, classes=(0, 1))
    with pytest.raises(DataError, match=r"data.test_size: the search needs rows too. Got all 30 in the test part"):
        split(dataset, test_size=0.999)


def test_images_are_split_by_their_content() -> None:
    images = np.random.default_rng(0).integers(0, 255, (100, 4, 4, 1), dtype=np.uint8)
    images[50:] = images[:50]
    dataset = Dataset(features=images, target=np.arange(100) % 2, classes=(0, 1))
    test = set(split(dataset, kind="kfold").test.tolist())
    assert test
    assert {row % 50 for row in test} == {row for row in test if row < 50}
