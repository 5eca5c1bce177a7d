"""The six tables of ``benchmarks.refit``: files of a folder, or what scikit-learn has in the place of one that is not there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainers.data import load
from trainers.settings import DataSettings, Task

if TYPE_CHECKING:
    from trainers.data import Dataset

LEAKY = ("alive", "class", "who", "adult_male")


@dataclass(frozen=True, slots=True)
class Table:
    """``file`` is looked for in the folder; ``sklearn`` serves where it is absent (None: the table is left out)."""

    name: str
    task: Task
    file: str | None
    columns: dict[str, Any]
    sklearn: str | None


TABLES = (
    Table("pima", "binary", "pima-indians-diabetes.csv", {"header": False, "target": 8}, "breast_cancer"),
    Table("titanic", "binary", "titanic.csv", {"target": "survived", "drop": LEAKY}, None),
    Table("phoneme", "binary", "phoneme.csv", {"header": False, "target": 5}, None),
    Table("wheat-seeds", "multiclass", "wheat-seeds.csv", {"header": False, "target": 7}, "wine"),
    Table("digits", "multiclass", None, {}, "digits"),
    Table("california-housing", "regression", "california-housing.csv", {"target": "median_house_value"}, "diabetes"),
)


def read(table: Table, folder: Path | None, rows: int) -> tuple[str, Dataset] | None:
    """Return the table's name and at most ``rows`` of its rows, always the same ones; None where it is not to be had."""
    path = folder / table.file if folder is not None and table.file is not None else None
    if path is not None and path.is_file():
        name, settings = table.name, DataSettings(source="csv", path=str(path), **table.columns)
    elif table.sklearn is not None:
        name, settings = table.sklearn, DataSettings(source="sklearn", name=table.sklearn)
    else:
        return None
    whole = load(settings, table.task, None)
    if whole.rows <= rows:
        return name, whole
    kept = np.sort(np.random.default_rng(0).permutation(whole.rows)[:rows])
    features = (
        whole.features[kept] if isinstance(whole.features, np.ndarray) else whole.features.iloc[kept].reset_index(drop=True)
    )
    return name, replace(whole, features=features, target=whole.target[kept], fingerprint=f"{whole.fingerprint} {rows}")
