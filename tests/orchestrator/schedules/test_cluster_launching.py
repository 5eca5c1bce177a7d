"""Due sweeps as jobs of a cluster: one job each, whoever asks again, and overlap judged by ledger and cluster together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from broken_specs import BUILDER, ROWS, sound
from fake_jobs import FakeJobs
from fake_launcher import FakeClock

from orchestrator.cluster.jobs import JobState
from orchestrator.errors import ClusterError, SubmissionError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import FiringRow, FiringState, SweepRow
from orchestrator.schedules.cluster_launching import JobLauncher
from orchestrator.schedules.launching import Order
from orchestrator.schedules.reading import firing_records, scheduled_sweeps
from orchestrator.schedules.scheduler import Scheduler
from orchestrator.search.trials import SweepState
from orchestrator.spec.loading import load_spec

OCCASION = "2026-11-20T02:00Z"


@pytest.fixture
def ledger(postgres_url: str) -> Iterator[Ledger]:
    with Ledger(postgres_url) as opened:
        yield opened


@pytest.fixture
def order(tmp_path: Path, postgres_url: str) -> Order:
    (tmp_path / "data.csv").write_text("\n".join(ROWS) + "\n")
    (tmp_path / "models.py").write_text(BUILDER)
    mapping = sound() | {"ledger": postgres_url, "tracking": {"uri": "http://mlflow:5000"}}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(mapping))
    return Order(spec=load_spec(tmp_path / "sweep.yaml").record(), occasion=OCCASION, address="http://head:8265")


def launch(launcher: JobLauncher, order: Order) -> str:
    submission = launcher.reserve(order)
    launcher.launch(order, submission)
    return submission


def test_a_due_sweep_is_sent_once(ledger: Ledger, order: Order) -> None:
    jobs = FakeJobs()
    launcher = JobLauncher(ledger, jobs)
    assert [launch(launcher, order) for _ in range(3)] == [f"sound-{OCCASION}-a1"] * 3
    (job,) = jobs.sent
    assert (job.id, job.sweep, job.occasion) == (f"sound-{OCCASION}-a1", "sound", OCCASION)
    assert f"--occasion {OCCASION} " in job.entrypoint
    assert "data/data.csv" in jobs.parcels[job.id]


def test_a_lost_reply_makes_no_second_job(ledger: Ledger, order: Order) -> None:
    jobs = FakeJobs()
    jobs.lose_replies = 1
    launcher = JobLauncher(ledger, jobs)
    with pytest.raises(ClusterError, match="no reply"):
        launch(launcher, order)
    assert launch(launcher, order) == f"sound-{OCCASION}-a1"
    assert len(jobs.sent) == 1


def test_a_completed_occasion_is_not_sent_again(ledger: Ledger, order: Order) -> None:
    jobs = FakeJobs()
    done = ledger.claim_sweep("sound", order.spec, None, Owner("head", 1), 60, occasion=OCCASION)
    ledger.finish_sweep(done, SweepState.COMPLETED)
    assert launch(JobLauncher(ledger, jobs), order) == f"sound-{OCCASION}-a1"
    assert jobs.sent == []


def test_a_job_that_waits_for_room_is_a_sweep_at_work(ledger: Ledger, order: Order) -> None:
    jobs = FakeJobs()
    launcher = JobLauncher(ledger, jobs)
    submission = launch(launcher, order)
    sweep = ledger.sweep("sound", OCCASION)
    assert sweep.heartbeat is None, "no driver has taken it up"
    assert launcher.is_running(sweep)
    jobs.end(submission, JobState.FAILED)
    assert not launcher.is_running(sweep)


def test_a_sweep_whose_head_is_lost_is_not_at_work(ledger: Ledger, order: Order) -> None:
    jobs = FakeJobs()
    launcher = JobLauncher(ledger, jobs)
    launch(launcher, order)
    jobs.lose_head()
    assert not launcher.is_running(ledger.sweep("sound", OCCASION))


def test_a_sweep_that_no_cluster_can_run_is_refused_before_anything_is_claimed(ledger: Ledger, order: Order) -> None:
    local = Order(spec={**order.spec, "sweep": {**order.spec["sweep"], "ledger": "sqlite:////tmp/local.db"}}, occasion=OCCASION)
    with pytest.raises(SubmissionError, match="ledger"):
        JobLauncher(ledger, FakeJobs()).reserve(local)
    assert ledger.sweeps() == []


# --- from the scheduler's side --------------------------------------------------------------------------------------------------

MIDNIGHT, NIGHT, HOUR, DAY = 1_900_022_400.0, 7200.0, 3600.0, 86400.0


class Nights:
    """A nightly schedule on a cluster, its scheduler, and a clock that moves when told."""

    def __init__(self, ledger: Ledger, clock: FakeClock, spec: Mapping[str, Any]) -> None:
        self.ledger, self.clock, self.jobs = ledger, clock, FakeJobs()
        self.spec = spec
        settings = {"cron": "0 2 * * *", "timezone": "UTC", "overlap": "forbid", "catch_up": 12 * HOUR}
        ledger.schedules.add("nightly", spec=spec, address=self.jobs.address, **settings)
        self.scheduler = Scheduler(ledger, lambda row: JobLauncher(ledger, self.jobs, clock), clock)

    def look(self, *late: float) -> FiringRow:
        """Look so many seconds after the first due time, once for each; return the latest firing."""
        for seconds in late:
            self.clock.now = MIDNIGHT + NIGHT + seconds
            self.scheduler.look()
            assert self.scheduler.settle(10)
        return self.ledger.firings.history("nightly")[0]

    def drive(self, occasion: str) -> SweepRow:
        """What a driver does first."""
        return self.ledger.claim_sweep("sound", self.spec, None, Owner("head", 1), 60, occasion=occasion)

    def end(self, submission: str | None, state: JobState, exit_code: int | None = None) -> None:
        assert submission is not None
        self.jobs.jobs[submission] = replace(self.jobs.jobs[submission], state=state, exit_code=exit_code)


@pytest.fixture
def nights(postgres_url: str, order: Order) -> Iterator[Nights]:
    clock = FakeClock(MIDNIGHT)
    with Ledger(postgres_url, clock) as ledger:
        yield Nights(ledger, clock, order.spec)


def test_a_scheduler_fires_on_the_cluster_and_waits_out_its_outages(nights: Nights) -> None:
    nights.jobs.outages = 2
    sent = nights.look(0, 10, 30)
    assert sent.state is FiringState.WAITING
    assert sent.message == "sound-2030-03-18T02:00Z-a1 is sent, its driver has not begun"
    sweep = nights.drive("2030-03-18T02:00Z")
    assert nights.look(60).state is FiringState.FIRED
    nights.clock.now += DAY
    nights.ledger.heartbeat(sweep)
    assert nights.look(DAY + 60).state is FiringState.SKIPPED, "the job of the first night is still there"
    assert len(nights.jobs.sent) == 1


def test_a_job_may_wait_for_room_longer_than_catch_up(nights: Nights) -> None:
    nights.end(nights.look(0).submission, JobState.PENDING)
    assert nights.look(5, 10, HOUR, 13 * HOUR).state is FiringState.WAITING
    nights.drive("2030-03-18T02:00Z")
    assert nights.look(13 * HOUR + 30).state is FiringState.FIRED
    assert len(nights.jobs.sent) == 1


def test_a_job_that_ends_before_its_driver_has_begun_is_a_failed_launch(nights: Nights) -> None:
    first = nights.look(0).submission
    nights.jobs.printed[str(first)] = "starting\nThe cluster has keras 3.0 (expected 3.12)\n"
    nights.end(first, JobState.FAILED, exit_code=1)
    failed = nights.look(5)
    assert failed.state is FiringState.WAITING
    assert failed.message == (
        f"{first}: its job ended before its driver had begun: starting The cluster has keras 3.0 (expected 3.12)"
    )
    assert len(nights.jobs.sent) == 1
    second = nights.look(15)
    assert second.submission == "sound-2030-03-18T02:00Z-a2"
    nights.drive("2030-03-18T02:00Z")
    assert nights.look(20).state is FiringState.FIRED


@pytest.mark.parametrize(
    ("state", "exit_code", "late", "said"),
    [
        (JobState.FAILED, 2, 5, "ended before its driver had begun: it printed nothing"),
        (JobState.FAILED, 1, 13 * HOUR, "ended before its driver had begun: it printed nothing"),
        (JobState.STOPPED, None, 5, "was stopped before its driver had begun"),
    ],
    ids=["wrong input", "late", "stopped by hand"],
)
def test_a_job_that_ends_without_a_driver_is_given_up(
    nights: Nights, state: JobState, exit_code: int | None, late: float, said: str
) -> None:
    nights.end(nights.look(0).submission, state, exit_code)
    failed = nights.look(late)
    assert failed.state is FiringState.FAILED
    assert said in str(failed.message)
    assert len(nights.jobs.sent) == 1


def test_a_schedule_that_is_removed_while_its_job_waits_says_so(nights: Nights) -> None:
    nights.look(0)
    nights.ledger.schedules.remove("nightly")
    removed = nights.look(10)
    assert removed.state is FiringState.SKIPPED
    assert removed.message == "the schedule was removed, sound-2030-03-18T02:00Z-a1 may have been sent before"


def test_history_says_why_a_sweep_failed(nights: Nights) -> None:
    nights.look(0)
    sweep = nights.drive("2030-03-18T02:00Z")
    nights.look(30)
    nights.ledger.finish_sweep(sweep, SweepState.FAILED, "sweep.yaml: data.path: no such file\nmore")
    (record,) = firing_records(nights.ledger, "nightly", 1, nights.clock.now)
    assert (record["state"], record["sweep"], record["message"]) == ("FIRED", "FAILED", "sweep.yaml: data.path: no such file")


def test_a_sweep_that_waits_and_one_whose_driver_is_lost_are_told_from_one_that_runs(nights: Nights) -> None:
    def standing() -> str:
        (record,) = firing_records(nights.ledger, "nightly", 1, nights.clock.now)
        (state,) = scheduled_sweeps(nights.ledger, nights.ledger.schedules.get("nightly"), nights.clock.now)
        assert record["sweep"] == state
        return state

    nights.look(0)
    assert standing() == "WAITING"
    nights.drive("2030-03-18T02:00Z")
    nights.look(30)
    assert standing() == "RUNNING"
    nights.clock.now += 60
    assert standing() == "LOST"


def test_a_schedule_whose_folder_the_scheduler_cannot_see_fails_at_once_and_says_so(
    nights: Nights, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp_path.rename(tmp_path_factory.mktemp("elsewhere") / "moved")
    failed = nights.look(0)
    assert failed.state is FiringState.FAILED
    assert "add the schedule again where the scheduler runs" in (failed.message or "")
