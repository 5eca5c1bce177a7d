"""What Keras costs under a backend beyond its work, and how that is spared: compiled initializers, a TensorFlow nobody needs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import keras
from keras.src.utils.module_utils import tensorflow as lazy_tensorflow


def cheap_initializers() -> AbstractContextManager[None]:
    """Draw initial weights by NumPy's generators where drawing them by the backend means compiling: under JAX."""
    if keras.backend.backend() != "jax":
        return nullcontext()
    from trainers.recipes.initial_weights import numpy_initializers

    return numpy_initializers()


@contextmanager
def without_tensorflow() -> Iterator[None]:
    """Save and load models without importing TensorFlow, unless it is the backend or there already.

    Keras imports it, for seconds, to tell TensorFlow's shapes and types in a layer's config from others.
    """
    if keras.backend.backend() == "tensorflow" or "tensorflow" in sys.modules:
        yield
        return
    known = lazy_tensorflow._available
    lazy_tensorflow._available = False
    try:
        yield
    finally:
        lazy_tensorflow._available = known
