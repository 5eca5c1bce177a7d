"""The evaluator: a worker's view of one sweep. It opens the data once and trains cohorts; a failure stays with its fold."""

from __future__ import annotations

import gc
import logging
import os
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trainers.backends import data_share
from trainers.checking import backend_is_to_blame, check_config, versions
from trainers.engines import Course, go_back_to_logits, train_fold
from trainers.errors import NotFusableError, TrainerError, cause_of, one_line
from trainers.messages import Checked, Event, FoldFailed, FoldFinished, FoldRead, Progress, TrialRequest
from trainers.preprocessing import Prepared, bytes_together, prepare, preprocessing_key
from trainers.results import FoldResult
from trainers.settings import Config, SweepSettings, effective_config
from trainers.staging import open_staged
from trainers.usercode import takes_epochs

if TYPE_CHECKING:
    from trainers.data import Dataset
    from trainers.engines.fused import FusedCohorts
    from trainers.splits import Splits

_log = logging.getLogger(__name__)

_KEPT_BYTES = 1 << 30

Report = Callable[[Event], None]


class Evaluator:
    """Checks, trains and scores configs of one sweep.

    Parameters
    ----------
    settings : the sweep's. Its stage is opened at once.
    report_seconds : no two Progress events of a fold come closer together than this.
    kept_bytes : prepared folds are kept up to this size together, and one at least; default the process's share for data, and a
        gigabyte at most.

    Attributes
    ----------
    settings, dataset, splits : what all trials share.
    """

    def __init__(self, settings: SweepSettings, *, report_seconds: float = 0.5, kept_bytes: int | None = None) -> None:
        go_back_to_logits()
        self.settings = settings
        self.dataset: Dataset
        self.splits: Splits
        self.dataset, self.splits = open_staged(settings.stage)
        self._report_seconds = report_seconds
        share = data_share(os.environ)
        self._kept_bytes = min(share or _KEPT_BYTES, _KEPT_BYTES) if kept_bytes is None else kept_bytes
        self._prepared: OrderedDict[tuple[int, str], Prepared] = OrderedDict()
        self._cohorts: FusedCohorts | None = None
        self._told: set[str] = set()

    def effective(self, config: Config) -> dict[str, Any]:
        """Return ``config`` with the fixed params and fit's defaults beneath it."""
        return effective_config(config, self.settings.trainer, self.settings.fit)

    def prepared(self, fold: int, config: Config) -> Prepared:
        """Return the data as the models of one fold take it, fitted on its training rows; the latest ones are kept.

        Parameters
        ----------
        fold : position in ``Splits.folds``.
        config : the effective config; configs with equal ``preprocessing_key`` share the result.
        """
        key = (fold, preprocessing_key(self.settings, config))
        if key not in self._prepared:
            like = next((one for other, one in reversed(self._prepared.items()) if other[1] == key[1]), None)
            self._prepared[key] = prepare(self.dataset, self.splits.folds[fold].train, self.settings, config, like)
            while len(self._prepared) > 1 and bytes_together(self._prepared.values()) > self._kept_bytes:
                self._prepared.popitem(last=False)
        self._prepared.move_to_end(key)
        return self._prepared[key]

    def check(self, config: Config) -> Checked:
        """Take ``config`` through build, one step, scores, save and load, on the first fold.

        Where the fused engine cannot train it, the reply says so. What another backend would take no better is raised under this
        one already.

        Raises
        ------
        UserCodeError, DataError
            With a message for the user.
        """
        effective = self.effective(config)
        if self.settings.engine != "fused":
            self._check(effective)
            return Checked(versions(), reason="the sweep's engine is keras", takes_epochs=takes_epochs(self.settings))
        reason, raised = self._why_not_fused(effective)
        if reason is None or raised:
            try:
                self._check(effective)
            except TrainerError as error:
                if not backend_is_to_blame(error):
                    raise
                reason = reason or f"a model fails its check under JAX: {one_line(error)}"
        return Checked(versions(), fusable=reason is None, reason=reason, takes_epochs=takes_epochs(self.settings))

    def _check(self, effective: Config) -> None:
        check_config(self.settings, self.dataset, self.splits.folds[0], self.prepared(0, effective), effective)

    def _why_not_fused(self, effective: Config) -> tuple[str | None, bool]:
        """Return why the fused engine cannot train such models, None if it can, and whether building or tracing one failed."""
        try:
            self._fused().probe(effective)
        except NotFusableError as error:
            return str(error), error.__cause__ is not None
        except Exception as error:
            _log.info("The fused engine's probe failed.", exc_info=True)
            return f"a model cannot be built under JAX: {one_line(error)}", True
        return None, False

    def _fused(self) -> FusedCohorts:
        if self._cohorts is None:
            from trainers.engines.fused import FusedCohorts, memory_share

            self._cohorts = FusedCohorts(
                self.settings,
                self.dataset,
                self.splits,
                self.prepared,
                memory_bytes=memory_share(os.environ),
                data_bytes=data_share(os.environ),
            )
        return self._cohorts

    def evaluate(self, trials: Sequence[TrialRequest], report: Report) -> None:
        """Train and score a cohort; everything that is learnt goes through ``report``.

        Parameters
        ----------
        trials : the cohort.
        report : receives Progress, FoldRead, FoldFinished and FoldFailed, in this process and thread; what it raises ends it all.
        """
        if self.settings.engine == "fused":
            from trainers.engines.fused import evaluate_fused

            evaluate_fused(
                self._fused(), trials, effective=self.effective, report=report, by_fit=self.evaluate_trial, told=self._told
            )
            return
        for trial in trials:
            self.evaluate_trial(trial, report)

    def evaluate_trial(self, trial: TrialRequest, report: Report) -> None:
        """Train and score one trial by the keras engine, fold after fold, as long as its race lets it.

        A fold's failure is reported, not raised.
        """
        config = self.effective(trial.config)
        course = Course(trial)
        while (position := course.next) is not None:
            whole = position in course.left
            reads = course.reads if position == 0 else ()
            try:
                result = self._train(course, position, config if whole else {**config, "epochs": reads[-1]}, reads, report)
            except ReportError as error:
                raise error.original from None
            except Exception as error:
                _log.warning("Trial %d failed in fold %d.", trial.number, position, exc_info=True)
                events: list[Event] = [
                    FoldFailed(trial.number, position, cause_of(error), one_line(error), traceback.format_exc())
                ]
            else:
                events = _ended(course, position, result)
            finally:
                gc.collect()  # models are full of cycles: without it their memory, a GPU's too, stays taken for long
            for event in events:
                if course.hear(event):
                    report(event)

    def _train(self, course: Course, position: int, config: Config, reads: Sequence[int], report: Report) -> FoldResult | None:
        """Train and score one fold, as long as what is read of it lets it; None: it did not."""
        number = course.trial.number

        def on_read(epochs: int, result: FoldResult) -> bool:
            event = FoldRead(number, epochs, result)
            course.hear(event)
            _tell(report, event)
            return course.next == position

        return train_fold(
            self.settings,
            self.dataset,
            self.splits.folds[position],
            prepared=self.prepared(position, config),
            config=config,
            report=EpochProgress(report, number, position, self._report_seconds),
            reads=reads,
            on_read=on_read,
        )


def _ended(course: Course, position: int, result: FoldResult | None) -> list[Event]:
    """Return what is to be reported of a fold whose training has ended, also as those reads that it ended before."""
    if result is None:
        return []
    number = course.trial.number
    reads = course.reads if position == 0 else ()
    return [*(FoldRead(number, epochs, _as_read(result, epochs)) for epochs in reads), FoldFinished(number, result)]


def _as_read(result: FoldResult, epochs: int) -> FoldResult:
    """Return a fold's result as that of the same one with so many epochs, which ended after them at the latest."""
    by_epochs = result.stopped == "early_stopping" and result.epochs_run == epochs
    return replace(result, stopped="epochs") if by_epochs else result


def _tell(report: Report, event: Event) -> None:
    try:
        report(event)
    except Exception as error:
        raise ReportError(error) from error


class ReportError(Exception):
    """Carries what the listener raised out through a fit: it is no failure of the trial."""

    def __init__(self, original: Exception) -> None:
        super().__init__(str(original))
        self.original = original


class EpochProgress:
    """Turns the epochs of one fold into Progress events, ``seconds`` apart at least."""

    def __init__(self, report: Report, trial: int, fold: int, seconds: float) -> None:
        self._report = report
        self._trial = trial
        self._fold = fold
        self._seconds = seconds
        self._last = time.monotonic()

    def __call__(self, epoch: int, epochs: int, value: float | None) -> None:
        """Report, if it is time, that so many epochs of so many are done; ReportError carries what the listener raised."""
        now = time.monotonic()
        if now - self._last < self._seconds:
            return
        self._last = now
        _tell(self._report, Progress(self._trial, self._fold, epoch, epochs, value))
