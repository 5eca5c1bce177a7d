"""A cohort under the fused engine, as events: what it cannot train goes to ``model.fit`` in the same worker, and says why."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from trainers.engines.course import Course, Standing
from trainers.engines.fused.members import FoldDone, FoldRaised, FoldTask
from trainers.errors import cause_of, one_line
from trainers.messages import Event, FoldFailed, FoldFinished, Progress, TrialRequest

if TYPE_CHECKING:
    from trainers.engines.fused.cohorts import FusedCohorts
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
    """Train and score ``trials`` together, each as long as its race lets it.

    Parameters
    ----------
    cohorts : the fused engine of this sweep.
    effective : fills a trial's config up.
    report : receives Progress, FoldFinished and FoldFailed. What it raises ends the cohort.
    by_fit : trains one trial's folds by the keras engine and reports them.
    told : the reasons for that which are in the log already; new ones are added.
    """
    courses = {trial.number: Course(trial) for trial in trials}

    def heard(event: Event) -> None:
        if courses[event.trial].hear(event):
            report(event)

    while left := sum(len(course.left) for course in courses.values()):
        refused = _train_fused(cohorts, list(courses.values()), effective, heard)
        for reason in sorted({reason for _, _, reason in refused} - told):
            _log.warning("Left to model.fit: %s.", reason)
            told.add(reason)
        for number, fold, reason in refused:
            if courses[number].standing(fold) == "now":
                by_fit(TrialRequest(number, courses[number].trial.config, (fold,)), _explained(heard, reason))
        if sum(len(course.left) for course in courses.values()) == left:
            raise RuntimeError(f"fused engine: expected a result of any of {left} folds, got none.")


def _train_fused(
    cohorts: FusedCohorts, courses: Sequence[Course], effective: Callable[[Config], Config], heard: Report
) -> list[tuple[int, int, str]]:
    """Train what may be trained, one rung after another; return what is left to ``model.fit``: trial, fold and why."""
    by_number = {course.trial.number: course for course in courses}
    tasks = [
        FoldTask(course.trial.number, config, fold, course.rung_of(fold))
        for course in courses
        for config in [effective(course.trial.config)]
        for fold in course.left
    ]
    refused = []

    def visited(task: FoldTask, visit: Visit) -> None:
        heard(Progress(task.trial, task.fold, visit.epoch, visit.epochs, visit.value))

    def standing(task: FoldTask) -> Standing:
        return by_number[task.trial].standing(task.fold)

    for outcome in cohorts.train(tasks, visited, standing):
        number, fold = outcome.task.trial, outcome.task.fold
        if isinstance(outcome, FoldDone):
            heard(FoldFinished(number, outcome.result))
        elif isinstance(outcome, FoldRaised):
            error = outcome.error
            _log.warning("Trial %d failed in fold %d.", number, fold, exc_info=error)
            heard(FoldFailed(number, fold, cause_of(error), one_line(error), "".join(traceback.format_exception(error))))
        else:
            refused.append((number, fold, outcome.reason))
    return refused


def _explained(report: Report, reason: str) -> Report:
    """Return a report that says why ``model.fit`` did it."""

    def explained(event: Event) -> None:
        if isinstance(event, FoldFinished):
            event = FoldFinished(event.trial, replace(event.result, engine="keras", engine_reason=reason))
        report(event)

    return explained
