"""Problem 2: the random search of a well-known course, over a table in the shape of California housing, 20,640 x 8."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.problems.problem import Problem

ROWS = 20_640


def housing(rows: int, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Return made-up districts: columns of California housing's kinds and scales, and a value with noise, cut at 5 as there.

    Income, age, rooms, bedrooms, people, household size, latitude, longitude; prices fall with the distance from two cities.
    """
    rng = np.random.default_rng(seed)
    income = rng.lognormal(1.25, 0.45, rows).clip(0.5, 15)
    age = rng.integers(1, 53, rows).astype(float)
    rooms = (3.2 + 0.5 * income + rng.gamma(2.0, 0.4, rows)).clip(1, 40)
    bedrooms = 1.0 + rng.gamma(2.0, 0.05, rows)
    people = rng.lognormal(7.0, 0.7, rows).clip(3, 36_000)
    household = (2.0 + rng.gamma(2.0, 0.45, rows)).clip(1, 20)
    latitude = np.where(rng.random(rows) < 0.55, rng.normal(34.0, 0.9, rows), rng.normal(37.8, 1.1, rows)).clip(32.5, 42)
    longitude = (-119.5 - 1.1 * (latitude - 35.6) + rng.normal(0, 0.8, rows)).clip(-124.4, -114.3)
    cities = ((34.05, -118.25), (37.77, -122.42))
    near = np.min([np.hypot(latitude - north, longitude - east) for north, east in cities], axis=0)
    value = 0.25 + 0.38 * income + 1.3 * np.exp(-near) + 0.006 * age - 0.22 * (household - 2.9) + 0.6 * np.log(rooms / 5.0)
    value = value + rng.gumbel(-0.2, 0.35, rows)
    table = np.column_stack([income, age, rooms, bedrooms, people, household, latitude, longitude])
    return table.astype("float32"), value.clip(0.15, 5.0)


def _rows(pima: Path | None) -> tuple[np.ndarray, np.ndarray]:
    return housing(ROWS)


def _trials(count: int) -> dict[str, object]:
    return {"strategy": {"type": "random", "trials": count, "seed": 7}}


REGRESSION_SEARCH = Problem(
    title="regression random search",
    task="regression",
    metric="r2",
    model="mlp",
    rows=_rows,
    sweep={
        "preprocessing": "standard",
        "data": {"source": "npz", "path": "rows.npz", "target": "y", "test_size": 0, "scale_target": False},
        "trainer": {"type": "mlp", "params": {"optimizer": "sgd"}},
        "space": {
            "hidden_layers": {"integer": [1, 4]},
            "layer_size": {"integer": [1, 99]},
            "learning_rate": {"reciprocal": [3e-4, 3e-2]},
        },
        "cv": {"folds": 3},
        "fit": {"epochs": 100, "batch_size": 32, "early_stopping": {"patience": 5, "min_delta": 1e-2}},
    },
    sizes={
        "full": _trials(200),
        "part": _trials(10),
        "smoke": {**_trials(2), "fit": {"epochs": 1, "batch_size": 512, "early_stopping": {"patience": 1, "min_delta": 1e-2}}},
    },
    rival_size="part",
    note="part: the first 10 of 200 trials",
)
