"""Rows in memory written once to a file that a sweep reads as any other, and the task that follows from their target.

The file is named after its content: equal rows are written once, and sweeps that began with them find them again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from orchestrator.python_door.files import Files
from trainers.data import find_column, target_values
from trainers.errors import DataError
from trainers.settings import Task

_MOST_CLASSES = 20
_ROWS_OF_A_CLASS = 5


@dataclass(frozen=True, slots=True)
class Written:
    """A file of rows: what a sweep file's ``data`` says of it, and the task that its target suggests."""

    section: Mapping[str, Any]
    task: Task


def write_rows(data: Any, target: Any, files: Files) -> Written:
    """Write ``data`` to one of ``files``: parquet for a table, npz for arrays.

    Parameters
    ----------
    data : a DataFrame with the column ``target``; or a pair (X, y) of a table or Series and one value a row, or of two arrays.
    target : ``data.target`` of the sweep; None where it says nothing.

    Raises
    ------
    DataError : they are not of these forms, or cannot be written.
    """
    if isinstance(data, tuple) and len(data) == 2:
        features, values = (_in_pandas(part) for part in data)
        features = _dense(features)
        if not hasattr(features, "columns") and not hasattr(features, "to_frame"):
            features = _as_array(features)
        if isinstance(features, np.ndarray):
            return _write_arrays(features, target_values(values, len(features)), files)
        return _write_pair(features, values, target, files)
    table = _in_pandas(data)
    if not hasattr(table, "columns"):
        raise DataError(f"data: must be a pair (X, y) or a pandas DataFrame. Got {_what(data)}.")
    if target is None:
        raise DataError("data.target: must name the column of the DataFrame to predict. Got None. Name it, or give (X, y).")
    table = table.rename(columns=str)
    name = find_column(list(table.columns), target, "data.target")
    return _write_table(table, name, files)


def task_of(target: Any) -> Task:
    """Return what a target (a Series, one value a row) looks like.

    Two different values are ``binary``; so are texts, booleans and categories ``multiclass``, and whole numbers of at most 20
    different values, or exactly 0, 1, 2 ..., with five rows of each on average. All else is ``regression``.
    """
    import pandas as pd

    known = target.dropna()
    different = known.unique()
    numbers = pd.api.types.is_numeric_dtype(known.dtype) and not pd.api.types.is_bool_dtype(known.dtype)
    if not numbers:
        return "binary" if len(different) <= 2 else "multiclass"
    values = np.sort(np.asarray(different, dtype="float64"))
    if not np.isfinite(values).all() or (values != np.round(values)).any():
        return "regression"
    if len(values) <= 2:
        return "binary"
    few = len(values) <= _MOST_CLASSES or (values == np.arange(len(values))).all()
    return "multiclass" if few and len(values) * _ROWS_OF_A_CLASS <= len(known) else "regression"


def like_training(rows: Any, columns: Sequence[str] | None) -> Any:
    """Return rows to predict in the form of the training data: a DataFrame, or an array where that had no ``columns``."""
    import pandas as pd

    rows = _dense(_in_pandas(rows))
    if hasattr(rows, "to_frame") and columns is not None and len(columns) == 1:
        return rows.to_frame(columns[0])
    if hasattr(rows, "columns"):
        return rows.rename(columns=str)
    array = _array_of(rows)
    if columns is None:
        return array
    table = array.reshape(-1, 1) if array.ndim == 1 and len(columns) == 1 else array
    if table.ndim != 2 or table.shape[1] != len(columns):
        raise ValueError(f"rows: expected the {len(columns)} columns of the training data in their order. Got {_what(array)}.")
    return pd.DataFrame(table.astype(object), columns=list(columns)).infer_objects()


def _in_pandas(part: Any) -> Any:
    """Return a table of another library (Polars, Arrow) as one of pandas, all else as it is."""
    return part.to_pandas() if hasattr(part, "to_pandas") else part


def _dense(features: Any) -> Any:
    return features.toarray() if hasattr(features, "toarray") else features


def _array_of(rows: Any) -> Any:
    """Return rows as an array, lists of numbers and texts as one of objects: numbers stay numbers."""
    array = np.asarray(rows)
    mixed = array.dtype.kind in "US" and array.ndim > 1 and not isinstance(rows, np.ndarray)
    return np.array(rows, dtype=object) if mixed else array


def _as_array(features: Any) -> Any:
    """Return features as an array; one of objects becomes a table, as it would be read."""
    import pandas as pd

    try:
        array = _array_of(features)
    except ValueError:
        array = np.empty(0, dtype=object)
    if array.ndim == 0 or not array.size:
        raise DataError(
            f"data: X must be a table or an array of rows. Got {_what(features)}. Pad sequences to one length; "
            "several inputs are columns of one table."
        )
    if array.dtype.kind == "O" and array.ndim <= 2:
        names = ["text"] if array.ndim == 1 else [str(index) for index in range(array.shape[1])]
        return pd.DataFrame(array.reshape(len(array), -1), columns=names).infer_objects()
    return array


def _write_arrays(features: Any, target: Any, files: Files) -> Written:
    import pandas as pd

    values = target.to_numpy()
    if values.dtype.kind == "O" and pd.api.types.is_numeric_dtype(target.dtype):  # pandas' own numbers, some missing
        values = target.to_numpy(dtype="float64", na_value=np.nan)
    if values.dtype.kind not in "fiub":
        if target.isna().any():
            raise DataError(
                f"data.target: every row needs a target. Got {int(target.isna().sum())} missing. Leave those rows out, or give "
                "a DataFrame and say data.drop_missing_target: true."
            )
        values = np.asarray([str(value) for value in values])
    digest = hashlib.sha256()
    for array in (features, values):
        digest.update(f"{array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    path = files.write(f"data-{digest.hexdigest()[:16]}.npz", lambda file: np.savez(file, X=features, y=values))
    return Written({"source": "npz", "path": str(path), "target": "y"}, task_of(target))


def _write_pair(features: Any, values: Any, target: Any, files: Files) -> Written:
    table = features.to_frame("text" if features.name is None else features.name) if hasattr(features, "to_frame") else features
    table = table.rename(columns=str)
    column = target_values(values, len(table))
    wanted = target if isinstance(target, str) else getattr(values, "name", None)
    name = str(wanted) if wanted is not None else "target"
    while name in table.columns:  # the target came by itself, so its name is ours to choose
        name = f"{name}_"
    return _write_table(table.assign(**{name: column.to_numpy()}), name, files)


def _write_table(table: Any, target: str, files: Files) -> Written:
    import pyarrow as pa

    names = list(table.columns)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DataError(f"data: columns must have different names. Got {', '.join(map(repr, twice))} twice. Rename them.")
    table = table.reset_index(drop=True)
    table.attrs = {}  # what a table says of itself is no data
    try:
        content = table.to_parquet(None, index=False)
    except (pa.ArrowException, TypeError, ValueError) as error:
        name = next((name for name in names if not _writable(table[[name]])), names[0])
        raise DataError(
            f"data: column {name!r} must hold values of one kind: numbers, booleans, dates or texts. Got {_kinds(table[name])}. "
            f"Turn it into texts by .astype(str), or drop it. ({' '.join(str(error).split())})"
        ) from error
    digest = hashlib.sha256(content).hexdigest()[:16]
    path = files.write(f"data-{digest}.parquet", lambda file: file.write(content))
    return Written({"source": "parquet", "path": str(path), "target": target}, task_of(table[target]))


def _writable(table: Any) -> bool:
    try:
        table.to_parquet(None, index=False)
    except Exception:  # whatever the writer finds wrong with it
        return False
    return True


def _kinds(column: Any) -> str:
    return " and ".join(sorted({type(value).__name__ for value in column.dropna()}))


def _what(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return type(value).__name__ if shape is None else f"{type(value).__name__} of shape {tuple(shape)}"
