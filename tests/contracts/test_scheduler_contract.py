"""What schedulers promise, whichever database holds the ledger."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime

import pytest
from fake_launcher import FakeClock, FakeLauncher

from orchestrator.errors import ClusterError, LaunchError, SubmissionError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import FiringState, ScheduleRow
from orchestrator.ledger.tables import SCHEDULES
from orchestrator.schedules.scheduler import CLAIM_SECONDS, LOOK_SECONDS, Scheduler, ask_by_hand
from orchestrator.search.trials import SweepState

HOUR, DAY = 3600, 86400
BEGIN = int(datetime.fromisoformat("2026-11-18T12:00+00:00").timestamp())
FIRST = BEGIN + 14 * HOUR
"""02:00 on the 19th, when the schedule is due for the first time."""


DIES = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
"""For the thread of a scheduler that is killed."""


class World:
    """A ledger with a nightly schedule, a launcher, schedulers, and a clock that moves when told."""

    def __init__(self, url: str) -> None:
        self.clock = FakeClock(BEGIN)
        self.ledger = Ledger(url, self.clock)
        self.launcher = FakeLauncher(self.ledger, self.clock)
        self.scheduler = self.new_scheduler("one")

    def new_scheduler(self, name: str) -> Scheduler:
        return Scheduler(self.ledger, lambda schedule: self.launcher, self.clock, Owner(name, 1))

    def add(self, name: str = "nightly", **changes) -> ScheduleRow:
        settings = {"cron": "0 2 * * *", "timezone": "UTC", "overlap": "forbid", "catch_up": 12 * HOUR} | changes
        return self.ledger.schedules.add(name, spec={"sweep": {"name": "pima"}}, **settings)

    def look(self, now: float | None = None, *others: Scheduler) -> float:
        self.clock.now = self.clock.now if now is None else now
        self.launcher.advance()
        pause = min(scheduler.look() for scheduler in (self.scheduler, *others))
        assert all(scheduler.settle(10) for scheduler in (self.scheduler, *others))
        return pause

    def states(self, name: str = "nightly") -> list[str]:
        return [f"{(firing.due - FIRST) / DAY:+g} {firing.state.value}" for firing in reversed(self.ledger.firings.history(name))]


@pytest.fixture
def world(ledger_url: str) -> Iterator[World]:
    made = World(ledger_url)
    yield made
    made.ledger.close()


def test_nothing_is_fired_before_it_is_due(world: World) -> None:
    world.add()
    assert world.look(FIRST - 1) == 1
    assert world.states() == []


def test_what_is_due_is_fired_once_under_the_name_of_its_due_time(world: World) -> None:
    world.add()
    for seconds in (0, 1, 5, 300, 3000):
        world.look(FIRST + seconds)
    (firing,) = world.ledger.firings.history("nightly")
    assert (firing.state, firing.due, firing.occasion) == (FiringState.FIRED, FIRST, "2026-11-19T02:00Z")
    assert firing.submission == "pima-2026-11-19T02:00Z-a1"
    assert world.launcher.begun == ["2026-11-19T02:00Z"]
    assert world.ledger.sweep("pima", "2026-11-19T02:00Z").state is SweepState.COMPLETED


def test_the_next_look_is_never_later_than_the_next_due_time(world: World) -> None:
    world.add()
    assert world.look(FIRST - 2) == 2
    assert world.look(FIRST - 60) == LOOK_SECONDS
    assert world.look(FIRST + 0.5) == LOOK_SECONDS


def test_a_due_time_missed_while_down_is_fired_once_within_catch_up(world: World) -> None:
    world.add()
    world.look(FIRST + 12 * HOUR)
    world.look(FIRST + 13 * HOUR)
    assert world.states() == ["+0 FIRED"]


def test_a_due_time_missed_by_more_than_catch_up_is_counted(world: World) -> None:
    world.add()
    world.look(FIRST + 2 * DAY + HOUR)
    assert world.states() == ["+0 MISSED", "+1 MISSED", "+2 FIRED"]
    missed = world.ledger.firings.history("nightly")[-1]
    assert missed.message == "no scheduler dealt with it within 43200 s"
    assert world.launcher.begun == ["2026-11-21T02:00Z"]


def test_thousands_of_missed_due_times_are_counted_look_by_look(world: World) -> None:
    world.add(cron="* * * * *", overlap="allow", catch_up=30)
    assert world.look(BEGIN + 2500 * 60) == 0
    while world.look(BEGIN + 2500 * 60) == 0:
        pass
    assert world.ledger.firings.counts() == {("nightly", FiringState.MISSED): 2499, ("nightly", FiringState.FIRED): 1}


def test_forbid_skips_what_comes_due_while_the_sweep_still_runs(world: World) -> None:
    world.add()
    world.launcher.seconds = lambda occasion: 30 * HOUR
    world.look(FIRST)
    for hours in (23.99, 24, 25, 31, 48):
        world.look(FIRST + hours * HOUR)
    assert world.states() == ["+0 FIRED", "+1 SKIPPED", "+2 FIRED"]
    assert world.ledger.firings.history("nightly")[1].message == "pima/2026-11-19T02:00Z was still running"


def test_queue_has_it_wait_for_the_sweep_before(world: World) -> None:
    world.add(overlap="queue")
    world.launcher.seconds = lambda occasion: 30 * HOUR
    world.look(FIRST)
    world.look(FIRST + DAY)
    assert world.states() == ["+0 FIRED", "+1 WAITING"]
    assert world.ledger.firings.open()[0].message == "waits for pima/2026-11-19T02:00Z"
    world.look(FIRST + 29 * HOUR)
    assert world.states()[1] == "+1 WAITING"
    world.look(FIRST + 30 * HOUR + 60)
    assert world.states() == ["+0 FIRED", "+1 FIRED"]


def test_what_waits_longer_than_catch_up_is_missed(world: World) -> None:
    world.add(overlap="queue")
    world.launcher.seconds = lambda occasion: 40 * HOUR
    for hours in (0, 24, 30, 36, 37):
        world.look(FIRST + hours * HOUR)
    assert world.states() == ["+0 FIRED", "+1 MISSED"]
    assert world.ledger.firings.history("nightly")[0].message == "waits for pima/2026-11-19T02:00Z"


def test_allow_fires_beside_the_sweep_before(world: World) -> None:
    world.add(overlap="allow")
    world.launcher.seconds = lambda occasion: 30 * HOUR
    world.look(FIRST)
    world.look(FIRST + DAY)
    assert world.states() == ["+0 FIRED", "+1 FIRED"]
    assert len(world.launcher.running) == 2


def test_allow_starts_one_sweep_after_an_outage_for_all_that_were_missed(world: World) -> None:
    world.add(cron="0 * * * *", overlap="allow")
    world.look(BEGIN + 5 * HOUR + 60)
    firings = list(reversed(world.ledger.firings.history("nightly")))
    assert [firing.state.value for firing in firings] == ["MISSED"] * 4 + ["FIRED"]
    assert {firing.message for firing in firings[:4]} == {"no scheduler began it before a later one was due, which stands for it"}
    assert world.launcher.begun == ["2026-11-18T17:00Z"], "the latest one"
    world.look(BEGIN + 6 * HOUR)
    assert world.launcher.begun == ["2026-11-18T17:00Z", "2026-11-18T18:00Z"]


def test_allow_starts_one_sweep_after_an_outage_longer_than_a_look_sees(world: World) -> None:
    world.add(cron="* * * * *", overlap="allow", catch_up=2 * DAY)
    for _ in range(4):
        world.look(BEGIN + 2500 * 60)
    assert world.ledger.firings.counts() == {("nightly", FiringState.MISSED): 2499, ("nightly", FiringState.FIRED): 1}
    assert world.launcher.begun == ["2026-11-20T05:40Z"]


def test_allow_starts_one_sweep_when_the_cluster_is_back(world: World) -> None:
    world.add(cron="0 * * * *", overlap="allow")
    world.launcher.failures = [ClusterError("the head is away")] * 1000
    for seconds in range(0, 3 * HOUR + 1200, 300):
        world.look(BEGIN + seconds)
    world.launcher.failures.clear()
    for seconds in range(3 * HOUR + 1200, 4 * HOUR + 1200, 300):
        world.look(BEGIN + seconds)
    states = [state.split()[1] for state in world.states()]
    assert states == ["MISSED", "MISSED", "FIRED", "FIRED"]
    assert world.launcher.begun == ["2026-11-18T15:00Z", "2026-11-18T16:00Z"]
    assert world.ledger.firings.history("nightly")[-1].message == "the head is away"


def test_a_firing_by_hand_under_allow_does_not_give_way_to_the_next(world: World) -> None:
    schedule = world.add(overlap="allow")
    for seconds in (100, 101):
        world.clock.now = BEGIN + seconds
        ask_by_hand(world.ledger, schedule, world.clock)
    world.look(BEGIN + 105)
    assert len(world.launcher.begun) == 2


def test_a_sweep_run_by_hand_counts_as_overlap(world: World) -> None:
    world.add()
    world.clock.now = FIRST - 30
    world.ledger.claim_sweep("pima", {}, None, Owner("somebody", 1), 60)
    world.look(FIRST)
    assert world.states() == ["+0 SKIPPED"]
    assert world.ledger.firings.history("nightly")[0].message == "pima/manual-1 was still running"


def test_a_sweep_whose_driver_is_gone_does_not_count_as_overlap(world: World) -> None:
    world.add()
    world.look(FIRST)
    world.launcher.running.clear()  # its driver was killed, and the ledger still says RUNNING
    world.look(FIRST + DAY)
    assert world.states() == ["+0 FIRED", "+1 FIRED"]


def test_due_times_that_were_all_missed_do_not_overlap_either(world: World) -> None:
    world.add(cron="0 * * * *")
    world.look(BEGIN + 3 * HOUR)
    states = [state.split()[1] for state in world.states()]
    assert states == ["FIRED", "SKIPPED", "SKIPPED"]


def test_a_failing_launch_is_repeated_after_growing_pauses(world: World) -> None:
    world.add()
    world.launcher.failures = [ClusterError("the head is away")] * 4
    world.look(FIRST)
    pauses = []
    while world.states() == ["+0 WAITING"]:
        (waiting,) = world.ledger.firings.open()
        assert waiting.message == "the head is away"
        assert waiting.not_before is not None
        pauses.append(round(waiting.not_before - world.clock.now))
        world.look(waiting.not_before - 0.1)
        world.look(waiting.not_before)
    assert pauses == [10, 10, 20, 40]
    assert world.states() == ["+0 FIRED"]
    assert world.ledger.firings.history("nightly")[0].message is None


def test_a_launch_that_goes_on_failing_is_given_up_when_catch_up_is_over(world: World) -> None:
    world.add(catch_up=2 * HOUR)
    world.launcher.failures = [ClusterError("the head is away")] * 100
    while world.states() in ([], ["+0 WAITING"]):
        world.look(max(world.clock.now + 1, FIRST, *(firing.not_before or 0 for firing in world.ledger.firings.open())))
    (firing,) = world.ledger.firings.history("nightly")
    assert (firing.state, firing.message) == (FiringState.FAILED, "the head is away")
    assert HOUR < world.clock.now - FIRST <= 2 * HOUR
    world.launcher.failures.clear()
    world.look(FIRST + DAY)
    assert world.states() == ["+0 FAILED", "+1 FIRED"], "the night after is none the worse"


@pytest.mark.parametrize("error", [LaunchError("no such column", 2), SubmissionError("sweep.yaml", [("ledger", "is local")])])
def test_a_launch_with_wrong_input_is_given_up_at_once(world: World, error: Exception) -> None:
    world.add()
    world.launcher.failures = [error]
    world.look(FIRST)
    assert world.states() == ["+0 FAILED"]
    assert world.ledger.firings.history("nightly")[0].message == str(error)


def test_a_launcher_with_a_bug_ends_no_scheduler(world: World) -> None:
    world.add()
    world.launcher.failures = [RuntimeError("a bug")]
    world.look(FIRST)
    world.look(FIRST + 10)
    assert world.states() == ["+0 FIRED"]


def test_paused_schedules_fire_nothing_and_make_up_for_nothing(world: World) -> None:
    world.add()
    world.ledger.schedules.pause("nightly")
    world.look(FIRST)
    world.clock.now = FIRST + HOUR
    world.ledger.schedules.resume("nightly")
    world.look(FIRST + 2 * HOUR)
    assert world.states() == []
    world.look(FIRST + DAY)
    assert world.states() == ["+1 FIRED"]


def test_a_paused_schedule_keeps_what_waits_until_it_is_resumed(world: World) -> None:
    world.add()
    world.launcher.failures = [ClusterError("the head is away")]
    world.look(FIRST)
    world.ledger.schedules.pause("nightly")
    world.look(FIRST + HOUR)
    assert world.states() == ["+0 WAITING"]
    world.ledger.schedules.resume("nightly")
    world.look(FIRST + HOUR)
    assert world.states() == ["+0 FIRED"]


def test_what_waits_for_a_removed_schedule_is_skipped(world: World) -> None:
    world.add()
    world.launcher.failures = [ClusterError("the head is away")]
    world.look(FIRST)
    world.ledger.schedules.remove("nightly")
    world.look(FIRST + HOUR)
    assert world.states() == ["+0 SKIPPED"]


def test_a_firing_asked_for_by_hand_is_begun_by_the_next_look(world: World) -> None:
    schedule = world.add()
    for seconds in (100, 100.5, 101):
        world.clock.now = BEGIN + seconds
        ask_by_hand(world.ledger, schedule, world.clock)
    world.look(BEGIN + 105)
    assert [firing.state for firing in reversed(world.ledger.firings.history("nightly"))] == [
        FiringState.FIRED,
        FiringState.SKIPPED,
    ]
    assert world.launcher.begun == ["2026-11-18T12:01:40Z"]


@DIES
@pytest.mark.parametrize("killed", ["before", "after"])
def test_a_scheduler_killed_while_it_fires_leaves_one_sweep(world: World, killed: str) -> None:
    world.add()
    occasion = "2026-11-19T02:00Z"
    getattr(world.launcher, f"killed_{killed}").add(occasion)
    world.look(FIRST)
    assert world.states() == ["+0 CLAIMED"]
    world.scheduler = world.new_scheduler("two")
    world.look(FIRST + CLAIM_SECONDS - 1)
    assert world.states() == ["+0 CLAIMED"], "it may still be at work"
    world.look(FIRST + CLAIM_SECONDS)
    assert world.states() == ["+0 FIRED"]
    assert world.launcher.begun == [occasion]
    assert world.ledger.sweep("pima", occasion).attempt == 1


@DIES
def test_a_sweep_begun_by_a_scheduler_that_died_and_was_long_away_counts_as_fired(world: World) -> None:
    world.add()
    world.launcher.killed_after.add("2026-11-19T02:00Z")
    world.look(FIRST)
    world.look(FIRST + 13 * HOUR)
    assert world.states() == ["+0 FIRED"]


@DIES
@pytest.mark.parametrize("ended", [SweepState.FAILED, SweepState.STOPPED])
@pytest.mark.parametrize("manual", [False, True], ids=["alone", "beside a run by hand"])
def test_a_sweep_begun_by_a_scheduler_that_died_is_not_begun_again(world: World, ended: SweepState, *, manual: bool) -> None:
    world.add()
    occasion = "2026-11-19T02:00Z"
    world.launcher.killed_after.add(occasion)
    world.look(FIRST)
    world.ledger.finish_sweep(world.launcher.running.pop(), ended)
    if manual:
        world.clock.now = FIRST + CLAIM_SECONDS - 1
        world.ledger.claim_sweep("pima", {}, None, Owner("somebody", 1), 60, new=True)
    world.look(FIRST + CLAIM_SECONDS)
    assert world.states() == ["+0 FIRED"]
    assert world.launcher.begun == [occasion]
    assert world.ledger.sweep("pima", occasion).state is ended


def test_four_schedulers_that_look_at_the_same_moment_fire_once(world: World) -> None:
    world.add(cron="*/10 * * * *", overlap="allow")
    schedulers = [world.new_scheduler(name) for name in ("two", "three", "four", "five")]
    for number in range(1, 13):
        world.clock.now = BEGIN + number * 600
        barrier = threading.Barrier(len(schedulers))

        def look(scheduler: Scheduler, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            scheduler.look()

        threads = [threading.Thread(target=look, args=(scheduler,)) for scheduler in schedulers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert all(scheduler.settle(10) for scheduler in schedulers)
    assert len(world.launcher.begun) == len(set(world.launcher.begun)) == 12
    assert world.ledger.firings.counts() == {("nightly", FiringState.FIRED): 12}


def test_a_schedule_that_cannot_be_read_does_not_keep_others_from_firing(world: World) -> None:
    world.add("broken", timezone="Europe/Atlantis")
    world.add()
    world.look(FIRST)
    assert world.states() == ["+0 FIRED"]
    assert world.scheduler.trouble is not None
    assert "Europe/Atlantis" in world.scheduler.trouble


def test_the_scheduler_goes_on_when_the_ledger_was_away_for_a_while(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.schedules.scheduler.LOOK_SECONDS", 0.02)
    stop = threading.Event()
    with world.ledger._database.write() as connection:
        SCHEDULES.drop(connection)
    thread = threading.Thread(target=world.scheduler.run, args=(stop,))
    thread.start()
    try:
        wait_until(lambda: world.scheduler.trouble is not None)
        assert "cannot be read" in str(world.scheduler.trouble)
        with world.ledger._database.write() as connection:
            SCHEDULES.create(connection)
        world.add()
        world.clock.now = FIRST
        wait_until(lambda: world.states() == ["+0 FIRED"])
        wait_until(lambda: world.scheduler.trouble is None)  # said at the end of a look, which begins sweeps in threads
    finally:
        stop.set()
        thread.join(5)
    assert not thread.is_alive()


def wait_until(true) -> None:
    for _ in range(500):
        if true():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come about within 5 s")
