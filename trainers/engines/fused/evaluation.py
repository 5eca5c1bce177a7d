"""A cohort under the fused engine, as events: what it cannot train goes to ``model.fit`` in the same worker, and says why."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from trainers.engines.course import Course, Standing
from trainers.engines.fused.members import FoldDone, FoldRaised, FoldTask
from trainers.errors import cause_of, one_line
from trainers.messages import Event, FoldFailed, FoldFinished, FoldRead, Progress, TrialRequest

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
    report : receives Progress, FoldRead, FoldFinished and FoldFailed. What it raises ends the cohort.
    by_fit : trains one trial's folds by the keras engine and reports them.
    told : the reasons for that which are in the log already; new ones are added.
    """
    courses = {trial.number: Course(trial) for trial in trials}

    def heard(event: Event) -> None:
        if courses[event.trial].hear(event):
            report(event)

    while left := sum(course.outstanding for course in courses.values()):
        refused = _train_fused(cohorts, list(courses.values()), effective, heard)
        for reason in sorted({reason for _, _, reason in refused} - told):
            _log.warning("Left to model.fit: %s.", reason)
            told.add(reason)
        for number, fold, reason in refused:
            if courses[number].standing(fold) == "now" or (fold == 0 and courses[number].reads):
                by_fit(courses[number].request(fold), _explained(heard, reason))
        if sum(course.outstanding for course in courses.values()) == left:
            raise RuntimeError(f"fused engine: expected any of {left} results, got none.")


def _train_fused(
    cohorts: FusedCohorts, courses: Sequence[Course], effective: Callable[[Config], Config], heard: Report
) -> list[tuple[int, int, str]]:
    """Train what may be trained, one rung after another; return what is left to ``model.fit``: trial, fold and why."""
    by_number = {course.trial.number: course for course in courses}
    tasks = [task for course in courses for task in _tasks(course, effective(course.trial.config))]
    spent: dict[int, float] = {}  # seconds of fold 0 up to its last read, by trial
    refused = []

    def visited(task: FoldTask, visit: Visit) -> None:
        heard(Progress(task.trial, task.fold, visit.epoch, visit.epochs, visit.value))

    def standing(task: FoldTask) -> Standing:
        return by_number[task.trial].standing(task.fold, task.epochs if task.read else None)

    for outcome in cohorts.train(tasks, visited, standing):
        number, fold = outcome.task.trial, outcome.task.fold
        if isinstance(outcome, FoldDone):
            seconds = outcome.result.seconds + (spent.get(number, 0.0) if fold == 0 else 0.0)
            result = replace(outcome.result, seconds=seconds)
            if outcome.task.read:
                spent[number] = seconds
                heard(FoldRead(number, outcome.task.epochs, result))
            else:
                heard(FoldFinished(number, result))
        elif isinstance(outcome, FoldRaised):
            error = outcome.error
            _log.warning("Trial %d failed in fold %d.", number, fold, exc_info=error)
            heard(FoldFailed(number, fold, cause_of(error), one_line(error), "".join(traceback.format_exception(error))))
        else:
            refused.append((number, fold, outcome.reason))
    return refused


def _tasks(course: Course, config: Config) -> Iterator[FoldTask]:
    """Yield what is to be trained of a trial: its first fold is read as that of the same config with fewer epochs."""
    number = course.trial.number
    for epochs in course.reads:
        yield FoldTask(number, {**config, "epochs": epochs}, 0, read=True)
    for fold in course.left:
        yield FoldTask(number, config, fold, course.rung_of(fold))


def _explained(report: Report, reason: str) -> Report:
    """Return a report that says why ``model.fit`` did it."""

    def explained(event: Event) -> None:
        if isinstance(event, FoldFinished | FoldRead):
            event = replace(event, result=replace(event.result, engine="keras", engine_reason=reason))
        report(event)

    return explained
