"""The scheduler as a service: ledger, launchers, status port and the loop, until it is told to stop."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from orchestrator.cluster import connect, names_cluster
from orchestrator.ledger import Ledger, ScheduleRow
from orchestrator.schedules.cluster_launching import JobLauncher
from orchestrator.schedules.launching import Launcher, ProcessLauncher
from orchestrator.schedules.scheduler import Scheduler
from orchestrator.schedules.status import serve_status

logger = logging.getLogger(__name__)

GRACE_SECONDS = 1.5
"""So long what is at work may take to be written down when the service ends."""


def serve(url: str, port: int, stop: threading.Event) -> None:
    """Fire what is due until ``stop`` is set, then end within ``GRACE_SECONDS``, whatever is at work.

    Sweeps that run as processes go on; what was claimed and not begun is taken over by the next scheduler.

    Parameters
    ----------
    url : the ledger.
    port : of the status server on the loopback interface; 0: any that is free.

    Raises
    ------
    LedgerError, LaunchError : the ledger or the port cannot be opened.
    """
    with Ledger(url) as ledger:
        scheduler = Scheduler(ledger, launchers(ledger, url))
        with serve_status(port, ledger, scheduler) as status:
            logger.info("scheduler on %s, status on http://127.0.0.1:%d", ledger.url, status.port)
            # A thread, so that a signal is heard while a look waits for the database.
            loop = threading.Thread(target=scheduler.run, args=(stop,), name="scheduler", daemon=True)
            loop.start()
            stop.wait()
            until = time.monotonic() + GRACE_SECONDS
            loop.join(GRACE_SECONDS)
            if loop.is_alive() or not scheduler.settle(max(until - time.monotonic(), 0.0)):
                logger.warning("ended in the middle of a firing; the next scheduler takes it over")


def launchers(ledger: Ledger, url: str) -> Callable[[ScheduleRow], Launcher]:
    """Return what gives a schedule's launcher: jobs of its cluster, or of the one in the environment; else processes here."""
    from orchestrator.sweep import OUTPUT

    here = ProcessLauncher(ledger, url, lambda name, occasion: OUTPUT.absolute() / name / occasion / "driver.log")

    def launcher_of(schedule: ScheduleRow) -> Launcher:
        if not names_cluster(schedule.address, os.environ):
            return here
        return JobLauncher(ledger, connect(schedule.address, os.environ), local_store=schedule.local_store)

    return launcher_of
