"""A trial's summary: mean, spread and error bar over its folds, and what is unknown stays unknown."""

from __future__ import annotations

import math

import pytest

from trainers.results import FoldResult, summarise


def fold(number: int, accuracy: float, *, epoch: int = 3, size: int | None = None) -> FoldResult:
    return FoldResult(fold=number, metrics={"accuracy": accuracy}, epoch=epoch, epochs_run=5, seconds=0.5, size=size)


def test_spread_has_ddof_0_and_the_error_bar_is_corrected_for_overlapping_training_parts() -> None:
    summary = summarise([fold(0, 0.7), fold(1, 0.8), fold(2, 0.9)], test_to_train=0.5)
    assert summary.mean["accuracy"] == pytest.approx(0.8)
    assert summary.std["accuracy"] == pytest.approx(math.sqrt(0.02 / 3))
    assert summary.standard_error["accuracy"] == pytest.approx(math.sqrt((1 / 3 + 0.5) * 0.01))
    assert (summary.seconds, summary.epoch) == (1.5, 3.0)


def test_the_epoch_is_the_median_and_the_size_the_largest() -> None:
    summary = summarise([fold(0, 0.7, epoch=9, size=40), fold(1, 0.8, epoch=2, size=41)], test_to_train=0.5)
    assert (summary.epoch, summary.size) == (5.5, 41)


def test_a_size_that_one_fold_does_not_know_is_unknown() -> None:
    assert summarise([fold(0, 0.7, size=40), fold(1, 0.8)], test_to_train=0.5).size is None


def test_one_fold_has_no_error_bar() -> None:
    summary = summarise([fold(0, 0.7)], test_to_train=0.5)
    assert summary.std["accuracy"] == 0.0
    assert math.isnan(summary.standard_error["accuracy"])


@pytest.mark.parametrize("accuracy", [math.nan, math.inf])
def test_a_metric_that_is_no_finite_number_in_one_fold_is_none_at_all(accuracy: float) -> None:
    summary = summarise([fold(0, 0.7), fold(1, accuracy)], test_to_train=0.5)
    assert math.isnan(summary.mean["accuracy"])
    assert math.isnan(summary.std["accuracy"])
    assert math.isnan(summary.standard_error["accuracy"])


def test_a_trial_without_folds_has_no_summary() -> None:
    with pytest.raises(ValueError, match="at least one fold"):
        summarise([], test_to_train=0.5)
