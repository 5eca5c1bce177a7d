"""Brings raw columns, targets and roles into the forms that a Dataset promises, or says what is wrong with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from trainers.data.serving_code import as_text, column_kind, named, tidy_column
from trainers.errors import DataError

if TYPE_CHECKING:
    from trainers.data.dataset import Array, Features
    from trainers.settings import ColumnKind, Task

_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal")


def tidy_features(raw: Any, missing: tuple[str, ...], kinds: Mapping[str, ColumnKind] | None = None) -> Features:
    """Return features as a Dataset holds them: a table whose columns are int64, float64, bool, boolean or str; or a numeric
    array.

    An array of texts, or of objects, becomes a table: one column "text" if it has one dimension, else columns "0", "1", ...
    ``kinds`` says of columns what they hold, whatever they look like; a category is a text.

    Raises
    ------
    DataError : a column holds dates, infinity or something other than numbers, booleans and text; or there is nothing at all.
    """
    import pandas as pd

    if isinstance(raw, np.ndarray) and raw.dtype.kind in "OUST" and raw.ndim in (1, 2):
        names = ["text"] if raw.ndim == 1 else [str(index) for index in range(raw.shape[1])]
        raw = pd.DataFrame(raw.reshape(len(raw), -1).astype(object), columns=names).infer_objects()
    if isinstance(raw, np.ndarray):
        return _tidy_array(raw)
    if not len(raw) or not len(raw.columns):
        raise DataError(f"data: must have rows and feature columns. Got {len(raw)} rows and {len(raw.columns)} feature columns.")
    kinds, raw = kinds or {}, raw.reset_index(drop=True)
    columns = {
        str(name): _told(raw[name], kinds[str(name)], missing) if str(name) in kinds else _feature(raw[name], missing)
        for name in raw.columns
    }
    return pd.DataFrame(columns)


def _told(column: Any, kind: ColumnKind, missing: tuple[str, ...]) -> Any:
    """Return a column as the kind that the user says it is of."""
    if kind != "number":
        return _text(column, missing)
    try:
        return _number(column, missing)
    except ValueError as error:
        reason = str(error).removesuffix("Mend the rows.")
        raise DataError(f"data.columns: {reason}Mend it, name its spelling in data.missing, or leave the column out.") from error


def _text(column: Any, missing: tuple[str, ...]) -> Any:
    import pandas as pd

    texts = tidy_column(column, "text", missing)
    return pd.Series(np.full(len(column), np.nan)) if texts.isna().all() else texts.reset_index(drop=True)


def _tidy_array(array: Array) -> Array:
    if array.dtype.kind not in "fiub" or array.ndim < 2 or not array.size:
        raise DataError(
            f"data: an array of features must hold numbers in (rows, columns) or (rows, ...). "
            f"Got {array.dtype} of shape {array.shape}. Reshape it, or give a table."
        )
    if array.dtype.kind == "f" and np.isinf(array).any():
        raise DataError("data: the array of features holds infinity. Mend it, or leave those rows out.")
    array = array.astype(np.uint8) if array.dtype.kind == "b" else array
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))


def _feature(column: Any, missing: tuple[str, ...]) -> Any:
    import pandas as pd

    name = column.name
    if column.dtype == object:
        inferred = pd.api.types.infer_dtype(column, skipna=True)
        if inferred in _NUMBERS:
            column = column.astype("float64")
        elif inferred == "boolean":
            column = column.astype("boolean")
        elif inferred not in ("string", "empty", "mixed-integer", "categorical") and not _plain(column):
            raise DataError(f"data: column {name!r} must hold numbers, booleans or text. Got {inferred}. Put it in data.drop.")
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = pd.Series(as_text(column), index=column.index, name=name, dtype="str")
    kind = column_kind(column)
    if kind == "text" and column.dtype != object and not pd.api.types.is_string_dtype(column.dtype):
        raise DataError(
            f"data: column {name!r} must hold numbers, booleans or text. Got {column.dtype}. "
            "Turn it into numbers, put it in data.drop, or name it in data.order."
        )
    if kind == "boolean":
        return column.astype("bool" if not column.isna().any() else "boolean")
    if kind == "text":
        return _text(column, missing)
    return _number(column, missing)


def _plain(column: Any) -> bool:
    return all(isinstance(value, str | int | float | bool | np.generic) for value in column.dropna())


def _number(column: Any, missing: tuple[str, ...]) -> Any:
    import pandas as pd

    if pd.api.types.is_complex_dtype(column.dtype):
        raise DataError(
            f"data: column {column.name!r} must hold real numbers. Got {column.dtype}. Split it, or put it in data.drop."
        )
    values = tidy_column(column, "number", missing).reset_index(drop=True)
    if np.isinf(values).any():
        raise DataError(
            f"data: column {column.name!r} holds infinity. Mend it, name its spelling in data.missing, or use data.drop."
        )
    whole = pd.api.types.is_integer_dtype(column.dtype) and not values.isna().any()
    return values.astype("int64") if whole else values


def target_values(raw: Any, rows: int) -> Any:
    """Return a raw target as a pandas Series, one value a row.

    Raises
    ------
    DataError : it is not one value a row.
    """
    import pandas as pd

    if isinstance(raw, pd.DataFrame) and raw.shape[1] == 1:
        raw = raw.iloc[:, 0]
    if not isinstance(raw, pd.Series):
        array = np.asarray(raw)
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 1:
            raise DataError(
                f"data.target: must be one value a row, of shape (rows,). Got shape {array.shape}. Undo any one-hot coding."
            )
        raw = pd.Series(array)
    if len(raw) != rows:
        raise DataError(f"data.target: must have a value for each of the {rows} rows of features. Got {len(raw)}.")
    return raw.reset_index(drop=True)


def tidy_target(raw: Any, task: Task) -> tuple[Array, tuple[Any, ...] | None]:
    """Return (target, classes): (rows,) int64 class index and the labels in sorted order, or (rows,) float64 and None.

    Parameters
    ----------
    raw : as ``target_values`` gives it.

    Raises
    ------
    DataError : a target is missing, or does not suit the task.
    """
    gone = int(raw.isna().sum())
    if gone:
        raise DataError(
            f"data.target: every row needs a target. Got {gone} missing, first in row {int(raw.isna().argmax())} (from 0). "
            "Fill it in, or say data.drop_missing_target: true."
        )
    return (_values(raw), None) if task == "regression" else _classes(raw, task)


def _values(raw: Any) -> Array:
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(raw.dtype) or pd.api.types.is_bool_dtype(raw.dtype):
        odd = next(
            (value for value in raw.tolist() if isinstance(value, bool) or not isinstance(value, int | float)), raw.iloc[0]
        )
        raise DataError(
            f"data.target: task 'regression' needs numbers. Got {odd!r}. Set task to binary or multiclass, or mend the column."
        )
    values: Array = raw.to_numpy(dtype="float64")
    if not np.isfinite(values).all():
        raise DataError(
            f"data.target: task 'regression' needs finite numbers. Got {values[~np.isfinite(values)][0]!r}. Mend the column."
        )
    return values


def _classes(raw: Any, task: Task) -> tuple[Array, tuple[Any, ...]]:
    import pandas as pd

    if pd.api.types.is_float_dtype(raw.dtype):
        values = raw.to_numpy(dtype="float64")
        odd = values[~np.isfinite(values) | (values != np.round(values))]
        if odd.size:
            raise DataError(f"data.target: task {task!r} needs classes. Got the number {float(odd[0])!r}. Set task: regression.")
        raw = raw.astype("int64")
    elif not pd.api.types.is_integer_dtype(raw.dtype) and not pd.api.types.is_bool_dtype(raw.dtype):
        raw = pd.Series(as_text(raw))
    labels = sorted(raw.unique().tolist())
    if len(labels) < 2 or (task == "binary" and len(labels) > 2):
        wanted = "exactly two classes" if task == "binary" else "at least two classes"
        hint = "Set task: multiclass." if len(labels) > 2 else "Get rows of another class."
        raise DataError(f"data.target: task {task!r} needs {wanted}. Got {len(labels)}: {named(labels)}. {hint}")
    if len(labels) > max(len(raw) // 2, 2):
        raise DataError(
            f"data.target: task {task!r} needs several rows of a class. Got {len(labels)} different values in {len(raw)} rows. "
            "Name another column, or set task: regression."
        )
    codes = pd.Index(labels).get_indexer(raw)
    return np.asarray(codes, dtype=np.int64), tuple(labels)


def tidy_roles(raw: dict[str, Any], rows: int) -> dict[str, Any]:
    """Return groups and ids as text, order as int64 or float64, weights as float64, under the names that a Dataset gives them.

    Raises
    ------
    DataError : a value is missing, or is no time, or no weight.
    """
    import pandas as pd

    tidy: dict[str, Array] = {}
    for role, values in raw.items():
        column = values.reset_index(drop=True) if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
        if len(column) != rows:
            raise DataError(f"data.{role}: must have a value for each of the {rows} rows. Got {len(column)}.")
        gone = int(column.isna().sum())
        if gone:
            raise DataError(
                f"data.{role}: every row needs a value. Got {gone} missing, first in row {int(column.isna().argmax())} (from 0)."
            )
        if role == "order":
            tidy["order"] = _order(column)
        elif role == "weights":
            tidy["weights"] = _weights(column)
        else:
            tidy["ids" if role == "id" else role] = as_text(column)
    return tidy


def _order(column: Any) -> Array:
    import pandas as pd

    if column_kind(column) == "text" and not pd.api.types.is_datetime64_any_dtype(column.dtype):
        try:
            column = pd.to_datetime(column, format="ISO8601", utc=True)
        except (ValueError, TypeError) as error:
            raise DataError(
                f"data.order: must hold numbers or dates as 2024-12-31 or 2024-12-31T23:59:00. Got {error}."
            ) from error
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        if column.dt.tz is not None:
            column = column.dt.tz_convert("UTC").dt.tz_localize(None)
        return np.asarray(column.to_numpy().astype("datetime64[ns]").astype(np.int64))
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        raise DataError(f"data.order: must hold numbers or dates. Got {column.dtype}. Name another column.")
    values: Array = column.to_numpy(dtype="int64" if pd.api.types.is_integer_dtype(column.dtype) else "float64")
    if not np.isfinite(values).all():
        raise DataError("data.order: must hold finite numbers or dates. Got infinity. Mend the column.")
    return values


def _weights(column: Any) -> Array:
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(column.dtype):
        raise DataError(f"data.weights: must hold numbers. Got {column.dtype}. Name another column.")
    values: Array = column.to_numpy(dtype="float64")
    wrong = values[~np.isfinite(values) | (values < 0)]
    if wrong.size or not values.any():
        got = float(wrong[0]) if wrong.size else "zero in every row"
        raise DataError(f"data.weights: must hold finite numbers from 0 up, some above it. Got {got!r}. Mend the column.")
    return values
