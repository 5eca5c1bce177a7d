"""Recipe wide_deep: a linear part that remembers and a deep part that generalises, trained together.

After Cheng and others, "Wide & Deep Learning for Recommender Systems" (2016), with one optimizer for both parts.
"""

from __future__ import annotations

from collections.abc import Mapping

import keras

from trainers.errors import UserCodeError
from trainers.recipes import layers
from trainers.recipes.parameters import with_defaults
from trainers.recipes.shapes import ModelShape
from trainers.settings import Config


def build(config: Config, shape: ModelShape, seed: int) -> keras.Model:
    """Return a compiled model of the inputs "wide" and "deep": hidden layers over the deep one, the output over both.

    Parameters
    ----------
    config : any values of the recipe's parameters; defaults elsewhere, other names ignored.
    shape : inputs "wide" (wide columns and crosses) and "deep", one-dimensional each.
    seed : equal seeds give equal initial weights and dropout on one backend.

    Raises
    ------
    UserCodeError
        The data has other inputs.
    """
    if not isinstance(shape.inputs, Mapping) or set(shape.inputs) != {"wide", "deep"}:
        got = sorted(shape.inputs) if isinstance(shape.inputs, Mapping) else "one array"
        raise UserCodeError(f"recipe wide_deep: expected the inputs 'deep' and 'wide', got {got}; give it a table of columns.")
    params = with_defaults("wide_deep", config)
    wide = keras.Input(shape.inputs["wide"].shape, dtype="float32", name="wide")
    deep = keras.Input(shape.inputs["deep"].shape, dtype="float32", name="deep")
    joined = keras.layers.Concatenate(name="joined")([wide, layers.hidden_stack(deep, params, seed)])
    prediction = layers.output(joined, params, shape, seed)
    return layers.compiled({"wide": wide, "deep": deep}, prediction, params, shape)
