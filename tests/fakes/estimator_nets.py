"""Small nets for tests of the estimators, on whatever backend the process has; and rows to train them on."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

L = keras.layers
EAGER = True  # nets this small are trained before a graph of them is compiled


def labelled(rows: int = 40, classes: int = 2, columns: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return rows in clusters, and the numbers of their clusters."""
    generator = np.random.default_rng(seed)
    y = np.arange(rows) % classes
    return (generator.normal(size=(rows, columns)) + 3 * y[:, None]).astype("float32"), y


def net(units: int, activation: str | None, loss: Any, shape: Any = (4,), *, optimizer: Any = None, **compiling: Any) -> Any:
    """Return a compiled net of one layer."""
    model = keras.Sequential([L.Input(shape), L.Dense(units, activation)])
    model.compile(optimizer or keras.optimizers.Adam(0.2), loss, run_eagerly=EAGER, **compiling)
    return model


def classify(input_shape: Any, n_classes: int, hidden: int = 4, optimizer: Any = "adam") -> Any:
    """Return a classifier of one hidden layer."""
    model = keras.Sequential([L.Input(input_shape), L.Dense(hidden, "tanh"), L.Dense(n_classes, "softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], run_eagerly=EAGER)
    return model


def regress(input_shape: Any, output_units: int, hidden: int = 4, optimizer: Any = "adam") -> Any:
    """Return a regressor of one hidden layer."""
    model = keras.Sequential([L.Input(input_shape), L.Dense(hidden, "tanh"), L.Dense(output_units)])
    model.compile(optimizer, "mse", run_eagerly=EAGER)
    return model


def two_outputs(heads: dict[str, tuple[int, str | None, str]], *, keyed: bool = True, **compiling: Any) -> Any:
    """Return a net of several outputs over four columns; ``heads`` says units, activation and loss of each by name."""
    rows = L.Input((4,))
    outputs = {name: L.Dense(units, activation, name=name)(rows) for name, (units, activation, _) in heads.items()}
    model = keras.Model(rows, outputs if keyed else list(outputs.values()))
    model.compile("adam", {name: loss for name, (_, _, loss) in heads.items()}, run_eagerly=EAGER, **compiling)
    return model
