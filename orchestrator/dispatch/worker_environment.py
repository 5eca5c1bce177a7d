"""The environment variables that a worker is born with: its backend, its share of CPUs and GPUs, its compilation cache.

All of them must be set before the worker imports anything: thread pools and backends are fixed at the first use.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping
from pathlib import Path

from trainers.backends import BACKENDS
from trainers.settings import EngineName


def worker_environment(
    engine: EngineName,
    base: Mapping[str, str],
    *,
    cpus: float,
    devices: str = "",
    gpu_memory_mb: int | None = None,
    gpu_fraction: float | None = None,
    memory_bytes: int | None = None,
) -> dict[str, str]:
    """Return the environment of a worker.

    Parameters
    ----------
    engine : decides Keras' backend.
    base : the environment to start from; its own compilation cache, if it names one, is kept.
    cpus : the worker's share; its thread pools are as large, and never smaller than 1.
    devices : the GPUs it may see, as in ``CUDA_VISIBLE_DEVICES``; empty for none.
    gpu_memory_mb : megabytes of GPU memory for TensorFlow to stay within, or None for no limit of our own.
    gpu_fraction : the part of a GPU that is the worker's, or None for all of it; JAX stays within nine tenths of it.
    memory_bytes : what the worker may hold, or None for no limit.
    """
    threads = str(max(int(cpus), 1))
    environment = {
        **base,
        "KERAS_BACKEND": BACKENDS[engine],
        "KERASWEEP_THREADS": threads,
        "OMP_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "LOKY_MAX_CPU_COUNT": threads,
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "NPROC": threads,  # the size of XLA's thread pool
        "CUDA_VISIBLE_DEVICES": devices,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "PYTHONUNBUFFERED": "1",
    }
    if not devices:
        environment["JAX_PLATFORMS"] = "cpu"
    if gpu_memory_mb is not None:
        environment["KERASWEEP_GPU_MEMORY_MB"] = str(gpu_memory_mb)
    if gpu_fraction is not None:
        environment["XLA_PYTHON_CLIENT_MEM_FRACTION"] = f"{0.9 * gpu_fraction:.3f}"
    if memory_bytes is not None:
        environment["KERASWEEP_MEMORY_BYTES"] = str(memory_bytes)
    environment.setdefault("JAX_COMPILATION_CACHE_DIR", str(_cache_folder(base)))
    environment.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    environment.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    return environment


def compiled_programs(base: Mapping[str, str]) -> list[Path]:
    """Return the files of compiled programs in our own caches, those of other types of machines on the same disk included.

    A program is read again by whoever finds it, and compiled anew where it is missing.
    """
    return sorted(_cache_root(base).glob("compiled-*/*-cache"))


def _cache_folder(base: Mapping[str, str]) -> Path:
    """Return the folder for compiled programs: one for each type of machine, since they hold its instructions."""
    return _cache_root(base) / f"compiled-{_machine_type()}"


def _cache_root(base: Mapping[str, str]) -> Path:
    return Path(base.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kerasweep"


def _machine_type() -> str:
    """Return a short hash of the processor's architecture, model and instruction sets."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = [platform.processor()]
    kinds = sorted({line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))})
    return hashlib.sha256("\n".join([platform.machine(), *kinds]).encode()).hexdigest()[:12]
