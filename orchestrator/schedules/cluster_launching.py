"""How a due sweep is begun on a Ray cluster: submitted as a job, under an attempt claimed in the ledger. It imports no Ray."""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestrator.cluster import Attempt, Jobs, JobState, check_submission, claim_attempt, last_lines, make_parcel, send_attempt
from orchestrator.errors import LaunchError
from orchestrator.ledger import Ledger, SubmissionState, SweepRow, is_driven
from orchestrator.schedules.launching import Order
from orchestrator.spec import SweepSpec, spec_from_record

_LOG_LINES = 5


class JobLauncher:
    """Begins sweeps as jobs of one cluster (``orchestrator.schedules.launching.Launcher``).

    Parameters
    ----------
    ledger : the ledger, which the jobs reach by the URL in their spec.
    jobs : the cluster.
    clock : gives the time in unix seconds.
    local_store : whether SQLite files are meant as files on the disk of the cluster's head.
    """

    def __init__(self, ledger: Ledger, jobs: Jobs, clock: Callable[[], float] = time.time, *, local_store: bool = False) -> None:
        self._ledger = ledger
        self._jobs = jobs
        self._clock = clock
        self._local_store = local_store

    def reserve(self, order: Order) -> str:
        """Claim the attempt; return its id, or that of the first attempt where the sweep is completed already."""
        attempt = self._claim(self._checked(order), order)
        return f"{order.name}-{order.occasion}-a1" if attempt is None else attempt.row.id

    def launch(self, order: Order, submission: str) -> None:
        """Send the job, unless the cluster has it."""
        spec = self._checked(order)
        attempt = self._claim(spec, order)
        if attempt is not None and not attempt.sent:
            send_attempt(spec, make_parcel(spec), attempt, self._jobs, self._ledger)

    def is_underway(self, order: Order, submission: str) -> bool:
        """Return whether the job is there and not over: it may have to wait for room. Ended without a driver, it has failed."""
        job = self._jobs.find(submission)
        if job is None or not job.state.over:
            return job is not None
        if not self._ledger.submissions.end(submission, f"its job is {job.state.value}"):
            return False  # that is known
        if job.state is JobState.STOPPED:
            raise LaunchError(f"{submission} was stopped before its driver had begun.", 2)
        last = " ".join(last_lines(self._jobs, job, _LOG_LINES))
        raise LaunchError(f"{submission}: its job ended before its driver had begun: {last}", 2 if job.exit_code == 2 else 1)

    def is_running(self, sweep: SweepRow) -> bool:
        """Return whether the sweep has a driver at work, or a job that waits for room or has just begun."""
        if is_driven(sweep, self._clock()):
            return True
        last = next(iter(self._ledger.submissions.of_sweep(sweep.id)), None)
        if last is None or last.state is SubmissionState.ENDED:
            return False
        job = self._jobs.find(last.id)
        return job is not None and not job.state.over

    def _checked(self, order: Order) -> SweepSpec:
        spec = spec_from_record(order.spec)
        check_submission(spec, self._jobs.address, local_store=self._local_store)
        return spec

    def _claim(self, spec: SweepSpec, order: Order) -> Attempt | None:
        return claim_attempt(spec, self._jobs, self._ledger, occasion=order.occasion)
