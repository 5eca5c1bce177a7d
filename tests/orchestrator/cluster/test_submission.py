"""One sweep, one job, one id, however often and from wherever it is submitted; and what is done when jobs and heads are lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from broken_specs import BUILDER, ROWS, sound
from fake_jobs import FakeJobs

from orchestrator.cluster.jobs import JobState
from orchestrator.cluster.parcel import make_parcel
from orchestrator.cluster.submission import (
    Attempt,
    await_driver,
    await_end,
    claim_attempt,
    find_job,
    last_lines,
    newest_jobs,
    send_attempt,
    sweep_state,
)
from orchestrator.errors import ClusterError, NotFoundError, SweepBusyError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.ledger.records import SubmissionState
from orchestrator.results.status import Silent
from orchestrator.running.stop import StopSignals
from orchestrator.search.trials import SweepState
from orchestrator.spec.loading import load_spec
from orchestrator.spec.model import SweepSpec
from orchestrator.sweep import Options, _claim


@pytest.fixture
def spec(tmp_path: Path) -> SweepSpec:
    (tmp_path / "data.csv").write_text("\n".join(ROWS) + "\n")
    (tmp_path / "models.py").write_text(BUILDER)
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sound(), sort_keys=False))
    return load_spec(tmp_path / "sweep.yaml")


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger(ledger_url) as opened:
        yield opened


def submit(spec: SweepSpec, jobs: FakeJobs, ledger: Ledger, **which: str | bool) -> Attempt:
    attempt = claim_attempt(spec, jobs, ledger, **which)  # type: ignore[arg-type]
    assert attempt is not None
    if not attempt.sent:
        send_attempt(spec, make_parcel(spec), attempt, jobs, ledger)
    return attempt


def drive(spec: SweepSpec, ledger: Ledger, state: SweepState | None) -> None:
    """What a driver does to the ledger: it takes the sweep up, and ends it unless ``state`` is None."""
    sweep = ledger.claim_sweep(spec.name, spec.record(), spec.identity(), Owner("head", 1), 60.0)
    if state is not None:
        ledger.finish_sweep(sweep, state)


def test_the_id_says_name_occasion_and_attempt(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    attempt = submit(spec, jobs, ledger)
    assert attempt.row.id == "sound-manual-1-a1"
    (job,) = jobs.sent
    assert (job.sweep, job.occasion) == ("sound", "manual-1")
    assert job.entrypoint == "exec kerasweep run sweep.yaml --occasion manual-1 --submission submission.json"
    assert job.driver is None
    assert job.environment == {"RAY_JOB_STOP_WAIT_TIME_S": "30"}
    assert ledger.submissions.get(attempt.row.id).state is SubmissionState.SENT


def test_the_attempt_is_in_the_ledger_before_anything_is_sent(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    attempt = claim_attempt(spec, jobs, ledger)
    assert attempt is not None
    assert jobs.sent == []
    assert ledger.submissions.get(attempt.row.id).state is SubmissionState.CLAIMED


def test_twenty_at_once_make_one_job(spec: SweepSpec, ledger_url: str) -> None:
    jobs, together = FakeJobs(), threading.Barrier(20)

    def one(_: int) -> str:
        with Ledger(ledger_url) as own:
            together.wait()
            return submit(spec, jobs, own).row.id

    with ThreadPoolExecutor(20) as threads:
        assert set(threads.map(one, range(20))) == {"sound-manual-1-a1"}
    assert len(jobs.sent) == 1


def test_a_submit_whose_reply_was_lost_is_repeated_under_the_same_id(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    jobs.lose_replies = 1
    with pytest.raises(ClusterError, match="no reply"):
        submit(spec, jobs, ledger)
    again = submit(spec, jobs, ledger)
    assert (again.row.id, again.sent) == ("sound-manual-1-a1", True)
    assert len(jobs.sent) == 1


def test_a_claim_that_was_never_sent_is_sent_by_the_next_submit(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    claim_attempt(spec, jobs, ledger)
    assert submit(spec, jobs, ledger).row.id == "sound-manual-1-a1"
    assert len(jobs.sent) == 1


@pytest.mark.parametrize("end", [JobState.STOPPED, JobState.FAILED])
def test_after_a_job_that_is_over_the_next_attempt_continues_the_occasion(spec: SweepSpec, ledger: Ledger, end: JobState) -> None:
    jobs = FakeJobs()
    first = submit(spec, jobs, ledger)
    drive(spec, ledger, None)  # killed: it has written no end
    jobs.end(first.row.id, end)
    second = submit(spec, jobs, ledger)
    assert (second.row.id, second.sent) == ("sound-manual-1-a2", False)
    assert ledger.submissions.get(first.row.id).message == f"its job is {end.value}"


def test_after_a_driver_that_stopped_in_order_the_next_attempt_need_not_wait_for_its_job(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    submit(spec, jobs, ledger)
    drive(spec, ledger, SweepState.STOPPED)
    assert submit(spec, jobs, ledger).row.id == "sound-manual-1-a2"


def test_after_a_lost_head_the_next_attempt_is_sent(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    submit(spec, jobs, ledger)
    drive(spec, ledger, None)
    jobs.lose_head()
    assert submit(spec, jobs, ledger).row.id == "sound-manual-1-a2"
    assert ledger.submissions.get("sound-manual-1-a1").message == "the cluster has lost it"


def test_after_a_completed_sweep_the_next_occasion_is_submitted(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    first = submit(spec, jobs, ledger)
    drive(spec, ledger, SweepState.COMPLETED)
    jobs.end(first.row.id, JobState.SUCCEEDED)
    assert submit(spec, jobs, ledger).row.id == "sound-manual-2-a1"


def test_new_begins_the_next_occasion_beside_the_running_one(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    submit(spec, jobs, ledger)
    assert submit(spec, jobs, ledger, new=True).row.id == "sound-manual-2-a1"
    assert len(jobs.sent) == 2


def test_a_named_occasion_that_is_complete_is_not_sent_again(spec: SweepSpec, ledger: Ledger) -> None:
    drive(spec, ledger, SweepState.COMPLETED)
    assert claim_attempt(spec, FakeJobs(), ledger, occasion="manual-1") is None


def test_a_sweep_that_another_cluster_drives_is_refused(spec: SweepSpec, ledger: Ledger) -> None:
    submit(spec, FakeJobs("http://old:8265"), ledger)
    drive(spec, ledger, None)
    with pytest.raises(
        SweepBusyError, match=r"submitted to http://old:8265 as sound-manual-1-a1, and driven there by head \(pid 1\)"
    ):
        submit(spec, FakeJobs("http://new:8265"), ledger)


def test_a_sweep_whose_cluster_is_gone_moves_to_another(spec: SweepSpec, ledger: Ledger) -> None:
    submit(spec, FakeJobs("http://old:8265"), ledger)
    drive(spec, ledger, SweepState.STOPPED)
    assert submit(spec, FakeJobs("http://new:8265"), ledger).row.id == "sound-manual-1-a2"


def test_a_sweep_that_waits_on_another_cluster_moves_and_its_attempt_says_so(spec: SweepSpec, ledger: Ledger) -> None:
    first = submit(spec, FakeJobs("http://old:8265"), ledger)
    assert submit(spec, FakeJobs("http://new:8265"), ledger).row.id == "sound-manual-1-a2"
    said = "sent to http://old:8265, not driven there, and submitted to http://new:8265 instead"
    assert ledger.submissions.get(first.row.id).message == said


def test_a_cluster_that_knows_the_job_is_the_same_one_by_whatever_address(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs("http://127.0.0.1:8265")
    waiting = submit(spec, jobs, ledger)
    jobs.end(waiting.row.id, JobState.PENDING)
    jobs.address = "http://ray-head:8265"
    again = submit(spec, jobs, ledger)
    assert (again.row.id, again.sent) == ("sound-manual-1-a1", True)
    drive(spec, ledger, None)
    assert submit(spec, jobs, ledger).row.id == "sound-manual-1-a1"
    assert len(jobs.sent) == 1


def test_the_driver_runs_where_the_file_says(tmp_path: Path, spec: SweepSpec, ledger: Ledger) -> None:
    mapping = sound() | {"ray": {"driver": {"cpus": 2, "resources": {"spot": 0.5}}}}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(mapping, sort_keys=False))
    jobs = FakeJobs()
    submit(load_spec(tmp_path / "sweep.yaml"), jobs, ledger)
    driver = jobs.sent[0].driver
    assert driver is not None
    assert (driver.cpus, driver.resources) == (2, {"spot": 0.5})


def test_a_submit_returns_when_the_driver_has_taken_the_sweep_up(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    attempt = submit(spec, jobs, ledger)
    driver = threading.Timer(0.2, drive, (spec, ledger, None))
    driver.start()
    job = await_driver(attempt, jobs, ledger, patience=20)
    driver.join()
    assert job is not None
    assert job.state is JobState.RUNNING
    assert ledger.sweep("sound").attempt == 1


def test_a_repeated_submit_does_not_wait_for_a_driver_that_is_there(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    submit(spec, jobs, ledger)
    drive(spec, ledger, None)
    again, began = submit(spec, jobs, ledger), time.monotonic()
    await_driver(again, jobs, ledger, patience=30)
    assert time.monotonic() - began < 10


def test_a_submit_tells_of_a_job_that_failed_at_once(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    attempt = submit(spec, jobs, ledger)
    jobs.end(attempt.row.id, JobState.FAILED)
    job = await_driver(attempt, jobs, ledger, patience=20)
    assert job is not None
    assert job.state is JobState.FAILED


def test_a_submit_does_not_wait_for_room_forever(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    attempt = submit(spec, jobs, ledger)
    jobs.end(attempt.row.id, JobState.PENDING)
    job = await_driver(attempt, jobs, ledger, patience=0.1)
    assert job is not None
    assert job.state is JobState.PENDING


def test_what_a_job_prints_is_told_once_and_to_its_last_line(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    attempt = submit(spec, jobs, ledger)
    told: list[str] = []

    def hear(text: str) -> None:
        told.append(text)
        if len(told) == 1:
            jobs.printed[attempt.row.id] += "two\n"
        else:
            jobs.end(attempt.row.id, JobState.SUCCEEDED)

    jobs.printed[attempt.row.id] = "one\n"
    jobs.outages = 1
    job = await_end(attempt.row.id, jobs, hear, pause=0.01)
    assert told == ["one\n", "two\n"]
    assert job.state is JobState.SUCCEEDED


def test_a_job_that_failed_is_told_also_when_its_log_is_lost_with_its_node(spec: SweepSpec, ledger: Ledger) -> None:
    class WithoutLogs(FakeJobs):
        asked = 0

        def logs(self, submission: str) -> str:
            self.asked += 1
            raise ClusterError("its node is gone")

    jobs = WithoutLogs()
    attempt = submit(spec, jobs, ledger)
    jobs.end(attempt.row.id, JobState.FAILED)
    began = time.monotonic()
    job = await_end(attempt.row.id, jobs, lambda text: None, pause=0.01)
    assert job.state is JobState.FAILED
    assert jobs.asked == 3, "a moment's trouble loses no last line"
    assert time.monotonic() - began < 10
    assert last_lines(jobs, replace(job, message="Ray lost it"), 20) == ["Ray lost it"]


def test_waiting_for_a_job_ends_when_its_head_is_lost(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    attempt = submit(spec, jobs, ledger)
    jobs.lose_head()
    with pytest.raises(ClusterError, match=r"no longer knows sound-manual-1-a1: its head was replaced\. Submit again\."):
        await_end(attempt.row.id, jobs, pause=0.01)


def test_a_sweep_is_found_by_name_by_occasion_and_as_the_newest(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    submit(spec, jobs, ledger)
    submit(spec, jobs, ledger, new=True)
    assert find_job(jobs, "sound").occasion == "manual-2"
    assert find_job(jobs, "sound/manual-1").occasion == "manual-1"
    assert find_job(jobs, None).occasion == "manual-2"
    with pytest.raises(NotFoundError, match=r"no sweep 'other'\. It has sound/manual-2, sound/manual-1\."):
        find_job(jobs, "other")


def test_of_several_occasions_the_one_that_is_not_over_is_meant(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    submit(spec, jobs, ledger)
    jobs.end(submit(spec, jobs, ledger, new=True).row.id, JobState.SUCCEEDED)
    assert find_job(jobs, "sound").occasion == "manual-1"
    assert find_job(jobs, "sound/manual-2").occasion == "manual-2"
    assert find_job(jobs, None).occasion == "manual-2"
    jobs.end("sound-manual-1-a1", JobState.STOPPED)
    assert find_job(jobs, "sound").occasion == "manual-2"


def test_a_sweep_is_listed_once_by_its_last_attempt(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    first = submit(spec, jobs, ledger)
    drive(spec, ledger, SweepState.STOPPED)
    jobs.end(first.row.id, JobState.STOPPED)
    submit(spec, jobs, ledger)
    assert [job.id for job in newest_jobs(jobs)] == ["sound-manual-1-a2"]


def test_the_state_is_told_in_the_words_of_sweeps(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    attempt = submit(spec, jobs, ledger)
    seen = []
    for state in (JobState.PENDING, JobState.RUNNING, JobState.STOPPED, JobState.FAILED, JobState.SUCCEEDED):
        jobs.end(attempt.row.id, state)
        seen.append(sweep_state(jobs.jobs[attempt.row.id], None))
    assert seen == ["WAITING", "RUNNING", "STOPPED", "FAILED", "COMPLETED"]


def test_the_ledger_knows_better_than_a_job_that_was_killed_at_its_end(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    attempt = submit(spec, jobs, ledger)
    drive(spec, ledger, SweepState.COMPLETED)
    jobs.end(attempt.row.id, JobState.FAILED)
    assert sweep_state(jobs.jobs[attempt.row.id], ledger) == "COMPLETED"


def test_a_driver_with_patience_waits_for_the_lease_of_one_that_was_lost(spec: SweepSpec, ledger: Ledger) -> None:
    ledger.claim_sweep(spec.name, spec.record(), spec.identity(), Owner("lost", 1), 0.5)
    with pytest.raises(SweepBusyError):
        _claim(spec, Options(), ledger, StopSignals(), Silent())
    assert _claim(spec, Options(patience=20), ledger, StopSignals(), Silent()).attempt == 2


def test_a_wrong_sweep_that_is_taken_back_can_be_submitted_again(spec: SweepSpec, ledger: Ledger) -> None:
    jobs = FakeJobs()
    first = submit(spec, jobs, ledger)
    ledger.forget_sweep(ledger.claim_sweep(spec.name, spec.record(), spec.identity(), Owner("head", 1), 60.0))
    jobs.end(first.row.id, JobState.FAILED)
    assert await_driver(first, jobs, ledger, patience=5) == jobs.jobs[first.row.id]
    assert submit(spec, jobs, ledger).row.id == "sound-manual-1-a2"
