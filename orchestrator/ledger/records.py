"""Rows of the ledger as frozen records: what the rest of the program sees. They know no SQL."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.search import SweepState, TrialState
from trainers.results import FoldResult, TrialResult


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepRow:
    """One occasion of a sweep. As returned by ``Ledger.claim_sweep`` it is the lease: ``id`` and ``attempt`` fence its writes.

    Times are unix seconds. ``owner`` is the driver as text (host and pid), None when nobody drives the sweep; ``attempt`` counts
    the drivers so far. ``facts`` holds what was learnt on the way (baseline, data description, engine, refit outcome, model);
    a number in it that is not finite is None. MLflow has not seen the row where ``revision`` and ``projected_revision`` differ.
    """

    id: int
    name: str
    occasion: str
    state: SweepState
    spec: Mapping[str, Any]
    identity: Mapping[str, Any] | None
    created: float
    finished: float | None
    attempt: int
    owner: str | None
    heartbeat: float | None
    reason: str | None
    facts: Mapping[str, Any]
    mlflow_experiment: str | None
    mlflow_run: str | None
    revision: int
    projected_revision: int

    @property
    def title(self) -> str:
        """Name and occasion, as messages and tags show them."""
        return f"{self.name}/{self.occasion}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow:
    """One trial of a sweep.

    ``score`` is the mean of the objective over the folds in its own direction (an error stays positive), None unless COMPLETED;
    ``summary`` has the fields of ``trainers.results.TrialResult`` (mean, std, standard_error, seconds, epoch, size), where
    numbers may be NaN; ``attempt`` is that of the driver that started or ended it last; ``cached_from`` says whose work was taken
    over ("name/occasion/number").
    """

    sweep: int
    number: int
    key: str
    config: Mapping[str, Any]
    state: TrialState
    score: float | None
    summary: Mapping[str, Any] | None
    cause: str | None
    message: str | None
    traceback: str | None
    cohort: str | None
    engine: str | None
    engine_reason: str | None
    cached_from: str | None
    attempt: int
    created: float
    started: float | None
    finished: float | None
    mlflow_run: str | None
    revision: int
    projected_revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldCommit:
    """A finished fold to be written down: trial ``number`` of the sweep, the key of its work, and the result."""

    number: int
    key: str
    result: FoldResult


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialEnd:
    """How a trial ended, to be written down once.

    Raises
    ------
    ValueError : the state is not terminal, or a score is given for a state other than COMPLETED, or COMPLETED lacks a finite one.
    """

    number: int
    state: TrialState
    score: float | None = None
    summary: TrialResult | Mapping[str, Any] | None = None
    cause: str | None = None
    message: str | None = None
    traceback: str | None = None
    engine: str | None = None
    engine_reason: str | None = None
    cached_from: str | None = None

    def __post_init__(self) -> None:
        if not self.state.terminal:
            raise ValueError(f"Trial {self.number} can only end in a terminal state. Got {self.state.value!r} instead.")
        if self.state is TrialState.COMPLETED and (self.score is None or not math.isfinite(self.score)):
            raise ValueError(
                f"Trial {self.number} is COMPLETED only with a finite score. Got {self.score!r}; DIVERGED says that."
            )
        if self.state is not TrialState.COMPLETED and self.score is not None:
            raise ValueError(
                f"Trial {self.number} ended {self.state.value} and so has no score. Got {self.score!r} instead of None."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What a commit changed: for each fold and each trial end, in the order given, whether it was written.

    False means that the row was there already (a fold), was over already (a trial), or that the lease is lost (all of them).
    """

    folds: tuple[bool, ...]
    trials: tuple[bool, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedWork:
    """A trial of any sweep whose scores can be taken over, and where it stands ("name/occasion/number")."""

    trial: TrialRow
    origin: str
