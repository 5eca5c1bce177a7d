"""A few configs trained once more on splits of their own, through the sweep's dispatcher; it knows no ledger."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.running.staging import FreshSplits, by_repeat, cut, sizes
from orchestrator.search import Cohort, CohortEvent, CohortFinished, CohortHeard, CohortLost, Packing, pack, work_of
from trainers.messages import FoldFailed, FoldFinished, TrialRequest
from trainers.recipes import structural_key
from trainers.results import FoldResult
from trainers.settings import Config, SweepSettings

if TYPE_CHECKING:
    from orchestrator.dispatch import Dispatcher
    from trainers.data import Array
    from trainers.splits import Fold

logger = logging.getLogger(__name__)

_TRIES = 2
"""A request whose worker is lost when it trains alone is tried so often: the first time a node may be to blame."""


def stage_fresh_splits(
    staged: Path, folder: Path, settings: SweepSettings, test_size: float, known: Array | None = None
) -> FreshSplits:
    """Stage the data set in ``staged`` once more, cut anew by the seed and ``cv`` of ``settings``; the test part stays the same.

    ``known`` (rows,) bool asks for the same folds once more, trained on these rows alone and scored on the same ones as before.

    Raises
    ------
    trainers.errors.DataError : the rows cannot be cut so, as where time or the file's order leaves one way to cut them.
    """
    from trainers.staging import open_staged, stage

    dataset, _ = open_staged(staged)
    splits = cut(dataset, settings, test_size)
    again = () if known is None else tuple(_only(fold, known, len(splits.folds)) for fold in splits.folds)
    stage(dataset, replace(splits, folds=(*splits.folds, *again)), folder)
    train_rows, test_to_train = sizes(splits.folds)
    return FreshSplits(
        folder=folder,
        fingerprint=splits.fingerprint,
        repeats=by_repeat(splits.folds),
        known_repeats=by_repeat(again),
        train_rows=train_rows,
        test_to_train=test_to_train,
    )


def _only(fold: Fold, known: Array, count: int) -> Fold:
    """Return a fold that trains on and watches known rows alone, ``count`` positions later; its seeds stay the same."""
    return replace(fold, index=fold.index + count, train=fold.train[known[fold.train]], monitor=fold.monitor[known[fold.monitor]])


def retrain(
    dispatcher: Dispatcher,
    settings: SweepSettings,
    splits: FreshSplits,
    configs: Sequence[Config],
    *,
    known: Sequence[bool] = (),
    timeout: float | None,
    tick: Callable[[], None],
) -> list[dict[int, FoldResult]]:
    """Train every config on all folds, and return for each its results by fold position; a fold that failed is not there.

    Positions are those of ``splits.repeats`` for each, also where it trains on known rows alone.

    Parameters
    ----------
    dispatcher : started, and not serving anybody.
    settings : of the workers, but for the stage.
    configs : effective ones.
    known : for each config whether it trains on ``splits.known_repeats``; empty: none does.
    timeout : seconds that one config may take for one repeat; None: no limit.
    tick : called at least twice a second; what it raises gives all up and comes out here.
    """
    settings = replace(settings, stage=str(splits.folder))
    dispatcher.prepare(settings)
    positions = [splits.known_repeats if one else splits.repeats for one in known or [False] * len(configs)]
    each = [(config, folds) for config, repeats in zip(configs, positions, strict=True) for folds in repeats]
    requests = [TrialRequest(number, config, folds) for number, (config, folds) in enumerate(each)]
    packing = Packing(
        group=lambda request: structural_key(settings.trainer, request.config),
        work=work_of(splits.train_rows, lambda config: config),
        together=settings.engine == "fused",
    )
    retraining = Retraining(requests, packing, workers=dispatcher.workers, timeout=timeout, look=tick)
    dispatcher.run(retraining)
    results: list[dict[int, FoldResult]] = [{} for _ in configs]
    for number, folds in retraining.results.items():
        results[number // len(splits.repeats)].update({fold % splits.folds: result for fold, result in folds.items()})
    return results


@dataclass(slots=True)
class Retraining:
    """Hands requests out until each is done or has failed (``dispatch.Conductor``). ``results`` are by request and fold."""

    requests: Sequence[TrialRequest]
    packing: Packing
    workers: int
    timeout: float | None
    look: Callable[[], None]

    results: dict[int, dict[int, FoldResult]] = field(default_factory=dict)
    _waiting: deque[tuple[TrialRequest, ...]] = field(default_factory=deque)
    _running: dict[str, tuple[TrialRequest, ...]] = field(default_factory=dict)
    _failed: set[int] = field(default_factory=set)
    _lost_alone: dict[int, int] = field(default_factory=dict)
    _dispatched: int = 0

    def __post_init__(self) -> None:
        self.results = {request.number: {} for request in self.requests}
        left = list(self.requests)
        while left:
            idle = max(self.workers - len(self._waiting), 1)
            chosen = pack(left, self.packing, workers=idle, seconds_per_work=None)
            self._waiting.append(chosen)
            left = [request for request in left if request not in chosen]

    @property
    def finished(self) -> bool:
        """Whether every request is done or has failed."""
        return not self._waiting and not self._running

    @property
    def running(self) -> int:
        """How many requests workers have now."""
        return sum(map(len, self._running.values()))

    def has(self, cohort: str) -> bool:
        """Whether a worker has this cohort now."""
        return cohort in self._running

    def next_cohort(self) -> Cohort | None:
        """Return the next requests for a free worker."""
        if not self._waiting:
            return None
        requests = self._waiting.popleft()
        name = f"fresh-{self._dispatched}"
        self._dispatched += 1
        self._running[name] = requests
        return Cohort(name, requests, None if self.timeout is None else self.timeout * len(requests))

    def makes_way(self, cohort: str) -> bool:
        """Return False: all of it is wanted to the end."""
        return False

    def handle(self, event: CohortEvent) -> None:
        """Take in a result, or try again what a lost worker has left."""
        match event:
            case CohortHeard(_, FoldFinished(number, result)):
                self.results[number][result.fold] = result
            case CohortHeard(_, FoldFailed(number, _, cause, message)):
                logger.warning("a config failed on fresh splits (%s): %s", cause, message)
                self._failed.add(number)
            case CohortFinished(cohort):
                self._again(cohort, "the worker did not report all of it")
            case CohortLost(cohort, cause, detail):
                self._again(cohort, f"{cause}: {detail}")

    def tick(self) -> None:
        """Look at who wants to stop."""
        self.look()

    def _again(self, cohort: str, why: str) -> None:
        left = [rest for request in self._running.pop(cohort) if (rest := self._rest(request)).folds]
        if not left:
            return
        logger.warning("a cohort on fresh splits was lost (%s)", why)
        if len(left) == 1:
            (request,) = left
            self._lost_alone[request.number] = self._lost_alone.get(request.number, 0) + 1
            if self._lost_alone[request.number] >= _TRIES:
                self._failed.add(request.number)
                return
        middle = (len(left) + 1) // 2
        self._waiting.extend(tuple(half) for half in (left[:middle], left[middle:]) if half)

    def _rest(self, request: TrialRequest) -> TrialRequest:
        """Return what is still to be done of a request; nothing once it has failed."""
        done = self.results[request.number]
        open_folds = () if request.number in self._failed else tuple(fold for fold in request.folds if fold not in done)
        return replace(request, folds=open_folds)
