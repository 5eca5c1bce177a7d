"""A month of nights by a clock that is moved: schedulers killed and started at will, an outage of two days, one slow sweep."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

import pytest
from fake_launcher import FakeClock, FakeLauncher
from rich.console import Console

from orchestrator.cli.schedules import history_row
from orchestrator.errors import ClusterError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.results.display import table
from orchestrator.schedules.reading import firing_records
from orchestrator.schedules.scheduler import Scheduler

STEP, HOUR = 30 * 60, 3600
HISTORY = """
2026-03-01T01:30Z FIRED 0 s COMPLETED
2026-03-02T01:30Z FIRED 0 s COMPLETED
2026-03-03T01:30Z FIRED 0 s COMPLETED
2026-03-04T01:30Z FIRED 0 s COMPLETED
2026-03-05T01:30Z FIRED 30 min 00 s COMPLETED
2026-03-06T01:30Z FIRED 30 min 00 s COMPLETED
2026-03-07T01:30Z FIRED 0 s COMPLETED
2026-03-08T01:30Z FIRED 0 s COMPLETED
2026-03-09T01:30Z FIRED 0 s COMPLETED
2026-03-10T01:30Z FIRED 0 s COMPLETED
2026-03-11T01:30Z MISSED - - no scheduler dealt with it within 43200 s
2026-03-12T01:30Z FIRED 10 h 30 min COMPLETED
2026-03-13T01:30Z FIRED 0 s COMPLETED
2026-03-14T01:30Z FIRED 0 s COMPLETED
2026-03-15T01:30Z FIRED 0 s COMPLETED
2026-03-16T01:30Z FIRED 0 s COMPLETED
2026-03-17T01:30Z FIRED 0 s COMPLETED
2026-03-18T01:30Z SKIPPED - - nightly/2026-03-17T01:30Z was still running
2026-03-19T01:30Z FIRED 0 s COMPLETED
2026-03-20T01:30Z FIRED 0 s COMPLETED
2026-03-21T01:30Z FIRED 1 h 30 min COMPLETED
2026-03-22T01:30Z FIRED 0 s COMPLETED
2026-03-23T01:30Z FIRED 0 s COMPLETED
2026-03-24T01:30Z FIRED 0 s COMPLETED
2026-03-25T01:30Z FIRED 0 s COMPLETED
2026-03-26T01:30Z FIRED 0 s COMPLETED
2026-03-27T01:30Z FIRED 0 s COMPLETED
2026-03-28T01:30Z FIRED 0 s COMPLETED
2026-03-29T01:00Z FIRED 0 s COMPLETED
2026-03-30T00:30Z FIRED 0 s COMPLETED
2026-03-31T00:30Z FIRED 0 s COMPLETED
"""


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # a scheduler that is killed
def test_a_month_of_nights(ledger_url: str, show: Callable[[str], None]) -> None:
    random, numbers = Random(7), iter(range(1, 10_000))  # noqa: S311 (when to kill)
    clock = FakeClock(instant("2026-02-28T12:00"))
    with Ledger(ledger_url, clock) as ledger:
        launcher = FakeLauncher(
            ledger,
            clock,
            seconds=lambda occasion: 30 * HOUR if occasion.startswith("2026-03-17") else 3 * HOUR,
            killed_before={"2026-03-05T01:30Z"},
            killed_after={"2026-03-06T01:30Z"},
        )

        def started() -> Scheduler:
            return Scheduler(ledger, lambda schedule: launcher, clock, Owner(f"host-{next(numbers)}", 1))

        ledger.schedules.add(
            "nightly",
            spec={"sweep": {"name": "nightly"}},
            cron="30 2 * * *",
            timezone="Europe/Berlin",
            overlap="forbid",
            catch_up=12 * HOUR,
        )
        schedulers, restarts = [started(), started()], 0
        while clock.now < instant("2026-03-31T12:00"):
            clock.now += STEP
            launcher.advance()
            if clock.now == instant("2026-03-21T01:00"):
                launcher.failures = [ClusterError("the head is away")] * 3
            if instant("2026-03-10T12:00") <= clock.now < instant("2026-03-12T12:00"):
                continue
            if random.random() < 0.05:
                schedulers[random.randrange(2)] = started()
                restarts += 1
            random.shuffle(schedulers)
            for scheduler in schedulers:
                scheduler.look()
                assert scheduler.settle(10)
        rows = [history_row(record) for record in reversed(firing_records(ledger, "nightly", 100, clock.now))]
        begun = launcher.begun
    with (console := Console(width=130)).capture() as printed:
        console.print(table(rows, title=f"A month of nights on {ledger_url.partition(':')[0]}"))
    show(printed.get())
    assert [" ".join(row.values()).strip() for row in rows] == HISTORY.strip().splitlines()
    assert restarts > 50
    assert begun == [row["due"] for row in rows if row["firing"] == "FIRED"], "each once, in order"
