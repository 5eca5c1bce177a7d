"""A look whether MLflow's store is there: seconds at most, without MLflow, and quiet where nobody can tell."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.tracking.reach import why_away


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize("scheme", ["http", "https", "postgresql+psycopg", "mysql+pymysql"])
def test_nobody_listens(scheme: str, closed_port: int) -> None:
    reason = why_away(f"{scheme}://ann:secret@127.0.0.1:{closed_port}/mlflow")
    assert reason is not None
    assert reason.startswith("ConnectionRefusedError")
    assert "secret" not in reason


def test_somebody_listens() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        assert why_away(f"http://127.0.0.1:{server.getsockname()[1]}") is None


def test_a_server_that_takes_no_connection_costs_seconds() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        began = time.monotonic()
        reason = why_away(f"http://127.0.0.1:{address[1]}", seconds=0.5)
        for one in waiting:
            one.close()
    assert reason is not None
    assert time.monotonic() - began < 3


def test_a_file_needs_a_folder_that_can_be_written(tmp_path: Path) -> None:
    assert why_away(f"sqlite:///{tmp_path}/mlflow.db") is None
    assert why_away(f"sqlite:///{tmp_path}/none/mlflow.db") == f"'{tmp_path}/none' is no folder that can be written"


@pytest.mark.parametrize("uri", ["databricks", "http://host:port", "sqlite:///:memory:"])
def test_what_cannot_be_told_is_left_to_who_opens_it(uri: str) -> None:
    assert why_away(uri) is None


def test_what_goes_by_a_proxy_is_not_knocked_at(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    assert why_away(f"http://mlflow.example.org:{closed_port}") is None


def test_no_mlflow_is_loaded() -> None:
    script = (
        "import sys; from orchestrator.tracking.reach import why_away; why_away('http://127.0.0.1:9'); "
        "assert 'mlflow' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
