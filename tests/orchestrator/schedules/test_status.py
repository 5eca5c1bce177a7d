"""What a scheduler tells over HTTP, and how the service ends."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from fake_launcher import FakeClock, FakeLauncher
from prometheus_client.parser import text_string_to_metric_families

from orchestrator.errors import ClusterError, LaunchError
from orchestrator.ledger.ledger import Ledger
from orchestrator.ledger.owner import Owner
from orchestrator.schedules.scheduler import Scheduler
from orchestrator.schedules.status import serve_status
from orchestrator.search.trials import SweepState

BEGIN, HOUR, DAY = 1_900_022_400, 3600, 86400  # a midnight
NIGHT = 2 * HOUR


class World:
    def __init__(self, url: str) -> None:
        self.clock = FakeClock(BEGIN)
        self.ledger = Ledger(url, self.clock)
        self.launcher = FakeLauncher(self.ledger, self.clock)
        self.scheduler = Scheduler(self.ledger, lambda schedule: self.launcher, self.clock, Owner("one", 1))
        self.ledger.schedules.add(
            "nightly",
            spec={"sweep": {"name": "pima"}},
            cron="0 2 * * *",
            timezone="UTC",
            overlap="forbid",
            catch_up=12 * HOUR,
        )
        self.server = serve_status(0, self.ledger, self.scheduler, self.clock)

    def look(self, seconds: float) -> None:
        self.clock.now = BEGIN + seconds
        self.launcher.advance()
        self.scheduler.look()
        assert self.scheduler.settle(10)

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.server.port}{path}", timeout=10) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def metrics(self) -> dict[str, float]:
        status, text = self.get("/metrics")
        assert status == 200, text
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return {" ".join([sample.name, *sorted(sample.labels.values())]): sample.value for sample in samples}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(f"sqlite:///{tmp_path / 'ledger.db'}")
    with made.server:
        yield made
    made.ledger.close()


def test_a_scheduler_that_looks_is_healthy(world: World) -> None:
    assert world.get("/healthz")[0] == 200, "it has just been started"
    world.look(10)
    status, text = world.get("/healthz")
    assert status == 200
    assert json.loads(text) == {"status": "ok", "seconds_since_look": 0.0, "trouble": None}


def test_a_scheduler_that_has_not_looked_for_a_minute_is_not(world: World) -> None:
    world.look(10)
    world.clock.now += 61
    status, text = world.get("/healthz")
    assert status == 503
    assert json.loads(text) == {"status": "stuck", "seconds_since_look": 61.0, "trouble": None}


def test_metrics_of_a_schedule_that_was_never_due(world: World) -> None:
    world.look(10)
    metrics = world.metrics()
    assert metrics["kerasweep_scheduler_looked_timestamp_seconds"] == BEGIN + 10
    assert metrics["kerasweep_next_due_timestamp_seconds nightly"] == BEGIN + NIGHT
    assert metrics["kerasweep_late_seconds nightly"] == 0
    assert metrics["kerasweep_running nightly"] == 0


def test_metrics_count_what_became_of_due_times(world: World) -> None:
    world.launcher.seconds = lambda occasion: 30 * HOUR
    world.look(NIGHT + 90)
    assert world.metrics()["kerasweep_running nightly"] == 1
    assert world.metrics()["kerasweep_late_seconds nightly"] == 90
    world.look(NIGHT + DAY)  # skipped
    world.look(NIGHT + 2 * DAY + 13 * HOUR)  # missed
    world.launcher.failures = [LaunchError("no data", 2)]
    world.look(NIGHT + 3 * DAY)  # failed
    world.launcher.failures = [ClusterError("away")]
    world.look(NIGHT + 4 * DAY)
    world.clock.now += 240
    metrics = world.metrics()
    counts = {name: metrics[f"kerasweep_{name}_total nightly"] for name in ("due", "fired", "missed", "skipped", "failed")}
    assert counts == {"due": 5, "fired": 1, "missed": 1, "skipped": 1, "failed": 1}
    assert metrics["kerasweep_late_seconds nightly"] == 240, "of the one that waits"
    assert metrics["kerasweep_running nightly"] == 0


def test_metrics_count_scheduled_sweeps_by_their_state(world: World) -> None:
    world.look(NIGHT)
    by_hand = world.ledger.claim_sweep("pima", {}, None, Owner("somebody", 1), 60, new=True)
    world.ledger.finish_sweep(by_hand, SweepState.FAILED)
    assert world.metrics()["kerasweep_sweeps nightly running"] == 1
    world.look(NIGHT + HOUR)
    metrics = world.metrics()
    assert metrics["kerasweep_sweeps completed nightly"] == 1
    assert metrics["kerasweep_sweeps failed nightly"] == 0


def test_metrics_count_a_sweep_whose_driver_was_killed_as_lost(world: World) -> None:
    world.look(NIGHT)
    world.clock.now += 61  # nothing is heard of its driver
    metrics = world.metrics()
    assert metrics["kerasweep_sweeps lost nightly"] == 1
    assert metrics["kerasweep_sweeps nightly running"] == 0
    assert metrics["kerasweep_sweeps nightly waiting"] == 0


def test_a_paused_schedule_has_no_next_due_time(world: World) -> None:
    world.ledger.schedules.pause("nightly")
    assert "kerasweep_next_due_timestamp_seconds nightly" not in world.metrics()


def test_other_paths_are_not_there(world: World) -> None:
    assert world.get("/") == (404, "/healthz and /metrics are here.")


def test_it_listens_on_the_loopback_interface_only(world: World) -> None:
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)} - {"127.0.0.1"}
    for address in addresses:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((address, world.server.port), timeout=2)


def test_a_port_that_is_taken_is_told(world: World) -> None:
    message = f"status port {world.server.port} cannot be opened: Address already in use. Name another one with --port."
    with pytest.raises(LaunchError, match=message):
        serve_status(world.server.port, world.ledger, world.scheduler)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Keep everybody else from writing to a ledger."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "waiting-for-the-database"])
def test_the_service_ends_within_three_seconds(tmp_path: Path, number: signal.Signals, *, busy: bool) -> None:
    file = tmp_path / "ledger.db"
    with Ledger(f"sqlite:///{file}", lambda: time.time() - 300) as ledger:
        ledger.schedules.add(
            "often", spec={"sweep": {"name": "x"}}, cron="* * * * *", timezone="UTC", overlap="allow", catch_up=0.001
        )
    command = [str(Path(sys.executable).with_name("kerasweep")), "scheduler", "--port", "0", "--ledger", f"sqlite:///{file}"]
    with locked(file) if busy else nullcontext():
        service = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        try:
            assert service.stderr is not None
            first = service.stderr.readline()
            assert "status on http://127.0.0.1:" in first
            with urllib.request.urlopen(f"http://127.0.0.1:{int(first.rsplit(':', 1)[1])}/healthz", timeout=10) as reply:
                assert reply.status == 200
            time.sleep(0.5)
            asked = time.monotonic()
            service.send_signal(number)
            assert service.wait(20) == 0
            assert time.monotonic() - asked < 3
        finally:
            service.kill()
            _, said = service.communicate()
    assert ("ended in the middle" in said) == busy
