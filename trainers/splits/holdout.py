"""Who is in the test part. Decided by a hash of what a row is, so that rows stay where they are as the data grows."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from trainers.data import row_hashes, text_hashes
from trainers.errors import DataError
from trainers.splits.timecuts import latest_rows

if TYPE_CHECKING:
    from trainers.data import Array, Dataset
    from trainers.splits.splits import SplitKind

_log = logging.getLogger(__name__)


def in_test_part(dataset: Dataset, kind: SplitKind, size: float, twins: Array | None = None) -> Array:
    """Return (rows,) bool: whether a row belongs to the test part.

    Parameters
    ----------
    dataset : its groups, ids, or else the content of its features decide; neither the target nor a seed does.
    kind : what the folds will be. ``timeseries`` takes the last rows in time; the group kinds hash the group, so groups stay
        whole; the others hash the id or the content, so exact duplicates stay together.
    size : the share of rows wanted, from 0 (none) to below 1.
    twins : (rows,) int64, equal for rows that are kept together; None: none are. Where ids decide, such rows follow the first of
        their ids, the shortest and then by alphabet: as the data grows, a row with a greater id moves none.

    Notes
    -----
    A row (or group) is a test row when its hash, read as a number in [0, 1), is below ``size``. Every row of every class is so
    with the same probability: the part is stratified in expectation, its exact size is a matter of chance, and adding rows moves
    none.

    Raises
    ------
    DataError : no row is left for the search.
    """
    if size == 0:
        return np.zeros(dataset.rows, dtype=bool)
    if kind == "timeseries":
        if dataset.order is None:
            raise DataError("data.order: cv.kind 'timeseries' needs the column that orders the rows in time. Got None. Name it.")
        return latest_rows(dataset.order, size, "data.test_size")
    if kind in ("group", "stratified_group") and dataset.groups is not None:
        hashes = text_hashes(dataset.groups)
    elif dataset.ids is not None:
        hashes = text_hashes(dataset.ids if twins is None else _first_ids(dataset.ids, twins))
    else:
        hashes = row_hashes(dataset.features)
    mask: Array = hashes < np.uint64(min(size * 2.0**64, 2.0**64 - 2048))
    _check(dataset, mask, size)
    return mask


def _first_ids(ids: Array, twins: Array) -> Array:
    """Return for each row the first id among its twins."""
    texts = ids.astype(str)
    rank = np.lexsort((texts, np.char.str_len(texts)))
    _, first = np.unique(twins[rank], return_index=True)
    chosen: Array = ids[rank[first]][twins]
    return chosen


def _check(dataset: Dataset, mask: Array, size: float) -> None:
    if mask.all():
        raise DataError(
            f"data.test_size: the search needs rows too. Got all {dataset.rows} in the test part with test_size {size!r}. "
            "Take a smaller test_size, or 0."
        )
    share = mask.mean()
    if not size / 2 < share < min(1.0, size * 2):
        _log.warning(
            "data.test_size: the test part holds %.3f of the rows where %.3f was asked; with few rows or groups chance decides. "
            "Take another test_size, or more data.",
            share,
            size,
        )
    if dataset.classes is not None:
        absent = np.bincount(dataset.target[mask], minlength=len(dataset.classes)) == 0
        if mask.any() and absent.any():
            labels = [label for label, gone in zip(dataset.classes, absent, strict=True) if gone]
            _log.warning("data.test_size: no test row has class %s; its test scores say nothing about it.", labels)
