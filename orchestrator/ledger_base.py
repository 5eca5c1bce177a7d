"""What the ledger's parts share: the database, the clock, and the fence that keeps a driver out which has lost its lease."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.database import Database
from orchestrator.errors import LeaseLostError
from orchestrator.ledger_tables import SWEEPS
from orchestrator.records import SweepRow
from orchestrator.trials import SweepState

_Item = TypeVar("_Item")
_CHUNK = 500  # SQLite takes at most 999 parameters in older builds


class LedgerPart:
    """The base of the ledger's parts."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock


def holds(connection: Connection, lease: SweepRow) -> bool:
    """Return whether ``lease`` is in force, and keep it so until this transaction ends."""
    row = connection.execute(
        sa.select(SWEEPS.c.attempt, SWEEPS.c.state).where(SWEEPS.c.id == lease.id).with_for_update()
    ).one_or_none()
    return row is not None and row.attempt == lease.attempt and row.state == SweepState.RUNNING


def require(connection: Connection, lease: SweepRow) -> None:
    """Raise ``LeaseLostError`` unless ``lease`` is in force; keep it so until this transaction ends."""
    if not holds(connection, lease):
        raise LeaseLostError(
            f"Sweep '{lease.title}': this driver (attempt {lease.attempt}) holds it no more; another one has taken it over, "
            "or it is finished. What was committed before stays; stop here."
        )


def chunks(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    """Yield ``items`` in pieces that fit one statement."""
    for start in range(0, len(items), _CHUNK):
        yield items[start : start + _CHUNK]
