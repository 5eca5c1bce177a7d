"""Between Tune's loop and the conductor: which trial has which cohort, whose worker is free, and when all is over. No ray here.

Tune copies and pickles what it is given, so its searcher, stopper and callback hold only the name of a relay.

A Tune trial carries one cohort, and stays open after its last event until there is a next cohort for its worker: Tune ends the
actor of a trial that finishes while no other waits for one, and a worker's imports and compiled programs would be lost with it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from orchestrator.cohorts import Cohort, CohortEvent, CohortFinished, CohortLost
from orchestrator.dispatch import Conductor

_TICK_SECONDS = 0.2
_PAUSE_SECONDS = 0.05
_T = TypeVar("_T")

_relays: dict[str, Relay] = {}


class Relay:
    """Serves Tune's loop on behalf of one conductor, all in the thread that runs the loop.

    What the conductor raises must not reach Tune, which would wrap it and print it: it is kept in ``error`` and ends the loop.
    """

    def __init__(self, conductor: Conductor) -> None:
        self.error: BaseException | None = None
        self._conductor = conductor
        self._running: dict[str, Cohort] = {}
        self._idle: set[str] = set()
        self._offered: Cohort | None = None
        self._ticked = 0.0

    def is_over(self) -> bool:
        """Let the conductor look at the clock, and say whether Tune shall end: the conductor is finished or has raised."""
        now = time.monotonic()
        if self.error is None and now - self._ticked > _TICK_SECONDS:
            self._ticked = now
            self._call(self._conductor.tick, None)
        return self.error is not None or self._conductor.finished

    def suggest(self, trial: str) -> Cohort | None:
        """Return the cohort for a new trial; None when there is none now, or all is over.

        While no trial is open Tune sleeps a second after a None, so then this waits itself.
        """
        while not self.is_over():
            cohort = self._take()
            if cohort is not None:
                self._running[trial] = cohort
            if cohort is not None or self._running or self._idle:
                return cohort
            time.sleep(_PAUSE_SECONDS)
        return None

    def heard(self, trial: str, events: Iterable[CohortEvent]) -> None:
        """Pass on what a trial reports."""
        for event in events:
            if isinstance(event, CohortFinished | CohortLost):
                del self._running[trial]
                self._idle.add(trial)
            self._call(lambda event=event: self._conductor.handle(event), None)  # type: ignore[misc]

    def lost(self, trial: str, detail: str) -> None:
        """Take note that a trial's actor or node is gone."""
        self._idle.discard(trial)
        cohort = self._running.pop(trial, None)
        if cohort is not None:
            self._call(lambda: self._conductor.handle(CohortLost(cohort.id, "crashed", detail)), None)

    def may_end(self, trial: str) -> bool:
        """Whether a trial shall end so that its worker is free for the next cohort, which ``suggest`` then gives."""
        if trial not in self._idle or self._offered is not None:
            return False
        self._offered = self._call(self._conductor.next_cohort, None)
        if self._offered is None:
            return False
        self._idle.discard(trial)
        return True

    def give_up(self) -> None:
        """Report what still runs as stopped, after Tune has ended. Raises what the conductor raised during the run."""
        running, self._running = self._running, {}
        if self._offered is not None:
            running["offered"], self._offered = self._offered, None
        for cohort in running.values():
            self._call(lambda cohort=cohort: self._conductor.handle(CohortLost(cohort.id, "stopped")), None)  # type: ignore[misc]
        if self.error is not None:
            raise self.error

    def _take(self) -> Cohort | None:
        cohort, self._offered = self._offered, None
        if cohort is not None or self._idle:  # an idle worker comes before a new one: ``may_end`` frees it
            return cohort
        return self._call(self._conductor.next_cohort, None)

    def _call(self, call: Callable[[], _T], default: _T) -> _T:
        if self.error is None:
            try:
                return call()
            except BaseException as error:
                self.error = error
        return default


@contextmanager
def relaying(conductor: Conductor) -> Iterator[tuple[str, Relay]]:
    """Make a relay for ``conductor`` that ``find`` gives by its name until the context ends."""
    name = uuid.uuid4().hex
    _relays[name] = Relay(conductor)
    try:
        yield name, _relays[name]
    finally:
        del _relays[name]


def find(name: str) -> Relay:
    """Return the relay of that name in this process."""
    return _relays[name]
