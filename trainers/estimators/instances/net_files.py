"""A net as the bytes of a ``.keras`` file, with the classes and functions of the user's that it is made of."""

from __future__ import annotations

import pickle
import random
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trainers.backends import without_tensorflow
from trainers.errors import one_line
from trainers.estimators.instances.keras_objects import custom_objects

if TYPE_CHECKING:
    import keras

_LONGEST = 300  # of what Keras says: it may list a whole config


def written_net(model: keras.Model) -> tuple[bytes, dict[str, Any]]:
    """Return a net as a ``.keras`` file's bytes, and the objects of the user's that reading them needs, by registered name.

    Raises
    ------
    pickle.PicklingError
        Keras cannot save it, or would not load what it saved.
    """
    custom = custom_objects(model)
    try:
        with tempfile.TemporaryDirectory(prefix="kerasweep-net-") as folder, without_tensorflow(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of lambdas: refused below
            file = Path(folder, "net.keras")
            optimizer = getattr(model, "optimizer", None)  # none before compile()
            if optimizer is not None and not optimizer.built:  # Keras would load one that is, and miss its state
                optimizer.build(model.trainable_variables)
            model.save(file)
            content = file.read_bytes()
        with random_states_kept():
            read_net(content, custom)
    except Exception as error:
        raise pickle.PicklingError(
            f"model_: expected a net that Keras can save and load again, got {one_line(error)[:_LONGEST]} "
            "Lambda layers and lambdas in compile() cannot be saved: write them as named functions or as layers with get_config; "
            "or save the weights alone: model_.save_weights('net.weights.h5')."
        ) from error
    return content, custom


def read_net(content: bytes, custom: Mapping[str, Any]) -> keras.Model:
    """Return the net of :func:`written_net`, on this process' backend. Keras' safe mode stays on."""
    import keras

    with tempfile.TemporaryDirectory(prefix="kerasweep-net-") as folder, without_tensorflow():
        file = Path(folder, "net.keras")
        file.write_bytes(content)
        return keras.saving.load_model(file, custom_objects=dict(custom))


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Give Python and NumPy their global random states back at the end."""
    python, numpy = random.getstate(), np.random.get_state()
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
