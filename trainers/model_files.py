"""The folder that a refit leaves: the model, its preprocessing, sample rows, and the manifest that explains them. Written once.

::

    model.keras       the trained model
    preprocessing/    Preprocessor.export: raw columns to the model's inputs
    sample.json       five raw rows: {"columns": [...], "data": [[...], ...]}, or {"columns": null, "dtype": ..., "data": ...}
    manifest.json     written last: a folder with one is whole. Its ``refit`` says by what rule and for how many epochs the model
                      was trained, beside the config's own and those that its folds chose
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

    from trainers.data import Array, Dataset
    from trainers.engines import TargetPlan
    from trainers.preprocessing import Prepared

MODEL, PREPROCESSING, SAMPLE, MANIFEST = "model.keras", "preprocessing", "sample.json", "manifest.json"

_MEANING = {
    "binary": "after link, the last column is the probability of the second class",
    "multiclass": "after link, one probability a class, in the order of classes",
    "regression": "times scaler.std plus scaler.mean, the value in the target's unit; as it is without a scaler",
}


def describe_data(dataset: Dataset) -> dict[str, Any]:
    """Return the manifest's part on raw inputs and classes."""
    features = dataset.features
    if isinstance(features, np.ndarray):
        inputs: dict[str, Any] = {"columns": None, "shape": list(features.shape[1:])}
    else:
        inputs = {"columns": [str(name) for name in features.columns], "shape": None}
    return {"classes": None if dataset.classes is None else [_plain(label) for label in dataset.classes], "input": inputs}


def describe_output(plan: TargetPlan, prepared: Prepared) -> dict[str, Any]:
    """Return the manifest's part on how the model's raw output is read."""
    return {
        "width": plan.width,
        "link": plan.link,
        "scaler": None if prepared.scaler is None else asdict(prepared.scaler),
        "meaning": _MEANING[plan.task],
    }


def write_model(
    folder: Path, model: keras.Model, prepared: Prepared, *, dataset: Dataset, sample: Array, manifest: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the folder and return the manifest as written.

    Parameters
    ----------
    folder : made if it is not there.
    model, prepared : trained, and the data set with the preprocessor that goes with it.
    dataset, sample : (n,) int64 rows of it to show.
    manifest : JSON-able; the names of the files are added.
    """
    folder.mkdir(parents=True, exist_ok=True)
    from trainers.backends import without_tensorflow

    with without_tensorflow():
        model.save(folder / MODEL)
    prepared.preprocessor.export(folder / PREPROCESSING)
    (folder / SAMPLE).write_text(json.dumps(_raw_rows(dataset, sample), indent=1))
    whole = {**manifest, "files": {"model": MODEL, "preprocessing": PREPROCESSING, "sample": SAMPLE}}
    (folder / MANIFEST).write_text(json.dumps(whole, indent=1))
    return whole


def _raw_rows(dataset: Dataset, rows: Array) -> dict[str, Any]:
    features = dataset.features
    if isinstance(features, np.ndarray):
        return {"columns": None, "dtype": str(features.dtype), "data": features[rows].tolist()}
    table = features.iloc[rows]
    missing = table.isna().to_numpy()
    data = [[None if missing[i, j] else _plain(table.iat[i, j]) for j in range(table.shape[1])] for i in range(len(table))]
    return {"columns": [str(name) for name in table.columns], "data": data}


def _plain(value: Any) -> Any:
    """Return a NumPy scalar as Python's own, anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value
