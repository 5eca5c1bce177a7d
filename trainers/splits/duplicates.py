"""Rows with equal features: found by a hash of their content, and kept on one side of a cut. It knows neither folds nor seeds."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from trainers.data import row_hashes

if TYPE_CHECKING:
    from trainers.data import Array, Dataset
    from trainers.settings import CvSettings
    from trainers.splits.splits import SplitKind

_log = logging.getLogger(__name__)


def find_twins(dataset: Dataset, kind: SplitKind, cv: CvSettings) -> Array | None:
    """Return (rows,) int64, equal for rows with equal features, where such rows are to be kept together; else None.

    None too where no row repeats another, and for the kinds that have a rule of their own: whole groups, and time. A number's
    type and the sign of a zero make no difference; a missing value equals a missing value.
    """
    return equal_rows(dataset) if cv.duplicates == "together" and kind in ("kfold", "stratified") else None


def tell_twins(dataset: Dataset, kind: SplitKind, cv: CvSettings, twins: Array | None) -> None:
    """Log how many rows repeat others, and what becomes of them."""
    if kind not in ("kfold", "stratified"):
        return
    found = equal_rows(dataset) if cv.duplicates == "apart" else twins
    if found is None:
        return
    what = (
        "'apart' lets a row be scored whose twin was trained on; 'together' does not."
        if cv.duplicates == "apart"
        else "equal rows go to one side of every split. 'apart' cuts them like others."
    )
    repeats = dataset.rows - (int(found.max()) + 1)
    _log.warning("cv.duplicates: %d of %d rows repeat the features of others; %s", repeats, dataset.rows, what)


def equal_rows(dataset: Dataset) -> Array | None:
    """Return (rows,) int64, a number from 0 that rows with equal features share; None if all are different."""
    names, codes = np.unique(row_hashes(dataset.features), return_inverse=True)
    return codes if len(names) < dataset.rows else None


def keep_together(part: Array, twins: Array, labels: Array, rng: np.random.Generator | None) -> Array:
    """Return ``part``, changed so that equal rows are in one part and the parts keep their shares of every label if possible.

    Parameters
    ----------
    part : (rows,) int64, the part (0, 1, ...) that each row would go to if all were different. Where no rows are equal it comes
        back as it is.
    twins : (rows,) int64, equal for equal rows.
    labels : (rows,) int64, the class of each row; zeros where classes do not count.
    rng : draws which rows go where; None: the first ones to the first part.

    Notes
    -----
    Sets of equal rows are dealt first, the largest before the others, each to the part where the chi-square distance of what it
    holds from what ``part`` gave it shrinks most. Single rows then fill up each part, so where they are enough the counts of
    every label are those of ``part``. A part left empty gets the smallest set that another can spare.
    """
    _, first, codes, sizes = np.unique(twins, return_index=True, return_inverse=True, return_counts=True)
    if len(sizes) == len(part):
        return part
    parts, classes = int(part.max()) + 1, int(labels.max()) + 1
    left = np.bincount(part * classes + labels, minlength=parts * classes).reshape(parts, classes).astype(np.float64)
    weights = 1 / np.maximum(left, 1)
    repeated = sizes[codes] > 1
    part = part.copy()

    of_sets = np.zeros(len(sizes), dtype=np.int64)
    sets = np.flatnonzero(sizes > 1)
    sets = sets[np.argsort(first[sets])] if rng is None else rng.permutation(sets)
    sets = sets[np.argsort(-sizes[sets], kind="stable")]
    for held, alike in _by_labels(sets, codes[repeated], labels[repeated], classes):
        of_sets[alike] = _deal(len(alike), held, left, weights)
    part[repeated] = of_sets[codes[repeated]]

    for label in range(classes):
        single = np.flatnonzero(~repeated & (labels == label))
        part[single if rng is None else rng.permutation(single)] = _places(left[:, label], len(single))
    for empty in np.flatnonzero(np.bincount(part, minlength=parts) == 0):
        spare = np.flatnonzero(np.bincount(part[first], minlength=parts)[part[first]] > 1)
        if spare.size:
            part[codes == spare[sizes[spare].argmin()]] = empty
    return part


def _by_labels(sets: Array, codes: Array, labels: Array, classes: int) -> Iterator[tuple[Array, list[int]]]:
    """Yield (labels held, of each how many) as (2, n) int64, and all ``sets`` that hold just these, in the order given."""
    pairs, counts = np.unique(codes * classes + labels, return_counts=True)
    held = np.stack([pairs % classes, counts], axis=1)
    starts, stops = (np.searchsorted(pairs, (sets + more) * classes) for more in (0, 1))
    alike: dict[bytes, list[int]] = {}
    for one, start, stop in zip(sets.tolist(), starts.tolist(), stops.tolist(), strict=True):
        alike.setdefault(held[start:stop].tobytes(), []).append(one)
    for content, members in alike.items():
        yield np.frombuffer(content, dtype=held.dtype).reshape(-1, 2).T, members


def _deal(number: int, held: Array, left: Array, weights: Array) -> Array:
    """Return the parts, in rising order, that take ``number`` sets which hold the same, and take them from what is ``left``.

    The distance of a part grows by the same step with every set, so the cheapest places of all are what dealing one by one finds.
    """
    label, count = held
    costs = (count * (count - 2 * left[:, label]) * weights[:, label]).sum(axis=1)
    steps = (2 * count**2 * weights[:, label]).sum(axis=1)
    every = costs[:, None] + steps[:, None] * np.arange(number)
    chosen: Array = np.sort(np.argsort(every, axis=None, kind="stable")[:number] // number)
    left[:, label] -= np.bincount(chosen, minlength=len(left))[:, None] * count
    return chosen


def _places(left: Array, rows: int) -> Array:
    """Return the parts, in rising order, of ``rows`` rows that fill up what is ``left``: where most is left, first."""
    places = np.maximum(left, 0).astype(np.int64)
    depths = np.concatenate([np.arange(count, 0, -1) for count in places])
    deepest = np.argsort(-depths, kind="stable")[:rows]
    return np.repeat(np.arange(len(places)), places)[np.sort(deepest)]
