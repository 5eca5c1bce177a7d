"""Finding a Ray, or saying why there is none."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.dispatch.raytune.cluster import _LONGEST_FOLDER, Cluster
from orchestrator.errors import KerasweepError


def test_an_address_where_nobody_listens_is_said_at_once() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    cluster = Cluster(address, cpus=1, gpus=False)
    cluster.start()
    with pytest.raises(KerasweepError, match=rf"ray.address: expected a Ray at '{address}', got ConnectionRefusedError"):
        cluster.ready(20)
    cluster.close()


def test_a_ray_of_our_own_is_started_whatever_cluster_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://head:8265")
    cluster = Cluster(None, cpus=1, gpus=False)
    try:
        assert cluster.ready(60)
        assert cluster.room_for(1.0, 0.0) == 1
    finally:
        cluster.close()


@pytest.mark.parametrize(("length", "kept"), [(_LONGEST_FOLDER, True), (_LONGEST_FOLDER + 1, False)])
def test_ray_takes_the_temporary_folder_as_far_as_its_sockets_fit(
    length: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="k", dir="/tmp"))
    usual = folder / ("x" * (length - len(str(folder)) - 1))
    usual.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(usual))
    cluster = Cluster(None, cpus=1, gpus=False)
    try:
        assert cluster.ready(60)
        assert (cluster.scratch.parents[1] == usual) == kept
    finally:
        cluster.close()
        shutil.rmtree(folder)


def test_a_ray_that_never_answers_is_not_waited_for_at_the_end() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        script = (
            "import sys, time; from orchestrator.dispatch.raytune.cluster import Cluster; "
            "c = Cluster(sys.argv[1], cpus=1, gpus=False); print(c.ready(3)); began = time.monotonic(); c.close(); "
            "print(time.monotonic() - began)"
        )
        began = time.monotonic()
        command = [sys.executable, "-c", script, f"127.0.0.1:{mute.getsockname()[1]}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)  # it ends, whatever Ray does
    ready, seconds = done.stdout.split()
    assert (ready, float(seconds) < 5) == ("False", True)
    assert time.monotonic() - began < 90


def test_signals_are_the_sweeps_while_ray_is_up() -> None:
    noted: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: noted.append(number))
    cluster = Cluster(None, cpus=1, gpus=False)
    try:
        assert cluster.ready(60)
        os.kill(os.getpid(), signal.SIGTERM)  # Ray's own handler would abort this process
        time.sleep(0.1)
    finally:
        cluster.close()
        signal.signal(signal.SIGTERM, before)
    assert noted == [signal.SIGTERM]


def test_a_dashboard_is_not_taken_for_a_ray_to_connect_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "http://head:8265")
    cluster = Cluster("auto", cpus=1, gpus=False)
    with pytest.raises(KerasweepError, match=r"got dashboard 'http://head:8265'.* `kerasweep submit`, or unset RAY_ADDRESS"):
        cluster.ready(20)
    cluster.close()


def test_the_garbage_collector_frees_nothing_of_ray_while_ray_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    collecting: list[bool] = []
    ray = SimpleNamespace(is_initialized=lambda: False, init=lambda **_: None, shutdown=lambda: collecting.append(gc.isenabled()))
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "orchestrator.dispatch.raytune.experiment", SimpleNamespace())
    cluster = Cluster(None, cpus=1, gpus=False)
    cluster.start()
    assert cluster.ready(20)
    cluster.close()
    assert collecting == [False]
    assert gc.isenabled()


@pytest.fixture
def slow_ray(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A Ray that takes a second to start: what happened to it, in order."""
    told: list[str] = []

    def init(**_: object) -> None:
        told.append("starting")
        time.sleep(1.0)
        told.append("up")

    ray = SimpleNamespace(is_initialized=lambda: False, init=init, shutdown=lambda: told.append("ended"))
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "orchestrator.dispatch.raytune.experiment", SimpleNamespace())
    yield told
    deadline = time.monotonic() + 10  # one that is left to itself must not end another test's Ray
    while told and told[-1] != "ended" and time.monotonic() < deadline:
        time.sleep(0.02)


def test_a_ray_that_nobody_waited_for_ends_by_itself(slow_ray: list[str]) -> None:
    cluster = Cluster(None, cpus=1, gpus=False)
    cluster.start()
    before = time.monotonic()
    cluster.close()
    assert time.monotonic() - before < 0.5
    following = Cluster(None, cpus=1, gpus=False)
    assert following.ready(10)
    assert slow_ray == ["starting", "up", "ended", "starting", "up"]
    following.close()
    assert slow_ray[-1] == "ended"


def test_a_ray_that_was_waited_for_is_over_when_it_is_closed(slow_ray: list[str]) -> None:
    cluster = Cluster(None, cpus=1, gpus=False)
    assert not cluster.ready(0.1)
    cluster.close()
    assert slow_ray == ["starting", "up", "ended"]
