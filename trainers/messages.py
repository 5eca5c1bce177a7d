"""The words between a worker and its supervisor: requests in, events and replies out. Plain frozen data, safe to pickle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from trainers.errors import Cause
from trainers.results import FoldResult
from trainers.settings import Config, SweepSettings


class Race(Protocol):
    """How one trial is judged while it is trained: the worker and whoever sent it apply it to the same numbers."""

    @property
    def metric(self) -> str:
        """Whose values are judged."""

    @property
    def rungs(self) -> tuple[int, ...]:
        """Rising numbers of folds after which is judged; the last is all folds."""

    def gives_up(self, scores: Mapping[int, float], reads: Mapping[int, float]) -> str | None:
        """Return why a trial with these values is given up, None while it is not.

        ``scores`` are by fold, of which only complete rungs are looked at; ``reads`` are of fold 0 by epochs, judged before them.
        """


@dataclass(frozen=True, slots=True)
class TrialRequest:
    """One trial of a cohort: its number in ask order, its config, and the folds (positions in ``Splits.folds``) to compute.

    With a ``race`` they are computed rung by rung until it gives the trial up; ``scores`` are the values of the folds that the
    trial has already. A fold that raises ends such a trial: it can no longer win. ``reads`` are the numbers of epochs, ascending
    and below the config's own, after which fold 0 is to be scored as if it ended there; ``read_scores`` are the values of those
    that the trial has already.
    """

    number: int
    config: Config
    folds: tuple[int, ...]
    race: Race | None = None
    scores: Mapping[int, float] = field(default_factory=dict)
    reads: tuple[int, ...] = ()
    read_scores: Mapping[int, float] = field(default_factory=dict)


# --- requests: supervisor -> worker -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Prepare:
    """Load the staged data and get ready for this sweep's cohorts. Replied with Done."""

    settings: SweepSettings


@dataclass(frozen=True, slots=True)
class Check:
    """Import the user's code, build one config, step once, save and load it in safe mode. Replied with Checked or Failed."""

    config: Config


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Train and score a cohort. Replied with Progress, FoldRead, one FoldFinished or FoldFailed a fold, then Done."""

    trials: tuple[TrialRequest, ...]


@dataclass(frozen=True, slots=True)
class Refit:
    """Train ``config`` on all search rows, score it once on the test part, write it to ``folder``.

    Replied with Refitted or Failed.     ``fold_epochs`` are the epochs chosen in the trial's folds.
    """

    config: Config
    fold_epochs: tuple[int, ...]
    folder: str


Request = Prepare | Check | Evaluate | Refit

# --- events and replies: worker -> supervisor ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Progress:
    """A host visit: ``trial`` has done ``epoch`` of ``epochs`` epochs of ``fold``; ``value`` is the monitored value, if any."""

    trial: int
    fold: int
    epoch: int
    epochs: int
    value: float | None = None


@dataclass(frozen=True, slots=True)
class FoldFinished:
    """One fold of one trial is trained and scored.

    ``warnings`` are what it warned of, (category as "module:class", text), for whoever asked to warn of again; nobody keeps them.
    """

    trial: int
    result: FoldResult
    warnings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FoldRead:
    """Fold 0 of one trial is scored after so many ``epochs``: the result is that of the same config with so many.

    Whether its training goes on is up to the trial's race.
    """

    trial: int
    epochs: int
    result: FoldResult


@dataclass(frozen=True, slots=True)
class FoldFailed:
    """One fold of one trial raised: its failure is data, and the trial's other folds go on, in a race those before it.

    ``error`` is the exception itself, pickled, where whoever asked may raise it again; ``scoring`` tells that it was raised after
    the fit.
    """

    trial: int
    fold: int
    cause: Cause
    message: str
    traceback: str = ""
    error: bytes | None = None
    scoring: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """The request is finished; nothing more comes for it."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The check passed.

    ``versions`` of keras and its backend; ``fusable`` says whether the fused engine can train this sweep, ``reason`` why not;
    ``takes_epochs`` that a builder does, so that a shorter fit may begin otherwise than a longer one.
    """

    versions: Mapping[str, str]
    fusable: bool = False
    reason: str | None = None
    takes_epochs: bool = False


@dataclass(frozen=True, slots=True)
class Refitted:
    """The winner as written to ``folder``: its test scores (empty without a test part) and the manifest that explains it."""

    folder: str
    epochs: int
    test_metrics: Mapping[str, float] = field(default_factory=dict)
    manifest: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """The request as a whole failed.

    ``cause`` is "invalid" when the user's code or data is at fault; ``message`` then says what to do. ``error`` as in FoldFailed.
    """

    cause: Cause
    message: str
    traceback: str = ""
    error: bytes | None = None


Event = Progress | FoldFinished | FoldRead | FoldFailed
Reply = Done | Checked | Refitted | Failed
