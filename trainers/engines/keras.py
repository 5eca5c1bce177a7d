"""The reference engine: one fold by ``model.fit``, with early stopping, scored once. It knows no cohort."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from trainers import metrics
from trainers.engines.targets import TargetPlan, target_plan
from trainers.errors import UserCodeError
from trainers.preprocessing import class_weights, model_shape, part, take
from trainers.recipes import build_model
from trainers.results import FoldResult, StopReason
from trainers.seeds import derive_seed

if TYPE_CHECKING:
    from trainers.data import Array, Dataset
    from trainers.preprocessing import Part, Prepared
    from trainers.settings import Config, EarlyStoppingSettings, SweepSettings
    from trainers.splits import Fold

EpochReport = Callable[[int, int, float | None], None]
"""Called after every epoch with (epochs done, epochs at most, the monitored value or None)."""

_PREDICT_NUMBERS = 1 << 18  # input numbers of one call of predict: inner layers may hold a hundred times as many
_STEPS_PER_CALL = 32  # steps of one call into TensorFlow: the same numbers and a quarter less time for small nets,
_LONG_FIT = 500  # in fits of more steps than this; a shorter one does not win back the longer tracing


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a fit did. ``epoch`` is the chosen one, counted from 1; ``history`` holds each epoch's values."""

    epoch: int
    epochs_run: int
    stopped: StopReason
    history: Mapping[str, tuple[float, ...]]


OnRead = Callable[[int, FoldResult], bool]
"""Called with a number of epochs and what the fold is after them; tells whether training goes on."""


class _Watch(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the history as plain floats, stops a fit whose loss is no longer finite, and reports."""

    def __init__(self, epochs: int, monitor: str | None, report: EpochReport) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {}
        self.diverged = False
        self._epochs = epochs
        self._monitor = monitor
        self._report = report

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        values = {name: float(value) for name, value in (logs or {}).items()}
        if self._monitor is not None and self._monitor not in values:
            raise UserCodeError(
                f"fit.early_stopping.monitor: expected one of {', '.join(sorted(values))}, got {self._monitor!r}; "
                "a builder's model has the metrics that it is compiled with."
            )
        for name, value in values.items():
            self.history.setdefault(name, []).append(value)
        if not all(math.isfinite(value) for name, value in values.items() if name in ("loss", "val_loss", self._monitor)):
            self.diverged = True
            self.model.stop_training = True
        self._report(epoch + 1, self._epochs, values.get(self._monitor) if self._monitor else None)


class _Reader(keras.callbacks.Callback):  # type: ignore[misc]
    """Reads a fit after some epochs, with the weights that it would have if it ended there, and ends it where it is told to.

    A fit that ends by itself then is left to whoever trains it.
    """

    def __init__(self, epochs: Sequence[int], watch: _Watch, stopper: Any, read: Callable[[Fitted], bool]) -> None:
        super().__init__()
        self._epochs = set(epochs)
        self._watch = watch
        self._stopper = stopper if stopper is not None and stopper.restore_best_weights else None
        self._read = read

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        done = epoch + 1
        if done not in self._epochs or self.model.stop_training or done == self.params["epochs"]:
            return
        history = {name: tuple(values) for name, values in self._watch.history.items()}
        chosen = done if self._stopper is None else int(self._stopper.best_epoch) + 1
        states, weights = (random.getstate(), np.random.get_state()), self.model.get_weights()
        if self._stopper is not None:
            self.model.set_weights(self._stopper.best_weights)
        if not self._read(Fitted(chosen, done, "epochs", history)):
            self.model.stop_training = True
        self.model.set_weights(weights)
        random.setstate(states[0])
        np.random.set_state(states[1])


def fit_model(
    model: keras.Model,
    plan: TargetPlan,
    train: Part,
    monitor: Part | None,
    *,
    epochs: int,
    batch_size: int,
    early_stopping: EarlyStoppingSettings | None,
    report: EpochReport,
    reads: Sequence[int] = (),
    read: Callable[[Fitted], bool] = lambda fitted: True,
) -> Fitted:
    """Train ``model`` in place.

    Parameters
    ----------
    model : compiled; seeded by whoever built it.
    plan : how it takes its target.
    train, monitor : rows to learn from, and rows to watch (None: none, and no early stopping).
    epochs, batch_size : at most so many epochs, so many rows a step.
    early_stopping : when to stop before the last epoch.
    report : see :data:`EpochReport`.
    reads, read : after so many epochs, unless it ends there, ``read`` is called with the model as it would be if it did; it tells
        whether training goes on.

    Raises
    ------
    UserCodeError
        The model does not yield the monitored value, or Keras cannot tell whether larger is better.
    """
    stopping = early_stopping if monitor is not None else None
    watch = _Watch(epochs, stopping.monitor if stopping else None, report)
    callbacks: list[keras.callbacks.Callback] = [watch]
    stopper = None
    if stopping is not None:
        stopper = keras.callbacks.EarlyStopping(
            monitor=stopping.monitor,
            patience=stopping.patience,
            min_delta=stopping.min_delta,
            restore_best_weights=stopping.restore_best_weights,
        )
        callbacks.append(stopper)
    if reads:
        callbacks.append(_Reader(reads, watch, stopper, read))
    steps = math.ceil(train.rows / batch_size)
    if keras.backend.backend() == "tensorflow" and model.steps_per_execution == 1 and steps * epochs > _LONG_FIT:
        model.steps_per_execution = min(_STEPS_PER_CALL, steps)
    model.fit(
        train.inputs,
        plan.encode(train.target),
        sample_weight=train.weights,
        validation_data=None if monitor is None else _validation(monitor, plan),
        epochs=epochs,
        batch_size=batch_size,
        callbacks=callbacks,
        verbose=0,
    )
    run = len(watch.history["loss"])
    history = {name: tuple(values) for name, values in watch.history.items()}
    if watch.diverged:
        return Fitted(run, run, "diverged", history)
    epoch = stopper.best_epoch + 1 if stopper is not None and stopper.restore_best_weights else run
    return Fitted(int(epoch), run, "early_stopping" if run < epochs else "epochs", history)


def predict(model: keras.Model, inputs: Array | dict[str, Array]) -> Array:
    """Return the model's raw output for all rows, (rows, ...) as NumPy.

    The model is called as it is, up to 4096 rows at a time and fewer of images: for small nets ten times faster than
    ``model.predict``, which traces a function first.
    """
    arrays = list(inputs.values()) if isinstance(inputs, Mapping) else [inputs]
    rows = len(arrays[0])
    width = sum(array[:1].size for array in arrays)
    at_once = min(max(_PREDICT_NUMBERS // max(width, 1), 16), 4096)
    outputs = []
    for start in range(0, max(rows, 1), at_once):
        batch = take(inputs, np.arange(start, min(start + at_once, rows)))
        outputs.append(keras.ops.convert_to_numpy(model(batch, training=False)))
    return np.concatenate(outputs)


def score_model(
    model: keras.Model, plan: TargetPlan, prepared: Prepared, rows: Array, *, dataset: Dataset, settings: SweepSettings
) -> dict[str, float] | None:
    """Return the sweep's metrics on ``rows``, in the target's own unit, or None when a prediction is not finite.

    Parameters
    ----------
    model : trained on other rows of ``prepared``.
    plan : what its output means.
    prepared : inputs of all rows.
    rows : (n,) int64 rows to score.
    dataset : for the target and weights as given.
    settings : for the names of the metrics and the folder of the user's ones.
    """
    return score_prediction(predict(model, take(prepared.inputs, rows)), plan, prepared, rows, dataset=dataset, settings=settings)


def score_prediction(
    raw: Array, plan: TargetPlan, prepared: Prepared, rows: Array, *, dataset: Dataset, settings: SweepSettings
) -> dict[str, float] | None:
    """Return the sweep's metrics of a model's raw output on ``rows``; see :func:`score_model`."""
    prediction = plan.predict(raw)
    if prepared.scaler is not None:
        prediction = prepared.scaler.unscale(prediction)
    if not np.isfinite(prediction).all():
        return None
    weights = None if dataset.weights is None else dataset.weights[rows]
    return metrics.score(
        settings.metrics,
        dataset.target[rows],
        prediction,
        settings.task,
        weights=weights,
        code=settings.code,
        classes=dataset.classes,
    )


def plan_for(model: keras.Model, prepared: Prepared, settings: SweepSettings, dataset: Dataset) -> TargetPlan:
    """Return how ``model`` takes its target, after calling it on one row, which builds it if it isn't yet.

    Raises
    ------
    UserCodeError
        The model has several outputs, or their width doesn't suit the task.
    """
    output = model(take(prepared.inputs, np.arange(1)), training=False)
    if not hasattr(output, "shape"):
        raise UserCodeError(
            f"model output: expected one array, got {type(output).__name__}; models of several outputs can't be scored."
        )
    return target_plan(model, tuple(output.shape), settings.task, None if dataset.classes is None else len(dataset.classes))


def train_fold(
    settings: SweepSettings,
    dataset: Dataset,
    fold: Fold,
    *,
    prepared: Prepared,
    config: Config,
    report: EpochReport,
    reads: Sequence[int] = (),
    on_read: OnRead = lambda epochs, result: True,
) -> FoldResult | None:
    """Build, train and score one fold of one config; return None where ``on_read`` ended it.

    Parameters
    ----------
    settings, dataset : the sweep's.
    fold : rows trained on, watched and scored.
    prepared : all rows, transformed by what was fitted on the fold's training rows.
    config : the effective config.
    report : see :data:`EpochReport`.
    reads, on_read : after how many epochs it is scored as if it ended there, unless it does, and who is told.

    Raises
    ------
    UserCodeError
        The builder, a metric or the monitored value is at fault.
    Exception
        Whatever the user's code or Keras raises.
    """
    started = time.perf_counter()
    classes = None if dataset.classes is None else len(dataset.classes)
    seed = derive_seed(settings.seed, config, fold.fold, fold.repeat)
    model = build_model(settings, config, model_shape(prepared, settings.task, classes), seed)
    plan = plan_for(model, prepared, settings, dataset)
    cut = False

    def scored(fitted: Fitted) -> FoldResult:
        scores = None
        if fitted.stopped != "diverged":
            scores = score_model(model, plan, prepared, fold.score, dataset=dataset, settings=settings)
        return FoldResult(
            fold=fold.index,
            metrics=dict.fromkeys(settings.metrics, math.nan) if scores is None else scores,
            epoch=fitted.epoch,
            epochs_run=fitted.epochs_run,
            seconds=time.perf_counter() - started,
            history=fitted.history,
            stopped="diverged" if scores is None else fitted.stopped,
            size=sum(math.prod(variable.shape) for variable in model.trainable_variables),
        )

    def read(fitted: Fitted) -> bool:
        nonlocal cut
        cut = not on_read(fitted.epochs_run, scored(fitted))
        return not cut

    fitted = fit_model(
        model,
        plan,
        part(prepared, fold.train, class_weights(settings.fit, dataset, fold.train)),
        part(prepared, fold.monitor) if len(fold.monitor) else None,
        epochs=config["epochs"],
        batch_size=config["batch_size"],
        early_stopping=settings.fit.early_stopping,
        report=report,
        reads=reads,
        read=read,
    )
    return None if cut else scored(fitted)


def _validation(monitor: Part, plan: TargetPlan) -> tuple[Any, ...]:
    target = plan.encode(monitor.target)
    return (monitor.inputs, target) if monitor.weights is None else (monitor.inputs, target, monitor.weights)
