"""These tests need Keras on JAX, and a process has one backend: `KERAS_BACKEND=jax pytest tests/trainers/fused`."""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("KERAS_BACKEND") != "jax":
        raise pytest.UsageError(
            "tests/trainers/fused: expected KERAS_BACKEND=jax in the environment, got "
            f"{os.environ.get('KERAS_BACKEND')!r}; run `KERAS_BACKEND=jax pytest tests/trainers/fused`."
        )
