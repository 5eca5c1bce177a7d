"""The pure loop: what it asks, dispatches, retries and blames, and when it ends."""

from __future__ import annotations

import pytest

from orchestrator.search.cohorts import Packing
from orchestrator.search.events import (
    CohortEnded,
    CohortFailed,
    Conclude,
    Dispatch,
    EndTrial,
    Finish,
    FoldEnded,
    Instruction,
    Known,
    Propose,
    Stop,
    TakeOver,
    TrialEnded,
)
from orchestrator.search.search import LOOKAHEAD, Search
from orchestrator.search.trials import TrialState


class Queue:
    """A strategy that proposes its configs in order, ``generation`` at a time, awaiting all scores in between."""

    def __init__(self, count: int, generation: int | None = None) -> None:
        self.count, self.generation = count, generation or count
        self.proposed = 0
        self.told: dict[int, float | None] = {}
        self.in_part: set[int] = set()

    @property
    def finished(self) -> bool:
        return self.proposed == self.count

    def ask(self, n: int) -> list[dict[str, int]]:
        open_until = (len(self.told) // self.generation + 1) * self.generation
        first, self.proposed = self.proposed, min(self.proposed + n, open_until, self.count)
        return [{"x": number} for number in range(first, self.proposed)]

    def tell(self, config: dict[str, int], score: float | None, *, whole: bool = True) -> None:
        self.told[config["x"]] = score
        if not whole:
            self.in_part.add(config["x"])

    def settled(self, number: int) -> int:
        return number // self.generation * self.generation if self.generation < self.count else 0


def by_one(trials: int, *, workers: int = 2, folds: int = 1, together: bool = False, **more: object) -> tuple[Search, Queue]:
    strategy = Queue(trials, more.pop("generation", None))  # type: ignore[arg-type]
    packing = Packing(group=lambda trial: 0, work=lambda trial: 1.0, together=together)
    return Search(strategy, packing, workers=workers, folds=folds, **more), strategy  # type: ignore[arg-type]


def nothing_known(instructions: list[Instruction]) -> Known:
    (propose,) = [i for i in instructions if isinstance(i, Propose)]
    return Known({}, {number: {} for number in propose.configs})


def dispatched(instructions: list[Instruction]) -> dict[str, list[int]]:
    return {i.cohort.id: [trial.number for trial in i.cohort.trials] for i in instructions if isinstance(i, Dispatch)}


def finish_cohort(search: Search, cohort: str, numbers: list[int]) -> list[Instruction]:
    out: list[Instruction] = []
    for number in numbers:
        out += search.handle(TrialEnded(number, float(number)))
    return out + search.handle(CohortEnded(cohort, 1.0))


def run_to_the_end(search: Search) -> tuple[list[list[int]], Finish]:
    """Play driver with workers that never fail; return the cohorts in the order of their dispatch, and the end."""
    cohorts, todo = [], list(search.start())
    while todo:
        match todo.pop(0):
            case Propose() as propose:
                todo += search.handle(nothing_known([propose]))
            case Dispatch(cohort):
                numbers = [trial.number for trial in cohort.trials]
                cohorts.append(numbers)
                todo += finish_cohort(search, cohort.id, numbers)
            case Finish() as finish:
                assert todo == []
                return cohorts, finish
    raise AssertionError("the search did not finish")


def test_every_trial_is_dispatched_once_and_told() -> None:
    search, strategy = by_one(10)
    cohorts, finish = run_to_the_end(search)
    assert sorted(number for cohort in cohorts for number in cohort) == list(range(10))
    assert strategy.told == {number: float(number) for number in range(10)}
    assert finish.reason is None


def test_generations_await_the_scores_of_the_one_before() -> None:
    search, _ = by_one(6, generation=3, together=True, workers=1)
    cohorts, _ = run_to_the_end(search)
    assert cohorts == [[0, 1, 2], [3, 4, 5]]


def test_no_more_cohorts_run_than_there_are_workers() -> None:
    search, _ = by_one(10, workers=3)
    assert len(dispatched(search.handle(nothing_known(search.start())))) == 3


def test_a_huge_search_is_asked_bit_by_bit() -> None:
    search, strategy = by_one(10**9)
    (propose,) = search.start()
    assert isinstance(propose, Propose)
    assert len(propose.configs) == LOOKAHEAD
    search.handle(nothing_known([propose]))
    assert strategy.proposed == LOOKAHEAD


def test_what_the_ledger_knows_is_told_and_not_dispatched() -> None:
    search, strategy = by_one(3)
    search.start()
    out = search.handle(Known({0: 0.5, 2: None}, {}))
    assert dispatched(out) == {"c0": [1]}
    assert strategy.told == {0: 0.5, 2: None}


def test_a_search_that_is_fully_known_finishes_at_once() -> None:
    search, _ = by_one(2)
    search.start()
    assert search.handle(Known({0: 1.0, 1: 2.0}, {})) == [TakeOver(0), TakeOver(1), Finish(None)]


def test_only_missing_folds_are_asked_for() -> None:
    search, _ = by_one(1, folds=3)
    search.start()
    (dispatch,) = search.handle(Known({}, {0: {0: 0.5, 1: 0.6}}))
    assert isinstance(dispatch, Dispatch)
    assert dispatch.cohort.trials[0].folds == (2,)


def test_the_budget_in_trials_ends_the_search() -> None:
    search, _ = by_one(10, max_trials=4)
    cohorts, finish = run_to_the_end(search)
    assert sorted(number for cohort in cohorts for number in cohort) == [0, 1, 2, 3]
    assert finish.reason == "budget: trials"


@pytest.mark.parametrize("cause", ["crashed", "timeout", "out_of_memory"])
def test_a_lost_cohort_is_dispatched_again_in_halves(cause: str) -> None:
    search, _ = by_one(4, workers=1, together=True)
    search.handle(nothing_known(search.start()))
    assert dispatched(search.handle(CohortFailed("c0", cause))) == {"c1": [0, 1]}  # type: ignore[arg-type]
    assert dispatched(finish_cohort(search, "c1", [0, 1])) == {"c2": [2, 3]}


def test_what_a_lost_cohort_had_committed_is_not_repeated() -> None:
    search, _ = by_one(3, workers=1, together=True, folds=2)
    search.handle(nothing_known(search.start()))
    assert search.handle(FoldEnded(0, 0, 0.5)) == []
    assert search.handle(FoldEnded(0, 1, 0.5)) == [Conclude(0)]
    search.handle(TrialEnded(0, 1.0))
    search.handle(FoldEnded(1, 1, 0.5))
    (dispatch,) = search.handle(CohortFailed("c0", "crashed"))
    assert isinstance(dispatch, Dispatch)
    assert [(trial.number, trial.folds) for trial in dispatch.cohort.trials] == [(1, (0,))]


@pytest.mark.parametrize(("cause", "state"), [("timeout", TrialState.TIMED_OUT), ("out_of_memory", TrialState.FAILED)])
def test_a_trial_that_fails_alone_gets_the_failure(cause: str, state: TrialState) -> None:
    search, strategy = by_one(1)
    search.handle(nothing_known(search.start()))
    ended, finish = search.handle(CohortFailed("c0", cause, "why"))  # type: ignore[arg-type]
    assert ended == EndTrial(0, state, cause, "why")  # type: ignore[arg-type]
    assert finish == Finish(None)
    assert strategy.told == {0: None}


def test_a_crash_alone_is_tried_once_more_since_a_lost_node_is_not_the_trials_fault() -> None:
    search, _ = by_one(1)
    search.handle(nothing_known(search.start()))
    assert dispatched(search.handle(CohortFailed("c0", "crashed"))) == {"c1": [0]}
    ended, _ = search.handle(CohortFailed("c1", "crashed", "signal 11"))
    assert ended == EndTrial(0, TrialState.FAILED, "crashed", "signal 11")


def test_a_trial_that_a_worker_passes_over_does_not_loop_for_ever() -> None:
    search, _ = by_one(1)
    search.handle(nothing_known(search.start()))
    assert dispatched(search.handle(CohortEnded("c0", 1.0))) == {"c1": [0]}
    ended, _ = search.handle(CohortEnded("c1", 1.0))
    assert isinstance(ended, EndTrial)


def test_stop_gives_up_what_runs_and_asks_nothing_more() -> None:
    search, strategy = by_one(10, workers=1)
    search.handle(nothing_known(search.start()))
    assert search.handle(Stop("interrupted")) == []
    assert search.handle(CohortFailed("c0", "stopped")) == [Finish("interrupted")]
    assert strategy.told == {}


def test_a_stopped_worker_blames_nobody() -> None:
    search, _ = by_one(1)
    search.handle(nothing_known(search.start()))
    assert dispatched(search.handle(CohortFailed("c0", "stopped"))) == {"c1": [0]}


def test_the_timeout_of_a_cohort_grows_with_its_trials() -> None:
    search, _ = by_one(4, workers=1, together=True, timeout=10.0)
    (dispatch,) = search.handle(nothing_known(search.start()))
    assert isinstance(dispatch, Dispatch)
    assert dispatch.cohort.seconds == 40.0


def test_a_strategy_that_is_stuck_is_an_error_and_not_a_silent_hang() -> None:
    search, _ = by_one(4, generation=2)
    search.strategy.told[0] = 1.0  # type: ignore[attr-defined]
    search.strategy.ask = lambda n: []  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="proposes nothing"):
        search.start()
