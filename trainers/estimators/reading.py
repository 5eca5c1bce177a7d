"""What an estimator is given, checked as scikit-learn checks it: X, rows, the settings of a fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array
from sklearn.utils.validation import _num_samples, validate_data

from trainers.estimators.inputs import as_array, as_inputs
from trainers.estimators.instances import plain
from trainers.estimators.routing import FIT_BY_CONSTRUCTOR

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]
    Arrays = Array | dict[str, Array]


def read_inputs(estimator: Any, X: Any, *, reset: bool, where: str = "X") -> Arrays:
    """Return X as Keras takes it, after scikit-learn's checks.

    Parameters
    ----------
    estimator : its ``n_features_in_``, ``feature_names_in_`` or ``input_names_`` are set or compared.
    reset : whether they are set.

    Raises
    ------
    ValueError
        X is empty, has NaN or infinity, one dimension, more than four, or other columns than before.
    """
    if is_by_name(X):
        return _several(estimator, X, reset=reset, where=where)
    if not reset and hasattr(estimator, "input_names_"):
        names = ", ".join(estimator.input_names_)
        raise ValueError(f"{where}: expected a dict of the inputs {names}, as at fit, got {type(X).__name__}.")
    kind = getattr(getattr(X, "dtype", None), "kind", "")
    checked = validate_data(
        *(estimator, X), reset=reset, accept_sparse="csr", dtype=None if kind in "US" and kind else "numeric", allow_nd=True
    )
    if reset:
        estimator.__dict__.pop("input_names_", None)
    if checked.ndim > 4:
        raise ValueError(f"{where}: expected 2 to 4 dimensions, got {checked.ndim}; flatten some with reshape.")
    return as_inputs(checked)


def is_by_name(data: Any) -> bool:
    """Return whether data are arrays by name (some sparse arrays of scipy's are mappings too, of places)."""
    return isinstance(data, Mapping) and not issparse(data)


def rows_of(arrays: Any) -> int:
    """Return how many rows an array, or each array of a dict, has."""
    return len(next(iter(arrays.values())) if isinstance(arrays, dict) else arrays)


def take(arrays: Any, rows: Array) -> Any:
    """Return those rows of an array, or of each array of a dict."""
    return {name: array[rows] for name, array in arrays.items()} if isinstance(arrays, dict) else arrays[rows]


def facts_of(estimator: Any, inputs: Arrays, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what follows from the data, by the names of ``routing.FROM_DATA``; ``facts`` are those of y."""
    shape = {name: array.shape[1:] for name, array in inputs.items()} if isinstance(inputs, dict) else inputs.shape[1:]
    meta = {name: value for name, value in facts.items() if name.endswith("_")}
    if not isinstance(inputs, dict):
        meta |= {"n_features_in_": estimator.n_features_in_, "X_shape_": inputs.shape, "X_dtype_": inputs.dtype}
    return {"input_shape": shape, "meta": meta, **{name: value for name, value in facts.items() if name not in meta}}


def settings_of(routed: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a fit by the fields of ``fitting.Fit``: what the call gave, before what the constructor did."""
    said = {name: value if name == "validation_data" else plain(value) for name, value in given.items() if value is not None}
    all_settings = {**routed, **said}
    settings = {name: all_settings.pop(name) for name in FIT_BY_CONSTRUCTOR}
    callbacks = settings["callbacks"]
    settings["callbacks"] = [] if callbacks is None else list(callbacks) if isinstance(callbacks, list | tuple) else [callbacks]
    settings["validation_split"] = settings["validation_split"] or 0.0
    return {**settings, "others": all_settings}


def _several(estimator: Any, X: Mapping[str, Any], *, reset: bool, where: str) -> dict[str, Array]:
    shapes = {name: np.shape(value)[1:] for name, value in X.items()}
    if not shapes:
        raise ValueError(f"{where}: expected arrays by the names of the net's inputs, got none.")
    if reset:
        for name in ("n_features_in_", "feature_names_in_"):
            estimator.__dict__.pop(name, None)
        estimator.input_names_ = list(shapes)
    elif not hasattr(estimator, "input_names_") or set(estimator.input_names_) != set(shapes):
        names = getattr(estimator, "input_names_", None)
        expected = "an array" if names is None else f"the inputs {', '.join(names)}"
        raise ValueError(f"{where}: expected {expected}, as at fit, got a dict of {', '.join(shapes)}.")
    rows = {name: _num_samples(value) for name, value in X.items()}
    if len(set(rows.values())) > 1:
        raise ValueError(f"{where}: expected as many rows in every input, got {rows}.")
    inputs = {name: as_array(value) for name, value in X.items()}
    for name, array in inputs.items():
        check_array(array, dtype=None, ensure_2d=False, allow_nd=True, input_name=f"{where}[{name!r}]", ensure_min_samples=1)
    return inputs
