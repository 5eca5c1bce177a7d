"""An end in sight: it comes at the same trial whoever trains, in whatever order, whatever is known before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from racing_sweeps import FOLDS, GENETIC, RANDOM, TRIALS, Sweeps, paired
from racing_worker import KilledError, play, train

from orchestrator.ledger import END, SweepRow
from orchestrator.results import Leaderboard, Status
from orchestrator.running.conductor import SweepConductor
from orchestrator.search import CohortHeard, Ending, TrialState, trials_at_most
from orchestrator.search.ending import LANES
from search_spaces import RaceSettings

BUDGETS = [{"patience": 6}, {"fits": 83}, {"patience": 9, "fits": 120}]
RACES = [None, paired()]
STRATEGIES = [RANDOM, GENETIC]
Told = tuple[str | None, int | None, list[tuple[Any, ...]]]


@dataclass
class Run:
    """How a run ended: how many folds it trained, why it is over, and how it stood then."""

    trained: int
    reason: str | None
    status: Status


def ending_conductor(sweeps: Sweeps, sweep: SweepRow, budget: Mapping[str, int], workers: int) -> SweepConductor:
    conductor = sweeps.conductor(sweep, workers)
    conductor.search.ending = Ending(**budget) if budget else None
    return conductor


def run(sweeps: Sweeps, sweep: SweepRow, budget: Mapping[str, int], *, workers: int, seed: int, kill: int | None = None) -> Run:
    conductor = ending_conductor(sweeps, sweep, budget, workers)
    trained = play(conductor, sweeps.score(sweep), workers=workers, rng=Random(seed), kill_after=kill)  # noqa: S311
    return Run(trained, conductor.reason, conductor.status())


def winner(sweeps: Sweeps, sweep: SweepRow) -> int | None:
    chosen = Leaderboard.from_rows(sweeps.ledger.trials(sweep.id), sweeps.objective).winner
    return None if chosen is None else chosen.number


def told(sweeps: Sweeps, sweep: SweepRow, ended: Run) -> Told:
    """Return why it ended, who won, and all trials that count."""
    rows = [row for row in sweeps.ledger.trials(sweep.id) if row.state.terminal and row.state is not TrialState.STOPPED]
    ends = [(row.number, dict(row.config), row.state, row.score, row.message) for row in rows]
    best = winner(sweeps, sweep)
    assert (ended.status.best_number, ended.status.done) == (best, len(ends))
    return ended.reason, best, ends


def sweeps_in(folder: Path, name: str, strategy: Mapping[str, Any], race: RaceSettings | None) -> Sweeps:
    (folder / name).mkdir()
    return Sweeps(folder / name, strategy, race=race)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=["random", "genetic"])
@pytest.mark.parametrize("race", RACES, ids=["whole", "raced"])
@pytest.mark.parametrize(
    "budget", [*(pytest.param(one, marks=pytest.mark.full) for one in BUDGETS[:2]), BUDGETS[2]], ids=["patience", "fits", "both"]
)
def test_workers_order_ledger_and_kills_change_nothing(
    tmp_path: Path, budget: Mapping[str, int], race: RaceSettings | None, strategy: Mapping[str, Any]
) -> None:
    first = sweeps_in(tmp_path, "1", strategy, race)
    sweep = first.claim()
    expected = told(first, sweep, run(first, sweep, budget, workers=1, seed=0))
    numbers = [end[0] for end in expected[2]]
    assert numbers == list(range(len(numbers)))
    assert 0 < len(numbers) < TRIALS
    assert expected[0] is not None
    assert expected[0].endswith(f"after {len(numbers)} trials")
    assert first.ledger.sweep_by_id(sweep.id).facts[END] == len(numbers)
    for workers in (2, 16):
        other = sweeps_in(tmp_path, str(workers), strategy, race)
        sweep = other.claim()
        assert told(other, sweep, run(other, sweep, budget, workers=workers, seed=workers)) == expected
    again = first.claim("full ledger")
    ended = run(first, again, budget, workers=3, seed=5)
    assert ended.trained == 0
    assert told(first, again, ended) == expected
    for kill in (1, 9, 30, 55):
        other = sweeps_in(tmp_path, f"killed {kill}", strategy, race)
        with pytest.raises(KilledError):
            run(other, other.claim(), budget, workers=5, seed=kill, kill=kill)
        sweep = other.claim()
        before = folds_kept(other, sweep)
        ended = run(other, sweep, budget, workers=2, seed=kill + 1)
        assert folds_kept(other, sweep) == before + ended.trained, "none is trained twice"
        assert told(other, sweep, ended) == expected


def folds_kept(sweeps: Sweeps, sweep: SweepRow) -> int:
    return sum(len(sweeps.ledger.folds(row.key)) for row in sweeps.ledger.trials(sweep.id))


@pytest.mark.parametrize("strategy", STRATEGIES, ids=["random", "genetic"])
@pytest.mark.parametrize("race", RACES, ids=["whole", "raced"])
@pytest.mark.parametrize("earlier", [{}, {"patience": 14}], ids=["no budget", "a looser one"])
def test_a_resume_under_a_tighter_budget_ends_where_one_run_does_and_later_trials_are_as_if_never_finished(
    tmp_path: Path, earlier: Mapping[str, int], race: RaceSettings | None, strategy: Mapping[str, Any]
) -> None:
    tight = {"patience": 5}
    once = sweeps_in(tmp_path, "once", strategy, race)
    sweep = once.claim()
    expected = told(once, sweep, run(once, sweep, tight, workers=2, seed=1))
    sweeps = sweeps_in(tmp_path, "resumed", strategy, race)
    sweep = sweeps.claim()
    everything = told(sweeps, sweep, run(sweeps, sweep, earlier, workers=16, seed=2))
    assert len(everything[2]) > len(expected[2])

    sweep = sweeps.claim()
    ended = run(sweeps, sweep, tight, workers=16, seed=3)
    assert ended.trained == 0
    assert told(sweeps, sweep, ended) == expected
    beyond = [row for row in sweeps.ledger.trials(sweep.id) if row.number >= len(expected[2])]
    assert {(row.state, row.score) for row in beyond if row.state.terminal} == {(TrialState.STOPPED, None)}
    entries = Leaderboard.from_rows(sweeps.ledger.trials(sweep.id), sweeps.objective).entries
    assert all(entry.mean == {} for entry in entries if entry.number is not None and entry.number >= len(expected[2]))

    sweep = sweeps.claim()  # and under the looser one again they count as before
    ended = run(sweeps, sweep, earlier, workers=1, seed=4)
    assert ended.trained == 0
    assert told(sweeps, sweep, ended) == everything


def under_way(tmp_path: Path) -> tuple[Sweeps, SweepRow, SweepConductor]:
    """A search whose first trial is still trained when the next three have all their folds."""
    sweeps = Sweeps(tmp_path)
    sweep = sweeps.claim()
    conductor = ending_conductor(sweeps, sweep, {"patience": 6}, workers=16)
    conductor.start()
    cohorts = [cohort for _ in range(4) if (cohort := conductor.next_cohort()) is not None]
    assert [trial.number for cohort in cohorts for trial in cohort.trials] == [0, 1, 2, 3]
    for cohort in cohorts[1:]:
        for event in train(cohort.trials[0], sweeps.score(sweep), Random(0)):  # noqa: S311
            conductor.handle(CohortHeard(cohort.id, event))
    assert not any(row.state.terminal for row in sweeps.ledger.trials(sweep.id))
    return sweeps, sweep, conductor


def test_a_kill_loses_nothing_of_trials_that_wait_for_a_long_one_before_them(tmp_path: Path) -> None:
    sweeps, *_ = under_way(tmp_path)
    sweep = sweeps.claim()
    conductor = ending_conductor(sweeps, sweep, {"patience": 6}, workers=1)
    conductor.start()
    asked = []
    while (cohort := conductor.next_cohort()) is not None:
        asked += [trial.number for trial in cohort.trials]
    assert asked
    assert not {1, 2, 3} & set(asked)


def test_a_stop_or_the_time_being_up_ends_trials_that_wait_for_a_long_one_before_them(tmp_path: Path) -> None:
    sweeps, sweep, conductor = under_way(tmp_path)
    conductor.stop_requested = lambda: "budget: time"
    conductor.tick()
    assert conductor.finished
    rows = sweeps.ledger.trials(sweep.id)
    assert [row.number for row in rows if row.state is TrialState.COMPLETED] == [1, 2, 3]
    assert conductor.status().done == 3
    assert END not in sweeps.ledger.sweep_by_id(sweep.id).facts


def test_no_more_is_asked_ahead_than_keeps_the_workers_busy(tmp_path: Path) -> None:
    sweeps = Sweeps(tmp_path, {"type": "random", "trials": 5000})
    sweep = sweeps.claim()
    run(sweeps, sweep, {"patience": 20}, workers=2, seed=1)
    end = sweeps.ledger.sweep_by_id(sweep.id).facts[END]
    assert len(sweeps.ledger.trials(sweep.id)) <= end + 20 + 2 * LANES


def test_trials_that_count_for_certain_are_trained_first(tmp_path: Path) -> None:
    sweeps = Sweeps(tmp_path)
    conductor = ending_conductor(sweeps, sweeps.claim(), {"patience": 20}, workers=2)
    conductor.start()
    cohorts = [conductor.next_cohort() for _ in range(2)]
    numbers = [trial.number for cohort in cohorts if cohort is not None for trial in cohort.trials]
    assert sorted(numbers) == list(range(20))


def test_later_trials_that_are_finished_do_not_win_and_their_folds_stay(tmp_path: Path) -> None:
    sweeps = Sweeps(tmp_path)
    sweeps.change = lambda number, fold, score: 0.99 if number >= 7 else 0.5
    sweep = sweeps.claim()
    run(sweeps, sweep, {"patience": 6}, workers=16, seed=1)
    assert winner(sweeps, sweep) == 0
    rows = sweeps.ledger.trials(sweep.id)
    assert not any(row.state.terminal for row in rows[7:])
    assert any(sweeps.ledger.folds(row.key) for row in rows[7:])


def test_fits_are_those_that_a_trial_was_judged_by() -> None:
    ending = Ending(fits=12)
    assert Ending(fits=500).first_unsure(FOLDS) == 100
    assert Ending(fits=500, patience=30).first_unsure(FOLDS) == 30
    ending.over(2, None, FOLDS)
    ending.over(0, 1.0, FOLDS)
    assert ending.reason is None
    ending.over(1, None, 2)
    assert ending.reason == "budget: fits, after 3 trials"


def test_without_a_race_a_budget_in_fits_is_one_in_trials() -> None:
    assert trials_at_most(None, 12, FOLDS, races=False) == 3
    assert trials_at_most(2, 12, FOLDS, races=False) == 2
    assert trials_at_most(40, 12, FOLDS, races=True) == 40
    assert trials_at_most(None, None, FOLDS, races=False) is None


def test_any_new_best_counts_and_an_equal_one_is_none() -> None:
    ending = Ending(patience=2)
    for number, fitness in enumerate((1.0, 1.0, 1.0 + 1e-9, None, 1.0 + 1e-9)):
        assert ending.reason is None
        ending.over(number, fitness, FOLDS)
    assert ending.reason == "budget: patience, after 5 trials"


def test_a_failed_trial_before_the_end_counts_as_one_without_a_new_best(tmp_path: Path) -> None:
    sweeps = Sweeps(tmp_path)
    sweeps.change = lambda number, fold, score: None if number == 1 else 0.5
    sweep = sweeps.claim()
    run(sweeps, sweep, {"patience": 3}, workers=4, seed=1)
    states = [row.state for row in sweeps.ledger.trials(sweep.id) if row.state.terminal]
    assert states == [TrialState.COMPLETED, TrialState.FAILED, TrialState.COMPLETED, TrialState.COMPLETED]
