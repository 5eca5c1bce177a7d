"""The versions that decide results, read from the installed packages' metadata without importing them."""

from __future__ import annotations

from importlib.metadata import version

from trainers.settings import EngineName

BACKENDS: dict[EngineName, str] = {"keras": "tensorflow", "fused": "jax"}
"""The Keras backend that each engine's workers run on."""


def versions(backend: str) -> dict[str, str]:
    """Return the versions of keras, its backend (by name), numpy and scikit-learn."""
    names = ("keras", backend, "numpy", "scikit-learn")
    return {"backend": backend, **{name: version(name) for name in names}}
