"""Schedules, firings and submissions as frozen records. They know no SQL, no cron and no Ray."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

Overlap = Literal["forbid", "queue", "allow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """A sweep that runs again and again.

    ``cron`` and ``timezone`` say when it is due; ``catch_up`` is how many seconds late a missed due time may still be fired;
    ``spec`` is the sweep's spec as plain data and ``path`` the file it came from; ``address`` is the cluster, None for the
    embedded Ray; ``local_store`` says that SQLite files are meant as files on its head's disk. Due times (unix seconds, UTC)
    after ``since`` have not been considered yet.
    """

    name: str
    cron: str
    timezone: str
    overlap: Overlap
    catch_up: float
    spec: Mapping[str, Any]
    path: str | None
    address: str | None
    local_store: bool
    paused: bool
    since: int
    created: float


class FiringState(StrEnum):
    """What became of a due time. CLAIMED and WAITING are open, the others final."""

    CLAIMED = "CLAIMED"
    WAITING = "WAITING"
    FIRED = "FIRED"
    MISSED = "MISSED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"

    @property
    def final(self) -> bool:
        """Whether nothing more happens to the firing."""
        return self not in (FiringState.CLAIMED, FiringState.WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class FiringRow:
    """One due time (unix seconds, UTC) of a schedule. ``FiringStore.claim`` returns it as the claim, fenced by ``attempt``.

    CLAIMED: a scheduler (``owner``) deals with it, and another one may from ``not_before`` on. WAITING: to be tried or looked at
    again from ``not_before`` on. FIRED: begun, as ``occasion`` and ``submission``. MISSED: too late. SKIPPED: the sweep before it
    was still running. FAILED: given up, ``message`` says why.
    """

    schedule: str
    due: int
    state: FiringState
    attempt: int
    owner: str | None
    not_before: float | None
    occasion: str | None
    submission: str | None
    message: str | None
    created: float
    finished: float | None


class SubmissionState(StrEnum):
    """Where a submission stands: CLAIMED before anything is sent, SENT once Ray has taken it, ENDED when its job is over."""

    CLAIMED = "CLAIMED"
    SENT = "SENT"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRow:
    """One attempt to submit an occasion of a sweep; ``id`` is ``<name>-<occasion>-a<attempt>``."""

    sweep: int
    name: str
    occasion: str
    attempt: int
    id: str
    state: SubmissionState
    address: str | None
    message: str | None
    created: float
