"""What a worker may hold on the node where Ray has put it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from recording_conductor import settings

from orchestrator.dispatch.machine import available_memory, memory_share
from orchestrator.dispatch.raytune import RayDispatcher
from orchestrator.dispatch.raytune.plan import WorkerPlan

NODE = {"CPU": 64.0, "GPU": 2.0, "memory": 1e12}


@pytest.fixture(autouse=True)
def _large_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.dispatch.raytune.plan._resources_here", lambda: NODE)


def plan(**changes: Any) -> WorkerPlan:
    told: dict[str, Any] = {"cpus": 1.0, "gpus": 0.0, "workers": 1000}
    return WorkerPlan(settings=settings(), command=(), log_folder="", home="", **(told | changes))


@pytest.mark.parametrize(
    ("changes", "at_once"),
    [
        ({}, 64),
        ({"workers": 4}, 4),
        ({"gpus": 1.0}, 2),
        ({"gpus": 0.5, "cpus": 20.0}, 3),
        ({"gpus": 1.0, "workers": 1}, 1),
    ],
)
def test_a_worker_gets_its_share_among_those_that_can_be_there_at_once(changes: dict[str, Any], at_once: int) -> None:
    assert plan(**changes).memory_here() == memory_share(at_once)


def test_what_the_sweep_says_counts_instead() -> None:
    assert plan(memory_bytes=4 * 2**30, workers=4).memory_here() == 4 * 2**30


def test_a_node_that_ray_does_not_know_any_more_is_shared_by_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator.dispatch.raytune.plan._resources_here", dict)
    assert plan(workers=3).memory_here() == memory_share(3)


def test_four_workers_on_a_large_node_share_its_memory_in_four(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("orchestrator.dispatch.raytune.plan.node_id", lambda: "here")
    dispatcher = RayDispatcher(address="head:6379", workers=4, log_folder=tmp_path)
    monkeypatch.setattr(dispatcher, "_ship", lambda settings: (None, None))
    dispatcher.prepare(settings())
    assert dispatcher._plan().memory_here() == pytest.approx(available_memory() * 0.9 / 4, rel=1e-6)
