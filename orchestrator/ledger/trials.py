"""The ledger's trials and folds: written down, started, committed once, and found again by the key of their work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from orchestrator.errors import NotFoundError, SweepMismatchError
from orchestrator.ledger.base import LedgerPart, chunks, end_of, holds, outlasting, require
from orchestrator.ledger.records import Committed, FinishedWork, FoldCommit, Removed, SweepRow, TrialEnd, TrialRow
from orchestrator.ledger.rows import end_values, fold_result, fold_values, trial_row, trial_values, up_to
from orchestrator.ledger.tables import FOLDS, SWEEPS, TRIALS
from orchestrator.search import Trial, TrialState
from trainers.results import FoldResult

_OPEN = (TrialState.PENDING.value, TrialState.RUNNING.value)


class LedgerTrials(LedgerPart):
    """The part of the ledger that knows trials and folds. Every method may raise ``LedgerError``."""

    @outlasting
    def add_trials(self, sweep: SweepRow, trials: Sequence[Trial]) -> int:
        """Write trials down as PENDING, and return how many were new. Those that are there already stay as they are.

        Raises
        ------
        SweepMismatchError : a number is taken by other work, so the strategy proposes otherwise than it did.
        LeaseLostError : another driver has taken the sweep over.
        """
        new = 0
        with self._database.write() as connection:
            require(connection, sweep)
            now = self._clock()
            insert = self._database.insert_new(TRIALS)
            for some in chunks(trials):
                before = self._keys(connection, sweep.id, [trial.number for trial in some])
                fresh = [trial_values(sweep.id, trial, now) for trial in some if trial.number not in before]
                for trial in some:
                    if before.get(trial.number, trial.key) != trial.key:
                        raise SweepMismatchError(
                            f"Sweep '{sweep.title}': trial {trial.number} is written down as other work than is proposed now, "
                            f"{dict(trial.config)!r}. Code, data or versions have changed since: start the next occasion with "
                            "--new."
                        )
                if fresh:
                    connection.execute(insert, fresh)
                new += len(fresh)
        return new

    @outlasting
    def start_trials(self, sweep: SweepRow, numbers: Sequence[int], cohort: str) -> None:
        """Say that these trials run now, as part of ``cohort``. Those that are over already stay as they are.

        Raises
        ------
        LeaseLostError : another driver has taken the sweep over.
        """
        with self._database.write() as connection:
            require(connection, sweep)
            for some in chunks(numbers):
                connection.execute(
                    TRIALS.update()
                    .where(TRIALS.c.sweep == sweep.id, TRIALS.c.number.in_(some), TRIALS.c.state.in_(_OPEN))
                    .values(
                        state=TrialState.RUNNING.value,
                        cohort=cohort,
                        attempt=sweep.attempt,
                        started=sa.func.coalesce(TRIALS.c.started, self._clock()),
                        revision=TRIALS.c.revision + 1,
                    )
                )

    @outlasting
    def commit(self, sweep: SweepRow, *, folds: Sequence[FoldCommit] = (), ends: Sequence[TrialEnd] = ()) -> Committed:
        """Write finished folds, then the ends of trials, in one transaction. Nothing that is there already is overwritten.

        A fold is kept once for its key, whoever computed it first, and once more for a sweep that computes it ``again``; a trial
        ends once. If another driver has taken the sweep over, nothing is written at all, and the answer says so. After an outage
        of the server it may be False for what this very call has written: its first try was committed, and not confirmed.
        """
        with self._database.write() as connection:
            if not holds(connection, sweep):
                return Committed(folds=(False,) * len(folds), trials=(False,) * len(ends))
            now = self._clock()
            return Committed(
                folds=tuple(self._commit_fold(connection, sweep, fold, now) for fold in folds),
                trials=tuple(self._end_trial(connection, sweep, end, now) for end in ends),
            )

    def commit_fold(self, sweep: SweepRow, number: int, key: str, result: FoldResult) -> bool:
        """Write one finished fold, and return whether it was (see ``commit``)."""
        return self.commit(sweep, folds=[FoldCommit(number=number, key=key, result=result)]).folds[0]

    def finish_trial(self, sweep: SweepRow, number: int, state: TrialState, **end: Any) -> bool:
        """Write a trial's end (the fields of ``TrialEnd``), and return whether it was (see ``commit``)."""
        return self.commit(sweep, ends=[TrialEnd(number=number, state=state, **end)]).trials[0]

    @outlasting
    def trials(self, sweep_id: int, numbers: Iterable[int] | None = None) -> list[TrialRow]:
        """Return a sweep's trials in ask order: all, or those of these ``numbers`` that are there.

        Those beyond the end of its search (``set_end``) are STOPPED, whatever they have come to. All readings of trials say so.
        """
        query = sa.select(TRIALS).where(TRIALS.c.sweep == sweep_id).order_by(TRIALS.c.number)
        queries = (
            [query] if numbers is None else [query.where(TRIALS.c.number.in_(some)) for some in chunks(sorted(set(numbers)))]
        )
        with self._database.read() as connection:
            end = end_of(connection, sweep_id)
            return [up_to(end, trial_row(row)) for each in queries for row in connection.execute(each).mappings()]

    def trial(self, sweep_id: int, number: int) -> TrialRow:
        """Return one trial. Raises ``NotFoundError``."""
        query = sa.select(TRIALS).where(TRIALS.c.sweep == sweep_id, TRIALS.c.number == number)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
            end = end_of(connection, sweep_id)
        if row is None:
            raise NotFoundError(f"The sweep has no trial {number!r}; `kerasweep show SWEEP` lists them.")
        return up_to(end, trial_row(row))

    def state_counts(self, sweep_id: int) -> dict[TrialState, int]:
        """Return how many of a sweep's trials are in each state that occurs."""
        with self._database.read() as connection:
            end, state = end_of(connection, sweep_id), TRIALS.c.state
            beyond = sa.false() if end is None else sa.and_(TRIALS.c.number >= end, state.not_in(_OPEN))
            read = sa.case((beyond, TrialState.STOPPED.value), else_=state).label("read_as")
            query = sa.select(read, sa.func.count()).where(TRIALS.c.sweep == sweep_id).group_by("read_as")
            return {TrialState(state): count for state, count in connection.execute(query)}

    def folds(self, key: str, *, seen_by: int | None = None) -> list[FoldResult]:
        """Return the finished folds of one piece of work, in fold order (see ``known_folds``)."""
        return list(self.known_folds([key], seen_by=seen_by).get(key, {}).values())

    @outlasting
    def known_folds(
        self, keys: Iterable[str], *, sweep: int | None = None, seen_by: int | None = None
    ) -> dict[str, dict[int, FoldResult]]:
        """Return the finished folds of these keys, by key and fold; keys without any are left out.

        They are those that all sweeps share; as ``seen_by`` one sweep, with what it computed again for itself in their place; or
        only what one ``sweep`` computed itself.
        """
        known: dict[str, dict[int, FoldResult]] = {}
        wanted = FOLDS.c.only_for.in_({0, seen_by or 0}) if sweep is None else FOLDS.c.sweep == sweep
        with self._database.read() as connection:
            for some in chunks(sorted(set(keys))):
                query = sa.select(FOLDS).where(FOLDS.c.key.in_(some), wanted)
                query = query.order_by(FOLDS.c.key, FOLDS.c.fold, FOLDS.c.only_for)  # a sweep's own comes last, and stays
                for row in connection.execute(query).mappings():
                    known.setdefault(row["key"], {})[row["fold"]] = fold_result(row)
        return known

    @outlasting
    def finished_by_key(self, keys: Iterable[str], *, sweep: int | None = None) -> dict[str, FinishedWork]:
        """Return for each key the first trial, of any sweep or of this one, whose scores can be taken over.

        That is one that ended COMPLETED or DIVERGED and was not itself taken over. Keys without one are left out.
        """
        found: dict[str, FinishedWork] = {}
        usable = (TrialState.COMPLETED.value, TrialState.DIVERGED.value)
        with self._database.read() as connection:
            for some in chunks(sorted(set(keys))):
                query = (
                    sa.select(TRIALS, SWEEPS.c.name, SWEEPS.c.occasion)
                    .join(SWEEPS)
                    .where(TRIALS.c.key.in_(some), TRIALS.c.state.in_(usable), TRIALS.c.cached_from.is_(None))
                    .order_by(TRIALS.c.finished, TRIALS.c.sweep, TRIALS.c.number)
                )
                if sweep is not None:
                    query = query.where(TRIALS.c.sweep == sweep)
                for row in connection.execute(query).mappings():
                    origin = f"{row['name']}/{row['occasion']}/{row['number']}"
                    found.setdefault(row["key"], FinishedWork(trial=trial_row(row), origin=origin))
        return found

    def prunable_folds(self, sweeps: Mapping[int, int]) -> Removed:
        """Return what ``prune_folds`` would remove."""
        with self._database.read() as connection:
            return self._pruned(connection, _nobody_needs(list(sweeps)))

    def prune_folds(self, sweeps: Mapping[int, int]) -> Removed:
        """Remove the folds that only these sweeps know, and return how many these were. Trials keep their scores.

        Parameters
        ----------
        sweeps : their attempts by id; one that somebody has driven since is left out. A fold stays while any other sweep has a
            trial of the same key.
        """
        with self._database.write() as connection:
            self._database.keep_as_it_is(connection, TRIALS)  # nobody takes a fold over meanwhile
            query = sa.select(SWEEPS.c.id, SWEEPS.c.attempt).where(_among(SWEEPS.c.id, list(sweeps)))
            gone = _nobody_needs([row.id for row in connection.execute(query) if row.attempt == sweeps[row.id]])
            removed = self._pruned(connection, gone)
            connection.execute(FOLDS.delete().where(gone))
        return removed

    def _pruned(self, connection: Connection, gone: sa.ColumnElement[bool]) -> Removed:
        size = sa.func.length(FOLDS.c.history) + sa.func.length(FOLDS.c.metrics)
        query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(size), 0), sa.func.count(FOLDS.c.sweep.distinct()))
        folds, size_of_all, sweeps = connection.execute(query.where(gone)).one()
        return Removed(folds=folds, bytes=int(size_of_all), sweeps=sweeps)

    def _commit_fold(self, connection: Connection, sweep: SweepRow, fold: FoldCommit, now: float) -> bool:
        insert = self._database.insert_new(FOLDS).returning(FOLDS.c.fold)  # returns nothing where a row was left alone
        values = fold_values(sweep.id, fold, now)
        written = connection.execute(insert, values).first() is not None
        if not written and fold.again and not self._shares(connection, sweep.id, fold):
            written = connection.execute(insert, {**values, "only_for": sweep.id}).first() is not None
        if written:
            trial = (TRIALS.c.sweep == sweep.id, TRIALS.c.number == fold.number)
            connection.execute(TRIALS.update().where(*trial).values(revision=TRIALS.c.revision + 1))
        return written

    def _end_trial(self, connection: Connection, sweep: SweepRow, end: TrialEnd, now: float) -> bool:
        ended = (
            TRIALS.update()
            .where(TRIALS.c.sweep == sweep.id, TRIALS.c.number == end.number, TRIALS.c.state.in_(_OPEN))
            .values(**end_values(end, now), attempt=sweep.attempt, revision=TRIALS.c.revision + 1)
        )
        return connection.execute(ended).rowcount == 1

    @staticmethod
    def _shares(connection: Connection, sweep_id: int, fold: FoldCommit) -> bool:
        """Whether the shared result of this fold is the sweep's own."""
        shared = (FOLDS.c.key == fold.key, FOLDS.c.fold == fold.result.fold, FOLDS.c.only_for == 0)
        return bool(connection.execute(sa.select(FOLDS.c.sweep).where(*shared)).scalar_one() == sweep_id)

    @staticmethod
    def _keys(connection: Connection, sweep_id: int, numbers: Sequence[int]) -> Mapping[int, str]:
        query = sa.select(TRIALS.c.number, TRIALS.c.key).where(TRIALS.c.sweep == sweep_id, TRIALS.c.number.in_(numbers))
        return {row.number: row.key for row in connection.execute(query)}


def _among(column: sa.ColumnElement[int], ids: Sequence[int]) -> sa.ColumnElement[bool]:
    """Whether ``column`` is one of ``ids``, of which there may be more than a statement takes parameters."""
    return column.in_(sa.bindparam(None, ids, expanding=True, literal_execute=True, type_=sa.Integer))


def _nobody_needs(sweeps: Sequence[int]) -> sa.ColumnElement[bool]:
    """Whether a fold is needed by these sweeps at most: no other one computed it for itself, or has a trial of its key."""
    needed = sa.exists().where(TRIALS.c.key == FOLDS.c.key, ~_among(TRIALS.c.sweep, sweeps))
    own = sa.and_(FOLDS.c.only_for != 0, _among(FOLDS.c.only_for, sweeps))
    return sa.or_(own, sa.and_(FOLDS.c.only_for == 0, _among(FOLDS.c.sweep, sweeps), ~needed))
