"""The referee of all methods: a config is trained by plain ``model.fit`` on all search rows and scored on the held-out third.

Early stopping watches 15 % of the search rows, as it does within a fold; which ones, the initial weights and the batches follow
from seeds that no search has seen.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.given import Given, given
from benchmarks.quality.contests import HELD

SEEDS = (7001, 7002, 7003, 7004, 7005)
METRICS = {"binary": ("log_loss", "accuracy"), "multiclass": ("log_loss", "accuracy"), "regression": ("r2",)}
_STEPS_PER_CALL = 16

_open: tuple[Given, np.ndarray, np.ndarray] | None = None


def open_folder(folder: Path) -> None:
    """Read a problem's folder, once in a process."""
    global _open  # noqa: PLW0603 - what a process of a pool is begun with
    os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    with np.load(folder / HELD) as held:
        _open = given(folder), held["X"], held["y"]


def judge(config: dict[str, Any], seed: int) -> dict[str, float | None]:
    """Return the metrics of one fit on the held-out rows; None where they are not finite."""
    from sklearn.model_selection import train_test_split

    from benchmarks.cross_validation import fit, value_of

    if _open is None:
        raise RuntimeError("referee: expected open_folder before judge, got nothing; call it first.")
    work, x, y = _open
    share = work.early_stopping["split"] if work.early_stopping else 0.15
    classes = None if work.task == "regression" else work.y
    train, monitor = train_test_split(np.arange(len(work.y)), test_size=share, random_state=seed, stratify=classes)
    model, scale = fit(work, config, train, monitor, seed=seed, steps_per_call=_STEPS_PER_CALL)
    prediction = model.predict(scale(x), verbose=0)
    values = {metric: value_of(metric, work, y, prediction) for metric in METRICS[work.task]}
    return {metric: value if np.isfinite(value) else None for metric, value in values.items()}
