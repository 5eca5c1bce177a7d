"""What older tutorials write works as they wrote it, alone and in a search."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.stats import reciprocal
from sklearn.datasets import make_classification, make_regression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from kerasweep import GridSearchCV, KerasClassifier, KerasRegressor, RandomizedSearchCV, cross_val_score

X, y = make_classification(90, 8, n_informative=5, class_sep=2.0, random_state=7)
R, r = make_regression(90, 8, noise=1.0, random_state=7)
r = (r - r.mean()) / r.std()
UNITS = 6
WHOLE = np.hstack([X, X])

# Keras 3 says of these that they are not needed any more.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Do not pass an `input_shape`:UserWarning"),
    pytest.mark.filterwarnings("ignore:Argument `input_length` is deprecated:UserWarning"),
]


def create_model(optimizer="adam", init="uniform"):
    from keras.layers import Dense
    from keras.models import Sequential

    model = Sequential()
    model.add(Dense(12, input_dim=8, kernel_initializer=init, activation="relu"))
    model.add(Dense(1, kernel_initializer=init, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


def build_regressor(n_hidden=1, n_neurons=30, learning_rate=3e-3, input_shape=(8,)):
    import keras

    model = keras.models.Sequential([keras.layers.Input(shape=input_shape)])
    for _ in range(n_hidden):
        model.add(keras.layers.Dense(n_neurons, activation="relu"))
    model.add(keras.layers.Dense(1))
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(learning_rate=learning_rate))
    return model


def test_build_fn_and_plain_names_alone() -> None:
    net = KerasClassifier(build_fn=create_model, optimizer="rmsprop", epochs=2, batch_size=10, verbose=0).fit(X, y)
    assert type(net.model_.optimizer).__name__ == "RMSprop"
    assert len(net.history_["loss"]) == 2


def test_build_fn_and_plain_names_in_a_grid() -> None:
    net = KerasClassifier(build_fn=create_model, verbose=0)
    grid = {"optimizer": ["rmsprop", "adam"], "epochs": [1, 2], "batch_size": [10]}
    found = GridSearchCV(estimator=net, param_grid=grid, cv=3).fit(X, y)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    assert set(found.best_params_) == {"optimizer", "epochs", "batch_size"}


def test_input_dim_and_the_initializers_normal_and_uniform() -> None:
    grid = {"init": ["glorot_uniform", "normal", "uniform"]}
    found = GridSearchCV(KerasClassifier(build_fn=create_model, epochs=20), grid, cv=2, error_score="raise").fit(X, y)
    assert found.best_score_ > 0.7


def test_ten_stratified_folds_after_numpy_random_seed() -> None:
    folds = StratifiedKFold(n_splits=10, shuffle=True, random_state=7)
    scores = []
    for _ in range(2):
        np.random.seed(7)
        net = KerasClassifier(build_fn=create_model, epochs=3, batch_size=10, verbose=0)
        scores.append(cross_val_score(net, X, y, cv=folds))
    assert scores[0].shape == (10,)
    assert scores[0].tolist() == scores[1].tolist()


def test_an_embedding_that_says_its_input_length() -> None:
    words = np.random.default_rng(7).integers(0, 50, size=(90, 10))
    said = np.where((words < 10).sum(axis=1) > 1, "yes", "no")

    def create_text_model(size=4):
        from keras.layers import Dense, Embedding, Flatten
        from keras.models import Sequential

        model = Sequential([Embedding(50, size, input_length=10), Flatten(), Dense(1, activation="sigmoid")])
        model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
        return model

    found = GridSearchCV(KerasClassifier(build_fn=create_text_model, epochs=2), {"size": [2, 4]}, cv=2).fit(words, said)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    assert set(found.predict(words)) <= {"yes", "no"}


def test_fit_of_an_estimator_takes_epochs_validation_data_and_callbacks() -> None:
    import keras

    net = KerasRegressor(build_regressor)
    stopping = keras.callbacks.EarlyStopping(patience=1, min_delta=10.0)
    net.fit(R, r, epochs=9, validation_data=(R[:20], r[:20]), callbacks=[stopping])
    assert len(net.history_["val_loss"]) == 2


def test_fit_of_a_search_takes_epochs_validation_data_and_callbacks() -> None:
    import keras

    search = RandomizedSearchCV(KerasRegressor(build_regressor), {"n_neurons": [5, 6]}, n_iter=2, cv=3)
    stopping = keras.callbacks.EarlyStopping(patience=1, min_delta=10.0)
    search.fit(R, r, epochs=9, validation_data=(R[:20], r[:20]), callbacks=[stopping])
    assert len(search.best_estimator_.history_["val_loss"]) == 2


def test_arange_and_reciprocal() -> None:
    space = {"n_hidden": [0, 1], "n_neurons": np.arange(1, 20), "learning_rate": reciprocal(3e-4, 3e-2)}
    search = RandomizedSearchCV(KerasRegressor(build_regressor, epochs=2), space, n_iter=4, cv=2, random_state=42)
    search.fit(R, r)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert isinstance(search.cv_results_["params"][0]["n_neurons"], np.integer)


def test_globals_and_whole_arrays_in_closures() -> None:
    rows = WHOLE[:, :8]

    def create(init="normal"):
        from keras.layers import Dense, Input
        from keras.models import Sequential

        model = Sequential([Input((rows.shape[1],)), Dense(UNITS, kernel_initializer=init), Dense(1, activation="sigmoid")])
        model.compile(loss="binary_crossentropy", optimizer="adam")
        return model

    found = GridSearchCV(KerasClassifier(build_fn=create, epochs=1), {"init": ["normal", "uniform"]}, cv=2).fit(X, y)
    assert found.best_estimator_.model_.layers[0].units == UNITS


def test_what_fit_returns_has_a_history() -> None:
    history = KerasClassifier(build_fn=create_model, epochs=2, validation_split=0.2).fit(X, y)
    assert len(history.history["loss"]) == len(history.history["val_accuracy"]) == 2


def test_the_best_estimators_model_is_evaluated() -> None:
    import keras

    search = GridSearchCV(KerasRegressor(build_fn=build_regressor, epochs=2), {"n_hidden": [0, 1]}, cv=2).fit(R, r)
    model = search.best_estimator_.model
    assert isinstance(model, keras.Model)
    assert model.evaluate(R, r, verbose=0) == pytest.approx(np.mean((search.predict(R) - r) ** 2), rel=1e-3)


def test_names_as_scikeras_has_them() -> None:
    net = KerasClassifier(model=create_model, model__init="normal", optimizer="adam", epochs=1, verbose=0)
    found = GridSearchCV(net, {"model__init": ["normal", "uniform"], "fit__batch_size": [16, 32]}, cv=2).fit(X, y)
    assert found.best_estimator_.get_params()["init"] == found.best_params_["model__init"]


def test_scikeras_meta_and_compiled_by_name() -> None:
    def create(meta, width=4):
        import keras

        layers = [keras.layers.Input((meta["n_features_in_"],)), keras.layers.Dense(width), keras.layers.Dense(1, "sigmoid")]
        model = keras.Sequential(layers)
        model.compile("adam", "binary_crossentropy")
        return model

    found = GridSearchCV(KerasClassifier(create, epochs=1), {"model__width": [3, 4]}, cv=2).fit(X, y)
    assert found.best_estimator_.model_.layers[0].units == found.best_params_["model__width"]


def test_a_pipelines_last_step_by_its_name() -> None:
    steps = Pipeline([("scale", StandardScaler()), ("clf", KerasClassifier(build_fn=partial(create_model, init="normal")))])
    found = GridSearchCV(steps, {"clf__optimizer": ["adam", "sgd"], "clf__epochs": [1]}, cv=2).fit(X, y)
    assert found.predict(X).shape == y.shape


def test_nb_epoch_says_what_to_write() -> None:
    with pytest.raises(ValueError, match=r"nb_epoch.*epochs"):
        KerasClassifier(build_fn=create_model, nb_epoch=5).fit(X, y)


def test_a_metric_of_ones_own_compares_rows_with_themselves() -> None:
    def create(width=8):
        import keras

        def within(y_true, y_pred):
            return keras.ops.mean(keras.ops.cast(keras.ops.abs(y_true - y_pred) < 0.5, "float32"))

        model = keras.Sequential([keras.layers.Input((8,)), keras.layers.Dense(width), keras.layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy", metrics=["accuracy", within])
        return model

    net = KerasClassifier(create, epochs=2, batch_size=90, validation_split=0.2, random_state=7)
    search = GridSearchCV(net, {"width": [4, 8]}, cv=2).fit(X, y)
    for history in (net.fit(X, y).history_, search.best_estimator_.history_):
        assert history["within"] == pytest.approx(history["accuracy"])
        assert history["val_within"] == pytest.approx(history["val_accuracy"])
