"""Trials as plain frozen data: their states, and the key under which equal work is known. It does no I/O."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from trainers.settings import Config

RESULTS_VERSION = 2
"""Raised by hand when a change of our own code changes results; older results are then no longer taken over."""


class TrialState(StrEnum):
    """Where a trial stands. Terminal states are never overwritten."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    PRUNED = "PRUNED"
    STOPPED = "STOPPED"
    DIVERGED = "DIVERGED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"

    @property
    def terminal(self) -> bool:
        """Whether nothing more happens to a trial in this state."""
        return self not in (TrialState.PENDING, TrialState.RUNNING)


class SweepState(StrEnum):
    """Where a sweep stands."""

    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    STOPPED = "STOPPED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Trial:
    """One config of a sweep: ``number`` counts in ask order from 0, ``key`` names the work, whichever sweep it stands in."""

    number: int
    config: Config
    key: str


def canonical(value: Any) -> str:
    """Return ``value`` as JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def trial_key(identity: Mapping[str, Any], effective: Config) -> str:
    """Return the sha256 (hex) of all that decides a trial's results.

    Parameters
    ----------
    identity : what all trials of the sweep share, JSON-able: data fingerprint, splits, fit settings, seed, engine, versions.
    effective : the trial's values with the fixed params beneath them (``trainers.settings.effective_config``).
    """
    text = canonical({"results_version": RESULTS_VERSION, "identity": identity, "config": effective})
    return hashlib.sha256(text.encode()).hexdigest()
