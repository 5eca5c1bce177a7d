"""A model folder's ``python_function`` flavour, run by MLflow from here: raw columns in, predictions out. It stands alone."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd


class KerasweepModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Preprocessing, Keras model and labels in one; see ``predictor.py`` beside the model for what it returns."""

    def load_context(self, context: Any) -> None:
        """Load model and preprocessing from the model folder."""
        file = Path(context.artifacts["model"], "predictor.py")
        name = f"_model_predictor_{abs(hash(str(file))):x}"
        spec = importlib.util.spec_from_file_location(name, file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{file} must be a Python file of the model folder. It cannot be loaded.")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        self._predictor = module.Predictor(file.parent)

    def predict(self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> pd.DataFrame:
        """Return one line of predictions a row; an array is taken where the training data was one."""
        predictions: pd.DataFrame = self._predictor.predict(model_input)
        return predictions


mlflow.models.set_model(KerasweepModel())
