"""Ray's Jobs API for submitted sweeps: sends, finds, reads and stops their jobs. It knows no ledger and no sweep file."""

from __future__ import annotations

import logging
from http.client import HTTPException
from importlib.metadata import version
from typing import Any, NoReturn

import ray
import requests
from ray.dashboard.modules.dashboard_sdk import SubmissionClient
from ray.exceptions import AuthenticationError
from ray.job_submission import JobDetails, JobSubmissionClient, JobType

from orchestrator.cluster.jobs import Job, JobState, NewJob
from orchestrator.errors import ClusterError

_CONNECT_SECONDS = 10.0
_REPLY_SECONDS = 60.0
_SWEEP, _OCCASION = "kerasweep.sweep", "kerasweep.occasion"

for _name in ("ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk", "ray._private.runtime_env.packaging"):
    logging.getLogger(_name).setLevel(logging.WARNING)  # they set INFO themselves, to tell of every upload


class JobClient:
    """The jobs of one cluster (``orchestrator.cluster.jobs.Jobs``).

    Parameters
    ----------
    address : the URL of its dashboard.
    token : the cluster's token, None for a cluster without.

    Raises
    ------
    ClusterError : nobody answers there, the token is refused, or the cluster has another version of Ray.
    """

    def __init__(self, address: str, token: str | None) -> None:
        self._address = address
        self._token = token
        self._client = _Client(address, token)
        self._check_version()

    @property
    def address(self) -> str:
        """The URL of its dashboard."""
        return self._address

    def send(self, job: NewJob) -> None:
        """Have the job run (``Jobs.send``)."""
        driver: dict[str, Any] = {}
        if job.driver is not None:
            driver = {"entrypoint_num_cpus": job.driver.cpus, "entrypoint_resources": dict(job.driver.resources)}
        try:
            self._client.submit_job(
                submission_id=job.id,
                entrypoint=job.entrypoint,
                runtime_env={"working_dir": str(job.folder), "env_vars": dict(job.environment)},
                metadata={_SWEEP: job.sweep, _OCCASION: job.occasion},
                **driver,
            )
        except (RuntimeError, requests.RequestException, AuthenticationError) as error:
            if self.find(job.id) is None:  # a lost reply and a used id are as good as sent
                self._explain(error)

    def find(self, submission: str) -> Job | None:
        """Return the job of that id, None if the cluster knows none."""
        try:
            details = self._client.details(submission)
        except (RuntimeError, requests.RequestException, AuthenticationError) as error:
            self._explain(error)
        return None if details is None else _job(details)

    def all(self) -> list[Job]:
        """Return the jobs of all sweeps, the newest first."""
        try:
            details = self._client.list_jobs()
        except (RuntimeError, requests.RequestException, AuthenticationError) as error:
            self._explain(error)
        jobs = [_job(one) for one in details if one.type == JobType.SUBMISSION and _SWEEP in (one.metadata or {})]
        return sorted(jobs, key=lambda job: job.started or 0.0, reverse=True)

    def logs(self, submission: str) -> str:
        """Return what the job has printed so far."""
        try:
            return str(self._client.get_job_logs(submission) or "")
        except (RuntimeError, requests.RequestException, AuthenticationError) as error:
            self._explain(error)

    def stop(self, submission: str) -> None:
        """Ask the job to end. One that is over stays as it is."""
        try:
            self._client.stop_job(submission)
        except (RuntimeError, requests.RequestException, AuthenticationError) as error:
            self._explain(error)

    def _check_version(self) -> None:
        try:
            theirs = self._client.ray_version()
        except (RuntimeError, requests.RequestException, AuthenticationError) as error:
            self._explain(error)
        ours = version("ray")
        if theirs != ours:
            raise ClusterError(
                f"The cluster at {self._address} runs ray {theirs}, this machine has ray {ours}: install ray=={theirs} here, or "
                "submit from the cluster's own image."
            )

    def _explain(self, error: Exception) -> NoReturn:
        where = f"The cluster at {self._address}"
        if isinstance(error, AuthenticationError):
            if self._token is None:
                raise ClusterError(
                    f"{where} asks for a token: set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH to its file."
                ) from error
            raise ClusterError(
                f"{where} refuses the token: expected the one that its head was started with. It was taken from "
                "RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH or ~/.ray/auth_token, whichever came first."
            ) from error
        if isinstance(error, requests.Timeout) and not isinstance(error, requests.ConnectTimeout):
            raise ClusterError(
                f"{where} has not replied within {_REPLY_SECONDS:.0f} s. Try again; repeating does no harm."
            ) from error
        if isinstance(error, requests.RequestException):
            raise ClusterError(
                f"{where} cannot be reached: {_reason(error)}. Is its head up, and is this the address of its dashboard "
                "(port 8265 unless chosen otherwise)?"
            ) from error
        raise ClusterError(f"{where} refused: {_last_line(str(error))}") from error


class _Client(JobSubmissionClient):  # type: ignore[misc]
    """Ray's client with an address and a token that the environment does not overrule, and an end to all waiting."""

    def __init__(self, address: str, token: str | None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        SubmissionClient.__init__(self, address=address, headers=headers)
        if token is None:  # Ray adds the token of its own environment, which is another cluster's
            self._headers: dict[str, str] = {}
        self._client_ray_version = ray.__version__

    def ray_version(self) -> str:
        """Return the cluster's version of Ray."""
        reply = self._do_request("GET", "/api/version")
        try:
            reply.raise_for_status()
            return str(reply.json()["ray_version"])
        except (requests.RequestException, KeyError, TypeError):
            raise requests.ConnectionError("what answers there is no Ray dashboard") from None

    def details(self, submission: str) -> JobDetails | None:
        """Return what the cluster knows of a job, None if it knows none of that id."""
        reply = self._do_request("GET", f"/api/jobs/{submission}")
        if reply.status_code == requests.codes.not_found:
            return None
        if reply.status_code != requests.codes.ok:
            self._raise_error(reply)
        return JobDetails(**reply.json())

    def _do_request(self, method: str, endpoint: str, **keywords: Any) -> requests.Response:
        reply: requests.Response = super()._do_request(
            method, endpoint, **{"timeout": (_CONNECT_SECONDS, _REPLY_SECONDS), **keywords}
        )
        return reply


def _job(details: JobDetails) -> Job:
    metadata = details.metadata or {}
    return Job(
        id=str(details.submission_id),
        state=JobState(details.status.value),
        sweep=metadata.get(_SWEEP, ""),
        occasion=metadata.get(_OCCASION, ""),
        message=details.message,
        exit_code=details.driver_exit_code,
        started=details.start_time / 1000 if details.start_time else None,
        ended=details.end_time / 1000 if details.end_time else None,
    )


def _reason(error: BaseException) -> str:
    """Return the innermost cause of a failed request: what libraries wrap around it says nothing more."""
    while isinstance(inner := _inside(error), BaseException):
        error = inner
    if isinstance(error, HTTPException):
        return "what answers there speaks no HTTP"
    return _last_line(str(error)).rstrip(".") or type(error).__name__


def _inside(error: BaseException) -> object:
    context = None if error.__suppress_context__ else error.__context__
    return error.__cause__ or context or getattr(error, "reason", None)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else ""
