"""When a schedule is due: cron fields read in a time zone, unix seconds (UTC) in and out. It knows no ledger and no clock.

Fields mean what they mean in Debian's cron (parsed and matched by ``cronsim``). A job at fixed times runs once on every local
date, through both daylight-saving edges: a time that a date lacks is due when its gap ends, one that a date has twice is due the
first time. A job whose minutes or hours begin with ``*`` is due at every instant whose local time matches, none or twice at the
edges.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

_DAY = 86_400


def due_times(cron: str, timezone: str, after: float) -> Iterator[int]:
    """Yield the due times after the instant ``after``, without end, or to the last one if the fields have one."""
    fields = cron.split()
    zone = ZoneInfo(timezone)
    if len(fields) != 5 or fields[0].startswith("*") or fields[1].startswith("*"):
        return _every_match(cron, zone, int(after))
    return _once_a_date(cron, zone, int(after))


def _once_a_date(cron: str, zone: ZoneInfo, after: int) -> Iterator[int]:
    # Inside an hour that comes twice, cronsim begins with the first pass again, which may lie before ``after``.
    latest = after
    for local in CronSim(cron, datetime.fromtimestamp(after, zone)):
        due = int(local.timestamp())
        if due > latest:
            latest = due
            yield due


def _every_match(cron: str, zone: ZoneInfo, after: int) -> Iterator[int]:
    """Yield the instants whose local time matches, a day at a time.

    ``cronsim`` matches local times without a zone; with one it goes by whole hours over an edge of half an hour, and misses some.
    """
    begin = after
    while True:
        end = begin + _DAY
        first, last = datetime.fromtimestamp(begin, zone), datetime.fromtimestamp(end, zone)
        edge = abs((last.replace(tzinfo=UTC) - first.replace(tzinfo=UTC)) - timedelta(seconds=_DAY))
        found: list[int] = []
        beyond: datetime | None = None
        for local in CronSim(cron, first.replace(tzinfo=None, fold=0) - edge):
            if local > last.replace(tzinfo=None) + edge:
                beyond = local
                break
            for due in {int(local.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (0, 1)}:
                if begin < due <= end and datetime.fromtimestamp(due, zone).replace(tzinfo=None) == local:
                    found.append(due)
                    if not edge:
                        yield due
        if edge:
            yield from sorted(found)
        if beyond is None:
            return
        begin = end if found or edge else max(end, int(beyond.replace(tzinfo=zone).timestamp()) - _DAY)


def due_between(cron: str, timezone: str, after: float, until: float) -> Iterator[int]:
    """Yield the due times after ``after``, up to and with ``until``, in order."""
    return takewhile(lambda due: due <= until, due_times(cron, timezone, after))
