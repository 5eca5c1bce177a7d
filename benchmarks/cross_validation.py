"""The k-fold loop around ``model.fit`` that users of KerasTuner and Ray Tune write, since neither has one."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.given import Given


def cross_validated(given: Given, config: dict[str, Any]) -> float:
    """Return the mean score of one configuration over the folds."""
    import keras
    from sklearn.metrics import accuracy_score, r2_score
    from sklearn.preprocessing import StandardScaler

    from benchmarks import models

    arguments = {**given.params, **config}
    fit = {name: arguments.pop(name, getattr(given, name)) for name in ("epochs", "batch_size")}
    scores = []
    for train, monitor, score in given.folds:
        keras.utils.clear_session()
        keras.utils.set_random_seed(given.seed)
        x = StandardScaler().fit(given.x[train]).transform(given.x) if given.standardise else given.x
        model = getattr(models, given.model)(**given.shapes(), **arguments)
        if given.early_stopping:
            stopping = {name: given.early_stopping[name] for name in ("monitor", "patience", "min_delta", "restore_best_weights")}
            fit["callbacks"] = [keras.callbacks.EarlyStopping(**stopping)]
            fit["validation_data"] = (x[monitor], given.y[monitor])
        model.fit(x[train], given.y[train], verbose=0, **fit)
        prediction = model.predict(x[score], verbose=0)
        if given.task == "regression":
            scores.append(r2_score(given.y[score], prediction))
        else:
            labels = prediction.argmax(axis=1) if given.task == "multiclass" else prediction[:, 0] > 0.5
            scores.append(accuracy_score(given.y[score], labels))
    return float(np.mean(scores))
