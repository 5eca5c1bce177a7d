"""The finalists on fresh splits: who wins hangs on no worker, order, kill or ledger, and what is told is not too good."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from statistics import fmean, pstdev
from typing import Any

import pytest
from racing_sweeps import FOLDS, RANDOM, TRIALS, Sweeps, paired, value
from racing_worker import KilledError, play, train

from orchestrator.champion.winner import choose_winner
from orchestrator.ledger import SweepRow
from orchestrator.results import Entry, Finals, Silent
from orchestrator.running.conductor import SweepConductor
from orchestrator.running.finalists import Values, choose, cross_fitted
from orchestrator.running.plan import Finalists
from orchestrator.running.staging import FreshSplits
from orchestrator.search import CohortFinished, CohortHeard, CohortLost, Ending, Objective, trial_key
from search_spaces import RaceSettings
from trainers.messages import FoldFailed, TrialRequest

REPEATS = ((5, 6, 7, 8, 9), (10, 11, 12, 13, 14), (15, 16, 17, 18, 19))
FRESH = [fold for repeat in REPEATS for fold in repeat]
TOP = 5
SHORT = {"type": "random", "trials": 16}
BRED = {"type": "genetic", "population": 8, "generations": 2, "elites": 1}


class Said(Silent):
    """A watch that remembers what was said."""

    def __init__(self) -> None:
        self.phases: list[str] = []

    def phase(self, text: str) -> None:
        self.phases.append(text)


class WithFinalists(Sweeps):
    """Searches of one ledger whose best are looked at again on fresh folds."""

    def __init__(self, folder: Path, strategy: Mapping[str, Any] = RANDOM, *, top: int = TOP, **more: Any) -> None:
        folder.mkdir(exist_ok=True)
        super().__init__(folder, strategy, **more)
        self.top = top
        self.reuse = True
        self.budget: Ending | None = None
        self.said = Said()
        self.fresh_change: Callable[[int, int, float], float | None] = lambda number, fold, score: score
        self.trained: list[tuple[int, int]] = []

    def conductor(self, sweep: SweepRow, workers: int) -> SweepConductor:
        made = super().conductor(sweep, workers)
        splits = FreshSplits(folder=Path("stage"), fingerprint="f", repeats=REPEATS, train_rows=10, test_to_train=0.25)
        finalists = Finalists(top=self.top, splits=splits, key=lambda config: trial_key({"data": "d", "splits": "f"}, config))
        made.plan = replace(made.plan, finalists=finalists, reuse=self.reuse)
        made.search.ending = self.budget
        made.watch = self.said
        return made

    def score_of(self, conductor: SweepConductor, sweep: SweepRow) -> Callable[[int, int], float | None]:
        ordinary, config = super().score(sweep), self.config(sweep)

        def score(request: int, fold: int) -> float | None:
            if fold < FOLDS:
                return ordinary(request, fold)
            look = conductor._look
            assert look is not None
            number = look.trials[request]
            self.trained.append((number, fold))
            return self.fresh_change(number, fold, value(config(number)["x"], fold))

        return score

    def run(self, sweep: SweepRow, *, workers: int = 2, seed: int = 0, kill_after: int | None = None) -> int:
        conductor = self.conductor(sweep, workers)
        rng = Random(seed)  # noqa: S311
        return play(conductor, self.score_of(conductor, sweep), workers=workers, rng=rng, kill_after=kill_after)

    def finals(self, sweep: SweepRow) -> Finals:
        finals = Finals.of(self.ledger.sweep_by_id(sweep.id).facts)
        assert finals is not None
        return finals

    def told(self, sweep: SweepRow) -> tuple[Any, ...]:
        """Return all that must not hang on who trained, in what order: trials, and what came of the finalists."""
        rows = [
            (row.number, dict(row.config), row.key, row.state, row.score, row.message)
            for row in self.ledger.trials(sweep.id)
            if row.state.terminal
        ]
        return rows, replace(self.finals(sweep), seconds=0.0), choose_winner(self.ledger, _with_objective(sweep, self)).number


def _with_objective(sweep: SweepRow, sweeps: Sweeps) -> SweepRow:
    objective = sweeps.objective
    written = {"metric": objective.metric, "direction": objective.direction, "select": objective.select}
    return replace(sweep, spec={"sweep": {"objective": written}})


def by_rank(sweeps: Sweeps, sweep: SweepRow) -> list[int]:
    rows = [(-row.score, row.number) for row in sweeps.ledger.trials(sweep.id) if row.score is not None]
    return [number for _, number in sorted(rows)]


# --- the choice -----------------------------------------------------------------------------------------------------------------


def entries(numbers: Iterable[int], sizes: Mapping[int, int] | None = None) -> list[Entry]:
    return [
        Entry(number=number, state="COMPLETED", score=1.0, mean={}, std={}, size=(sizes or {}).get(number)) for number in numbers
    ]


BEST, WORST, SIMPLEST = Objective("a", "maximize"), Objective("a", "minimize"), Objective("a", "maximize", "one_se")


def test_the_best_by_the_fresh_mean_wins_in_the_objectives_own_direction() -> None:
    values = {3: [[0.8, 0.9], [0.7, 0.8]], 1: [[0.8, 0.8], [0.8, 0.9]]}
    assert choose(entries([3, 1, 2]), values, BEST, 0.5) == 1
    assert choose(entries([3, 1, 2]), values, WORST, 0.5) == 3
    assert choose(entries([3]), {}, BEST, 0.5) is None


def test_equal_ones_go_by_ask_order_and_not_by_the_searchs_rank() -> None:
    values = {3: [[0.8], [0.8]], 1: [[0.8], [0.8]]}
    assert choose(entries([3, 1]), values, BEST, 0.5) == 1


def test_the_simplest_within_one_corrected_standard_error_of_the_fresh_best_wins_if_asked() -> None:
    values = {0: [[0.90, 0.80], [0.80, 0.90]], 1: [[0.83, 0.83], [0.83, 0.83]], 2: [[0.7, 0.7], [0.7, 0.7]]}
    assert choose(entries(range(3), {0: 30, 1: 20, 2: 10}), values, SIMPLEST, 0.5) == 1
    assert choose(entries(range(3), {0: 30, 1: 40, 2: 10}), values, SIMPLEST, 0.5) == 0


def test_each_repeat_scores_whom_the_others_choose() -> None:
    values = {
        0: [[0.9, 0.9], [0.5, 0.5], [0.7, 0.7]],  # means of the others: .6, .8, .7
        1: [[0.6, 0.6], [0.8, 0.8], [0.8, 0.8]],  # .8, .7, .7
    }
    chosen = [0.6, 0.5, 0.7]  # trial 1 on repeat 0, 0 on 1, and of equals the first
    assert cross_fitted(entries([0, 1]), values, BEST, 0.5) == pytest.approx(fmean(chosen))


def simulated(seed: int, select: str = "best") -> tuple[float, float, float]:
    """Return how much too high search score, fresh mean and cross-fitted score of a winner are, 200 configs searched."""
    rng = Random(seed)  # noqa: S311
    truth = [rng.gauss(0, 0.5) for _ in range(200)]
    searched = [one + rng.gauss(0, 0.6) for one in truth]
    top = sorted(range(200), key=lambda number: -searched[number])[:5]
    values: dict[int, Values] = {number: [[truth[number] + rng.gauss(0, 0.6)] for _ in range(3)] for number in top}
    objective = Objective("a", "maximize", select)
    winner = choose(entries(top), values, objective, 0.5)
    assert winner is not None
    fresh = fmean(value for part in values[winner] for value in part)
    worth = cross_fitted(entries(top), values, objective, 0.5)
    return max(searched) - truth[top[0]], fresh - truth[winner], worth - truth[winner]


def test_the_cross_fitted_score_is_not_too_high_as_the_others_are() -> None:
    search, fresh, worth = (fmean(column) for column in zip(*map(simulated, range(2000)), strict=True))
    noise = pstdev([simulated(seed)[2] for seed in range(200)]) / math.sqrt(2000)
    assert search > 0.8
    assert fresh > 0.15
    assert -0.08 < worth < 3 * noise


# --- whoever trains -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", [SHORT, BRED], ids=["random", "genetic"])
@pytest.mark.parametrize(
    ("race", "select"), [(None, "best"), pytest.param(None, "one_se", marks=pytest.mark.full), (paired(), "best")], ids=str
)
def test_workers_order_ledger_and_kills_change_nothing(
    tmp_path: Path, strategy: Mapping[str, Any], race: RaceSettings | None, select: str
) -> None:
    first = WithFinalists(tmp_path / "1", strategy, race=race, select=select)
    sweep = first.claim()
    trained = first.run(sweep, workers=1)
    expected = first.told(sweep)
    assert [one.trial for one in expected[1].finalists] == by_rank(first, sweep)[:TOP]
    assert expected[2] == expected[1].winner
    for workers in (2, 16):
        other = WithFinalists(tmp_path / str(workers), strategy, race=race, select=select)
        sweep = other.claim()
        other.run(sweep, workers=workers, seed=workers)
        assert other.told(sweep) == expected
    again = first.claim("full ledger")
    assert first.run(again, workers=3, seed=5) == 0
    assert first.told(again) == expected
    for kill in (1, trained - 60, trained - 20, trained):
        other = WithFinalists(tmp_path / f"killed-{kill}", strategy, race=race, select=select)
        with pytest.raises(KilledError):
            other.run(other.claim(), workers=3, seed=kill, kill_after=kill)
        sweep = other.claim()
        other.run(sweep, workers=2, seed=kill + 1)
        assert other.told(sweep) == expected


def test_killed_at_any_event_of_the_fresh_look_no_fold_is_trained_twice(tmp_path: Path) -> None:
    reference = WithFinalists(tmp_path / "reference", {"type": "random", "trials": 6}, top=2)
    sweep = reference.claim()
    events = 0
    reference.run(sweep, workers=2, seed=1)
    expected = reference.told(sweep)
    for kill in range(31, 80, 4):
        other = WithFinalists(tmp_path / f"killed-{kill}", {"type": "random", "trials": 6}, top=2)
        try:
            other.run(other.claim(), workers=2, seed=1, kill_after=kill)
        except KilledError:
            events += 1
            other.run(other.claim(), workers=3, seed=kill)
        assert other.told(other.claim()) == expected
        assert sorted(other.trained) == sorted({*other.trained}), "a fold was trained twice"
    assert events > 8


def test_the_search_is_as_it_would_be_without_finalists(tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    without = Sweeps(tmp_path / "without")
    sweep = without.claim()
    without.run(sweep)
    before = without.outcome(sweep)
    looked = WithFinalists(tmp_path / "with")
    sweep = looked.claim()
    assert looked.run(sweep) == TRIALS * FOLDS + TOP * len(FRESH)
    assert looked.outcome(sweep) == before
    assert len(looked.ledger.trials(sweep.id)) == TRIALS


def test_each_fresh_fold_is_kept_under_a_key_of_its_own(tmp_path: Path) -> None:
    sweeps = WithFinalists(tmp_path)
    sweep = sweeps.claim()
    sweeps.run(sweep)
    for one in sweeps.finals(sweep).finalists:
        row = sweeps.ledger.trial(sweep.id, one.trial)
        fresh = sweeps.ledger.folds(trial_key({"data": "d", "splits": "f"}, row.config))
        assert [fold.fold for fold in fresh] == FRESH
        assert [fold.fold for fold in sweeps.ledger.folds(row.key)] == list(range(FOLDS))
        assert one.fresh == pytest.approx(fmean(fold.metrics["accuracy"] for fold in fresh))
        assert one.search == row.score
    assert sweeps.finals(sweep).seconds == TOP * len(FRESH)


def test_a_later_sweep_pays_only_for_finalists_that_it_has_not_met(tmp_path: Path) -> None:
    sweeps = WithFinalists(tmp_path, top=2)
    first = sweeps.claim()
    sweeps.run(first)
    assert sweeps.finals(first).seconds == 2 * len(FRESH)
    sweeps.top = 3
    second = sweeps.claim("second")
    assert sweeps.run(second) == len(FRESH)
    assert sweeps.finals(second).seconds == len(FRESH)
    sweeps.reuse = False
    third = sweeps.claim("third")
    assert sweeps.run(third) == TRIALS * FOLDS + 3 * len(FRESH)


def test_fewer_whole_trials_than_asked_for_are_all_finalists(tmp_path: Path) -> None:
    sweeps = WithFinalists(tmp_path, {"type": "random", "trials": 3})
    sweeps.change = lambda number, fold, score: None if number == 1 else score
    sweep = sweeps.claim()
    sweeps.run(sweep)
    assert sorted(one.trial for one in sweeps.finals(sweep).finalists) == [0, 2]


def test_without_a_whole_trial_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    sweeps = WithFinalists(tmp_path, {"type": "random", "trials": 3})
    sweeps.change = lambda number, fold, score: None
    sweep = sweeps.claim()
    sweeps.run(sweep)
    assert "finalists" not in sweeps.ledger.sweep_by_id(sweep.id).facts


# --- finalists that are out -----------------------------------------------------------------------------------------------------


def test_a_finalist_that_fails_or_diverges_is_out_and_says_why(tmp_path: Path) -> None:
    sweeps = WithFinalists(tmp_path)
    sweep = sweeps.claim()
    reference = WithFinalists(tmp_path / "reference")
    reference.run(claimed := reference.claim())
    first, second, *_ = by_rank(reference, claimed)

    def change(number: int, fold: int, score: float) -> float | None:
        if number == first and fold >= 12:
            return None
        return math.nan if (number, fold) == (second, 7) else score

    sweeps.fresh_change = change
    sweeps.run(sweep)
    finals = sweeps.finals(sweep)
    assert [(one.trial, one.fresh, one.out) for one in finals.finalists[:2]] == [
        (first, None, "fold 12: no 12"),
        (second, None, "fold 7: nan"),
    ]
    assert finals.winner not in (first, second, None)
    assert finals.told().endswith("2 out.")
    assert choose_winner(sweeps.ledger, _with_objective(sweep, sweeps)).number == finals.winner


def test_if_all_are_out_the_searchs_winner_stays_and_a_sentence_says_so(tmp_path: Path) -> None:
    sweeps = WithFinalists(tmp_path)
    sweeps.fresh_change = lambda number, fold, score: None
    sweep = sweeps.claim()
    sweeps.run(sweep)
    finals = sweeps.finals(sweep)
    assert (finals.winner, finals.cross_fitted) == (None, None)
    assert choose_winner(sweeps.ledger, _with_objective(sweep, sweeps)).number == by_rank(sweeps, sweep)[0]
    assert sweeps.said.phases == [
        "finalists: 5 configs x 15 folds on fresh splits",
        "5 finalists on 15 fresh folds: none has a score (fold 5: no 5), so the search's winner stays.",
    ]


def test_a_finalist_whose_worker_is_lost_twice_when_it_trains_alone_is_out(tmp_path: Path) -> None:
    sweeps = WithFinalists(tmp_path, {"type": "random", "trials": 2}, top=2)
    sweep = sweeps.claim()
    conductor = sweeps.conductor(sweep, 16)
    score = sweeps.score_of(conductor, sweep)
    conductor.start()
    while not conductor.finished:
        cohort = conductor.next_cohort()
        assert cohort is not None
        look = conductor._look
        if look is not None and any(look.trials[one.number] == 1 and 5 in one.folds for one in cohort.trials):
            conductor.handle(CohortLost(cohort.id, "crashed", "gone"))
            continue
        for request in cohort.trials:
            _report(conductor, cohort.id, request.number, request.folds, score)
        conductor.handle(CohortFinished(cohort.id))
    (out,) = [one for one in sweeps.finals(sweep).finalists if one.trial == 1]
    assert out.out == "fold 5: its worker was lost"
    assert sweeps.finals(sweep).winner == 0


def _report(
    conductor: SweepConductor, cohort: str, number: int, folds: Sequence[int], score: Callable[[int, int], float | None]
) -> None:
    for event in train(TrialRequest(number, {}, tuple(folds)), score, Random(0)):  # noqa: S311
        assert not isinstance(event, FoldFailed)
        conductor.handle(CohortHeard(cohort, event))


# --- when a search ends ---------------------------------------------------------------------------------------------------------


def test_after_a_budget_of_time_the_finalists_are_looked_at_and_what_trained_makes_way(tmp_path: Path) -> None:
    sweeps = WithFinalists(tmp_path, top=2)
    sweep = sweeps.claim()
    conductor = sweeps.conductor(sweep, 16)
    conductor.plan = replace(conductor.plan, deadline=100.0)
    score = sweeps.score_of(conductor, sweep)
    conductor.start()
    cohorts = [cohort for _ in range(4) if (cohort := conductor.next_cohort()) is not None]
    for cohort in cohorts[:3]:
        _report(conductor, cohort.id, cohort.trials[0].number, cohort.trials[0].folds, score)
        conductor.handle(CohortFinished(cohort.id))
    running = cohorts[3]
    _report(conductor, running.id, running.trials[0].number, (0, 1), score)
    assert not conductor.makes_way(running.id)
    conductor.clock = lambda: 101.0
    conductor.tick()
    assert (conductor.reason, conductor.finished) == ("budget: time", False)
    assert conductor.makes_way(running.id)
    _report(conductor, running.id, running.trials[0].number, (2, 3, 4), score)  # told late: it is kept, and ends nothing
    conductor.handle(CohortLost(running.id, "stopped"))
    while not conductor.finished:
        cohort = conductor.next_cohort()
        assert cohort is not None
        assert not conductor.makes_way(cohort.id)
        for request in cohort.trials:
            _report(conductor, cohort.id, request.number, request.folds, score)
        conductor.handle(CohortFinished(cohort.id))
    late = sweeps.ledger.trial(sweep.id, running.trials[0].number)
    assert not late.state.terminal
    assert len(sweeps.ledger.folds(late.key)) == FOLDS
    finals = sweeps.finals(sweep)
    assert [one.trial for one in finals.finalists] == by_rank(sweeps, sweep)[:2]
    assert conductor.reason == "budget: time"


def test_an_interruption_ends_it_undecided_and_a_resumed_sweep_decides(tmp_path: Path) -> None:
    sweeps = WithFinalists(tmp_path, {"type": "random", "trials": 4}, top=2)
    sweep = sweeps.claim()
    conductor = sweeps.conductor(sweep, 1)
    score = sweeps.score_of(conductor, sweep)
    conductor.start()
    while conductor._look is None:
        cohort = conductor.next_cohort()
        assert cohort is not None
        for request in cohort.trials:
            _report(conductor, cohort.id, request.number, request.folds, score)
        conductor.handle(CohortFinished(cohort.id))
    cohort = conductor.next_cohort()
    assert cohort is not None
    _report(conductor, cohort.id, cohort.trials[0].number, cohort.trials[0].folds, score)
    conductor.stop_requested = lambda: "interrupted"
    conductor.tick()
    assert (conductor.reason, conductor.finished) == ("interrupted", True)
    conductor.handle(CohortLost(cohort.id, "stopped"))
    assert "finalists" not in sweeps.ledger.sweep_by_id(sweep.id).facts
    done = len(sweeps.trained)
    sweeps.run(sweeps.claim())
    assert sweeps.finals(sweep).winner is not None
    assert len(sweeps.trained) == len({*sweeps.trained}) == 2 * len(FRESH)
    assert done > 0


def test_where_the_end_was_in_sight_only_trials_before_it_are_finalists(tmp_path: Path) -> None:
    expected = None
    for workers in (1, 16):
        sweeps = WithFinalists(tmp_path / str(workers), top=3)
        sweeps.budget = Ending(patience=6)
        sweep = sweeps.claim()
        sweeps.run(sweep, workers=workers, seed=workers)
        told = sweeps.told(sweep)
        over = [row[0] for row in told[0] if row[4] is not None]
        assert {one.trial for one in told[1].finalists} <= {*over}
        expected = expected or told[1:]
        assert told[1:] == expected
