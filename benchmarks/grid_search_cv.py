"""The rival GridSearchCV over scikeras, ``n_jobs`` = cores: ``python -m benchmarks.grid_search_cv`` in a problem's folder.

What scikeras cannot do: watch a monitor split of the same kind as the folds. It has Keras' ``validation_split`` alone, the last
rows of the training part; the rows to watch are put there. It refits the winner, as Kerasweep does.
"""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import psutil

from benchmarks import models
from benchmarks.given import Given, given
from benchmarks.outcome import write_outcome


def estimator(work: Given) -> Any:
    """Return the estimator, and in front of it a scaler where the problem wants one."""
    import keras
    from scikeras.wrappers import KerasClassifier, KerasRegressor
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    stopping: dict[str, Any] = {}
    if work.early_stopping:
        settings = {f"callbacks__{name}": value for name, value in work.early_stopping.items() if name != "split"}
        stopping = {"callbacks": keras.callbacks.EarlyStopping, "validation_split": work.early_stopping["split"], **settings}
    wrapper = KerasRegressor if work.task == "regression" else KerasClassifier
    net = wrapper(
        model=getattr(models, work.model),
        epochs=work.epochs,
        batch_size=work.batch_size,
        random_state=work.seed,
        verbose=0,
        **{f"model__{name}": value for name, value in {**work.shapes(), **work.params}.items()},
        **stopping,
    )
    return Pipeline([("scale", StandardScaler()), ("net", net)]) if work.standardise else net


def grid(work: Given) -> list[dict[str, list[Any]]]:
    """Return the grid, or the drawn configurations as one-point grids, with the names that scikeras knows them by."""
    step = "net__" if work.standardise else ""

    def named(name: str) -> str:
        return f"{step}{name}" if name in ("epochs", "batch_size") else f"{step}model__{name}"

    if work.grid is not None:
        return [{named(name): values for name, values in work.grid.items()}]
    return [{named(name): [value] for name, value in config.items()} for config in work.configs]


def main() -> None:
    from sklearn.model_selection import GridSearchCV

    work = given()
    folds = [(np.concatenate([train, monitor]), score) for train, monitor, score in work.folds]
    search = GridSearchCV(estimator(work), grid(work), scoring=work.metric, cv=folds, n_jobs=len(os.sched_getaffinity(0)))
    started = time.time() - psutil.Process().create_time()
    search.fit(work.x, work.y)
    scores = search.cv_results_["mean_test_score"]
    write_outcome(
        trials=len(scores),
        best=float(search.best_score_),
        mean=float(scores.mean()),
        fixed_seconds=started + search.refit_time_,
    )


if __name__ == "__main__":
    main()
