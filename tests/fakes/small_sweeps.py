"""Small real sweeps for tests: a data set made here, split and staged as the driver does it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from trainers.data.dataset import Dataset
from trainers.settings import CvSettings, EarlyStoppingSettings, FitSettings, SweepSettings, TrainerSettings
from trainers.splits.folds import make_splits
from trainers.staging import stage

STOPPING = EarlyStoppingSettings(patience=2, min_delta=0.0, split=0.2)


def dataset(task: str = "binary", rows: int = 150, seed: int = 0) -> Dataset:
    """Return rows of six numbers, the target following from the first two."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 6))
    signal = x[:, 0] + 0.5 * x[:, 1] + random.normal(scale=0.2, size=rows)
    features = pd.DataFrame(x, columns=list("abcdef"))
    if task == "regression":
        return Dataset(features=features, target=500 + 100 * signal, classes=None, fingerprint="r")
    classes = ("no", "yes") if task == "binary" else ("high", "low", "middle")
    target = np.digitize(signal, [0.0] if task == "binary" else [-0.6, 0.6]).astype("int64")
    return Dataset(features=features, target=target, classes=classes, fingerprint="c")


def settings(folder: Path, data: Dataset, task: str = "binary", *, test_size: float = 0.2, **changes: Any) -> SweepSettings:
    """Split and stage ``data`` and return the settings of a sweep over it."""
    names = {"binary": ("accuracy", "roc_auc"), "multiclass": ("accuracy", "log_loss"), "regression": ("rmse", "r2")}
    fit = FitSettings(epochs=4, batch_size=16, early_stopping=STOPPING)
    made = SweepSettings(task=task, seed=7, metrics=names[task], stage=str(folder), cv=CvSettings(folds=2), fit=fit)
    made = replace(made, **{"trainer": TrainerSettings(params={"hidden_layers": 1, "layer_size": 8}), **changes})
    stopping = made.fit.early_stopping
    share = None if stopping is None else stopping.split
    stage(data, make_splits(data, task, made.cv, test_size=test_size, monitor_split=share, seed=made.seed), folder)
    return made


OWN_TRAIN_STEP = """
import keras

@keras.saving.register_keras_serializable()
class Own(keras.Model):
    def train_step(self, state, data):
        return super().train_step(state, data)

def create_model(units=4):
    i = keras.Input((6,))
    m = Own(i, keras.layers.Dense(1, activation='sigmoid')(keras.layers.Dense(units)(i)))
    m.compile(loss='binary_crossentropy')
    return m
"""
"""A builder that the fused engine leaves to model.fit."""


def builder_settings(folder: Path, source: str, data: Dataset, task: str = "binary", **changes: Any) -> SweepSettings:
    """Return the settings of a sweep over ``source``'s function ``create_model``."""
    code = folder / "code"
    code.mkdir(parents=True, exist_ok=True)
    module = f"net_{abs(hash(source)):x}"
    (code / f"{module}.py").write_text(source)
    trainer = TrainerSettings(type="builder", builder=f"{module}:create_model")
    return settings(folder / "stage", data, task, code=str(code), **{"trainer": trainer, **changes})
