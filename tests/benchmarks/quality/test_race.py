"""The simulated race on tables of scores."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.make_tables import EPOCHS
from benchmarks.quality.race import race, searches
from search_spaces import RaceSettings

SETTINGS = RaceSettings(folds="forgiving", rungs=(1, 3), first=1)


def test_configs_that_are_worse_on_every_fold_are_given_up_at_the_first_rung() -> None:
    scores = np.array([[0.9, 0.8, 0.7], *[[0.1, 0.2, 0.3]] * 3, [0.0, 0.0, 0.0]])
    told = race(scores[:, None], scores.mean(axis=1), SETTINGS)
    assert not told.other_winner
    assert told.loss == 0.0
    assert told.saved == pytest.approx(1 - (3 + 3 + 3 * 1) / 15)  # trials 0 and 1 have no bar
    assert told.bias < 0  # 0.8 - 0.8 is told of configs that are worth 0.2


def test_the_loss_is_what_the_best_is_ahead_of_who_wins_instead() -> None:
    scores = np.array([[0.5, 0.5, 0.5], [0.1, 0.1, 0.1], [0.2, 1.0, 1.0]])
    told = race(scores[:, None], scores.mean(axis=1), SETTINGS)
    assert told.other_winner
    worth = scores.mean(axis=1)
    assert told.loss == pytest.approx((worth[2] - worth[0]) / np.std(np.maximum(worth, np.quantile(worth, 0.05))))


def test_a_config_that_diverges_is_no_winner_and_spoils_no_figure() -> None:
    scores = np.array([[0.5, 0.6, 0.5], [np.nan, 0.9, 0.9], [0.4, 0.4, np.nan], [0.6, 0.6, 0.7]])
    worth = np.where(np.isfinite(scores).all(axis=1), scores.mean(axis=1), -np.inf)
    told = race(scores[:, None], worth, SETTINGS)
    assert not told.other_winner
    assert np.isfinite([told.saved, told.loss, told.bias]).all()


def test_who_is_cut_after_9_of_81_epochs_costs_a_ninth_of_a_fit() -> None:
    curves = np.full((9, len(EPOCHS), 3), 0.8)
    curves[:4, 2] = np.array([[0.5], [0.6], [0.7], [0.8]])
    curves[8, 2] = 0.6  # the best two of the first four go on; it would have ended as good as they
    told = race(curves, curves[:, -1].mean(axis=1), RaceSettings(folds="none", epochs="halving", first=1))
    assert told.saved == pytest.approx(1 - (8 * 3 + 1 / 9) / 27)
    assert not told.other_winner


def test_searches_are_the_same_for_the_same_seeds_and_worth_all_folds() -> None:
    table = np.random.default_rng(0).random((120, 5, 10)).astype("float32")
    table[0, :, 9] = np.nan
    first, again = list(searches(table, 3, 2)), list(searches(table, 3, 2))
    assert all(np.array_equal(one[0], other[0], equal_nan=True) for one, other in zip(first, again, strict=True))
    chosen, worth = first[0]
    assert chosen.shape == (100, 5, 3)
    assert not np.isnan(worth).any()
