"""When a schedule is due: cron fields read in a time zone, unix seconds (UTC) in and out. It knows no ledger and no clock.

Fields mean what they mean in Debian's cron (by ``cronsim``): a job at a fixed time runs once on every local date, through both
daylight-saving edges. A time that a date lacks is due when its gap ends, one that a date has twice is due the first time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim


def due_times(cron: str, timezone: str, after: float) -> Iterator[int]:
    """Yield the due times after the instant ``after``, without end, or to the last one if the fields have one."""
    # Inside an hour that comes twice, cronsim begins with the first pass again, which may lie before ``after``.
    latest = after
    for local in CronSim(cron, datetime.fromtimestamp(int(after), ZoneInfo(timezone))):
        due = int(local.timestamp())
        if due > latest:
            latest = due
            yield due


def due_between(cron: str, timezone: str, after: float, until: float) -> Iterator[int]:
    """Yield the due times after ``after``, up to and with ``until``, in order."""
    return takewhile(lambda due: due <= until, due_times(cron, timezone, after))


def occasion_of(due: int) -> str:
    """Return the occasion of a sweep that is due then, such as ``2026-11-20T02:00Z``; seconds only where there are any."""
    instant = datetime.fromtimestamp(due, UTC)
    return f"{instant:%Y-%m-%dT%H:%MZ}" if due % 60 == 0 else f"{instant:%Y-%m-%dT%H:%M:%SZ}"
