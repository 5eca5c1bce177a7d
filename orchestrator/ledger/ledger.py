"""The ledger: the SQL store of finished work. It knows neither Ray nor MLflow nor Keras; callers see records, never SQL.

Every write is one transaction. A driver's writes carry its lease, the ``SweepRow`` that ``claim_sweep`` gave it: once another
driver has taken the sweep over, they change nothing. Folds are kept by the key of their work, so that all sweeps share them.
Submissions, schedules and firings stand in the same database, as ``ledger.submissions``, ``.schedules`` and ``.firings``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Self

from orchestrator.ledger.database import Database
from orchestrator.ledger.firings import FiringStore
from orchestrator.ledger.projection import LedgerProjection
from orchestrator.ledger.schedules import ScheduleStore
from orchestrator.ledger.submissions import SubmissionStore
from orchestrator.ledger.sweeps import LedgerSweeps
from orchestrator.ledger.trials import LedgerTrials


class Ledger(LedgerSweeps, LedgerTrials, LedgerProjection):
    """One ledger, open. Threads may share it; it is neither pickled nor used after a fork: open it anew from its URL.

    Parameters
    ----------
    url : ``sqlite:///relative/path.db``, ``sqlite:////absolute/path.db`` or ``postgresql://user:password@host/database``. A new
        file is made, a new folder is not. SQLite needs a local disk: its write-ahead log does not work over a network.
    clock : gives the time in unix seconds.
    create : whether a ledger is made where there is none.

    Raises
    ------
    LedgerError : it cannot be opened, is no ledger, or was written by a newer version.
    NotFoundError : there is none, and none is to be made.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.time, *, create: bool = True) -> None:
        database = Database(url, create=create)
        super().__init__(database, clock)
        self.submissions = SubmissionStore(database, clock)
        self.schedules = ScheduleStore(database, clock)
        self.firings = FiringStore(database, clock)

    @property
    def url(self) -> str:
        """The URL, without a password, for messages."""
        return self._database.url

    def compact(self) -> None:
        """Give the room of removed rows back to the disk."""
        self._database.compact()

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
