"""The evaluator of an estimator's work: a worker's view of one search through scikit-learn's interface.

Its requests are those of ``trainers.evaluation.Evaluator``. A failure stays with its fold. Keras is imported when a fit begins.
"""

from __future__ import annotations

import gc
import logging
import math
import os
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sklearn

from trainers.backends import data_share
from trainers.errors import NotFusableError, cause_of, one_line
from trainers.estimators.fitting import fit_here
from trainers.estimators.instances import dump, load
from trainers.estimators.work.candidates import Begun, Candidates, Task, Trained
from trainers.estimators.work.pipelines import steps_of
from trainers.estimators.work.scoring import heard, scores_of
from trainers.estimators.work.staged import open_work
from trainers.messages import Checked, Event, FoldFailed, FoldFinished, Progress, Refit, Refitted, TrialRequest
from trainers.results import FoldResult

if TYPE_CHECKING:
    from trainers.engines.fused import Visit
    from trainers.estimators.work.fused import FusedFolds
    from trainers.settings import Config, SweepSettings

_log = logging.getLogger(__name__)

_KEPT_BYTES = 1 << 30
FITTED = "fitted.pkl"
"""The file in which a refit leaves what was fitted: ``steps``, ``final``, ``seconds``."""

_UNDER_JAX = "It was raised under JAX, by which fits are trained together. If the code needs TensorFlow, write engine='keras'."

Report = Callable[[Event], None]


class EstimatorEvaluator:
    """Fits and scores candidates of one work.

    Parameters
    ----------
    settings : the search's; its stage holds the work.
    report_seconds : no two Progress events of a fold come closer together than this.
    """

    def __init__(self, settings: SweepSettings, *, report_seconds: float = 0.5) -> None:
        self.settings = settings
        self.work = open_work(settings.stage)
        self._report_seconds = report_seconds
        kept = min(data_share(os.environ) or _KEPT_BYTES, _KEPT_BYTES)
        self._candidates = Candidates(self.work, settings.seed, kept)
        self._fused: FusedFolds | None = None
        self._told: set[str] = set()

    def check(self, config: Config) -> Checked:
        """Begin the first fold's fit of a candidate and say whether the fused engine can train it.

        What its own code raises is no failure of the check: scikit-learn's searches meet it fold by fold.
        """
        from trainers.checking import versions

        if self.settings.engine != "fused":
            return Checked(versions(), reason="the search's engine is keras")
        with self._as_asked(), heard([]):
            try:
                self._folds().probe(Task(0, config, 0))
            except NotFusableError as error:
                return Checked(versions(), reason=str(error))
            except Exception as error:
                return Checked(versions(), reason=f"a fit cannot begin under JAX: {one_line(error)}")
        return Checked(versions(), fusable=True)

    def evaluate(self, trials: Sequence[TrialRequest], report: Report) -> None:
        """Fit and score a cohort; everything that is learnt goes through ``report``.

        Parameters
        ----------
        trials : the cohort.
        report : receives Progress, FoldFinished and FoldFailed, in this process and thread. What it raises ends the cohort.
        """
        tasks = [Task(trial.number, trial.config, fold) for trial in trials for fold in trial.folds]
        tasks.sort(key=lambda task: task.fold)  # a fold's rows are cut and transformed once
        with self._as_asked():
            left = [(task, None) for task in tasks] if self.settings.engine != "fused" else self._evaluate_fused(tasks, report)
            for task, reason in left:
                self._evaluate_here(task, reason, report)
        gc.collect()  # models are full of cycles

    def refit(self, request: Refit) -> Refitted:
        """Fit a candidate on all rows and leave what was fitted in ``request.folder``.

        Raises
        ------
        Exception
            Whatever the fit raises.
        """
        begun = time.perf_counter()
        with self._as_asked(), heard([]):
            trained = self._refitted(request.config)
            content = dump(
                {
                    "steps": list(steps_of(trained.begun.prepared.estimator)),
                    "final": trained.net._fitted_state(),
                    "seconds": time.perf_counter() - begun,
                }
            )
        folder = Path(request.folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FITTED).write_bytes(content)
        return Refitted(request.folder, trained.epochs_run)

    def _as_asked(self) -> Any:
        """Let scikit-learn be set as it was where the search was asked for."""
        return sklearn.config_context(**self.work.sklearn_config)

    def _folds(self) -> FusedFolds:
        if self._fused is None:
            from trainers.estimators.work.fused import FusedFolds

            self._fused = FusedFolds(self.work, self._candidates, data_share(os.environ))
        return self._fused

    def _evaluate_fused(self, tasks: Sequence[Task], report: Report) -> list[tuple[Task, str | None]]:
        """Train together what can be; return what is left to ``model.fit``, and why."""
        left: list[tuple[Task, str | None]] = []

        def visited(task: Task, visit: Visit) -> None:
            report(Progress(task.trial, task.fold, visit.epoch, visit.epochs, visit.value))

        for task, outcome in self._folds().train(tasks, visited):
            if isinstance(outcome, NotFusableError):
                left.append((task, str(outcome)))
            elif isinstance(outcome, Exception):
                report(_failed(task, outcome))
            else:
                self._finish(task, outcome, None, report)
        for reason in sorted({reason for _, reason in left if reason is not None} - self._told):
            _log.warning("Left to model.fit: %s.", reason)
            self._told.add(reason)
        return left

    def _evaluate_here(self, task: Task, reason: str | None, report: Report) -> None:
        """Fit and score one fold by ``model.fit``; its failure is reported, not raised."""
        from trainers.evaluation import EpochProgress, ReportError

        progress = EpochProgress(report, task.trial, task.fold, self._report_seconds)
        warned: list[tuple[str, str]] = []
        try:
            with heard(warned):
                trained = _train_here(self._candidates.begin(task), progress, warned)
        except ReportError as error:
            raise error.original from None
        except Exception as error:
            report(_failed(task, error))
        else:
            self._finish(task, trained, reason, report)
        finally:
            gc.collect()

    def _finish(self, task: Task, trained: Trained, reason: str | None, report: Report) -> None:
        """Score what has been trained, and report it."""
        rows = trained.begun.rows
        if rows is None:
            raise ValueError("a fold is scored, got the refit.")
        try:
            with heard(trained.warnings):
                metrics = scores_of(trained.begun.prepared.ending_in(trained.net), rows, self.work)
        except Exception as error:
            report(_failed(task, error, scoring=True))
            return
        result = FoldResult(
            fold=task.fold,
            metrics=metrics,
            epoch=trained.epoch,
            epochs_run=trained.epochs_run,
            seconds=trained.seconds,
            history=trained.history,
            stopped=trained.stopped,
            engine="fused" if trained.fused else "keras",
            engine_reason=None if reason is None else f"left to model.fit: {reason}",
            size=trained.size,
        )
        report(FoldFinished(task.trial, result, tuple(trained.warnings)))

    def _refitted(self, config: Config) -> Trained:
        if self.settings.engine == "fused":
            try:
                return self._folds().train_alone(self._candidates.begin_refit(config))
            except NotFusableError as error:
                _log.info("The refit is left to model.fit: %s", error)
        return _train_here(self._candidates.begin_refit(config), lambda epoch, epochs, value: None, [])


def pickled(error: BaseException) -> bytes | None:
    """Return an exception for another process to raise; None where it cannot be carried."""
    try:
        content = dump(error)
        load(content)  # one whose constructor takes other arguments than it keeps
    except Exception:
        return None
    return content


def _failed(task: Task, error: Exception, *, scoring: bool = False) -> FoldFailed:
    import keras

    from trainers.checking import backend_is_to_blame

    if keras.backend.backend() == "jax" and backend_is_to_blame(error):
        error.add_note(_UNDER_JAX)
    _log.warning("Trial %d failed in fold %d.", task.trial, task.fold, exc_info=error)
    text = "".join(traceback.format_exception(error))
    return FoldFailed(task.trial, task.fold, cause_of(error), one_line(error), text, pickled(error), scoring)


def _train_here(begun: Begun, report: Callable[[int, int, float | None], None], warned: list[tuple[str, str]]) -> Trained:
    """Train by ``model.fit``."""
    import keras

    class Reporting(keras.callbacks.Callback):  # type: ignore[misc]
        def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
            value = (logs or {}).get("val_loss", (logs or {}).get("loss"))
            report(epoch + 1, begun.fit.epochs, None if value is None else float(value))

    started = time.perf_counter()
    fit = begun.fit
    fit.callbacks = [*fit.callbacks, Reporting()]
    history = fit_here(fit)
    fit.callbacks.pop()
    begun.net._end_fit(fit, history)
    run = len(history.get("loss", ()))
    stopper = next((one for one in fit.callbacks if isinstance(one, keras.callbacks.EarlyStopping)), None)
    restored = stopper is not None and stopper.restore_best_weights and stopper.best_weights is not None
    finite = all(map(math.isfinite, history.get("loss", ())))
    return Trained(
        net=begun.net,
        begun=begun,
        epoch=int(stopper.best_epoch) + 1 if stopper is not None and restored else run,
        epochs_run=run,
        stopped="diverged" if not finite and not restored else "early_stopping" if run < fit.epochs else "epochs",
        history={name: tuple(values) for name, values in history.items() if all(isinstance(value, float) for value in values)},
        seconds=begun.seconds + time.perf_counter() - started,
        size=sum(math.prod(variable.shape) for variable in fit.model.trainable_variables),
        warnings=warned,
        fused=False,
    )
