"""Due times through every change of clocks from 2020 to 2035, in every time zone there is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import islice
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.occasion_names import occasion_of
from orchestrator.schedules.due_times import due_between, due_times

FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
DAY = 86400


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@cache
def changes(zone: str) -> tuple[int, ...]:
    """Return a day in whose course the zone's offset from UTC changes, for every change."""
    info, found = ZoneInfo(zone), []
    step, day = timedelta(days=1), FIRST
    before = info.utcoffset(day.astimezone(info))
    while day < LAST:
        day += step
        now = info.utcoffset(day.astimezone(info))
        if now != before:
            found.append(int(day.timestamp()) - DAY)
        before = now
    return tuple(found)


@cache
def zones_that_change() -> dict[str, tuple[int, ...]]:
    """Return one zone for every different history of changes."""
    histories: dict[tuple[object, ...], str] = {}
    for zone in sorted(available_timezones()):
        info = ZoneInfo(zone)
        offsets = tuple(
            datetime.fromtimestamp(day + hours * 3600, info).utcoffset() for day in changes(zone) for hours in (0, 24)
        )
        if offsets:
            histories.setdefault((changes(zone), offsets), zone)
    return {zone: changes(zone) for zone in histories.values()}


def local_dates(cron: str, zone: str, day: int) -> Iterator[tuple[date, int]]:
    """Yield (local date, how often it was due) for whole local dates from three days before ``day`` to three days after it."""
    info = ZoneInfo(zone)
    dues = [datetime.fromtimestamp(due, info) for due in due_between(cron, zone, day - 5 * DAY, day + 5 * DAY)]
    counted = Counter(due.date() for due in dues)
    middle = datetime.fromtimestamp(day, info).date()
    for number in range(-3, 4):
        one = middle + timedelta(days=number)
        yield one, counted[one]


def test_there_are_changes_to_look_at() -> None:
    assert len(zones_that_change()) > 40, "histories of changes that differ"
    assert len(changes("Europe/Berlin")) == 32
    assert changes("Asia/Tokyo") == ()


@pytest.mark.parametrize("time", ["30 2", "0 2", "59 1", "0 0", "30 0"])
def test_a_nightly_job_is_due_once_on_every_local_date_around_every_change(time: str) -> None:
    wrong = [
        (zone, day, times)
        for zone, days in zones_that_change().items()
        for change in days
        for day, times in local_dates(f"{time} * * *", zone, change)
        if times != 1
    ]
    assert wrong == []


def test_0230_in_berlin_on_every_date_of_sixteen_years() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    dues = [
        datetime.fromtimestamp(due, berlin)
        for due in due_between("30 2 * * *", "Europe/Berlin", FIRST.timestamp(), LAST.timestamp())
    ]
    days = (LAST - FIRST).days
    assert [due.date() for due in dues] == [date(2020, 1, 1) + timedelta(days=number) for number in range(days)]
    assert Counter(due.strftime("%H:%M") for due in dues) == {"02:30": days - 16, "03:00": 16}, "03:00 where there is no 02:30"


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00+01:00", ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00+02:00", ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-25T02:15+01:00", ["2026-10-26T02:30+01:00"]),
        ("0 3 * * *", "Australia/Lord_Howe", "2026-10-03T12:00+10:30", ["2026-10-04T03:00+11:00"]),
        ("*/30 1-3 * * *", "America/New_York", "2026-11-01T01:15-04:00", ["2026-11-01T01:30-04:00", "2026-11-01T01:00-05:00"]),
        ("*/30 1 * * *", "Australia/Lord_Howe", "2026-04-05T01:10+11:00", ["2026-04-05T01:30+11:00", "2026-04-05T01:30+10:30"]),
        ("*/30 23 * * *", "Australia/Lord_Howe", "2026-04-05T00:00+11:00", ["2026-04-05T23:00+10:30", "2026-04-05T23:30+10:30"]),
        ("*/30 2 * * *", "Europe/Berlin", "2026-03-28T12:00+01:00", ["2026-03-30T02:00+02:00", "2026-03-30T02:30+02:00"]),
        ("0 2 * * *", "UTC", "2026-11-19T02:00+00:00", ["2026-11-20T02:00+00:00"]),
        ("0 2 1 * MON", "UTC", "2026-11-24T00:00+00:00", ["2026-11-30T02:00+00:00", "2026-12-01T02:00+00:00"]),
        ("0 12 29 2 *", "UTC", "2025-01-01T00:00+00:00", ["2028-02-29T12:00+00:00", "2032-02-29T12:00+00:00"]),
    ],
)
def test_due_times_by_example(cron: str, zone: str, after: str, expected: list[str]) -> None:
    assert list(islice(due_times(cron, zone, instant(after)), len(expected))) == [instant(text) for text in expected]


def test_the_end_belongs_to_what_is_due_and_the_beginning_does_not() -> None:
    two = instant("2026-11-20T02:00+00:00")
    assert list(due_between("0 2 * * *", "UTC", two - DAY, two)) == [two]
    assert list(due_between("0 2 * * *", "UTC", two, two + DAY - 1)) == []
    assert list(due_between("0 2 * * *", "UTC", two - 0.5, two)) == [two], "fractions of a second count"


MINUTES = st.sampled_from(["0", "30", "*/15", "15,45", "*", "59"])
HOURS = st.sampled_from(["*", "2", "0-3", "*/2", "1,2,3", "23", "0"])
EDGES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo", "Asia/Beirut"]
)


CRONS = st.tuples(MINUTES, HOURS).map(lambda fields: f"{fields[0]} {fields[1]} * * *")
DAYS = st.tuples(st.floats(-2, 3), st.floats(0, 3), st.floats(0, 3))


@settings(max_examples=150, deadline=None)
@given(CRONS, EDGES, st.integers(0, 31), DAYS)
def test_what_is_due_does_not_depend_on_how_often_one_looks(
    cron: str, zone: str, number: int, days: tuple[float, float, float]
) -> None:
    change, (start, first, second) = changes(zone)[number % len(changes(zone))], days
    begin = change + start * DAY
    middle, end = begin + first * DAY, begin + (first + second) * DAY
    whole = list(due_between(cron, zone, begin, end))
    assert whole == sorted(set(whole))
    assert [*due_between(cron, zone, begin, middle), *due_between(cron, zone, middle, end)] == whole


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/Havana", "Africa/Cairo"])
def test_a_job_with_a_star_is_due_at_every_instant_whose_local_time_matches(zone: str) -> None:
    for change in changes(zone)[:4]:
        minutes = range(int(change) - 2 * DAY, int(change) + 2 * DAY, 60)
        local = {at: datetime.fromtimestamp(at, ZoneInfo(zone)) for at in minutes}
        for hours, matches in (("0-2", range(3)), ("23", [23]), ("*/6", range(0, 24, 6))):
            expected = [at for at, time in local.items() if time.minute % 15 == 0 and time.hour in matches]
            assert list(due_between(f"*/15 {hours} * * *", zone, minutes[0] - 60, minutes[-1])) == expected


def test_an_occasion_is_named_by_its_due_time() -> None:
    assert occasion_of(instant("2026-11-20T03:00+01:00")) == "2026-11-20T02:00Z"
    assert occasion_of(instant("2026-11-20T02:00:07+00:00")) == "2026-11-20T02:00:07Z"
