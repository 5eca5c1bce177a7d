"""Predictions from raw rows, out of the data part of a model folder. It stands alone, beside ``serving_code.py``.

It needs keras, numpy and pandas, and what the preprocessing needs: scikit-learn and skops. No pickle is read.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

BATCH = 1024


class Predictor:
    """A trained model with its preprocessing.

    Parameters
    ----------
    folder : holds model.keras, preprocessing/, serving_code.py, own_code.py and manifest.json.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        self.manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        self._model = load_keras_model(folder)
        self._preprocessor = load_module(folder / "serving_code.py").load_preprocessor(folder / "preprocessing")

    def predict(self, rows: Any) -> Any:
        """Return a DataFrame with one line a row.

        Parameters
        ----------
        rows : a DataFrame with the raw columns of the training data (order and further columns do not count), or an array
            (rows, ...) where the training data was one.

        Returns
        -------
        DataFrame
            Classification: ``label``, and ``probability_<class>`` (float64) for every class. Regression: ``value`` (float64) in
            the target's own unit. The index is that of ``rows``.
        """
        import pandas as pd

        index = getattr(rows, "index", None)
        values = self.read_output(self._raw(rows))
        if self.manifest["task"] == "regression":
            return pd.DataFrame({"value": values[:, 0]}, index=index)
        classes = self.manifest["classes"]
        labels = pd.Series(
            [classes[best] for best in values.argmax(axis=1)], index=index, dtype=None if len(values) else "object"
        )
        columns = {f"probability_{label}": values[:, column] for column, label in enumerate(classes)}
        return pd.DataFrame({"label": labels, **columns}, index=index)

    def read_csv(self, file: str | Path) -> Any:
        """Return the rows of a CSV file as ``predict`` takes them.

        What was text in training is taken as it is written. A file without a header is understood where the training data had
        none, by the order of its columns: those of the training file, all of them but the target, or the features alone.

        Raises
        ------
        ValueError : the file cannot be read, or has not the columns of the training data.
        """
        import pandas as pd

        about = self.manifest["input"]
        names = about["columns"]
        read: Callable[..., Any] = partial(
            pd.read_csv, file, encoding="utf-8-sig", skipinitialspace=True, index_col=False, low_memory=False
        )
        if names is not None:
            options: dict[str, Any] = {"dtype": dict.fromkeys(self._texts(), str)}
            if all(name.isdigit() for name in names):
                first = [str(value) for value in read(header=None, nrows=1, dtype=str).iloc[0]]
                order = _in_order(first, names, about.get("layout"))
                options |= {} if order is None else {"header": None, "names": order}
            return read(**options)
        table, shape = read(), about["shape"]
        values = table.to_numpy(dtype="float64")
        width = int(np.prod(shape))
        if values.shape[1] != width:
            raise ValueError(
                f"the rows must have {width} columns of numbers, for the shape {tuple(shape)}. Got {values.shape[1]}."
            )
        return values.reshape(len(values), *shape)

    def _texts(self) -> list[str]:
        """Return the columns that the preprocessing takes for text."""
        plan = self._preprocessor.plan
        texts = [column["name"] for column in plan.get("columns", ()) if column["kind"] == "text"]
        return [plan["column"], *texts] if "column" in plan else texts

    def _raw(self, rows: Any) -> Any:
        """Return the model's output as it is: (rows, width)."""
        if not len(rows):
            return np.empty((0, self.manifest["output"]["width"]))
        return self._model.predict(self._preprocessor.transform(rows), batch_size=BATCH, verbose=0)

    def read_output(self, raw: Any) -> Any:
        """Return what the model's raw output (rows, width) says, float64: (rows, classes) probabilities, or (rows, 1) values."""
        output = self.manifest["output"]
        values = np.asarray(raw, dtype="float64").reshape(len(raw), output["width"])
        if self.manifest["task"] == "regression":
            scaler = output["scaler"]
            return values if scaler is None else values * scaler["std"] + scaler["mean"]
        if output["link"] == "sigmoid":
            with np.errstate(over="ignore"):
                values = 1 / (1 + np.exp(-values))
        elif output["link"] == "softmax":
            values = np.exp(values - values.max(axis=1, keepdims=True, initial=-np.inf))
            values /= values.sum(axis=1, keepdims=True)
        if self.manifest["task"] == "binary":
            return np.column_stack([1 - values[:, -1], values[:, -1]])
        return values


def load_keras_model(folder: Path, *, compiled: bool = False) -> Any:
    """Return the Keras model in the data part of a model folder, on its own backend if none is chosen yet.

    Parameters
    ----------
    compiled : whether it is compiled as it was trained, where all that this takes is known here.
    """
    backend = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["versions"]["backend"]
    if importlib.util.find_spec(backend) is not None:  # Keras' own default need not be among the model's requirements
        os.environ.setdefault("KERAS_BACKEND", backend)
    import keras

    file = folder / "model.keras"
    if compiled:
        try:
            return keras.saving.load_model(file)
        except (TypeError, ValueError, ImportError):  # a loss or metric of the user's own, perhaps
            pass
    return keras.saving.load_model(file, compile=False)


def _in_order(first: list[str], names: list[str], layout: list[str] | None) -> list[str] | None:
    """Return the names of a file's columns by their order; None if its first line names them itself.

    Parameters
    ----------
    first : the values of the file's first line.
    names : of the features, all of them numbers.
    layout : of the columns of the training file in order, without the target; None if that was no file without a header.
    """
    width = len(first)
    numbers = [str(place) for place in range(width)]
    whole = len(names) if layout is None else len(layout) + 1
    if set(names) <= set(first) and len(set(first)) == width:
        return None
    known = {len(names): names} | ({} if layout is None else {len(layout): layout, whole: numbers})
    if width in known:
        return known[width]
    short = "" if layout is None else f", or {len(layout)} without the target"
    raise ValueError(
        f"the rows must have the {whole} columns of the training data{short}, or its {len(names)} features alone, in that order. "
        f"Got {width} columns."
    )


def load_module(file: Path) -> ModuleType:
    """Return a Python file as a module of its own: two model folders in one process do not share it."""
    name = f"_model_{file.stem}_{abs(hash(str(file.absolute()))):x}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} must be a Python file of the model folder. It cannot be loaded.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
