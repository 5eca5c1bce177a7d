"""Which occasion of a sweep is meant, whether it is still the same search, and who may drive it: steps of one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import RowMapping
from sqlalchemy.engine import Connection

from orchestrator.errors import SweepBusyError, SweepMismatchError
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.rows import owner_of, owner_values
from orchestrator.ledger.stored_json import dump, load
from orchestrator.ledger.tables import SWEEPS, TRIALS
from orchestrator.occasion_names import BY_HAND, next_by_hand
from orchestrator.search import SweepState, TrialState, canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which sweep somebody wants to run.

    ``occasion`` is the occasion's name, or None for the newest one if it is unfinished, else (or if ``new``) the next. Parts of
    the identity that are ``left_open`` give way to those that the occasion began with.
    """

    name: str
    spec: Mapping[str, Any]
    identity: Mapping[str, Any] | None
    left_open: Collection[str] = ()
    occasion: str | None = None
    new: bool = False


def open_occasion(connection: Connection, wanted: Wanted, now: float) -> RowMapping:
    """Return the wanted occasion's row, made if it is not there. The caller has locked the sweep's name.

    Only the newest occasion can be continued without naming it: one left unfinished before it has been superseded.

    Raises
    ------
    SweepMismatchError : the occasion began with another identity.
    """
    found = _find(connection, wanted)
    if found is None:
        return _begin(connection, wanted, now)
    if found["state"] != SweepState.COMPLETED:
        if wanted.identity is not None:
            keep_identity(connection, found, wanted.identity, wanted.left_open)
        connection.execute(SWEEPS.update().where(SWEEPS.c.id == found["id"]).values(spec=dump(wanted.spec)))
    return found


_BEFORE: Mapping[str, Any] = {"race": "none", "finalists": None}
"""Parts that occasions begun before there were such parts do not have, and what they went by."""


def keep_identity(connection: Connection, row: RowMapping, identity: Mapping[str, Any], left_open: Collection[str] = ()) -> None:
    """Compare ``identity`` with what the occasion began with, part by part; store the parts that are new.

    Those that are ``left_open`` are not compared, only stored where the occasion has none.

    Raises
    ------
    SweepMismatchError : a part is stored with another value.
    """
    given = load(dump(identity))  # as it would come back: tuples are lists
    stored = {} if row["identity"] is None else load(row["identity"])
    before = {**_BEFORE, **stored} if stored else stored
    given |= {part: before[part] for part in left_open if part in before}
    changes = [line for part in given if part in before for line in _difference(part, before[part], given[part])]
    if changes:
        raise SweepMismatchError(
            f"Sweep '{row['name']}/{row['occasion']}' began with other settings than these:\n"
            + "\n".join(f"  {line}" for line in changes)
            + "\nTo search with the new ones, start the next occasion with --new or give the sweep another name; "
            "to continue this occasion, put the old ones back."
        )
    if given.keys() - stored.keys():
        connection.execute(SWEEPS.update().where(SWEEPS.c.id == row["id"]).values(identity=dump({**stored, **given})))


def take_lease(connection: Connection, row: RowMapping, owner: Owner, *, lease_seconds: float, now: float) -> None:
    """Make ``owner`` the driver of the occasion: the next attempt, so that the driver before it can write no more.

    Raises
    ------
    SweepBusyError : another driver holds it, and neither has its lease lapsed nor is its process known to be gone.
    """
    _give_lease(
        connection,
        row,
        owner,
        lease_seconds=lease_seconds,
        now=now,
        state=SweepState.RUNNING.value,
        finished=None,
        reason=None,
        revision=SWEEPS.c.revision + 1,
    )
    requeue_running(connection, row["id"])


def take_late_lease(connection: Connection, row: RowMapping, owner: Owner, *, lease_seconds: float, now: float) -> None:
    """Make ``owner`` the one who may write the facts of an occasion that is COMPLETED, and stays so.

    Raises
    ------
    SweepBusyError : as in ``take_lease``.
    """
    _give_lease(connection, row, owner, lease_seconds=lease_seconds, now=now)


def _give_lease(
    connection: Connection, row: RowMapping, owner: Owner, *, lease_seconds: float, now: float, **values: Any
) -> None:
    holder = owner_of(row)  # there is none where nobody drives
    if holder is not None and not holder.surely_gone:
        left = row["heartbeat"] + row["lease_seconds"] - now
        if left > 0:
            raise SweepBusyError(
                f"Sweep '{row['name']}/{row['occasion']}' is driven by pid {holder.pid} on host {holder.host!r}, "
                f"last heard of {max(0.0, now - row['heartbeat']):.0f} s ago. Stop that process first; if it is gone, "
                f"run again in {left:.0f} s, when its lease has lapsed."
            )
    lease = {**owner_values(owner), "attempt": row["attempt"] + 1, "heartbeat": now, "lease_seconds": lease_seconds}
    connection.execute(SWEEPS.update().where(SWEEPS.c.id == row["id"]).values(**lease, **values))


def requeue_running(connection: Connection, sweep_id: int) -> None:
    """Put the trials back to PENDING whose driver is gone: nothing of theirs runs any more."""
    connection.execute(
        TRIALS.update()
        .where(TRIALS.c.sweep == sweep_id, TRIALS.c.state == TrialState.RUNNING.value)
        .values(state=TrialState.PENDING.value, revision=TRIALS.c.revision + 1)
    )


def newest_unfinished(connection: Connection, name: str) -> RowMapping | None:
    """Return the row of the newest occasion of ``name`` if it is unfinished, and keep it so until this transaction ends."""
    newest = connection.execute(_newest(name).with_for_update()).mappings().one_or_none()
    return None if newest is None or newest["state"] == SweepState.COMPLETED else newest


def _newest(name: str) -> sa.Select[Any]:
    return sa.select(SWEEPS).where(SWEEPS.c.name == name).order_by(SWEEPS.c.id.desc()).limit(1)


def _find(connection: Connection, wanted: Wanted) -> RowMapping | None:
    if wanted.occasion is not None:
        named = _newest(wanted.name).where(SWEEPS.c.occasion == wanted.occasion).with_for_update()
        return connection.execute(named).mappings().one_or_none()
    return None if wanted.new else newest_unfinished(connection, wanted.name)


def _begin(connection: Connection, wanted: Wanted, now: float) -> RowMapping:
    values = {
        "name": wanted.name,
        "occasion": wanted.occasion or next_manual(connection, wanted.name),
        "state": SweepState.RUNNING.value,
        "spec": dump(wanted.spec),
        "identity": None if wanted.identity is None else dump(wanted.identity),
        "created": now,
        "attempt": 0,
        "facts": "{}",
    }
    return connection.execute(SWEEPS.insert().values(values).returning(*SWEEPS.c)).mappings().one()


def next_manual(connection: Connection, name: str) -> str:
    """Return the occasion that a run by hand would begin."""
    used = sa.select(SWEEPS.c.occasion).where(SWEEPS.c.name == name, SWEEPS.c.occasion.startswith(BY_HAND))
    return next_by_hand(connection.scalars(used))


_HINTS = {"splits": "the rows are cut otherwise than then; where equal rows were cut apart, cv.duplicates: apart does so again"}


def _difference(path: str, was: Any, now: Any) -> Iterator[str]:
    if isinstance(was, dict) and isinstance(now, dict):
        for name in [*was, *(name for name in now if name not in was)]:
            yield from _difference(f"{path}.{name}", was.get(name, _ABSENT), now.get(name, _ABSENT))
    elif was is _ABSENT or now is _ABSENT or canonical(was) != canonical(now):
        yield f"{path}: was {was!r}, now {now!r}" + (f" ({_HINTS[path]})" if path in _HINTS else "")


class _Absent:
    def __repr__(self) -> str:
        return "(not there)"


_ABSENT = _Absent()
