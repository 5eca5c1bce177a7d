"""Which shape a graph's program takes, and how much memory: by rule from the member's own config, so that its numbers hang on no
companion and no stopwatch.

XLA may order a sum differently for another number of lanes, so that last bits differ; the number of lanes is therefore fixed
for a graph and batch size, and lanes without a member stand idle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import jax
import numpy as np

from trainers.engines.fused.graph import Graph

Shape = Literal["lanes", "singles"]

FEWEST_LANES = 2
_LANES = ((100_000, 16), (1_000_000, 8))  # up to so many multiplications a step, so many lanes
_LANES_OF_LARGE_NETS = 4
_LANES_ON_GPU = 64
_OF_THE_GPU = 0.7
_OF_THE_WORKER = 0.5


def shape_for(graph: Graph) -> Shape:
    """Return how members of this graph are trained: in lanes of a loop, or, where these are slow on CPU, each step alone."""
    return "singles" if jax.default_backend() == "cpu" and graph.slow_in_lanes else "lanes"


def lanes_for(graph: Graph, batch: int) -> int:
    """Return how many lanes programs of this graph have: a power of two, never 1.

    On CPU a step of 16 lanes of a tiny net costs little more than one of 2; nets whose arithmetic outweighs a step's fixed costs
    gain nothing from more lanes than a few, and waste less of them where members are few or end at different epochs.
    """
    if jax.default_backend() != "cpu":
        return _LANES_ON_GPU
    weights = sum(int(np.prod(variable.shape)) for variable in graph.model.trainable_variables)
    multiplications = 3 * batch * weights  # forward, and twice as much backward
    return next((lanes for most, lanes in _LANES if multiplications <= most), _LANES_OF_LARGE_NETS)


def memory_share(environ: Mapping[str, str]) -> int | None:
    """Return the bytes that a program may take: most of the GPU memory that JAX may have, or half of what the worker may hold.

    The other half is for Keras, the data and members that wait. None where nobody set the worker a limit. It is the same whatever
    else goes on on the machine, since the number of lanes hangs on it, and last bits on that.
    """
    stats = jax.local_devices()[0].memory_stats() if jax.default_backend() != "cpu" else None
    if stats is not None:
        return int(_OF_THE_GPU * stats["bytes_limit"])
    limit = environ.get("KERASWEEP_MEMORY_BYTES")
    return None if limit is None else int(_OF_THE_WORKER * int(limit))
