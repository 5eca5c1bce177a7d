"""Nets of different widths in one program: a narrower net lies in a wider one of the same make, among units that stay zero.

A unit whose incoming weights, bias and outgoing weights are zero stays exactly zero under the optimizers below, with l1, l2,
weight decay and batch normalization, where its activation maps 0 to 0. So the true units learn what they would alone; dropout
drops of them what it would drop in the narrow net.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import keras
import numpy as np
from numpy.typing import NDArray

from trainers.engines.fused.graph.dials import Place, is_stock

_ZERO_STAYS = frozenset(
    "linear relu relu6 leaky_relu elu selu celu gelu silu swish hard_silu mish tanh hard_tanh softsign".split()
)
_OPTIMIZERS = frozenset("SGD Adam AdamW RMSprop Adagrad Adadelta Adamax Nadam Lion".split())
_PASSING = frozenset({"InputLayer", "Flatten", "BatchNormalization", "Concatenate"})

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
    joined: set[int] = set()  # tensors in which a narrow net's units would not be the first ones
    for layer in model.layers:
        kind = type(layer).__name__
        if not is_stock(layer) or len(layer._inbound_nodes) != 1 or not _zero_stays(layer, finals):
            return False
        if kind == "Concatenate" or (kind not in ("InputLayer", "Dense") and id(layer.input) in joined):
            joined.add(id(layer.output))
        if kind == "Dropout" and id(layer.output) in joined:
            return False
    return True


def _zero_stays(layer: keras.Layer, finals: set[int]) -> bool:
    """Return whether a unit that is zero before ``layer``, or of it, stays zero."""
    kind = type(layer).__name__
    if kind == "Dense":
        plain = layer.kernel_constraint is None and layer.bias_constraint is None and layer.activity_regularizer is None
        return plain and (id(layer.output) in finals or layer.activation.__name__ in _ZERO_STAYS)
    if kind == "Activation":
        return layer.activation.__name__ in _ZERO_STAYS
    if kind == "Dropout":
        return layer.noise_shape is None
    return kind in _PASSING


class _NarrowDropout(keras.layers.Dropout):  # type: ignore[misc]
    """Dropout in a wide net that drops what it would drop in the net of ``narrow`` units that lies in it.

    JAX's random numbers hang on their places alone, counted row by row, not on how many are drawn: the narrow net's are the first
    ones of as many as the wide one draws.
    """

    narrow: Any = 0.0

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training:
            return inputs
        keep, width = 1.0 - self.rate, inputs.shape[-1]
        kept = jax.random.bernoulli(self.seed_generator.next(), keep, (inputs.size,))
        row = jnp.arange(inputs.size // width)[:, None] * jnp.asarray(self.narrow * 1).astype("int32")
        mask = kept[row + jnp.arange(width)].reshape(inputs.shape)
        return jnp.where(mask, inputs / keep, 0.0).astype(inputs.dtype)


def masks_of_the_narrow(wide: keras.Model) -> None:
    """Have all dropout of ``wide`` draw by the number of units at :func:`mask_places`."""
    for layer in _dropouts(wide):
        layer.__class__ = _NarrowDropout


def mask_places(model: keras.Model) -> tuple[Place, ...]:
    """Return the dials of masks: how many units each dropout of ``model``, a narrow net or the wide one, has before it."""
    return tuple(Place(layer, "narrow", float(layer.input.shape[-1])) for layer in _dropouts(model))


def _dropouts(model: keras.Model) -> list[keras.Layer]:
    return [layer for layer in model.layers if isinstance(layer, keras.layers.Dropout) and layer.rate > 0]


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
