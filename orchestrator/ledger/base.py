"""What the ledger's parts share: the database, the clock, the patience with a server that restarts, and the fence.

The fence keeps a driver out which has lost its lease.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.errors import LeaseLostError, LedgerAwayError
from orchestrator.ledger.database import Database
from orchestrator.ledger.records import SweepRow
from orchestrator.ledger.rows import END
from orchestrator.ledger.stored_json import load
from orchestrator.ledger.tables import SWEEPS
from orchestrator.search import SweepState

logger = logging.getLogger(__name__)

OUTAGE_SECONDS = 60.0
"""How long a server that is away is waited for: as long as a lease lasts. Afterwards another driver may have the sweep."""

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 2.0
_P = ParamSpec("_P")
_T = TypeVar("_T")
_Item = TypeVar("_Item")
_CHUNK = 500  # SQLite takes at most 999 parameters in older builds


class LedgerPart:
    """The base of the ledger's parts."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock


def outlasting(method: Callable[_P, _T]) -> Callable[_P, _T]:
    """Have a method tried again while the ledger's server is away.

    The server may have committed what it did not confirm. So a method that writes must leave behind twice what it leaves once.
    """

    @wraps(method)
    def tried(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        held: Any = [tuple(one) if isinstance(one, Iterator) else one for one in args]  # an iterator is read only once
        until, pause = time.monotonic() + OUTAGE_SECONDS, _FIRST_PAUSE_SECONDS
        while True:
            try:
                return method(*held, **kwargs)
            except LedgerAwayError as error:
                if time.monotonic() + pause > until:
                    raise
                if pause == _FIRST_PAUSE_SECONDS:
                    logger.warning("%s It is tried again for up to %.0f s.", error, OUTAGE_SECONDS)
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    return tried


def holds(connection: Connection, lease: SweepRow) -> bool:
    """Return whether ``lease`` is in force, and keep it so until this transaction ends."""
    row = connection.execute(
        sa.select(SWEEPS.c.attempt, SWEEPS.c.state, SWEEPS.c.owner_pid).where(SWEEPS.c.id == lease.id).with_for_update()
    ).one_or_none()
    if row is None or row.attempt != lease.attempt:
        return False
    return bool(row.state == SweepState.RUNNING or (row.state == SweepState.COMPLETED and row.owner_pid is not None))


def require(connection: Connection, lease: SweepRow) -> None:
    """Raise ``LeaseLostError`` unless ``lease`` is in force; keep it so until this transaction ends."""
    if not holds(connection, lease):
        raise LeaseLostError(
            f"Sweep '{lease.title}': this driver (attempt {lease.attempt}) holds it no more; another one has taken it over, "
            "or it is finished. What was committed before stays; stop here."
        )


def end_of(connection: Connection, sweep_id: int) -> int | None:
    """Return how many trials of a sweep count, in ask order; None: all do."""
    facts = connection.execute(sa.select(SWEEPS.c.facts).where(SWEEPS.c.id == sweep_id)).scalar_one_or_none()
    end: int | None = None if facts is None else load(facts).get(END)
    return end


def chunks(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """Yield ``items`` in pieces that fit one statement."""
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
