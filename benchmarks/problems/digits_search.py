"""Problem 3: a random search over nets with dropout on scikit-learn's digits, 60 trials x 5 folds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.problems.problem import Problem


def _rows(pima: Path | None) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return (x / 16).astype("float32"), y


def _trials(count: int) -> dict[str, object]:
    return {"strategy": {"type": "random", "trials": count, "seed": 7}}


DIGITS_SEARCH = Problem(
    title="digits random search",
    task="multiclass",
    metric="accuracy",
    model="mlp",
    rows=_rows,
    sweep={
        "preprocessing": "none",
        "trainer": {"type": "mlp"},
        "space": {
            "hidden_layers": {"integer": [1, 3]},
            "layer_size": {"integer": [16, 128], "log": True},
            "dropout": {"uniform": [0.05, 0.5]},
            "learning_rate": {"reciprocal": [1e-4, 1e-2]},
        },
        "cv": {"folds": 5},
        "fit": {"epochs": 50, "batch_size": 32, "early_stopping": {"patience": 5, "min_delta": 1e-3}},
    },
    sizes={
        "full": _trials(60),
        "part": _trials(12),
        "smoke": {**_trials(2), "cv": {"folds": 2}, "fit": {"epochs": 1, "batch_size": 256}},
    },
    rival_size="part",
    note="part: the first 12 of 60 trials",
)
