"""The conductor between a real ledger and a scripted worker: what is committed, told, taken over and given up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import SweepRow, TrialRow
from orchestrator.results.status import Silent
from orchestrator.running.conductor import SweepConductor
from orchestrator.running.plan import Plan
from orchestrator.running.staging import Staged
from orchestrator.search import Objective
from orchestrator.search.cohorts import Cohort, CohortFinished, CohortHeard, CohortLost, Packing
from orchestrator.search.search import Search
from orchestrator.search.trials import TrialState, trial_key
from search_spaces import SearchSpace, make_strategy, parse_space
from trainers.messages import FoldFailed, FoldFinished
from trainers.results import FoldResult
from trainers.settings import SweepSettings

FOLDS = 2
SPACE = {"x": [1, 2, 3]}


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.db'}", clock) as opened:
        yield opened


def claim(ledger: Ledger, *, new: bool = False, pid: int = 1) -> SweepRow:
    return ledger.claim_sweep("s", {}, {}, Owner("host", pid), 60.0, new=new)


def conductor_of(
    ledger: Ledger,
    clock: Clock,
    sweep: SweepRow,
    *,
    stop_requested: Callable[[], str | None] = lambda: None,
    failed: Callable[[FoldFailed], object] = lambda failure: None,
    **changes: object,
) -> SweepConductor:
    space: SearchSpace = parse_space(SPACE)
    packing = Packing(group=lambda trial: 0, work=lambda trial: 1.0, together=True)
    strategy = make_strategy({"type": "grid"}, space, 0)
    search = Search(strategy, packing, workers=1, folds=FOLDS)
    staged = Staged(
        folder=Path("stage"), fingerprint="d", splits_fingerprint="s", description={}, baseline=(), folds=FOLDS,
        train_rows=10, test_to_train=0.5, leaky=False,
    )  # fmt: skip
    plan = Plan(
        strategy=strategy,
        staged=staged,
        settings=SweepSettings(task="binary", seed=0, metrics=("accuracy",), stage="stage"),
        objective=Objective("accuracy", "maximize"),
        key=lambda config: trial_key({"data": "d"}, config),
        packing=packing,
        ledger=ledger,
    )
    return SweepConductor(replace(plan, **changes), sweep, search, stop_requested, clock, Silent(), failed)  # type: ignore[arg-type]


def accuracy(number: int, fold: int) -> float:
    return number / 10 + fold / 100


def work(conductor: SweepConductor, cohort: Cohort, score: Callable[[int, int], float] = accuracy) -> None:
    """Play a worker that trains the whole cohort."""
    for trial in cohort.trials:
        for fold in trial.folds:
            result = FoldResult(fold=fold, metrics={"accuracy": score(trial.number, fold)}, epoch=1, epochs_run=1, seconds=1.0)
            conductor.handle(CohortHeard(cohort.id, FoldFinished(trial.number, result)))
    conductor.handle(CohortFinished(cohort.id))


def run(conductor: SweepConductor, score: Callable[[int, int], float] = accuracy) -> list[list[int]]:
    """Play dispatcher until the conductor is finished; return the trials of each cohort."""
    conductor.start()
    cohorts = []
    while not conductor.finished:
        cohort = conductor.next_cohort()
        assert cohort is not None
        cohorts.append([trial.number for trial in cohort.trials])
        work(conductor, cohort, score)
    return cohorts


def states(rows: Sequence[TrialRow]) -> list[TrialState]:
    return [row.state for row in rows]


def test_every_trial_ends_in_the_ledger_with_mean_and_spread(ledger: Ledger, clock: Clock) -> None:
    sweep = claim(ledger)
    conductor = conductor_of(ledger, clock, sweep)
    run(conductor)
    rows = ledger.trials(sweep.id)
    assert states(rows) == [TrialState.COMPLETED] * 3
    assert [row.score for row in rows] == pytest.approx([0.005, 0.105, 0.205])
    assert rows[2].summary is not None
    assert rows[2].summary["std"]["accuracy"] == pytest.approx(0.005)
    status = conductor.status()
    assert (status.done, status.running, status.best_number, status.best_config) == (3, 0, 2, {"x": 3})


def test_the_next_occasion_takes_equal_work_over_without_training(ledger: Ledger, clock: Clock) -> None:
    first = claim(ledger)
    run(conductor_of(ledger, clock, first))
    second = claim(ledger, new=True, pid=2)
    conductor = conductor_of(ledger, clock, second)
    conductor.start()
    assert conductor.finished
    assert conductor.status().cached == 3
    assert [row.cached_from for row in ledger.trials(second.id)] == [f"s/{first.occasion}/{number}" for number in range(3)]
    assert [row.score for row in ledger.trials(second.id)] == [row.score for row in ledger.trials(first.id)]


def test_without_reuse_everything_is_trained_again(ledger: Ledger, clock: Clock) -> None:
    run(conductor_of(ledger, clock, claim(ledger)))
    assert run(conductor_of(ledger, clock, claim(ledger, new=True, pid=2), reuse=False)) == [[0, 1, 2]]


def again(number: int, fold: int) -> float:
    return 0.5 + accuracy(number, fold)


def kept(ledger: Ledger, sweep: SweepRow) -> list[list[float]]:
    """Return the folds that stand behind a sweep's trials."""
    rows = ledger.trials(sweep.id)
    return [[fold.metrics["accuracy"] for fold in ledger.folds(row.key, seen_by=sweep.id)] for row in rows]


def test_without_reuse_a_sweep_keeps_what_it_computed_itself(ledger: Ledger, clock: Clock) -> None:
    first = claim(ledger)
    run(conductor_of(ledger, clock, first))
    second = claim(ledger, new=True, pid=2)
    run(conductor_of(ledger, clock, second, reuse=False), again)
    assert kept(ledger, second) == [[again(number, fold) for fold in range(FOLDS)] for number in range(3)]
    assert [row.score for row in ledger.trials(second.id)] == pytest.approx(
        [sum(folds) / FOLDS for folds in kept(ledger, second)]
    )
    assert [row.cached_from for row in ledger.trials(second.id)] == [None] * 3
    assert kept(ledger, first) == [[accuracy(number, fold) for fold in range(FOLDS)] for number in range(3)], "as it was"
    third = claim(ledger, new=True, pid=3)
    assert run(conductor_of(ledger, clock, third)) == []
    assert kept(ledger, third) == kept(ledger, first), "equal work is shared as it was computed first"
    assert [row.cached_from for row in ledger.trials(third.id)] == [f"s/{first.occasion}/{number}" for number in range(3)]


def test_what_was_computed_without_reuse_first_is_shared(ledger: Ledger, clock: Clock) -> None:
    first = claim(ledger)
    run(conductor_of(ledger, clock, first, reuse=False))
    assert run(conductor_of(ledger, clock, claim(ledger, new=True, pid=2))) == []


def test_without_reuse_a_resumed_sweep_repeats_nothing_of_its_own(ledger: Ledger, clock: Clock) -> None:
    run(conductor_of(ledger, clock, claim(ledger)))
    sweep = claim(ledger, new=True, pid=2)
    conductor = conductor_of(ledger, clock, sweep, reuse=False)
    conductor.start()
    cohort = conductor.next_cohort()
    assert cohort is not None
    for number, fold in ((0, 0), (0, 1), (1, 0)):  # then the driver dies
        result = FoldResult(fold=fold, metrics={"accuracy": again(number, fold)}, epoch=1, epochs_run=1, seconds=1.0)
        conductor.handle(CohortHeard(cohort.id, FoldFinished(number, result)))
    clock.now += 100
    resumed = conductor_of(ledger, clock, claim(ledger, pid=3), reuse=False)
    resumed.start()
    rest = resumed.next_cohort()
    assert rest is not None
    assert [(trial.number, trial.folds) for trial in rest.trials] == [(1, (1,)), (2, (0, 1))]
    work(resumed, rest, again)
    assert kept(ledger, sweep) == [[again(number, fold) for fold in range(FOLDS)] for number in range(3)]


def test_a_resumed_sweep_repeats_no_finished_trial_and_no_finished_fold(ledger: Ledger, clock: Clock) -> None:
    conductor = conductor_of(ledger, clock, claim(ledger))
    conductor.start()
    cohort = conductor.next_cohort()
    assert cohort is not None
    for number, fold in ((0, 0), (0, 1), (1, 0)):  # then the driver dies
        result = FoldResult(fold=fold, metrics={"accuracy": 0.5}, epoch=1, epochs_run=1, seconds=1.0)
        conductor.handle(CohortHeard(cohort.id, FoldFinished(number, result)))
    clock.now += 100
    again = conductor_of(ledger, clock, claim(ledger, pid=2))
    again.start()
    rest = again.next_cohort()
    assert rest is not None
    assert [(trial.number, trial.folds) for trial in rest.trials] == [(1, (1,)), (2, (0, 1))]
    assert again.status().done == 1


def test_what_was_there_before_a_resume_counts_in_no_rate(ledger: Ledger, clock: Clock) -> None:
    conductor = conductor_of(ledger, clock, claim(ledger))
    conductor.start()
    cohort = conductor.next_cohort()
    assert cohort is not None
    for fold in range(FOLDS):  # then the driver dies
        result = FoldResult(fold=fold, metrics={"accuracy": 0.5}, epoch=1, epochs_run=1, seconds=1.0)
        conductor.handle(CohortHeard(cohort.id, FoldFinished(0, result)))
    clock.now += 100
    again = conductor_of(ledger, clock, claim(ledger, pid=2))
    again.start()
    clock.now += 30
    first = again.status()
    assert (first.done, first.before, first.per_minute, first.seconds_left) == (1, 1, 0.0, None)
    rest = again.next_cohort()
    assert rest is not None
    work(again, rest)
    assert (again.status().done, again.status().per_minute) == (3, 4.0)


def test_a_late_driver_writes_nothing(ledger: Ledger, clock: Clock) -> None:
    late = conductor_of(ledger, clock, claim(ledger))
    late.start()
    cohort = late.next_cohort()
    assert cohort is not None
    clock.now += 100
    sweep = claim(ledger, pid=2)
    work(late, cohort)
    assert states(ledger.trials(sweep.id)) == [TrialState.PENDING] * 3


def test_nan_diverges_is_told_as_failure_and_is_never_best(ledger: Ledger, clock: Clock) -> None:
    sweep = claim(ledger)
    conductor = conductor_of(ledger, clock, sweep)
    run(conductor, lambda number, fold: math.nan if number == 2 else accuracy(number, fold))
    assert states(ledger.trials(sweep.id))[2] is TrialState.DIVERGED
    assert conductor.status().best_number == 1


def test_a_folds_exception_is_data_and_the_trial_keeps_its_other_folds(ledger: Ledger, clock: Clock) -> None:
    sweep, told = claim(ledger), []
    conductor = conductor_of(ledger, clock, sweep, failed=told.append)
    conductor.start()
    cohort = conductor.next_cohort()
    assert cohort is not None
    failure = FoldFailed(0, 0, "exception", "ValueError: no", "Traceback ...")
    conductor.handle(CohortHeard(cohort.id, failure))
    assert ledger.trial(sweep.id, 0).state is TrialState.RUNNING
    result = FoldResult(fold=1, metrics={"accuracy": 0.5}, epoch=1, epochs_run=1, seconds=1.0)
    conductor.handle(CohortHeard(cohort.id, FoldFinished(0, result)))
    row = ledger.trial(sweep.id, 0)
    assert (row.state, row.cause, row.message, row.traceback) == (
        TrialState.FAILED,
        "exception",
        "ValueError: no",
        "Traceback ...",
    )
    assert [fold.fold for fold in ledger.folds(row.key)] == [1]
    assert told == [failure]
    assert conductor.status().failed == 1


def test_a_fold_that_raised_is_not_sent_out_again_when_its_cohort_is_lost(ledger: Ledger, clock: Clock) -> None:
    conductor = conductor_of(ledger, clock, claim(ledger))
    conductor.start()
    cohort = conductor.next_cohort()
    assert cohort is not None
    conductor.handle(CohortHeard(cohort.id, FoldFailed(0, 1, "exception", "no")))
    conductor.handle(CohortLost(cohort.id, "crashed"))
    again = conductor.next_cohort()
    assert again is not None
    assert {trial.number: trial.folds for trial in again.trials} == {0: (0,), 1: (0, 1)}


@pytest.mark.parametrize(
    ("fell_back", "expected"),
    [((), ("fused", None)), ((1,), ("keras", "too little memory")), ((0, 1), ("keras", "too little memory"))],
)
def test_a_trial_is_said_to_be_fused_only_if_all_its_folds_were(
    ledger: Ledger, clock: Clock, fell_back: tuple[int, ...], expected: tuple[str, str | None]
) -> None:
    sweep = claim(ledger)
    conductor = conductor_of(ledger, clock, sweep)
    conductor.start()
    cohort = conductor.next_cohort()
    assert cohort is not None
    for fold in range(FOLDS):
        engine, reason = ("keras", "too little memory") if fold in fell_back else ("fused", None)
        result = FoldResult(
            fold=fold, metrics={"accuracy": 0.5}, epoch=1, epochs_run=1, seconds=1.0, engine=engine, engine_reason=reason
        )
        conductor.handle(CohortHeard(cohort.id, FoldFinished(0, result)))
    row = ledger.trial(sweep.id, 0)
    assert (row.engine, row.engine_reason) == expected


def test_a_minimised_metric_ranks_the_other_way(ledger: Ledger, clock: Clock) -> None:
    conductor = conductor_of(ledger, clock, claim(ledger), objective=Objective("accuracy", "minimize"))
    run(conductor)
    assert conductor.status().best_number == 0


def test_ties_rank_by_ask_order(ledger: Ledger, clock: Clock) -> None:
    conductor = conductor_of(ledger, clock, claim(ledger))
    run(conductor, lambda number, fold: 0.0)
    assert conductor.status().best_number == 0


@pytest.mark.parametrize("why", ["signal", "deadline"])
def test_stopping_hands_out_nothing_more_and_keeps_what_is_done(ledger: Ledger, clock: Clock, why: str) -> None:
    asked: list[str] = []
    sweep = claim(ledger)
    conductor = conductor_of(ledger, clock, sweep, stop_requested=lambda: asked[0] if asked else None, deadline=clock.now + 10)
    conductor.start()
    cohort = conductor.next_cohort()
    assert cohort is not None
    if why == "signal":
        asked.append("interrupted")
    else:
        clock.now += 10
    conductor.tick()
    assert conductor.finished
    assert conductor.reason == ("interrupted" if why == "signal" else "budget: time")
    assert conductor.next_cohort() is None
    conductor.handle(CohortLost(cohort.id, "stopped"))
    assert not any(row.state.terminal for row in ledger.trials(sweep.id))
