"""Save a fitted net, its weights and its architecture, load them again, and carry weights into another model by layer name.

Replaces the lessons on saving Keras models. Keras 3 reads weights by layer name from its older files alone
(`load_weights(by_name=True)`), so the last part matches layers itself: five lines. It comes last.

It takes 11 s on two cores; there is no search in it to compare.
"""

import pickle
import tempfile
from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_iris

from kerasweep import KerasClassifier

folder = Path(tempfile.mkdtemp(prefix="saving-"))
X, y = load_iris(return_X_y=True)


def build_model(width=16):
    model = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(width, activation="relu", name="first"),
            keras.layers.Dense(width, activation="relu", name="second"),
            keras.layers.Dense(3, activation="softmax", name="species"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


clf = KerasClassifier(build_model, epochs=60, batch_size=10, random_state=7).fit(X, y)
model = clf.model_
print(f"trained: accuracy {clf.score(X, y):.3f}")

# 1. The whole net, in Keras' own format: architecture, weights, optimizer.
model.save(folder / "net.keras")
loaded = keras.models.load_model(folder / "net.keras")
print("net.keras: same answers", np.allclose(loaded.predict(X, verbose=0), clf.predict_proba(X), atol=1e-6))

# 2. Architecture as JSON, weights as HDF5.
(folder / "net.json").write_text(model.to_json())
model.save_weights(folder / "net.weights.h5")
rebuilt = keras.models.model_from_json((folder / "net.json").read_text())
rebuilt.load_weights(folder / "net.weights.h5")
print("net.json and net.weights.h5: same answers", np.allclose(rebuilt.predict(X, verbose=0), clf.predict_proba(X), atol=1e-6))

# 3. The estimator, classes and all.
(folder / "clf.pickle").write_bytes(pickle.dumps(clf))
again = pickle.loads((folder / "clf.pickle").read_bytes())
print("clf.pickle: same answers", bool((again.predict(X) == clf.predict(X)).all()))

# 4. Another model that has some layers of the same name: those get the weights, the others stay as they are.
keras.utils.set_random_seed(7)
other = keras.Sequential(
    [
        keras.layers.Input((4,)),
        keras.layers.Dense(16, activation="relu", name="first"),
        keras.layers.Dense(16, activation="relu", name="second"),
        keras.layers.Dense(1, activation="sigmoid", name="is_virginica"),
    ]
)
for layer in other.layers:
    if layer.name in {known.name for known in model.layers}:
        layer.set_weights(model.get_layer(layer.name).get_weights())
        layer.trainable = False
        print(f"carried over: {layer.name}")
other.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
other.fit(X, y == 2, epochs=30, batch_size=10, verbose=0)
print(f"the new model, its last layer trained alone: accuracy {other.evaluate(X, y == 2, verbose=0)[1]:.3f}")
