"""What Keras makes things of: which classes, which of the user's among them, and whether a config tells all."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from typing import Any


def keras_parts() -> tuple[type, ...]:
    """Return the classes of Keras whose objects are what their config says: all that a net is made of."""
    import keras

    return (
        *(keras.Layer, keras.Loss, keras.Metric, keras.Optimizer, keras.Initializer, keras.Regularizer),
        *(keras.constraints.Constraint, keras.optimizers.schedules.LearningRateSchedule),
    )


def custom_objects(value: Any) -> dict[str, Any]:
    """Return the classes and functions that Keras does not know and a net, or a part of one, is made of, by registered names."""
    import keras

    parts = keras_parts()
    found: dict[str, Any] = {}
    seen: dict[int, Any] = {}
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        theirs = type(value).__module__.partition(".")[0] == "keras"
        if isinstance(value, types.FunctionType) or isinstance(value, parts):
            kind = value if isinstance(value, types.FunctionType) else type(value)
            if kind.__module__.partition(".")[0] != "keras" and kind.__name__ != "<lambda>":
                found[keras.saving.get_registered_name(kind)] = kind
        if isinstance(value, Mapping):
            waiting += value.values()
        elif isinstance(value, list | tuple | set):
            waiting += value
        elif theirs or isinstance(value, parts):
            waiting += getattr(value, "__dict__", {}).values()
    return found


def config_is_whole(value: Any) -> bool:
    """Say whether ``get_config`` knows the parameters of ``__init__``: of the same class or a later one, or naming them all."""
    order = type(value).__mro__
    writes = {name: next(i for i, one in enumerate(order) if name in vars(one)) for name in ("get_config", "__init__")}
    parameters = inspect.signature(type(value).__init__).parameters.values()
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)} - {"self"}
    return writes["get_config"] <= writes["__init__"] or named <= set(value.get_config())
