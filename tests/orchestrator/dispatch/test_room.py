"""What nobody could ever give is refused, saying what was asked for and what the largest node has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.dispatch import room
from orchestrator.dispatch.local import LocalDispatcher
from orchestrator.dispatch.machine import available_gpus
from orchestrator.dispatch.raytune import RayDispatcher
from orchestrator.dispatch.room import Share, check_machine, check_room
from orchestrator.errors import ResourcesError

NODES = [(0.0, 0.0), (8.0, 0.0), (4.0, 2.0)]


@pytest.mark.parametrize("asked", [(8.0, 0.0), (4.0, 2.0), (0.5, 0.25)])
def test_what_a_node_has_is_not_refused(asked: Share) -> None:
    check_room(asked, NODES, "the cluster")


@pytest.mark.parametrize(
    ("asked", "nodes", "message"),
    [
        (
            (16.0, 0.0),
            NODES,
            "cpus_per_trial: a trial asks for 16 CPU cores, the largest node of the cluster has 8 CPU cores. Ask for less.",
        ),
        (
            (1.0, 4.0),
            NODES,
            "gpus_per_trial: a trial asks for 1 CPU core and 4 GPUs, the largest node of the cluster has 4 CPU cores and "
            "2 GPUs. Ask for less.",
        ),
        (
            (8.0, 1.0),
            NODES,
            "cpus_per_trial: a trial asks for 8 CPU cores and 1 GPU, the largest node of the cluster has 4 CPU cores and "
            "2 GPUs. Ask for less.",
        ),
        (
            (1.0, 1.0),
            [(2.0, 0.0)],
            "gpus_per_trial: a trial asks for 1 CPU core and 1 GPU, the largest node of the cluster has 2 CPU cores and "
            "0 GPUs. Ask for less.",
        ),
    ],
)
def test_what_no_node_has_is_refused(asked: Share, nodes: Sequence[Share], message: str) -> None:
    with pytest.raises(ResourcesError, match=f"^resources.{re.escape(message)}$") as caught:
        check_room(asked, nodes, "the cluster")
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("cpus", "gpus", "message"),
    [
        (1.0, 1.0, "gpus_per_trial: a trial asks for 1 CPU core and 1 GPU, this machine has 2 CPU cores and 0 GPUs"),
        (3.0, 0.0, "cpus_per_trial: a trial asks for 3 CPU cores, this machine has 2 CPU cores"),
    ],
)
def test_a_ray_of_our_own_is_not_even_started_for_it(
    cpus: float, gpus: float, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "available_cpus", lambda: 2)
    monkeypatch.setattr(room, "available_gpus", lambda: 0)
    dispatcher = RayDispatcher(log_folder=tmp_path, cpus_per_trial=cpus, gpus_per_trial=gpus)
    with pytest.raises(ResourcesError, match=message):
        dispatcher.start("keras")
    dispatcher.close()


def test_workers_without_ray_are_not_started_either(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "available_cpus", lambda: 2)
    with pytest.raises(ResourcesError, match="a trial asks for 4 CPU cores, this machine has 2 CPU cores"):
        LocalDispatcher(1, log_folder=tmp_path, cpus_per_trial=4).start("keras")


def test_gpus_that_are_not_shown_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert available_gpus() == 0
    with pytest.raises(ResourcesError, match="0 GPUs"):
        check_machine(1.0, 0.5)
