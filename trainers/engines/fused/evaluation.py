"""A cohort under the fused engine, as events: what it cannot train goes to ``model.fit`` in the same worker, and says why."""

from __future__ import annotations

import logging
import traceback
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from trainers.errors import cause_of, one_line
from trainers.messages import Event, FoldFailed, FoldFinished, Progress, TrialRequest

if TYPE_CHECKING:
    from trainers.engines.fused.cohorts import FoldTask, FusedCohorts
    from trainers.engines.fused.members import Visit
    from trainers.settings import Config

_log = logging.getLogger(__name__)

Report = Callable[[Event], None]


def evaluate_fused(
    cohorts: FusedCohorts,
    trials: Sequence[TrialRequest],
    *,
    effective: Callable[[Config], Config],
    report: Report,
    by_fit: Callable[[TrialRequest, Report], None],
    told: set[str],
) -> None:
    """Train and score ``trials`` together.

    Parameters
    ----------
    cohorts : the fused engine of this sweep.
    effective : fills a trial's config up.
    report : receives Progress, FoldFinished and FoldFailed. What it raises ends the cohort.
    by_fit : trains one trial's folds by the keras engine and reports them.
    told : the reasons for that which are in the log already; new ones are added.
    """
    from trainers.engines.fused.cohorts import FoldDone, FoldRaised, FoldTask

    tasks = [FoldTask(trial.number, effective(trial.config), position) for trial in trials for position in trial.folds]
    refused: dict[tuple[int, str], list[int]] = defaultdict(list)

    def visited(task: FoldTask, visit: Visit) -> None:
        report(Progress(task.trial, task.fold, visit.epoch, visit.epochs, visit.value))

    for outcome in cohorts.train(tasks, visited):
        number, fold = outcome.task.trial, outcome.task.fold
        if isinstance(outcome, FoldDone):
            report(FoldFinished(number, outcome.result))
        elif isinstance(outcome, FoldRaised):
            error = outcome.error
            _log.warning("Trial %d failed in fold %d.", number, fold, exc_info=error)
            report(FoldFailed(number, fold, cause_of(error), one_line(error), "".join(traceback.format_exception(error))))
        else:
            refused[number, outcome.reason].append(fold)
    for reason in sorted({reason for _, reason in refused} - told):
        _log.warning("Left to model.fit: %s.", reason)
        told.add(reason)
    _fall_back(trials, refused, report, by_fit)


def _fall_back(
    trials: Sequence[TrialRequest],
    refused: dict[tuple[int, str], list[int]],
    report: Report,
    by_fit: Callable[[TrialRequest, Report], None],
) -> None:
    configs = {trial.number: trial.config for trial in trials}
    for (number, reason), folds in refused.items():

        def explained(event: Event, number: int = number, reason: str = reason) -> None:
            if isinstance(event, FoldFinished):
                event = FoldFinished(event.trial, replace(event.result, engine="keras", engine_reason=reason))
            report(event)

        by_fit(TrialRequest(number, configs[number], tuple(folds)), explained)
