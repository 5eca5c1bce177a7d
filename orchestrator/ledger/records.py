"""Rows of the ledger as frozen records: what the rest of the program sees. They know no SQL, no cron and no Ray."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from orchestrator.search import SweepState, TrialState
from trainers.results import FoldResult, TrialResult

Overlap = Literal["forbid", "queue", "allow"]


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
    """A finished fold to be written down: trial ``number`` of the sweep, the key of its work, and the result.

    ``again`` says that the sweep computes what others have computed already: it then keeps its own result, beside theirs.
    """

    number: int
    key: str
    result: FoldResult
    again: bool = False


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
class Removed:
    """Folds that were or would be removed: how many, in about how many bytes, computed by how many sweeps."""

    folds: int
    bytes: int
    sweeps: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedWork:
    """A trial of any sweep whose scores can be taken over, and where it stands ("name/occasion/number")."""

    trial: TrialRow
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """A sweep that runs again and again.

    ``cron`` and ``timezone`` say when it is due; ``catch_up`` is how many seconds late a missed due time may still be fired;
    ``spec`` is the sweep's spec as plain data and ``path`` the file it came from; ``address`` is the cluster, None for the
    embedded Ray; ``local_store`` says that SQLite files are meant as files on its head's disk. Due times (unix seconds, UTC)
    after ``since`` have not been considered yet.
    """

    name: str
    cron: str
    timezone: str
    overlap: Overlap
    catch_up: float
    spec: Mapping[str, Any]
    path: str | None
    address: str | None
    local_store: bool
    paused: bool
    since: int
    created: float


class FiringState(StrEnum):
    """What became of a due time. CLAIMED and WAITING are open, the others final."""

    CLAIMED = "CLAIMED"
    WAITING = "WAITING"
    FIRED = "FIRED"
    MISSED = "MISSED"
    SKIPPED = "SKIPPED"
    FAILED = "FAILED"

    @property
    def final(self) -> bool:
        """Whether nothing more happens to the firing."""
        return self not in (FiringState.CLAIMED, FiringState.WAITING)


@dataclass(frozen=True, slots=True, kw_only=True)
class FiringRow:
    """One due time (unix seconds, UTC) of a schedule. ``FiringStore.claim`` returns it as the claim, fenced by ``attempt``.

    CLAIMED: a scheduler (``owner``) deals with it, and another one may from ``not_before`` on. WAITING: to be tried or looked at
    again from ``not_before`` on. FIRED: begun, as ``occasion`` and ``submission``. MISSED: too late. SKIPPED: the sweep before it
    was still running. FAILED: given up, ``message`` says why.
    """

    schedule: str
    due: int
    state: FiringState
    attempt: int
    owner: str | None
    not_before: float | None
    occasion: str | None
    submission: str | None
    message: str | None
    created: float
    finished: float | None


class SubmissionState(StrEnum):
    """Where a submission stands: CLAIMED before anything is sent, SENT once Ray has taken it, ENDED when its job is over."""

    CLAIMED = "CLAIMED"
    SENT = "SENT"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRow:
    """One attempt to submit an occasion of a sweep; ``id`` is ``<name>-<occasion>-a<attempt>``."""

    sweep: int
    name: str
    occasion: str
    attempt: int
    id: str
    state: SubmissionState
    address: str | None
    message: str | None
    created: float
