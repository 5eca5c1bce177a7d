"""What a model scores that learnt nothing: the most frequent class, or the mean. It knows no nets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from trainers.metrics import score

if TYPE_CHECKING:
    from trainers.data import Array, Dataset
    from trainers.settings import Task
    from trainers.splits import Rows, Splits


def baseline_scores(
    dataset: Dataset, splits: Splits, metrics: Sequence[str], task: Task, code: str | None = None
) -> list[dict[str, float]]:
    """Return for every fold the metrics of the predictor that knows only the training rows' target.

    It predicts the share of each class as its probability, hence the most frequent class as the label; or the mean. Sample
    weights count.
    """
    results = []
    for fold in splits.folds:
        prediction = baseline_prediction(dataset, fold.train, len(fold.score), task)
        weights = None if dataset.weights is None else dataset.weights[fold.score]
        target = dataset.target[fold.score]
        results.append(score(metrics, target, prediction, task, weights=weights, code=code, classes=dataset.classes))
    return results


def baseline_prediction(dataset: Dataset, train: Rows, rows: int, task: Task) -> Array:
    """Return the same prediction for ``rows`` rows, shaped as ``score`` takes it, learnt from the rows ``train``."""
    target = dataset.target[train]
    weights = np.ones(len(train)) if dataset.weights is None or not dataset.weights[train].any() else dataset.weights[train]
    if task == "regression" or dataset.classes is None:
        return np.full(rows, np.average(target, weights=weights))
    shares = np.bincount(target, weights=weights, minlength=len(dataset.classes)) / weights.sum()
    return np.full(rows, shares[1]) if task == "binary" else np.tile(shares, (rows, 1))
