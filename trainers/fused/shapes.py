"""Which shape a graph's program takes, by rule: what a member's numbers are must not hang on a stopwatch."""

from __future__ import annotations

from typing import Literal

import jax
import numpy as np

from trainers.fused.graph import Graph

Shape = Literal["lanes", "singles"]

_MOST_LANES = 64
_FEWEST_LANES = 2
_BUSY = 2_000_000  # multiplications of one member's step from which lanes no longer share a step's fixed costs
_BUSY_LANES = 8


def shape_for(graph: Graph) -> Shape:
    """Return how members of this graph are trained: together in a loop, or, on CPU with convolutions, each step alone."""
    return "singles" if jax.default_backend() == "cpu" and graph.convolves else "lanes"


def lanes_for(graph: Graph, batch: int, members: int) -> int:
    """Return how many lanes a program gets: a power of two and never 1, since a single lane has other last bits.

    Small nets want many lanes, since a step's fixed costs are shared; for larger ones a few are as fast and waste less where
    members end at different epochs.
    """
    weights = sum(int(np.prod(variable.shape)) for variable in graph.model.trainable_variables)
    most = _BUSY_LANES if 3 * batch * weights > _BUSY and jax.default_backend() == "cpu" else _MOST_LANES
    return max(_FEWEST_LANES, min(most, 1 << (members - 1).bit_length()))
