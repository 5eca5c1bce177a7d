"""How a compiled model wants its target, and what its raw output means: read from its loss and its output's width.

Our recipes follow the task; a user's builder may also end in two softmax units, want one-hot targets, or return logits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trainers.errors import UserCodeError

if TYPE_CHECKING:
    import keras

    from trainers.data import Array
    from trainers.settings import Task

Link = Literal["none", "sigmoid", "softmax"]


@dataclass(frozen=True, slots=True)
class TargetPlan:
    """A model's target and output.

    ``width`` is the output's; ``one_hot`` says that the loss compares it with one column a class; ``link`` turns logits into
    probabilities.
    """

    task: Task
    width: int
    one_hot: bool
    link: Link

    def encode(self, target: Array) -> Array:
        """Return ``target`` (rows,) as the loss takes it: (rows,), or (rows, width) float32 of zeros and ones."""
        if self.one_hot:
            columns: Array = np.eye(self.width, dtype="float32")[target.astype("int64")]
            return columns
        if self.task == "binary" and self.width == 2:
            return target.astype("int32")
        return target

    def predict(self, raw: Array) -> Array:
        """Return the model's raw output (rows, width) as probabilities or values.

        Returns
        -------
        ndarray
            float64: (rows,) probability of the second class (binary), (rows, classes) probabilities (multiclass), or (rows,)
            values in the unit that the model was trained in (regression). Not finite where the model has diverged.

        Raises
        ------
        UserCodeError
            The outputs of a classifier are no probabilities.
        """
        values = np.asarray(raw, dtype="float64").reshape(len(raw), self.width)
        if self.link == "sigmoid":
            with np.errstate(over="ignore"):
                values = 1 / (1 + np.exp(-values))
        elif self.link == "softmax":
            values = np.exp(values - values.max(axis=1, keepdims=True))
            values /= values.sum(axis=1, keepdims=True)
        if self.task != "regression" and np.isfinite(values).all() and (values.min() < -1e-5 or values.max() > 1 + 1e-5):
            raise UserCodeError(
                f"model output: expected probabilities in [0, 1] for a {self.task} task, got values from {values.min():.3g} to "
                f"{values.max():.3g}; end in sigmoid or softmax, or compile with a loss that says from_logits=True."
            )
        return values[:, -1] if self.task != "multiclass" else values


def target_plan(model: keras.Model, output_shape: tuple[int, ...], task: Task, classes: int | None) -> TargetPlan:
    """Return how ``model`` wants its target.

    Parameters
    ----------
    model : compiled.
    output_shape : of its output for some rows, (rows, width) or (rows,).
    task, classes : of the sweep; ``classes`` is None for regression.

    Raises
    ------
    UserCodeError
        The output's width doesn't suit the task, or the loss doesn't suit the width.
    """
    width = 1 if len(output_shape) == 1 else int(output_shape[-1])
    allowed = {"binary": (1, 2), "multiclass": (classes,), "regression": (1,)}[task]
    if len(output_shape) > 2 or width not in allowed:
        expected = " or ".join(f"(rows, {units})" for units in allowed)
        many = "" if classes is None else f" with {classes} classes"
        raise UserCodeError(
            f"model output: expected shape {expected} for a {task} task{many}, got {output_shape}; "
            "change the units of the last layer."
        )
    loss = _only(model.loss)
    if task == "binary" and width == 2 and _is_binary(loss):
        raise UserCodeError(
            "model output: expected one unit for a loss of binary cross-entropy, got 2, which it takes for two questions of yes "
            "or no; end in Dense(1, activation='sigmoid'), or keep the two units with loss='sparse_categorical_crossentropy'."
        )
    sparse = width == 1 or "sparse" in _name(loss)
    link: Link = "none"
    if getattr(loss, "from_logits", False):
        link = "sigmoid" if width == 1 else "softmax"
    return TargetPlan(task, width, not sparse, link)


def _only(loss: Any) -> Any:
    """Return the loss of a model with one output, however it was given to compile."""
    if isinstance(loss, Mapping):
        loss = list(loss.values())
    return loss[0] if isinstance(loss, list | tuple) and loss else loss


def _is_binary(loss: Any) -> bool:
    """Return whether the loss is one of Keras' binary cross-entropies: by any of its names, as a function or an instance."""
    import keras

    losses = keras.losses
    try:
        found = losses.get(loss) if isinstance(loss, str) else loss
    except ValueError:  # of no loss of Keras': compiling the model says so
        return False
    kinds = (losses.BinaryCrossentropy, losses.BinaryFocalCrossentropy)
    return isinstance(found, kinds) or found in (losses.binary_crossentropy, losses.binary_focal_crossentropy)


def _name(loss: Any) -> str:
    """Return what the loss is called, lower case: a string, a function's name, or a class' and an instance's."""
    if isinstance(loss, str):
        return loss.lower()
    return f"{getattr(loss, '__name__', '')} {getattr(loss, 'name', '')} {type(loss).__name__}".lower()
