"""Pieces that our recipes share: seeded initializers, the hidden stack, the output layer, the optimizer, compiling.

Plain public Keras layers only, so that a saved model loads in safe mode without kerasweep; no backend by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from trainers.recipes.parameters import layer_sizes
from trainers.recipes.shapes import ModelShape
from trainers.seeds import layer_seed

_LOSSES = {"binary": "binary_crossentropy", "multiclass": "sparse_categorical_crossentropy", "regression": "mean_squared_error"}
_OUTPUTS = {"binary": "sigmoid", "multiclass": "softmax", "regression": "linear"}
_CURVES = {"binary": "accuracy", "multiclass": "accuracy", "regression": "mae"}


def initializer(name: str, seed: int) -> keras.initializers.Initializer:
    """Return the initializer ``name``, seeded if it is random."""
    found = keras.initializers.get(name.lower())
    config = found.get_config()
    return type(found)(**{**config, "seed": seed}) if "seed" in config else found


def kernel_initializer(params: Mapping[str, Any], seed: int) -> keras.initializers.Initializer:
    """Return the initializer of hidden layers: the one asked for, else the one that suits the activation."""
    fitting = "lecun_normal" if params["activation"].lower() == "selu" else "glorot_uniform"
    return initializer(params["kernel_initializer"] or fitting, seed)


def regularizer(params: Mapping[str, Any]) -> keras.regularizers.Regularizer | None:
    """Return the l2 penalty, or None where it is 0."""
    return keras.regularizers.L2(params["l2"]) if params["l2"] else None


def drop(x: Any, params: Mapping[str, Any], seed: int, name: str) -> Any:
    """Return ``x`` after dropout: AlphaDropout behind selu, whose mean and variance it keeps; nothing at rate 0."""
    if not params["dropout"]:
        return x
    layer = keras.layers.AlphaDropout if params["activation"].lower() == "selu" else keras.layers.Dropout
    return layer(params["dropout"], seed=layer_seed(seed, name), name=name)(x)


def hidden_stack(x: Any, params: Mapping[str, Any], seed: int) -> Any:
    """Return ``x`` after the hidden layers: per layer Dense, batch norm (before or after the activation), activation, dropout."""
    norm = params["batch_norm"].lower()
    for index, units in enumerate(layer_sizes(params), start=1):
        x = keras.layers.Dense(
            units,
            kernel_initializer=kernel_initializer(params, layer_seed(seed, f"hidden_{index}")),
            kernel_regularizer=regularizer(params),
            use_bias=norm != "before",  # batch norm has its own shift
            name=f"hidden_{index}",
        )(x)
        if norm == "before":
            x = keras.layers.BatchNormalization(name=f"norm_{index}")(x)
        x = keras.layers.Activation(params["activation"].lower(), name=f"activation_{index}")(x)
        if norm == "after":
            x = keras.layers.BatchNormalization(name=f"norm_{index}")(x)
        x = drop(x, params, seed, f"dropout_{index}")
    return x


def output(x: Any, params: Mapping[str, Any], shape: ModelShape, seed: int) -> Any:
    """Return the prediction: a probability, one probability a class, or a value.

    Its kernel starts from the initializer asked for, else from glorot_uniform whatever the hidden activation.
    """
    return keras.layers.Dense(
        shape.output_units,
        activation=_OUTPUTS[shape.task],
        kernel_initializer=initializer(params["kernel_initializer"] or "glorot_uniform", layer_seed(seed, "output")),
        kernel_regularizer=regularizer(params),
        name="output",
    )(x)


def optimizer(params: Mapping[str, Any]) -> keras.optimizers.Optimizer:
    """Return the optimizer by its name, with Keras' own values for what the params leave open."""
    name = params["optimizer"].lower()
    config: dict[str, Any] = {}
    if params["learning_rate"] is not None:
        config["learning_rate"] = float(params["learning_rate"])
    if name in ("sgd", "momentum", "nesterov"):
        usual = 0.0 if name == "sgd" else 0.9
        config["momentum"] = usual if params["momentum"] is None else float(params["momentum"])
        config["nesterov"] = name == "nesterov"
        name = "sgd"
    return keras.optimizers.get({"class_name": name, "config": config})


def compiled(inputs: Any, prediction: Any, params: Mapping[str, Any], shape: ModelShape) -> keras.Model:
    """Return the model from ``inputs`` to ``prediction``, compiled with the task's loss and epoch curve."""
    model = keras.Model(inputs, prediction)
    model.compile(optimizer=optimizer(params), loss=_LOSSES[shape.task], metrics=[_CURVES[shape.task]])
    return model


def flat(x: Any, shape: Sequence[int]) -> Any:
    """Return ``x`` with one axis beside the rows: images become rows of pixels."""
    return x if len(shape) == 1 else keras.layers.Flatten(name="flatten")(x)
