"""What workers may be given: containers' limits count, and a limit that is none does not."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from orchestrator.dispatch.machine import available_cpus, available_memory, memory_share


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
