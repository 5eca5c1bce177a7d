"""A race from the strategy to the ledger: whoever trains, in whatever order, whatever is known before, it ends the same."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest
from racing_sweeps import FOLDS, GENETIC, RANDOM, TRIALS, Outcome, Sweeps, paired, value

from orchestrator.search import TrialState
from search_spaces import RaceSettings


def without_folds(outcome: Outcome) -> dict[int, tuple[Any, ...]]:
    return {number: row[:-1] for number, row in outcome.items()}


@pytest.mark.parametrize("strategy", [RANDOM, GENETIC], ids=["random", "genetic"])
@pytest.mark.parametrize("rule", ["paired", "forgiving"])
def test_one_two_and_sixteen_workers_give_the_same_trials_folds_scores_and_winner(
    tmp_path: Path, strategy: Mapping[str, Any], rule: str
) -> None:
    outcomes = []
    for workers in (1, 2, 16):
        folder = tmp_path / str(workers)
        folder.mkdir()
        sweeps = Sweeps(folder, strategy, race=RaceSettings(folds=rule))
        sweep = sweeps.claim()
        sweeps.run(sweep, workers=workers, seed=workers)
        outcomes.append(without_folds(sweeps.outcome(sweep)))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    states = [row[1] for row in outcomes[0].values()]
    assert set(states) == {TrialState.PRUNED, TrialState.COMPLETED}


def test_a_race_trains_less_and_crowns_a_winner_that_is_whole(tmp_path: Path) -> None:
    sweeps = Sweeps(tmp_path, race=paired())
    sweep = sweeps.claim()
    trained = sweeps.run(sweep)
    rows = sweeps.ledger.trials(sweep.id)
    assert trained < 0.75 * TRIALS * FOLDS
    assert all(rows[number].state is TrialState.COMPLETED for number in range(8))  # nobody judges these
    whole = [row for row in rows if row.state is TrialState.COMPLETED]
    assert all(len(sweeps.ledger.folds(row.key)) == FOLDS for row in whole)
    everything = {row.number: sum(value(row.config["x"], fold) for fold in range(FOLDS)) / FOLDS for row in rows}
    best = max(row.score for row in whole if row.score is not None)
    assert best >= max(everything.values()) - 0.02


def test_who_is_given_up_says_why_and_keeps_its_folds_and_their_summary(tmp_path: Path) -> None:
    sweeps = Sweeps(tmp_path, race=paired())
    sweep = sweeps.claim()
    sweeps.run(sweep)
    row = next(row for row in sweeps.ledger.trials(sweep.id) if row.state is TrialState.PRUNED)
    folds = sweeps.ledger.folds(row.key)
    assert 1 <= len(folds) < FOLDS
    assert row.score is None
    assert row.summary is not None
    assert row.summary["mean"]["accuracy"] == pytest.approx(sum(fold.metrics["accuracy"] for fold in folds) / len(folds))
    assert row.message is not None
    assert row.message.startswith(f"fold {len(folds) - 1}: ")
    assert ", below " in row.message


def test_what_the_ledger_holds_changes_the_cost_and_not_the_outcome(tmp_path: Path) -> None:
    racing = Sweeps(tmp_path, GENETIC, race=paired())
    first = racing.claim("empty")
    cost = racing.run(first)
    expected = without_folds(racing.outcome(first))

    full = Sweeps(tmp_path, GENETIC)  # without a race, every fold of these very configs
    full.strategy = {"type": "random", "trials": TRIALS}
    again = racing.claim("again")
    assert racing.run(again, workers=3, seed=5) == 0
    assert without_folds(racing.outcome(again)) == expected
    assert cost > 0


def test_a_later_sweep_without_a_race_pays_only_for_the_missing_folds(tmp_path: Path) -> None:
    racing = Sweeps(tmp_path, race=paired())
    cost = racing.run(racing.claim("raced"))
    whole = Sweeps(tmp_path)
    sweep = whole.claim("whole")
    assert whole.run(sweep) == TRIALS * FOLDS - cost
    assert {row.state for row in whole.ledger.trials(sweep.id)} == {TrialState.COMPLETED}
    later = racing.claim("raced again")  # all folds are known now, and those that were given up stay so
    assert racing.run(later) == 0
    states = [row.state for row in racing.ledger.trials(later.id)]
    assert TrialState.PRUNED in states


@pytest.mark.parametrize("strategy", [RANDOM, GENETIC], ids=["random", "genetic"])
def test_killed_at_any_event_and_resumed_it_ends_the_same(tmp_path: Path, strategy: Mapping[str, Any]) -> None:
    reference = Sweeps(_folder(tmp_path, "reference"), strategy, race=paired())
    sweep = reference.claim()
    reference.run(sweep)
    expected = without_folds(reference.outcome(sweep))
    for seed, kill_after in enumerate((1, 7, 23, 48, 71, 90)):
        sweeps = Sweeps(_folder(tmp_path, f"killed-{kill_after}"), strategy, race=paired())
        resumed = sweeps.run_killed_and_resumed(seed=seed, kill_after=kill_after)
        assert without_folds(sweeps.outcome(resumed)) == expected


def test_a_score_that_is_not_finite_ends_its_trial_at_once(tmp_path: Path) -> None:
    sweeps = Sweeps(tmp_path, race=paired(rungs=[2, 5]))
    sweeps.change = lambda number, fold, score: math.nan if (number, fold) == (12, 0) else score
    sweep = sweeps.claim()
    sweeps.run(sweep, workers=1)
    row = sweeps.ledger.trials(sweep.id, [12])[0]
    assert (row.state, row.message) == (TrialState.DIVERGED, "fold 0: nan")
    assert 1 <= len(sweeps.ledger.folds(row.key)) <= 2


def test_a_fold_that_raises_ends_a_racing_trial_as_failed(tmp_path: Path) -> None:
    sweeps = Sweeps(tmp_path, race=paired())
    sweeps.change = lambda number, fold, score: None if (number, fold) == (2, 1) else score
    sweep = sweeps.claim()
    sweeps.run(sweep, workers=1)
    row = sweeps.ledger.trials(sweep.id, [2])[0]
    assert (row.state, row.message) == (TrialState.FAILED, "no 1")
    assert [fold.fold for fold in sweeps.ledger.folds(row.key)] == [0]


def broken(number: int, fold: int, score: float) -> float | None:
    """Some folds are not finite, some raise, some trials have both."""
    fate = Random(f"fate of {number} {fold}").random()  # noqa: S311
    return None if fate < 0.08 else math.nan if fate < 0.16 else score


@pytest.mark.parametrize(
    "race", [paired(), paired(rungs=[2, 5]), paired(rungs=[5])], ids=["doubling", "two at once", "all at once"]
)
def test_which_broken_fold_ends_a_trial_does_not_hang_on_which_is_heard_of_first(tmp_path: Path, race: RaceSettings) -> None:
    outcomes, ends = [], []
    for workers in (1, 2, 16):
        sweeps = Sweeps(_folder(tmp_path, str(workers)), race=race)
        sweeps.change = broken
        sweep = sweeps.claim()
        sweeps.run(sweep, workers=workers, seed=workers)
        outcomes.append(without_folds(sweeps.outcome(sweep)))
        ends.append([row.summary and row.summary["mean"] for row in sweeps.ledger.trials(sweep.id)])
    sweeps = Sweeps(_folder(tmp_path, "killed"), race=race)
    sweeps.change = broken
    resumed = sweeps.run_killed_and_resumed(seed=3, kill_after=40)
    outcomes.append(without_folds(sweeps.outcome(resumed)))
    assert all(outcome == outcomes[0] for outcome in outcomes[1:])
    assert repr(ends[0]) == repr(ends[1]) == repr(ends[2])
    assert {row[1] for row in outcomes[0].values()} >= {TrialState.COMPLETED, TrialState.DIVERGED, TrialState.FAILED}


def test_where_the_simplest_is_to_win_more_trials_stay_whole(tmp_path: Path) -> None:
    kept = {}
    for select in ("best", "one_se"):
        race = RaceSettings(folds="wilcoxon", p=0.3, rungs=[2, 5])
        sweeps = Sweeps(_folder(tmp_path, select), race=race, select=select)
        sweeps.change = lambda number, fold, score: Random(f"{number} {fold}").uniform(0.4, 0.6)  # noqa: S311 (nothing but chance)
        sweep = sweeps.claim()
        sweeps.run(sweep)
        kept[select] = sum(row.state is TrialState.COMPLETED for row in sweeps.ledger.trials(sweep.id))
    assert kept["one_se"] > kept["best"]


def test_who_waits_for_a_bar_is_no_hindrance_to_a_worker_with_nothing_else_to_do(tmp_path: Path) -> None:
    sweeps = Sweeps(tmp_path, race=paired())
    sweep = sweeps.claim()
    conductor = sweeps.conductor(sweep, workers=16)
    conductor.start()
    cohorts = [cohort for _ in range(16) if (cohort := conductor.next_cohort()) is not None]
    assert len(cohorts) == 16
    asked = {request.number: request.folds for cohort in cohorts for request in cohort.trials}
    assert all(asked[number] == (0, 1, 2, 3, 4) for number in range(8))
    assert all(folds == (0,) for number, folds in asked.items() if number >= 8)


def _folder(parent: Path, name: str) -> Path:
    (parent / name).mkdir()
    return parent / name
