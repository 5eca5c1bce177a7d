"""What Keras imports beyond its work, and how that is spared: a TensorFlow nobody needs."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import keras
from keras.src.utils.module_utils import tensorflow as lazy_tensorflow


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
