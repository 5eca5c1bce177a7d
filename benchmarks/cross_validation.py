"""Fits and scores by ``model.fit`` alone, and the k-fold loop around them that users of KerasTuner and Ray Tune write."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.given import Given

Rows = np.ndarray
Scale = Callable[[np.ndarray], np.ndarray]


def cross_validated(given: Given, config: dict[str, Any]) -> float:
    """Return the mean score of one configuration over the folds."""
    scores = []
    for train, monitor, score in given.folds:
        model, scale = fit(given, config, train, monitor, seed=given.seed)
        scores.append(value_of(given.metric, given, given.y[score], model.predict(scale(given.x[score]), verbose=0)))
    return float(np.mean(scores))


def fit(
    given: Given,
    config: dict[str, Any],
    train: Rows,
    monitor: Rows,
    *,
    seed: int,
    weights: Sequence[np.ndarray] | None = None,
    first_epoch: int = 0,
    last_epoch: int | None = None,
    steps_per_call: int = 1,
) -> tuple[Any, Scale]:
    """Train one net, and return it with what its inputs go through before.

    Parameters
    ----------
    train, monitor : rows to learn from, and rows that early stopping watches where the problem has it.
    weights, first_epoch : where to go on from; default from the beginning.
    last_epoch : default the problem's.
    steps_per_call : steps of one call into TensorFlow: the same numbers, in less time where nets are small.
    """
    import keras
    from sklearn.preprocessing import StandardScaler

    from benchmarks import models

    arguments = {**given.params, **config}
    fit = {name: arguments.pop(name, getattr(given, name)) for name in ("epochs", "batch_size")}
    if last_epoch is not None:
        fit["epochs"] = last_epoch
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    scale: Scale = StandardScaler().fit(given.x[train]).transform if given.standardise else np.asarray
    model = getattr(models, given.model)(**given.shapes(), **arguments)
    if weights is not None:
        model.set_weights(weights)
    if steps_per_call > 1:
        model.steps_per_execution = min(steps_per_call, math.ceil(len(train) / fit["batch_size"]))
    if given.early_stopping:
        stopping = {name: given.early_stopping[name] for name in ("monitor", "patience", "min_delta", "restore_best_weights")}
        fit["callbacks"] = [keras.callbacks.EarlyStopping(**stopping)]
        fit["validation_data"] = (scale(given.x[monitor]), given.y[monitor])
    model.fit(scale(given.x[train]), given.y[train], verbose=0, initial_epoch=first_epoch, **fit)
    return model, scale


def value_of(metric: str, given: Given, truth: np.ndarray, prediction: np.ndarray) -> float:
    """Return ``metric`` of a net's raw output; NaN where that is not finite."""
    from sklearn.metrics import accuracy_score, log_loss, r2_score

    if not np.isfinite(prediction).all():
        return math.nan
    if metric == "r2":
        return float(r2_score(truth, prediction))
    if metric == "log_loss":
        likely = prediction.astype("float64")
        likely = likely / likely.sum(axis=1, keepdims=True) if given.task == "multiclass" else likely[:, 0]
        return float(log_loss(truth, likely, labels=np.unique(given.y)))
    labels = prediction.argmax(axis=1) if given.task == "multiclass" else prediction[:, 0] > 0.5
    return float(accuracy_score(truth, labels))
