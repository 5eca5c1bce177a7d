"""Nets of different widths in one program: a narrower net lies in a wider one of the same make, among units that stay zero.

A unit whose incoming weights, bias and outgoing weights are zero stays exactly zero under the optimizers below, with l1, l2,
weight decay and batch normalization, where its activation maps 0 to 0. So no mask is needed, and the true units learn what they
would alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np
from numpy.typing import NDArray

from trainers.engines.fused.graph.dials import is_stock

_ZERO_STAYS = frozenset(
    "linear relu relu6 leaky_relu elu selu celu gelu silu swish hard_silu mish tanh hard_tanh softsign".split()
)
_OPTIMIZERS = frozenset("SGD Adam AdamW RMSprop Adagrad Adadelta Adamax Nadam Lion".split())
_PASSING = frozenset({"Activation", "Dropout", "Flatten"})

Places = tuple[NDArray[np.intp], ...] | None
"""Along each axis of a wider variable, where the narrower one's entries stand; None: the two are of one shape."""


class Widening(NamedTuple):
    """Where the variables of a narrow model stand in a wide one, in the order of its trainable and non-trainable variables."""

    trainable: list[Places]
    non_trainable: list[Places]
    weights: list[Places]


def can_be_widened(model: keras.Model) -> bool:
    """Return whether zero units stay zero in ``model``: dense layers, batch normalization and dropout, known optimizers."""
    optimizer = model.optimizer
    if not is_stock(optimizer) or type(optimizer).__name__ not in _OPTIMIZERS:
        return False
    finals = {id(tensor) for tensor in model.outputs}
    for layer in model.layers:
        kind = type(layer).__name__
        if not is_stock(layer) or len(layer._inbound_nodes) != 1:
            return False
        if kind == "Dense":
            last = id(layer.output) in finals
            plain = layer.kernel_constraint is None and layer.bias_constraint is None and layer.activity_regularizer is None
            if not plain or not (last or layer.activation.__name__ in _ZERO_STAYS):
                return False
        elif kind == "Activation":
            if layer.activation.__name__ not in _ZERO_STAYS:
                return False
        elif kind not in _PASSING and kind not in ("InputLayer", "BatchNormalization", "Concatenate"):
            return False
    return True


def widening(narrow: keras.Model, wide: keras.Model) -> Widening:
    """Return where ``narrow``, which :func:`can_be_widened`, stands in ``wide``, the same net with wider hidden layers."""
    columns: dict[int, NDArray[np.intp]] = {}
    places: dict[int, Places] = {}
    for ours, theirs in zip(narrow.layers, wide.layers, strict=True):
        kind = type(ours).__name__
        if kind in ("InputLayer", "Flatten"):
            columns[id(ours.output)] = _all_of(ours.output)
            continue
        if kind == "Concatenate":
            starts = np.cumsum([0, *(int(tensor.shape[-1]) for tensor in theirs.input)])
            columns[id(ours.output)] = np.concatenate(
                [columns[id(tensor)] + start for tensor, start in zip(ours.input, starts[:-1], strict=True)]
            )
            continue
        incoming = columns.get(id(ours.input), _all_of(ours.input))
        if kind == "Dense":
            outgoing = np.arange(ours.units)
            places[id(ours.kernel)] = (incoming, outgoing)
            if ours.bias is not None:
                places[id(ours.bias)] = (outgoing,)
            columns[id(ours.output)] = outgoing
        else:
            for variable in ours.weights:
                places[id(variable)] = (incoming,)
            columns[id(ours.output)] = incoming
    ordered = (narrow.trainable_variables, narrow.non_trainable_variables, narrow.weights)
    return Widening(*([places.get(id(variable)) for variable in variables] for variables in ordered))


def _all_of(tensor: keras.KerasTensor) -> NDArray[np.intp]:
    return np.arange(int(tensor.shape[-1]))


def put(
    values: Sequence[NDArray[np.float32]], places: Sequence[Places], wide: Sequence[keras.Variable]
) -> list[NDArray[np.float32]]:
    """Return narrow ``values`` among zeros, in the shapes of the ``wide`` variables."""
    placed = []
    for value, place, variable in zip(values, places, wide, strict=True):
        if place is None:
            placed.append(value)
            continue
        whole = np.zeros(variable.shape, dtype=value.dtype)
        whole[np.ix_(*place)] = value
        placed.append(whole)
    return placed


def take_back(values: Sequence[NDArray[np.float32]], places: Sequence[Places]) -> tuple[NDArray[np.float32], ...]:
    """Return the narrow model's values out of the wide one's."""
    return tuple(value if place is None else value[np.ix_(*place)] for value, place in zip(values, places, strict=True))
