"""A submitted sweep as its Ray job shows it, and the protocol of a cluster that takes such jobs. It imports no Ray."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from orchestrator.spec import DriverSection


class JobState(StrEnum):
    """Where a job stands, in Ray's words."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def over(self) -> bool:
        """Whether nothing more happens to the job."""
        return self not in (JobState.PENDING, JobState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The job of one submission. Times are unix seconds; ``message`` is Ray's, ``exit_code`` the driver's."""

    id: str
    state: JobState
    sweep: str
    occasion: str
    message: str | None = None
    exit_code: int | None = None
    started: float | None = None
    ended: float | None = None

    @property
    def title(self) -> str:
        """The sweep's name and occasion."""
        return f"{self.sweep}/{self.occasion}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewJob:
    """A job to be sent: ``folder`` becomes the working directory of ``entrypoint``, a shell command.

    ``driver`` is what it asks of its node; None: it runs on the head. ``environment`` holds extra variables.
    """

    id: str
    sweep: str
    occasion: str
    entrypoint: str
    folder: Path
    driver: DriverSection | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


class Jobs(Protocol):
    """A cluster that takes jobs. Every method may raise ``ClusterError``."""

    @property
    def address(self) -> str:
        """Where it is."""

    def send(self, job: NewJob) -> None:
        """Have the job run. Sending an id again that the cluster has taken changes nothing."""

    def find(self, submission: str) -> Job | None:
        """Return the job of that id, None if the cluster knows none."""

    def all(self) -> list[Job]:
        """Return the jobs of all sweeps, the newest first."""

    def logs(self, submission: str) -> str:
        """Return what the job has printed so far."""

    def stop(self, submission: str) -> None:
        """Ask the job to end. One that is over stays as it is."""


def job_record(job: Job) -> dict[str, Any]:
    """Return a job JSON-able."""
    return {
        "submission": job.id,
        "sweep": job.sweep,
        "occasion": job.occasion,
        "job": job.state.value,
        "message": job.message,
        "exit_code": job.exit_code,
        "started": job.started,
        "ended": job.ended,
    }
