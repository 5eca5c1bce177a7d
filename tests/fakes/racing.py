"""A race for tests of those who train, which gives up by a number whatever it is asked of, and what they then report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from types import MappingProxyType

from trainers.evaluation import Evaluator
from trainers.messages import Event, FoldFinished, FoldRead, TrialRequest
from trainers.results import FoldResult


@dataclass(frozen=True)
class SmallRace:
    """Gives up at a complete rung below ``last`` if the mean of its folds is below ``bar``, and at the first fold
    that is not finite.

    Before that each read must be there, in this order, and not below its number in ``reads``.
    """

    metric: str
    rungs: tuple[int, ...]
    bar: float
    reads: tuple[tuple[int, float], ...] = ()

    def gives_up(self, scores: Mapping[int, float], reads: Mapping[int, float] = MappingProxyType({})) -> str | None:
        for epochs, least in self.reads:
            if epochs not in reads:
                return None
            if not reads[epochs] >= least:
                return f"below {least} after {epochs} epochs"
        for rung in self.rungs:
            reached = list(takewhile(math.isfinite, (scores[fold] for fold in takewhile(scores.__contains__, range(rung)))))
            if len(reached) < rung:
                return "not finite" if len(reached) in scores else None
            if rung < self.rungs[-1] and sum(reached) / rung < self.bar:
                return f"below {self.bar}"
        return None


def trained_until(race: SmallRace, scores: Mapping[int, float]) -> int:
    """Return how many folds a trial trains whose folds would have these values."""
    known: dict[int, float] = {}
    for rung in race.rungs:
        known.update({fold: scores[fold] for fold in range(rung)})
        if race.gives_up(known) is not None:
            return rung
    return race.rungs[-1]


def evaluate(evaluator: Evaluator, *trials: TrialRequest) -> list[Event]:
    """Return all that is reported of these trials."""
    heard: list[Event] = []
    evaluator.evaluate(trials, heard.append)
    return heard


def results(heard: Sequence[Event]) -> dict[tuple[int, int, int | None], FoldResult]:
    """Return what was reported by trial, fold and epochs of the read; None: the whole fold."""
    found: dict[tuple[int, int, int | None], FoldResult] = {}
    for event in heard:
        if isinstance(event, FoldFinished | FoldRead):
            epochs = event.epochs if isinstance(event, FoldRead) else None
            found[event.trial, event.result.fold, epochs] = replace(event.result, seconds=0)
    return found
