"""What a net says of rows: always asked in batches of one shape, so that a row's answer does not hang on its companions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trainers.estimators.reading import rows_of

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

    Array = NDArray[Any]

_BATCH = 32


def ask(model: keras.Model, inputs: Any) -> Any:
    """Return the raw output on ``inputs``: an array, or a list or dict of arrays, one row each to a row of inputs."""
    rows = rows_of(inputs)
    said = model.predict(_mapped(inputs, _padded), batch_size=_BATCH, verbose=0)
    return _mapped(said, lambda array: array[:rows])


def known_answer(answers: Sequence[tuple[Any, Any]] | None, X: Any) -> Any:
    """Return the raw output that is kept for X, or for something equal; None for none."""
    for known, raw in answers or ():
        if X is known or _equal(X, known):
            return raw
    return None


def _padded(array: Array) -> Array:
    missing = -len(array) % _BATCH
    return np.concatenate([array, array[-1:].repeat(missing, axis=0)]) if missing else array


def _mapped(arrays: Any, change: Any) -> Any:
    if isinstance(arrays, Mapping):
        return {name: change(array) for name, array in arrays.items()}
    return [change(array) for array in arrays] if isinstance(arrays, list | tuple) else change(arrays)


def _equal(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, Mapping):
        return list(one) == list(other) and all(_equal(one[name], other[name]) for name in one)
    if hasattr(one, "equals"):  # pandas
        return bool(one.equals(other) and list(getattr(one, "columns", ())) == list(getattr(other, "columns", ())))
    return isinstance(one, np.ndarray) and one.dtype == other.dtype and np.array_equal(one, other)
