"""What is fitted for each form of input: scikit-learn transformers for tables and arrays, crosses for wide_deep, a vocabulary for
texts.

Everything learnt from values comes from the training rows. Only widths come from all rows: the categories of a column, and the
values of a number that has few.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trainers.data import UNKNOWN, Preprocessor, as_matrix, column_kind, find_column, named, words_of
from trainers.errors import DataError

if TYPE_CHECKING:
    from trainers.data import Array, Dataset

MAX_CATEGORIES = 1000
_FEW_VALUES = 10  # a number with no more different values is crossed value by value, another in so many intervals of equal counts


def table_plan(dataset: Dataset, fit_rows: Array, scaling: str) -> Preprocessor:
    """Return the preprocessor of a table: one array of numbers, booleans and one-hot categories."""
    columns = table_columns(dataset)
    plan = {"kind": "table", "columns": columns, "missing": list(dataset.missing)}
    everything = range(len(columns))
    if scaling == "none":
        _refuse_unprepared(dataset, [column["name"] for column in columns])
        return Preprocessor(plan)
    matrix = _fit_matrix(dataset, fit_rows, columns)
    return Preprocessor(plan, {"table": _transformer(columns, everything, scaling).fit(matrix)})


def wide_deep_plan(dataset: Dataset, fit_rows: Array, scaling: str, params: Mapping[str, Any]) -> Preprocessor:
    """Return the preprocessor of recipe wide_deep: "wide" (wide columns and crosses) and "deep", each as ``table_plan`` does.

    A column may be named or given by its index; ``wide`` and ``deep`` None stand for all columns.
    """
    columns = table_columns(dataset)
    names = [column["name"] for column in columns]

    def positions(key: str, wanted: Sequence[str | int] | None) -> list[int]:
        return [names.index(find_column(names, name, key)) for name in (names if wanted is None else wanted)]

    wide, deep = positions("wide", params["wide"]), positions("deep", params["deep"])
    crossed = [positions("crosses", cross) for cross in params["crosses"]]
    if scaling == "none":
        _refuse_unprepared(dataset, [names[position] for position in {*wide, *deep}], text=False)
        _refuse_unprepared(dataset, [names[position] for position in deep])
    matrix = _fit_matrix(dataset, fit_rows, columns)
    plan = {
        "kind": "wide_deep",
        "columns": columns,
        "missing": list(dataset.missing),
        "crosses": [[_cross_part(dataset, matrix, columns, position) for position in cross] for cross in crossed],
    }
    estimators = {
        "wide": _transformer(columns, wide, scaling).fit(matrix),
        "deep": _transformer(columns, deep, scaling).fit(matrix),
    }
    return Preprocessor(plan, estimators)


def array_plan(dataset: Dataset, fit_rows: Array, scaling: str, *, numbers: bool) -> Preprocessor:
    """Return the preprocessor of an array: cast to float32, and scaled place by place if asked.

    ``auto`` scales arrays (rows, columns) of floats, or of integers too where ``numbers`` says that they are no codes; and leaves
    images, and what has more dimensions, alone.
    """
    features: Any = dataset.features
    plan = {"kind": "array", "shape": list(features.shape[1:])}
    if scaling == "auto" and features.ndim == 2 and (numbers or features.dtype.kind == "f"):
        scaling = "standard"
    if scaling not in ("standard", "minmax"):
        if features.dtype.kind == "f" and np.isnan(features).any():
            raise DataError(
                f"preprocessing: {scaling!r} passes an array of shape {features.shape} on as it is, and it has missing values. "
                "Take standard or minmax, which fill them, or mend the array."
            )
        return Preprocessor(plan)
    flat = features[fit_rows].reshape(len(fit_rows), -1).astype(np.float64)
    return Preprocessor(plan, {"array": _numbers(scaling).fit(flat)})


def text_plan(dataset: Dataset, fit_rows: Array, params: Mapping[str, Any]) -> Preprocessor:
    """Return the preprocessor of raw texts: the most frequent words of the training rows, ties by the alphabet."""
    features: Any = dataset.features
    names = list(features.columns)
    wanted = params["text"]
    if wanted is None and len(names) > 1:
        raise DataError(f"text: recipe 'text_cnn' must be told the column with the texts, one of {named(names)}. Got None.")
    name = names[0] if wanted is None else find_column(names, wanted, "text")
    if column_kind(features[name]) != "text":
        raise DataError(f"text: column {name!r} must hold text. Got {column_kind(features[name])}s. Name another column.")
    counts = Counter(word for text in features[name].iloc[fit_rows] for word in words_of(text))
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    plan = {
        "kind": "text",
        "column": name,
        "missing": list(dataset.missing),
        "length": int(params["length"]),
        "words": ranked[: int(params["max_words"]) - UNKNOWN - 1],
    }
    return Preprocessor(plan)


def sequences_plan(dataset: Dataset, params: Mapping[str, Any]) -> Preprocessor:
    """Return the preprocessor of integer sequences; nothing is fitted."""
    features: Any = dataset.features
    if features.ndim != 2 or features.dtype.kind not in "iu" or features.min() < 0:
        raise DataError(
            f"data: recipe 'text_cnn' needs texts, or token ids from 0 up in an integer array (rows, length). "
            f"Got {features.dtype} of shape {features.shape}, least value {features.min()}."
        )
    return Preprocessor({"kind": "sequences", "length": int(params["length"]), "vocabulary": int(params["max_words"])})


def table_columns(dataset: Dataset, *, categories: bool = True) -> list[dict[str, Any]]:
    """Return name, kind and (for text, if wanted) the sorted categories of every column; a 2-D array's columns are "0", "1", ...

    Raises
    ------
    DataError : a text column has more than MAX_CATEGORIES different values, or the features are no table.
    """
    features: Any = dataset.features
    if isinstance(features, np.ndarray):
        if features.ndim != 2:
            raise DataError(
                f"data: recipe 'wide_deep' needs a table. Got an array of shape {features.shape}. Take mlp or a builder."
            )
        return [{"name": str(index), "kind": "number"} for index in range(features.shape[1])]
    columns: list[dict[str, Any]] = []
    for name in features.columns:
        column: dict[str, Any] = {"name": str(name), "kind": column_kind(features[name])}
        if categories and column["kind"] == "text":
            column["categories"] = sorted(features[name].dropna().unique().tolist())
            if len(column["categories"]) > MAX_CATEGORIES:
                raise DataError(
                    f"data: text column {name!r} must have at most {MAX_CATEGORIES} different values to become inputs. "
                    f"Got {len(column['categories'])}. Put it in data.drop, give preprocessing as 'module:factory', "
                    "or take recipe text_cnn for prose."
                )
        columns.append(column)
    return columns


def _fit_matrix(dataset: Dataset, fit_rows: Array, columns: Sequence[Mapping[str, Any]]) -> Array:
    features: Any = dataset.features
    rows = features[fit_rows] if isinstance(features, np.ndarray) else features.iloc[fit_rows]
    matrix: Array = as_matrix(rows, columns, dataset.missing)
    return matrix


def _transformer(columns: Sequence[Mapping[str, Any]], positions: Sequence[int], scaling: str) -> Any:
    """Return an unfitted ColumnTransformer over ``positions`` of a matrix: numbers, then booleans, then one-hot categories."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    of = {kind: [place for place in positions if columns[place]["kind"] == kind] for kind in ("number", "boolean", "text")}
    categories = [np.arange(len(columns[place]["categories"]), dtype=np.float64) for place in of["text"]]
    encoder = OneHotEncoder(categories=categories, handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    parts = [
        ("numbers", "passthrough" if scaling == "none" else _numbers(scaling), of["number"]),
        ("booleans", SimpleImputer(strategy="most_frequent", keep_empty_features=True), of["boolean"]),
        ("categories", make_pipeline(SimpleImputer(strategy="most_frequent", keep_empty_features=True), encoder), of["text"]),
    ]
    return ColumnTransformer([part for part in parts if part[2]], sparse_threshold=0)


def _numbers(scaling: str) -> Any:
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler

    scaler = MinMaxScaler() if scaling == "minmax" else StandardScaler()
    return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), scaler)


def _cross_part(dataset: Dataset, fit_matrix: Array, columns: Sequence[Mapping[str, Any]], position: int) -> dict[str, Any]:
    """Return how a column enters a cross: by its categories, or by cuts between intervals of a number."""
    column = columns[position]
    if column["kind"] == "text":
        return {"column": position, "categories": len(column["categories"])}
    features: Any = dataset.features
    values = (
        features[:, position]
        if isinstance(features, np.ndarray)
        else features[column["name"]].to_numpy(dtype="float64", na_value=np.nan)
    )
    different = np.unique(values[~np.isnan(values)])
    if len(different) <= _FEW_VALUES:
        return {"column": position, "cuts": ((different[1:] + different[:-1]) / 2).tolist()}
    known = fit_matrix[:, position][~np.isnan(fit_matrix[:, position])]
    cuts = np.quantile(known, np.arange(1, _FEW_VALUES) / _FEW_VALUES) if len(known) else np.zeros(_FEW_VALUES - 1)
    return {"column": position, "cuts": cuts.tolist()}


def _refuse_unprepared(dataset: Dataset, names: Sequence[str], *, text: bool = True) -> None:
    """Raise DataError for what preprocessing none would pass on and a net cannot take: texts (if ``text``) and missing values."""
    features: Any = dataset.features
    for name in names:
        column = features[:, int(name)] if isinstance(features, np.ndarray) else features[name]
        is_text = not isinstance(column, np.ndarray) and column_kind(column) == "text"
        gone = 0 if is_text else int(np.isnan(np.asarray(column, dtype="float64")).sum())
        if (is_text and text) or gone:
            found = "text" if is_text else f"{gone} missing values"
            raise DataError(f"preprocessing: 'none' passes columns on as they are; {name!r} has {found}. Take auto, or drop it.")
