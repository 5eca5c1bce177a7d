"""The seam between an estimator and who trains it: all that one fit is made of, and how this process trains it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from trainers.estimators.building import Recipe
from trainers.estimators.randomness import seeded

if TYPE_CHECKING:
    import keras


@dataclass(kw_only=True)
class Fit:
    """All that one fit is made of, before it trains.

    Parameters
    ----------
    model : built by the builder (or the one that goes on, by ``warm_start``), compiled, its initial weights drawn.
    inputs : array or dict of arrays by input name; training rows only, those of weight 0 left out.
    target : array, or list or dict of arrays where the net has several outputs, as the loss takes it.
    weights : (rows,) float32, sample weight times class weight, the latter for rows trained on; None where all are 1.
    validation : inputs, target and weights of ``validation_data``, as above.
    validation_split : the last part of the rows that is watched, before shuffling.
    seed : of shuffling and of whatever is random while it trains.
    others : further arguments of ``model.fit``, such as ``steps_per_epoch``.
    recipe : what makes such a net anew.
    goes_on : whether ``model`` has been trained before, by a fit that this one continues.
    """

    model: keras.Model
    inputs: Any
    target: Any
    weights: NDArray[Any] | None
    validation: tuple[Any, Any, NDArray[Any] | None] | None
    validation_split: float
    epochs: int
    batch_size: int | None
    shuffle: bool
    callbacks: list[Any]
    verbose: Any
    seed: int
    others: dict[str, Any] = field(default_factory=dict)
    recipe: Recipe
    goes_on: bool = False


def rows_trained(rows: int, validation_split: float) -> int:
    """Return how many of the rows are trained on, as Keras cuts; those beyond are watched."""
    return math.floor(rows * (1 - validation_split))


def fit_here(fit: Fit) -> dict[str, list[float]]:
    """Train by ``model.fit`` in this process and return the history: a list of one number an epoch, by name."""
    validation = fit.validation
    if validation is not None and validation[2] is None:
        validation = validation[:2]  # type: ignore[assignment]
    with seeded(fit.seed):
        history = fit.model.fit(
            fit.inputs,
            fit.target,
            sample_weight=fit.weights,
            validation_data=validation,
            validation_split=fit.validation_split,
            epochs=fit.epochs,
            batch_size=fit.batch_size,
            shuffle=fit.shuffle,
            callbacks=fit.callbacks,
            verbose=fit.verbose,
            **fit.others,
        )
    fit.model.test_function = None  # TensorFlow's has met a target of two dimensions, and that of who asks the net may have one
    if not fit.goes_on:
        fit.model.train_function = None
    return {name: [_number(value) for value in values] for name, values in history.history.items()}


def _number(value: Any) -> Any:
    """Return a metric's value as a plain number; a metric of several values stays as it is."""
    try:
        return float(value)
    except TypeError:
        return value
