"""The monitor split: training rows put aside for early stopping to watch, chosen in the same way as the folds."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from trainers.errors import DataError
from trainers.splits.duplicates import keep_together
from trainers.splits.timecuts import latest_rows

if TYPE_CHECKING:
    from trainers.data import Array, Dataset
    from trainers.splits.splits import Rows, SplitKind

_log = logging.getLogger(__name__)
_WHAT = "fit.early_stopping.split"


def monitor_rows(
    dataset: Dataset, rows: Rows, *, kind: SplitKind, share: float, shuffle: bool, seed: int, twins: Array | None = None
) -> tuple[Rows, Rows]:
    """Return ``rows`` in two parts, (train, monitor): disjoint, neither empty, each in the order of ``rows``.

    Parameters
    ----------
    rows : int64 indices into the data set.
    kind : of the folds: ``timeseries`` takes the last rows in time, the group kinds whole groups, the stratified kinds an equal
        share of every class. A class of one row stays in training, with a logged warning.
    share : of the rows, above 0 and below 1.
    shuffle : draw at random; else the last rows (of every class, or the last groups in sorted order) are taken.
    seed : of the draw.
    twins : of all rows of the data set, equal for those that are kept together; None: none are.

    Raises
    ------
    DataError : the rows, groups or times are too few to be divided.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed)) if shuffle else None
    target = dataset.target[rows] if kind in ("stratified", "stratified_group") else np.zeros(len(rows), dtype=np.int64)
    if kind == "timeseries" and dataset.order is not None:
        mask = latest_rows(dataset.order[rows], share, _WHAT)
    elif kind in ("group", "stratified_group") and dataset.groups is not None:
        mask = _whole_groups(dataset.groups[rows], target, share, rng)
    else:
        mask = _each_class(target, share, rng)
        if twins is not None:
            mask = keep_together(mask.astype(np.int64), twins[rows], target, rng) == 1
        if kind == "stratified" and dataset.classes is not None:
            _warn_of_single_rows(target, dataset.classes)
    if not 0 < mask.sum() < len(rows):
        raise DataError(
            f"{_WHAT}: {share!r} of {len(rows)} training rows leaves nothing to train on or nothing to watch. "
            "Take another split, 0 to watch the scoring fold, or more rows."
        )
    return rows[~mask], rows[mask]


def _sequence(count: int, rng: np.random.Generator | None) -> Array:
    """Return 0..count-1 in the order in which they are taken: shuffled, or the last first."""
    return np.arange(count)[::-1] if rng is None else rng.permutation(count)


def _each_class(target: Array, share: float, rng: np.random.Generator | None) -> Array:
    """Return a mask with ``share`` of every class, the remainders given to the classes that lost most by rounding down."""
    counts = np.bincount(target)
    quota = share * counts
    take = np.floor(quota).astype(np.int64)
    wanted = max(round(share * len(target)), 1)
    for label in np.argsort(take - quota, kind="stable")[: wanted - int(take.sum())]:
        take[label] += 1
    take = np.minimum(take, np.maximum(counts - 1, 0))
    mask = np.zeros(len(target), dtype=bool)
    for label, number in enumerate(take):
        members = np.flatnonzero(target == label)
        mask[members[_sequence(len(members), rng)[:number]]] = True
    return mask


def _whole_groups(groups: Array, target: Array, share: float, rng: np.random.Generator | None) -> Array:
    """Return a mask of whole groups: each in turn is taken if that brings the class counts nearer to ``share`` of each."""
    names, codes = np.unique(groups.astype(str), return_inverse=True)
    if len(names) < 2:
        raise DataError(f"{_WHAT}: the training part needs two groups, one of them to watch. Got {len(names)}. Take fewer folds.")
    counts = np.zeros((len(names), int(target.max()) + 1))
    np.add.at(counts, (codes, target), 1)
    totals = counts.sum(axis=0)
    present = totals > 0
    counts = counts[:, present] / totals[present]
    taken = np.zeros(len(names), dtype=bool)
    held = np.zeros(counts.shape[1])
    sequence = _sequence(len(names), rng)
    for group in sequence:
        nearer = np.square(held + counts[group] - share).sum() < np.square(held - share).sum()
        if nearer and taken.sum() < len(names) - 1:
            taken[group] = True
            held += counts[group]
    if not taken.any():
        taken[np.square(counts - share).sum(axis=1).argmin()] = True
    mask: Array = taken[codes]
    return mask


def _warn_of_single_rows(target: Array, classes: tuple[object, ...]) -> None:
    single = np.flatnonzero(np.bincount(target, minlength=len(classes)) == 1)
    if single.size:
        _log.warning(
            "%s: class %s has one training row; it is trained on and not watched.", _WHAT, [classes[label] for label in single]
        )
