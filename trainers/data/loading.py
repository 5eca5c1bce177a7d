"""From a sweep's data settings to a checked data set, and its description. Knows no files' formats."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trainers.data.columns import tidy_features, tidy_roles, tidy_target
from trainers.data.dataset import Dataset
from trainers.data.digests import fingerprint
from trainers.data.serving_code import column_kind
from trainers.data.sources import read_source

if TYPE_CHECKING:
    from trainers.settings import DataSettings, Task

_log = logging.getLogger(__name__)


def load(settings: DataSettings, task: Task, code: str | None) -> Dataset:
    """Return the data set that the settings describe, checked against the task.

    Columns that tell groups, order, weights or ids are no features, nor are dropped ones.

    Parameters
    ----------
    settings : the sweep's ``data`` section, its path absolute.
    code : folder of the user's modules, for source ``callable``.

    Raises
    ------
    DataError : the data cannot be read, lacks a named column, or does not suit the task.
    UserCodeError : the user's data callable is at fault.
    """
    raw = read_source(settings, code)
    features = tidy_features(raw.features, settings.missing)
    target, classes = tidy_target(raw.target, task, len(features))
    dataset = Dataset(features=features, target=target, classes=classes, missing=settings.missing)
    dataset = replace(dataset, **tidy_roles(raw.roles, len(features)))
    dataset = replace(dataset, fingerprint=fingerprint(dataset))
    _log.info("data: %d rows from %s, fingerprint %s", dataset.rows, raw.where, dataset.fingerprint[:12])
    return dataset


def describe(dataset: Dataset) -> dict[str, Any]:
    """Return what a person wants to know of a data set, JSON-able.

    ``columns`` lists name, kind, missing and different values of every column of a table (None for arrays); ``shape`` is that of
    the features; ``classes`` lists label and rows of every class (None for regression); ``target`` has min, mean, max and std of
    numbers.
    """
    features, target = dataset.features, dataset.target
    columns = None
    if not isinstance(features, np.ndarray):
        columns = [
            {
                "name": str(name),
                "kind": column_kind(features[name]),
                "missing": int(features[name].isna().sum()),
                "different": int(features[name].nunique()),
            }
            for name in features.columns
        ]
    classes = None
    summary = None
    if dataset.classes is not None:
        counts = np.bincount(target, minlength=len(dataset.classes)).tolist()
        classes = [{"label": label, "rows": count} for label, count in zip(dataset.classes, counts, strict=True)]
    else:
        summary = {name: float(getattr(target, name)()) for name in ("min", "mean", "max", "std")}
    return {
        "rows": dataset.rows,
        "shape": list(features.shape),
        "columns": columns,
        "classes": classes,
        "target": summary,
        "groups": None if dataset.groups is None else len(set(dataset.groups)),
        "ordered": dataset.order is not None,
        "weighted": dataset.weights is not None,
        "fingerprint": dataset.fingerprint,
    }
