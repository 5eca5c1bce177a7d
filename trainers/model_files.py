"""The folder that a refit leaves: the model, its preprocessing, sample rows, and the manifest that explains them. Written once.

::

    model.keras       the trained model
    preprocessing/    Preprocessor.export: raw columns to the model's inputs
    sample.json       five raw rows: {"columns": [...], "data": [[...], ...]}, or {"columns": null, "dtype": ..., "data": ...}
    examples.u64      hashes of the examples that the refit could learn from, sorted, 8 bytes each, little-endian: which rows of a
                      later data set are new to it
    manifest.json     written last: a folder with one is whole. Its ``refit`` says by what rule and for how many epochs the model
                      was trained, beside the config's own and those that its folds chose
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainers.data import example_hashes
from trainers.preprocessing import take

if TYPE_CHECKING:
    import keras

    from trainers.data import Array, Dataset
    from trainers.engines import TargetPlan
    from trainers.preprocessing import Prepared

MODEL, PREPROCESSING, SAMPLE, MANIFEST = "model.keras", "preprocessing", "sample.json", "manifest.json"
EXAMPLES = "examples.u64"

_VOLATILE = frozenset({"shared_object_id", "compile_config"})
"""Of a serialised model: where objects lay in memory, and how it was compiled."""

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
    if dataset.layout:  # the file had no header: its columns in order, the target left out
        inputs["layout"] = list(dataset.layout)
    return {"classes": _plain_classes(dataset), "input": inputs}


def _plain_classes(dataset: Dataset) -> list[Any] | None:
    return None if dataset.classes is None else [_plain(label) for label in dataset.classes]


def describe_scaler(prepared: Prepared) -> dict[str, float] | None:
    """Return mean and standard deviation that the target was scaled by, None without."""
    return None if prepared.scaler is None else asdict(prepared.scaler)


def describe_output(plan: TargetPlan, prepared: Prepared) -> dict[str, Any]:
    """Return the manifest's part on how the model's raw output is read."""
    return {
        "width": plan.width,
        "link": plan.link,
        "scaler": describe_scaler(prepared),
        "meaning": _MEANING[plan.task],
    }


def write_model(
    folder: Path,
    model: keras.Model,
    prepared: Prepared,
    *,
    dataset: Dataset,
    learnt: Array,
    sample: Array,
    manifest: Mapping[str, Any],
) -> dict[str, Any]:
    """Write the folder and return the manifest as written.

    Parameters
    ----------
    folder : made if it is not there.
    model, prepared : trained, and the data set with the preprocessor that goes with it.
    dataset, learnt, sample : (n,) int64 rows of it that the refit could learn from, and rows to show.
    manifest : JSON-able; the names of the files are added, and the model's identity.
    """
    folder.mkdir(parents=True, exist_ok=True)
    from trainers.backends import without_tensorflow

    with without_tensorflow():
        model.save(folder / MODEL)
    prepared.preprocessor.export(folder / PREPROCESSING)
    (folder / SAMPLE).write_text(json.dumps(_raw_rows(dataset, sample), indent=1))
    np.unique(example_hashes(dataset)[learnt]).astype("<u8").tofile(folder / EXAMPLES)
    identity = model_identity(model, prepared, dataset=dataset, sample=sample)
    whole = {**manifest, "identity": identity, "files": {"model": MODEL, "preprocessing": PREPROCESSING, "sample": SAMPLE}}
    (folder / MANIFEST).write_text(json.dumps(whole, indent=1))
    return whole


def model_identity(model: keras.Model, prepared: Prepared, *, dataset: Dataset, sample: Array) -> str:
    """Return a sha256 (hex) of what a model is: weights, architecture, and what its preprocessing makes of the sample rows.

    It is the same for the same model made twice, unlike the ``.keras`` file, which holds the date. Names that Keras counts up
    within a process (``dense_3``) do not enter, nor does the compiled state, which predicts nothing.
    """
    digest = hashlib.sha256(json.dumps([_architecture(model), _plain_classes(dataset), describe_scaler(prepared)]).encode())
    inputs = take(prepared.inputs, sample)
    named = inputs if isinstance(inputs, dict) else {"": inputs}
    for name, array in [*sorted(named.items()), *(("", weights) for weights in model.get_weights())]:
        digest.update(json.dumps([name, str(array.dtype), array.shape]).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def _architecture(model: keras.Model) -> Any:
    """Return what a model is built of as plain data, its parts' names by their order."""
    config = json.loads(model.to_json())
    names: dict[str, str] = {}

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            if "class_name" in value and isinstance(value.get("config"), dict) and isinstance(value["config"].get("name"), str):
                names.setdefault(value["config"]["name"], f"#{len(names)}")
            for one in value.values():
                collect(one)
        elif isinstance(value, list):
            for one in value:
                collect(one)

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(one) for key, one in value.items() if key not in _VOLATILE}
        if isinstance(value, list):
            return [plain(one) for one in value]
        return names.get(value, value) if isinstance(value, str) else value

    collect(config)
    return plain({key: config[key] for key in ("module", "class_name", "config")})


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
