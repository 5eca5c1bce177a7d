"""How much each row counts in the loss: sample weight times class weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainers.estimators.labels import Labels

Array = NDArray[Any]


def row_weights(sample_weight: Any, rows: int) -> Array | None:
    """Return sample weights (rows,) float64, None where all are 1.

    Raises
    ------
    ValueError
        There isn't one finite number for each row, or all are 0.
    """
    from sklearn.utils.validation import _check_sample_weight

    if sample_weight is None:
        return None
    weights: Array = _check_sample_weight(sample_weight, np.empty(rows), dtype="float64")
    return None if (weights == 1).all() else weights


def class_weights(class_weight: Any, plans: Sequence[Labels], parts: Sequence[Array], weights: Array | None) -> Array:
    """Return each row's class weight (rows,), multiplied over outputs where there are several.

    Parameters
    ----------
    class_weight : by the user's labels; or "balanced": rows / (classes * rows of the class); for several outputs a list of such,
        or a dict by output name.
    parts : y for each output.
    weights : sample weights, by which "balanced" counts.

    Raises
    ------
    ValueError
        It is nothing of these, or none of its labels is among the classes.
    """
    each: Sequence[Any]
    if isinstance(class_weight, str) or len(plans) == 1:
        each = [class_weight] * len(plans)
    elif isinstance(class_weight, Mapping):
        each = [class_weight.get(plan.output.name) for plan in plans]
    else:
        each = list(class_weight)
    if len(each) != len(plans) or (isinstance(class_weight, Mapping) and all(one is None for one in each)):
        names = ", ".join(plan.output.name for plan in plans)
        raise ValueError(
            f"class_weight: expected 'balanced', or one dict for each of the outputs {names}, in a list or by name, "
            f"got {class_weight!r}."
        )
    found = np.ones(len(parts[0]))
    for plan, part, one in zip(plans, parts, each, strict=True):
        if one is not None:
            codes = _codes(plan, part)
            found *= _of_classes(one, plan.classes, codes, weights)[codes]
    return found


def _codes(plan: Labels, part: Array) -> Array:
    if plan.form == "indicator":
        raise ValueError(
            f"class_weight: expected None for the output {plan.output.name!r}, whose rows may have several classes or none; "
            "give sample_weight."
        )
    return plan.codes(part, "y")


def _of_classes(class_weight: Any, classes: Array, codes: Array, weights: Array | None) -> Array:
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = np.bincount(codes, weights, minlength=len(classes))
        balanced: Array = counts.sum() / (np.count_nonzero(counts) * np.where(counts > 0, counts, 1))
        return balanced
    if not isinstance(class_weight, Mapping):
        raise ValueError(f"class_weight: expected a dict of weights by label, or 'balanced', got {class_weight!r}.")
    labels = classes.tolist()
    if not any(label in class_weight for label in labels):
        raise ValueError(f"class_weight: expected weights of the labels {labels}, got {dict(class_weight)!r}.")
    return np.array([float(class_weight.get(label, 1.0)) for label in labels])
