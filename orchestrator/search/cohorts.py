"""Cohorts: trials that one worker trains together, what is heard of them, and which go together. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from trainers.messages import Event, TrialRequest
from trainers.settings import Config

LossCause = Literal["crashed", "timeout", "out_of_memory", "stopped"]

LONGEST_SECONDS = 300.0
"""No cohort is expected to take longer: losing a worker costs that much at most."""

UNTRIED = 64
"""No cohort has more trials while nobody knows how long one takes."""

WORTH_SECONDS = 5.0
"""What compiling a program costs, roughly: less work than that is not shared out among workers."""


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


@dataclass(frozen=True, slots=True)
class Packing:
    """How trials become cohorts.

    ``group`` tells which trials probably share a graph and ``work`` how much training one needs, in any unit. With ``together`` a
    cohort is worth filling with one group (the fused engine compiles once for all its members); without, trials only share the
    dispatching, whatever their groups.
    """

    group: Callable[[TrialRequest], Hashable]
    work: Callable[[TrialRequest], float]
    together: bool = False


def pack(
    waiting: Sequence[TrialRequest],
    packing: Packing,
    *,
    workers: int,
    seconds_per_work: float | None,
    under_way: float = 0.0,
) -> tuple[TrialRequest, ...]:
    """Return the trials of the next cohort, in ask order, cut so that all workers stay busy to the end.

    Parameters
    ----------
    waiting : trials that may be dispatched, in ask order, at least one.
    packing : which trials go together and what they cost.
    workers : how many cohorts can run at a time.
    seconds_per_work : measured so far; None before the first cohort has finished.
    under_way : work that runs now.

    Notes
    -----
    Trials that are better together come from the largest group, up to a fair share of all work that is left; a group that is
    expected to take less than ``WORTH_SECONDS`` is not cut, since each part would compile its program. Those that only share the
    dispatching go out one by one until their cost is known, then in cohorts of a quarter of the fair share, for an even end. No
    cohort is expected to take longer than ``LONGEST_SECONDS``; while nothing can be expected, it has ``UNTRIED`` trials at most.
    """
    groups: dict[Hashable, list[TrialRequest]] = {}
    for trial in waiting:
        groups.setdefault(packing.group(trial) if packing.together else None, []).append(trial)
    cost: Mapping[Hashable, float] = {name: sum(map(packing.work, trials)) for name, trials in groups.items()}
    largest = max(groups, key=lambda name: cost[name])  # the first of equals: ask order
    share = (sum(cost.values()) + under_way) / workers
    if not packing.together:
        share = share / 4 if seconds_per_work is not None else 0.0
    elif seconds_per_work:
        share = max(share, WORTH_SECONDS / seconds_per_work)
    if seconds_per_work:
        share = min(share, LONGEST_SECONDS / seconds_per_work)
    chosen: list[TrialRequest] = []
    filled = 0.0
    for trial in groups[largest]:
        work = packing.work(trial)
        if chosen and filled + work > share * 1.0001:  # rounding must not split an exact share
            break
        if seconds_per_work is None and len(chosen) == UNTRIED:
            break
        chosen.append(trial)
        filled += work
    return tuple(chosen)


def work_of(folds_rows: int, config_of: Callable[[Config], Config]) -> Callable[[TrialRequest], float]:
    """Return the cost of a trial in optimizer steps: epochs x steps an epoch x folds. Reads of a fold that is trained are free.

    Parameters
    ----------
    folds_rows : rows that one fold trains on.
    config_of : gives the effective config, with ``epochs`` and ``batch_size``.
    """

    def work(trial: TrialRequest) -> float:
        config = config_of(trial.config)
        read = max(trial.reads) if trial.reads and 0 not in trial.folds else 0
        epochs = float(config["epochs"]) * max(len(trial.folds), 0 if read else 1) + read
        return epochs * -(-folds_rows // int(config["batch_size"]))

    return work
