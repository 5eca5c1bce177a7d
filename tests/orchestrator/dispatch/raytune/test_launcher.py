"""When the dispatcher looks at a cluster's nodes; whole sweeps on a real Ray are in ``tests/integration``."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from orchestrator.dispatch.raytune import RayDispatcher
from orchestrator.errors import ResourcesError
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
    dispatcher = RayDispatcher(address="head:6379", log_folder=tmp_path, autoscaling=True)
    monkeypatch.setattr(dispatcher, "_cluster", SimpleNamespace(ready=lambda seconds: True))
    monkeypatch.setattr(dispatcher, "_plan", lambda: None)
    for _ in range(3):
        dispatcher.request(Check({}), timeout=1)
    assert looks == [0, 2]


@pytest.mark.parametrize(
    ("nodes", "autoscaling", "scales", "refused"),
    [
        ([(4.0, 0.0)], False, False, True),
        ([], False, False, True),
        ([(4.0, 0.0)], True, False, False),
        ([(4.0, 0.0)], False, True, False),
        ([(4.0, 1.0)], False, False, False),
    ],
)
def test_what_no_node_has_is_refused_unless_nodes_come_on_demand(
    *,
    nodes: list[tuple[float, float]],
    autoscaling: bool,
    scales: bool,
    refused: bool,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("orchestrator.dispatch.raytune.node_check.check_nodes", lambda *_: 1)
    answered = Failed("invalid", "a worker was there")
    monkeypatch.setattr("orchestrator.dispatch.raytune.requests.request_on_cluster", lambda *_: answered)
    dispatcher = RayDispatcher(address="head:6379", log_folder=tmp_path, autoscaling=autoscaling, gpus_per_trial=1.0)
    cluster = SimpleNamespace(
        ready=lambda seconds: True,
        room_for=lambda cpus, gpus: sum(node[0] >= cpus and node[1] >= gpus for node in nodes),
        nodes=lambda: nodes,
        scales=lambda: scales,
    )
    monkeypatch.setattr(dispatcher, "_cluster", cluster)
    monkeypatch.setattr(dispatcher, "_plan", lambda: None)
    if refused:
        largest = "4 CPU cores and 0 GPUs" if nodes else "0 CPU cores and 0 GPUs"
        message = f"largest node of the cluster at 'head:6379' has {largest}. Ask for less, or say ray.autoscaling: true"
        with pytest.raises(ResourcesError, match=message):
            dispatcher.request(Check({}), timeout=1)
    else:
        assert dispatcher.request(Check({}), timeout=1) is answered
