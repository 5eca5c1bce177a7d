"""The programs that ``benchmarks.search_cv`` measures: ``python -m benchmarks.searches PROBLEM METHOD SIZE SEED [PIMA]``.

They are the lessons' code. ``kerasweep`` takes our classes over our estimators, ``scikit-learn`` its own classes over our
estimators (on TensorFlow, ``n_jobs`` = cores), ``scikeras`` scikit-learn's classes over that package's wrappers.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil
from sklearn.model_selection import StratifiedKFold

from benchmarks.outcome import write_outcome

CORES = len(os.sched_getaffinity(0))
GRID = {
    "optimizer": ["rmsprop", "adam"],
    "init": ["glorot_uniform", "normal", "uniform"],
    "epochs": [50, 100, 150],
    "batch_size": [5, 10, 20],
}
GRIDS = {
    "full": GRID,
    "part": {**GRID, "optimizer": ["adam"], "init": ["glorot_uniform"]},
    "smoke": {**GRID, "init": ["normal"], "epochs": [1, 2], "batch_size": [64]},
}
FOLDS = StratifiedKFold(3)
"""What ``cv=3`` is for a classifier; scikit-learn does not know a wrapper without tags for one."""

SEARCHES = 50


def since_start():
    """Return the seconds since this process was started."""
    return round(time.time() - psutil.Process().create_time(), 3)


def pima(path):
    """Return the lesson's table, or as many columns of another one."""
    if path is not None:
        rows = np.loadtxt(path, delimiter=",")
        return rows[:, :-1], rows[:, -1].astype("int64")
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return x[:, :8], y


def create_model(optimizer="adam", init="uniform"):
    import keras
    from keras.layers import Dense

    model = keras.Sequential([keras.layers.Input((8,))])
    model.add(Dense(12, kernel_initializer=init, activation="relu"))
    model.add(Dense(8, kernel_initializer=init, activation="relu"))
    model.add(Dense(1, kernel_initializer=init, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


def build_model(n_hidden=1, n_neurons=30, learning_rate=3e-3):
    import keras

    model = keras.Sequential([keras.layers.Input((8,))])
    for _ in range(n_hidden):
        model.add(keras.layers.Dense(n_neurons, activation="relu"))
    model.add(keras.layers.Dense(1))
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(learning_rate=learning_rate))
    return model


def iris_model(width=8, learning_rate=0.01):
    import keras

    layers = [keras.layers.Input((4,)), keras.layers.Dense(width, "relu"), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(learning_rate), "sparse_categorical_crossentropy")
    return model


def tools(method):
    """Return the searches and estimators of a method, and how it calls a parameter of the builder."""
    import sklearn.model_selection as theirs

    if method == "kerasweep":
        import kerasweep

        return kerasweep, kerasweep, {}, ""
    if method == "scikit-learn":
        import kerasweep

        return theirs, kerasweep, {"n_jobs": CORES}, ""
    from scikeras import wrappers

    return theirs, wrappers, {"n_jobs": CORES}, "model__"


def grid(method, size, seed, file):
    """(a) The tutorial grid."""
    searches, estimators, options, prefix = tools(method)
    x, y = pima(file)
    names = {name: name if name in ("epochs", "batch_size") else prefix + name for name in GRID}
    net = estimators.KerasClassifier(model=create_model, random_state=seed, verbose=0)
    search = searches.GridSearchCV(net, {names[name]: values for name, values in GRIDS[size].items()}, cv=FOLDS, **options)
    began = since_start()
    _wrote(search.fit(x, y), began)


def randomized(method, size, seed, file):
    """(b) The random search of the course, on rows as many as its table has, with early stopping."""
    import keras
    from scipy.stats import reciprocal
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    from benchmarks.problems.regression_search import ROWS, housing

    searches, estimators, options, prefix = tools(method)
    rest, _, y_rest, _ = train_test_split(*housing(ROWS if size != "smoke" else 600), random_state=42)
    x, x_valid, y, y_valid = train_test_split(rest, y_rest, random_state=42)
    scaler = StandardScaler().fit(x)
    space = {"n_hidden": [0, 1, 2, 3], "n_neurons": np.arange(1, 100).tolist(), "learning_rate": reciprocal(3e-4, 3e-2)}
    net = estimators.KerasRegressor(
        model=build_model,
        random_state=seed,
        verbose=0,
        epochs=100 if size != "smoke" else 2,
        callbacks=[keras.callbacks.EarlyStopping(patience=10)],
        **{f"{prefix}{name}": value for name, value in (("n_hidden", 1), ("n_neurons", 30), ("learning_rate", 3e-3))},
    )
    drawn = {f"{prefix}{name}": values for name, values in space.items()}
    trials = 10 if size != "smoke" else 2
    search = searches.RandomizedSearchCV(net, drawn, n_iter=trials, cv=3, random_state=42, **options)
    began = since_start()
    _wrote(search.fit(scaler.transform(x), y, validation_data=(scaler.transform(x_valid), y_valid)), began)


def iris(method, size, seed, file):
    """(c) Eight small nets, three folds, twice in one process."""
    from sklearn.datasets import load_iris

    searches, estimators, options, prefix = tools(method)
    space = {f"{prefix}width": [4, 8, 16, 32], f"{prefix}learning_rate": [0.003, 0.01]}
    net = estimators.KerasClassifier(model=iris_model, epochs=30 if size != "smoke" else 2, random_state=seed, verbose=0)
    search = searches.GridSearchCV(net, space, cv=FOLDS, **options)
    seconds = []
    for _ in range(2):
        began = since_start()
        search.fit(*load_iris(return_X_y=True))
        seconds.append(round(since_start() - began, 3))
    _wrote(search, began, first_fit=seconds[0], second_fit=seconds[1])


def cross_val(method, size, seed, file):
    """(d) Ten folds of one net."""
    searches, estimators, options, _ = tools(method)
    net = estimators.KerasClassifier(
        model=create_model, epochs=150 if size != "smoke" else 2, batch_size=10, random_state=seed, verbose=0
    )
    began = since_start()
    folds = StratifiedKFold(n_splits=10, shuffle=True, random_state=7)
    scores = searches.cross_val_score(net, *pima(file), cv=folds, **options)
    best = float(scores.mean())
    write_outcome(trials=1, best=best, mean=best, spread=float(scores.std()), seconds=since_start(), fixed_seconds=began)


def many(method, size, seed, file):
    """(e) Fifty searches in one process: what do they leave behind, and how does it grow?"""
    from sklearn.datasets import load_iris

    searches, estimators, options, prefix = tools(method)
    net = estimators.KerasClassifier(model=iris_model, epochs=5, random_state=seed, verbose=0)
    process, temporary, grown = psutil.Process(), Path(tempfile.gettempdir()), []
    for number in range(SEARCHES if size != "smoke" else 3):
        search = searches.GridSearchCV(net, {f"{prefix}width": [4, 8]}, cv=2, **options)
        search.fit(*load_iris(return_X_y=True))
        if number == 0:
            processes = len(process.children(recursive=True))
        grown.append(process.memory_info().rss)
    seconds, more = since_start(), len(process.children(recursive=True)) - processes
    while process.children(recursive=True) and since_start() < seconds + 90:
        time.sleep(1)
    write_outcome(
        trials=len(grown),
        best=float(search.best_score_),
        mean=None,
        seconds=seconds,
        memory=grown,
        grown=grown[-1] - grown[0],
        processes_more=more,
        processes_left=len(process.children(recursive=True)),
        idle_seconds=round(since_start() - seconds, 1),
        files_left=sorted(str(path.relative_to(temporary)) for path in temporary.rglob("*")),
    )


def _wrote(search, began, **more):
    """Write what a search found; what does not grow with the number of trials is its start and its refit."""
    scores = search.cv_results_["mean_test_score"]
    write_outcome(
        trials=len(scores),
        best=float(search.best_score_),
        mean=float(np.mean(scores)),
        spread=float(search.cv_results_["std_test_score"][search.best_index_]),
        seconds=since_start(),
        fixed_seconds=began + search.refit_time_,
        **more,
    )


PROGRAMS = {"grid": grid, "randomized": randomized, "iris": iris, "cross_val": cross_val, "many": many}

if __name__ == "__main__":
    problem, method, size, seed, *file = sys.argv[1:]
    PROGRAMS[problem](method, size, int(seed), Path(file[0]) if file else None)
