"""The arrays of one fit: inputs, target and weights of the rows trained on, watched and scored. Knows no Keras and no engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trainers.errors import UserCodeError

if TYPE_CHECKING:
    from trainers.data import Array, Dataset
    from trainers.preprocessing.prepare import Prepared
    from trainers.settings import FitSettings


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some rows as a model takes them.

    Attributes
    ----------
    inputs : (rows, ...) float32 or int32, or a dict of such arrays.
    target : (rows,) float32, or int32 class index (multiclass).
    weights : (rows,) float32 or None; class weights are in them where the part is trained on.
    """

    inputs: Array | dict[str, Array]
    target: Array
    weights: Array | None

    @property
    def rows(self) -> int:
        """How many rows the part has."""
        return len(self.target)


def take(inputs: Array | Mapping[str, Array], rows: Array) -> Array | dict[str, Array]:
    """Return the given rows of an array or of a dict of arrays."""
    if isinstance(inputs, Mapping):
        return {name: array[rows] for name, array in inputs.items()}
    return inputs[rows]


def part(prepared: Prepared, rows: Array, class_weights: Array | None = None) -> Part:
    """Return ``rows`` of a prepared data set.

    Parameters
    ----------
    prepared : over all rows.
    rows : (n,) int64 row indices.
    class_weights : (classes,) float, the weight of each class; None for the parts that are only looked at.
    """
    return Part(take(prepared.inputs, rows), prepared.target[rows], row_weights(prepared, rows, class_weights))


def row_weights(prepared: Prepared, rows: Array, class_weights: Array | None = None) -> Array | None:
    """Return what each of ``rows`` weighs, (rows,) float32, or None when all weigh the same; see :func:`part`."""
    weights = None if prepared.weights is None else prepared.weights[rows]
    if class_weights is None:
        return weights
    by_class: Array = class_weights[prepared.target[rows].astype("int64")].astype("float32")
    return by_class if weights is None else weights * by_class


def class_weights(fit: FitSettings, dataset: Dataset, train: Array) -> Array | None:
    """Return one weight for each class, or None when the fit weighs them alike.

    ``balanced`` is rows / (classes * rows of the class) over the training rows, as in scikit-learn; 0 for a class without rows.

    Parameters
    ----------
    fit : the sweep's; its ``class_weight`` maps labels (as text) to weights; a class that it leaves out weighs 1.
    dataset : for the classes and the target.
    train : (n,) int64, the rows trained on.

    Raises
    ------
    UserCodeError
        The mapping names a label that the data does not have, or the task has no classes.
    """
    if fit.class_weight is None:
        return None
    if dataset.classes is None:
        raise UserCodeError(f"fit.class_weight: expected null for a regression task, got {fit.class_weight!r}.")
    if isinstance(fit.class_weight, str):
        counts = np.bincount(dataset.target[train].astype("int64"), minlength=len(dataset.classes))
        present = np.count_nonzero(counts)
        with np.errstate(divide="ignore"):
            balanced: Array = np.where(counts > 0, len(train) / (present * counts), 0.0)
        return balanced
    positions = {spelling(str(label)): index for index, label in enumerate(dataset.classes)}
    weights = np.ones(len(positions))
    for label, weight in fit.class_weight.items():
        if spelling(label) not in positions:
            labels = sorted(map(str, dataset.classes))
            raise UserCodeError(f"fit.class_weight: expected labels among {labels}, got {label!r}.")
        weights[positions[spelling(label)]] = weight
    return weights


def spelling(label: str) -> str:
    """Return one spelling for all of a number: a file of labels 1.0 and 2.0 is read as 1 and 2."""
    try:
        return repr(float(label))
    except ValueError:
        return label
