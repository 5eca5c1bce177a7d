"""Canaries: a sweep whose ledger, MLflow and webhook have passwords in their addresses shows none of them, wherever one may look.

The ledger itself holds them, since a sweep is resumed from it; everything else is searched.
"""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from small_folder import COMMAND, Folder, small_sweep

from orchestrator.cli.root import main

LEDGER, MLFLOW, HOOK = "canary-of-the-ledger", "canary-of-mlflow", "canary-of-the-hook"
CANARIES = (LEDGER, MLFLOW, HOOK)
OCCASION = "2026-11-20T02:00Z"


class Hook(http.server.BaseHTTPRequestHandler):
    """Takes every report and keeps it."""

    received: list[bytes]

    def do_POST(self) -> None:
        self.received.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[tuple[str, list[bytes]]]:
    received: list[bytes] = []
    handler = type("Kept", (Hook,), {"received": received})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/{HOOK}", received
        server.shutdown()


@pytest.fixture
def database(postgres_server: sa.URL) -> Iterator[sa.URL]:
    """An empty database, for a MLflow that takes a schema of its own for granted."""
    name = f"canary_{os.getpid()}"
    engine = sa.create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield postgres_server.set(database=name)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


def with_password(url: sa.URL | str, password: str) -> str:
    return sa.make_url(url).set(password=password).render_as_string(hide_password=False)


def watched(
    command: list[str | Path], folder: Path, lines: set[str], stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command; ``lines`` gathers the command lines of it and of all that it starts."""
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def look() -> None:
        while process.poll() is None:
            try:
                family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                lines.update(" ".join(one.cmdline()) for one in family)
            except psutil.Error:
                pass
            threading.Event().wait(0.1)

    watcher = threading.Thread(target=look)
    watcher.start()
    out, err = process.communicate(timeout=280)
    watcher.join()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def rows_of(url: sa.URL) -> str:
    """Return everything that is in a database, as text."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
        content = {name: [list(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{name}"')] for name in names}  # noqa: S608
    engine.dispose()
    assert content["runs"], "the sweep is not in MLflow"
    return repr(content)


@pytest.mark.full
@pytest.mark.parametrize("local", [True, False], ids=["local", "ray"])
def test_no_password_is_shown(
    *,
    local: bool,
    tmp_path: Path,
    postgres_url: str,
    database: sa.URL,
    hook: tuple[str, list[bytes]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, lines, said = Folder(tmp_path), set[str](), dict[str, str]()
    address, received = hook
    stores = {"ledger": with_password(postgres_url, LEDGER), "tracking": {"uri": with_password(database, MLFLOW)}}
    changes: dict[str, Any] = {"ray": {"local": local}, "resources": {"max_concurrent": 1}, "notify": {"webhook": address}}
    folder.write(small_sweep(space={"learning_rate": [0.001, 0.01]}, model={"register_as": "canary"}, **stores, **changes))
    commands = {
        "run": ["-v", "run", "sweep.yaml", "--occasion", OCCASION],
        "validate": ["validate", "sweep.yaml"],
        "plan": ["plan", "sweep.yaml"],
    }
    for name, arguments in commands.items():
        done = watched([COMMAND, *arguments], tmp_path, lines)
        assert done.returncode == 0, done.stderr
        said[name] = done.stdout + done.stderr
    monkeypatch.chdir(tmp_path)
    for arguments in (
        ["list"], ["list", "--json"], ["show", "small"], ["show", "small", "--json"], ["show", "small", "0"], ["best", "small"],
        ["best", "small", "--json"], ["browse", "small"], ["report", "small"], ["resume", "small"],
        ["schedule", "add", "nightly", "sweep.yaml", "--cron", "0 2 * * *"], ["schedule", "show", "nightly", "--json"],
        ["schedule", "emit", "nightly", "--systemd"], ["schedule", "emit", "nightly", "--cronjob"],
    ):  # fmt: skip
        said[" ".join(arguments)] = CliRunner().invoke(main, arguments, env={"KERASWEEP_LEDGER": stores["ledger"]}).output
    said["MLflow's rows"] = rows_of(database)
    said["command lines"] = "\n".join(lines)
    said["webhook"] = b"".join(received).decode()
    for file in sorted(tmp_path.rglob("*")):
        if file.is_file() and file.name != "sweep.yaml":
            said[str(file.relative_to(tmp_path))] = file.read_bytes().decode("latin-1")
    shown = [(where, canary) for where, text in said.items() for canary in CANARIES if canary in text]
    assert shown == []
    assert "COMPLETED" in said["run"]
    assert "kerasweep" in said["command lines"]
    assert json.loads(said["webhook"])["sweep"]
    assert [where for where in said if where.startswith("kerasweep-output/") and where.endswith(".log")], "no log was searched"
    assert [where for where in said if "mlruns" in where or "mlartifacts" in where], "no artifact was searched"


@pytest.mark.parametrize("verbose", [pytest.param([], marks=pytest.mark.full), ["-vv"]])
def test_no_password_is_in_what_is_said_of_stores_and_data_that_are_away(tmp_path: Path, verbose: list[str]) -> None:
    away = "canary-user:canary-word@127.0.0.1:9"
    data = {"source": "csv", "path": f"http://{away}/data.csv", "target": "y"}
    Folder(tmp_path).write(small_sweep(data=data, ray={"local": True}, resources={"max_concurrent": 1}))
    commands = [
        ["run", "sweep.yaml"],
        ["list", "--ledger", f"postgresql://{away}/ledger"],
        ["list", "--ledger", f"oracle://{away}/ledger"],
        ["promote", "model", "1", "--uri", f"http://{away}"],
    ]
    for arguments in commands:
        environment = {**os.environ, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
        done = subprocess.run(
            [COMMAND, *verbose, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode in (1, 2), done.stderr
        assert "canary-word" not in done.stdout + done.stderr, arguments
