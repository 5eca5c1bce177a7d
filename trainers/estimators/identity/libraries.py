"""Objects of NumPy, pandas, SciPy, scikit-learn and Keras, described by what they say. None of the last three is imported."""

from __future__ import annotations

import re
import sys
from typing import Any

import numpy as np

from trainers.estimators.identity.parts import Parts, mapping
from trainers.estimators.instances import StoredModel, config_is_whole, keras_parts

_COUNTED = re.compile(r"^(.*?)(_\d+)?$")


def describe_library(value: Any) -> Parts | None:
    """Return the description of an object of a known library's, None for others."""
    return _numpy(value) or _pandas(value) or _scipy(value) or _keras(value) or _tensor(value) or _scikit_learn(value)


def _numpy(value: Any) -> Parts | None:
    if isinstance(value, np.generic | np.ndarray):
        return _array(value)
    if isinstance(value, np.random.RandomState):
        return Parts("RandomState", values=(value.get_state(legacy=False),))
    if isinstance(value, np.random.Generator):
        return Parts("Generator", values=(value.bit_generator.state,))
    return None


def _scikit_learn(value: Any) -> Parts | None:
    if hasattr(value, "get_params"):
        return _estimator(value)
    if type(value).__module__ == "sklearn.utils._metadata_requests":  # its owner is for messages, and may be the clone's original
        return mapping("requests", {name: item for name, item in vars(value).items() if name != "owner"})
    return None


def _array(value: Any) -> Parts:
    array = np.asarray(value)
    about = (type(value), array.dtype.str if array.dtype.names is None else repr(array.dtype), array.shape)
    if array.dtype.hasobject:
        return Parts("objects", values=(*about, array.ravel().tolist()))
    return Parts("array", np.ascontiguousarray(array).tobytes(), about)


def _pandas(value: Any) -> Parts | None:
    pd = sys.modules.get("pandas")
    if pd is None or not hasattr(pd, "DataFrame"):
        return None
    if isinstance(value, pd.DataFrame):
        columns = [value.iloc[:, at] for at in range(value.shape[1])]
        return Parts("DataFrame", values=(type(value), value.columns, value.index, [_column(column) for column in columns]))
    if isinstance(value, pd.Series):
        return Parts("Series", values=(type(value), value.name, value.index, _column(value)))
    if isinstance(value, pd.Index):
        return Parts("Index", values=(type(value), list(value.names), _column(value)))
    return None


def _column(column: Any) -> Parts:
    kind = str(column.dtype)
    values = column.to_numpy()
    return Parts("column", kind.encode(), (values.tolist() if values.dtype == object else values,))


def _scipy(value: Any) -> Parts | None:
    module = type(value).__module__
    if not module.startswith("scipy."):
        return None
    if module.startswith("scipy.sparse") and hasattr(value, "tocsr"):
        rows = value.tocsr().copy()
        rows.sum_duplicates()
        return Parts("sparse", values=(type(value), rows.shape, rows.data, rows.indices, rows.indptr))
    if all(hasattr(value, name) for name in ("dist", "args", "kwds")):  # frozen: its random state is not what it is
        return Parts("frozen", values=(type(value), value.dist, value.args, value.kwds))
    stats = sys.modules.get("scipy.stats")
    if stats is not None and isinstance(value, stats.rv_continuous | stats.rv_discrete):
        return Parts("distribution", values=(type(value), value._updated_ctor_param()))
    return None


def _estimator(value: Any) -> Parts:
    """Describe an estimator by its class and parameters, and by all else that it holds: what it learnt, how it is set."""
    params = value.get_params(deep=False)
    kept = value.__getstate__() or {}
    others = {name: item for name, item in kept.items() if name not in params and not _repeats(item, params)}
    return Parts("estimator", values=(type(value), mapping("params", params), mapping("others", others)))


def _repeats(item: Any, params: dict[str, Any]) -> bool:
    return type(item) is dict and all(name in params and params[name] is value for name, value in item.items())


def _tensor(value: Any) -> Parts | None:
    if type(value).__module__.partition(".")[0] in ("jaxlib", "jax", "tensorflow", "keras") and hasattr(value, "__array__"):
        return Parts("tensor", values=(np.asarray(value),))
    return None


def _keras(value: Any) -> Parts | None:
    if isinstance(value, StoredModel):  # its file holds the date
        return Parts("net", values=(value.model,))
    keras = sys.modules.get("keras")
    if keras is None or not hasattr(keras, "Layer"):
        return None
    if isinstance(value, keras.callbacks.Callback):
        return Parts("callback", values=(type(value), mapping("state", {**vars(value), "_model": None})))
    if isinstance(value, keras.Layer):
        learnt = [np.asarray(weight) for weight in value.get_weights()]
        words = value.get_vocabulary() if hasattr(value, "get_vocabulary") else None
        compiled = value.get_compile_config() if isinstance(value, keras.Model) and value.compiled else None
        told = {"class_name": type(value).__name__, "config": value.get_config(), "compiled": compiled}
        return Parts("layer", values=(type(value), _counted_from_one(told), learnt, words))
    if isinstance(value, keras_parts()):
        return _part(value)
    return None


def _part(value: Any) -> Parts:
    """Describe an optimizer, loss, metric or the like by its config, and by its attributes where that doesn't say all."""
    state = None if config_is_whole(value) else mapping("state", vars(value))
    return Parts("part", values=(type(value), _without_count(type(value).__name__, value.get_config()), state))


def _without_count(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """Return a config without the number in a name that Keras counted up within the process."""
    name = config.get("name")
    if isinstance(name, str) and _base(name) == _snake(kind):
        return {**config, "name": _base(name)}
    return config


def _counted_from_one(config: Any) -> Any:
    """Return a model's config with names that Keras counted up in this process replaced by their order, wherever they stand."""
    names: dict[str, str] = {}

    def collect(value: Any) -> None:
        if isinstance(value, dict):
            kind, told = value.get("class_name"), value.get("config")
            name = told.get("name") if isinstance(told, dict) else None
            if isinstance(name, str) and isinstance(kind, str) and _base(name) == _snake(kind):
                names.setdefault(name, f"#{len(names)}")
            for one in value.values():
                collect(one)
        elif isinstance(value, list | tuple):
            for one in value:
                collect(one)

    def told(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: told(one) for key, one in value.items() if key != "shared_object_id"}
        if isinstance(value, list | tuple):
            return [told(one) for one in value]
        return names.get(value, value) if isinstance(value, str) else value

    collect(config)
    return told(config)


def _base(name: str) -> str:
    found = _COUNTED.match(name)
    return name if found is None else found.group(1)


def _snake(kind: str) -> str:
    import keras

    return str(keras.src.utils.naming.to_snake_case(kind))
