"""Firings in the ledger: who deals with a due time of a schedule, and what became of it.

A firing is one row a due time, and a row is never made twice. Whoever makes it, or takes it over, deals with it: so any number of
schedulers, killed and started again at will, fire a due time once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import RowMapping

from orchestrator.ledger.base import LedgerPart, chunks
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import FiringRow, FiringState
from orchestrator.ledger.rows import owner_of, owner_values
from orchestrator.ledger.stored_json import clean
from orchestrator.ledger.tables import FIRINGS

_OPEN = (FiringState.CLAIMED.value, FiringState.WAITING.value)


class FiringStore(LedgerPart):
    """The part of the ledger that knows firings. Every method may raise ``LedgerError``."""

    def claim(self, schedule: str, due: int, owner: Owner, lease_seconds: float) -> FiringRow | None:
        """Take a due time (unix seconds, UTC) on, before anything is submitted.

        Returns
        -------
        The claim, if this is the first one, if a WAITING one's time has come, or if the scheduler that held it has let
        ``lease_seconds`` pass or is seen to be gone; else None: somebody else deals with it, or it is done with. A claim taken
        over may carry a ``submission``: that id has perhaps been sent, and is the one to send again.
        """
        with self._database.write() as connection:
            now = self._clock()
            claim = {"state": FiringState.CLAIMED.value, **owner_values(owner), "not_before": now + lease_seconds}
            insert = self._database.insert_new(FIRINGS).values(schedule=schedule, due=due, attempt=1, created=now, **claim)
            made = connection.execute(insert.returning(*FIRINGS.c)).mappings().one_or_none()
            if made is not None:
                return _firing(made)
            this = (FIRINGS.c.schedule == schedule, FIRINGS.c.due == due)
            row = connection.execute(sa.select(FIRINGS).where(*this).with_for_update()).mappings().one()
            holder = owner_of(row)
            gone = row["state"] == FiringState.CLAIMED and holder is not None and holder.surely_gone
            if row["state"] not in _OPEN or (row["not_before"] > now and not gone):
                return None
            taken = FIRINGS.update().where(*this).values(attempt=row["attempt"] + 1, **claim).returning(*FIRINGS.c)
            return _firing(connection.execute(taken).mappings().one())

    def name_submission(self, firing: FiringRow, occasion: str, submission: str, lease_seconds: float) -> bool:
        """Write down, before it is sent, as what a claimed firing is submitted, and renew the claim; False: the claim is lost."""
        renewed = self._clock() + lease_seconds
        return self._write(firing, occasion=occasion, submission=submission, not_before=renewed)

    def postpone(self, firing: FiringRow, until: float, message: str) -> bool:
        """Give a claimed firing back, to be claimed again from ``until`` on; False: the claim is lost."""
        free = {**owner_values(None), "state": FiringState.WAITING.value, "not_before": until}
        return self._write(firing, **free, message=clean(message))

    def finish(self, firing: FiringRow, state: FiringState, message: str | None = None) -> bool:
        """Write down what became of a claimed firing; False: the claim is lost, and nothing is written."""
        if not state.final:
            raise ValueError(f"A firing finishes as FIRED, MISSED, SKIPPED or FAILED. Got {state.value!r} instead.")
        done = {**owner_values(None), "state": state.value, "not_before": None, "finished": self._clock()}
        return self._write(firing, **done, message=clean(message))

    def miss(self, schedule: str, dues: Iterable[int], message: str) -> int:
        """Write down due times that nobody dealt with in time as MISSED; return how many were new."""
        now, new = self._clock(), 0
        missed = {"state": FiringState.MISSED.value, "attempt": 0, "message": clean(message), "created": now, "finished": now}
        with self._database.write() as connection:
            for some in chunks(sorted(set(dues))):
                rows = [{"schedule": schedule, "due": due, **missed} for due in some]
                insert = self._database.insert_new(FIRINGS).values(rows).returning(FIRINGS.c.due)
                new += len(connection.execute(insert).all())
        return new

    def open(self) -> list[FiringRow]:
        """Return the CLAIMED and WAITING firings of all schedules, the earliest due first."""
        query = sa.select(FIRINGS).where(FIRINGS.c.state.in_(_OPEN)).order_by(FIRINGS.c.due, FIRINGS.c.schedule)
        with self._database.read() as connection:
            return [_firing(row) for row in connection.execute(query).mappings()]

    def history(self, schedule: str, limit: int = 50) -> list[FiringRow]:
        """Return a schedule's firings, the latest due first, also of one that has been removed."""
        query = sa.select(FIRINGS).where(FIRINGS.c.schedule == schedule).order_by(FIRINGS.c.due.desc()).limit(limit)
        with self._database.read() as connection:
            return [_firing(row) for row in connection.execute(query).mappings()]

    def counts(self) -> dict[tuple[str, FiringState], int]:
        """Return how many firings each schedule has in each state that occurs."""
        query = sa.select(FIRINGS.c.schedule, FIRINGS.c.state, sa.func.count()).group_by(FIRINGS.c.schedule, FIRINGS.c.state)
        with self._database.read() as connection:
            return {(schedule, FiringState(state)): number for schedule, state, number in connection.execute(query)}

    def _write(self, firing: FiringRow, **values: Any) -> bool:
        claimed = (
            FIRINGS.c.schedule == firing.schedule,
            FIRINGS.c.due == firing.due,
            FIRINGS.c.state == FiringState.CLAIMED.value,
            FIRINGS.c.attempt == firing.attempt,
        )
        with self._database.write() as connection:
            return connection.execute(FIRINGS.update().where(*claimed).values(**values)).rowcount == 1


def _firing(row: RowMapping) -> FiringRow:
    owner = owner_of(row)
    values = {name: row[name] for name in FiringRow.__dataclass_fields__ if name != "owner"}
    return FiringRow(**{**values, "state": FiringState(row["state"])}, owner=None if owner is None else str(owner))
