"""Sweeps submitted to a real Ray head with dashboard and token: sent once, followed, stopped, continued; refused without it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from ray_cluster import BIN, TOKEN, RayCluster, free_port

from orchestrator.cluster.job_client import JobClient
from orchestrator.cluster.jobs import JobState
from orchestrator.cluster.parcel import make_parcel
from orchestrator.cluster.submission import await_end, claim_attempt, send_attempt
from orchestrator.errors import ClusterError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.records import SubmissionState
from orchestrator.search.trials import SweepState, TrialState
from orchestrator.spec.loading import load_spec

BUILDER = """
import keras

def make(input_shape, output_units, units=8, learning_rate=0.01):
    layers = [keras.Input(input_shape), keras.layers.Dense(units, "relu"), keras.layers.Dense(output_units, "sigmoid")]
    model = keras.Sequential(layers)
    model.compile(loss="binary_crossentropy", optimizer=keras.optimizers.Adam(learning_rate), metrics=["accuracy"])
    return model
"""


@pytest.fixture(scope="module")
def head() -> Iterator[RayCluster]:
    with RayCluster() as cluster:
        yield cluster


@pytest.fixture
def command(head: RayCluster, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    return lambda *arguments, **environment: _kerasweep(head, tmp_path, *arguments, **environment)


def _kerasweep(cluster: RayCluster, folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What ``kerasweep`` answers, typed in ``folder`` on a machine where RAY_ADDRESS names the cluster."""
    return subprocess.run(
        [BIN / "kerasweep", *arguments],
        cwd=folder,
        env={**cluster.environment, "RAY_ADDRESS": cluster.address, **environment},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def _write(folder: Path, **parts: Any) -> None:
    """A sweep file with a model of the user's own, too long to end by itself in a test, and its stores beside it."""
    sweep = {
        "name": "long",
        "task": "binary",
        "data": {"source": "csv", "path": "rows.csv", "target": "label"},
        "trainer": {"type": "builder", "builder": "own:make"},
        "space": {"units": {"integer": [2, 64]}, "learning_rate": {"reciprocal": [1e-3, 1e-1]}},
        "strategy": {"type": "random", "trials": 100},
        "engine": "keras",
        "cv": {"folds": 2},
        "fit": {"epochs": 3, "early_stopping": None},
        "ledger": f"sqlite:///{folder / 'sweeps.db'}",
        "tracking": {"uri": f"sqlite:///{folder / 'mlflow.db'}"},
        **parts,
    }
    (folder / "sweep.yaml").write_text(yaml.safe_dump(sweep, sort_keys=False))
    (folder / "own.py").write_text(BUILDER)
    rows = [f"{(7 * number) % 11},{(5 * number) % 13},{int((7 * number) % 11 > 5)}" for number in range(120)]
    (folder / "rows.csv").write_text("\n".join(["a,b,label", *rows]) + "\n")


def test_who_has_no_token_or_another_one_is_refused(head: RayCluster) -> None:
    with pytest.raises(ClusterError, match="asks for a token: set RAY_AUTH_TOKEN, or RAY_AUTH_TOKEN_PATH"):
        JobClient(head.address, None)
    with pytest.raises(ClusterError, match="refuses the token"):
        JobClient(head.address, "0" * 64)


def test_a_head_that_is_not_there_is_said_to_be_unreachable() -> None:
    with pytest.raises(ClusterError, match=r"cannot be reached: \[Errno 111\] Connection refused\. Is its head up"):
        JobClient(f"http://127.0.0.1:{free_port()}", None)


@pytest.mark.full
def test_a_submitted_sweep_is_one_job_and_is_stopped_in_order(
    head: RayCluster, command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    _write(tmp_path, fit={"epochs": 1000, "early_stopping": None})
    refused = command("submit", "sweep.yaml")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "sweep.yaml: ledger: a job would lose what it writes to" in refused.stderr

    sent = command("submit", "sweep.yaml", "--local-store")
    assert sent.returncode == 0, sent.stderr
    assert f"submitted long/manual-1 as long-manual-1-a1 to {head.address}, with its file, 1 Python file" in sent.stdout
    assert "long/manual-1 is running." in sent.stdout
    again = command("submit", "sweep.yaml", "--local-store", "--json")
    assert {**json.loads(again.stdout)}.items() >= {"submission": "long-manual-1-a1", "new": False, "job": "RUNNING"}.items()
    (listed,) = json.loads(command("status", "--json", KERASWEEP_LEDGER=f"sqlite:///{tmp_path / 'sweeps.db'}").stdout)
    assert (listed["sweep"], listed["occasion"], listed["state"]) == ("long", "manual-1", "RUNNING")
    assert "sweep long/manual-1: reading the data" in command("logs", "long").stdout

    stopped = command("stop", "long")
    assert "long/manual-1 is stopped. What is finished is kept" in stopped.stdout, stopped.stderr
    with Ledger(f"sqlite:///{tmp_path / 'sweeps.db'}") as ledger:
        sweep = ledger.sweep("long")
        assert (sweep.state, sweep.reason, sweep.owner) == (SweepState.STOPPED, "terminated", None)
        assert ledger.submissions.get("long-manual-1-a1").state is SubmissionState.ENDED
    assert "continue with: kerasweep submit sweep.yaml" in command("logs", "long").stdout


@pytest.mark.full
def test_the_scheduler_sends_a_due_sweep_to_the_cluster_once(
    head: RayCluster, command: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    _write(tmp_path, name="due", budget={"trials": 2}, ledger=f"sqlite:///{tmp_path / 'due.db'}")
    own = {"KERASWEEP_LEDGER": f"sqlite:///{tmp_path / 'due.db'}"}
    when = ("--cron", "0 2 29 2 *", "--address", head.address)
    assert command("schedule", "add", "leap-night", "sweep.yaml", *when).returncode == 2
    added = command("schedule", "add", "leap-night", "sweep.yaml", *when, "--local-store")
    assert added.returncode == 0, added.stderr
    services = [
        subprocess.Popen([BIN / "kerasweep", "scheduler", "--port", "0"], cwd=tmp_path, env={**head.environment, **own})
        for _ in range(2)
    ]
    try:
        assert command("schedule", "run-now", "leap-night", **own).returncode == 0
        with Ledger(own["KERASWEEP_LEDGER"]) as ledger:
            _until(lambda: SweepState.COMPLETED in ledger.occasion_states("due").values(), 250)
            _until(lambda: not ledger.firings.open(), 30)
    finally:
        for service in services:
            service.terminate()
        assert [service.wait(20) for service in services] == [0, 0]
    (firing,) = json.loads(command("schedule", "history", "leap-night", "--json", **own).stdout)
    assert (firing["state"], firing["sweep"]) == ("FIRED", "COMPLETED")
    assert [job.id for job in JobClient(head.address, TOKEN).all() if job.sweep == "due"] == [firing["submission"]]


# --- minutes long: three nodes, MLflow on PostgreSQL, three sweeps -----------------------------------------------------------


@contextmanager
def _mlflow_server(database: str, folder: Path) -> Iterator[str]:
    port = free_port()
    command = [BIN / "mlflow", "server", "--backend-store-uri", database, "--artifacts-destination", folder / "artifacts"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--allowed-hosts", f"127.0.0.1:{port}", "--workers", "1"]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "mlflow.log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _until(lambda: _answers(f"http://127.0.0.1:{port}/health"), 180)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def _until(reached: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not reached():
        assert time.monotonic() < deadline, f"not reached within {seconds} s"
        time.sleep(0.3)


def _runs(mlflow: str, experiment: str) -> list[dict[str, Any]]:
    """An experiment's runs, by MLflow's REST API."""
    api = f"{mlflow}/api/2.0/mlflow"
    found = requests.get(f"{api}/experiments/get-by-name", {"experiment_name": experiment}, timeout=30).json()
    ids = [found["experiment"]["experiment_id"]]
    answer = requests.post(f"{api}/runs/search", json={"experiment_ids": ids, "max_results": 1000}, timeout=30).json()
    return list(answer["runs"])


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_three_sweeps_on_three_nodes_browsed_in_mlflow(postgres_url: str, tmp_path: Path) -> None:
    with _mlflow_server(postgres_url, tmp_path) as mlflow, RayCluster() as cluster, Ledger(postgres_url) as ledger:
        cluster.add_node("left")
        cluster.add_node("right")
        stores = {"ledger": postgres_url, "tracking": {"uri": mlflow}}

        _write(tmp_path, **stores, name="grid", strategy={"type": "grid"}, space={"units": [4, 8], "learning_rate": [0.01, 0.03]})
        grid = _kerasweep(cluster, tmp_path, "submit", "sweep.yaml", "--follow")
        assert grid.returncode == 0, grid.stdout + grid.stderr
        assert "training up to 4 trials x 2 folds on 3 workers" in grid.stdout
        assert grid.stdout.splitlines()[-1] == "grid/manual-1: COMPLETED"

        _many_at_once(cluster, tmp_path, stores)
        _stopped_and_continued(cluster, tmp_path, stores, ledger)

        for name in ("grid", "genetic"):
            runs = _runs(mlflow, name)
            assert len(runs) == 1 + len(ledger.trials(ledger.sweep(name).id))
            assert {run["info"]["status"] for run in runs} == {"FINISHED"}
        foreign = requests.get(f"{mlflow}/api/2.0/mlflow/experiments/get-by-name", headers={"Host": "elsewhere.org"}, timeout=30)
        assert foreign.status_code == requests.codes.forbidden
        assert _kerasweep(cluster, tmp_path, "list", "--address", cluster.address, RAY_AUTH_TOKEN="").returncode == 1
        listed = json.loads(_kerasweep(cluster, tmp_path, "list", "--address", cluster.address, "--json").stdout)
        assert {(job["sweep"], job["state"]) for job in listed} == {
            ("grid", "COMPLETED"),
            ("genetic", "COMPLETED"),
            ("random", "COMPLETED"),
        }


def _many_at_once(cluster: RayCluster, folder: Path, stores: dict[str, Any]) -> None:
    """Twenty submits of one sweep are one job."""
    _write(folder, **stores, name="genetic", strategy={"type": "genetic", "population": 3, "generations": 2})
    spec = load_spec(folder / "sweep.yaml")

    def submit(_: int) -> str:
        jobs = JobClient(cluster.address, TOKEN)
        with Ledger(spec.ledger) as own:
            attempt = claim_attempt(spec, jobs, own)
            assert attempt is not None
            if not attempt.sent:
                send_attempt(spec, make_parcel(spec), attempt, jobs, own)
            return attempt.row.id

    with ThreadPoolExecutor(20) as threads:
        assert set(threads.map(submit, range(20))) == {"genetic-manual-1-a1"}
    jobs = JobClient(cluster.address, TOKEN)
    assert [job.id for job in jobs.all() if job.sweep == "genetic"] == ["genetic-manual-1-a1"]
    assert await_end("genetic-manual-1-a1", jobs).state is JobState.SUCCEEDED, jobs.logs("genetic-manual-1-a1")


def _stopped_and_continued(cluster: RayCluster, folder: Path, stores: dict[str, Any], ledger: Ledger) -> None:
    """A sweep driven from a worker node is stopped in the middle; what was finished stays, the next attempt does the rest."""
    parts = {**stores, "name": "random", "ray": {"driver": {"cpus": 0, "resources": {"right": 0.5}}}}
    _write(folder, **parts)
    assert _kerasweep(cluster, folder, "submit", "sweep.yaml").returncode == 0

    def finished() -> dict[int, float | None]:
        rows = ledger.trials(ledger.sweep("random").id)
        return {row.number: row.finished for row in rows if row.state is TrialState.COMPLETED}

    _until(lambda: len(finished()) >= 2, 300)
    stopped = _kerasweep(cluster, folder, "stop", "random")
    assert "random/manual-1 is stopped." in stopped.stdout, stopped.stderr
    assert ledger.sweep("random").state is SweepState.STOPPED
    kept = finished()
    assert len(kept) < 100

    _write(folder, **parts, budget={"trials": len(kept) + 3})
    resumed = _kerasweep(cluster, folder, "submit", "sweep.yaml", "--wait")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert "submitted random/manual-1 as random-manual-1-a2" in resumed.stdout
    assert ledger.sweep("random").state is SweepState.COMPLETED
    assert kept.items() <= finished().items()
    driven_from = {job["submission_id"]: job["driver_node_id"] for job in cluster.get("/api/jobs/") if job["submission_id"]}
    assert driven_from["random-manual-1-a1"] == driven_from["random-manual-1-a2"] != driven_from["grid-manual-1-a1"]
    assert [row["info"]["status"] for row in _runs(stores["tracking"]["uri"], "random")].count("RUNNING") == 0
