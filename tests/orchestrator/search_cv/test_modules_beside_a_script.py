"""A script with modules of the user's beside it, run as a process: what they hold reaches the workers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

HELPERS = """
from sklearn.base import BaseEstimator, TransformerMixin

class Shift(TransformerMixin, BaseEstimator):
    fits = 0

    def fit(self, X, y=None):
        Shift.fits += 1
        from later import middle
        self.middle_ = middle(X)
        return self

    def transform(self, X):
        return X - self.middle_

def block(units):
    import keras
    return keras.layers.Dense(units, "relu")
"""
LATER = """
def middle(X):
    return X.mean(axis=0)

def end():
    import keras
    return keras.layers.Dense(3, "softmax")
"""
SCRIPT = """
from sklearn.datasets import load_iris
from sklearn.pipeline import Pipeline

import helpers
from helpers import Shift
from kerasweep import GridSearchCV, KerasClassifier

def create(units=4):
    import keras
    from later import end
    model = keras.Sequential([helpers.block(units), end()])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model

X, y = load_iris(return_X_y=True)
fit = Shift.fit
pipeline = Pipeline([("shift", Shift()), ("clf", KerasClassifier(create, epochs=2, random_state=0))])
search = GridSearchCV(pipeline, {"clf__units": [4, 5]}, cv=2, n_jobs=1, error_score="raise").fit(X, y)
step = search.best_estimator_["shift"]
print(type(step) is Shift, Shift.fits, Shift.fit is fit, abs(step.transform(X).mean()) < 1e-6)
print(search.cv_results_["mean_test_score"].shape, search.predict(X).shape)
"""


@pytest.mark.full
def test_modules_beside_a_script_reach_the_workers(tmp_path: Path) -> None:
    for name, source in (("helpers", HELPERS), ("later", LATER), ("script", SCRIPT)):
        (tmp_path / f"{name}.py").write_text(source)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines() == ["True 0 True True", "(2,) (150,)"]
