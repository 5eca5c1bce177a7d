"""Cross-entropy from the logits behind a probability, on JAX as Keras does it on TensorFlow.

On JAX Keras clips probabilities to [1e-7, 1 - 1e-7] before the logarithm, and a row beyond has no gradient at all: with inputs
that are not scaled, half the rows of a fresh net may be there, and what is wrong about them is never learnt. On TensorFlow Keras
goes back to the logits that the sigmoid or softmax was made of.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import keras
from keras.src import backend

_REMEMBERED = 32
_logits: OrderedDict[int, tuple[Any, Any, tuple[str, int]]] = OrderedDict()
"""By the id of a traced probability: itself, so that its id stays its own, the logits, and by what along which axis."""


def go_back_to_logits() -> None:
    """Have Keras' cross-entropies use logits from now on, in this process. Does nothing but on JAX, nor a second time."""
    nn = backend.nn
    if keras.backend.backend() != "jax" or getattr(nn.sigmoid, "remembers", False):
        return
    nn.sigmoid, nn.softmax = _remembering(nn.sigmoid, "sigmoid"), _remembering(nn.softmax, "softmax")
    nn.binary_crossentropy = _going_back(nn.binary_crossentropy, "sigmoid")
    nn.categorical_crossentropy = _going_back(nn.categorical_crossentropy, "softmax")
    nn.sparse_categorical_crossentropy = _going_back(nn.sparse_categorical_crossentropy, "softmax")


def _remembering(activation: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Return ``activation`` such that what it makes while being traced is remembered, for the loss that is traced next."""
    from jax.core import Tracer

    def remembering(x: Any, *arguments: Any, **more: Any) -> Any:
        output = activation(x, *arguments, **more)
        if isinstance(output, Tracer):
            axis = arguments[0] if arguments else more.get("axis", -1)
            _logits[id(output)] = (output, x, (name, axis))
            if len(_logits) > _REMEMBERED:
                _logits.popitem(last=False)
        return output

    remembering.remembers = True  # type: ignore[attr-defined]
    return remembering


def _going_back(crossentropy: Callable[..., Any], name: str) -> Callable[..., Any]:
    def going_back(target: Any, output: Any, from_logits: bool = False, axis: int = -1) -> Any:
        probability, logits, made_by = _logits.get(id(output), (None, None, None))
        if not from_logits and probability is output and made_by == (name, axis):
            output, from_logits = logits, True
        if name == "sigmoid":
            return crossentropy(target, output, from_logits=from_logits)
        return crossentropy(target, output, from_logits=from_logits, axis=axis)

    return going_back
