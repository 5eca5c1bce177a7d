"""The best score over a sweep's trials, point by point as it becomes certain. Pure; it does no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.results import is_finite, objective_of
from orchestrator.search import TrialState
from orchestrator.tracking.records import MetricPoint, milliseconds

if TYPE_CHECKING:
    from orchestrator.ledger import SweepRow, TrialRow


class BestCurve:
    """The best score over trials as a step curve: at step n the best of trials 0..n, in ask order.

    It reaches as far as every trial before is finished, so that it is the same curve whatever order workers finish in, and points
    once written never change. A point's time is that at which the last of its trials finished.
    """

    def __init__(self, sweep: SweepRow) -> None:
        objective = objective_of(sweep)
        self._name = f"best_{objective.metric}"
        self._better = max if objective.maximize else min
        self._latest = milliseconds(sweep.created)
        self._best: float | None = None
        self._next = 0
        self._waiting: dict[int, tuple[int, float | None]] = {}

    def add(self, trial: TrialRow) -> None:
        """Take in a trial; one that is not finished, or was taken in before, changes nothing."""
        if trial.state.terminal and trial.finished is not None and trial.number >= self._next:
            counts = trial.state is TrialState.COMPLETED and is_finite(trial.score)
            self._waiting[trial.number] = (milliseconds(trial.finished), trial.score if counts else None)

    def take(self) -> tuple[MetricPoint, ...]:
        """Return the points that have become certain since the last call."""
        points: list[MetricPoint] = []
        while self._next in self._waiting:
            finished, score = self._waiting.pop(self._next)
            self._latest = max(self._latest, finished)
            if score is not None:
                self._best = score if self._best is None else self._better(self._best, score)
            if self._best is not None:
                points.append(MetricPoint(self._name, self._best, self._latest, self._next))
            self._next += 1
        return tuple(points)
