"""When two compiled models have one graph: their architecture, loss, metrics and optimizer, without what may differ between
members.

Names, initializers, seeds, the learning rate and all dials are left out. A model with code that is not Keras' own has no
signature here, since a config cannot be trusted to tell two closures apart; such models are compared by their traces: what JAX
sees of them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from trainers.backends import without_tensorflow
from trainers.engines.fused.graph.dials import Place
from trainers.engines.fused.graph.graph import Batch, Graph, State
from trainers.errors import NotFusableError, one_line

_ROW_BY_ROW = re.compile(r"dimension_numbers=\(\(\[[\d, ]*\], \[[\d, ]*\]\), \(\[\d")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")

_DROPPED = frozenset({"seed", "seed_generator", "shared_object_id", "trainable_variables"})
_WIRING = frozenset({"keras_history", "input_layers", "output_layers"})
_FOREIGN = frozenset({"function", "__lambda__"})


class _ForeignError(Exception):
    """Code that is not Keras' own was met."""


def signature(model: keras.Model, places: Sequence[Place]) -> str | None:
    """Return a digest that is equal for models of one graph, or None for a model with code that is not Keras' own."""
    if type(model).__module__.split(".")[0] != "keras":
        return None
    names = {layer.name: f"layer_{index}" for index, layer in enumerate(model._flatten_layers(include_self=True))}
    try:
        with without_tensorflow(), _all_equal(places):
            described = {
                "class": type(model).__qualname__,
                "model": _clean(model.get_config(), names),
                "compiled": _clean(_compiled(model), {}),
                "dials": [(type(place.owner).__name__, place.attribute) for place in places],
                "inputs": [tensor.name for tensor in model.inputs] if len(model.inputs) > 1 else 1,
                "outputs": model.output_names if len(model.outputs) > 1 else 1,
                "variables": [(v.shape, v.dtype, v.trainable) for v in model.variables],
            }
    except _ForeignError:
        return None
    text = json.dumps(described, sort_keys=True, default=_refuse)
    return hashlib.sha256(text.encode()).hexdigest()


def _compiled(model: keras.Model) -> dict[str, Any]:
    config = dict(model.get_compile_config())
    optimizer = model.optimizer
    values = dict(optimizer.get_config())
    values.pop("name", None)
    if isinstance(optimizer._learning_rate, keras.Variable):
        values.pop("learning_rate", None)
    config["optimizer"] = {"module": type(optimizer).__module__, "class_name": type(optimizer).__name__, "config": values}
    return config


def _refuse(value: object) -> Any:
    raise _ForeignError(repr(value))


def _clean(value: Any, names: Mapping[str, str], wiring: bool = False) -> Any:
    if isinstance(value, Mapping):
        kind = value.get("class_name")
        module = value.get("module")
        own = module is None or (isinstance(module, str) and module.split(".")[0] == "keras")
        if kind in _FOREIGN or not own or (kind is not None and value.get("registered_name") is not None):
            raise _ForeignError(repr(kind))
        return {
            str(key): names.get(item, item)
            if key == "name" and isinstance(item, str)
            else _clean(item, names, wiring or key in _WIRING)
            for key, item in value.items()
            if key not in _DROPPED and not (isinstance(key, str) and key.endswith("_initializer"))
        }
    if isinstance(value, list | tuple):
        return [_clean(item, names, wiring) for item in value]
    if wiring and isinstance(value, str):
        return names.get(value, value)
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise _ForeignError(repr(value))


@contextmanager
def _all_equal(places: Sequence[Place]) -> Iterator[None]:
    """Let every dial show the same number."""
    kept = [getattr(place.owner, place.attribute) for place in places]
    try:
        for place in places:
            setattr(place.owner, place.attribute, 0.5)
        yield
    finally:
        for place, value in zip(places, kept, strict=True):
            setattr(place.owner, place.attribute, value)


def trace(graph: Graph, sample: Batch) -> Any:
    """Return the trace (a closed jaxpr) of a training step, an evaluation step and a prediction on the rows of ``sample``.

    Raises
    ------
    NotFusableError
        JAX cannot trace the model.
    """
    model = graph.model
    state = State(
        [jnp.asarray(variable.value) for variable in model.trainable_variables],
        [jnp.asarray(variable.value) for variable in model.non_trainable_variables],
        [jnp.asarray(value) for value in graph.optimizer_start],
    )
    metrics = [jnp.asarray(value) for value in graph.metrics_start]
    dials = (jnp.zeros(len(graph.places)), jnp.zeros(len(graph.places)))

    def everything(state: State, metrics: list[Any], batch: Batch) -> Any:
        trained = graph.train_step(state, metrics, dials, batch)
        return trained, graph.test_step(state, metrics, dials, batch), graph.predict(state, batch.inputs), graph.logs(metrics)

    try:
        return jax.make_jaxpr(everything)(state, metrics, sample)
    except Exception as error:
        raise NotFusableError(f"it cannot be traced by JAX: {one_line(error)}") from error


def is_slow_in_lanes(traced: Any) -> bool:
    """Return whether a trace contains, at any depth, a convolution or a product of matrices row by row, as attention does."""
    text = str(traced)
    return "conv_general_dilated" in text or _ROW_BY_ROW.search(text) is not None


def digest(graph: Graph, traced: Any) -> str:
    """Return a digest that is equal for models whose traces and constants are equal."""
    found = hashlib.sha256(_ADDRESS.sub("", str(traced.jaxpr)).encode())
    for constant in traced.consts:
        found.update(np.asarray(constant).tobytes())
    found.update(repr([(v.shape, v.dtype) for v in graph.model.variables]).encode())
    found.update(repr(graph.log_names).encode())
    return found.hexdigest()
