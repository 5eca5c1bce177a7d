"""Class and sample weights, a metric of one's own, a validation split, and callbacks whose files are kept per trial and fold.

Replaces the lessons on `TensorBoard`, `ModelCheckpoint` and `EarlyStopping`, on rare classes, and on custom metrics. The metric
is written with `keras.ops`, so it counts on every backend. Where MLflow is asked for, the callbacks' files become artifacts.

It takes 32 s on two cores, and 64 s with scikit-learn's own class and `n_jobs=2` (`python -m benchmarks.tutorials 6`).
"""

import os
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import make_classification
from sklearn.metrics import recall_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from kerasweep import GridSearchCV, KerasClassifier, NotFusedWarning

os.chdir(tempfile.mkdtemp(prefix="callbacks-"))
X, y = make_classification(2400, 12, n_informative=6, weights=[0.93], class_sep=1.2, random_state=8)
labels = np.where(y == 1, "fraud", "fine")
X_train, X_test, y_train, y_test = train_test_split(StandardScaler().fit_transform(X), labels, stratify=labels, random_state=7)


def rare_found(y_true, y_pred):
    """Return which part of the rare rows is found."""
    found = keras.ops.cast(y_pred > 0.5, "float32") * keras.ops.cast(y_true, "float32")
    return keras.ops.sum(found) / (keras.ops.sum(keras.ops.cast(y_true, "float32")) + 1e-7)


def build_model(width=16, input_shape=(12,)):
    layers = [keras.layers.Input(input_shape), keras.layers.Dense(width, activation="relu"), keras.layers.Dense(1, "sigmoid")]
    model = keras.Sequential(layers)
    model.compile("adam", "binary_crossentropy", metrics=[rare_found])
    return model


stopping = keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)
net = KerasClassifier(build_model, epochs=40, validation_split=0.2, callbacks=[stopping], random_state=7)

# "fraud" comes after "fine", so it is what a single sigmoid unit tells the probability of.
search = GridSearchCV(net, {"class_weight": [None, "balanced", {"fine": 1.0, "fraud": 5.0}]}, scoring="balanced_accuracy", cv=3)
search.fit(X_train, y_train)
print("balanced accuracy over 3 folds")
for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
    print(f"  class_weight {params['class_weight']!s:<30} {score:.3f}")
history = search.best_estimator_.history_
print(f"the best watched {history['val_rare_found'][-1]:.2f} of the rare rows found after {len(history['loss'])} epochs")

amounts = np.where(y_train == "fraud", 8.0, 1.0) * np.random.default_rng(7).uniform(0.5, 1.5, len(y_train))
for name, weights in (("alike", None), ("by amount", amounts)):
    net.fit(X_train, y_train, sample_weight=weights)
    found = recall_score(y_test, net.predict(X_test), pos_label="fraud")
    print(f"rows weighted {name}: {found:.2f} of the test set's frauds found")

# Callbacks that write are left to model.fit in the worker, as one warning says. A fold's files lie in a folder of its own below
# the search's name, and beside its trial in MLflow; those of the refit stand above them.
checkpoint = keras.callbacks.ModelCheckpoint("best.keras", save_best_only=True)
curves = keras.callbacks.TensorBoard("logs") if find_spec("tensorboard") else keras.callbacks.CSVLogger("curves.csv")
writing = GridSearchCV(
    net, {"width": [8, 32]}, cv=2, scoring="balanced_accuracy", tracking_uri="sqlite:///mlflow.db", name="watched"
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", NotFusedWarning)
    writing.fit(X_train, y_train, callbacks=[stopping, checkpoint, curves], epochs=10, class_weight="balanced")
kept = sorted(str(path) for path in Path("watched").glob("trial-*/fold-*/best.keras"))
artifacts = len([*Path("mlruns").rglob("best.keras")])
print(f"{len(kept)} checkpoints, {artifacts} as artifacts in MLflow:", *kept, sep="\n  ")
print(f"look at the trials in {Path.cwd()} with: kerasweep ui --uri sqlite:///mlflow.db")
