"""Hashes of content: of one row, of one text, of a whole data set.

They depend on values, never on where the data lay or how it was typed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from trainers.data.serving_code import column_kind

if TYPE_CHECKING:
    from trainers.data.dataset import Array, Dataset, Features

_CHUNK = 65_536


def text_hashes(texts: Iterable[str]) -> Array:
    """Return (rows,) uint64: the first 8 bytes of every text's sha256."""
    joined = b"".join(hashlib.sha256(text.encode()).digest()[:8] for text in texts)
    return np.frombuffer(joined, dtype=">u8").astype(np.uint64)


def row_hashes(features: Features) -> Array:
    """Return (rows,) uint64: the first 8 bytes of the sha256 of every row's content. Equal rows have equal hashes.

    The order of a table's columns does not count, nor whether a number is typed as an integer or a float.
    """
    rows = len(features)
    hashes = np.empty(rows, dtype=np.uint64)
    for start in range(0, rows, _CHUNK):
        content = _row_bytes(features[start : start + _CHUNK])
        digests = b"".join(hashlib.sha256(row.tobytes()).digest()[:8] for row in content)
        hashes[start : start + _CHUNK] = np.frombuffer(digests, dtype=">u8")
    return hashes


def example_hashes(dataset: Dataset) -> Array:
    """Return (rows,) uint64: a hash of every row's content with its target. Equal examples have equal hashes.

    By these is told which rows of a data set were there when a model was made.
    """
    target = np.ascontiguousarray(np.asarray(dataset.target, dtype="<f8") + 0).view("<u8").astype(np.uint64)
    mixed: Array = row_hashes(dataset.features) ^ (target * np.uint64(0x9E3779B97F4A7C15))
    return mixed


def fingerprint(dataset: Dataset) -> str:
    """Return the sha256 (hex) of a data set: names, kinds and values of columns, target, classes, and what else rows carry."""
    digest = hashlib.sha256()
    features = dataset.features
    if isinstance(features, np.ndarray):
        digest.update(json.dumps(["array", features.dtype.str, features.shape]).encode())
        digest.update(np.ascontiguousarray(features).tobytes())
    else:
        for name in features.columns:
            digest.update(json.dumps([str(name), column_kind(features[name])]).encode())
            digest.update(_column_bytes(features[name]).tobytes())
    digest.update(json.dumps(["target", dataset.classes], default=str).encode())
    digest.update(dataset.target.tobytes())
    for name in ("groups", "order", "weights", "ids"):
        values = getattr(dataset, name)
        digest.update(json.dumps([name, values is not None]).encode())
        if values is not None:
            digest.update((text_hashes(values) if values.dtype == object else values).tobytes())
    return digest.hexdigest()


def _row_bytes(features: Any) -> Array:
    """Return (rows, bytes) uint8."""
    if isinstance(features, np.ndarray):
        values = _tidy_floats(features) if features.dtype.kind == "f" else features
        return np.ascontiguousarray(values).reshape(len(features), -1).view(np.uint8)
    return np.concatenate([_column_bytes(features[name]) for name in sorted(features.columns)], axis=1)


def _column_bytes(column: Any) -> Array:
    """Return (rows, 8) uint8 of a column of numbers or booleans, (rows, 16) of a column of texts."""
    import pandas as pd

    if column_kind(column) == "text":
        codes, texts = pd.factorize(column)
        digests = b"".join(hashlib.sha256(text.encode()).digest()[:16] for text in texts) + bytes(16)
        return np.frombuffer(digests, dtype=np.uint8).reshape(-1, 16)[codes]  # a missing value has code -1: the zeros at the end
    return _tidy_floats(column.to_numpy(dtype="float64", na_value=np.nan)).astype("<f8").reshape(-1, 1).view(np.uint8)


def _tidy_floats(values: Array) -> Array:
    """Return floats with one zero and one NaN: equal numbers then have equal bytes."""
    return np.where(np.isnan(values), np.array(np.nan, dtype=values.dtype), values + 0)
