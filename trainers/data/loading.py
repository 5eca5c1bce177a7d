"""From a sweep's data settings to a checked data set, and its description. Knows no files' formats."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trainers.data.columns import target_values, tidy_features, tidy_roles, tidy_target
from trainers.data.dataset import Dataset
from trainers.data.digests import fingerprint
from trainers.data.serving_code import column_kind, named
from trainers.data.sources import Raw, read_source
from trainers.errors import DataError

if TYPE_CHECKING:
    from trainers.settings import DataSettings, Task

_log = logging.getLogger(__name__)
_FEWEST, _FEW = 3, 10  # two values are a column of one input, whichever way they are read


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
    raw, notes = read_source(settings, code), []
    if settings.drop_missing_target:
        raw, dropped = _with_targets(raw)
        if dropped:
            notes.append(f"rows left out, since they have no target (data.drop_missing_target): {dropped:,}")
    features = tidy_features(raw.features, settings.missing, settings.columns)
    target, classes = tidy_target(target_values(raw.target, len(features)), task)
    codes = [name for name in _few_valued(features) if name not in settings.columns]
    if codes:
        notes.append(_of_codes(codes))
    dataset = Dataset(
        features=features, target=target, classes=classes, missing=settings.missing, layout=raw.layout, notes=tuple(notes)
    )
    dataset = replace(dataset, **tidy_roles(raw.roles, len(features)))
    dataset = replace(dataset, fingerprint=fingerprint(dataset))
    _log.info("data: %d rows from %s, fingerprint %s", dataset.rows, raw.where, dataset.fingerprint[:12])
    return dataset


def _with_targets(raw: Raw) -> tuple[Raw, int]:
    """Return the rows that have a target, and how many have none."""
    target = target_values(raw.target, len(raw.features))
    known = target.notna().to_numpy()
    if known.all():
        return raw, 0
    if not known.any():
        raise DataError(f"data.target: some rows need a target. Got {len(known)} rows, all without. Name another column.")
    roles = {role: values[known] if len(values) == len(known) else values for role, values in raw.roles.items()}
    return replace(raw, features=raw.features[known], target=target[known], roles=roles), int((~known).sum())


def _few_valued(features: Any) -> list[str]:
    """Return the columns of a table whose numbers are whole and few: they may be codes that name things."""
    if isinstance(features, np.ndarray):
        return []
    found = []
    for name in features.columns:
        column = features[name]
        values = column.dropna().unique() if column_kind(column) == "number" else []
        few = _FEWEST <= len(values) <= _FEW and len(values) * 10 <= len(column)
        if few and (np.asarray(values, dtype="float64") % 1 == 0).all():
            found.append(str(name))
    return found


def _of_codes(names: list[str]) -> str:
    keys = [name if re.fullmatch(r"[A-Za-z_]\w*|0|[1-9]\d*", name) else json.dumps(name) for name in names]
    told = f"data.columns: {{{keys[0]}: categorical}}"
    return f"read as numbers, though whole and of few values: {named(names)}; where these name things, say {told}"


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
