"""Submits a sweep to a cluster once, however often it is asked to: claims an attempt in the ledger, sends it, sees it begin.

It knows the ledger and the protocol of a cluster (``orchestrator.cluster.jobs``), and no Ray.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.cluster.jobs import Job, Jobs, JobState, NewJob
from orchestrator.cluster.parcel import SPEC_NAME, SUBMISSION_NAME, Parcel
from orchestrator.errors import ClusterError, NotFoundError, SweepBusyError
from orchestrator.ledger import LEASE_SECONDS, Ledger, SubmissionRow, SubmissionState, is_driven
from orchestrator.search import SweepState
from orchestrator.spec import SweepSpec
from orchestrator.wording import first_of

logger = logging.getLogger(__name__)

STOP_SECONDS = 30
"""What Ray gives our drivers between SIGTERM and SIGKILL. Its own three seconds are short for Tune's end on a busy machine."""

_POLL_SECONDS = 0.5
_PATIENCE_SECONDS = 60.0
_CLAIMS = 5
_LOG_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt claimed for a sweep: ``sent`` says whether the cluster has its job already.

    ``drivers_before`` counts the drivers that the sweep had before it.
    """

    row: SubmissionRow
    sent: bool
    drivers_before: int

    @property
    def title(self) -> str:
        """The sweep's name and occasion."""
        return f"{self.row.name}/{self.row.occasion}"


def claim_attempt(
    spec: SweepSpec, jobs: Jobs, ledger: Ledger, *, occasion: str | None = None, new: bool = False
) -> Attempt | None:
    """Return the attempt under which a sweep is to be sent, or has been sent already; nothing is sent.

    All who ask while that attempt is not over get the same one. After a job that is over, or that the cluster has lost with its
    head, it is the next.

    Parameters
    ----------
    occasion, new : as in ``Ledger.claim_sweep``.

    Returns
    -------
    The attempt; None when the named occasion is COMPLETED.

    Raises
    ------
    SweepMismatchError : the occasion began with another search.
    SweepBusyError : the sweep is submitted to another cluster, and its driver there is alive.
    ClusterError : the cluster cannot be reached.
    """
    for _ in range(_CLAIMS):
        row = ledger.submissions.claim(
            spec.name,
            spec.record(),
            spec.identity(),
            left_open=spec.left_open,
            occasion=occasion,
            new=new,
            address=jobs.address,
        )
        if row is None:
            return None
        if new:
            occasion, new = row.occasion, False
        sweep = ledger.sweep(row.name, row.occasion)
        job = jobs.find(row.id)
        if job is None and row.address not in (None, jobs.address):  # one that knows it is the same cluster by another name
            if is_driven(sweep, time.time()):
                raise SweepBusyError(
                    f"Sweep {sweep.title!r} is submitted to {row.address} as {row.id}, and driven there by {sweep.owner}. "
                    f"Stop it there before you submit it to {jobs.address}, or wait {LEASE_SECONDS:.0f} s if it is gone."
                )
            ledger.submissions.end(row.id, f"sent to {row.address}, not driven there, and submitted to {jobs.address} instead")
            continue
        if job is not None and not job.state.over:
            ledger.submissions.mark_sent(row.id)
            return Attempt(row=row, sent=True, drivers_before=sweep.attempt)
        if job is None and row.state is SubmissionState.CLAIMED:
            return Attempt(row=row, sent=False, drivers_before=sweep.attempt)
        ledger.submissions.end(row.id, "the cluster has lost it" if job is None else f"its job is {job.state.value}")
    raise ClusterError(
        f"Sweep {spec.name!r}: its jobs end as fast as they are submitted; `kerasweep logs {spec.name}` tells why."
    )


def send_attempt(spec: SweepSpec, parcel: Parcel, attempt: Attempt, jobs: Jobs, ledger: Ledger) -> None:
    """Send a claimed attempt and return at once. To send it twice, or from two places, makes one job.

    Raises
    ------
    ClusterError : the cluster cannot be reached, or refuses.
    """
    row = attempt.row
    with tempfile.TemporaryDirectory(prefix="kerasweep-submit-") as folder:
        parcel.write(Path(folder), row.id, row.occasion, spec.source)
        jobs.send(
            NewJob(
                id=row.id,
                sweep=row.name,
                occasion=row.occasion,
                entrypoint=f"exec kerasweep run {SPEC_NAME} --occasion {row.occasion} --submission {SUBMISSION_NAME}",
                folder=Path(folder),
                driver=spec.ray.driver,
                environment={"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS)},
            )
        )
    ledger.submissions.mark_sent(row.id)


def await_driver(attempt: Attempt, jobs: Jobs, ledger: Ledger, patience: float = _PATIENCE_SECONDS) -> Job | None:
    """Wait until the driver has taken the sweep up, or the job is over, and return the job.

    Returns
    -------
    The job; still PENDING or without a driver after ``patience`` seconds, when the cluster has no room or is slow.
    """
    deadline = time.monotonic() + patience
    while True:
        job = jobs.find(attempt.row.id)
        if job is None or job.state.over or _begun(attempt, ledger) or time.monotonic() > deadline:
            return job
        time.sleep(_POLL_SECONDS)


def await_end(submission: str, jobs: Jobs, say: Callable[[str], None] | None = None, pause: float = 1.0) -> Job:
    """Wait until a job is over, and return it. An outage of the cluster is borne for a minute.

    Parameters
    ----------
    say : told what the job prints, as it comes; None: nobody listens. Its log may be lost with the driver's node.
    """
    told, failures, reached = 0, 0, time.monotonic()
    while True:
        try:
            job = jobs.find(submission)  # looked up before its log, so that the last lines are not missed
        except ClusterError:
            if time.monotonic() - reached > _PATIENCE_SECONDS:
                raise
            time.sleep(pause)
            continue
        reached = time.monotonic()
        if job is None:
            raise ClusterError(
                f"The cluster at {jobs.address} no longer knows {submission}: its head was replaced. Submit again."
            )
        if say is not None and job.state is not JobState.PENDING:
            try:
                text, failures = jobs.logs(submission), 0
            except ClusterError as error:
                failures += 1
                if job.state.over and failures == _LOG_TRIES:
                    logger.warning("the last lines of %s cannot be had: %s", submission, error)
            else:
                if len(text) > told:
                    say(text[told:])
                    told = len(text)
        if job.state.over and failures in (0, _LOG_TRIES):
            return job
        time.sleep(pause)


def last_lines(jobs: Jobs, job: Job, count: int) -> list[str]:
    """Return the last lines that a job has printed, or what Ray says of it where there are none."""
    try:
        lines = jobs.logs(job.id).rstrip().splitlines()
    except ClusterError as error:  # they may be gone with the driver's node
        logger.info("the log of %s cannot be had: %s", job.id, error)
        lines = []
    return (lines or (job.message or "it printed nothing").splitlines())[-count:]


def find_job(jobs: Jobs, sweep: str | None) -> Job:
    """Return the newest job of the sweep called ``sweep`` (NAME or NAME/OCCASION), one that is not over where there is any.

    None: the newest job of all.

    Raises
    ------
    NotFoundError : the cluster has had none.
    """
    found = jobs.all()
    named = [job for job in found if sweep is None or sweep in (job.sweep, job.title)]
    if named:
        return named[0] if sweep is None else next((job for job in named if not job.state.over), named[0])
    known = first_of(dict.fromkeys(job.title for job in found), 10) or "none at all"
    raise NotFoundError(f"The cluster at {jobs.address} has no sweep {sweep or ''!r}. It has {known}.")


def newest_jobs(jobs: Jobs) -> Iterator[Job]:
    """Yield the last job of every sweep on the cluster, the newest first."""
    seen: set[str] = set()
    for job in jobs.all():
        if job.title not in seen:
            seen.add(job.title)
            yield job


def sweep_state(job: Job, ledger: Ledger | None) -> str:
    """Return the state of a job's sweep, in the words of sweeps: the ledger's where it knows better than the job."""
    if job.state is JobState.PENDING:
        return "WAITING"
    if ledger is not None and job.state is not JobState.RUNNING:
        try:
            state = ledger.sweep(job.sweep, job.occasion).state
        except NotFoundError:
            pass
        else:
            if state is not SweepState.RUNNING:
                return state.value
    return {JobState.SUCCEEDED: "COMPLETED"}.get(job.state, job.state.value)


def _begun(attempt: Attempt, ledger: Ledger) -> bool:
    try:
        sweep = ledger.sweep(attempt.row.name, attempt.row.occasion)
    except NotFoundError:  # the driver found the sweep wrong and took it back
        return False
    already = attempt.sent and is_driven(sweep, time.time())  # of one just sent, the lease may still be its lost predecessor's
    return already or sweep.attempt > attempt.drivers_before
