"""Random streams by name: the same seed and purpose give the same draws, whatever else was drawn before."""

from __future__ import annotations

from random import Random


def stream(seed: int, *purpose: str | int) -> Random:
    """Return a generator of its own for (seed, purpose)."""
    return Random("/".join(str(part) for part in (seed, *purpose)))  # noqa: S311 - proposals are no secrets
