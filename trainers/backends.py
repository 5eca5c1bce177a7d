"""What a Keras backend may use, what it is spared, and its versions. It loads no backend.

``KERASWEEP_THREADS``
    CPU threads of TensorFlow, whose pools ignore ``OMP_NUM_THREADS``. Unset: all cores.
``KERASWEEP_GPU_MEMORY_MB``
    Megabytes that TensorFlow may take on each visible GPU. Unset: memory grows as it is needed.
``KERASWEEP_MEMORY_BYTES``
    Bytes that this process may hold. Unset: no limit.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from trainers.settings import EngineName

BACKENDS: dict[EngineName, str] = {"keras": "tensorflow", "fused": "jax"}
"""The Keras backend that each engine's workers run on."""

_log = logging.getLogger(__name__)


def versions(backend: str) -> dict[str, str]:
    """Return the versions of keras, its backend (by name), numpy and scikit-learn."""
    names = ("keras", backend, "numpy", "scikit-learn")
    return {"backend": backend, **{name: version(name) for name in names}}


def data_share(environ: Mapping[str, str]) -> int | None:
    """Return the bytes that prepared data may take: a quarter of what the process may hold; None for no limit."""
    limit = environ.get("KERASWEEP_MEMORY_BYTES")
    return None if limit is None else int(limit) // 4


def hold_to_share(environ: Mapping[str, str]) -> None:
    """Hold TensorFlow to its share of CPUs and GPUs (see above), if it is loaded and not yet in use.

    Under JAX its GPUs are hidden from it: a builder that says ``from tensorflow.keras import ...`` loads it beside JAX.
    """
    tf = sys.modules.get("tensorflow")
    if tf is None:
        return
    threads = environ.get("KERASWEEP_THREADS")
    limit = environ.get("KERASWEEP_GPU_MEMORY_MB")
    try:
        if threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(int(threads))
            tf.config.threading.set_inter_op_parallelism_threads(int(threads))
        gpus = tf.config.list_physical_devices("GPU")
        if environ.get("KERAS_BACKEND") == "jax":
            tf.config.set_visible_devices([], "GPU")
            return
        for gpu in gpus:
            if limit is None:
                tf.config.experimental.set_memory_growth(gpu, True)
            else:
                tf.config.set_logical_device_configuration(gpu, [tf.config.LogicalDeviceConfiguration(memory_limit=int(limit))])
    except RuntimeError as error:  # it is in use already: prepared a second time, or by the user's own module
        _log.info("TensorFlow's share of the machine stays as it is: %s", error)


@contextmanager
def without_tensorflow() -> Iterator[None]:
    """Save and load models without importing TensorFlow, unless it is the backend or there already.

    Keras imports it, for seconds, to tell TensorFlow's shapes and types in a layer's config from others.
    """
    import keras
    from keras.src.utils.module_utils import tensorflow as lazy_tensorflow

    if keras.backend.backend() == "tensorflow" or "tensorflow" in sys.modules:
        yield
        return
    known = lazy_tensorflow._available
    lazy_tensorflow._available = False
    try:
        yield
    finally:
        lazy_tensorflow._available = known
