"""The ledger's sweeps: claimed under a lease, kept alive by heartbeats, finished, listed."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from orchestrator.errors import NotFoundError
from orchestrator.ledger.base import LedgerPart, holds, outlasting, require
from orchestrator.ledger.occasions import (
    Wanted,
    keep_identity,
    newest_unfinished,
    next_manual,
    open_occasion,
    requeue_running,
    take_late_lease,
    take_lease,
)
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import SubmissionState, SweepRow
from orchestrator.ledger.rows import END, owner_values, sweep_row
from orchestrator.ledger.stored_json import clean, dump_lossy, load
from orchestrator.ledger.tables import FOLDS, SUBMISSIONS, SWEEPS, TRIALS
from orchestrator.search import SweepState

_PARTS = (TRIALS, FOLDS, SUBMISSIONS)
_NOBODY = {**owner_values(None), "heartbeat": None, "lease_seconds": None}


class LedgerSweeps(LedgerPart):
    """The part of the ledger that knows sweeps. Every method may raise ``LedgerError``."""

    def claim_sweep(
        self,
        name: str,
        spec: Mapping[str, Any],
        identity: Mapping[str, Any] | None,
        owner: Owner,
        lease_seconds: float,
        *,
        left_open: Collection[str] = (),
        occasion: str | None = None,
        new: bool = False,
    ) -> SweepRow:
        """Become the driver of a sweep, and return it: the row is the lease that the driver's writes carry.

        Parameters
        ----------
        name : the sweep's name.
        spec : its spec as plain data; a resumed sweep keeps the newest.
        identity : the parts of the spec that decide results, by name; None compares nothing.
        left_open : parts of it that give way to those that the occasion began with.
        owner : this process.
        lease_seconds : how long the lease lasts after a heartbeat. Hosts' clocks must agree to well within it.
        occasion : the occasion to begin or continue. None: the newest one of that name, if it is unfinished (RUNNING, STOPPED or
            FAILED), else the next ``manual-<n>``.
        new : begin the next ``manual-<n>`` whatever came before.

        Returns
        -------
        The sweep, RUNNING under its next attempt, its interrupted trials PENDING again. A *named* occasion that is COMPLETED is
        returned as it is, without a lease: there is nothing to drive.

        Raises
        ------
        SweepBusyError : another driver holds the lease. It can be taken over once it has lapsed, or at once when its process is
            seen to be gone (``Owner.surely_gone``).
        SweepMismatchError : the occasion began with another identity.
        """
        wanted = Wanted(name=name, spec=spec, identity=identity, left_open=left_open, occasion=occasion, new=new)
        with self._database.write() as connection:
            self._database.lock_name(connection, name)
            now = self._clock()
            row = open_occasion(connection, wanted, now)
            if row["state"] != SweepState.COMPLETED:
                take_lease(connection, row, owner, lease_seconds=lease_seconds, now=now)
            claimed = connection.execute(sa.select(SWEEPS).where(SWEEPS.c.id == row["id"])).mappings().one()
            return sweep_row(claimed)

    def claim_completed(self, sweep: SweepRow, owner: Owner, lease_seconds: float) -> SweepRow:
        """Take the lease of a sweep that is COMPLETED and stays so, to make up for what its facts say is missing.

        ``release`` gives it back.

        Raises
        ------
        SweepBusyError : another process holds the lease.
        ValueError : the sweep is not COMPLETED.
        """
        with self._database.write() as connection:
            self._database.lock_name(connection, sweep.name)
            this = sa.select(SWEEPS).where(SWEEPS.c.id == sweep.id)
            row = connection.execute(this).mappings().one()
            if row["state"] != SweepState.COMPLETED:
                raise ValueError(f"claim_completed needs a sweep that is COMPLETED. Got {row['state']}; claim_sweep takes it.")
            take_late_lease(connection, row, owner, lease_seconds=lease_seconds, now=self._clock())
            return sweep_row(connection.execute(this).mappings().one())

    @outlasting
    def release(self, sweep: SweepRow) -> SweepRow:
        """Give back what ``claim_completed`` took, and return the sweep as it is now. A lease that is lost already stays so."""
        with self._database.write() as connection:
            if holds(connection, sweep):
                return self._change(connection, sweep.id, **_NOBODY)
            return sweep_row(connection.execute(sa.select(SWEEPS).where(SWEEPS.c.id == sweep.id)).mappings().one())

    @outlasting
    def set_identity(self, sweep: SweepRow, identity: Mapping[str, Any]) -> None:
        """Add to the identity what is known only after the claim: data fingerprint, splits, engine, versions.

        Parts that are stored already (by an earlier driver) are compared, the others are stored.

        Raises
        ------
        SweepMismatchError : a part differs from what the occasion began with.
        LeaseLostError : another driver has taken the sweep over.
        """
        with self._database.write() as connection:
            require(connection, sweep)
            row = connection.execute(sa.select(SWEEPS).where(SWEEPS.c.id == sweep.id)).mappings().one()
            keep_identity(connection, row, identity)

    def heartbeat(self, sweep: SweepRow) -> None:
        """Renew the lease. Raises ``LeaseLostError`` when another driver has taken the sweep over."""
        with self._database.write() as connection:
            require(connection, sweep)
            connection.execute(SWEEPS.update().where(SWEEPS.c.id == sweep.id).values(heartbeat=self._clock()))

    @outlasting
    def update_facts(self, sweep: SweepRow, facts: Mapping[str, Any], *, trials: Iterable[int] = ()) -> SweepRow:
        """Put ``facts`` over those known so far, by their top-level names; return the sweep as it is now.

        ``trials`` are the numbers of those that the facts tell of: MLflow is to show them anew.

        Raises
        ------
        LeaseLostError : another driver has taken the sweep over.
        """
        with self._database.write() as connection:
            require(connection, sweep)
            if told := list(trials):
                these = (TRIALS.c.sweep == sweep.id, TRIALS.c.number.in_(told))
                connection.execute(TRIALS.update().where(*these).values(revision=TRIALS.c.revision + 1))
            known = load(connection.execute(sa.select(SWEEPS.c.facts).where(SWEEPS.c.id == sweep.id)).scalar_one())
            return self._change(connection, sweep.id, facts=dump_lossy({**known, **facts}))

    @outlasting
    def set_end(self, sweep: SweepRow, end: int | None) -> None:
        """Say that only the first ``end`` trials count, in ask order (None: all do). It is a fact of the sweep, ``END``.

        Later ones stay as they are, but wherever trials are read they are STOPPED, as if the budget had left them open. MLflow is
        to see anew those for which this changes something.

        Raises
        ------
        LeaseLostError : another driver has taken the sweep over.
        """
        with self._database.write() as connection:
            require(connection, sweep)
            facts = load(connection.execute(sa.select(SWEEPS.c.facts).where(SWEEPS.c.id == sweep.id)).scalar_one())
            before = facts.pop(END, None)
            if end == before:
                return
            self._change(connection, sweep.id, facts=dump_lossy(facts if end is None else {**facts, END: end}))
            first = min(one for one in (before, end) if one is not None)
            beyond = (TRIALS.c.sweep == sweep.id, TRIALS.c.number >= first, TRIALS.c.finished.is_not(None))
            connection.execute(TRIALS.update().where(*beyond).values(revision=TRIALS.c.revision + 1))

    @outlasting
    def finish_sweep(self, sweep: SweepRow, state: SweepState, reason: str | None = None) -> SweepRow:
        """End the sweep and give the lease back; return the sweep as it is now.

        Trials still RUNNING become PENDING, and the sweep's submission ends: the next submit sends anew. A sweep that this driver
        has ended so already stays as it is.

        Raises
        ------
        LeaseLostError : another driver has taken the sweep over.
        """
        if state is SweepState.RUNNING:
            raise ValueError("finish_sweep needs COMPLETED, STOPPED or FAILED. Got RUNNING instead.")
        with self._database.write() as connection:
            if not holds(connection, sweep):
                row = connection.execute(sa.select(SWEEPS).where(SWEEPS.c.id == sweep.id)).mappings().one_or_none()
                if row is not None and (row["attempt"], row["state"]) == (sweep.attempt, state):
                    return sweep_row(row)
            require(connection, sweep)
            return self._finish(connection, sweep.id, state, reason)

    def forget_sweep(self, sweep: SweepRow) -> bool:
        """Take an occasion back that turned out wrong before its first trial, and return whether it was taken back.

        One that was submitted or has trials ends FAILED instead.

        Raises
        ------
        LeaseLostError : another driver has taken the sweep over.
        """
        with self._database.write() as connection:
            require(connection, sweep)
            used = [
                connection.execute(sa.select(part.c.sweep).where(part.c.sweep == sweep.id).limit(1)).first() for part in _PARTS
            ]
            if any(used):
                self._finish(connection, sweep.id, SweepState.FAILED, "the check before the first trial failed")
            else:
                connection.execute(SWEEPS.delete().where(SWEEPS.c.id == sweep.id))
            return not any(used)

    def sweeps(self, name: str | None = None) -> list[SweepRow]:
        """Return all sweeps, or all occasions of ``name``, the newest first."""
        query = sa.select(SWEEPS).order_by(SWEEPS.c.id.desc())
        if name is not None:
            query = query.where(SWEEPS.c.name == name)
        with self._database.read() as connection:
            return [sweep_row(row) for row in connection.execute(query).mappings()]

    def occasion_states(self, name: str) -> dict[str, SweepState]:
        """Return the state of every occasion of ``name``, the newest first; none if there is no such sweep."""
        query = sa.select(SWEEPS.c.occasion, SWEEPS.c.state).where(SWEEPS.c.name == name).order_by(SWEEPS.c.id.desc())
        with self._database.read() as connection:
            return {occasion: SweepState(state) for occasion, state in connection.execute(query)}

    def next_occasion(self, name: str) -> str:
        """Return the occasion that ``claim_sweep`` without naming one would drive: the newest if unfinished, else the next."""
        with self._database.read() as connection:
            unfinished = newest_unfinished(connection, name)
            return next_manual(connection, name) if unfinished is None else str(unfinished["occasion"])

    def sweep(self, name: str, occasion: str | None = None) -> SweepRow:
        """Return one sweep: that occasion, or the newest. Raises ``NotFoundError``, naming what comes near."""
        query = sa.select(SWEEPS).where(SWEEPS.c.name == name).order_by(SWEEPS.c.id.desc()).limit(1)
        if occasion is not None:
            query = query.where(SWEEPS.c.occasion == occasion)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
            if row is not None:
                return sweep_row(row)
            column, given = (SWEEPS.c.name, name) if occasion is None else (SWEEPS.c.occasion, occasion)
            others = sa.select(column).distinct() if occasion is None else sa.select(column).where(SWEEPS.c.name == name)
            near = difflib.get_close_matches(given, connection.scalars(others), n=3, cutoff=0.5)
        title = name if occasion is None else f"{name}/{occasion}"
        hint = f" Near to it: {', '.join(map(repr, near))}." if near else ""
        raise NotFoundError(f"The ledger {self._database.url} has no sweep {title!r}.{hint} `kerasweep list` shows all.")

    @outlasting
    def sweep_by_id(self, sweep_id: int) -> SweepRow:
        """Return the sweep with this id. Raises ``NotFoundError``."""
        with self._database.read() as connection:
            row = connection.execute(sa.select(SWEEPS).where(SWEEPS.c.id == sweep_id)).mappings().one_or_none()
        if row is None:
            raise NotFoundError(f"The ledger {self._database.url} has no sweep with id {sweep_id!r}.")
        return sweep_row(row)

    def _finish(self, connection: sa.Connection, sweep_id: int, state: SweepState, reason: str | None) -> SweepRow:
        requeue_running(connection, sweep_id)
        open_ones = (SUBMISSIONS.c.sweep == sweep_id, SUBMISSIONS.c.state != SubmissionState.ENDED.value)
        connection.execute(SUBMISSIONS.update().where(*open_ones).values(state=SubmissionState.ENDED.value))
        return self._change(connection, sweep_id, state=state.value, reason=clean(reason), finished=self._clock(), **_NOBODY)

    @staticmethod
    def _change(connection: sa.Connection, sweep_id: int, **values: Any) -> SweepRow:
        changed = SWEEPS.update().where(SWEEPS.c.id == sweep_id).values(revision=SWEEPS.c.revision + 1, **values)
        return sweep_row(connection.execute(changed.returning(*SWEEPS.c)).mappings().one())
