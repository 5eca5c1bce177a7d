"""Models compared by what JAX sees of them: for code that is not Keras' own, which no config describes well enough."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from trainers.engines.fused.graph import Batch, Graph, State
from trainers.errors import NotFusableError
from trainers.failures import one_line

_ROW_BY_ROW = re.compile(r"dimension_numbers=\(\(\[[\d, ]*\], \[[\d, ]*\]\), \(\[\d")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


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
