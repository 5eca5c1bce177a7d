"""Workers that race: they train rung by rung as the real one does, in any order, and may be killed at any event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from orchestrator.running.conductor import SweepConductor
from orchestrator.search import CohortFinished, CohortHeard
from trainers.messages import FoldFailed, FoldFinished, FoldRead, TrialRequest
from trainers.results import FoldResult

Score = Callable[..., float | None]
"""The objective's value of a trial on a fold; None: it raises. Where it is read, the number of epochs comes third."""

Length = Callable[[int], int]
"""After how many epochs a trial's fits end by themselves."""


class KilledError(Exception):
    """The driver is gone."""


def train(
    request: TrialRequest, score: Score, length: Length = lambda number: 1
) -> Iterator[FoldFinished | FoldRead | FoldFailed]:
    """Yield what a worker reports of one trial."""
    race, scores, reads = request.race, dict(request.scores), dict(request.read_scores)
    if race is not None and race.gives_up(scores, reads):
        return
    for epochs in request.reads:
        value = score(request.number, 0, epochs)
        if value is None:
            yield FoldFailed(request.number, 0, "exception", "no")
            return
        reads[epochs] = value
        run = min(epochs, length(request.number))
        result = FoldResult(fold=0, metrics={"accuracy": value}, epoch=run, epochs_run=run, seconds=1.0)
        yield FoldRead(request.number, epochs, result)
        if race is not None and race.gives_up(scores, reads):
            return
    for fold in sorted(request.folds):
        value = score(request.number, fold)
        if value is None:
            yield FoldFailed(request.number, fold, "exception", "no")
            if race is not None:
                return
            continue
        scores[fold] = value
        run = length(request.number)
        result = FoldResult(fold=fold, metrics={"accuracy": value}, epoch=run, epochs_run=run, seconds=1.0)
        yield FoldFinished(request.number, result)
        if race is not None and race.gives_up(scores, reads):
            return


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
            running[cohort.id] = [train(request, score, length) for request in cohort.trials]
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
