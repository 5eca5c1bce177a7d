"""A cluster that takes jobs and runs none: what becomes of them is up to the test. Replies can be lost, and its head too."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from orchestrator.cluster.jobs import Job, JobState, NewJob
from orchestrator.errors import ClusterError


class FakeJobs:
    """Jobs in memory (``orchestrator.cluster.jobs.Jobs``). ``parcels`` keeps the files that came with each."""

    def __init__(self, address: str = "http://head:8265") -> None:
        self.address = address
        self.jobs: dict[str, Job] = {}
        self.sent: list[NewJob] = []
        self.parcels: dict[str, dict[str, bytes]] = {}
        self.printed: dict[str, str] = {}
        self.lose_replies = 0
        self.outages = 0
        self._lock = threading.Lock()

    def send(self, job: NewJob) -> None:
        with self._lock:
            if job.id not in self.jobs:  # a used id is refused, which the real client takes for sent
                self.sent.append(job)
                self.parcels[job.id] = files_below(job.folder)
                self.jobs[job.id] = Job(id=job.id, state=JobState.RUNNING, sweep=job.sweep, occasion=job.occasion, started=1.0)
            if self.lose_replies:
                self.lose_replies -= 1
                raise ClusterError("no reply")

    def find(self, submission: str) -> Job | None:
        if self.outages:
            self.outages -= 1
            raise ClusterError("unreachable")
        return self.jobs.get(submission)

    def all(self) -> list[Job]:
        return list(reversed(self.jobs.values()))

    def logs(self, submission: str) -> str:
        return self.printed.get(submission, "")

    def stop(self, submission: str) -> None:
        self.end(submission, JobState.STOPPED)

    def end(self, submission: str, state: JobState) -> None:
        self.jobs[submission] = replace(self.jobs[submission], state=state)

    def lose_head(self) -> None:
        self.jobs.clear()


def files_below(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
