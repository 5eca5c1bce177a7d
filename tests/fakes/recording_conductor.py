"""A conductor that gives out a list of cohorts and writes down what becomes of them; settings and a worker to go with it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.search.cohorts import Cohort, CohortEvent, CohortFinished, CohortHeard, CohortLost
from trainers.messages import FoldFinished, TrialRequest
from trainers.settings import EngineName, SweepSettings

FAKE_WORKER = (sys.executable, str(Path(__file__).with_name("fake_worker.py")))


def settings(engine: EngineName = "keras", stage: str = "stage") -> SweepSettings:
    return SweepSettings(task="binary", seed=1, metrics=("score",), stage=stage, engine=engine)


def cohort(name: str, *configs: Mapping[str, Any], folds: int = 1, seconds: float | None = None) -> Cohort:
    trials = tuple(TrialRequest(number, config, tuple(range(folds))) for number, config in enumerate(configs))
    return Cohort(name, trials, seconds)


class RecordingConductor:
    """Gives out ``cohorts`` in order; ``on_event`` and ``on_tick`` may add more, stop, or raise."""

    def __init__(
        self,
        cohorts: Sequence[Cohort] = (),
        *,
        on_event: Callable[[RecordingConductor, CohortEvent], None] | None = None,
        on_tick: Callable[[RecordingConductor], None] | None = None,
        keep_open: bool = False,
    ) -> None:
        self.waiting = list(cohorts)
        self.open: set[str] = set()
        self.keep_open = keep_open
        self.stopped = False
        self.late: set[str] = set()
        self.events: list[CohortEvent] = []
        self.times: list[float] = []
        self.ticks: list[float] = []
        self.most_open = 0
        self._on_event = on_event
        self._on_tick = on_tick

    @property
    def finished(self) -> bool:
        return self.stopped or not (self.waiting or self.open or self.keep_open)

    def next_cohort(self) -> Cohort | None:
        if not self.waiting:
            return None
        given = self.waiting.pop(0)
        self.open.add(given.id)
        self.most_open = max(self.most_open, len(self.open))
        return given

    def makes_way(self, cohort: str) -> bool:
        return cohort in self.late

    def handle(self, event: CohortEvent) -> None:
        self.events.append(event)
        self.times.append(time.monotonic())
        if isinstance(event, CohortFinished | CohortLost):
            self.open.remove(event.cohort)
        if self._on_event:
            self._on_event(self, event)

    def tick(self) -> None:
        self.ticks.append(time.monotonic())
        if self._on_tick:
            self._on_tick(self)

    def ends(self) -> list[CohortEvent]:
        return [event for event in self.events if isinstance(event, CohortFinished | CohortLost)]

    def folds(self) -> list[tuple[str, int, int]]:
        """Return (cohort, trial, fold) of every fold heard of, in order."""
        return [
            (heard.cohort, heard.event.trial, heard.event.result.fold)
            for heard in self.events
            if isinstance(heard, CohortHeard) and isinstance(heard.event, FoldFinished)
        ]

    def pids(self, cohort: str | None = None) -> list[int]:
        """Return which process scored each fold, of one cohort or of all."""
        return [
            int(heard.event.result.metrics["pid"])
            for heard in self.events
            if isinstance(heard, CohortHeard) and isinstance(heard.event, FoldFinished) and cohort in (None, heard.cohort)
        ]
