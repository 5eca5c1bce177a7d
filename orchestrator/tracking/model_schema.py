"""A model folder's signature and input example: what MLflow is told of raw columns and predictions. It reads plain data only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.types import Schema


def input_schema(manifest: Mapping[str, Any], plan: Mapping[str, Any], sample: Mapping[str, Any]) -> Schema:
    """Return the schema of raw rows.

    Parameters
    ----------
    manifest, plan, sample : of the refitted model: manifest.json, preprocessor.json, sample.json.

    Notes
    -----
    MLflow converts neither whole numbers to "double" nor fractions to "long", so a column is what it was in the training data.
    Columns that the preprocessing does not look at are optional.
    """
    import numpy as np
    from mlflow.types import ColSpec, Schema, TensorSpec

    names = manifest["input"]["columns"]
    if names is None:
        return Schema([TensorSpec(np.dtype(sample["dtype"]), (-1, *manifest["input"]["shape"]))])
    kinds = {column["name"]: column["kind"] for column in plan.get("columns") or ()}
    kinds |= {plan["column"]: "text"} if "column" in plan else {}
    columns = [
        ColSpec(_column_type(kinds.get(name), [row[position] for row in sample["data"]]), name, required=name in kinds)
        for position, name in enumerate(names)
    ]
    return Schema(columns)


def output_schema(manifest: Mapping[str, Any]) -> Schema:
    """Return the schema of predictions: label and probabilities, or the value."""
    from mlflow.types import ColSpec, Schema

    if manifest["task"] == "regression":
        return Schema([ColSpec("double", "value")])
    classes = manifest["classes"]
    label = _column_type(None, classes)
    return Schema([ColSpec(label, "label"), *(ColSpec("double", f"probability_{name}") for name in classes)])


def input_example(sample: Mapping[str, Any]) -> tuple[Any, dict[str, Any], dict[str, str]]:
    """Return the example as MLflow stores it, as a request to its server, and what MLmodel says of it."""
    if sample["columns"] is None:
        return sample["data"], {"inputs": sample["data"]}, {"type": "ndarray"}
    split = {"columns": sample["columns"], "data": sample["data"]}
    return split, {"dataframe_split": split}, {"type": "dataframe", "pandas_orient": "split"}


def _column_type(kind: str | None, values: Sequence[Any]) -> str:
    """Return MLflow's name of a column's type; without a kind, the values tell."""
    known = [value for value in values if value is not None]
    if kind == "text" or (kind is None and not all(isinstance(value, int | float) for value in known)):
        return "string"
    if kind == "boolean" or (known and all(isinstance(value, bool) for value in known)):
        return "boolean"
    return "long" if values and all(isinstance(value, int) for value in values) else "double"  # "long" holds no missing value
