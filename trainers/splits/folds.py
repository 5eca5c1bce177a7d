"""How rows are drawn into the test part and the folds, once a sweep. It reads no values but target, groups and order."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from trainers.errors import DataError
from trainers.splits.duplicates import find_twins, keep_together, tell_twins
from trainers.splits.holdout import in_test_part
from trainers.splits.monitoring import monitor_rows
from trainers.splits.splits import Fold, Rows, SplitKind, Splits
from trainers.splits.timecuts import time_boundaries

if TYPE_CHECKING:
    from trainers.data import Array, Dataset
    from trainers.settings import CvSettings, Task

_log = logging.getLogger(__name__)


def make_splits(
    dataset: Dataset, task: Task, cv: CvSettings, *, test_size: float, monitor_split: float | None, seed: int
) -> Splits:
    """Return the test part and the folds, a function of the arguments alone.

    Parameters
    ----------
    cv : ``kind`` auto means: groups given, whole groups (stratified for classes); else order given, timeseries; else stratified
        for classes and plain k-fold for regression. Every repeat shuffles anew. ``duplicates`` together keeps rows with equal
        features on one side of every split, unless groups or time decide.
    test_size : share of the rows kept out of the search; 0 for none.
    monitor_split : share of a fold's training rows that early stopping watches; 0 watches the scoring rows (leaky), None watches
        none.
    seed : of shuffles; the test part does not depend on it.

    Raises
    ------
    DataError : the rows, classes, groups or times do not allow it.
    """
    kind = _resolve_kind(dataset, task, cv)
    twins = find_twins(dataset, kind, cv)
    tell_twins(dataset, kind, cv, twins)
    in_test = in_test_part(dataset, kind, test_size, twins)
    search: Rows = np.flatnonzero(~in_test).astype(np.int64)
    _check_search(dataset, task, kind, search, cv)
    _check_twins(twins, search, cv)
    folds: list[Fold] = []
    for repeat in range(cv.repeats):
        pairs = _cut(dataset, kind, search, cv, seed=_derive(seed, repeat), twins=twins)
        for number, (training, score) in enumerate(pairs):
            train, monitor = training, score[:0]
            if monitor_split == 0:
                monitor = score
            elif monitor_split is not None:
                train, monitor = monitor_rows(
                    dataset,
                    training,
                    kind=kind,
                    share=monitor_split,
                    shuffle=cv.shuffle,
                    seed=_derive(seed, repeat, number),
                    twins=twins,
                )
            _warn_of_absent_classes(dataset, train, len(folds))
            folds.append(Fold(len(folds), number, repeat, train, monitor, score))
    return Splits(kind, np.flatnonzero(in_test).astype(np.int64), search, tuple(folds), leaky=monitor_split == 0)


def _derive(*words: int) -> int:
    return int(np.random.SeedSequence(words).generate_state(1)[0])


def _resolve_kind(dataset: Dataset, task: Task, cv: CvSettings) -> SplitKind:
    """Return the kind that ``cv.kind`` means for this data; refuse what the data lacks, warn of what the kind does not heed."""
    kind = _meant(dataset, task, cv)
    if kind in ("group", "stratified_group") and dataset.groups is None:
        raise DataError("cv.kind: 'group' needs the column that tells the groups. Got data.groups None. Name it in data.groups.")
    if kind == "timeseries" and dataset.order is None:
        raise DataError("cv.kind: 'timeseries' needs the column that orders rows. Got data.order None. Name it in data.order.")
    if kind == "timeseries" and cv.repeats > 1:
        raise DataError(f"cv.repeats: time has one order, so 'timeseries' takes 1 repeat. Got {cv.repeats!r}. Leave repeats out.")
    if kind == "stratified" and task == "regression":
        raise DataError("cv.kind: 'stratified' needs classes. Got task 'regression'. Take 'kfold'.")
    if dataset.groups is not None and kind not in ("group", "stratified_group"):
        _log.warning("cv.kind: %r lets rows of one group be trained on and scored; 'group' keeps groups whole.", kind)
    if dataset.order is not None and kind != "timeseries":
        _log.warning("cv.kind: %r lets later rows be trained on and earlier ones scored; 'timeseries' does not.", kind)
    return kind


def _meant(dataset: Dataset, task: Task, cv: CvSettings) -> SplitKind:
    classes = task != "regression"
    if cv.kind == "group" or (cv.kind == "auto" and dataset.groups is not None):
        return "stratified_group" if classes else "group"
    if cv.kind != "auto":
        return cv.kind
    if dataset.order is not None:
        return "timeseries"
    return "stratified" if classes else "kfold"


def _check_search(dataset: Dataset, task: Task, kind: SplitKind, search: Rows, cv: CvSettings) -> None:
    """Refuse what cannot be cut, and warn of what is cut badly."""
    if cv.repeats > 1 and not cv.shuffle:
        raise DataError(
            f"cv.repeats: {cv.repeats!r} repeats without shuffle would all be the same. Set cv.shuffle: true, or 1 repeat."
        )
    if not 2 <= cv.folds <= len(search):
        raise DataError(f"cv.folds: must be from 2 to the number of search rows, {len(search)}. Got {cv.folds!r}.")
    if kind in ("group", "stratified_group") and dataset.groups is not None:
        groups = len(set(dataset.groups[search]))
        if groups < cv.folds:
            raise DataError(
                f"cv.folds: needs a group for each of the {cv.folds!r} folds. Got {groups} groups outside the test part."
            )
    if task == "regression" or dataset.classes is None:
        return
    counts = np.bincount(dataset.target[search], minlength=len(dataset.classes))
    if (counts > 0).sum() < 2:
        raise DataError(
            "data.target: the search needs rows of two classes outside the test part. "
            f"Got {dict(zip(dataset.classes, counts.tolist(), strict=True))!r}. Get more rows, or set data.test_size: 0."
        )
    if kind in ("stratified", "stratified_group"):
        if counts.max() < cv.folds:
            raise DataError(
                f"cv.folds: stratified folds need a class of as many rows. Got {cv.folds!r} folds, {counts.max()} rows in the "
                "largest class. Take fewer folds."
            )
        for label, count in zip(dataset.classes, counts.tolist(), strict=True):
            if count < cv.folds:
                _log.warning(
                    "cv.folds: class %r has %d rows for %d folds, so some have none of it. Take fewer folds, or get more rows.",
                    label,
                    count,
                    cv.folds,
                )


def _check_twins(twins: Array | None, search: Rows, cv: CvSettings) -> None:
    different = cv.folds if twins is None else len(np.unique(twins[search]))
    if different < cv.folds:
        raise DataError(
            f"cv.folds: equal rows go to one fold, so {cv.folds!r} folds need as many different rows. Got {different} outside "
            "the test part. Take fewer folds, or cv.duplicates: apart."
        )


def _cut(
    dataset: Dataset, kind: SplitKind, search: Rows, cv: CvSettings, *, seed: int, twins: Array | None
) -> Iterator[tuple[Rows, Rows]]:
    """Yield (training rows, scoring rows) of every fold of one repeat."""
    from sklearn import model_selection

    if kind == "timeseries" and dataset.order is not None:
        yield from _cut_time(dataset.order, search, cv.folds)
        return
    options = {"n_splits": cv.folds, "shuffle": cv.shuffle, "random_state": seed if cv.shuffle else None}
    splitter = {
        "kfold": model_selection.KFold,
        "stratified": model_selection.StratifiedKFold,
        "group": model_selection.GroupKFold,
        "stratified_group": model_selection.StratifiedGroupKFold,
    }[kind](**options)
    groups = dataset.groups[search] if kind in ("group", "stratified_group") and dataset.groups is not None else None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)  # logged above, with its name
        pairs = list(splitter.split(search, dataset.target[search], groups))
    if twins is not None:
        fold = np.empty(len(search), dtype=np.int64)
        for number, (_, score) in enumerate(pairs):
            fold[score] = number
        labels = dataset.target[search] if kind == "stratified" else np.zeros_like(fold)
        fold = keep_together(fold, twins[search], labels, np.random.default_rng(seed) if cv.shuffle else None)
        pairs = [(np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(cv.folds)]
    for training, score in pairs:
        if not len(training) or not len(score):
            raise DataError(f"cv.folds: {cv.folds!r} folds of kind {kind!r} leave one of them empty. Take fewer folds.")
        yield search[training], search[score]


def _cut_time(order: Array, search: Rows, folds: int) -> Iterator[tuple[Rows, Rows]]:
    """Yield folds that score rows later than all that they train on, as scikit-learn's TimeSeriesSplit, equal times together."""
    ranked = search[np.argsort(order[search], kind="stable")]
    size = len(ranked) // (folds + 1)
    wanted = [len(ranked) - size * (folds - number) for number in range(folds)]
    cuts = [*time_boundaries(order[ranked], wanted, "cv.folds"), len(ranked)]
    for start, stop in pairwise(cuts):
        yield np.sort(ranked[:start]), np.sort(ranked[start:stop])


def _warn_of_absent_classes(dataset: Dataset, train: Rows, fold: int) -> None:
    if dataset.classes is None:
        return
    counts = np.bincount(dataset.target[train], minlength=len(dataset.classes))
    absent = [label for label, count in zip(dataset.classes, counts, strict=True) if not count]
    if absent:
        _log.warning("cv: fold %d has no training row of class %s, so it cannot learn it.", fold, absent)
