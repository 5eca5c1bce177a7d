"""Values carried to other processes and backends, as bytes: cloudpickle, with what Keras makes by class and config."""

from __future__ import annotations

import io
import pickle
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import cloudpickle

from trainers.estimators.instances.anew import anew_from, remade, without_model
from trainers.estimators.instances.keras_objects import keras_parts
from trainers.estimators.instances.modules import is_users
from trainers.estimators.instances.net_files import read_net, written_net

if TYPE_CHECKING:
    import keras

_REGISTERING = threading.RLock()  # cloudpickle knows modules that go by value in one global set


def dump(value: Any) -> bytes:
    """Return ``value`` as bytes that :func:`load` reads in another process, whatever its Keras backend.

    Functions and classes of ``__main__`` and of modules outside the standard library and site-packages go by value, Kerasweep's
    own by reference. What Keras makes goes as class and config: layers and models with their weights, callbacks without model.
    """
    file = io.BytesIO()
    with _by_value():
        _Pickler(file).dump(value)
    return file.getvalue()


def load(content: bytes) -> Any:
    """Return what :func:`dump` was given. Only for bytes of this search's own."""
    return pickle.loads(content)  # noqa: S301


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Cloudpickle, with what Keras makes written by class and config."""

    def reducer_override(self, obj: Any) -> Any:
        keras = sys.modules.get("keras")
        if keras is not None and not isinstance(obj, type):
            if isinstance(obj, keras.callbacks.Callback):
                return remade, (type(obj), without_model(obj))
            if isinstance(obj, keras.Model):
                return read_net, written_net(obj)
            if isinstance(obj, keras.Layer):
                return _read_layer, written_net(_around(obj))
            if isinstance(obj, keras_parts()):
                return anew_from(obj)
        return super().reducer_override(obj)


def _around(layer: Any) -> keras.Model:
    import keras

    return keras.Sequential([layer])


def _read_layer(content: bytes, custom: Mapping[str, Any]) -> Any:
    return read_net(content, custom).layers[0]


@contextmanager
def _by_value() -> Iterator[None]:
    """Let cloudpickle write the user's modules by value; afterwards it knows what it knew."""
    with _REGISTERING:
        known = cloudpickle.list_registry_pickle_by_value()
        ours = [module for name, module in list(sys.modules.items()) if name not in known and is_users(name, module)]
        for module in ours:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in ours:
                cloudpickle.unregister_pickle_by_value(module)
