"""A random search over hidden layers, layer size and learning rate of a regression net, with early stopping: 10 nets x 3 folds.

Replaces the lesson that hands a `KerasRegressor` to `RandomizedSearchCV` and gives `fit` epochs, validation data and callbacks.
Its table has to be downloaded; this one is made on the spot. `lr=` is `learning_rate=` in Keras 3.

It takes 18 s on two cores. The search takes 742 s the original way, scikit-learn's own class over scikeras with `n_jobs=2`, and
here 23 s with an empty compilation cache (`python -m benchmarks.search_cv --problem randomized`).
"""

import keras
import numpy as np
from scipy.stats import reciprocal
from sklearn.datasets import make_friedman1
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from kerasweep import KerasRegressor, RandomizedSearchCV

X, y = make_friedman1(n_samples=6000, n_features=8, noise=1.0, random_state=42)
X_train_full, X_test, y_train_full, y_test = train_test_split(X, y, random_state=42)
X_train, X_valid, y_train, y_valid = train_test_split(X_train_full, y_train_full, random_state=42)

scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_valid = scaler.transform(X_valid)
X_test = scaler.transform(X_test)

np.random.seed(42)


def build_model(n_hidden=1, n_neurons=30, learning_rate=3e-3, input_shape=(8,)):
    model = keras.models.Sequential()
    model.add(keras.layers.Input(shape=input_shape))
    for _ in range(n_hidden):
        model.add(keras.layers.Dense(n_neurons, activation="relu"))
    model.add(keras.layers.Dense(1))
    optimizer = keras.optimizers.SGD(learning_rate=learning_rate)
    model.compile(loss="mse", optimizer=optimizer)
    return model


keras_reg = KerasRegressor(build_fn=build_model)
param_distribs = {
    "n_hidden": [0, 1, 2, 3],
    "n_neurons": np.arange(1, 100),
    "learning_rate": reciprocal(3e-4, 3e-2),
}
rnd_search_cv = RandomizedSearchCV(keras_reg, param_distribs, n_iter=10, cv=3, random_state=42)
rnd_search_cv.fit(
    X_train,
    y_train,
    epochs=100,
    validation_data=(X_valid, y_valid),
    callbacks=[keras.callbacks.EarlyStopping(patience=10)],
)

print("Best parameters:", rnd_search_cv.best_params_)
print(f"r2 over the folds {rnd_search_cv.best_score_:.3f}, on the test set {rnd_search_cv.score(X_test, y_test):.3f}")
best_model = rnd_search_cv.best_estimator_.model
print(f"Its mean squared error on the test set: {best_model.evaluate(X_test, y_test, verbose=0):.3f} (the noise alone: 1.0)")
print(f"It was trained for {len(rnd_search_cv.best_estimator_.history['loss'])} epochs")
