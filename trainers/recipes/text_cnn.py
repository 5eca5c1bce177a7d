"""Recipe text_cnn: an embedding, parallel convolutions of several widths, the maximum over places, a dense layer.

After Kim, "Convolutional Neural Networks for Sentence Classification" (2014).
"""

from __future__ import annotations

from collections.abc import Mapping

import keras

from trainers.errors import UserCodeError
from trainers.recipes import layers
from trainers.recipes.parameters import with_defaults
from trainers.recipes.shapes import ModelShape
from trainers.seeds import layer_seed
from trainers.settings import Config


def build(config: Config, shape: ModelShape, seed: int) -> keras.Model:
    """Return a compiled model of one input of token ids.

    Parameters
    ----------
    config : any values of the recipe's parameters; defaults elsewhere, other names ignored.
    shape : one input (length,) of ids below ``shape.vocabulary``, 0 for padding.
    seed : equal seeds give equal initial weights and dropout on one backend.

    Raises
    ------
    UserCodeError
        The data is not one array of token ids.
    """
    if isinstance(shape.inputs, Mapping) or len(shape.inputs.shape) != 1 or shape.vocabulary is None:
        raise UserCodeError(
            f"recipe text_cnn: expected one array (rows, length) of token ids, got {shape.inputs!r}; "
            "name a text column by param text, or give integer sequences."
        )
    params = with_defaults("text_cnn", config)
    inputs = keras.Input(shape.inputs.shape, dtype="int32", name="tokens")
    words = keras.layers.Embedding(
        shape.vocabulary,
        params["embedding_size"],
        embeddings_initializer=layers.initializer("random_uniform", layer_seed(seed, "embedding")),
        name="embedding",
    )(inputs)
    found = []
    for index, width in enumerate(params["kernel_sizes"], start=1):
        x = keras.layers.Conv1D(
            params["filters"],
            width,
            padding="same",  # texts shorter than the filter are fine
            activation=params["activation"].lower(),
            kernel_initializer=layers.kernel_initializer(params, layer_seed(seed, f"conv_{index}")),
            kernel_regularizer=layers.regularizer(params),
            name=f"conv_{index}",
        )(words)
        found.append(keras.layers.GlobalMaxPooling1D(name=f"maximum_{index}")(x))
    x = found[0] if len(found) == 1 else keras.layers.Concatenate(name="joined")(found)
    x = layers.drop(x, params, seed, "dropout_1")
    if params["dense"]:
        x = keras.layers.Dense(
            params["dense"],
            activation=params["activation"].lower(),
            kernel_initializer=layers.kernel_initializer(params, layer_seed(seed, "dense")),
            kernel_regularizer=layers.regularizer(params),
            name="dense",
        )(x)
        x = layers.drop(x, params, seed, "dropout_2")
    return layers.compiled(inputs, layers.output(x, params, shape, seed), params, shape)
