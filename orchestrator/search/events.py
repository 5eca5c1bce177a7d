"""The words between a search and its driver: events in, instructions out. Plain frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.search.cohorts import Cohort, LossCause
from orchestrator.search.trials import TrialState
from trainers.settings import Config

# --- events in ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Known:
    """The ledger's answer to Propose: scores of trials that are over, and the objective's values as far as there are.

    ``folds`` has them by fold; ``reads`` those of fold 0 by epochs, where it is read while it is trained.
    """

    scores: Mapping[int, float | None]
    folds: Mapping[int, Mapping[int, float]]
    reads: Mapping[int, Mapping[int, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoldEnded:
    """One fold of a trial is there with the objective's ``value``, or has failed (None)."""

    number: int
    fold: int
    value: float | None


@dataclass(frozen=True, slots=True)
class ReadEnded:
    """Fold 0 of a trial was read after so many ``epochs``, at the objective's ``value``."""

    number: int
    epochs: int
    value: float


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial is committed in a terminal state; ``score`` is larger for better, None without one."""

    number: int
    score: float | None


@dataclass(frozen=True, slots=True)
class CohortEnded:
    """A cohort's worker is free again, ``seconds`` after the dispatch."""

    cohort: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CohortFailed:
    """A cohort's worker was lost with what it had not reported."""

    cohort: str
    cause: LossCause
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Stop:
    """No new trials: the time budget is over, or somebody asked. What runs is given up."""

    reason: str


SearchEvent = Known | FoldEnded | ReadEnded | TrialEnded | CohortEnded | CohortFailed | Stop

# --- instructions out ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Propose:
    """Write these trials down and answer with Known."""

    configs: Mapping[int, Config]


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Give this cohort to a worker."""

    cohort: Cohort


@dataclass(frozen=True, slots=True)
class Conclude:
    """No more folds of this trial will come: commit how it ended, and answer with TrialEnded."""

    number: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Commit that the race gave this trial up, over the folds that it was judged by. The strategy has been told.

    ``epochs`` are those of the read that gave it up, None where folds did; without any of the ``folds`` it stands for them.
    ``fits`` are what the trial cost, a fold that was cut by its share.
    """

    number: int
    state: TrialState
    reason: str
    folds: tuple[int, ...]
    epochs: int | None = None
    fits: float = 0.0


@dataclass(frozen=True, slots=True)
class EndTrial:
    """Commit this trial as failed: it failed alone. The strategy has been told."""

    number: int
    state: TrialState
    cause: LossCause
    detail: str


@dataclass(frozen=True, slots=True)
class TakeOver:
    """Count this trial, which was over before. The strategy has been told."""

    number: int


@dataclass(frozen=True, slots=True)
class Finish:
    """The search is over; ``reason`` is None when it ran to its end. Only the first ``end`` trials count (None: all)."""

    reason: str | None
    end: int | None = None


Instruction = Propose | Dispatch | Conclude | GiveUp | EndTrial | TakeOver | Finish
