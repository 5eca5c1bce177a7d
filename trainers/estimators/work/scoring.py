"""A fitted fold scored as scikit-learn scores it, by its own helper; and what is warned of meanwhile. Knows no Keras."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection._validation import _score
from sklearn.utils.metaestimators import _safe_split
from sklearn.utils.validation import _check_method_params, _num_samples

from trainers.estimators.work.staged import Work

_NOT_FOR_USERS = (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning)


@dataclass(frozen=True, slots=True, eq=False)
class FoldRows:
    """One fold's rows, and what ``fit`` and the scorers get besides them."""

    X_train: Any
    y_train: Any
    X_test: Any
    y_test: Any
    fit_params: dict[str, Any]
    score_params: dict[str, Any]
    score_params_train: dict[str, Any]


def cut_fold(work: Work, fold: int) -> FoldRows:
    """Return the rows of one fold as scikit-learn cuts them."""
    train, test = work.splits[fold]
    X_train, y_train = _safe_split(work.estimator, work.X, work.y, train)
    X_test, y_test = _safe_split(work.estimator, work.X, work.y, test, train)
    return FoldRows(
        X_train,
        y_train,
        X_test,
        y_test,
        _check_method_params(work.X, params=work.fit_params, indices=train),
        _check_method_params(work.X, params=work.score_params, indices=test),
        _check_method_params(work.X, params=work.score_params, indices=train),
    )


def cut_all(work: Work) -> tuple[Any, Any, dict[str, Any]]:
    """Return X, y and what ``fit`` gets besides, all rows of them, copied as those of a fold are."""
    everything = np.arange(_num_samples(work.X))
    X, y = _safe_split(work.estimator, work.X, work.y, everything)
    return X, y, _check_method_params(work.X, params=work.fit_params, indices=everything)


def scores_of(estimator: Any, rows: FoldRows, work: Work) -> dict[str, float]:
    """Return a fitted estimator's scores by scikit-learn's names, ``test_score`` or ``test_<scorer>``, and ``score_time``.

    Raises
    ------
    Exception
        What a scorer raises where ``error_score`` is "raise", or ValueError where it returns no number.
    """
    begun = time.perf_counter()
    test = _score(estimator, rows.X_test, rows.y_test, work.scorers, rows.score_params, work.error_score)
    metrics = {**_named("test", test), "score_time": time.perf_counter() - begun}
    if work.return_train_score:
        train = _score(estimator, rows.X_train, rows.y_train, work.scorers, rows.score_params_train, work.error_score)
        metrics.update(_named("train", train))
    return metrics


@contextmanager
def heard(kept: list[tuple[str, str]]) -> Iterator[None]:
    """Add to ``kept`` what users are warned of inside, (category as "module:class", text), each once."""
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            yield
    finally:
        for one in caught:
            told = (f"{one.category.__module__}:{one.category.__qualname__}", str(one.message))
            if not issubclass(one.category, _NOT_FOR_USERS) and told not in kept:
                kept.append(told)


def _named(part: str, scores: float | Mapping[str, float]) -> dict[str, float]:
    if isinstance(scores, Mapping):
        return {f"{part}_{name}": value for name, value in scores.items()}
    return {f"{part}_score": scores}
