"""What workers may be given: containers' limits count, and a limit that is none does not."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from orchestrator.dispatch.machine import available_cpus, available_memory, memory_share, room_here, room_on


@pytest.mark.parametrize(
    ("quota", "expected"), [("100000 100000", 1), ("50000 100000", 1), ("garbage", None), ("max 100000", None)]
)
def test_cpus_are_bounded_by_the_containers_quota(tmp_path: Path, quota: str, expected: int | None) -> None:
    everything = available_cpus(tmp_path)
    (tmp_path / "cpu.max").write_text(quota + "\n")
    assert available_cpus(tmp_path) == (everything if expected is None else expected)


def test_memory_is_bounded_by_the_containers_limit(tmp_path: Path) -> None:
    total = psutil.virtual_memory().total
    assert available_memory(tmp_path) == total
    (tmp_path / "memory.max").write_text("max\n")
    assert available_memory(tmp_path) == total
    (tmp_path / "memory.max").write_text("1000000\n")
    assert available_memory(tmp_path) == 1_000_000


def test_workers_share_nine_tenths_of_the_memory_evenly() -> None:
    assert memory_share(3) * 3 == pytest.approx(available_memory() * 0.9, rel=1e-6)


def test_as_many_workers_fit_this_machine_as_its_cpus_and_its_memory_allow() -> None:
    assert room_here(1.0) == available_cpus()
    assert room_here(1.0, memory_share(1)) == 1
    assert room_here(0.01, memory_share(5)) == 5
    assert room_here(1000.0, 2 * available_memory()) == 1


@pytest.mark.parametrize(("cpus", "gpus", "expected"), [(1.0, 0.0, 64), (4.0, 0.5, 4), (100.0, 0.0, 0), (0.1, 0.0, 640)])
def test_as_many_workers_fit_a_node_as_its_scarcest_resource_allows(cpus: float, gpus: float, expected: int) -> None:
    assert room_on({"CPU": 64.0, "GPU": 2.0, "memory": 1e9}, cpus, gpus) == expected
