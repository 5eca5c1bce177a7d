"""Due sweeps as jobs of a cluster: one job each, whoever asks again, and overlap judged by ledger and cluster together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from broken_specs import BUILDER, ROWS, sound
from fake_jobs import FakeJobs
from fake_launcher import FakeClock

from orchestrator.cluster_launching import JobLauncher
from orchestrator.errors import ClusterError, SubmissionError
from orchestrator.jobs import JobState
from orchestrator.launching import Order
from orchestrator.ledger import Ledger
from orchestrator.owner import Owner
from orchestrator.schedule_records import FiringState
from orchestrator.schedules import Scheduler
from orchestrator.spec import load_spec
from orchestrator.trials import SweepState

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


def test_a_scheduler_fires_on_the_cluster_and_waits_out_its_outages(postgres_url: str, order: Order) -> None:
    clock, jobs = FakeClock(1_900_022_400.0), FakeJobs()
    with Ledger(postgres_url, clock) as ledger:
        schedule = {"cron": "0 2 * * *", "timezone": "UTC", "overlap": "forbid", "catch_up": 43200, "address": jobs.address}
        ledger.schedules.add("nightly", spec=order.spec, **schedule)
        scheduler = Scheduler(ledger, lambda row: JobLauncher(ledger, jobs, clock), clock)
        jobs.outages = 2
        for seconds in (7200, 7200 + 10, 7200 + 30, 7200 + 86400):
            clock.now = 1_900_022_400.0 + seconds
            scheduler.look()
            assert scheduler.settle(10)
        states = [firing.state for firing in ledger.firings.history("nightly")]
    assert states == [FiringState.SKIPPED, FiringState.FIRED], "the job of the first night is still there"
    assert len(jobs.sent) == 1


def test_a_schedule_whose_folder_the_scheduler_cannot_see_fails_at_once_and_says_so(
    postgres_url: str, order: Order, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tmp_path.rename(tmp_path_factory.mktemp("elsewhere") / "moved")
    clock, jobs = FakeClock(1_900_022_400.0), FakeJobs()
    with Ledger(postgres_url, clock) as ledger:
        schedule = {"cron": "0 2 * * *", "timezone": "UTC", "overlap": "forbid", "catch_up": 43200, "address": jobs.address}
        ledger.schedules.add("nightly", spec=order.spec, **schedule)
        scheduler = Scheduler(ledger, lambda row: JobLauncher(ledger, jobs, clock), clock)
        clock.now += 7200
        scheduler.look()
        assert scheduler.settle(10)
        (firing,) = ledger.firings.history("nightly")
    assert firing.state is FiringState.FAILED
    assert "add the schedule again where the scheduler runs" in (firing.message or "")
