"""The baseline: held against scikit-learn's dummies on the same folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import accuracy_score, log_loss, root_mean_squared_error

from trainers.baseline import baseline_scores
from trainers.data.dataset import Dataset
from trainers.settings import CvSettings, Task
from trainers.splits.folds import make_splits
from trainers.splits.splits import Splits


def make(task: Task, weights: bool = False) -> tuple[Dataset, Splits]:
    rng = np.random.default_rng(1)
    classes = {"binary": (0, 1), "multiclass": ("a", "b", "c"), "regression": None}[task]
    target = rng.normal(3, 1, 200) if classes is None else rng.choice(len(classes), 200, p=[0.3, 0.7, 0][: len(classes)])
    if task == "multiclass":
        target[:30] = 2
    dataset = Dataset(
        features=pd.DataFrame({"x": rng.normal(size=200)}),
        target=target,
        classes=classes,
        weights=rng.random(200) if weights else None,
    )
    return dataset, make_splits(dataset, task, CvSettings(), test_size=0.2, monitor_split=0.2, seed=3)


@pytest.mark.parametrize("weights", [False, True])
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes_are_scored_as_by_the_prior_of_the_training_rows(task: Task, weights: bool) -> None:
    dataset, splits = make(task, weights)
    scores = baseline_scores(dataset, splits, ["accuracy", "log_loss"], task)
    for fold, got in zip(splits.folds, scores, strict=True):
        w = (None, None) if dataset.weights is None else (dataset.weights[fold.train], dataset.weights[fold.score])
        dummy = DummyClassifier(strategy="prior").fit(fold.train[:, None], dataset.target[fold.train], w[0])
        seen = dataset.target[fold.score]
        assert got["accuracy"] == pytest.approx(accuracy_score(seen, dummy.predict(fold.score[:, None]), sample_weight=w[1]))
        assert got["log_loss"] == pytest.approx(log_loss(seen, dummy.predict_proba(fold.score[:, None]), sample_weight=w[1]))


def test_numbers_are_scored_as_by_the_mean_of_the_training_rows() -> None:
    dataset, splits = make("regression")
    scores = baseline_scores(dataset, splits, ["r2", "rmse"], "regression")
    for fold, got in zip(splits.folds, scores, strict=True):
        dummy = DummyRegressor().fit(fold.train[:, None], dataset.target[fold.train])
        assert got["rmse"] == pytest.approx(
            root_mean_squared_error(dataset.target[fold.score], dummy.predict(fold.score[:, None]))
        )
        assert got["r2"] <= 0


def test_a_class_without_training_rows_has_probability_0() -> None:
    target = np.repeat([0, 1, 2], [10, 10, 10])
    dataset = Dataset(features=pd.DataFrame({"x": np.arange(30.0)}), target=target, classes=("a", "b", "c"))
    splits = make_splits(dataset, "multiclass", CvSettings(kind="kfold", shuffle=False), test_size=0, monitor_split=None, seed=0)
    assert [scores["accuracy"] for scores in baseline_scores(dataset, splits, ["accuracy"], "multiclass")] == [0, 0, 0]


def test_a_users_metric_gets_labels_of_the_data_here_too(tmp_path: Path) -> None:
    (tmp_path / "own_baseline.py").write_text(
        "def of_b(y_true, y_pred):\n    return (y_pred == 'b').mean() + (y_true == 'b').sum()\n"
    )
    dataset, splits = make("multiclass")
    scores = baseline_scores(dataset, splits, ["own_baseline:of_b"], "multiclass", str(tmp_path))
    counts = [1.0 + (dataset.target[fold.score] == 1).sum() for fold in splits.folds]
    assert [one["own_baseline:of_b"] for one in scores] == counts
