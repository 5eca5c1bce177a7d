"""Reads every kind of source into one raw form: features, target and what else rows carry.

It judges no values; ``data`` does that.
"""

from __future__ import annotations

import difflib
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from trainers.data.headers import LOOKED_AT, header_doubt
from trainers.data.serving_code import named
from trainers.errors import DataError, UserCodeError
from trainers.settings import Column, DataSettings, Source
from trainers.usercode import import_object

SKLEARN_SETS = ("breast_cancer", "digits", "wine", "iris", "diabetes", "california_housing")
ROLES = ("groups", "order", "weights", "id")


@dataclass(frozen=True, slots=True)
class Raw:
    """What a source holds: ``features`` (a DataFrame or array), ``target`` and the values of each role; ``where`` it lay.

    ``layout`` are the columns of a csv file without a header, in order, the target left out.
    """

    features: Any
    target: Any
    roles: dict[str, Any] = field(default_factory=dict)
    where: str = ""
    layout: tuple[str, ...] = ()


def read_source(settings: DataSettings, code: str | None) -> Raw:
    """Return what the source holds.

    Raises
    ------
    DataError : the source is absent, broken, or lacks a column that the settings name.
    UserCodeError : the user's data callable cannot be imported or fails.
    """
    return _READERS[settings.source](settings, code)


def _read_csv(settings: DataSettings, code: str | None) -> Raw:
    import pandas as pd

    path, headless = _path(settings), settings.header is False
    read: Any = partial(pd.read_csv, path, encoding="utf-8-sig", skipinitialspace=True)
    texts = [name for name, kind in settings.columns.items() if kind != "number"]
    names: list[Any] | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # rows longer than the header would be cut
        try:
            if not headless and "://" not in path:
                names = list(read(header=None, nrows=1, dtype=str, keep_default_na=False).iloc[0])
            table = read(
                header=None if headless else "infer",
                na_values=list(settings.missing),
                index_col=False,
                low_memory=False,
                dtype={int(name) if headless and name.isdigit() else name: str for name in texts},
            )
        except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
            _unreadable(settings, "a CSV file in UTF-8 whose rows all have as many values as its first", error)
    if not headless:
        _check_header(list(table.columns) if names is None else names, table, settings)
    raw = _from_table(table, settings)
    return replace(raw, layout=tuple(str(name) for name in table.columns if str(name) != raw.target.name)) if headless else raw


def _check_header(names: list[Any], table: Any, settings: DataSettings) -> None:
    """Raise DataError where the first line is no header, or gives a name twice. What a file says of its header is believed."""
    names = [str(name) for name in names]
    if settings.header is None:
        below = table.head(LOOKED_AT)
        rows = below.astype("object").where(below.notna(), "").astype(str).to_numpy().tolist()
        if doubt := header_doubt(names, rows, repr(settings.path), settings.missing):
            raise DataError(f"data.header: {doubt}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"data.path: the columns of {settings.path!r} must have different names. Got {named(twice)} twice. Rename them."
        )


def _read_parquet(settings: DataSettings, code: str | None) -> Raw:
    import pandas as pd
    import pyarrow as pa

    try:
        table = pd.read_parquet(_path(settings))
    except (OSError, pa.ArrowException, ValueError) as error:
        _unreadable(settings, "a parquet file", error)
    return _from_table(table.reset_index(drop=True), settings)


def _read_npz(settings: DataSettings, code: str | None) -> Raw:
    try:
        with np.load(_path(settings), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, AttributeError, TypeError, EOFError, zipfile.BadZipFile) as error:
        _unreadable(settings, "an .npz file of arrays; texts saved with a fixed width, not as objects", error)
    wanted = {"target": "y" if settings.target is None else settings.target}
    wanted |= {role: value for role in ROLES if (value := getattr(settings, role)) is not None}
    names = {role: find_column(list(arrays), name, f"data.{role}", "arrays") for role, name in wanted.items()}
    used = {*names.values(), *(find_column(list(arrays), name, "data.drop", "arrays") for name in settings.drop)}
    left = [name for name in arrays if name not in used]
    if "X" not in left and len(left) != 1:
        raise DataError(
            f"data.path: the features must be the array 'X', or the one left over. Got {named(left) or 'none'}. "
            "Name others in data.drop."
        )
    features = arrays["X" if "X" in left else left[0]]
    return Raw(
        features,
        arrays[names["target"]],
        {role: arrays[name] for role, name in names.items() if role != "target"},
        _where(settings),
    )


def _read_sklearn(settings: DataSettings, code: str | None) -> Raw:
    from sklearn import datasets

    name = settings.name
    if name == "california_housing":
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Retry downloading", UserWarning)
                features, target = datasets.fetch_california_housing(as_frame=True, return_X_y=True, n_retries=1)
        except OSError as error:
            raise DataError(
                f"data.name: 'california_housing' is downloaded when first used, and that failed: {error}. "
                "Get online once, or give the data as a CSV file."
            ) from error
    elif name in SKLEARN_SETS:
        features, target = getattr(datasets, f"load_{name}")(as_frame=True, return_X_y=True)
    else:
        raise DataError(f"data.name: must be one of {', '.join(SKLEARN_SETS)}. Got {name!r}.{_near(str(name), SKLEARN_SETS)}")
    return _with_roles(features, target, settings)


def _read_callable(settings: DataSettings, code: str | None) -> Raw:
    reference = settings.callable
    if reference is None:
        raise DataError("data.callable: must name the function that returns X and y, as 'module:function'. Got None.")
    function = import_object(reference, code)
    try:
        answer = function()
    except Exception as error:
        raise UserCodeError(f"data.callable: {reference!r} failed: {type(error).__name__}: {error}") from error
    if not isinstance(answer, tuple) or len(answer) != 2:
        raise DataError(f"data.callable: {reference!r} must return a pair, X and y. Got {type(answer).__name__}. Return X, y.")
    return _with_roles(*answer, settings)


def _with_roles(features: Any, target: Any, settings: DataSettings) -> Raw:
    """Return raw data whose target came by itself; columns for roles are taken out of a table."""
    import pandas as pd

    if isinstance(features, pd.Series):
        features = features.to_frame("text" if features.name is None else features.name)
    if isinstance(features, pd.DataFrame):
        features, taken = _take_columns(features, settings)
        return Raw(features, target, taken, _where(settings))
    asked = [f"data.{key}" for key in (*ROLES, "drop", "columns") if getattr(settings, key) not in (None, (), {})]
    if asked:
        raise DataError(
            f"{asked[0]}: needs columns with names. Got X as {type(features).__name__}. Return X as a pandas DataFrame."
        )
    return Raw(features if isinstance(features, np.ndarray) else _as_array(features), target, {}, _where(settings))


def _as_array(features: Any) -> Any:
    try:
        array = np.asarray(features)
    except ValueError:
        array = np.empty(0, dtype=object)
    if array.ndim == 0 or not array.size:
        raise DataError(
            f"data.callable: X must be a pandas DataFrame or an array of rows. Got {type(features).__name__}. "
            "Make a sparse matrix dense; pad sequences to one length."
        )
    return array


def _from_table(table: Any, settings: DataSettings) -> Raw:
    """Return raw data whose target is a column of the table."""
    if settings.target is None:
        raise DataError("data.target: must name the column to predict, by name or index. Got None.")
    table = table.rename(columns=str)
    target = find_column(list(table.columns), settings.target, "data.target")
    features, taken = _take_columns(table, settings, target)
    return Raw(features, table[target], taken, _where(settings))


def _take_columns(table: Any, settings: DataSettings, target: str | None = None) -> tuple[Any, dict[str, Any]]:
    """Return (feature columns, values of each role); the columns of roles, dropped ones and the target are no features."""
    table = table.rename(columns=str)
    names = list(table.columns)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DataError(f"data: columns must have different names. Got {named(twice)} twice. Rename them.")
    roles = {
        role: find_column(names, wanted, f"data.{role}") for role in ROLES if (wanted := getattr(settings, role)) is not None
    }
    gone = {*roles.values(), *(find_column(names, wanted, "data.drop") for wanted in settings.drop), target}
    for name in settings.columns:
        if find_column(names, name, "data.columns") in gone:
            raise DataError(f"data.columns: must name feature columns. Got {name!r}, which is none. Leave it out.")
    features = table[[name for name in names if name not in gone]]
    return features, {role: table[name] for role, name in roles.items()}


def find_column(names: Sequence[str], wanted: Column, key: str, what: str = "columns") -> str:
    """Return the name that ``wanted`` is, or stands at as an index; one below 0 counts from the end.

    Raises DataError, naming the setting ``key``, if there is none.
    """
    if isinstance(wanted, int):
        if -len(names) <= wanted < len(names):
            return names[wanted]
        least = 0 if wanted >= 0 else -len(names)
        raise DataError(
            f"{key}: must be an index from {least} to {len(names) - 1}. Got {wanted!r}. The {what} are {named(names)}."
        )
    if wanted in names:
        return wanted
    raise DataError(f"{key}: must name one of the {what} {named(names)}. Got {wanted!r}.{_near(wanted, names)}")


def _near(wanted: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(wanted, names, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _path(settings: DataSettings) -> str:
    path = settings.path
    if path is None:
        raise DataError(f"data.path: source {settings.source!r} needs a file. Got None. Name it.")
    if "://" not in path and not Path(path).is_file():
        raise DataError(
            f"data.path: must be a file. Got {path!r}, which is {'a folder' if Path(path).is_dir() else 'not there'}."
        )
    return path


def _unreadable(settings: DataSettings, expected: str, error: BaseException) -> NoReturn:
    reason = " ".join(str(error).split())
    raise DataError(f"data.path: must be {expected}. Got {settings.path!r}: {reason}. Mend the file, or data.source.") from error


def _where(settings: DataSettings) -> str:
    return str(settings.path or settings.name or settings.callable)


_READERS: dict[Source, Callable[[DataSettings, str | None], Raw]] = {
    "csv": _read_csv,
    "parquet": _read_parquet,
    "npz": _read_npz,
    "sklearn": _read_sklearn,
    "callable": _read_callable,
}
