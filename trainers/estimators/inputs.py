"""What an estimator takes as X, as Keras takes it; and several inputs by name, that scikit-learn can cut into rows. No Keras."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Inputs(dict[str, Any]):
    """Arrays by the names of a model's inputs, one row each to a sample.

    It is a dict that scikit-learn's searches, splitters and ``train_test_split`` can cut: its length is the number of rows, and
    ``inputs[rows]`` are those rows of every array. Write ``Inputs({"text": ids, "price": table})``, or ``Inputs(text=ids, ...)``.

    Raises
    ------
    ValueError
        No inputs, names that are no texts, or different numbers of rows.
    """

    def __init__(self, *arrays: Any, **named: Any) -> None:
        super().__init__(*arrays, **named)
        self._rows()

    @property
    def shape(self) -> tuple[int]:
        """Return (rows,)."""
        return (self._rows(),)

    def __len__(self) -> int:
        return self._rows()

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, str):
            return super().__getitem__(key)
        rows = key[0] if isinstance(key, tuple) else key  # scikit-learn asks for [rows, ...]
        if isinstance(rows, slice):
            rows = np.arange(self._rows())[rows]
        return Inputs({name: _safe_indexing(value, rows) for name, value in self.items()})

    def __repr__(self) -> str:
        return f"Inputs({self._rows()} rows of {', '.join(self)})"

    def _rows(self) -> int:
        strange = [name for name in self if not isinstance(name, str)]
        if strange or not self.keys():
            raise ValueError(f"Inputs: expected arrays by the names of the model's inputs, got {strange or 'none'}.")
        rows = {name: int(_num_samples(value)) for name, value in self.items()}
        if len(set(rows.values())) > 1:
            raise ValueError(f"Inputs: expected as many rows in every array, got {rows}.")
        return next(iter(rows.values()))


def as_inputs(X: Any) -> NDArray[Any] | dict[str, NDArray[Any]]:
    """Return X as Keras takes it: an array, or a plain dict of arrays by input name.

    DataFrames and sparse matrices become dense arrays. Integers and texts stay what they are, floats become Keras' float type,
    truth values too; missing values become NaN.
    """
    if isinstance(X, Mapping):
        return {name: as_array(value) for name, value in X.items()}
    return as_array(X)


def as_array(values: Any) -> NDArray[Any]:
    """Return one array as Keras takes it; see :func:`as_inputs`."""
    if issparse(values):
        values = values.toarray()
    array = np.asarray(values.to_numpy() if hasattr(values, "to_numpy") else values)
    if array.dtype == object and not any(isinstance(value, str) for value in array.flat):
        array = _numbers(values, array)
    return array.astype(_float_type(), copy=False) if array.dtype.kind in "fb" else array


def _numbers(values: Any, objects: NDArray[Any]) -> NDArray[Any]:
    """Return numbers that came as Python objects, or as pandas' types with missing values."""
    if hasattr(values, "dtypes") or hasattr(values, "dtype"):
        import pandas as pd

        if isinstance(values, pd.DataFrame | pd.Series):
            return np.asarray(values.astype("float64").to_numpy())
    return np.asarray(objects.tolist())


def _float_type() -> np.dtype[Any]:
    keras = sys.modules.get("keras")
    name = "float32" if keras is None else keras.config.floatx()
    return np.dtype(name if name in ("float16", "float64") else "float32")
