"""Between Tune's loop and the conductor: which worker has which cohort, who is free, and when all is over. No ray here.

Tune copies and pickles what it is given, so its searcher, stopper and callback hold only the name of a relay.

A Tune trial is a worker's whole time in the sweep: cohort after cohort is handed to its actor while it is open. A Tune trial for
each cohort would end actors that are still starting: Tune gives the actor of a trial that ends to one that waits for its own,
and ends that one's; where trials are shorter than an actor's start, few actors ever get up. A cohort is given to a worker when
that is there to take it, so none waits for an actor that gets no room.

A node whose disk is full loses cohorts faster than the others train theirs, and would take them all: a worker that loses one
leaves what it lost to another, and one that loses two in a row rests, while another works.
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from orchestrator.dispatch.protocol import Conductor
from orchestrator.search import Cohort, CohortEvent, CohortFinished, CohortLost

REST_SECONDS = 60.0
"""How long a worker is given less after a crash. Not for ever: it may have been the trials that crashed."""

_MOST_LOSSES = 2

_TICK_SECONDS = 0.2
_PAUSE_SECONDS = 0.05
_T = TypeVar("_T")

_relays: dict[str, Relay] = {}


@dataclass(slots=True)
class _Worker:
    """What is known of an open worker. ``losses`` counts the cohorts in a row that crashed before anything was heard of them."""

    cohort: Cohort | None = None
    up: bool = False
    proved: bool = False
    losses: int = 0
    lost: frozenset[int] = frozenset()  # the trials that it lost last
    rests_until: float = 0.0

    def note(self, event: CohortEvent) -> None:
        """Take note of what an event says of the worker itself."""
        if not isinstance(event, CohortLost):
            self.proved, self.losses = True, 0
        elif event.cause == "crashed" and self.cohort is not None:
            self.losses += 1
            self.lost = frozenset(trial.number for trial in self.cohort.trials)
            self.rests_until = time.monotonic() + REST_SECONDS
        if isinstance(event, CohortFinished | CohortLost):
            self.cohort = None

    @property
    def works(self) -> bool:
        """Whether it has shown that it can, and has not stopped to."""
        return self.proved and self.losses < _MOST_LOSSES


class Relay:
    """Serves Tune's loop on behalf of one conductor, all in the thread that runs the loop.

    What the conductor raises must not reach Tune, which would wrap it and print it: it is kept in ``error`` and ends the loop.
    """

    def __init__(self, conductor: Conductor) -> None:
        self.error: BaseException | None = None
        self._conductor = conductor
        self._workers: dict[str, _Worker] = {}
        self._waiting: deque[Cohort] = deque()
        self._ticked = 0.0

    def is_over(self) -> bool:
        """Let the conductor look at the clock, and say whether Tune shall end: the conductor is finished or has raised."""
        now = time.monotonic()
        if self.error is None and now - self._ticked > _TICK_SECONDS:
            self._ticked = now
            self._call(self._conductor.tick, None)
        return self.error is not None or self._conductor.finished

    def wants_worker(self, trial: str) -> bool:
        """Whether a new Tune trial shall be opened for one more worker: there are more cohorts than workers without one.

        While no trial is open Tune sleeps a second after a no, so then this waits itself.
        """
        while not self.is_over():
            free = sum(worker.cohort is None and not self._rests(worker) for worker in self._workers.values())
            if len(self._waiting) <= free and (cohort := self._call(self._conductor.next_cohort, None)) is not None:
                self._waiting.append(cohort)
            if len(self._waiting) > free:
                self._workers[trial] = _Worker()
                return True
            if self._workers:
                return False
            time.sleep(_PAUSE_SECONDS)
        return False

    def heard(self, trial: str, events: Iterable[CohortEvent]) -> Cohort | None:
        """Pass on what a worker reports, which may be nothing. Return its next cohort, None when it has one or there is none.

        A cohort that is wanted no longer ends where there is a next one, which takes its place.
        """
        worker = self._workers[trial]
        worker.up = True
        for event in events:
            worker.note(event)
            self._call(lambda event=event: self._conductor.handle(event), None)  # type: ignore[misc]
        before = worker.cohort
        if before is not None and not self._makes_way(before):
            return None
        if self.is_over() or (fresh := self._next_for(worker)) is None:
            return None
        worker.cohort = fresh
        if before is not None:
            self._stop(before)
        return fresh

    def lost(self, trial: str, detail: str) -> None:
        """Take note that a worker's actor or node is gone.

        One that never got up takes a waiting cohort with it: else actors that cannot start would be tried for ever.
        """
        worker = self._workers.pop(trial, None)
        if worker is None:
            return
        cohort = self._waiting.popleft() if self._waiting and not worker.up else worker.cohort
        if cohort is not None:
            self._call(lambda: self._conductor.handle(CohortLost(cohort.id, "crashed", detail)), None)

    def give_up(self) -> None:
        """Report what is left as stopped, after Tune has ended. Raises what the conductor raised during the run."""
        left = [*(worker.cohort for worker in self._workers.values() if worker.cohort is not None), *self._waiting]
        self._workers.clear()
        self._waiting.clear()
        for cohort in left:
            self._stop(cohort)
        if self.error is not None:
            raise self.error

    def _next_for(self, worker: _Worker) -> Cohort | None:
        """Return the first cohort that this worker may have."""
        if self._rests(worker):
            return None
        for cohort in filter(self._makes_way, [*self._waiting]):
            self._waiting.remove(cohort)
            self._stop(cohort)
        for cohort in self._waiting:
            if not self._is_others(cohort, worker):
                self._waiting.remove(cohort)
                return cohort
        while (fresh := self._call(self._conductor.next_cohort, None)) is not None and self._is_others(fresh, worker):
            self._waiting.append(fresh)
        return fresh

    def _makes_way(self, cohort: Cohort) -> bool:
        return self._call(lambda: self._conductor.makes_way(cohort.id), False)

    def _stop(self, cohort: Cohort) -> None:
        self._call(lambda: self._conductor.handle(CohortLost(cohort.id, "stopped")), None)

    def _rests(self, worker: _Worker) -> bool:
        return worker.losses >= _MOST_LOSSES and self._is_relieved(worker)

    def _is_others(self, cohort: Cohort, worker: _Worker) -> bool:
        """Whether another worker shall have this cohort, since this one has just lost trials of it."""
        again = any(trial.number in worker.lost for trial in cohort.trials)
        return again and worker.losses > 0 and self._is_relieved(worker)

    def _is_relieved(self, worker: _Worker) -> bool:
        """Whether another worker is there for what this one is not given."""
        others = (other for other in self._workers.values() if other is not worker)
        return time.monotonic() < worker.rests_until and any(other.works for other in others)

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
