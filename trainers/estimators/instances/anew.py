"""Values for one fit alone: numbers made plain, what trains or remembers a training made anew."""

from __future__ import annotations

import copy
import pickle
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from trainers.estimators.instances.keras_objects import config_is_whole, custom_objects, keras_parts

if TYPE_CHECKING:
    import keras


def plain(value: Any) -> Any:
    """Return ``value`` with NumPy's numbers, texts and truth values made Python's, inside lists, tuples and dicts too.

    Arrays and everything else are the very objects.
    """
    if isinstance(value, np.generic):
        return value.item()
    if type(value) is dict:
        return {plain(key): plain(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain(item) for item in value)
    return value


def renewed(value: Any, otherwise: Callable[[Any], Any] = lambda value: value) -> Any:
    """Return ``value`` for one fit: what trains, or remembers a training, is made anew, inside lists, tuples and dicts too.

    Optimizers, losses, metrics, initializers, regularizers, constraints and schedules come from their config, without state, and
    callbacks are copied, without their model. Layers, models, functions and all else are what ``otherwise`` makes of them: by
    default the very objects. An initializer without a seed draws one from Python's global state, as when a user makes it.
    """
    if type(value) is dict:
        return {key: renewed(item, otherwise) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(renewed(item, otherwise) for item in value)
    keras = sys.modules.get("keras")
    if keras is None or isinstance(value, type):
        return otherwise(value)
    if isinstance(value, keras.callbacks.Callback):
        return _copied_callback(value)
    if isinstance(value, keras_parts()) and not isinstance(value, keras.Layer):
        return _anew(value)
    return otherwise(value)


def with_settings(optimizer: Any, settings: Mapping[str, Any]) -> keras.Optimizer:
    """Return a new optimizer like ``optimizer`` (a name, class, config or instance) with some settings of its config changed.

    Raises
    ------
    ValueError
        It has no such setting, or Keras does not know the optimizer.
    """
    import keras

    found = optimizer() if isinstance(optimizer, type) else keras.optimizers.get(optimizer)
    config = found.get_config()
    unknown = sorted(set(settings) - set(config))
    if unknown:
        raise ValueError(
            f"'optimizer__{unknown[0]}': expected a setting of {type(found).__name__}, got {unknown[0]!r}; "
            f"there are {', '.join(sorted(config))}."
        )
    return type(found).from_config({**config, **renewed(dict(settings))})


def _anew(value: Any) -> Any:
    make, (kind, told, *custom) = anew_from(value)
    return make(kind, copy.deepcopy(told), *custom)


def anew_from(value: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Return what makes an object of Keras' kind anew: its class and config, or its attributes where a config doesn't say all."""
    kind = type(value)
    if config_is_whole(value):
        return _from_config, (kind, value.get_config(), custom_objects(value))
    return remade, (kind, dict(vars(value)))


def _from_config(kind: Any, config: dict[str, Any], custom: Mapping[str, Any]) -> Any:
    import keras

    with keras.saving.custom_object_scope(custom):
        return kind.from_config(config)


def _copied_callback(callback: Any) -> Any:
    state = without_model(callback)
    try:
        return remade(type(callback), copy.deepcopy(state))
    except (TypeError, pickle.PicklingError):  # it holds a file or a lock
        return remade(type(callback), dict(state))


def without_model(callback: Any) -> dict[str, Any]:
    """Return a callback's attributes, its model left out."""
    return {**vars(callback), "_model": None}


def remade(kind: Any, state: dict[str, Any]) -> Any:
    """Return an object of a class with these attributes; no constructor is called."""
    made = kind.__new__(kind)
    vars(made).update(state)
    return made
