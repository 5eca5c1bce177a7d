"""Finding a Ray, or saying why there is none."""

from __future__ import annotations

import gc
import socket
import sys
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from orchestrator.dispatch.raytune.cluster import Cluster
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
