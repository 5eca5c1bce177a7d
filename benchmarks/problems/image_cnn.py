"""Problem 4, images: a small convolutional net over scikit-learn's digits, 12 trials x 3 folds; a builder, not a recipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.problems.problem import Problem


def _rows(pima: Path | None) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return (x / 16).astype("float32").reshape(-1, 8, 8, 1), y


def _trials(count: int) -> dict[str, object]:
    return {"strategy": {"type": "random", "trials": count, "seed": 7}}


IMAGE_CNN = Problem(
    title="image CNN",
    task="multiclass",
    metric="accuracy",
    model="image_cnn",
    rows=_rows,
    sweep={
        "preprocessing": "none",
        "trainer": {"type": "builder", "builder": "models:image_cnn"},
        "space": {
            "filters": [8, 16],
            "dropout": {"uniform": [0.1, 0.5]},
            "learning_rate": {"reciprocal": [3e-4, 1e-2]},
        },
        "cv": {"folds": 3},
        "fit": {"epochs": 15, "batch_size": 32, "early_stopping": None},
    },
    sizes={
        "full": _trials(12),
        "smoke": {**_trials(2), "cv": {"folds": 2}, "fit": {"epochs": 1, "batch_size": 256, "early_stopping": None}},
    },
    builder_code=True,
)
