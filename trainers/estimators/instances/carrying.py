"""Values carried to other processes and backends, as bytes: cloudpickle, with what Keras makes by class and config."""

from __future__ import annotations

import io
import pickle
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import cloudpickle

from trainers.estimators.instances.anew import anew_from, remade, without_model
from trainers.estimators.instances.keras_objects import keras_parts
from trainers.estimators.instances.modules import is_users
from trainers.estimators.instances.net_files import read_net, written_net

if TYPE_CHECKING:
    import keras

Classes = Literal["known", "renewed", "copied"]

_MAKERS = (cloudpickle.cloudpickle._make_skeleton_class, cloudpickle.cloudpickle._make_skeleton_enum)
REGISTERING = threading.RLock()  # cloudpickle knows modules that go by value in one global set, and nets are made meanwhile


def dump(value: Any) -> bytes:
    """Return ``value`` as bytes that :func:`load` reads in another process, whatever its Keras backend.

    Functions and classes of ``__main__`` and of modules outside the standard library and site-packages go by value, Kerasweep's
    own by reference. What Keras makes goes as class and config: layers and models with their weights, callbacks without model.
    """
    file = io.BytesIO()
    with _by_value():
        _Pickler(file).dump(value)
    return file.getvalue()


def load(content: bytes, classes: Classes = "known") -> Any:
    """Return what :func:`dump` was given. Only for bytes of this search's own.

    Parameters
    ----------
    classes : what becomes of classes that went by value where this process knows them, the user's own among them. "known": they
        stay as they are; "renewed": they become as they were dumped; "copied": others are made, as they were dumped.
    """
    return _Unpickler(io.BytesIO(content), classes).load()


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


class _Unpickler(pickle.Unpickler):
    """Reads what the pickler has written; classes that went by value are found and filled here."""

    def __init__(self, file: io.BytesIO, classes: Classes) -> None:
        super().__init__(file)
        self._classes = classes
        with cloudpickle.cloudpickle._DYNAMIC_CLASS_TRACKER_LOCK:
            tracked = list(cloudpickle.cloudpickle._DYNAMIC_CLASS_TRACKER_BY_CLASS) if classes == "known" else []
        self._known = {id(kind): kind for kind in tracked}

    def find_class(self, module: str, name: str) -> Any:
        found = super().find_class(module, name)
        if self._known and found is cloudpickle.cloudpickle._class_setstate:
            return self._fill
        if self._classes == "copied" and any(found is maker for maker in _MAKERS):
            return lambda *arguments: found(*arguments[:-2], None, arguments[-1])  # without the id by which it would be known
        return found

    def _fill(self, kind: Any, state: Any) -> Any:
        return kind if id(kind) in self._known else cloudpickle.cloudpickle._class_setstate(kind, state)


def _around(layer: Any) -> keras.Model:
    import keras

    return keras.Sequential([layer])


def _read_layer(content: bytes, custom: Mapping[str, Any]) -> Any:
    return read_net(content, custom).layers[0]


@contextmanager
def _by_value() -> Iterator[None]:
    """Let cloudpickle write the user's modules by value; afterwards it knows what it knew."""
    with REGISTERING:
        known = cloudpickle.list_registry_pickle_by_value()
        ours = [module for name, module in list(sys.modules.items()) if name not in known and is_users(name, module)]
        for module in ours:
            cloudpickle.register_pickle_by_value(module)
        try:
            yield
        finally:
            for module in ours:
                cloudpickle.unregister_pickle_by_value(module)
