"""What training yields, as plain frozen records: one fold's result, and a trial's summary over its folds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

StopReason = Literal["epochs", "early_stopping", "diverged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldResult:
    """One fold of one trial, scored once on its scoring part.

    ``fold`` is the position in ``Splits.folds``; ``metrics`` are in the target's own unit, at the chosen epoch; ``epoch`` is
    that epoch, counted from 1; ``history`` holds Keras' per-epoch values, ``epochs_run`` long; ``engine`` is the one that
    really ran and ``engine_reason`` says why when it is not the sweep's; ``size`` is the model's number of trainable
    parameters, None if unknown.
    """

    fold: int
    metrics: Mapping[str, float]
    epoch: int
    epochs_run: int
    seconds: float
    history: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    stopped: StopReason = "epochs"
    engine: str = "keras"
    engine_reason: str | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialResult:
    """A trial's folds taken together: per metric the mean, the standard deviation (ddof 0) and the corrected standard error.

    ``size`` is the largest of the folds' models, None if one is unknown; ``folds`` says how many there are.
    """

    mean: Mapping[str, float]
    std: Mapping[str, float]
    standard_error: Mapping[str, float]
    seconds: float
    epoch: float
    size: int | None = None
    folds: int | None = None


def summarise(folds: Sequence[FoldResult], *, test_to_train: float) -> TrialResult:
    """Return the summary of a trial from all its folds.

    Parameters
    ----------
    folds : the results of every fold and repeat of one trial, at least one.
    test_to_train : rows scored / rows trained on in one fold; it widens the standard error, since training parts overlap.

    """
    if not folds:
        raise ValueError("summarise needs at least one fold, got none.")
    mean: dict[str, float] = {}
    std: dict[str, float] = {}
    error: dict[str, float] = {}
    for name in folds[0].metrics:
        values = np.array([fold.metrics.get(name, math.nan) for fold in folds], dtype="float64")
        finite = bool(np.isfinite(values).all())
        mean[name] = float(values.mean()) if finite else math.nan
        std[name] = float(values.std()) if finite else math.nan
        error[name] = corrected_standard_error(values, test_to_train) if finite else math.nan
    return TrialResult(
        mean=mean,
        std=std,
        standard_error=error,
        seconds=sum(fold.seconds for fold in folds),
        epoch=float(np.median([fold.epoch for fold in folds])),
        size=_largest([fold.size for fold in folds]),
        folds=len(folds),
    )


def corrected_standard_error(values: Sequence[float] | NDArray[np.float64], test_to_train: float) -> float:
    """Return the standard error of the mean over folds, sqrt((1/J + test_to_train) * variance with ddof 1); NaN for one fold.

    Parameters
    ----------
    values : of J folds, finite.
    test_to_train : rows scored / rows trained on in one fold: training parts overlap, so folds are not independent.

    Notes
    -----
    Nadeau and Bengio, "Inference for the Generalization Error", Machine Learning 52 (2003).
    """
    if len(values) < 2:
        return math.nan
    return math.sqrt((1 / len(values) + test_to_train) * float(np.var(values, ddof=1)))


def _largest(sizes: Sequence[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return max(known) if len(known) == len(sizes) else None
