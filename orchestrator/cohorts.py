"""Cohorts: trials that one worker trains together, and what is heard of them. Pure data and packing; no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trainers.messages import Event, TrialRequest

LossCause = Literal["crashed", "timeout", "out_of_memory", "stopped"]


@dataclass(frozen=True, slots=True)
class Cohort:
    """Trials dispatched together. ``seconds`` is the longest that it may take (None: no limit)."""

    id: str
    trials: tuple[TrialRequest, ...]
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class CohortHeard:
    """A worker's event about one trial of the cohort."""

    cohort: str
    event: Event


@dataclass(frozen=True, slots=True)
class CohortFinished:
    """The worker has done all it could with the cohort."""

    cohort: str


@dataclass(frozen=True, slots=True)
class CohortLost:
    """The cohort's worker crashed, overran, ran out of memory or was stopped; what it had not reported is lost."""

    cohort: str
    cause: LossCause
    detail: str = ""


CohortEvent = CohortHeard | CohortFinished | CohortLost
