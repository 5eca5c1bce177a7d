"""Schedules in the ledger: which sweeps run again and again, when, and up to when their due times have been considered."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy import RowMapping
from sqlalchemy.engine import Connection

from orchestrator.errors import NotFoundError
from orchestrator.ledger.base import LedgerPart
from orchestrator.ledger.records import Overlap, ScheduleRow
from orchestrator.ledger.stored_json import dump, load
from orchestrator.ledger.tables import SCHEDULES


class ScheduleStore(LedgerPart):
    """The part of the ledger that knows schedules. Every method may raise ``LedgerError``."""

    def add(
        self,
        name: str,
        *,
        spec: Mapping[str, Any],
        cron: str,
        timezone: str,
        overlap: Overlap,
        catch_up: float,
        path: str | None = None,
        address: str | None = None,
        local_store: bool = False,
    ) -> ScheduleRow:
        """Add a schedule, or put these values in the place of the one of that name; return it.

        Its first due time is the first after now. One that is replaced stays paused if it was, and forgets no due time unless
        ``cron`` or ``timezone`` change.
        """
        if overlap not in get_args(Overlap):
            raise ValueError(f"overlap must be one of {get_args(Overlap)}. Got {overlap!r} instead.")
        values = {
            "cron": cron,
            "timezone": timezone,
            "overlap": overlap,
            "catch_up": catch_up,
            "spec": dump(spec),
            "path": path,
            "address": address,
            "local_store": local_store,
        }
        with self._database.write() as connection:
            self._database.lock_name(connection, f"schedule {name}")
            now = self._clock()
            this = SCHEDULES.c.name == name
            before = connection.execute(sa.select(SCHEDULES).where(this)).mappings().one_or_none()
            if before is None:
                change: sa.Insert | sa.Update = SCHEDULES.insert().values(
                    name=name, **values, paused=False, since=int(now), created=now
                )
            else:
                same = before["cron"] == cron and before["timezone"] == timezone
                change = SCHEDULES.update().where(this).values(**values, since=before["since"] if same else int(now))
            return _schedule(connection.execute(change.returning(*SCHEDULES.c)).mappings().one())

    def all(self) -> list[ScheduleRow]:
        """Return all schedules by name."""
        with self._database.read() as connection:
            return [_schedule(row) for row in connection.execute(sa.select(SCHEDULES).order_by(SCHEDULES.c.name)).mappings()]

    def get(self, name: str) -> ScheduleRow:
        """Return one schedule. Raises ``NotFoundError``, naming what comes near."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(SCHEDULES).where(SCHEDULES.c.name == name)).mappings().one_or_none()
            if row is None:
                raise self._missing(connection, name)
        return _schedule(row)

    def pause(self, name: str) -> ScheduleRow:
        """Have nothing of it fired until ``resume``; return it. Raises ``NotFoundError``."""
        return self._change(name, paused=True)

    def resume(self, name: str) -> ScheduleRow:
        """Have it fired again from the next due time on, what came due meanwhile forgotten. Raises ``NotFoundError``."""
        return self._change(name, paused=False, since=sa.case((SCHEDULES.c.paused, int(self._clock())), else_=SCHEDULES.c.since))

    def remove(self, name: str) -> None:
        """Forget a schedule; its firings stay as its history. Raises ``NotFoundError``."""
        with self._database.write() as connection:
            if connection.execute(SCHEDULES.delete().where(SCHEDULES.c.name == name)).rowcount == 0:
                raise self._missing(connection, name)

    def considered(self, name: str, until: int) -> None:
        """Say that every due time up to ``until`` has its firing, so that the next look begins after it. It never goes back."""
        with self._database.write() as connection:
            connection.execute(SCHEDULES.update().where(SCHEDULES.c.name == name, SCHEDULES.c.since < until).values(since=until))

    def _change(self, name: str, **values: Any) -> ScheduleRow:
        with self._database.write() as connection:
            changed = SCHEDULES.update().where(SCHEDULES.c.name == name).values(**values).returning(*SCHEDULES.c)
            row = connection.execute(changed).mappings().one_or_none()
            if row is None:
                raise self._missing(connection, name)
            return _schedule(row)

    def _missing(self, connection: Connection, name: str) -> NotFoundError:
        near = difflib.get_close_matches(name, connection.scalars(sa.select(SCHEDULES.c.name)), n=3, cutoff=0.5)
        hint = f" Near to it: {', '.join(map(repr, near))}." if near else ""
        return NotFoundError(
            f"The ledger {self._database.url} has no schedule {name!r}.{hint} `kerasweep schedule list` shows all."
        )


def _schedule(row: RowMapping) -> ScheduleRow:
    values = {name: row[name] for name in ScheduleRow.__dataclass_fields__}
    return ScheduleRow(**{**values, "spec": load(row["spec"])})
