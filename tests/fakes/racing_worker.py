"""Workers that race: they train rung by rung as the real one does, in any order, and may be killed at any event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from orchestrator.running.conductor import SweepConductor
from orchestrator.search import CohortFinished, CohortHeard
from trainers.engines import Course
from trainers.messages import FoldFailed, FoldFinished, FoldRead, TrialRequest
from trainers.results import FoldResult

Score = Callable[..., float | None]
"""The objective's value of a trial on a fold; None: it raises. Where it is read, the number of epochs comes third."""

Length = Callable[[int], int]
"""After how many epochs a trial's fits end by themselves."""


class KilledError(Exception):
    """The driver is gone."""


def train(
    request: TrialRequest, score: Score, rng: Random, length: Length = lambda number: 1
) -> Iterator[FoldFinished | FoldRead | FoldFailed]:
    """Yield what a worker reports of one trial, the folds of a rung in any order."""
    course = Course(request)
    while course.outstanding:
        epochs = next(iter(course.reads), None)
        fold = rng.choice(course.open) if epochs is None else 0
        value = score(request.number, fold) if epochs is None else score(request.number, fold, epochs)
        run = length(request.number) if epochs is None else min(epochs, length(request.number))
        event: FoldFinished | FoldRead | FoldFailed = FoldFailed(request.number, fold, "exception", f"no {fold}")
        if value is not None:
            result = FoldResult(fold=fold, metrics={"accuracy": value}, epoch=run, epochs_run=run, seconds=1.0)
            event = FoldFinished(request.number, result) if epochs is None else FoldRead(request.number, epochs, result)
        course.hear(event)
        yield event


def play(
    conductor: SweepConductor,
    score: Score,
    *,
    workers: int,
    rng: Random,
    kill_after: int | None = None,
    length: Length = lambda number: 1,
) -> int:
    """Play ``workers`` workers until the search is over, events in any order; return how many folds and reads were trained.

    Raises
    ------
    KilledError : after ``kill_after`` events.
    """
    running: dict[str, list[Iterator[FoldFinished | FoldRead | FoldFailed]]] = {}
    trained = events = 0
    conductor.start()
    while not conductor.finished:
        while len(running) < workers and (cohort := conductor.next_cohort()) is not None:
            running[cohort.id] = [train(request, score, rng, length) for request in cohort.trials]
        assert running, "every worker waits for ever"
        name = rng.choice(sorted(running))
        trials = running[name]
        if not trials:
            del running[name]
            conductor.handle(CohortFinished(name))
        else:
            trial = rng.choice(trials)
            event = next(trial, None)
            if event is None:
                trials.remove(trial)
                continue
            trained += 1
            conductor.handle(CohortHeard(name, event))
        events += 1
        if events == kill_after:
            raise KilledError
    return trained
