"""A worker's environment: decided before it imports anything."""

from __future__ import annotations

import pytest

from orchestrator.dispatch.worker_environment import worker_environment
from trainers.settings import EngineName


@pytest.mark.parametrize(("engine", "backend"), [("keras", "tensorflow"), ("fused", "jax")])
def test_the_engine_decides_the_backend_whatever_the_driver_uses(engine: EngineName, backend: str) -> None:
    assert worker_environment(engine, {"KERAS_BACKEND": "torch"}, cpus=1)["KERAS_BACKEND"] == backend


@pytest.mark.parametrize(("cpus", "threads"), [(0.5, "1"), (1, "1"), (2.0, "2"), (3.7, "3")])
def test_every_thread_pool_is_held_to_the_share(cpus: float, threads: str) -> None:
    environment = worker_environment("keras", {}, cpus=cpus)
    pools = ("KERASWEEP_THREADS", "OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "NPROC")
    assert {environment[name] for name in pools} == {threads}


def test_without_gpus_none_are_seen() -> None:
    environment = worker_environment("fused", {"CUDA_VISIBLE_DEVICES": "0,1"}, cpus=1)
    assert (environment["CUDA_VISIBLE_DEVICES"], environment["JAX_PLATFORMS"]) == ("", "cpu")
    assert "KERASWEEP_GPU_MEMORY_MB" not in environment


def test_given_gpus_are_seen_and_their_memory_is_taken_as_needed() -> None:
    environment = worker_environment("fused", {}, cpus=1, devices="3", gpu_memory_mb=4096)
    assert (environment["CUDA_VISIBLE_DEVICES"], environment["KERASWEEP_GPU_MEMORY_MB"]) == ("3", "4096")
    assert (environment["XLA_PYTHON_CLIENT_PREALLOCATE"], environment["TF_FORCE_GPU_ALLOW_GROWTH"]) == ("false", "true")
    assert "JAX_PLATFORMS" not in environment
    assert "XLA_PYTHON_CLIENT_MEM_FRACTION" not in environment


def test_a_part_of_a_gpu_holds_for_both_backends() -> None:
    environment = worker_environment("fused", {}, cpus=1, devices="0", gpu_memory_mb=4096, gpu_fraction=0.5)
    assert (environment["KERASWEEP_GPU_MEMORY_MB"], environment["XLA_PYTHON_CLIENT_MEM_FRACTION"]) == ("4096", "0.450")


def test_a_worker_knows_what_it_may_hold() -> None:
    assert worker_environment("fused", {}, cpus=1, memory_bytes=10**9)["KERASWEEP_MEMORY_BYTES"] == "1000000000"
    assert "KERASWEEP_MEMORY_BYTES" not in worker_environment("fused", {}, cpus=1)


def test_compiled_programs_are_kept_in_the_users_cache_unless_a_place_is_named() -> None:
    environment = worker_environment("fused", {"XDG_CACHE_HOME": "/caches"}, cpus=1)
    assert environment["JAX_COMPILATION_CACHE_DIR"].startswith("/caches/kerasweep/compiled-")
    assert environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] == "0"
    named = worker_environment("fused", {"JAX_COMPILATION_CACHE_DIR": "/mine"}, cpus=1)
    assert named["JAX_COMPILATION_CACHE_DIR"] == "/mine"


def test_the_rest_of_the_environment_is_kept() -> None:
    assert worker_environment("keras", {"HTTPS_PROXY": "proxy:3128"}, cpus=1)["HTTPS_PROXY"] == "proxy:3128"
