"""For the conftest of tests that need Keras on JAX: a process has one backend."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

if os.environ.get("KERAS_BACKEND") != "jax":
    raise pytest.UsageError(
        "tests of the fused engine: expected KERAS_BACKEND=jax in the environment, got "
        f"{os.environ.get('KERAS_BACKEND')!r}; run them alone: "
        "KERAS_BACKEND=jax pytest tests/trainers/engines/fused tests/trainers/estimators/fused"
    )


@pytest.fixture(scope="session", autouse=True)
def compilation_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let equal programs of different tests be compiled once."""
    import jax

    folder = tmp_path_factory.mktemp("compiled")
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return folder
