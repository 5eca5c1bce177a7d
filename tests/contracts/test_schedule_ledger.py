"""What every ledger promises of schedules, firings and submissions, on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from orchestrator.errors import NotFoundError, SweepMismatchError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import FiringRow, FiringState, SubmissionState
from orchestrator.search.trials import SweepState

HERE = Owner("here", 11)
THERE = Owner("there", 22)
LEASE = 60.0
NIGHT = int(datetime(2030, 1, 1, 1, tzinfo=UTC).timestamp())
DAY = 86_400
NIGHTLY = {"cron": "0 2 * * *", "timezone": "Europe/Berlin", "overlap": "forbid", "catch_up": 43_200.0}


@dataclass
class FakeClock:
    now: float = NIGHT + 0.5

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def ledger(ledger_url: str, clock: FakeClock) -> Iterator[Ledger]:
    with Ledger(ledger_url, clock) as opened:
        yield opened


def claimed(ledger: Ledger, due: int = NIGHT, owner: Owner = HERE) -> FiringRow:
    firing = ledger.firings.claim("nightly", due, owner, LEASE)
    assert firing is not None
    return firing


# --- schedules ----------------------------------------------------------------------------------------------------------------


def test_a_schedule_comes_back_as_it_was_added(ledger: Ledger, clock: FakeClock) -> None:
    added = ledger.schedules.add(
        "nightly", spec={"name": "pima", "seed": 7}, path="pima.yaml", address="http://head:8265", **NIGHTLY
    )
    assert (added.cron, added.timezone, added.overlap, added.catch_up) == ("0 2 * * *", "Europe/Berlin", "forbid", 43_200.0)
    assert (added.spec, added.path, added.address) == ({"name": "pima", "seed": 7}, "pima.yaml", "http://head:8265")
    assert (added.paused, added.since, added.created) == (False, NIGHT, clock.now)
    assert ledger.schedules.get("nightly") == added
    ledger.schedules.add("hourly", spec={}, **NIGHTLY)
    assert [schedule.name for schedule in ledger.schedules.all()] == ["hourly", "nightly"]


def test_a_schedule_added_again_is_changed_and_forgets_no_due_time(ledger: Ledger, clock: FakeClock) -> None:
    first = ledger.schedules.add("nightly", spec={"seed": 7}, **NIGHTLY)
    ledger.schedules.pause("nightly")
    clock.now += DAY
    again = ledger.schedules.add("nightly", spec={"seed": 8}, **{**NIGHTLY, "overlap": "queue"})
    assert again == replace(first, spec={"seed": 8}, overlap="queue", paused=True)
    moved = ledger.schedules.add("nightly", spec={"seed": 8}, **{**NIGHTLY, "cron": "0 3 * * *"})
    assert moved.since == NIGHT + DAY, "due times of the new cron begin now"


def test_a_schedule_with_an_unknown_overlap_is_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match=r"overlap must be one of \('forbid', 'queue', 'allow'\)\. Got 'maybe'"):
        ledger.schedules.add("nightly", spec={}, **{**NIGHTLY, "overlap": "maybe"})


def test_what_came_due_during_a_pause_is_not_made_up_for(ledger: Ledger, clock: FakeClock) -> None:
    ledger.schedules.add("nightly", spec={}, **NIGHTLY)
    assert ledger.schedules.pause("nightly").paused
    clock.now += 3 * DAY
    resumed = ledger.schedules.resume("nightly")
    assert (resumed.paused, resumed.since) == (False, NIGHT + 3 * DAY)
    clock.now += DAY
    assert ledger.schedules.resume("nightly") == resumed, "resuming what is not paused changes nothing"


def test_due_times_are_considered_once_and_never_again(ledger: Ledger) -> None:
    ledger.schedules.add("nightly", spec={}, **NIGHTLY)
    ledger.schedules.considered("nightly", NIGHT + DAY)
    ledger.schedules.considered("nightly", NIGHT + 5)
    assert ledger.schedules.get("nightly").since == NIGHT + DAY


def test_a_removed_schedule_leaves_its_history(ledger: Ledger) -> None:
    ledger.schedules.add("nightly", spec={}, **NIGHTLY)
    ledger.firings.finish(claimed(ledger), FiringState.FIRED)
    ledger.schedules.remove("nightly")
    assert ledger.schedules.all() == []
    assert [firing.due for firing in ledger.firings.history("nightly")] == [NIGHT]


@pytest.mark.parametrize("call", ["get", "pause", "resume", "remove"])
def test_an_unknown_schedule_is_said_with_what_comes_near(ledger: Ledger, call: str) -> None:
    ledger.schedules.add("nightly", spec={}, **NIGHTLY)
    with pytest.raises(NotFoundError, match=r"no schedule 'nigthly'\. Near to it: 'nightly'\. `kerasweep schedule list`"):
        getattr(ledger.schedules, call)("nigthly")


# --- firings ------------------------------------------------------------------------------------------------------------------


def test_a_due_time_is_claimed_once(ledger: Ledger, clock: FakeClock) -> None:
    firing = claimed(ledger)
    assert (firing.schedule, firing.due, firing.state, firing.attempt) == ("nightly", NIGHT, FiringState.CLAIMED, 1)
    assert (firing.owner, firing.created, firing.not_before) == ("here (pid 11)", clock.now, clock.now + LEASE)
    assert ledger.firings.claim("nightly", NIGHT, THERE, LEASE) is None
    assert ledger.firings.claim("nightly", NIGHT, HERE, LEASE) is None
    assert ledger.firings.claim("nightly", NIGHT + DAY, THERE, LEASE) is not None
    assert ledger.firings.claim("hourly", NIGHT, THERE, LEASE) is not None


@pytest.mark.parametrize("state", [state for state in FiringState if state.final])
def test_a_due_time_that_is_done_with_stays_so(ledger: Ledger, clock: FakeClock, state: FiringState) -> None:
    firing = claimed(ledger)
    assert ledger.firings.finish(firing, state, "said \x00")
    clock.now += 10 * LEASE
    assert ledger.firings.claim("nightly", NIGHT, THERE, LEASE) is None
    assert not ledger.firings.finish(firing, FiringState.FIRED)
    assert not ledger.firings.postpone(firing, 0.0, "late")
    assert ledger.firings.miss("nightly", [NIGHT], "late") == 0
    (kept,) = ledger.firings.history("nightly")
    assert (kept.state, kept.message, kept.owner, kept.not_before) == (state, "said \\x00", None, None)
    assert kept.finished == clock.now - 10 * LEASE


def test_a_claim_whose_scheduler_stays_away_is_taken_over_with_what_it_was_about_to_send(
    ledger: Ledger, clock: FakeClock
) -> None:
    late = claimed(ledger)
    clock.now += LEASE - 1
    assert ledger.firings.name_submission(late, "2030-01-01T01:00Z", "pima-2030-01-01T01:00Z-a1", LEASE)
    clock.now += LEASE - 1
    assert ledger.firings.claim("nightly", NIGHT, THERE, LEASE) is None, "naming the submission has renewed the claim"
    clock.now += 1
    now = claimed(ledger, owner=THERE)
    assert (now.attempt, now.occasion, now.submission) == (2, "2030-01-01T01:00Z", "pima-2030-01-01T01:00Z-a1")
    assert not ledger.firings.finish(late, FiringState.FAILED, "woke up late")
    assert not ledger.firings.postpone(late, clock.now, "woke up late")
    assert not ledger.firings.name_submission(late, "x", "y", LEASE)
    assert ledger.firings.finish(now, FiringState.FIRED)
    assert [(firing.state, firing.submission) for firing in ledger.firings.history("nightly")] == [
        (FiringState.FIRED, "pima-2030-01-01T01:00Z-a1")
    ]


def test_a_claim_whose_scheduler_is_seen_to_be_gone_is_taken_over_at_once(ledger: Ledger) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    claimed(ledger, owner=replace(Owner.current(), pid=process.pid))
    assert claimed(ledger, owner=THERE).attempt == 2


def test_a_postponed_firing_waits_for_its_time_and_then_for_anybody(ledger: Ledger, clock: FakeClock) -> None:
    assert ledger.firings.postpone(claimed(ledger), clock.now + 300, "the head does not answer")
    (waiting,) = ledger.firings.open()
    assert (waiting.state, waiting.message, waiting.owner) == (FiringState.WAITING, "the head does not answer", None)
    clock.now += 299
    assert ledger.firings.claim("nightly", NIGHT, THERE, LEASE) is None
    clock.now += 1
    assert claimed(ledger, owner=THERE).attempt == 2


def test_missed_due_times_are_written_down_once(ledger: Ledger) -> None:
    claimed(ledger, NIGHT)
    nights = [NIGHT + DAY * number for number in range(700)]
    assert ledger.firings.miss("nightly", nights, "no scheduler ran") == 699
    assert ledger.firings.miss("nightly", nights, "no scheduler ran") == 0
    assert ledger.firings.miss("nightly", [], "nothing") == 0
    assert ledger.firings.counts() == {("nightly", FiringState.CLAIMED): 1, ("nightly", FiringState.MISSED): 699}


def test_a_firing_cannot_finish_as_open(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="FIRED, MISSED, SKIPPED or FAILED"):
        ledger.firings.finish(claimed(ledger), FiringState.WAITING)


def test_open_firings_come_earliest_first_and_history_latest_first(ledger: Ledger, clock: FakeClock) -> None:
    for number in (2, 0, 1):
        claimed(ledger, NIGHT + number)
    ledger.firings.finish(claimed(ledger, NIGHT + 3), FiringState.SKIPPED)
    assert [firing.due - NIGHT for firing in ledger.firings.open()] == [0, 1, 2]
    assert [firing.due - NIGHT for firing in ledger.firings.history("nightly")] == [3, 2, 1, 0]
    assert [firing.due - NIGHT for firing in ledger.firings.history("nightly", limit=2)] == [3, 2]
    assert ledger.firings.history("hourly") == []


# --- submissions --------------------------------------------------------------------------------------------------------------


def submit(ledger: Ledger, identity=None, **more):
    return ledger.submissions.claim("pima", {"name": "pima"}, identity or {"seed": 7}, **more)


def test_a_submission_is_claimed_before_anything_is_sent(ledger: Ledger, clock: FakeClock) -> None:
    first = submit(ledger, address="http://head:8265")
    assert first is not None
    assert (first.id, first.name, first.occasion, first.attempt) == ("pima-manual-1-a1", "pima", "manual-1", 1)
    assert (first.state, first.address, first.created) == (SubmissionState.CLAIMED, "http://head:8265", clock.now)
    sweep = ledger.sweep("pima")
    assert (sweep.id, sweep.state, sweep.attempt, sweep.owner) == (first.sweep, SweepState.RUNNING, 0, None)


def test_a_repeated_submit_is_the_same_one(ledger: Ledger) -> None:
    first = submit(ledger)
    assert submit(ledger) == first
    assert first is not None
    assert ledger.submissions.mark_sent(first.id)
    assert not ledger.submissions.mark_sent(first.id)
    again = submit(ledger)
    assert again == replace(first, state=SubmissionState.SENT)
    assert len(ledger.sweeps()) == 1


def test_after_a_stop_the_next_submit_is_the_next_attempt_of_the_same_occasion(ledger: Ledger) -> None:
    submit(ledger)
    driver = ledger.claim_sweep("pima", {}, {"seed": 7}, HERE, LEASE, occasion="manual-1")
    ledger.finish_sweep(driver, SweepState.STOPPED, "stopped by its owner")
    second = submit(ledger)
    assert second is not None
    assert (second.id, second.sweep) == ("pima-manual-1-a2", driver.id)
    assert [row.id for row in ledger.submissions.of_sweep(driver.id)] == ["pima-manual-1-a2", "pima-manual-1-a1"]
    assert ledger.submissions.get("pima-manual-1-a1").state is SubmissionState.ENDED


def test_after_a_lost_head_the_next_submit_is_the_next_attempt(ledger: Ledger) -> None:
    first = submit(ledger)
    assert first is not None
    assert ledger.submissions.end(first.id, "the head was lost")
    assert not ledger.submissions.end(first.id)
    assert not ledger.submissions.mark_sent(first.id)
    assert ledger.submissions.get(first.id).message == "the head was lost"
    second = submit(ledger)
    assert second is not None
    assert second.id == "pima-manual-1-a2"


def test_a_completed_occasion_is_not_submitted_again_but_the_next_is(ledger: Ledger) -> None:
    submit(ledger, occasion="2030-01-01T01:00Z")
    driver = ledger.claim_sweep("pima", {}, {"seed": 7}, HERE, LEASE, occasion="2030-01-01T01:00Z")
    ledger.finish_sweep(driver, SweepState.COMPLETED)
    assert submit(ledger, occasion="2030-01-01T01:00Z") is None
    following = submit(ledger)
    assert following is not None
    assert following.id == "pima-manual-1-a1"
    beside = submit(ledger, new=True)
    assert beside is not None
    assert beside.id == "pima-manual-2-a1"


def test_a_submit_with_another_identity_is_refused(ledger: Ledger) -> None:
    submit(ledger)
    with pytest.raises(SweepMismatchError, match="seed: was 7, now 8"):
        submit(ledger, identity={"seed": 8})


def test_an_unknown_submission_is_said(ledger: Ledger) -> None:
    with pytest.raises(NotFoundError, match="no submission 'pima-manual-1-a1'"):
        ledger.submissions.get("pima-manual-1-a1")
