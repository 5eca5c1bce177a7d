"""Workers that race: they train rung by rung as the real one does, in any order, and may be killed at any event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from orchestrator.running.conductor import SweepConductor
from orchestrator.search import Cohort, CohortFinished, CohortHeard
from trainers.messages import FoldFailed, FoldFinished, TrialRequest
from trainers.results import FoldResult

Score = Callable[[int, int], float | None]
"""The objective's value of a trial on a fold; None: it raises."""


class KilledError(Exception):
    """The driver is gone."""


def train(request: TrialRequest, score: Score) -> Iterator[FoldFinished | FoldFailed]:
    """Yield what a worker reports of one trial."""
    race, scores = request.race, dict(request.scores)
    if race is not None and race.gives_up(scores):
        return
    for fold in sorted(request.folds):
        value = score(request.number, fold)
        if value is None:
            yield FoldFailed(request.number, fold, "exception", "no")
            if race is not None:
                return
            continue
        scores[fold] = value
        metrics = {"accuracy": value}
        yield FoldFinished(request.number, FoldResult(fold=fold, metrics=metrics, epoch=1, epochs_run=1, seconds=1.0))
        if race is not None and race.gives_up(scores):
            return


def play(conductor: SweepConductor, score: Score, *, workers: int, rng: Random, kill_after: int | None = None) -> int:
    """Play ``workers`` workers until the search is over, events in any order; return how many folds were trained.

    Raises
    ------
    KilledError : after ``kill_after`` events.
    """
    running: dict[str, list[Iterator[FoldFinished | FoldFailed]]] = {}
    trained = events = 0
    conductor.start()
    while not conductor.finished:
        while len(running) < workers and (cohort := conductor.next_cohort()) is not None:
            running[cohort.id] = _trials(cohort, score)
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


def _trials(cohort: Cohort, score: Score) -> list[Iterator[FoldFinished | FoldFailed]]:
    return [train(request, score) for request in cohort.trials]
