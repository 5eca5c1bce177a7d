"""Sweeps as jobs of a Ray cluster: what travels there, as what, and what became of it."""

from orchestrator.cluster.access import connect, find_address, names_cluster
from orchestrator.cluster.checks import check_submission
from orchestrator.cluster.jobs import Job, Jobs, JobState, job_record
from orchestrator.cluster.parcel import Parcel, make_parcel
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
from orchestrator.cluster.submitted import PATIENCE_SECONDS, Submission, keep_folder_to_itself

__all__ = [
    "PATIENCE_SECONDS",
    "Attempt",
    "Job",
    "JobState",
    "Jobs",
    "Parcel",
    "Submission",
    "await_driver",
    "await_end",
    "check_submission",
    "claim_attempt",
    "connect",
    "find_address",
    "find_job",
    "job_record",
    "keep_folder_to_itself",
    "last_lines",
    "make_parcel",
    "names_cluster",
    "newest_jobs",
    "send_attempt",
    "sweep_state",
]
