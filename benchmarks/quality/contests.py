"""What is searched against the clock: three problems, each with a third of its rows held out, and one folder for every method."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.problems import Problem
from benchmarks.problems.regression_search import ROWS, housing

HELD = "held.npz"
HELD_SHARE = 1 / 3
SMOKE_ROWS = 240
Rows = tuple[str, np.ndarray, np.ndarray]
"""What the rows are called, X and y."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """One problem. ``rows`` are taken from the folder with the data, if there is one and it has them, or from a stand-in."""

    title: str
    task: str
    metric: str
    batch_sizes: tuple[int, ...]
    rows: Callable[[Path | None], Rows]

    @property
    def maximize(self) -> bool:
        """Whether a larger score is better."""
        return self.metric == "r2"

    def lay_out(self, folder: Path, seed: int, data: Path | None, *, smoke: bool = False) -> str:
        """Write rows, folds, sweep file and held-out rows of one seed into ``folder``; return what the rows are called.

        The seed decides which rows are held out, how the others are cut into folds, and what searches draw.
        """
        from sklearn.model_selection import train_test_split

        name, x, y = self.rows(data)
        if smoke:
            x, y = x[:SMOKE_ROWS], y[:SMOKE_ROWS]
        classes = None if self.task == "regression" else y
        parts = train_test_split(x, y, test_size=HELD_SHARE, random_state=seed, stratify=classes)
        searched_x, held_x, searched_y, held_y = parts
        problem = Problem(
            title=self.title,
            task=self.task,
            metric=self.metric,
            model="mlp",
            rows=lambda pima: (searched_x, searched_y),
            sweep=self.sweep(seed) | (_SMOKE if smoke else {}),
            sizes={"full": {}},
            seed=seed,
        )
        problem.lay_out("full", folder, None)
        np.savez(folder / HELD, X=held_x, y=held_y)
        return name

    def sweep(self, seed: int) -> dict[str, Any]:
        """Return what the sweep file says besides the objective; rivals take the space, the folds and the fit from it."""
        unscaled = {"scale_target": False} if self.task == "regression" else {}
        return {
            "data": {"source": "npz", "path": "rows.npz", "target": "y", "test_size": 0, **unscaled},
            "preprocessing": "standard",
            "trainer": {"type": "mlp"},
            "space": {
                "hidden_layers": {"integer": [1, 3]},
                "layer_size": {"integer": [8, 128], "log": True},
                "dropout": {"uniform": [0.0, 0.5]},
                "learning_rate": {"reciprocal": [1e-4, 1e-1]},
                "optimizer": ["adam", "rmsprop", "sgd"],
                "batch_size": list(self.batch_sizes),
            },
            "strategy": {"type": "genetic", "population": 16, "generations": 500, "seed": seed},
            "race": "paired",
            "cv": {"folds": 5},
            "fit": {"epochs": 100, "early_stopping": {"patience": 5, "min_delta": 1e-3}},
        }


_SMOKE: dict[str, Any] = {
    "strategy": {"type": "random", "trials": 4, "seed": 1},
    "cv": {"folds": 2},
    "fit": {"epochs": 3, "early_stopping": {"patience": 1, "min_delta": 1e-3}},
}


def _tutorial(data: Path | None) -> Rows:
    file = data / "pima-indians-diabetes.csv" if data else None
    if file is not None and file.is_file():
        rows = np.loadtxt(file, delimiter=",", dtype="float32")
        return file.name, rows[:, :-1], rows[:, -1].astype("int64")
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return "breast_cancer", x.astype("float32"), y


def _digits(data: Path | None) -> Rows:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return "digits", x.astype("float32"), y


def _california(data: Path | None) -> Rows:
    """Districts without a missing value, their distance to the sea one-hot; prices in 100,000 dollars."""
    file = data / "california-housing.csv" if data else None
    if file is None or not file.is_file():
        x, y = housing(ROWS)
        return "made-up housing", x, y
    import pandas as pd

    table = pd.read_csv(file).dropna()
    price = table.pop("median_house_value").to_numpy() / 100_000
    return file.name, pd.get_dummies(table).to_numpy("float32"), price


CONTESTS = {
    "tutorial": Contest(title="tutorial file", task="binary", metric="log_loss", batch_sizes=(16, 32, 64), rows=_tutorial),
    "digits": Contest(title="digits", task="multiclass", metric="log_loss", batch_sizes=(16, 32, 64), rows=_digits),
    "california": Contest(title="California", task="regression", metric="r2", batch_sizes=(64, 128, 256), rows=_california),
}
