"""What the ledger says of schedules and their firings, gathered for commands and for metrics as plain data. It writes nothing."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from orchestrator.ledger import FiringRow, FiringState, Ledger, ScheduleRow, SweepRow, is_driven
from orchestrator.occasion_names import is_by_hand, occasion_of
from orchestrator.schedules.due_times import due_times
from orchestrator.search import SweepState

WAITING, LOST = "WAITING", "LOST"


def schedule_record(ledger: Ledger, schedule: ScheduleRow, now: float) -> dict[str, Any]:
    """Return a schedule with its next due time, the sweeps at work and its last firing, JSON-able."""
    last = firing_records(ledger, schedule.name, 1, now)
    return {
        "name": schedule.name,
        "sweep": sweep_name(schedule),
        "cron": schedule.cron,
        "timezone": schedule.timezone,
        "overlap": schedule.overlap,
        "catch_up": schedule.catch_up,
        "address": schedule.address,
        "local_store": schedule.local_store,
        "file": schedule.path,
        "paused": schedule.paused,
        "next": next((occasion_of(due) for due in next_due_times(schedule, now, 1)), None),
        "running": [sweep.occasion for sweep in driven_sweeps(ledger, schedule, now)],
        "last": last[0] if last else None,
    }


def firing_records(ledger: Ledger, schedule: str, limit: int, now: float) -> list[dict[str, Any]]:
    """Return the last firings of a schedule, the latest due first, each with ``standings`` of its sweep, JSON-able."""
    states: dict[str, dict[str, str]] = {}
    records = []
    for firing in ledger.firings.history(schedule, limit):
        sweep = _sweep_of(firing)
        if sweep is not None and sweep not in states:
            states[sweep] = standings(ledger, sweep, now)
        state = states[sweep].get(firing.occasion or "") if sweep is not None else None
        records.append(
            {
                "due": occasion_of(firing.due),
                "state": firing.state.value,
                "late": lateness(firing),
                "submission": firing.submission,
                "sweep": state,
                "message": firing.message or _why_it_failed(ledger, sweep, firing.occasion, state),
            }
        )
    return records


def _why_it_failed(ledger: Ledger, sweep: str | None, occasion: str | None, state: str | None) -> str | None:
    """Return the first line of what a FAILED sweep ended with."""
    if sweep is None or state != SweepState.FAILED.value:
        return None
    reason = ledger.sweep(sweep, occasion).reason
    return reason.splitlines()[0] if reason else None


def next_due_times(schedule: ScheduleRow, now: float, count: int) -> list[int]:
    """Return the next due times of a schedule, were it not paused."""
    return list(islice(due_times(schedule.cron, schedule.timezone, max(now, schedule.since)), count))


def driven_sweeps(ledger: Ledger, schedule: ScheduleRow, now: float) -> list[SweepRow]:
    """Return the occasions of a schedule's sweep whose drivers are at work, the newest first."""
    name = sweep_name(schedule)
    running = [occasion for occasion, state in ledger.occasion_states(name).items() if state is SweepState.RUNNING]
    return [sweep for sweep in (ledger.sweep(name, occasion) for occasion in running) if is_driven(sweep, now)]


def standings(ledger: Ledger, name: str, now: float) -> dict[str, str]:
    """Return how every occasion of a sweep stands, the newest first.

    That is its state in the ledger, but of one that is RUNNING there: WAITING before its first driver, as a job that was
    submitted does, and LOST when its driver has not let itself be heard of within its lease.
    """
    found = {occasion: state.value for occasion, state in ledger.occasion_states(name).items()}
    for occasion, state in found.items():
        if state == SweepState.RUNNING.value:
            sweep = ledger.sweep(name, occasion)
            if not is_driven(sweep, now) and sweep.state is SweepState.RUNNING:
                found[occasion] = WAITING if sweep.attempt == 0 else LOST
    return found


def scheduled_sweeps(ledger: Ledger, schedule: ScheduleRow, now: float) -> Counter[str]:
    """Return how many occasions of a schedule's sweep, those run by hand left out, stand in each of the ``standings``."""
    found = standings(ledger, sweep_name(schedule), now)
    return Counter(state for occasion, state in found.items() if not is_by_hand(occasion))


def lateness(firing: FiringRow) -> float | None:
    """Return how many seconds after its due time a firing was fired, None if it was not."""
    if firing.state is not FiringState.FIRED or firing.finished is None:
        return None
    return max(firing.finished - firing.due, 0.0)


def sweep_name(schedule: ScheduleRow) -> str:
    """Return the name of the sweep that a schedule runs."""
    return str(schedule.spec["sweep"]["name"])


def local_time(due: int, timezone: str) -> str:
    """Return a due time for people, in its schedule's time zone."""
    return f"{datetime.fromtimestamp(due, ZoneInfo(timezone)):%a %Y-%m-%d %H:%M %Z}"


def _sweep_of(firing: FiringRow) -> str | None:
    """Return the name of a firing's sweep, out of the submission's id ``<name>-<occasion>-a<attempt>``."""
    if firing.submission is None or firing.occasion is None:
        return None
    return firing.submission.rpartition(f"-{firing.occasion}-a")[0]
