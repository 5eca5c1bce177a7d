"""What a rival is given, read from its working folder: rows, folds, configurations, and how to fit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Fold = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True)
class Given:
    """One problem. ``folds`` are rows to train on, to watch (none without early stopping) and to score."""

    x: np.ndarray
    y: np.ndarray
    folds: list[Fold]
    task: str
    metric: str
    model: str
    params: dict[str, Any]
    grid: dict[str, list[Any]] | None
    configs: list[dict[str, Any]]
    epochs: int
    batch_size: int
    early_stopping: dict[str, Any] | None
    standardise: bool
    seed: int

    def shapes(self) -> dict[str, Any]:
        """Return what models must know of the rows."""
        units = len(np.unique(self.y)) if self.task == "multiclass" else 1
        return {"input_shape": self.x.shape[1:], "output_units": units, "task": self.task}


def given(folder: Path | None = None) -> Given:
    """Return the problem in ``folder``, by default the working directory."""
    folder = folder or Path.cwd()
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    with np.load(folder / "rows.npz") as rows:
        x, y = rows["X"], rows["y"]
    folds = [tuple(np.array(fold[part], dtype=int) for part in ("train", "monitor", "score")) for fold in task["folds"]]
    return Given(
        x,
        y,
        folds,
        *(task[name] for name in ("task", "metric", "model", "params", "grid", "configs")),
        task["fit"]["epochs"],
        task["fit"]["batch_size"],
        task["early_stopping"],
        task["standardise"],
        task["seed"],
    )
