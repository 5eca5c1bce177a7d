"""The metrics by name: which tasks they suit, which way is better, and how scikit-learn computes them. Light: scikit-learn is
loaded when something is scored. It knows nothing of nets or folds.
"""

from __future__ import annotations

import difflib
import logging
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trainers.errors import UserCodeError
from trainers.settings import Task
from trainers.usercode import import_object

if TYPE_CHECKING:
    from trainers.data import Array

Direction = Literal["maximize", "minimize"]
Needs = Literal["labels", "probabilities", "values"]

_log = logging.getLogger(__name__)
_CLASSES: tuple[Task, ...] = ("binary", "multiclass")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: scikit-learn's ``function`` with ``options``; ``averaged`` ones average over three and more classes."""

    function: str
    tasks: tuple[Task, ...]
    direction: Direction
    needs: Needs
    options: tuple[tuple[str, Any], ...] = ()
    averaged: bool = False


_ZERO = (("zero_division", 0.0),)
METRICS: dict[str, Metric] = {
    "accuracy": Metric("accuracy_score", _CLASSES, "maximize", "labels"),
    "balanced_accuracy": Metric("balanced_accuracy_score", _CLASSES, "maximize", "labels"),
    "precision": Metric("precision_score", _CLASSES, "maximize", "labels", _ZERO, averaged=True),
    "recall": Metric("recall_score", _CLASSES, "maximize", "labels", _ZERO, averaged=True),
    "f1": Metric("f1_score", _CLASSES, "maximize", "labels", _ZERO, averaged=True),
    "f1_macro": Metric("f1_score", _CLASSES, "maximize", "labels", (*_ZERO, ("average", "macro"))),
    "f1_weighted": Metric("f1_score", _CLASSES, "maximize", "labels", (*_ZERO, ("average", "weighted"))),
    "matthews_corrcoef": Metric("matthews_corrcoef", _CLASSES, "maximize", "labels"),
    "cohen_kappa": Metric("cohen_kappa_score", _CLASSES, "maximize", "labels"),
    "roc_auc": Metric("roc_auc_score", _CLASSES, "maximize", "probabilities"),
    "average_precision": Metric("average_precision_score", _CLASSES, "maximize", "probabilities"),
    "log_loss": Metric("log_loss", _CLASSES, "minimize", "probabilities"),
    "brier": Metric("brier_score_loss", _CLASSES, "minimize", "probabilities"),
    "mse": Metric("mean_squared_error", ("regression",), "minimize", "values"),
    "rmse": Metric("root_mean_squared_error", ("regression",), "minimize", "values"),
    "mae": Metric("mean_absolute_error", ("regression",), "minimize", "values"),
    "median_ae": Metric("median_absolute_error", ("regression",), "minimize", "values"),
    "max_error": Metric("max_error", ("regression",), "minimize", "values"),
    "mape": Metric("mean_absolute_percentage_error", ("regression",), "minimize", "values"),
    "r2": Metric("r2_score", ("regression",), "maximize", "values"),
    "explained_variance": Metric("explained_variance_score", ("regression",), "maximize", "values"),
}
_UNWEIGHTED = frozenset({"max_error"})
_RANKING = frozenset({"roc_auc_score", "average_precision_score"})


def known_metrics(task: Task) -> tuple[str, ...]:
    """Return the names that suit a task, best known first."""
    return tuple(name for name, metric in METRICS.items() if task in metric.tasks)


def default_metric(task: Task) -> str:
    """Return the metric of an objective that names none."""
    return "r2" if task == "regression" else "accuracy"


def direction(name: str) -> Direction:
    """Return which way a metric is better. A user's own ("module:function") has none that could be known: ValueError."""
    if name not in METRICS:
        raise ValueError(f"the direction of metric {name!r} must be given as maximize or minimize.{_near(name)}")
    return METRICS[name].direction


def score(
    names: Sequence[str],
    target: Array,
    prediction: Array,
    task: Task,
    *,
    weights: Array | None = None,
    code: str | None = None,
    classes: Sequence[Any] | None = None,
) -> dict[str, float]:
    """Return the value of every metric.

    Parameters
    ----------
    names : of METRICS, or "module:function" in the folder ``code``: function(y_true, y_pred) -> float, where both are (rows,)
        arrays of the user's own labels (classification) or of numbers in the target's unit (regression).
    target : (rows,) class index, or number in its own unit.
    prediction : probability of class 1, (rows,) or (rows, 1); of every class, (rows, classes); or the predicted number, (rows,)
        or (rows, 1).
    weights : (rows,) sample weights, for the metrics that take them.
    classes : the label of every class index; None: the indices are the labels.

    Returns
    -------
    dict
        NaN for all where a prediction is not finite, and, with a logged warning, where a metric is undefined on these rows (the
        area under a curve when only one class occurs).

    Raises
    ------
    UserCodeError : a metric of the user's cannot be imported, fails, or returns no number.
    ValueError : a name or a shape is not as above.
    """
    predicted = _shaped(np.asarray(prediction, dtype="float64"), task)
    if len(predicted) != len(target):
        raise ValueError(f"prediction must have a row for each of the {len(target)} targets. Got {len(predicted)}.")
    labels = None if classes is None else np.array(classes)
    functions = {name: _function(name, task, code, labels) for name in names}
    if not np.isfinite(predicted).all():
        return dict.fromkeys(names, math.nan)
    return {name: function(np.asarray(target), predicted, weights) for name, function in functions.items()}


def _shaped(prediction: Array, task: Task) -> Array:
    """Return (rows, classes) probabilities or (rows,) values."""
    if task != "multiclass" and prediction.ndim == 2 and prediction.shape[1] == 1:
        prediction = prediction[:, 0]
    if prediction.ndim != (2 if task == "multiclass" else 1):
        expected = "(rows, classes)" if task == "multiclass" else "(rows,) or (rows, 1)"
        raise ValueError(f"prediction must have the shape {expected} for task {task!r}. Got {prediction.shape}.")
    return np.stack([1 - prediction, prediction], axis=1) if task == "binary" else prediction


_Function = Callable[["Array", "Array", "Array | None"], float]


def _function(name: str, task: Task, code: str | None, labels: Array | None) -> _Function:
    """Return a function of (target, prediction as ``_shaped`` gives it, weights)."""
    if ":" in name:
        return _user_metric(name, task, code, labels)
    if name not in METRICS or task not in METRICS[name].tasks:
        raise ValueError(f"metric {name!r} must be one of {', '.join(known_metrics(task))} for task {task!r}.{_near(name)}")
    metric = METRICS[name]

    def compute(target: Array, prediction: Array, weights: Array | None) -> float:
        from sklearn import metrics

        options = dict(metric.options)
        if metric.averaged:
            options["average"] = "binary" if task == "binary" else "macro"
        if name not in _UNWEIGHTED:
            options["sample_weight"] = weights
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                value = _call(getattr(metrics, metric.function), metric, target, prediction, options)
            except (ValueError, ZeroDivisionError) as error:
                _log.warning("metric %s is undefined on %d rows: %s", name, len(target), error)
                return math.nan
        if not math.isfinite(value):
            reasons = " ".join(str(entry.message) for entry in caught)
            _log.warning("metric %s is undefined on %d rows: %s", name, len(target), reasons)
        return value

    return compute


def _call(function: Callable[..., Any], metric: Metric, target: Array, prediction: Array, options: dict[str, Any]) -> float:
    if metric.needs == "values":
        return float(function(target, prediction, **options))
    classes = prediction.shape[1]
    if metric.needs == "labels":
        return float(function(target, _labels(prediction), **options))
    if len(np.unique(target)) < 2 and metric.function in _RANKING:
        raise ValueError("only one class occurs.")
    total = prediction.sum(axis=1, keepdims=True)
    prediction = prediction / np.where(total > 0, total, 1)  # outputs in float32 or less add up to nearly 1
    if metric.function == "average_precision_score" and classes > 2:
        return float(function(np.eye(classes)[target], prediction, **options))
    if metric.function == "roc_auc_score" and classes > 2:
        options |= {"multi_class": "ovr", "labels": np.arange(classes)}
    elif metric.function not in _RANKING:
        options["labels"] = np.arange(classes)
    if classes == 2 and metric.function != "log_loss":
        prediction = prediction[:, 1]
    return float(function(target, prediction, **options))


def _labels(prediction: Array) -> Array:
    """Return the class of the largest probability; of two equal ones the first, so class 1 of two needs more than one half."""
    labels: Array = prediction.argmax(axis=1)
    return labels


def _user_metric(name: str, task: Task, code: str | None, labels: Array | None) -> _Function:
    function = import_object(name, code)

    def compute(target: Array, prediction: Array, weights: Array | None) -> float:
        predicted = prediction if task == "regression" else _labels(prediction)
        if labels is not None:
            target, predicted = labels[target], labels[predicted]
        try:
            value = function(target, predicted)
        except Exception as error:
            raise UserCodeError(f"metric {name!r} failed: {type(error).__name__}: {error}") from error
        try:
            return float(value)
        except (TypeError, ValueError):
            raise UserCodeError(f"metric {name!r} must return one number. Got {value!r}.") from None

    return compute


def _near(name: str) -> str:
    near = difflib.get_close_matches(name, METRICS, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
