"""Which trials go out together."""

from __future__ import annotations

import pytest

from orchestrator.search.cohorts import LONGEST_SECONDS, UNTRIED, WORTH_SECONDS, Packing, pack, work_of
from trainers.messages import TrialRequest


def trials(*groups: str) -> list[TrialRequest]:
    return [TrialRequest(number, {"group": group}, (0,)) for number, group in enumerate(groups)]


def packed(waiting: list[TrialRequest], *, together: bool = True, workers: int = 1, **more: float) -> list[int]:
    packing = Packing(group=lambda trial: trial.config["group"], work=lambda trial: 1.0, together=together)
    rates = {"seconds_per_work": more.get("rate"), "under_way": more.get("under_way", 0.0)}
    return [trial.number for trial in pack(waiting, packing, workers=workers, **rates)]


def test_the_largest_group_goes_first() -> None:
    assert packed(trials("a", "b", "b", "b")) == [1, 2, 3]


def test_equal_groups_go_in_ask_order() -> None:
    assert packed(trials("a", "b", "b", "a")) == [0, 3]


def test_a_group_is_cut_at_the_fair_share() -> None:
    assert packed(trials(*"aaaaaaaa"), workers=2) == [0, 1, 2, 3]


def test_what_runs_counts_for_the_fair_share() -> None:
    assert packed(trials(*"aaaa"), workers=2, under_way=4.0) == [0, 1, 2, 3]


def test_a_group_that_is_done_sooner_than_compiled_is_not_cut() -> None:
    assert packed(trials(*"aaaa"), workers=2, rate=WORTH_SECONDS / 4) == [0, 1, 2, 3]
    assert packed(trials(*"aaaa"), workers=2, rate=WORTH_SECONDS) == [0, 1]


def test_a_cohort_is_expected_to_take_five_minutes_at_most() -> None:
    assert len(packed(trials(*"a" * 100), rate=LONGEST_SECONDS / 10)) == 10


def test_while_no_cost_is_known_a_cohort_has_a_bounded_number_of_trials() -> None:
    assert len(packed(trials(*"a" * 1000), workers=2)) == UNTRIED


def test_one_trial_goes_out_even_if_it_is_longer_than_everything() -> None:
    assert packed(trials("a", "a"), rate=10 * LONGEST_SECONDS) == [0]


def test_trials_that_share_only_the_dispatching_go_one_by_one_until_their_cost_is_known() -> None:
    assert packed(trials(*"aaaaaaaa"), together=False) == [0]
    assert packed(trials(*"a" * 16), together=False, workers=2, rate=0.1) == [0, 1]


def test_trials_that_share_only_the_dispatching_go_together_whatever_their_graphs() -> None:
    assert packed(trials(*"abcdefgh"), together=False, rate=0.1) == [0, 1]


def test_work_is_counted_in_optimizer_steps() -> None:
    work = work_of(100, lambda config: {"epochs": 10, "batch_size": 32, **config})
    assert work(TrialRequest(0, {}, (0, 1, 2))) == pytest.approx(10 * 4 * 3)
    assert work(TrialRequest(0, {"batch_size": 100}, (0,))) == pytest.approx(10)
