"""A search with a race beside the same one without."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.quality.ablation_report import compared, pairs

PLAIN: dict[str, Any] = {
    "wall": 20.0, "cpu": 30.0, "winner": {"x": 4}, "scores": [0.1, 0.2, None, 0.5, 0.3], "fits": [3, 3, 3, 3, 3]
}  # fmt: skip
RACED: dict[str, Any] = {
    "wall": 25.0, "cpu": 15.0, "winner": {"x": 1}, "scores": [0.1, 0.4, None, None, None], "fits": [3, 3, 1, 1, 1]
}  # fmt: skip


def test_what_a_race_saves_and_loses() -> None:
    told = compared(PLAIN, RACED)
    assert told["fits"] == pytest.approx(1 - 9 / 15)
    assert told["seconds"] == pytest.approx(-0.25)
    assert told["cpu"] == pytest.approx(0.5)
    assert told["other"] == 1.0
    assert told["loss"] > 0


def test_at_equal_fits_stands_the_best_of_those_trials_that_as_many_fits_pay_for() -> None:
    told = compared(PLAIN, RACED)  # 9 fits are three trials, the best 0.2
    assert told["at_equal_fits"] / told["loss"] == pytest.approx((0.4 - 0.2) / (0.5 - 0.4))


def test_only_searches_that_were_run_both_ways_are_compared() -> None:
    about = {"strategy": "random", "folds": 3, "problem": "digits", "seed": 1}
    other = about | {"seed": 2}
    runs = [{**about, "race": "none", **PLAIN}, {**about, "race": "paired", **RACED}, {**other, "race": "none", **PLAIN}]
    assert [one["seed"] for one in pairs(runs)] == [1]
