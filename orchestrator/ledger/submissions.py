"""Attempts to submit a sweep, claimed in the ledger before anything is sent, so that repeating a submit makes no second job."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import RowMapping

from orchestrator.errors import NotFoundError
from orchestrator.ledger.base import LedgerPart
from orchestrator.ledger.occasions import Wanted, open_occasion
from orchestrator.ledger.records import SubmissionRow, SubmissionState
from orchestrator.ledger.stored_json import clean
from orchestrator.ledger.tables import SUBMISSIONS, SWEEPS
from orchestrator.search import SweepState


class SubmissionStore(LedgerPart):
    """The part of the ledger that knows submissions. Every method may raise ``LedgerError``."""

    def claim(
        self,
        name: str,
        spec: Mapping[str, Any],
        identity: Mapping[str, Any] | None,
        *,
        left_open: Collection[str] = (),
        occasion: str | None = None,
        new: bool = False,
        address: str | None = None,
    ) -> SubmissionRow | None:
        """Return the submission under which the sweep is to be sent, or has been.

        An attempt that has not ENDED is returned again, so that many who submit at once, or one who repeats a submit whose reply
        was lost, send the same id. After one that ENDED (its driver finished the sweep, or ``end`` said so) the next begins. The
        sweep, and the meaning of ``left_open``, ``occasion`` and ``new``, are as in ``Ledger.claim_sweep``; the lease is left to
        the driver.

        Returns
        -------
        The submission; None when the named occasion is COMPLETED, so that there is nothing to send.

        Raises
        ------
        SweepMismatchError : the occasion began with another identity.
        """
        wanted = Wanted(name=name, spec=spec, identity=identity, left_open=left_open, occasion=occasion, new=new)
        with self._database.write() as connection:
            self._database.lock_name(connection, name)
            now = self._clock()
            sweep = open_occasion(connection, wanted, now)
            if sweep["state"] == SweepState.COMPLETED:
                return None
            newest = _SELECT.where(SUBMISSIONS.c.sweep == sweep["id"]).order_by(SUBMISSIONS.c.attempt.desc()).limit(1)
            last = connection.execute(newest).mappings().one_or_none()
            if last is not None and last["state"] != SubmissionState.ENDED:
                return _row(last)
            attempt = 1 if last is None else last["attempt"] + 1
            submission = f"{name}-{sweep['occasion']}-a{attempt}"
            connection.execute(
                SUBMISSIONS.insert().values(
                    sweep=sweep["id"],
                    attempt=attempt,
                    id=submission,
                    state=SubmissionState.CLAIMED.value,
                    address=address,
                    created=now,
                )
            )
            return _row(connection.execute(newest).mappings().one())

    def mark_sent(self, submission: str) -> bool:
        """Say that Ray has taken it; return whether that is news."""
        return self._move(submission, (SubmissionState.CLAIMED,), SubmissionState.SENT, None)

    def end(self, submission: str, message: str | None = None) -> bool:
        """Say that its job is over, lost or never sent, so that ``claim`` begins the next attempt; return whether it is news."""
        return self._move(submission, (SubmissionState.CLAIMED, SubmissionState.SENT), SubmissionState.ENDED, message)

    def get(self, submission: str) -> SubmissionRow:
        """Return one submission by its id. Raises ``NotFoundError``."""
        with self._database.read() as connection:
            row = connection.execute(_SELECT.where(SUBMISSIONS.c.id == submission)).mappings().one_or_none()
        if row is None:
            raise NotFoundError(f"The ledger {self._database.url} has no submission {submission!r}.")
        return _row(row)

    def of_sweep(self, sweep_id: int) -> list[SubmissionRow]:
        """Return a sweep's submissions, the newest first."""
        query = _SELECT.where(SUBMISSIONS.c.sweep == sweep_id).order_by(SUBMISSIONS.c.attempt.desc())
        with self._database.read() as connection:
            return [_row(row) for row in connection.execute(query).mappings()]

    def _move(self, submission: str, before: tuple[SubmissionState, ...], after: SubmissionState, message: str | None) -> bool:
        moved = (
            SUBMISSIONS.update()
            .where(SUBMISSIONS.c.id == submission, SUBMISSIONS.c.state.in_([state.value for state in before]))
            .values(state=after.value, message=clean(message))
        )
        with self._database.write() as connection:
            return connection.execute(moved).rowcount == 1


_SELECT = sa.select(SUBMISSIONS, SWEEPS.c.name, SWEEPS.c.occasion).join(SWEEPS, SUBMISSIONS.c.sweep == SWEEPS.c.id)


def _row(row: RowMapping) -> SubmissionRow:
    values = {name: row[name] for name in SubmissionRow.__dataclass_fields__}
    return SubmissionRow(**{**values, "state": SubmissionState(row["state"])})
