"""What a dispatcher is, and whom it serves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from orchestrator.search import Cohort, CohortEvent
from trainers.messages import Check, Refit, Reply
from trainers.settings import EngineName, SweepSettings


class Conductor(Protocol):
    """Gives out the cohorts of one sweep and takes in what becomes of them.

    A dispatcher calls all of it from the thread that called ``run``, one call at a time. Whatever a method raises ends the run.
    """

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do; what still runs is then given up."""

    def next_cohort(self) -> Cohort | None:
        """Return the next cohort for a free worker; None when there is none now, then ask again."""

    def makes_way(self, cohort: str) -> bool:
        """Whether a cohort that was given out is wanted no longer: it ends as stopped where the next one needs its worker."""

    def handle(self, event: CohortEvent) -> None:
        """Take in an event. Each cohort given out ends in one CohortFinished or one CohortLost."""

    def tick(self) -> None:
        """Look at the clock; called at least twice a second."""


class Dispatcher(Protocol):
    """Brings cohorts to workers. ``start``, ``prepare``, any ``request``, ``run``, any ``request``, ``close``, in this order.

    ``prepare`` and ``run`` may follow once more, except on a Ray of our own, which ends with the first run.
    """

    @property
    def workers(self) -> int:
        """How many cohorts run at once; may wait for a cluster to answer."""

    def start(self, engine: EngineName) -> None:
        """Begin to start what takes time, and return at once.

        Raises ResourcesError where it is seen at once that there can never be a worker.
        """

    def prepare(self, settings: SweepSettings) -> None:
        """Make ``settings`` those of all that follows, and return at once. May be called again with another engine."""

    def request(self, request: Check | Refit, timeout: float, tick: Callable[[], None] | None = None) -> Reply:
        """Return a worker's reply.

        ``tick`` is called at least twice a second meanwhile; what it raises gives the request up and comes out here.
        Raises ResourcesError when no worker can ever be had, WorkerLostError when the worker is lost, or gives no reply within
        ``timeout`` seconds of being ready.
        """

    def run(self, conductor: Conductor) -> None:
        """Serve ``conductor`` until it is finished; what runs then is stopped and reported as lost, within about two seconds.

        When one of its methods raises, everything is stopped, nothing more is reported, and the exception comes out here.
        """

    def close(self) -> None:
        """End everything that was started. May be called again, and at any point."""
