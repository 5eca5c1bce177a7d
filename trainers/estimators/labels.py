"""Classification: the labels of one output, and the probabilities that it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainers.estimators.outputs import NetOutput

Array = NDArray[Any]

Form = Literal["labels", "one_hot", "indicator", "columns"]
"""How y says classes: a label a row; a column a class with a single one a row, or with any number of ones; labels in columns."""

_SMALLEST = float(np.finfo("float32").tiny)


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """How one output of a classifier takes its part of y, and what it says.

    Parameters
    ----------
    form : of y; see :data:`Form`.
    classes : the labels, sorted; of one-hot columns their numbers.
    """

    output: NetOutput
    form: Form
    classes: Array

    def encode(self, part: Array, where: str) -> Array:
        """Return (rows,) codes of classes, or (rows, width) float32 of zeros and ones.

        Raises
        ------
        ValueError
            A label isn't among ``classes``, or the number of columns differs.
        """
        width = self.output.width
        if self.form == "indicator":
            return one_column_a_class(part, self.classes, where).astype("float32")
        codes = self.codes(part, where)
        if width == 1:
            return codes.astype("float32")
        if "sparse" in self.output.loss:
            return codes.astype("int32")
        columns: Array = np.eye(width, dtype="float32")[codes]
        return columns

    def codes(self, part: Array, where: str) -> Array:
        """Return each row's class by its number, of labels or of one-hot columns."""
        if self.form == "one_hot":
            numbers: Array = one_column_a_class(part, self.classes, where).argmax(axis=1)
            return numbers
        return codes_of(part, self.classes, where)

    def truth(self, part: Array) -> Array:
        """Return one output's part of y as :meth:`predict` says labels."""
        if self.form != "one_hot" or part.ndim == 1:
            return part
        labels: Array = self.classes[self.codes(part, "y")]
        return labels

    def predict(self, raw: Array) -> Array:
        """Return (rows,) labels, or (rows, classes) of zeros and ones where any number of them may hold."""
        if self.form == "indicator":
            return (self._linked(raw) > 0.5).astype("int64")
        if self.output.width == 1:
            threshold = 0.5 if self._link == "none" else 0.0
            found: Array = self.classes[(raw[:, 0] > threshold).astype("int64")]
            return found
        best: Array = self.classes[raw[:, : len(self.classes)].argmax(axis=1)]
        return best

    def probabilities(self, raw: Array) -> Array:
        """Return (rows, classes) float64; rows sum to 1, but for ``indicator``.

        Raises
        ------
        ValueError
            The outputs are no probabilities.
        """
        if self._link == "margin":
            raise ValueError(
                f"predict_proba: expected a loss that makes the output {self.output.name!r} a probability, got "
                f"{self.output.loss.split()[0]!r}, which makes it a margin; use decision_function, or a cross-entropy."
            )
        linked = self._linked(raw)
        if linked.size and (linked.min() < -1e-5 or linked.max() > 1 + 1e-5):
            raise ValueError(
                f"the net's output {self.output.name!r}: expected probabilities in [0, 1], got values from {linked.min():.3g} to "
                f"{linked.max():.3g}; end in sigmoid or softmax, or compile with a loss that says from_logits=True."
            )
        linked = linked.clip(0, 1)
        if self.form == "indicator":
            return linked
        if self.output.width == 1:
            second = linked[:, 0]
            first = _sigmoid(-raw[:, 0]) if self._link == "sigmoid" else 1 - second
            return np.column_stack([first, second])
        total = linked.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            shares: Array = np.where(total > 0, linked / total, 1 / len(self.classes))
        return shares

    def decision(self, raw: Array) -> Array:
        """Return log-odds: (rows,) of the second class, or (rows, classes) from three classes on; margins as they are."""
        if self._link == "margin":
            if self.output.width == 1:
                return raw[:, 0]
            kept = raw[:, : len(self.classes)]
            return kept[:, 1] - kept[:, 0] if len(self.classes) == 2 else kept
        shares = self.probabilities(raw)
        if self.form == "indicator":
            return _log(shares) - _log(1 - shares)
        if len(self.classes) == 2:
            return _log(shares[:, 1]) - _log(shares[:, 0])
        others = shares @ (1 - np.eye(len(self.classes)))  # not 1 - share: that is 0 where a share rounds to 1
        return _log(shares) - _log(others)

    @property
    def _link(self) -> Literal["none", "sigmoid", "softmax", "margin"]:
        if "hinge" in self.output.loss:
            return "margin"
        if not self.output.from_logits:
            return "none"
        return "sigmoid" if self.output.width == 1 or "binary" in self.output.loss else "softmax"

    def _linked(self, raw: Array) -> Array:
        kept = raw if self.output.width == 1 else raw[:, : len(self.classes)]
        if self._link == "sigmoid":
            return _sigmoid(kept)
        if self._link == "softmax":
            powers = np.exp(kept - kept.max(axis=1, keepdims=True))
            shares: Array = powers / powers.sum(axis=1, keepdims=True)
            return shares
        return kept


def plan_labels(output: NetOutput, part: Array, classes: Array | None) -> Labels:
    """Return how an output of a classifier takes its part of y.

    Parameters
    ----------
    part : (rows,) labels, or (rows, columns) of zeros and ones.
    classes : the labels where they are known beforehand, as by ``partial_fit``; else those in ``part``.

    Raises
    ------
    ValueError
        There is one class only, or the output's units don't suit the classes.
    """
    form = form_of(part)
    if form == "columns":
        raise ValueError(
            f"y: expected labels (rows,), or zeros and ones (rows, classes), for a net of one output, got {part.shape[1]} "
            "columns of labels; these need a net with as many outputs."
        )
    if classes is None or form != "labels":
        classes = classes_of(part)
    many, width = len(classes), output.width
    if many < 2 and form != "indicator":
        raise ValueError(f"y: expected two classes or more, got one class: {classes.tolist()}.")
    suits = width >= many if form == "labels" else width == many
    if not (suits or (width == 1 and many == 2 and form != "indicator")):
        raise ValueError(
            f"the net's output {output.name!r}: expected {'1 or 2' if many == 2 else many} units for {many} classes, got "
            f"{width}; change the units of the last layer (a builder's parameter n_classes is given their number)."
        )
    return Labels(output, form, classes)


def read_labels(y: Any, where: str) -> Array:
    """Return y as labels (rows,), or (rows, columns) of labels or of zeros and ones.

    Raises
    ------
    ValueError
        It is None, holds NaN, infinity or fractions, or has more than two dimensions.
    """
    from sklearn.utils import check_array, column_or_1d
    from sklearn.utils.multiclass import check_classification_targets

    if y is None:
        raise ValueError(f"{where}: this estimator requires y to be passed, but the target y is None.")
    array: Array = check_array(y, accept_sparse=True, ensure_2d=False, dtype=None, input_name=where)
    if not isinstance(array, np.ndarray):
        array = array.toarray()
    if array.ndim == 2 and array.shape[1] == 1:
        array = column_or_1d(array, warn=True)
    check_classification_targets(array)
    return array


def facts_of_labels(y: Any, classes: Array | None) -> dict[str, Any]:
    """Return what a builder may want to know of y: ``output_units``, ``n_classes``; the others are for scikeras' ``meta``."""
    from sklearn.utils.multiclass import type_of_target

    if isinstance(y, dict):
        counts = {name: len(classes_of(part)) for name, part in y.items()}
        units = {name: _units(part, counts[name]) for name, part in y.items()}
        return {"output_units": units, "n_classes": counts, "n_outputs_": len(y), "n_classes_": counts}
    form = form_of(y)
    if form == "columns":
        many = [len(np.unique(column)) for column in y.T]
        columns = {"output_units": [_units(column, count) for column, count in zip(y.T, many, strict=True)], "n_classes": many}
        return {**columns, "n_outputs_": len(many), "n_outputs_expected_": len(many), "n_classes_": many}
    known = classes_of(y) if classes is None or form != "labels" else classes
    kind = "multiclass-onehot" if form == "one_hot" else type_of_target(y)
    meta = {"n_outputs_": 1 if y.ndim == 1 else y.shape[1], "n_outputs_expected_": 1, "target_type_": kind}
    return {"output_units": _units(y, len(known)), "n_classes": len(known), "n_classes_": len(known), "classes_": known, **meta}


def form_of(part: Array) -> Form:
    """Return how a part of y says classes."""
    if part.ndim == 1:
        return "labels"
    if part.dtype.kind not in "biuf" or not np.isin(part, (0, 1)).all():
        return "columns"
    return "one_hot" if (part.sum(axis=1) == 1).all() else "indicator"


def classes_of(part: Array) -> Array:
    """Return the labels in a part of y, sorted, or the numbers of its columns."""
    classes: Array = np.unique(part) if part.ndim == 1 else np.arange(part.shape[1])
    return classes


def _units(part: Array, classes: int) -> int:
    return 1 if classes == 2 and part.ndim == 1 else classes


def codes_of(labels: Array, classes: Array, where: str) -> Array:
    """Return each label's place among ``classes``.

    Raises
    ------
    ValueError
        A label isn't among them.
    """
    from sklearn.utils import column_or_1d

    labels = column_or_1d(labels)
    strange = np.setdiff1d(labels, classes)
    if len(strange):
        raise ValueError(f"{where}: expected labels among {classes.tolist()}, got {strange.tolist()}.")
    codes: Array = np.searchsorted(classes, labels)
    return codes


def one_column_a_class(part: Array, classes: Array, where: str) -> Array:
    """Return y if it has a column for each class.

    Raises
    ------
    ValueError
        It hasn't.
    """
    if part.ndim != 2 or part.shape[1] != len(classes):
        raise ValueError(f"{where}: expected shape (rows, {len(classes)}), a column for each class, got {part.shape}.")
    return part


def _sigmoid(values: Array) -> Array:
    with np.errstate(over="ignore"):
        shares: Array = 1 / (1 + np.exp(-values))
    return shares


def _log(values: Array) -> Array:
    logs: Array = np.log(values.clip(_SMALLEST))
    return logs
