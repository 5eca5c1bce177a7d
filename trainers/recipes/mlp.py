"""Recipe mlp: a stack of dense layers over one array of inputs; images are flattened."""

from __future__ import annotations

from collections.abc import Mapping

import keras

from trainers.errors import UserCodeError
from trainers.recipes import layers
from trainers.recipes.parameters import with_defaults
from trainers.recipes.shapes import ModelShape
from trainers.settings import Config


def build(config: Config, shape: ModelShape, seed: int) -> keras.Model:
    """Return a compiled model of one input.

    Parameters
    ----------
    config : any values of the recipe's parameters; defaults elsewhere, other names ignored.
    shape : one input of any rank.
    seed : equal seeds give equal initial weights and dropout on one backend.

    Raises
    ------
    UserCodeError
        The data has several inputs.
    """
    if isinstance(shape.inputs, Mapping):
        raise UserCodeError(f"recipe mlp: expected one input array, got {sorted(shape.inputs)}; use wide_deep or a builder.")
    params = with_defaults("mlp", config)
    inputs = keras.Input(shape.inputs.shape, dtype="float32", name="input")
    x = layers.hidden_stack(layers.flat(inputs, shape.inputs.shape), params, seed)
    return layers.compiled(inputs, layers.output(x, params, shape, seed), params, shape)
