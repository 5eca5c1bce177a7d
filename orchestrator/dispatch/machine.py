"""What this machine may give to workers, container limits counted, and the versions it has. It knows nothing of sweeps."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import psutil

_CHECKED = ("kerasweep", "keras")
"""Packages whose versions must be the same here and on a cluster; Ray's is asked of the cluster itself."""

_CGROUP = Path("/sys/fs/cgroup")


def available_cpus(cgroup: Path = _CGROUP) -> int:
    """Return how many CPUs this process may use: the smaller of its affinity and its container's quota, at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit() and int(period) > 0:
        return max(min(affinity, int(quota) // int(period)), 1)
    return max(affinity, 1)


def available_gpus() -> int:
    """Return how many NVIDIA GPUs this process may use: those of the driver that CUDA_VISIBLE_DEVICES shows, if it is set."""
    count = ctypes.c_uint()
    try:
        driver = ctypes.CDLL("libnvidia-ml.so.1")
        if driver.nvmlInit_v2() or driver.nvmlDeviceGetCount_v2(ctypes.byref(count)):
            return 0
    except (OSError, AttributeError):
        return 0
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown is None:
        return count.value
    named = [one.strip() for one in shown.split(",") if one.strip() not in ("", "-1", "NoDevFiles")]
    return min(count.value, len(named))


def available_memory(cgroup: Path = _CGROUP) -> int:
    """Return the bytes of memory that this machine, or the container around it, has in all."""
    total = int(psutil.virtual_memory().total)
    limit = _read(cgroup / "memory.max")
    return min(total, int(limit)) if limit.isdigit() else total


def memory_share(workers: int) -> int:
    """Return the bytes that each of ``workers`` may hold: an even share of nine tenths of the memory."""
    return available_memory() * 9 // 10 // max(workers, 1)


def room_here(cpus: float, memory_bytes: int | None = None) -> int:
    """Return how many workers of so many CPUs, and of so much memory if that is said, fit this machine; at least 1."""
    room = int(available_cpus() / cpus)
    if memory_bytes is not None:
        room = min(room, memory_share(1) // memory_bytes)
    return max(room, 1)


def room_on(node: Mapping[str, float], cpus: float, gpus: float) -> int:
    """Return how many workers of this share one of Ray's nodes could hold if it were idle, by the node's resources."""
    fits = [node.get(name, 0.0) / need for name, need in (("CPU", cpus), ("GPU", gpus)) if need]
    return int(min(fits) + 1e-9)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def versions_here() -> dict[str, str]:
    """Return the installed versions that must be the same here and on the cluster."""
    return {name: version(name) for name in _CHECKED}
