"""Ten-fold cross-validation of a small net, then a grid over optimizer, initializer, epochs and batch size: 54 nets x 3 folds.

Replaces the lesson that puts a `KerasClassifier` under `StratifiedKFold` and `cross_val_score`, and the one that tunes it with
`GridSearchCV`. Two import lines are new; the rest is as it was. The lessons' table is eight columns wide, and so is this one.

All of it takes 18 s on two cores. With scikeras, the wrapper that is left of the original ones, and `n_jobs=2` the grid alone
takes 1,370 s on the lessons' table, by 9 of its 54 points (`python -m benchmarks.search_cv --problem grid`).
"""

import numpy
from keras.layers import Dense
from keras.models import Sequential
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import StratifiedKFold

from kerasweep import GridSearchCV, KerasClassifier, cross_val_score

seed = 7
numpy.random.seed(seed)
X, y = load_breast_cancer(return_X_y=True)
X = X[:, :8]


def create_model(optimizer="adam", init="uniform"):
    model = Sequential()
    model.add(Dense(12, input_dim=8, kernel_initializer=init, activation="relu"))
    model.add(Dense(8, kernel_initializer=init, activation="relu"))
    model.add(Dense(1, kernel_initializer=init, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


model = KerasClassifier(build_fn=create_model, epochs=150, batch_size=10, verbose=0)
kfold = StratifiedKFold(n_splits=10, shuffle=True, random_state=seed)
results = cross_val_score(model, X, y, cv=kfold)
print(f"10 folds: accuracy {results.mean():.3f}, from {results.min():.3f} to {results.max():.3f}")

model = KerasClassifier(build_fn=create_model, verbose=0)
param_grid = {
    "optimizer": ["rmsprop", "adam"],
    "init": ["glorot_uniform", "normal", "uniform"],
    "epochs": [50, 100, 150],
    "batch_size": [5, 10, 20],
}
grid = GridSearchCV(estimator=model, param_grid=param_grid, cv=3)
grid_result = grid.fit(X, y)

print(f"Best: {grid_result.best_score_:f} using {grid_result.best_params_}")
means = grid_result.cv_results_["mean_test_score"]
stds = grid_result.cv_results_["std_test_score"]
params = grid_result.cv_results_["params"]
for mean, std, param in sorted(zip(means, stds, params, strict=True), key=lambda row: -row[0])[:5]:
    print(f"{mean:f} ({std:f}) with: {param}")
