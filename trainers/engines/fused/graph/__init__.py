"""What compiled Keras models have in common, as pure functions: their graph, its dials, its widths, and when two are one."""

from trainers.engines.fused.graph.dials import Place, find_places, settings
from trainers.engines.fused.graph.graph import Batch, Graph, State, refusal
from trainers.engines.fused.graph.signature import digest, is_slow_in_lanes, signature, trace
from trainers.engines.fused.graph.widths import (
    Widening,
    can_be_widened,
    mask_places,
    masks_of_the_narrow,
    put,
    take_back,
    widening,
)

__all__ = [
    "Batch",
    "Graph",
    "Place",
    "State",
    "Widening",
    "can_be_widened",
    "digest",
    "find_places",
    "is_slow_in_lanes",
    "mask_places",
    "masks_of_the_narrow",
    "put",
    "refusal",
    "settings",
    "signature",
    "take_back",
    "trace",
    "widening",
]
