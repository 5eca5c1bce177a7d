"""Problem 1: the grid of the classic Keras grid-search tutorial, 54 configurations x 3 folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.problems.problem import Problem

_GRID = {
    "optimizer": ["rmsprop", "adam"],
    "kernel_initializer": ["glorot_uniform", "random_normal", "random_uniform"],
    "epochs": [50, 100, 150],
    "batch_size": [5, 10, 20],
}


def _rows(pima: Path | None) -> tuple[np.ndarray, np.ndarray]:
    if pima is not None:
        rows = np.loadtxt(pima, delimiter=",", dtype="float32")
        return rows[:, :-1], rows[:, -1].astype("int64")
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return x.astype("float32"), y


TUTORIAL_GRID = Problem(
    title="tutorial grid",
    task="binary",
    metric="accuracy",
    model="mlp",
    rows=_rows,
    sweep={
        "preprocessing": "none",
        "trainer": {"type": "mlp", "params": {"layer_sizes": [12, 8]}},
        "space": _GRID,
        "strategy": {"type": "grid"},
        "cv": {"folds": 3},
        "fit": {"early_stopping": None},
    },
    sizes={
        "full": {},
        "part": {"space": {**_GRID, "optimizer": ["adam"], "kernel_initializer": ["glorot_uniform"]}},
        "smoke": {"space": {**_GRID, "kernel_initializer": ["glorot_uniform"], "epochs": [1, 2], "batch_size": [64]}},
    },
    rival_size="part",
    note="part: one of two optimizers and one of three initializers, every number of epochs and batch size",
)
