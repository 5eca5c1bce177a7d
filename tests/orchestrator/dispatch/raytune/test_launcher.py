"""When the dispatcher looks at a cluster's nodes; whole sweeps on a real Ray are in ``tests/integration``."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from recording_conductor import FAKE_WORKER, settings

from orchestrator.dispatch.raytune import RayDispatcher
from trainers.messages import Check, Failed


def test_nodes_that_come_on_demand_are_checked_once_they_are_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counts, looks = [0, 2], []

    def check_nodes(*_: object) -> int:
        looks.append(counts.pop(0))
        return looks[-1]

    monkeypatch.setattr("orchestrator.dispatch.raytune.node_check.check_nodes", check_nodes)
    monkeypatch.setattr(
        "orchestrator.dispatch.raytune.requests.request_on_cluster", lambda *_: Failed("invalid", "no worker here")
    )
    dispatcher = RayDispatcher(address="head:6379", log_folder=tmp_path)
    monkeypatch.setattr(dispatcher, "_cluster", SimpleNamespace(ready=lambda seconds: True))
    monkeypatch.setattr(dispatcher, "_plan", lambda: None)
    for _ in range(3):
        dispatcher.request(Check({}), timeout=1)
    assert looks == [0, 2]


def test_ray_starts_when_the_data_is_known_to_be_sound(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done: list[str] = []
    dispatcher = RayDispatcher(workers=1, log_folder=tmp_path, command=FAKE_WORKER)
    cluster = SimpleNamespace(**{name: lambda name=name: done.append(name) for name in ("load", "start", "close")})
    monkeypatch.setattr(dispatcher, "_cluster", cluster)
    dispatcher.start("fused")  # then the data is read
    assert done == ["load"]
    dispatcher.prepare(settings("fused"))
    assert done == ["load", "start"]
    dispatcher.close()
    assert done == ["load", "start", "close"]
