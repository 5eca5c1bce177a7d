"""Nothing of a row that is watched, scored or tested reaches what is trained: one test for each kind of split.

The target is noise that only a row's own identity (or its group's, or its day's) could tell. Two learners try: a
target-encoding transformer, which knows the target of every identity that it was fitted on, and a one-hot code of the
identity. Whatever leaks, they score 1.0 on it, as a control shows for each kind; where nothing leaks, they score as a coin.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from trainers.data.dataset import Dataset
from trainers.preprocessing.prepare import prepare
from trainers.settings import CvSettings, Duplicates, FoldKind, SweepSettings
from trainers.splits.folds import make_splits
from trainers.splits.splits import Splits

ENCODER = '''
"""A transformer that tells the target of every text it has seen, and the mean of all for others."""
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin


class TargetMean(TransformerMixin, BaseEstimator):
    def fit(self, X, y):
        self.mean_ = float(np.mean(y))
        self.means_ = {text: float(np.mean(y[X["who"] == text])) for text in X["who"].unique()}
        return self

    def transform(self, X):
        return np.array([[self.means_.get(text, self.mean_)] for text in X["who"]])
'''
ROWS = 360
SETTINGS = pytest.mark.parametrize("preprocessing", ["leaky_encoder:TargetMean", "auto"])


@pytest.fixture
def code(tmp_path: Path) -> str:
    (tmp_path / "leaky_encoder.py").write_text(ENCODER, encoding="utf-8")
    return str(tmp_path)


def make(identities: np.ndarray, **roles: np.ndarray) -> Dataset:
    """Return rows whose target is a coin thrown once for each identity; identities are visible as the column "who"."""
    names, codes = np.unique(identities, return_inverse=True)
    coins = np.random.default_rng(8).permutation(np.arange(len(names)) % 2)
    who = [f"who{name}" for name in identities]
    return Dataset(features=pd.DataFrame({"who": who}), target=coins[codes], classes=(0, 1), **roles)


def rows_alone() -> Dataset:
    return make(np.arange(ROWS))


def rows_in_groups() -> Dataset:
    groups = np.random.default_rng(1).integers(0, 90, ROWS)
    return make(groups, groups=np.array([str(group) for group in groups], dtype=object))


def rows_in_days() -> Dataset:
    days = np.random.default_rng(2).integers(0, 90, ROWS)
    return make(days, order=days)


def equal_rows() -> Dataset:
    """Each row about four times, word for word."""
    return make(np.random.default_rng(3).integers(0, 2 * 90, 2 * ROWS))


def cut(dataset: Dataset, kind: FoldKind, duplicates: Duplicates = "together") -> Splits:
    cv = CvSettings(kind=kind, duplicates=duplicates)
    return make_splits(dataset, "binary", cv, test_size=0.2, monitor_split=0.25, seed=4)


def accuracy(dataset: Dataset, fitted: np.ndarray, scored: np.ndarray, preprocessing: str, code: str) -> float:
    """Return how many rows ``scored`` a learner gets right that was given the rows ``fitted``."""
    settings = SweepSettings(task="binary", seed=4, metrics=("accuracy",), stage="", code=code, preprocessing=preprocessing)
    prepared = prepare(dataset, fitted, settings, {})
    learner = KNeighborsClassifier(1) if preprocessing == "auto" else DecisionTreeClassifier(max_depth=1)
    learner.fit(prepared.inputs[fitted], prepared.target[fitted])
    return float(learner.score(prepared.inputs[scored], prepared.target[scored]))


def parts(dataset: Dataset, kind: FoldKind) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield every (fitted, scored) pair of a sweep: train against monitor and score of each fold, search against test."""
    splits = cut(dataset, kind)
    for fold in splits.folds:
        yield fold.train, fold.monitor
        yield fold.train, fold.score
    yield splits.search, splits.test


def of_a_coin(dataset: Dataset, kind: FoldKind, preprocessing: str, code: str) -> None:
    """Assert that each part is guessed as by a coin, and that the same learner would be right had it seen the part."""
    for fitted, scored in parts(dataset, kind):
        assert accuracy(dataset, np.union1d(fitted, scored), scored, preprocessing, code) == 1.0, "the control sees no leak"
    honest = [accuracy(dataset, fitted, scored, preprocessing, code) for fitted, scored in parts(dataset, kind)]
    assert np.mean(honest) < 0.65, honest
    assert max(honest) < 0.8, honest


@SETTINGS
def test_nothing_leaks_between_parts_of_k_folds(preprocessing: str, code: str) -> None:
    of_a_coin(rows_alone(), "kfold", preprocessing, code)


@SETTINGS
def test_nothing_leaks_between_stratified_parts(preprocessing: str, code: str) -> None:
    of_a_coin(rows_alone(), "stratified", preprocessing, code)


@SETTINGS
def test_nothing_leaks_between_parts_of_whole_groups(preprocessing: str, code: str) -> None:
    of_a_coin(rows_in_groups(), "group", preprocessing, code)


@SETTINGS
def test_nothing_leaks_between_earlier_and_later_parts(preprocessing: str, code: str) -> None:
    of_a_coin(rows_in_days(), "timeseries", preprocessing, code)


@SETTINGS
def test_groups_and_days_would_leak_through_plain_folds(preprocessing: str, code: str) -> None:
    for dataset in (rows_in_groups(), rows_in_days()):
        fold = cut(dataset, "kfold", "apart").folds[0]
        assert accuracy(dataset, fold.train, fold.score, preprocessing, code) > 0.8


@SETTINGS
@pytest.mark.parametrize("kind", ["kfold", "stratified"])
def test_nothing_leaks_between_equal_rows(preprocessing: str, kind: FoldKind, code: str) -> None:
    of_a_coin(equal_rows(), kind, preprocessing, code)


@SETTINGS
def test_equal_rows_cut_apart_would_leak(preprocessing: str, code: str) -> None:
    fold = cut(equal_rows(), "stratified", "apart").folds[0]
    assert accuracy(equal_rows(), fold.train, fold.monitor, preprocessing, code) > 0.8
    assert accuracy(equal_rows(), fold.train, fold.score, preprocessing, code) > 0.8


@SETTINGS
def test_nothing_leaks_from_the_test_part_through_repeated_rows(preprocessing: str, code: str) -> None:
    dataset = equal_rows()
    splits = cut(dataset, "stratified", "apart")
    assert accuracy(dataset, np.arange(dataset.rows), splits.test, preprocessing, code) == 1.0
    assert accuracy(dataset, splits.search, splits.test, preprocessing, code) < 0.8


@SETTINGS
def test_a_leaky_monitor_split_is_the_scoring_part_itself(preprocessing: str, code: str) -> None:
    dataset = rows_alone()
    splits = make_splits(dataset, "binary", CvSettings(), test_size=0.2, monitor_split=0, seed=4)
    assert splits.leaky
    for fold in splits.folds:
        assert accuracy(dataset, fold.train, fold.monitor, preprocessing, code) < 0.7, "what is fitted must not see it even so"
