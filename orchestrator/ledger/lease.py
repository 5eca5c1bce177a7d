"""Keeps a driver's lease on its sweep alive from a thread, whatever the driver is busy with, and tells when it is lost."""

from __future__ import annotations

import logging
import threading

from orchestrator.errors import LeaseLostError, LedgerError
from orchestrator.ledger.base import OUTAGE_SECONDS
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.records import SweepRow
from orchestrator.search import SweepState

logger = logging.getLogger(__name__)

LEASE_SECONDS = OUTAGE_SECONDS
HEARTBEAT_SECONDS = 5.0


def is_driven(sweep: SweepRow, now: float) -> bool:
    """Whether a driver has let itself be heard of within its lease."""
    return sweep.state is SweepState.RUNNING and sweep.heartbeat is not None and sweep.heartbeat + LEASE_SECONDS > now


class Lease:
    """While entered, renews the lease every ``seconds``; ``check`` raises once another driver has taken the sweep over."""

    def __init__(self, ledger: Ledger, sweep: SweepRow, seconds: float = HEARTBEAT_SECONDS) -> None:
        self._ledger = ledger
        self._sweep = sweep
        self._seconds = seconds
        self._lost: LeaseLostError | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="kerasweep-lease", daemon=True)

    def __enter__(self) -> Lease:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ended.set()
        self._thread.join()

    def check(self) -> None:
        """Raise ``LeaseLostError`` if the lease is lost."""
        if self._lost is not None:
            raise self._lost

    def _beat(self) -> None:
        while not self._ended.wait(self._seconds):
            try:
                self._ledger.heartbeat(self._sweep)
            except LeaseLostError as error:
                self._lost = error
                return
            except LedgerError as error:  # it may come back before the lease lapses
                logger.warning("the lease on sweep %s could not be renewed: %s", self._sweep.title, error)
