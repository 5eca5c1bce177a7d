"""Recipes: how a config becomes a compiled Keras model. Nothing heavy is imported here."""

from trainers.recipes.building import build_model, cheap_initializers
from trainers.recipes.parameters import (
    FIT,
    RECIPES,
    common_widths,
    layer_sizes,
    parameter_problems,
    structural_key,
    with_defaults,
)
from trainers.recipes.shapes import InputShape, ModelShape
from trainers.recipes.signatures import GIVEN_BY_US, read_signature

__all__ = [
    "FIT",
    "GIVEN_BY_US",
    "RECIPES",
    "InputShape",
    "ModelShape",
    "build_model",
    "cheap_initializers",
    "common_widths",
    "layer_sizes",
    "parameter_problems",
    "read_signature",
    "structural_key",
    "with_defaults",
]
