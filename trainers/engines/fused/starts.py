"""What a member starts from: the values of a freshly built model, taken off it so that the model can go."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np

from trainers.engines.fused.graph import Graph, Place, State, Widening, put, settings
from trainers.engines.fused.members import Member
from trainers.engines.fused.program import Fixed


class Start(NamedTuple):
    """A member's initial state and its fixed numbers, as NumPy arrays."""

    state: State
    fixed: Fixed


class Values(NamedTuple):
    """A built model's own numbers. ``optimizer`` is None for an optimizer that is not built; it then starts as the graph's
    does.
    """

    trainable: list[np.ndarray]
    non_trainable: list[np.ndarray]
    optimizer: list[np.ndarray] | None
    learning_rate: float | None
    dials: np.ndarray
    complements: np.ndarray


def take_values(model: keras.Model, places: tuple[Place, ...]) -> Values:
    """Return copies of the numbers that make ``model`` differ from others of its graph."""
    optimizer = model.optimizer
    own_rate = isinstance(optimizer._learning_rate, keras.Variable)
    dials, complements = settings(places)
    return Values(
        [np.asarray(variable.value) for variable in model.trainable_variables],
        [np.asarray(variable.value) for variable in model.non_trainable_variables],
        [np.asarray(variable.value) for variable in optimizer.variables] if optimizer.built else None,
        float(np.asarray(optimizer._learning_rate.value)) if own_rate else None,
        dials,
        complements,
    )


def make_start(member: Member, values: Values, graph: Graph, widening: Widening | None, shift: np.int32) -> Start:
    """Return what ``member`` starts from in programs of ``graph``, whose model is wider where there is a ``widening``.

    ``shift`` is the pool's for its rows.
    """
    trainable, non_trainable = values.trainable, values.non_trainable
    if widening is not None:
        trainable = put(trainable, widening.trainable, graph.model.trainable_variables)
        non_trainable = put(non_trainable, widening.non_trainable, graph.model.non_trainable_variables)
    optimizer = list(graph.optimizer_start if values.optimizer is None else values.optimizer)
    index = graph.learning_rate_index()
    if index is not None and values.learning_rate is not None:
        optimizer[index] = np.asarray(values.learning_rate, dtype="float32")
    stopping = member.stopping
    fixed = Fixed(
        values.dials,
        values.complements,
        shift,
        np.int32(member.epochs[-1]),
        np.int32(stopping.patience if stopping else 0),
        np.float32(abs(stopping.min_delta) if stopping else 0),
    )
    return Start(State(list(trainable), list(non_trainable), optimizer), fixed)
