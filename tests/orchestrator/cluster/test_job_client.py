"""The client of Ray's Jobs API against a small server that answers as told: wrong versions, strangers, silence, lost replies."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cluster import job_client as jobs_module
from orchestrator.cluster.job_client import JobClient
from orchestrator.cluster.jobs import JobState, NewJob
from orchestrator.errors import ClusterError
from orchestrator.spec.sections import DriverSection


class Dashboard(ThreadingHTTPServer):
    """Answers what ``answers`` say for a method and path; None closes the connection without a reply."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.ray = version("ray")
        self.jobs: dict[str, dict[str, Any]] = {}
        self.lose_replies = False
        self.html = False
        self.silent = False
        self.tokens: set[str | None] = set()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any] | None:
        if path == "/api/version":
            return 200, {"version": "4", "ray_version": self.ray, "ray_commit": "", "session_name": ""}
        if path.startswith("/api/packages/"):
            return 200, ""
        if method == "POST" and path == "/api/jobs/":
            sent = json.loads(body)
            if sent["submission_id"] in self.jobs:
                return 400, f"ValueError: Job with submission_id {sent['submission_id']} already exists."
            job = {"type": "SUBMISSION", "status": "RUNNING", "start_time": 1000, **sent}
            self.jobs[sent["submission_id"]] = job
            return None if self.lose_replies else (200, {"job_id": sent["submission_id"], "submission_id": sent["submission_id"]})
        if path == "/api/jobs/":
            return 200, list(self.jobs.values())
        found = self.jobs.get(path.removeprefix("/api/jobs/"))
        return (404, "no such job") if found is None else (200, found)


class _Handler(BaseHTTPRequestHandler):
    server: Dashboard

    def _reply(self) -> None:
        self.server.tokens.add(self.headers.get("Authorization"))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.silent:
            time.sleep(1)
        answer = None if self.server.silent else self.server.answer(self.command, self.path, body)
        if answer is None:
            self.close_connection = True
            return
        code, content = answer
        text = b"<html>hello</html>" if self.server.html else json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = _reply

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    with Dashboard() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def new_job(folder: Path, **parts: Any) -> NewJob:
    (folder / "sweep.yaml").write_text("{}")
    return NewJob(
        **{"id": "s-manual-1-a1", "sweep": "s", "occasion": "manual-1", "entrypoint": "true", "folder": folder, **parts}
    )


def test_a_job_is_sent_with_its_sweeps_name_and_found_again(dashboard: Dashboard, tmp_path: Path) -> None:
    client = JobClient(dashboard.address, "secret")
    client.send(new_job(tmp_path, environment={"A": "b"}, driver=DriverSection(cpus=0.5, resources={"x": 1})))
    sent = dashboard.jobs["s-manual-1-a1"]
    assert sent["runtime_env"]["env_vars"] == {"A": "b"}
    assert sent["runtime_env"]["working_dir"].startswith("gcs://_ray_pkg_")
    assert (sent["entrypoint_num_cpus"], sent["entrypoint_resources"]) == (0.5, {"x": 1})
    found = client.find("s-manual-1-a1")
    assert found is not None
    assert (found.title, found.state, found.started) == ("s/manual-1", JobState.RUNNING, 1.0)
    assert client.all() == [found]
    assert client.find("other") is None
    assert dashboard.tokens == {"Bearer secret"}


def test_without_resources_the_driver_is_left_to_the_head(dashboard: Dashboard, tmp_path: Path) -> None:
    JobClient(dashboard.address, None).send(new_job(tmp_path))
    assert not any(name.startswith("entrypoint_") for name in dashboard.jobs["s-manual-1-a1"])
    assert dashboard.tokens == {None}


def test_the_environment_does_not_overrule_an_address(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://127.0.0.1:9")
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://127.0.0.1:9")
    assert JobClient(dashboard.address, None).all() == []


def test_a_token_in_the_environment_is_not_sent_to_a_cluster_without(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "0" * 64)
    assert JobClient(dashboard.address, None).all() == []
    assert dashboard.tokens == {None}


def test_sending_again_or_losing_the_reply_changes_nothing(dashboard: Dashboard, tmp_path: Path) -> None:
    client = JobClient(dashboard.address, None)
    dashboard.lose_replies = True
    client.send(new_job(tmp_path))
    client.send(new_job(tmp_path))
    assert list(dashboard.jobs) == ["s-manual-1-a1"]


def test_jobs_that_are_no_sweeps_are_not_listed(dashboard: Dashboard) -> None:
    dashboard.jobs["raysubmit_1"] = {"type": "SUBMISSION", "status": "RUNNING", "entrypoint": "x", "submission_id": "raysubmit_1"}
    assert JobClient(dashboard.address, None).all() == []


def test_another_version_of_ray_is_refused(dashboard: Dashboard) -> None:
    dashboard.ray = "2.9.3"
    with pytest.raises(ClusterError, match=r"runs ray 2\.9\.3, this machine has ray \S+: install ray==2\.9\.3 here"):
        JobClient(dashboard.address, None)


def test_something_else_that_answers_is_no_dashboard(dashboard: Dashboard) -> None:
    dashboard.html = True
    with pytest.raises(ClusterError, match=r"cannot be reached: what answers there is no Ray dashboard\. Is its head up"):
        JobClient(dashboard.address, None)


def test_silence_ends(dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs_module, "_REPLY_SECONDS", 0.2)
    dashboard.silent = True
    with pytest.raises(ClusterError, match=r"has not replied within 0 s\. Try again; repeating does no harm\."):
        JobClient(dashboard.address, None)
