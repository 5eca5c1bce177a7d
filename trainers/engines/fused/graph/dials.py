"""Hyperparameters that enter a program as tensors, so that models that differ in them alone share it.

The learning rate needs nothing of this: it is a variable of the optimizer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

_OPTIMIZER = ("momentum", "rho", "beta_1", "beta_2", "epsilon", "weight_decay", "clipnorm", "clipvalue", "global_clipnorm")
_LAYERS = {
    "Dropout": "rate",
    "SpatialDropout1D": "rate",
    "SpatialDropout2D": "rate",
    "SpatialDropout3D": "rate",
    "AlphaDropout": "rate",
    "GaussianDropout": "rate",
    "GaussianNoise": "stddev",
}
_SCHEDULES = {
    "ExponentialDecay": ("initial_learning_rate", "decay_steps", "decay_rate"),
    "InverseTimeDecay": ("initial_learning_rate", "decay_steps", "decay_rate"),
    "PolynomialDecay": ("initial_learning_rate", "decay_steps", "end_learning_rate", "power"),
    "CosineDecay": ("initial_learning_rate", "decay_steps", "alpha", "warmup_target", "warmup_steps"),
}
_REGULARIZERS = {"L1": ("l1",), "L2": ("l2",), "L1L2": ("l1", "l2")}


class Dial:
    """A number with a traced value, put where Keras expects a Python float.

    Arithmetic gives tensors. Comparisons are answered by ``example``, since Keras branches on them in tracing (``rate > 0``); all
    members of a program give the same answers. ``1 - dial`` is the complement taken in double precision, as Keras takes it.
    """

    def __init__(self, value: Any, complement: Any, example: float) -> None:
        self._value, self._complement, self._example = value, complement, example
        self.dtype, self.shape = value.dtype, value.shape

    def __jax_array__(self) -> Any:
        return self._value

    def __add__(self, other: Any) -> Any:
        return self._value + other

    def __sub__(self, other: Any) -> Any:
        return self._value - other

    def __rsub__(self, other: Any) -> Any:
        return self._complement if isinstance(other, int | float) and other == 1 else other - self._value

    def __mul__(self, other: Any) -> Any:
        return self._value * other

    def __truediv__(self, other: Any) -> Any:
        return self._value / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self._value

    def __pow__(self, other: Any) -> Any:
        return self._value**other

    def __neg__(self) -> Any:
        return -self._value

    __radd__ = __add__
    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        return self._example == other

    def __lt__(self, other: float) -> bool:
        return self._example < other

    def __le__(self, other: float) -> bool:
        return self._example <= other

    def __gt__(self, other: float) -> bool:
        return self._example > other

    def __ge__(self, other: float) -> bool:
        return self._example >= other

    def __bool__(self) -> bool:
        return bool(self._example)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a dial stands: an attribute of a layer, a regularizer, the optimizer or its schedule, with the number that is there
    now.
    """

    owner: Any
    attribute: str
    value: float


def is_stock(thing: object) -> bool:
    """Return whether the class of ``thing`` is Keras' own."""
    return type(thing).__module__.startswith("keras.src.")


def find_places(model: keras.Model) -> tuple[Place, ...]:
    """Return the places of all dials of a compiled model, in an order that depends on its architecture alone."""
    places: list[Place] = []
    seen: set[int] = set()
    for layer in model._flatten_layers(include_self=False):
        if not is_stock(layer):
            continue
        attribute = _LAYERS.get(type(layer).__name__)
        if attribute is not None and 0 < float(getattr(layer, attribute)) < 1:
            places.append(Place(layer, attribute, float(getattr(layer, attribute))))
        for name in sorted(vars(layer)):
            regularizer = getattr(layer, name) if name.endswith("_regularizer") else None
            if regularizer is None or id(regularizer) in seen or not is_stock(regularizer):
                continue
            seen.add(id(regularizer))
            for part in _REGULARIZERS.get(type(regularizer).__name__, ()):
                if float(getattr(regularizer, part)) != 0:
                    places.append(Place(regularizer, part, float(getattr(regularizer, part))))
    optimizer = model.optimizer
    if is_stock(optimizer):
        for name in _OPTIMIZER:
            value = getattr(optimizer, name, None)
            if isinstance(value, float) and value > 0:
                places.append(Place(optimizer, name, value))
        schedule = optimizer._learning_rate
        for name in _SCHEDULES.get(type(schedule).__name__, ()) if is_stock(schedule) else ():
            value = getattr(schedule, name)
            if isinstance(value, int | float) and value > 0:
                places.append(Place(schedule, name, float(value)))
    return tuple(places)


@contextmanager
def turned(places: Sequence[Place], values: Any, complements: Any) -> Iterator[None]:
    """Put traced ``values`` and ``complements``, (dials,) float32 each, in their places while a function is traced."""
    kept = [getattr(place.owner, place.attribute) for place in places]
    try:
        for index, place in enumerate(places):
            setattr(place.owner, place.attribute, Dial(values[index], complements[index], place.value))
        yield
    finally:
        for place, value in zip(places, kept, strict=True):
            setattr(place.owner, place.attribute, value)


def settings(places: Sequence[Place]) -> tuple[np.ndarray[Any, np.dtype[np.float32]], np.ndarray[Any, np.dtype[np.float32]]]:
    """Return the values and the complements (1 - value, taken in double precision) of a model's dials, (dials,) float32 each."""
    values = np.array([place.value for place in places], dtype="float64")
    return values.astype("float32"), (1.0 - values).astype("float32")
